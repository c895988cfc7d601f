# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file an #include means, and whether it is read again."""

from . import NO, YES, ifdef, trap, when

trap("quote before the chain", '#include "a.h"\n', "a.h", args="-Iinc",
     files={"a.h": "/* 1 */", "inc/a.h": "/* 2 */"})
trap("angle never beside", "#include <a.h>\n", "inc/a.h", args="-Iinc",
     files={"a.h": "/* 1 */", "inc/a.h": "/* 2 */"})
trap("quote falls through to the chain", '#include "a.h"\n', "inc/a.h", args="-Iinc -Iinc2",
     files={"inc/a.h": "/* 2 */", "inc2/a.h": "/* 3 */"})
trap("beside the includer, not the source", '#include "sub/a.h"\n', "sub/a.h sub/b.h",
     files={"sub/a.h": '#include "b.h"\n', "sub/b.h": "/* 1 */", "b.h": "/* 2 */"})
trap("not beside the includer's includer", '#include "sub/a.h"\n', "sub/a.h inc/b.h", args="-Iinc",
     files={"sub/a.h": '#include "b.h"\n', "inc/b.h": "/* 1 */", "b.h": "/* 2 */"})
trap("source in another directory", '#include "a.h"\n', "sub/a.h", src="sub/x.c",
     files={"sub/a.h": "/* 1 */", "a.h": "/* 2 */"})
trap("directory as spelled: a linked header", '#include "dir/a.h"\n', "other/a.h dir/b.h",
     files={"other/a.h": '#include "b.h"\n', "other/b.h": "/* 1 */", "dir/b.h": "/* 2 */"},
     links={"dir/a.h": "../other/a.h"})
trap("directory as spelled: a linked directory", '#include "dir/a.h"\n', "other/a.h other/b.h",
     files={"other/a.h": '#include "b.h"\n', "other/b.h": "/* 1 */", "b.h": "/* 2 */"},
     links={"dir": "other"})
trap("dots through a linked directory", '#include "dir/../b.h"\n', "far/b.h",
     files={"far/away/a.h": "/* 0 */", "far/b.h": "/* 1 */", "b.h": "/* 2 */"},
     links={"dir": "far/away"})
trap("dots through a linked header's directory", '#include "dir/a.h"\n', "other/deep/a.h b.h",
     files={"other/deep/a.h": '#include "../b.h"\n', "other/b.h": "/* 1 */", "b.h": "/* 2 */",
            "dir/": ""}, links={"dir/a.h": "../other/deep/a.h"})
trap("linked source", None, "b.h", src="x.c", files={"s/x.c": '#include "b.h"\n',
     "s/b.h": "/* 1 */", "b.h": "/* 2 */"}, links={"x.c": "s/x.c"})
trap("absolute name", '#include "@ROOT@/sub/../yes.h"\n', "yes.h", files={"sub/": ""})
trap("absolute name in angles", "#include <@ROOT@/yes.h>\n")
trap("absolute name's directory", '#include "@ROOT@/sub/a.h"\n', "sub/a.h sub/b.h",
     files={"sub/a.h": '#include "b.h"\n', "sub/b.h": "/* 1 */", "b.h": "/* 2 */"})
trap("dots above the source", '#include "../yes.h"\n', "yes.h", src="sub/x.c",
     files={"yes.h": "/* up */\n"})
trap("dots behind a search directory", "#include <../yes.h>\n", "yes.h", args="-Isub",
     files={"sub/": ""})
trap("dots in a search directory", "#include <yes.h>\n", args="-Isub/..", files={"sub/": ""})
trap("dots past what is not there", '#include "gone/../yes.h"\n', "reject")
trap("dots past a file", '#include "no.h/../yes.h"\n', "reject")
trap("spelled with ./", '#include "./yes.h"\n#include "././yes.h"\n')
trap("source spelled with ./", YES, src="x.c", args="./@SOURCE@"[2:])
trap("a directory of the name", "#include <a.h>\n", "inc2/a.h", args="-Iinc -Iinc2",
     files={"inc/a.h/": "", "inc2/a.h": "/* 1 */"})
trap("a directory of the name, beside", '#include "a.h"\n', "inc2/a.h", args="-Iinc2",
     files={"a.h/": "", "inc2/a.h": "/* 1 */"})
trap("a file where a directory should be", "#include <s/a.h>\n", "inc2/s/a.h",
     args="-Iinc -Iinc2", files={"inc/s": "/* file */", "inc2/s/a.h": "/* 1 */"})
trap("a dangling link", "#include <a.h>\n", "inc2/a.h", args="-Iinc -Iinc2",
     files={"inc/": "", "inc2/a.h": "/* 1 */"}, links={"inc/a.h": "nowhere.h"})
trap("a link to itself", "#include <a.h>\n", gcc="reject", clang="reject", args="-Iinc -Iinc2",
     files={"inc/": "", "inc2/a.h": "/* 1 */"}, links={"inc/a.h": "a.h"})
trap("a chain of links", '#include "l1.h"\n', "yes.h", links={"l1.h": "l2.h", "l2.h": "d/l3.h",
     "d/l3.h": "../yes.h"})
trap("case matters", '#include "Yes.h"\n', "Yes.h", files={"Yes.h": "/* Y */\n"})
trap("missing header", '#include "gone.h"\n', "reject")
trap("header that includes itself", '#include "a.h"\n', "a.h", files={
     "a.h": "#ifndef N\n#define N 1\n#elif N == 1\n#undef N\n#define N 2\n#endif\n"
     '#if __INCLUDE_LEVEL__ < 9\n#include "a.h"\n#endif\n'})
trap("nested too deep", '#include "a.h"\n', "reject", files={"a.h": '#include "a.h"\n'})
trap("includes 190 deep", '#include "a.h"\n', "a.h yes.h", files={
     "a.h": '#if __INCLUDE_LEVEL__ < 190\n#include "a.h"\n#else\n#include "yes.h"\n#endif\n'})
trap("source includes itself", '#ifndef A\n#define A\n#include "x.c"\n#include __FILE__\n#else\n'
     + YES + "#endif\n")
trap("__FILE__ spelled by the search directory", "#include <a.h>\n", "inc/a.h inc/b.h",
     args="-Iinc -I.", files={"inc/a.h": '#ifndef A\n#define A\n#include __FILE__\n#else\n'
                              '#include "b.h"\n#endif\n', "inc/b.h": "/* 1 */"})
trap("__BASE_FILE__", '#include "sub/a.h"\n', "sub/a.h yes.h", args="-I.", files={
     "sub/a.h": '#ifndef A\n#define A\n#include __BASE_FILE__\n#include "yes.h"\n#endif\n'})

# #include_next

_NEXT = {"one/a.h": "#include_next <a.h>\n", "two/a.h": "/* 2 */", "three/a.h": "/* 3 */"}
trap("include_next", "#include <a.h>\n", "one/a.h two/a.h", args="-Ione -Itwo -Ithree", files=_NEXT)
trap("include_next twice", "#include <a.h>\n", "one/a.h two/a.h three/a.h", every=False,
     args="-Ione -Itwo -Ithree", files=_NEXT | {"two/a.h": "#include_next <a.h>\n"})
trap("include_next, another name", "#include <a.h>\n", "one/a.h two/b.h", args="-Ione -Itwo",
     files=_NEXT | {"one/a.h": "#include_next <b.h>\n", "one/b.h": "/* 1 */", "two/b.h": "/* 2 */"})
trap("include_next from the source", "#include_next <a.h>\n", "one/a.h two/a.h",
     args="-Ione -Itwo -Ithree", files=_NEXT)
trap("include_next from the source, quoted", '#include_next "a.h"\n', gcc="a.h", clang="a.h",
     args="-Ithree", files={"a.h": "/* beside */", "three/a.h": "/* 3 */"})
trap("include_next from beside", '#include "a.h"\n', "a.h one/a.h", args="-Ione -Itwo",
     files={"a.h": "#include_next <a.h>\n", "one/a.h": "/* 1 */", "two/a.h": "/* 2 */"})
trap("include_next from beside, itself searched", '#include "one/a.h"\n', gcc="one/a.h two/a.h",
     clang="one/a.h two/a.h", args="-Itwo -Ione",
     files={"one/a.h": "#ifndef A\n#define A\n#include_next <a.h>\n#endif\n", "two/a.h": "/* 2 */"})
trap("include_next quoted", "#include <a.h>\n", "one/a.h two/a.h", args="-Ione -Itwo -I.",
     files=_NEXT | {"one/a.h": '#include_next "a.h"\n', "a.h": "/* 0 */"})
trap("include_next across duplicates", "#include <a.h>\n", "one/a.h two/a.h",
     args="-Ione -Ione -Itwo", files=_NEXT)
trap("include_next across linked duplicates", "#include <a.h>\n", "one/a.h two/a.h",
     args="-Ione -Ialso -Itwo", files=_NEXT, links={"also": "one"})
trap("include_next from an absolute name", '#include "@ROOT@/one/a.h"\n', "one/a.h two/a.h",
     args="-Itwo -Ithree", files=_NEXT)
trap("include_next from quote directories", '#include "a.h"\n', "one/a.h two/a.h",
     args="-iquote one -iquote two -Ithree", files=_NEXT)
trap("include_next in angles from quote directories", '#include "a.h"\n', gcc="one/a.h two/a.h",
     clang="one/a.h two/a.h", args="-iquote one -iquote two -Ithree", files=_NEXT)
trap("include_next to the system", "#include <stdlib.h>\n" + ifdef("EXIT_SUCCESS"),
     "one/stdlib.h yes.h", args="-Ione", files={"one/stdlib.h": "#include_next <stdlib.h>\n"})
trap("include_next finds nothing", "#include <a.h>\n", "reject", args="-Ithree -Ione",
     files={"one/a.h": "#include_next <a.h>\n", "three/x.h": ""})
trap("include_next computed", "#include <a.h>\n", "one/a.h two/a.h", args="-Ione -Itwo",
     files=_NEXT | {"one/a.h": "#define H <a.h>\n#include_next H\n"})
trap("include_next by way of a subdirectory", "#include <s/a.h>\n", "one/s/a.h two/s/a.h",
     args="-Ione -Itwo", files={"one/s/a.h": "#include_next <s/a.h>\n", "two/s/a.h": "/* 2 */",
                                "two/a.h": "/* not */"})
trap("include_next from a header beside a searched one", "#include <a.h>\n",
     "one/a.h one/b.h two/b.h", args="-Ione -Itwo",
     files={"one/a.h": '#include "b.h"\n', "one/b.h": "#include_next <b.h>\n",
            "two/b.h": "/* 2 */", "two/a.h": "/* not */"})
trap("include_next through -include", YES, "one/a.h two/a.h yes.h", args="-include a.h -Ione -Itwo",
     files=_NEXT)

# #import, and computed

trap("import", '#import "a.h"\n#include "a.h"\n', "a.h", files={
     "a.h": "#ifdef A\n#include \"yes.h\"\n#endif\n#define A\n"})
trap("import after include", '#include "a.h"\n#import "a.h"\n#include "a.h"\n', "a.h", files={
     "a.h": "#ifdef A\n#include \"yes.h\"\n#endif\n#define A\n"})
trap("include without import", '#include "a.h"\n#include "a.h"\n', "a.h yes.h", files={
     "a.h": "#ifdef A\n#include \"yes.h\"\n#endif\n#define A\n"})
trap("import in c++", '#import "a.h"\n#import "a.h"\n', "a.h", src="x.cc", files={
     "a.h": "#ifdef A\n#include \"yes.h\"\n#endif\n#define A\n"})
trap("computed: a string", '#define H "yes.h"\n#include H\n')
trap("computed: angles", "#define H <yes.h>\n#include H\n", args="-I.")
_BLANKS = {" yes.h ": "/* two blanks */", " yes.h": "/* a blank */", "yes.h ": "/*  */"}
trap("computed: angles, blanks", "#define H < yes.h >\n#include H\n", gcc=" yes.h",
     clang=" yes.h ", args="-I.", files=_BLANKS)
trap("computed: pieces", "#define D sub\n#define N yes\n#define H <D/N.h>\n#include H\n",
     "sub/yes.h", args="-I.", files={"sub/yes.h": "/* s */\n"})
trap("computed: empty in between", "#define E\n#define H <y##E/**/es.h>\n#define I <E yes.h E>\n"
     "#include I\n", gcc=" yes.h", clang=" yes.h ", args="-I.", files=_BLANKS)
trap("computed: function-like", "#define H(n) <n.h>\n#include H(yes)\n", args="-I.")
trap("computed: stringised", "#define S(x) #x\n#include S(yes.h)\n")
trap("computed: stringised path", "#define S(x) #x\n#define X(x) S(x)\n#define D sub\n"
     "#include X(D/yes.h)\n", "sub/yes.h", files={"sub/yes.h": "/* s */\n"})
trap("computed: linux is 1 in gnu17", "#define S(x) #x\n#define X(x) S(x)\n#include X(linux/a.h)\n",
     "1/a.h", files={"1/a.h": "/* 1 */", "linux/a.h": "/* l */"})
trap("computed: linux is linux in c17", "#define S(x) #x\n#define X(x) S(x)\n"
     "#include X(linux/a.h)\n", "linux/a.h", args="-std=c17",
     files={"1/a.h": "/* 1 */", "linux/a.h": "/* l */"})
trap("computed: unix in angles", "#define H <unix/a.h>\n#include <unix/a.h>\n#include H\n",
     "unix/a.h 1/a.h", args="-I.", files={"1/a.h": "/* 1 */", "unix/a.h": "/* u */"}, every=False)
trap("computed: pasted", "#define C(a,b) a##b\n#define yesX \"yes.h\"\n#include C(yes,X)\n")
trap("computed: by -D", "#include H\n", args="-DH=<yes.h> -I.")
trap("computed: by -D, a string", "#include H\n", args='-DH="yes.h"', gcc="yes.h", clang="yes.h")
trap("computed: no file name", "#define H yes.h\n#include H\n", "reject")
trap("computed: two strings", '#define H "ye" "s.h"\n#include H\n', "reject")
trap("computed: a string, then more", '#define H "yes.h" no.h\n#include H\n')
trap("computed: minus in angles", "#define V 1-2\n#define H <a-V.h>\n#include H\n", "a-1-2.h",
     args="-I.", files={"a-1-2.h": "/* m */"})
trap("computed: blank between tokens is kept", "#define A yes\n#define H <A .h>\n#include H\n",
     "yes .h", args="-I.", files={"yes .h": "/* b */"})
trap("computed: comment is a blank", "#define H <yes/**/.h>\n#include H\n", "yes .h", args="-I.",
     files={"yes .h": "/* b */"})
trap("computed: nothing in between", "#define H(a) <a.h>\n#define I yes\n#include H(I)\n",
     args="-I.")
trap("computed: import", '#define H "a.h"\n#import H\n#import H\n', "a.h", files={
     "a.h": "#ifdef A\n#include \"yes.h\"\n#endif\n#define A\n"})
trap("computed: function-like over lines", "#define H(n) <n.h>\n#include H( \\\nyes)\n",
     gcc=" yes.h", clang="yes.h", args="-I.", files=_BLANKS)

# __has_include

trap("has_include", when('__has_include("a.h")'), gcc="yes.h", clang="a.h yes.h",
     files={"a.h": "/* a */"})
trap("has_include, not there", when('__has_include("gone.h")'), "no.h")
trap("has_include in angles", when("__has_include(<a.h>)"), "no.h", files={"a.h": "/* a */"})
trap("has_include in angles, searched", when("__has_include(<a.h>)"), gcc="yes.h",
     clang="a.h yes.h", files={"a.h": "/* a */"}, args="-I.")
trap("has_include is defined", ifdef("__has_include"))
trap("has_include, guarded", when("defined __has_include && __has_include(<stdio.h>)"))
trap("has_include in a macro", "#define HAS(x) __has_include(x)\n" + when("HAS(<a.h>)"),
     gcc="yes.h", clang="a.h yes.h", files={"a.h": "/* a */"}, args="-I.")
trap("has_include of a macro", "#define H <a.h>\n" + when("__has_include(H)"), gcc="yes.h",
     clang="a.h yes.h", files={"a.h": "/* a */"}, args="-I.")
trap("has_include of a string macro", '#define H "a.h"\n' + when("__has_include(H)"), gcc="yes.h",
     clang="a.h yes.h", files={"a.h": "/* a */"})
trap("has_include in a dead operand", when('1 || __has_include("a.h")'), gcc="yes.h",
     clang="a.h yes.h", files={"a.h": "/* a */"})
trap("has_include in a dead &&", when('!(0 && __has_include("a.h"))'), gcc="yes.h",
     clang="a.h yes.h", files={"a.h": "/* a */"})
trap("has_include in a dead ?:", when('1 ? 1 : __has_include("a.h")'), gcc="yes.h",
     clang="a.h yes.h", files={"a.h": "/* a */"})
trap("has_include in a dead #elif", "#if 1\n" + YES + '#elif __has_include("a.h")\n' + NO
     + "#endif\n", files={"a.h": "/* a */"})
trap("has_include in a skipped group", '#if 0\n#if __has_include("a.h")\n#endif\n#endif\n' + YES,
     files={"a.h": "/* a */"})
trap("has_include in an empty group", '#if __has_include("a.h")\n#endif\n' + YES, gcc="yes.h",
     clang="a.h yes.h", files={"a.h": "/* a */"})
trap("has_include of a directory", when('__has_include("d.h")'), "no.h", files={"d.h/": ""})
trap("has_include past a directory", when("__has_include(<a.h>)"), gcc="yes.h",
     clang="two/a.h yes.h", args="-Ione -Itwo", files={"one/a.h/": "", "two/a.h": "/* 2 */"})
trap("has_include beside the includer", '#include "sub/h.h"\n', gcc="sub/h.h sub/yes.h",
     clang="sub/h.h sub/yes.h sub/b.h", files={"sub/h.h": when('__has_include("b.h")'),
     "sub/b.h": "/* b */", "sub/yes.h": "/* s */", "sub/no.h": "/* n */"})
trap("has_include, then included", when('__has_include("a.h")') + '#include "a.h"\n', "yes.h a.h",
     files={"a.h": "/* a */"})
trap("has_include, negated", when('!__has_include("a.h")'), gcc="no.h", clang="a.h no.h",
     files={"a.h": "/* a */"})
trap("has_include in c90", when('__has_include("a.h")'), gcc="yes.h", clang="a.h yes.h",
     files={"a.h": "/* a */"}, args="-std=c90")
trap("has_include of an absolute name", when('__has_include("@ROOT@/a.h")'), gcc="yes.h",
     clang="a.h yes.h", files={"a.h": "/* a */"})
trap("has_include_next", "#include <a.h>\n", gcc="one/a.h one/yes.h",
     clang="one/a.h two/a.h one/yes.h", args="-Ione -Itwo",
     files={"one/a.h": when("__has_include_next(<a.h>)"), "two/a.h": "/* 2 */",
            "one/yes.h": "/* y */", "one/no.h": "/* n */"})
trap("has_include_next, nothing", "#include <a.h>\n", "two/a.h two/no.h", args="-Ione -Itwo",
     files={"two/a.h": when("__has_include_next(<a.h>)"), "two/yes.h": "/* y */",
            "two/no.h": "/* n */", "one/": ""})
trap("has_include_next from the source", when("__has_include_next(<a.h>)"), gcc="yes.h",
     clang="one/a.h yes.h", args="-Ione", files={"one/a.h": "/* 1 */"})
trap("has_include_next, quoted", "#include <a.h>\n", gcc="one/a.h one/no.h",
     clang="one/a.h one/no.h", args="-Ione -Itwo", files={"one/a.h": when(
     '__has_include_next("b.h")'), "one/b.h": "/* 1 */", "one/yes.h": "/* y */",
     "one/no.h": "/* n */", "two/": ""})
trap("has_include without parentheses", when('__has_include "a.h"'), gcc="reject", clang="reject",
     files={"a.h": "/* a */"})
trap("has_include defined by the user", "#undef __has_include\n" + when("defined __has_include"),
     "no.h")
trap("has_embed", ifdef("__has_embed"), "no.h")
trap("embed", '#embed "a.h"\n' + YES, "reject", files={"a.h": "/* a */"})
trap("embed in a skipped group", '#if 0\n#embed "a.h"\n#endif\n' + YES, files={"a.h": "/* a */"})
trap("include inside a macro's arguments", "#define ID(x) x\nID(\n" + YES + ")\n",
     gcc="reject", clang="reject")
trap("conditions inside a macro's arguments", "#define ID(x) x\nint a = ID(\n#define B\n#ifdef B\n"
     "1\n#else\n2\n#endif\n);\n" + ifdef("B"))
