# SPDX-License-Identifier: GPL-3.0-or-later
"""Macros: expansion, and the names that are no macros and look like them."""

from . import NO, YES, ifdef, trap, when

TEXT = ("text", "_Pragma", "__COUNTER__", "counter")

trap("function-like by another name", "#define f(x) 0\n#define g f\n" + when("g + 1"))
trap("function-like name alone", "#define f(x) 1\n" + when("f + 1"))
trap("function-like over lines", "#define f(x,y) x\n" + when("f(1, \\\n 2)"))
trap("arguments from an expansion", "#define f(x,y) y\n#define a 0,1\n#define g(x) f(x)\n"
     + when("g(a)"))
trap("arguments rescanned", "#define f(x,y) y\n#define a 0,1\n#define g(...) f(__VA_ARGS__)\n"
     + when("g(a)"))
trap("blue paint", "#define a b + 1\n#define b a\n" + when("a"))
trap("blue paint, function-like", "#define f(x) x f\n#define g f(1)(2)\n#define e(x) 1\n"
     + when("e(g)"))
trap("nested recursion", "#define f(a) a*g\n#define g(a) f(a)\n#define s(x) #x\n#define t(x) s(x)\n"
     "#include t(f(2)(9))\n", gcc="2*9*g", clang="2*9*g", files={"2*9*g": "/* p */",
     "2*f(9)": "/* q */"})
trap("C standard's example", "#define x 3\n#define f(a) f(x * (a))\n#undef x\n#define x 2\n"
     "#define g f\n#define z z[0]\n#define t(a) a\n#define S(...) #__VA_ARGS__\n"
     "#define T(...) S(__VA_ARGS__)\n#include T(f(y+1) + f(f(z)))\n",
     gcc="f(2 * (y+1)) +f(2 * (f(2 * (z[0]))))", clang="f(2 * (y+1)) + f(2 * (f(2 * (z[0]))))",
     files={"f(2 * (y+1)) +f(2 * (f(2 * (z[0]))))": "/* gcc */",
            "f(2 * (y+1)) + f(2 * (f(2 * (z[0]))))": "/* clang */"})
trap("stringise keeps one blank", "#define S(x) #x\n#include S(  a   /* c */ b.h  )\n", "a b.h",
     files={"a b.h": "/* b */"})
trap("stringise escapes", '#define S(x) #x\n#define U(x) x\n' + when("sizeof(1)"), "reject")
trap("stringise of nothing", "#define S(x) #x yes\n#define H(x) x\n#define E(x) <yes.h x>\n"
     "#include E()\n", gcc="yes.h", clang="yes.h ", args="-I.",
     files={"yes.h ": "/* blank */"})
trap("stringise does not expand", "#define a yes\n#define S(x) #x\n#include S(a.h)\n", "a.h",
     files={"a.h": "/* a */"})
trap("paste with a placemarker", "#define C(a,b) a##b\n" + when("C(1,) C(,) == C(,1)"))
trap("paste makes a macro", "#define AB 1\n#define C(a,b) a##b\n" + when("C(A,B)"))
trap("paste does not expand operands", "#define A X\n#define AB 1\n#define XB 0\n"
     "#define C(a,b) a##b\n" + when("C(A,B)"))
trap("paste makes an operator", "#define C(a,b) a##b\n" + when("1 C(&,&) 1"))
trap("paste makes defined", "#define C(a,b) a##b\n#define A\n" + when("C(def,ined) A"))
trap("paste in an object-like macro", "#define A 1 ## 2\n" + when("A == 12"))
trap("paste makes a function-like call", "#define f(x) x\n#define C(a,b) a##b\n#define xf f\n"
     + when("C(x,f)(1)"))
trap("GNU comma", "#define f(a, ...) g(a, ##__VA_ARGS__)\n#define g(...) h(__VA_ARGS__, 1, 0)\n"
     "#define h(a,b,...) b\n" + when("f(0)"))
trap("GNU comma, strict", "#define f(...) g(0, ##__VA_ARGS__)\n"
     "#define g(...) h(__VA_ARGS__, 1, 0)\n#define h(a,b,...) b + 0\n" + when("f()"), "no.h",
     args="-std=c99")
trap("GNU comma, gnu17", "#define f(...) g(0, ##__VA_ARGS__)\n#define g(...) h(__VA_ARGS__, 1, 0)\n"
     "#define h(a,b,...) b + 0\n" + when("f()"))
trap("GNU comma, named", "#define f(a, r...) g(a, ##r)\n#define g(...) h(__VA_ARGS__, 1, 0)\n"
     "#define h(a,b,...) b\n" + when("f(0)"))
trap("named variadic", "#define f(r...) h(r)\n#define h(a,b) b\n" + when("f(0,1)"))
trap("__VA_OPT__", "#define f(...) 0 __VA_OPT__(+ 1)\n" + when("f(x) && !f()"))
trap("__VA_OPT__ in c++20", "#define f(a,...) a __VA_OPT__(|| 1)\n" + when("f(0,x)"), src="x.cc",
     args="-std=c++20")
trap("__VA_OPT__ of an argument that is nothing", "#define E\n#define f(...) 0 __VA_OPT__(+ 1)\n"
     + when("f(E)"), gcc="no.h", clang="no.h")
trap("empty argument", "#define f(x) 1 x\n" + when("f()"))
trap("too few arguments", "#define f(x,y) 1\n" + when("f(1)"), "reject")
trap("argument with parentheses and commas", "#define f(x) x\n" + when("f((0,1))"))
trap("argument is fully expanded first", "#define f(x) x\n#define a f(1)\n" + when("f(a)"))
trap("arguments that look like directives", "#define EAT(x)\nEAT(\n#undef EAT2\n)\n" + YES
     + "// no.h\n")
trap("redefinition", "#define A 0\n#define A 1\n" + when("A"))
trap("undef of what is not", "#undef A\n" + when("!defined A"))
trap("undef of a predefined", "#undef __GNUC__\n" + when("!defined __GNUC__"))
trap("redefinition of a predefined", "#undef __x86_64__\n#define __x86_64__ 0\n"
     + when("!__x86_64__"))
trap("define of define", "#define define 1\n#define if 0\n" + when("define"))
trap("keyword as a macro", "#define int 1\n" + when("int"))
trap("define of defined", "#define defined 1\n" + YES, "reject")
trap("macro used in its own #undef", "#define A B\n#define B 1\n#undef A\n" + when("!A"))
trap("directive names are not expanded", "#define include 7\n#define ifdef x\n#include \"yes.h\"\n")
trap("macro argument spans lines of text", "#define f(x) x\nint a = f(\n1\n);\n"
     + when("__LINE__ == 5"))
trap("header defines for the next", '#include "a.h"\n#include "b.h"\n', "a.h b.h yes.h",
     files={"a.h": "#define A 1\n", "b.h": when("A")})
trap("guard", '#include "a.h"\n#include "a.h"\n', "a.h b.h", files={
     "a.h": '#ifndef A_H\n#define A_H\n#include "b.h"\n#else\n#include "no.h"\n#endif\n',
     "b.h": ""}, gcc="a.h b.h no.h", clang="a.h b.h no.h")
trap("guard without #else", '#include "a.h"\n#include "a.h"\n', "a.h b.h", files={
     "a.h": '#ifndef A_H\n#define A_H\n#include "b.h"\n#endif\n', "b.h": ""})
trap("guard predefined", '#define A_H\n#include "a.h"\n', "a.h", files={
     "a.h": '#ifndef A_H\n#define A_H\n#include "b.h"\n#endif\n', "b.h": ""})
trap("guard undefined in between", '#include "a.h"\n#undef A_H\n#define B\n#include "a.h"\n',
     "a.h yes.h", files={"a.h": '#ifndef A_H\n#define A_H\n#ifdef B\n#include "yes.h"\n#endif\n'
                                "#endif\n"})
trap("guard with something behind it", '#include "a.h"\n#define B\n#include "a.h"\n', "a.h yes.h",
     files={"a.h": '#ifndef A_H\n#define A_H\n#endif\n#ifdef B\n#include "yes.h"\n#endif\n'})
trap("guard with #if !defined", '#include "a.h"\n#define B\n#include "a.h"\n', "a.h",
     files={"a.h": '#if !defined(A_H)\n#define A_H\n#ifdef B\n#include "yes.h"\n#endif\n#endif\n'})

# push_macro, _Pragma, __COUNTER__

trap("push and pop", '#define A 1\n#pragma push_macro("A")\n#undef A\n#define A 0\n'
     '#pragma pop_macro("A")\n' + when("A"))
trap("push of what is not", '#pragma push_macro("A")\n#define A 0\n#pragma pop_macro("A")\n'
     + when("!defined A"))
trap("push twice", '#define A 1\n#pragma push_macro("A")\n#undef A\n#define A 2\n'
     '#pragma push_macro("A")\n#undef A\n#pragma pop_macro("A")\n' + when("A == 2")
     + '#pragma pop_macro("A")\n#if A == 1\n#include "b.h"\n#endif\n', "yes.h b.h",
     files={"b.h": ""})
trap("pop without push", '#define A 1\n#pragma pop_macro("A")\n' + when("A"))
trap("push in a header", '#include "a.h"\n#undef A\n#pragma pop_macro("A")\n' + when("A == 3"),
     "a.h yes.h", files={"a.h": '#define A 3\n#pragma push_macro("A")\n'})
trap("push by _Pragma in text", '#define A 1\n_Pragma("push_macro(\\"A\\")")\n#undef A\n'
     '#define A 0\n_Pragma("pop_macro(\\"A\\")")\n' + when("A"), unknown=TEXT)
trap("push by _Pragma in a macro", '#define A 1\n#define PUSH _Pragma("push_macro(\\"A\\")")\n'
     '#define POP _Pragma("pop_macro(\\"A\\")")\nPUSH\n#undef A\n#define A 0\nPOP\n' + when("A"),
     unknown=TEXT)
trap("once by _Pragma", '#include "a.h"\n#define B\n#include "a.h"\n', gcc="a.h", clang="a.h",
     files={"a.h": '_Pragma("once")\n#ifdef B\n#include "yes.h"\n#endif\n'}, unknown=TEXT)
trap("once by _Pragma in a macro", '#define ONCE _Pragma("once")\n#include "a.h"\n#define B\n'
     '#include "a.h"\n', gcc="a.h", clang="a.h",
     files={"a.h": 'ONCE\n#ifdef B\n#include "yes.h"\n#endif\n'}, unknown=TEXT)
trap("_Pragma of another kind", '_Pragma("GCC diagnostic push")\n' + YES)
trap("_Pragma in a directive", '#define A _Pragma("x")\n' + when("defined A"))
trap("pragma once by a macro", '#define once x\n#include "a.h"\n#define B\n#include "a.h"\n',
     "a.h", files={"a.h": '#pragma once\n#ifdef B\n#include "yes.h"\n#endif\n'})
trap("pragma once in the source", "#pragma once\n" + YES)
trap("pragma once in a skipped group", '#include "a.h"\n#define B\n#include "a.h"\n', "a.h yes.h",
     files={"a.h": '#if 0\n#pragma once\n#endif\n#ifdef B\n#include "yes.h"\n#endif\n'})
trap("pragma once behind an include", '#include "a.h"\n#define B\n#include "a.h"\n', "a.h c.h",
     files={"a.h": '#include "c.h"\n#pragma once\n#ifdef B\n#include "yes.h"\n#endif\n', "c.h": ""})
trap("pragma with words behind once", '#include "a.h"\n#define B\n#include "a.h"\n', "a.h",
     files={"a.h": '#pragma once and more\n#ifdef B\n#include "yes.h"\n#endif\n'})
trap("pragma GCC once is none", '#include "a.h"\n#define B\n#include "a.h"\n', gcc="a.h yes.h",
     clang="a.h yes.h", files={"a.h": '#pragma GCC once\n#ifdef B\n#include "yes.h"\n#endif\n'})
trap("counter in text", "int a = __COUNTER__;\n" + when("__COUNTER__ == 1"), unknown=TEXT)
trap("counter in conditions", when("__COUNTER__ == 0") + "#if __COUNTER__ == 1\n"
     '#include "b.h"\n#endif\n', "yes.h b.h", files={"b.h": ""}, unknown=TEXT)
trap("counter in a macro in text", "#define N(x) x##1\n#define C __COUNTER__\nint a = C + C;\n"
     + when("__COUNTER__ == 2"), unknown=TEXT)
trap("counter in a skipped group", "#if 0\nint a = __COUNTER__;\n#endif\n"
     + when("__COUNTER__ == 0"), unknown=TEXT)
trap("counter as an argument used twice", "#define D(x) x x\n#if D(__COUNTER__ +) 1 == 1\n#endif\n"
     + when("__COUNTER__ == 1"), unknown=TEXT, gcc="yes.h", clang="yes.h")
trap("counter is defined", ifdef("__COUNTER__"))
trap("counter in another's dead operand", "#if 1 || __COUNTER__\n#endif\n"
     + when("__COUNTER__ == 1"), unknown=TEXT)

# Where we are

trap("__INCLUDE_LEVEL__", '#include "a.h"\n', "a.h yes.h", files={"a.h": when(
     "__INCLUDE_LEVEL__ == 1")})
trap("__INCLUDE_LEVEL__ of the source", when("__INCLUDE_LEVEL__ == 0"))
trap("__INCLUDE_LEVEL__ by -include", YES, "a.h b.h yes.h", args="-include a.h", files={
     "a.h": '#if __INCLUDE_LEVEL__ == 1\n#include "b.h"\n#else\n#include "no.h"\n#endif\n',
     "b.h": "/* b */"}, every=False)
trap("__LINE__", "\n\n" + when("__LINE__ == 3"))
trap("__LINE__ behind splices", "int \\\n a \\\n;\n" + when("__LINE__ == 4"))
trap("__LINE__ in a spliced directive", "#if \\\n__LINE__ == 1\n" + YES
     + "#else\n" + NO + "#endif\n", "no.h")
trap("__LINE__ behind a comment", "/*\n\n*/ " + when("__LINE__ == 3"))
trap("__LINE__ behind a raw string", 'auto s = R"(\n\n)";\n' + when("__LINE__ == 4"), src="x.cc")
trap("__LINE__ in a macro", "#define L __LINE__\n\n" + when("L == 3"))
trap("__LINE__ behind #line", "#line 100\n" + when("__LINE__ == 100"), unknown=("#line", "line"))
trap("#line by a macro", "#define N 50\n#line N\n" + when("__LINE__ == 50"),
     unknown=("#line", "line"))
trap("#line changes __FILE__", '#line 1 "yes.h"\n#include __FILE__\n', gcc="yes.h", clang="yes.h",
     unknown=("#line", "line"))
trap("#line does not change where we look", '#line 1 "sub/y.c"\n#include "a.h"\n', "a.h",
     files={"a.h": "/* a */", "sub/a.h": "/* s */"}, unknown=("#line", "line"))
trap("__FILE__ is no number", when("!defined __FILE__"), "no.h")
trap("__FILE_NAME__", when("defined __FILE_NAME__"), gcc="yes.h", clang="yes.h")
trap("include of __FILE_NAME__", '#include "sub/a.h"\n', gcc="sub/a.h sub/b.h",
     clang="sub/a.h sub/b.h", files={"sub/a.h": "#ifndef A\n#define A\n#include __FILE_NAME__\n"
     '#else\n#include "b.h"\n#endif\n', "sub/b.h": ""})
trap("__TIMESTAMP__ is defined", ifdef("__TIMESTAMP__"))
trap("__DATE__ and __TIME__ are defined", when("defined __DATE__ && defined __TIME__"))
trap("__DATE__ in a string", "const char *d = __DATE__ __TIME__ __TIMESTAMP__;\n" + YES)
trap("names that are macros to #ifdef", when("defined __has_attribute && defined __has_builtin"))
trap("_Pragma is defined", ifdef("_Pragma"))
trap("poison", "#pragma GCC poison A\n" + when("defined A"), gcc="reject", clang="reject")
trap("assertion", "#assert machine(x)\n" + when("#machine(x)"), gcc="yes.h", clang="reject",
     unknown=("#assert", "assert"))
trap("assertion that is predefined", when("#cpu(x86_64)"), gcc="yes.h", clang="reject",
     unknown=("#assert", "assert"))
trap("assertion by -A", when("#a(b)"), gcc="yes.h", clang="reject", args="-Aa=b",
     unknown=("#assert", "assert", "-A"))
trap("unassert", "#assert a(b)\n#unassert a\n" + when("#a(b)"), gcc="no.h", clang="reject",
     unknown=("#assert", "assert"))

# pragma target, optimize

_TARGET = ("target", "optimize")
trap("pragma target", '#pragma GCC target("avx2")\n' + ifdef("__AVX2__"), gcc="yes.h",
     clang="no.h", unknown=_TARGET, unknown_for="gcc")
trap("pragma target, popped", '#pragma GCC push_options\n#pragma GCC target("avx2")\n'
     "#pragma GCC pop_options\n" + ifdef("__AVX2__"), "no.h", unknown=_TARGET, unknown_for="gcc")
trap("pragma target in a header", '#include "a.h"\n' + ifdef("__AVX2__"), gcc="a.h yes.h",
     clang="a.h no.h", files={"a.h": '#pragma GCC target("avx2")\n'}, unknown=_TARGET,
     unknown_for="gcc")
trap("pragma optimize", '#pragma GCC optimize("O3")\n' + ifdef("__OPTIMIZE__"), gcc="yes.h",
     clang="no.h", unknown=_TARGET, unknown_for="gcc")
trap("pragma target, another name", '#pragma GCC target("avx2")\n' + ifdef("__linux__"))
trap("pragma target by _Pragma", '_Pragma("GCC target(\\"avx2\\")")\n' + ifdef("__AVX2__"),
     gcc="yes.h", clang="no.h", unknown=(*_TARGET, "_Pragma"), unknown_for="gcc")
trap("intrinsic headers' targets", "#include <immintrin.h>\n" + ifdef("__AVX2__"), "no.h",
     unknown=("target",), unknown_for=("gcc",))
trap("pragma optimize changes no macro of g++", '#pragma GCC optimize("O2")\n' +
     ifdef("__OPTIMIZE__"), "no.h", src="x.cc")
trap("pragma target changes no macro of g++", '#pragma GCC push_options\n#pragma GCC target("avx2")\n'
     + ifdef("__AVX2__"), "no.h", src="x.cc")
trap("pragma optimize of g++ by a macro", '#define P(x) _Pragma(x)\nP("GCC push_options")\n'
     'P("GCC optimize(\\"O2\\")")\n' + ifdef("__OPTIMIZE__"), "no.h", src="x.cc")
trap("pragma once of g++ by a macro", '#include "a.h"\n#define B\n#include "a.h"\n', gcc="a.h",
     clang="a.h", src="x.cc", unknown=TEXT, files={
         "a.h": '#define P(x) _Pragma(x)\nP("once")\n#ifdef B\n#include "yes.h"\n#endif\n'})
_ONCE_TWICE = '#include "a.h"\n#define B\n#include "a.h"\n'
for _name, _text in (
        ("behind nothing", '#define E\n#define S(x) #x\n#define P(x) _Pragma(x)\n'
                           '#define Q(x) P(S(x))\n#define R(x) Q(x)\nR(E once)\n'),
        ("behind nothing, a string", '#define E\n#define P(x) _Pragma(x)\n#define R(x) P(x)\n'
                                     'R(E "once")\n'),
        ("before more", "#define P(x) _Pragma(#x)\nP(once foo)\n"),
        ("before a semicolon", "#define P(x) _Pragma(#x)\nP(once;)\n"),
        ("before more, no macro", '_Pragma("once foo")\n')):
    trap("once by _Pragma " + _name, _ONCE_TWICE, gcc="a.h", clang="a.h", unknown=TEXT,
         files={"a.h": _text + '#ifdef B\n#include "yes.h"\n#endif\n'})
trap("once in a text beside a macro for pragmas", "#define P(x) _Pragma(#x)\nP(GCC poison zzz)\n"
     'const char *f(int once) { return once ? 0 : "once"; }\n', "", unknown=TEXT)
trap("a string once beside a macro for pragmas", "#define P(x) _Pragma(#x)\nP(GCC poison zzz)\n"
     'const char *f(void) { int once = 0;\n return once ? "once upon" : "once"; }\n'
     'const char *g[] = {[0] = "once"};\n' + YES)
trap("pragma GCC system_header", '#include "a.h"\n', "a.h yes.h", files={
     "a.h": "#pragma GCC system_header\n" + when("1")})
trap("pragma GCC dependency", '#pragma GCC dependency "a.h"\n' + YES, gcc="yes.h", clang="yes.h",
     files={"a.h": "/* a */"}, unknown=("dependency",))
trap("pragma GCC pch_preprocess", '#pragma GCC pch_preprocess "a.gch"\n' + YES, gcc="reject",
     clang="yes.h", unknown=("pch",))
trap("pragma comment", '#pragma comment(lib, "a")\n' + YES)
trap("pragma include_alias is not ours", '#pragma include_alias("yes.h", "no.h")\n' + YES)
