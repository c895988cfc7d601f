# SPDX-License-Identifier: GPL-3.0-or-later
"""What an adversary found: rare, and each was once answered wrong."""

from . import NO, YES, ifdef, trap, when

ODD = ("universal", "unusual")
_BLANK = "\u00a0"  # no blank to gcc, and to clang one outside of skipped groups

# Characters that are no letters, beside a name

trap("no-break space behind #ifdef's name", "#define A\n" + ifdef("A" + _BLANK), unknown=ODD)
trap("no-break space behind #undef's name", f"#define A\n#undef A{_BLANK}\n" + ifdef("A"), "no.h",
     unknown=ODD)
trap("no-break space behind #define's name", f"#define A{_BLANK}1\n" + ifdef("A"), unknown=ODD)
trap("Latin-1 byte behind a name", b"#define A\n#ifdef A\xa0\n#include \"yes.h\"\n#endif\n",
     unknown=ODD)
trap("quotation mark behind a name", "#define A\n" + ifdef("A\u2019s"), gcc="yes.h", clang="no.h",
     unknown=ODD)
trap("zero-width space in a name", "#define A\n" + ifdef("A\u200b"), "no.h", unknown=ODD)
trap("no-break space in #if", "#define A 1\n" + when(f"A{_BLANK}&& 1"), gcc="reject", clang="yes.h",
     unknown=ODD)
trap("no-break space behind #else and #endif", f"#if 0\n#else{_BLANK}\n" + YES + f"#endif{_BLANK}\n"
     "#ifdef A\n" + NO + "#endif\n")
trap("no-break space in a skipped group", f"#if 0\n#if 1\n#endif{_BLANK}\n#else\n" + YES
     + "#endif\n#ifdef A\n" + NO + "#endif\n")
trap("no-break space and #else in a skipped group", f"#if 0\n{_BLANK}#else\n" + NO + "#endif\n"
     + YES)
trap("no-break space before a directive", f"{_BLANK}#include \"yes.h\"\nint x;\n", gcc="reject",
     clang="yes.h", unknown=ODD)
trap("no-break space before a raw string", f"const char *s ={_BLANK}R\"(\n{NO})\";\n" + YES,
     gcc="reject", clang="yes.h", src="x.cc")
trap("quotation marks in a macro's body", "#define A “a”\n" + ifdef("A"))
trap("letters are names by mode", "#define A\n" + ifdef("Aé"), gcc="no.h", clang="no.h")
trap("letters are no names in gnu89", "#define A\n" + ifdef("Aé"), gcc="yes.h", clang="no.h",
     args="-std=gnu89", unknown=ODD)
trap("UCN in defined()", "#define é 1\n" + when("defined(\\u00e9)"), unknown=ODD)
trap("UCN behind #elifdef", "#define é\n#if 0\n#elifdef \\u00e9\n" + YES + "#else\n" + NO
     + "#endif\n", unknown=ODD)

# Where a token ends

_SKIPPED = "#if 0\n{0}\n#else\n" + YES + '#endif\n#ifdef A // )"\n' + NO + "#endif\n"
trap("suffix of a string that looks raw", _SKIPPED.format('"a"_R"('), src="x.cc")
trap("suffix of a character that looks raw", _SKIPPED.format("'a'_R\"("), src="x.cc")
trap("suffix of a string that is raw to clang", _SKIPPED.format('"a"R"('), src="x.cc", gcc="yes.h",
     clang="")
trap("number with a sign that looks raw", _SKIPPED.format('1e+R"('), src="x.cc")
trap("dollar that looks raw", _SKIPPED.format('$R"('), src="x.cc")
trap("digit separator behind #endif", "#if 1\n" + YES + "#endif 1'0 '/*'\n#ifdef A\n" + NO
     + "#endif\n", src="x.cc")
trap("raw string that is none", '#if 0\nR"a\\\n(\n#else\n' + YES + '#endif\n// "\n' + NO,
     gcc="reject", clang="no.h", src="x.cc")

# Pragmas

trap("poison, and a macro that names it", "#define A 1\n#define B A\n#pragma GCC poison A\n"
     + when("B"), gcc="no.h", clang="yes.h")
_PUSH = '#define N "A"\n#define A\n#pragma push_macro({0})\n#undef A\n#pragma pop_macro({0})\n'
trap("push_macro of a macro", _PUSH.format("N") + ifdef("A"), gcc="reject", clang="yes.h",
     unknown=("push_macro",))
trap("push_macro of a wide string", _PUSH.format('L"A"') + ifdef("A"), gcc="yes.h", clang="reject",
     unknown=("push_macro",))
trap("push_macro with a blank", _PUSH.format('"A "') + ifdef("A"), gcc="yes.h", clang="no.h",
     unknown=("push_macro",))
trap("pragma target and __has_builtin", '#pragma GCC target("ssse3")\n'
     + when("__has_builtin(__builtin_ia32_pabsb128)"), gcc="yes.h", clang="no.h",
     unknown=("target",), unknown_for="gcc")
trap("pragma target and a portable __has_builtin", '#pragma GCC target("ssse3")\n'
     + when("__has_builtin(__builtin_expect)"))

# __COUNTER__ and __INCLUDE_LEVEL__

COUNTER = ("__COUNTER__",)
trap("__COUNTER__ behind #line", "#line __COUNTER__\n" + when("__COUNTER__ == 1"), unknown=COUNTER)
trap("__COUNTER__ in a pragma", "void f(void)\n{\n#pragma omp parallel for schedule(static, "
     "__COUNTER__ + 1)\nfor (int i = 0; i < 3; i++);\n}\n" + when("__COUNTER__ == 1"),
     args="-fopenmp", unknown=COUNTER)
trap("__COUNTER__ in an assembler's comment", "# no __COUNTER__\n" + when("__COUNTER__ == 1"),
     src="x.S", unknown=COUNTER)
trap("line marker that enters a file", '# 1 "a" 1\n' + when("__INCLUDE_LEVEL__ == 1"),
     unknown=("line marker",))

# Microsoft's

_STACK = {"d/a.h": '#include "e/b.h"\n', "d/e/b.h": '#include "c.h"\n', "d/c.h": "/* d */\n",
          "i/c.h": "/* i */\n"}
trap("-fms-compatibility looks beside all includers", '#include "d/a.h"\n', gcc=None,
     clang="d/a.h d/e/b.h d/c.h", args="-fms-compatibility -Ii", files=_STACK, unknown=("beside",))
trap("-fms-extensions does not", '#include "d/a.h"\n', "d/a.h d/e/b.h i/c.h",
     args="-fms-extensions -Ii", files=_STACK)
trap("include_alias", '#pragma include_alias("no.h", "yes.h")\n' + NO, gcc="no.h", clang="yes.h",
     args="-fms-extensions", unknown=("include_alias",), unknown_for="clang")
trap("#@", "#define C(x) #@x\n" + when("C(a) == 'a'"), gcc=None, clang="yes.h",
     args="-fms-extensions", unknown=("#@",))
trap("1i64", when("1i64 == 1"), gcc=None, clang="yes.h", args="-fms-extensions", unknown=("i64",))
trap("__pragma", '#define A\n__pragma(push_macro("A"))\n#undef A\n__pragma(pop_macro("A"))\n'
     + ifdef("A"), gcc=None, clang="yes.h", args="-fms-extensions", unknown=("__pragma",))

# Names that are too long, and what must not be there

_LONG = "a/" * 2100
trap("name beyond PATH_MAX", f'#if __has_include("{_LONG}a.h")\n' + NO + "#endif\n" + YES,
     gcc="reject", clang="reject")
trap("directories that are not there", "#include <h.h>\n", "b/h.h", files={"b/h.h": "/* b */\n"},
     args="-Igone -Ib -iquote gone2 -isystem gone3 -idirafter gone4/x",
     absent=("gone", "gone2", "gone3", "gone4/x"))
trap("assembler's file behind others", '.incbin "blob"\n' + YES, src="x.S", args="-Ia -Ib",
     files={"a/": "", "b/blob": "b"}, absent=("blob", "a/blob"),
     unknown=("the assembler will not find",), unknown_for="clang")
trap("precompiled form of -include", YES, gcc=None, clang="a.h yes.h", args="-include a.h",
     files={"a.h": "/* a */\n"}, absent=("a.h.gch", "a.h.pch"))

# Assembler text in C

trap("incbin that is made a string", "#define S(x) S_(x)\n#define S_(x) #x\n"
     '__asm__(S(.incbin "blob"));\n' + YES, files={"blob": "b"}, make_object=True,
     unknown=("incbin",))
trap("incbin in capitals", '.INCBIN "blob"\n' + YES, src="x.S", files={"blob": "b"},
     absent=())

# What was looked for by __has_include

_DIRS = "-Ia -Ib -Ic"
_PROBED = {"a/h.h": "#if {0}\n#endif\n", "b/x.h": None, "c/x.h": "int x;\n", "c/y.h": "int y;\n"}


def _probed(name, condition, want, **more):
    files = {**_PROBED, "a/h.h": _PROBED["a/h.h"].format(condition)}
    trap(name, "#include <h.h>\n#import <x.h>\n", files=files, args=_DIRS, gcc=want, **more)


_probed("import of what __has_include found from the same beginning", "__has_include(<x.h>)",
        "a/h.h c/x.h", clang="a/h.h c/x.h")
_probed("import of what __has_include_next found from another beginning",
        "__has_include_next(<x.h>)", "a/h.h", clang="a/h.h c/x.h")
_probed("import of what was found from both", "__has_include(<x.h>) && __has_include_next(<x.h>)",
        "a/h.h", clang="a/h.h c/x.h")
_probed("import of what was found by another name", "__has_include(<../c/x.h>)", "a/h.h",
        clang="a/h.h c/x.h")
_probed("import of what was found from the quote chain", '__has_include("x.h")', "a/h.h c/x.h",
        clang="a/h.h c/x.h")

_NEXT = {"a/h.h": "{0}\n", "b/h.h": "/* b */\n"}
for _how, _text, _clang in [
        ("in the text", "#if __has_include_next(<h.h>)\n#endif", "a/h.h b/h.h"),
        ("in an argument", "#define ID(x) x\n#if ID(__has_include_next(<h.h>))\n#endif", "a/h.h"),
        ("in a body", "#define HAS (__has_include_next(<h.h>))\n#if HAS\n#endif", "a/h.h"),
        ("named by a macro", "#define HAS __has_include_next\n#if HAS(<h.h>)\n#endif", "a/h.h")]:
    trap(f"__has_include_next {_how}", "#include <h.h>\n",
         files={**_NEXT, "a/h.h": _NEXT["a/h.h"].format(_text)}, args="-Ia -Ib", gcc="a/h.h",
         clang=_clang)

# A macro's call over several lines: __LINE__ is that of the name, of what ends the call, or its own

_CALL = "#define F(...) __LINE__\n#define G(x) x\n"
for _how, _line, _condition in [("the call's end", 4, "F((\\\n))"), ("own", 4, "G(1 *\\\n__LINE__)"),
                                ("the name's", 3, "G(F(\\\n))")]:
    trap(f"__LINE__ in a call over two lines: {_how}", _CALL + when(f"{_condition} == {_line}"),
         gcc="yes.h" if _how != "the call's end" else "no.h", unknown="__LINE__")
trap("__LINE__ in a call that more lines follow", _CALL + when("F(1) == 3 /*\n*/ "), unknown="__LINE__")
trap("__LINE__ outside of a call over two lines", _CALL + when("G(\\\n1) && __LINE__ == 4"))

# gcc compares sizes: of what it has read without the byte order mark, of what it probed with it

for _how, _mark, _gcc in [("a", "\ufeff", "a/m.h"), ("no", "", "")]:
    trap(f"import of a file with {_how} byte order mark that was probed by another name",
         '#if __has_include("m.h")\n#endif\n#import "a/m.h"\n', files={"a/m.h": _mark + "int m;\n"},
         args="-Ia", gcc=_gcc, clang="a/m.h")

# Shifts by more than there are bits: clang takes 32 bits of a count to the right

for _condition, _gcc, _clang in [
        ("5 >> 4294967296", NO, YES), ("5 >> (1 << 32) + 1 == 2", NO, YES),
        ("5 >> -4294967295 == 2", NO, YES), ("~0u >> 4294967328 == 0xffffffff", NO, YES),
        ("5 << 4294967296", NO, NO), ("5 >> 64", NO, NO), ("-5 >> 64 == -1", YES, YES),
        ("5 << -1 == 2", YES, NO), ("5 >> -1 == 10", YES, NO)]:
    trap(f"shift: {_condition}", when(_condition), gcc=_gcc[10:-2], clang=_clang[10:-2])

# With modules clang reads an imported file again for its guard, which it knows from the end on

for _std, _clang in [("-std=c++20", "h.h"), ("-std=c++17", "h.h")]:
    trap(f"import of a file that includes itself, {_std}", '#import "h.h"\n', src="x.cc", args=_std,
         files={"h.h": "#ifndef H\n#ifdef AGAIN\n" + YES + "#endif\n#ifndef AGAIN\n#define AGAIN\n"
                '#include "h.h"\n#endif\n#endif\n'}, gcc="h.h", clang=_clang)
trap("import of a file with a guard, twice, -std=c++20",
     '#import "h.h"\n#define AGAIN\n#import "h.h"\n', src="x.cc", args="-std=c++20",
     files={"h.h": "#ifndef H\n#ifdef AGAIN\n" + YES + "#endif\n#endif\n"}, gcc="h.h",
     clang="h.h yes.h")
