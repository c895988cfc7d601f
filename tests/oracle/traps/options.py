# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and variables that define, include, or make the command something else."""

from . import YES, ifdef, trap, when

trap("-D", when("A == 1"), args="-DA")
trap("-D with a value", when("A == 2"), args="-DA=2")
trap("-D with no value", when("A 1"), args="-DA=")
trap("-D apart", when("A == 3"), args="-D A=3")
trap("-D with parameters", when("A(2) == 4"), args="-DA(x)=x*x")
trap("-D with two =", when("A"), args="-DA=1==1")
trap("-D, the last wins", when("A == 2"), args="-DA=1 -DA=2")
trap("-D then -U", ifdef("A"), "no.h", args="-DA -UA")
trap("-U then -D", ifdef("A"), args="-UA -DA")
trap("-U apart", ifdef("__linux__"), "no.h", args="-U __linux__")
trap("-U of a predefined", ifdef("__x86_64__"), "no.h", args="-U__x86_64__")
trap("-D of a predefined", when("__GNUC__ == 99"), args="-D__GNUC__=99")
trap("-D behind the source", ifdef("A"), args="@SOURCE@ -DA")
trap("-D of a macro in terms of another", when("A"), args="-DA=B -DB=1")
trap("--define-macro", when("A == 5"), args="--define-macro=A=5")
trap("--define-macro apart", when("A == 5"), args="--define-macro A=5")
trap("--undefine-macro", ifdef("__linux__"), "no.h", args="--undefine-macro=__linux__")

_A = {"a.h": "#define A\n", "b.h": '#ifdef A\n#include "yes.h"\n#else\n#include "no.h"\n#endif\n'}
trap("-include", ifdef("A"), "a.h yes.h", args="-include a.h", files=_A | {"b.h": None})
trap("-include, in order", "", "a.h b.h yes.h", args="-include a.h -include b.h", files=_A)
trap("-include, in the other order", "", "a.h b.h no.h", args="-include b.h -include a.h", files=_A)
trap("-imacros before -include", "", "a.h b.h yes.h", args="-include b.h -imacros a.h", files=_A)
trap("-imacros, in order", "", "a.h b.h yes.h", args="-imacros a.h -imacros b.h", files=_A)
trap("-imacros reads includes", ifdef("A"), "c.h a.h yes.h", args="-imacros c.h",
     files=_A | {"b.h": None, "c.h": '#include "a.h"\n'})
trap("-imacros, text is dropped", ifdef("A"), "a.h yes.h", args="-imacros a.h",
     files={"a.h": "#define A\n) broken (\n"})
trap("--include", ifdef("A"), "a.h yes.h", args="--include a.h", files=_A | {"b.h": None})
trap("--include=", ifdef("A"), "a.h yes.h", args="--include=a.h", files=_A | {"b.h": None})
trap("--imacros=", ifdef("A"), "a.h yes.h", args="--imacros=a.h", files=_A | {"b.h": None},
     clang="a.h yes.h")
trap("-includefile, joined", ifdef("A"), gcc="a.h yes.h", clang="a.h yes.h", args="-includea.h",
     files=_A | {"b.h": None})
trap("-include is searched in the cwd", "", "sub/yes.h", src="sub/x.c", cwd="sub",
     args="-include yes.h", files={"yes.h": "/* up */"})
trap("-include is not searched beside the source", "", "a.h", src="sub/x.c", args="-include a.h",
     files={"a.h": "/* cwd */", "sub/a.h": "/* beside */"})
trap("-include falls to the chain", "", "inc/a.h", src="sub/x.c", args="-include a.h -Iinc",
     files={"inc/a.h": "/* i */", "sub/a.h": "/* beside */"})
trap("-include falls to -iquote", "", "q/a.h", args="-include a.h -iquote q -Iinc",
     files={"inc/a.h": "/* i */", "q/a.h": "/* q */"})
trap("-include of a missing file", YES, "reject", args="-include gone.h")
trap("-include twice", "", "a.h", args="-include a.h -include a.h", files={
     "a.h": "#ifndef A\n#define A\n#endif\n"})
trap("-include twice, without a guard", "", "a.h yes.h", args="-include a.h -include a.h", files={
     "a.h": '#ifdef A\n#include "yes.h"\n#endif\n#define A\n'})
trap("-include sees -D", "", "a.h yes.h", args="-DA -include a.h", files={"a.h": ifdef("A")})
trap("-include sees a later -D", "", "a.h yes.h", args="-include a.h -DA",
     files={"a.h": ifdef("A")})
trap("-include, its includes lie beside it", "", "sub/a.h sub/b.h", args="-include sub/a.h",
     files={"sub/a.h": '#include "b.h"\n', "sub/b.h": "/* s */", "b.h": "/* 0 */"})
trap("-include absolute", "", "yes.h", args="-include @ROOT@/yes.h")
trap("-include before the source's guard", YES, "yes.h", args="-include yes.h")
trap("stdc-predef", when("defined __STDC_IEC_559__"), gcc="yes.h", clang="no.h")
trap("stdc-predef shadowed", when("defined A"), gcc="inc/stdc-predef.h yes.h", clang="no.h",
     args="-Iinc", files={"inc/stdc-predef.h": "#define A\n"})
trap("stdc-predef not with -nostdinc", when("defined A"), gcc="no.h", clang="no.h",
     args="-Iinc -nostdinc", files={"inc/stdc-predef.h": "#define A\n"})
trap("stdc-predef not with -ffreestanding", when("defined A"), gcc="no.h", clang="no.h",
     args="-Iinc -ffreestanding", files={"inc/stdc-predef.h": "#define A\n"})
trap("stdc-predef in assembler", when("defined A"), gcc="inc/stdc-predef.h yes.h", clang="no.h",
     src="x.S", args="-Iinc", files={"inc/stdc-predef.h": "#define A\n"})

# Response files, -Wp, -Xpreprocessor

trap("response file", ifdef("A"), args="@opts", files={"opts": "-DA\n"})
trap("response file, quoting", when("A == 1 && defined B"), args="@opts",
     files={"opts": "'-DA=1' \"-DB=a b\" -DC=\\\"\n"}, unknown=("definition",))
trap("response file, escapes", "#include H\n", args="@opts",
     files={"opts": '-DH=\\"yes.h\\"\n'})
trap("response file in a response file", ifdef("A"), args="@opts",
     files={"opts": "@more", "more": "-DA"})
trap("response file with the source", YES, args="@opts @SOURCE@"[:5], files={"opts": "-DA"})
trap("response file that is missing", ifdef("A"), "reject", args="@gone")
trap("response file with an include path", "#include <a.h>\n", "inc/a.h", args="@opts",
     files={"opts": "-I\ninc\n", "inc/a.h": "/* a */"})
trap("-Wp,-D", ifdef("A"), args="-Wp,-DA,-UB")
trap("-Wp,-D and -U in order", ifdef("A"), gcc="no.h", clang="no.h", args="-Wp,-DA,-UA")
trap("-Wp, behind -U", ifdef("A"), gcc="yes.h", clang="yes.h", args="-Wp,-DA -UA")
trap("-Wp,-I", "#include <a.h>\n", "inc/a.h", args="-Wp,-Iinc", files={"inc/a.h": "/* a */"},
     unknown=("-Wp", "preprocessor"))
trap("-Wp,-MMD", YES, args="-Wp,-MMD,out.d")
trap("-Wp,-include", ifdef("A"), "a.h yes.h", args="-Wp,-include,a.h", files={"a.h": "#define A\n"},
     unknown=("-Wp", "preprocessor"))
trap("-Wp,-P", YES, args="-Wp,-w", unknown=("-Wp", "preprocessor"))
trap("-Xpreprocessor", ifdef("A"), args="-Xpreprocessor -DA", unknown=("-Xpreprocessor", "preprocessor"))
trap("-Xpreprocessor, two words", "#include <a.h>\n", "inc/a.h",
     args="-Xpreprocessor -I -Xpreprocessor inc", files={"inc/a.h": "/* a */"},
     unknown=("-Xpreprocessor", "preprocessor"))
trap("-Xclang", ifdef("A"), gcc=None, clang="yes.h", args="-Xclang -DA", unknown=("-Xclang", "internal option"))
trap("-Xclang -include", ifdef("A"), gcc=None, clang="a.h yes.h",
     args="-Xclang -include -Xclang a.h", files={"a.h": "#define A\n"}, unknown=("-Xclang", "internal option"))
trap("-Wa,-I", YES, args="-Wa,-Iinc", files={"inc/": ""})
trap("-MD of the user's", YES, args="-MMD -MF my.d -MT x -MP")
trap("unknown option", YES, "reject", args="-fno-such-option-at-all")
trap("-fdirectives-only", ifdef("__GNUC__"), gcc="yes.h", clang=None, args="-fdirectives-only",
     unknown=("-fdirectives-only",))
trap("-fpreprocessed", YES, gcc="reject", clang=None, args="-fpreprocessed",
     unknown=("-fpreprocessed", "preprocessed"))
trap("preprocessed source", 'int a;\n# 1 "yes.h"\nint b;\n', gcc="", clang="", src="x.i",
     unknown=("preprocessed",))
trap("preprocessed C++ source", 'int a;\n# 1 "yes.h"\nint b;\n', gcc="", clang="", src="x.ii",
     unknown=("preprocessed",))
trap("-traditional-cpp", YES, gcc="yes.h", clang="reject", args="-traditional-cpp",
     unknown=("traditional",))
trap("-fno-... of no effect", YES, args="-fno-inline -fshort-enums -g3 -flto -Wall")
trap("language by -x on an odd name", ifdef("__cplusplus"), src="x.txt", args="-x c++ @SOURCE@")
trap("c++ by its suffix", ifdef("__cplusplus"), src="x.cpp")
trap("objective-c", "#import \"a.h\"\n#import \"a.h\"\n", "a.h", src="x.m", gcc=None, files={
     "a.h": '#ifdef A\n#include "yes.h"\n#endif\n#define A\n'})

# Variables

_INC = {"inc/a.h": "/* inc */", "inc2/a.h": "/* inc2 */"}
trap("CPATH", "#include <a.h>\n", "inc/a.h", env={"CPATH": "inc:inc2"}, files=_INC)
trap("CPATH behind -I", "#include <a.h>\n", "inc2/a.h", env={"CPATH": "inc"}, args="-Iinc2",
     files=_INC)
trap("CPATH before -isystem", "#include <a.h>\n", "inc/a.h", env={"CPATH": "inc"},
     args="-isystem inc2", files=_INC)
trap("CPATH, an empty element", "#include <a.h>\n", "a.h", env={"CPATH": ":inc"},
     files=_INC | {"a.h": "/* cwd */"})
trap("CPATH, empty at the end", "#include <a.h>\n", "a.h", env={"CPATH": "gone:"},
     files=_INC | {"a.h": "/* cwd */"})
trap("CPATH empty is unset", "#include <a.h>\n", "reject", env={"CPATH": ""},
     files={"a.h": "/* cwd */"})
trap("C_INCLUDE_PATH", "#include <a.h>\n", "inc/a.h", env={"C_INCLUDE_PATH": "inc"}, files=_INC)
trap("C_INCLUDE_PATH behind -isystem", "#include <a.h>\n", "inc2/a.h",
     env={"C_INCLUDE_PATH": "inc"}, args="-isystem inc2", files=_INC)
trap("C_INCLUDE_PATH is not for c++", "#include <a.h>\n", "reject", env={"C_INCLUDE_PATH": "inc"},
     src="x.cc", files=_INC)
trap("CPLUS_INCLUDE_PATH", "#include <a.h>\n", "inc/a.h", env={"CPLUS_INCLUDE_PATH": "inc"},
     src="x.cc", files=_INC)
trap("CPLUS_INCLUDE_PATH is not for c", "#include <a.h>\n", "reject",
     env={"CPLUS_INCLUDE_PATH": "inc"}, files=_INC)
trap("OBJC_INCLUDE_PATH is not for c", "#include <a.h>\n", "reject",
     env={"OBJC_INCLUDE_PATH": "inc"}, files=_INC)
trap("CPATH and C_INCLUDE_PATH", "#include <a.h>\n", "inc2/a.h",
     env={"C_INCLUDE_PATH": "inc", "CPATH": "inc2"}, files=_INC)
trap("CPATH shadows the system", "#include <stdio.h>\n", "inc/stdio.h", env={"CPATH": "inc"},
     files={"inc/stdio.h": "/* mine */"})
trap("SOURCE_DATE_EPOCH", YES, env={"SOURCE_DATE_EPOCH": "1"})
trap("SUNPRO_DEPENDENCIES", YES, gcc="yes.h", clang="yes.h", env={"SUNPRO_DEPENDENCIES": "out.d"},
     unknown=("DEPENDENCIES",))
trap("DEPENDENCIES_OUTPUT", YES, gcc="yes.h", clang="yes.h", env={"DEPENDENCIES_OUTPUT": "out.d"},
     unknown=("DEPENDENCIES",))
trap("LANG", YES, env={"LANG": "de_DE.UTF-8"})
trap("CCC_OVERRIDE_OPTIONS", ifdef("A"), gcc="no.h", clang="yes.h",
     env={"CCC_OVERRIDE_OPTIONS": "# +-DA"}, unknown=("CCC_OVERRIDE_OPTIONS",), unknown_for="clang")
trap("COMPILER_PATH", ifdef("A"), gcc="no.h", clang="no.h", env={"COMPILER_PATH": "@NOWHERE@"},
     unknown=("COMPILER_PATH",))
trap("clang's --config", ifdef("A"), gcc=None, clang="yes.h", args="--config @ROOT@/my.cfg",
     files={"my.cfg": "-DA\n"}, unknown=("config",))
