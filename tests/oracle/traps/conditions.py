# SPDX-License-Identifier: GPL-3.0-or-later
"""What #if makes of an expression, and which groups are taken."""

from . import NO, YES, ifdef, trap, when

trap("elif behind a taken group is not evaluated",
     "#if 1\n" + YES + "#elif 1/0 (\n" + NO + "#else\n" + NO + "#endif\n")
trap("elif, the first that holds", "#if 0\n#elif 1\n" + YES + "#elif 1\n" + NO + "#endif\n")
trap("else", "#if 0\n" + NO + "#elif 0\n" + NO + "#else\n" + YES + "#endif\n")
trap("nested groups", "#if 0\n#if 1\n" + NO + "#else\n" + NO + "#endif\n#else\n" + YES + "#endif\n")
trap("words behind #else and #endif", "#if 0\n#else 1\n" + YES + "#endif no\n// no.h\n")
trap("words behind #ifdef", "#define A\n" + ifdef("A and more"))
trap("#ifndef", "#ifndef A\n" + YES + "#else\n" + NO + "#endif\n")
trap("#if without an expression", "#if\n" + NO + "#endif\n" + YES, "reject")
trap("#else twice", "#if 1\n" + YES + "#else\n#else\n#endif\n", "reject")
trap("#endif is missing", "#if 1\n" + YES, "reject")
trap("group ends with the file", '#include "a.h"\n' + YES, "reject",
     files={"a.h": "#if 0\n"})

_ELIFDEF = "#define A\n#if 0\n#elifdef A\n" + YES + "#else\n" + NO + "#endif\n"
trap("elifdef in gnu17", _ELIFDEF, gcc="yes.h", clang="yes.h")
trap("elifdef in c11", _ELIFDEF, gcc="no.h", clang="yes.h", args="-std=c11")
trap("elifdef in c2x", _ELIFDEF, args="-std=c2x")
trap("elifdef in c++17", _ELIFDEF, gcc="no.h", clang="yes.h", args="-std=c++17", src="x.cc")
trap("elifdef in gnu++17", _ELIFDEF, gcc="yes.h", clang="yes.h", args="-std=gnu++17", src="x.cc")
trap("elifdef in c++2b", _ELIFDEF, args="-std=c++2b", src="x.cc")
trap("elifndef", "#if 0\n#elifndef A\n" + YES + "#else\n" + NO + "#endif\n")
trap("elifdef behind a taken group", "#if 1\n" + YES + "#elifdef __GNUC__\n" + NO + "#endif\n")
trap("elifndef in c99", "#if 0\n#elifndef A\n" + NO + "#else\n" + YES + "#endif\n", gcc="yes.h",
     clang="no.h", args="-std=c99")

trap("defined by a macro", "#define A\n#define D defined A\n" + when("D"))
trap("defined by a macro, with parentheses", "#define D(x) defined(x)\n#define A 1\n"
     + when("D(B)"), "no.h")
trap("defined in an argument that is expanded", "#define A B\n#define D(x) defined(x)\n"
     + when("D(A)"), "no.h")
trap("defined in an argument, expanded to nothing good", "#define A 1\n#define D(x) defined x\n"
     + when("D(A)"), "reject")
trap("defined without parentheses binds to one name", "#define A\n" + when("defined A + 1 == 2"))
trap("defined of a special name", when("defined __FILE__ && defined __LINE__"))
trap("names are 0", when("!nothing && nothing == 0"))
trap("keywords are 0", when("!while && int == 0"))
trap("name with a call", when("nothing(1)"), "reject")
trap("name with a call, dead", when("defined nothing && nothing(1)"), "reject")

trap("signed and unsigned", when("-1 > 0u"))
trap("signed", when("-1 < 0"))
trap("unsigned by size", when("-1 < 0xffffffff"))
trap("unsigned 64 bits", when("0xffffffffffffffff < 0"), "no.h")
trap("64 bits", when("0x7fffffffffffffff + 0 > 0 && (1 << 40) == 1099511627776"))
trap("overflow wraps", when("0x7fffffffffffffff + 1 < 0"))
trap("unsigned right shift", when("(-1 >> 63) == -1 && (0u - 1 >> 63) == 1"))
trap("negative shift", when("(1 << -1) == 0 && (4 >> -1) == 8"), gcc="yes.h", clang=None)
trap("wide shift", when("(1 << 64) == 0"))
trap("?: of both signs", when("(1 ? -1 : 0u) > 0"))
trap("?: chain", when("0 ? 0 : 0 ? 0 : 1"))
trap("dead branch divides by zero", when("1 || 1/0"))
trap("dead ?: divides by zero", when("1 ? 1 : 1 % 0"))
trap("division by zero", when("1/0"), "reject")
trap("most negative by -1", when("(-0x7fffffffffffffff - 1) / -1 != 1"))
trap("division of negatives", when("-7 / 2 == -3 && -7 % 2 == -1"))
trap("comma", when("(0, 1)"))
trap("comma without parentheses", when("0, 1"), gcc="yes.h", clang="reject")
trap("comma in c90", when("(0, 1)"), args="-std=c90")
trap("logical is signed", when("(1 && 1u) - 2 < 0"))
trap("comparison is signed", when("(1u == 1) - 2 < 0"))
trap("complement", when("~0 == -1 && ~0u == 0xffffffffffffffff"))
trap("unary operators", when("!0 == +1 && - -1 == 1"))
trap("precedence", when("1 + 2 * 3 == 7 && (1 | 2 & 4) == 1 && (1 ^ 3 & 2) == 3"
     " && 1 << 1 + 1 == 4"))
trap("equality and order", when("(1 < 2 == 1) && (2 > 1 != 0)"))
trap("octal", when("010 == 8"))
trap("hexadecimal", when("0XfF == 255"))
trap("binary", when("0b101 == 5"))
trap("suffixes", when("1ULL == 1 && 1lu && 1LLU"))
trap("imaginary suffix", when("1i"), "reject")
trap("z suffix in c++2b", when("1uz == 1"), src="x.cc", args="-std=c++2b")
trap("z suffix in c++17", when("1z == 1"), src="x.cc", args="-std=c++17", gcc="yes.h",
     clang="yes.h")
trap("floating point", when("1.0"), "reject")
trap("string in #if", when('"a"'), "reject")
trap("assignment in #if", when("A = 1"), "reject")
trap("increment in #if", when("++A"), "reject")
trap("number with a letter", when("1a"), "reject")
trap("octal with a nine", when("09"), "reject")
trap("number too big", when("99999999999999999999 > 0"), gcc="yes.h", clang="reject")
trap("number too big for signed", when("9223372036854775808 > 0"))

trap("character", when("'A' == 65"))
trap("characters, several", when("'ab' == 24930"))
trap("characters, four", when("'abcd' == 1633837924"))
trap("characters, too many", when("'abcde' != 0"), gcc="yes.h", clang="yes.h")
trap("character above 127", when("'\\377' < 0"))
trap("character above 127, unsigned", when("'\\377' < 0"), "no.h", args="-funsigned-char")
trap("hexadecimal escape", when("'\\x41' == 'A'"))
trap("octal escape", when("'\\101' == 'A' && '\\0' == 0"))
trap("escapes", when("'\\n' == 10 && '\\\\' == 92 && '\\'' == 39 && '\\a' == 7 && '\\e' == 27"))
trap("wide character", when("L'\\xffffffff' < 0"))
trap("u character", when("u'\\xffff' > 0"))
trap("U character", when("U'\\xffffffff' > 0"))
trap("u8 character in c2x", when("u8'\\xff' > 0"), gcc="yes.h", clang="reject",
     args="-std=c2x")
trap("u8 character in c++17", when("u8'a' == 97"), src="x.cc", args="-std=c++17")
trap("u character in c90 is a name", when("u'a' == 97"), "reject", args="-std=c90")
trap("UTF-8 character", when("L'é' == 233"))
trap("empty character", when("''"), "reject")

_ALT = when("1 and not 0 or 0")
trap("alternative tokens in c++", _ALT, src="x.cc")
trap("alternative tokens in c", _ALT, "reject")
trap("alternative tokens, bitwise", when("(6 bitand 3) == 2 and (1 bitor 2) == 3 and compl 0 == -1"
     " and (1 xor 3) == 2 and 1 not_eq 2"), src="x.cc")
trap("alternative token cannot be a macro in c++", "#define and +\n" + YES, "reject", src="x.cc")
trap("alternative token is a macro in c", "#define and +\n" + when("1 and 1 == 2"))
trap("defined of an alternative token in c++", when("defined and"), "reject", src="x.cc")
trap("no alternative tokens by option", when("and == 0"), src="x.cc", args="-fno-operator-names")
trap("iso646.h in c", "#include <iso646.h>\n" + when("1 and not 0"))
trap("true in c++", when("true"), src="x.cc")
trap("true in c17", when("true"), "no.h")
trap("true in c2x", when("true"), args="-std=c2x", gcc="no.h", clang="no.h")
trap("true in c with stdbool.h", "#include <stdbool.h>\n" + when("true && !false"))
trap("false in c++", when("!false"), src="x.cc")
trap("true as a macro in c++", "#define true 0\n" + when("true"), "no.h", src="x.cc")
trap("true in c++ is a number", when("true + true == 2"), src="x.cc")

trap("has_attribute", when("__has_attribute(noreturn) && !__has_attribute(no_such_thing)"))
trap("has_attribute, underscored", when("__has_attribute(__noreturn__)"))
trap("has_attribute, of one compiler", when("__has_attribute(noipa)"), gcc="yes.h", clang="no.h")
trap("has_attribute of a macro", "#define N noreturn\n" + when("__has_attribute(N)"))
trap("has_attribute is defined", ifdef("__has_attribute"))
trap("has_attribute in a macro", "#ifdef __has_attribute\n"
     "#define HAS(x) __has_attribute(x)\n#endif\n" + when("HAS(unused) && !HAS(no_such)"))
trap("has_cpp_attribute", when("__has_cpp_attribute(nodiscard) >= 201603L"), src="x.cc")
trap("has_cpp_attribute, scoped", when("__has_cpp_attribute(gnu::unused)"), src="x.cc")
trap("has_cpp_attribute by standard", when("__has_cpp_attribute(likely) >= 201803"), src="x.cc",
     args="-std=c++20")
trap("has_c_attribute", when("__has_c_attribute(fallthrough)"), args="-std=c2x")
trap("has_c_attribute in c17", when("__has_c_attribute(fallthrough)"), gcc="yes.h", clang="no.h")
trap("has_builtin", when("__has_builtin(__builtin_expect) && !__has_builtin(__builtin_nothing)"))
trap("has_builtin, of one compiler", when("__has_builtin(__builtin_convertvector)"))
trap("has_feature", "#ifndef __has_feature\n#define __has_feature(x) 0\n#endif\n"
     + when("__has_feature(c_static_assert)"), gcc="no.h", clang="yes.h")
trap("has_feature by option", "#ifndef __has_feature\n#define __has_feature(x) 0\n#endif\n"
     + when("__has_feature(address_sanitizer)"), gcc="no.h", clang="yes.h",
     args="-fsanitize=address", unknown=("sanitizer",), unknown_for=("clang",))
trap("has_extension", "#ifndef __has_extension\n#define __has_extension(x) 0\n#endif\n"
     + when("__has_extension(c_generic_selections)"), gcc="no.h", clang="yes.h", args="-std=c99")
trap("has_warning", "#ifndef __has_warning\n#define __has_warning(x) 0\n#endif\n"
     + when('__has_warning("-Wformat")'), gcc="no.h", clang="yes.h")
trap("has_declspec_attribute", "#ifndef __has_declspec_attribute\n"
     "#define __has_declspec_attribute(x) 0\n#endif\n"
     + when("__has_declspec_attribute(dllexport)"), "no.h")
trap("is_identifier", "#ifndef __is_identifier\n#define __is_identifier(x) 1\n#endif\n"
     + when("!__is_identifier(int)"), gcc="no.h", clang="yes.h")
trap("is_target", "#ifndef __is_target_os\n#define __is_target_os(x) 0\n"
     "#define __is_target_arch(x) 0\n#endif\n"
     + when("__is_target_os(linux) && !__is_target_arch(nothing)"), gcc="no.h", clang="yes.h")
trap("building_module", "#ifndef __building_module\n#define __building_module(x) 0\n#endif\n"
     + when("__building_module(a)"), "no.h")
trap("has_builtin in a dead operand", when("1 || __has_builtin()"), "reject")

for _name, _args, _test, _gcc, _clang in (
    ("-O2", "-O2", "__OPTIMIZE__", "yes.h", "yes.h"),
    ("-O0 after -O2", "-O2 -O0", "__OPTIMIZE__", "no.h", "no.h"),
    ("-Os", "-Os", "__OPTIMIZE_SIZE__", "yes.h", "yes.h"),
    ("-Ofast", "-Ofast", "__FAST_MATH__", "yes.h", "yes.h"),
    ("-ffast-math", "-ffast-math", "__FAST_MATH__", "yes.h", "yes.h"),
    ("-fno-math-errno", "-fno-math-errno", "__NO_MATH_ERRNO__", "yes.h", "yes.h"),
    ("-fopenmp", "-fopenmp", "_OPENMP", "yes.h", "yes.h"),
    ("-pthread", "-pthread", "_REENTRANT", "yes.h", "yes.h"),
    ("-fPIC", "-fPIC", "__PIC__", "yes.h", "yes.h"),
    ("-fno-pic", "-fno-pic -fno-pie", "__PIC__", "no.h", "no.h"),
    ("-fPIE", "-fPIE", "__PIE__", "yes.h", "yes.h"),
    ("-mavx2", "-mavx2", "__AVX2__", "yes.h", "yes.h"),
    ("-mavx2 -mno-avx", "-mavx2 -mno-avx", "__AVX2__", "no.h", "no.h"),
    ("-march", "-march=skylake", "__AVX2__", "yes.h", "yes.h"),
    ("-march=x86-64-v3", "-march=x86-64-v3", "__FMA__", "yes.h", "yes.h"),
    ("-m32", "-m32", "__i386__", "yes.h", "yes.h"),
    ("-ffreestanding", "-ffreestanding", "__STDC_HOSTED__ == 0", "yes.h", "yes.h"),
    ("-funsigned-char", "-funsigned-char", "__CHAR_UNSIGNED__", "yes.h", "yes.h"),
    ("-fsanitize=address", "-fsanitize=address", "__SANITIZE_ADDRESS__", "yes.h", "no.h"),
    ("-fstack-protector", "-fstack-protector-all", "__SSP_ALL__", "yes.h", "yes.h"),
    ("-fcf-protection", "-fcf-protection=full", "__CET__", "yes.h", "yes.h"),
    ("-fno-signed-zeros", "-fno-signed-zeros", "__NO_SIGNED_ZEROS__", "yes.h", "no.h"),
    ("-fshort-wchar", "-fshort-wchar", "__WCHAR_MAX__ == 65535", "yes.h", "yes.h"),
    ("-std=c99", "-std=c99", "__STDC_VERSION__ == 199901L", "yes.h", "yes.h"),
    ("-std=gnu89", "-std=gnu89", "__STDC_VERSION__", "no.h", "no.h"),
    ("-ansi", "-ansi", "__STRICT_ANSI__", "yes.h", "yes.h"),
    ("-fgnu89-inline", "-fgnu89-inline", "__GNUC_GNU_INLINE__", "yes.h", "yes.h"),
    ("-undef", "-undef", "__GNUC__", "no.h", None),
    ("-undef, the user's stay", "-undef -DA", "A", "yes.h", "yes.h"),
    ("-mcmodel", "-mcmodel=kernel -fno-pic", "__code_model_kernel__", "yes.h", "yes.h"),
    ("-masm, an option of no effect", "-masm=intel", "__GNUC__", "yes.h", "yes.h"),
    ("-fno-exceptions in c", "-fexceptions", "__EXCEPTIONS", "yes.h", "yes.h"),
):
    trap("predefined: " + _name, when(_test if " " in _test else f"defined {_test}"), gcc=_gcc,
         clang=_clang, args=_args, unknown=("sanitizer",) if "sanitize" in _name else (),
         unknown_for=("clang",))

for _name, _args, _test, _gcc, _clang in (
    ("-std=c++20", "-std=c++20", "__cplusplus >= 202002L", "yes.h", "yes.h"),
    ("-std default", "", "__cplusplus == 201703L", "yes.h", "no.h"),
    ("-fno-exceptions", "-fno-exceptions", "defined __cpp_exceptions", "no.h", "no.h"),
    ("-fno-rtti", "-fno-rtti", "defined __GXX_RTTI", "no.h", "no.h"),
    ("-fno-threadsafe-statics", "-fno-threadsafe-statics", "defined __cpp_threadsafe_static_init",
     "no.h", "no.h"),
    ("-fconcepts", "-fconcepts", "defined __cpp_concepts", "yes.h", None),
    ("-fcoroutines", "-fcoroutines", "defined __cpp_impl_coroutine", "yes.h", None),
    ("-fchar8_t", "-fchar8_t", "defined __cpp_char8_t", "yes.h", "yes.h"),
    ("_GNU_SOURCE", "", "defined _GNU_SOURCE", "yes.h", "yes.h"),
    ("by -x c", "-x c @SOURCE@", "defined __cplusplus", "no.h", "no.h"),
):
    trap("predefined in c++: " + _name, when(_test), gcc=_gcc, clang=_clang, args=_args, src="x.cc")

trap("predefined: -x c++ on a .c", ifdef("__cplusplus"), args="-x c++ @SOURCE@")
trap("predefined: -x none", ifdef("__cplusplus"), "no.h", args="-x c++ -x none @SOURCE@")
trap("predefined: -march=native", when("defined __GNUC__"), args="-march=native",
     unknown=("native",))
