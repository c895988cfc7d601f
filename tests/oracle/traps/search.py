# SPDX-License-Identifier: GPL-3.0-or-later
"""Which directories are searched, and in which order."""

from . import YES, ifdef, trap, when

_AB = {"a/h.h": "/* a */", "b/h.h": "/* b */"}
H = "#include <h.h>\n"
Q = '#include "h.h"\n'

trap("-I in order", H, "a/h.h", args="-Ia -Ib", files=_AB)
trap("-I apart", H, "b/h.h", args="-I b -I a", files=_AB)
trap("--include-directory", H, "b/h.h", args="--include-directory=b -I a", files=_AB)
trap("--include-directory apart", H, "b/h.h", args="--include-directory b -I a", files=_AB)
trap("-I before -isystem", H, "a/h.h", args="-isystem b -I a", files=_AB)
trap("-isystem before the system", "#include <stdio.h>\n", "b/stdio.h", args="-isystem b",
     files={"b/stdio.h": "/* mine */"})
trap("-isystem joined", H, "b/h.h", args="-isystemb", files=_AB)
trap("-idirafter behind the system", "#include <stdio.h>\n" + ifdef("BUFSIZ"), "yes.h",
     args="-idirafter b", files={"b/stdio.h": "/* mine */"})
trap("-idirafter", H, "b/h.h", args="-idirafter b", files=_AB)
trap("-isystem before -idirafter", H, "a/h.h", args="-idirafter b -isystem a", files=_AB)
trap("--include-directory-after", H, "b/h.h", args="--include-directory-after=b", files=_AB,
     clang="b/h.h")
trap("-iquote is not for angles", H, "b/h.h", args="-iquote a -Ib", files=_AB)
trap("-iquote before -I", Q, "a/h.h", args="-Ib -iquote a", files=_AB)
trap("-iquote joined", Q, "a/h.h", args="-Ib -iquotea", files=_AB)
trap("-iquote repeats an -I", Q, gcc="b/h.h", clang="b/h.h", args="-iquote b -Ia -Ib", files=_AB)
trap("-iquote . and -I .", Q, "h.h", src="sub/x.c", args="-iquote . -Ia",
     files=_AB | {"h.h": "/* . */"})
trap("-I of what is not there", H, "b/h.h", args="-Igone -Ib", files=_AB)
trap("-I of a file", H, "b/h.h", args="-Ix.c -Ib", files=_AB)
trap("-I twice", H, "a/h.h", args="-Ia -Ib -Ia", files=_AB)
trap("-I of a link to another", H, "a/h.h", args="-Il -Ib -Ia", files=_AB, links={"l": "a"})
trap("-I repeats an -isystem", H, "b/h.h", args="-Ia -Ib -isystem a", files=_AB)
trap("-I repeats a system directory", "#include <stdio.h>\n", "b/stdio.h",
     args="-I/usr/include -Ib", files={"b/stdio.h": "/* mine */"}, gcc="b/stdio.h",
     clang="b/stdio.h")
trap("-I repeats a system directory through a link", "#include <stdio.h>\n", "b/stdio.h",
     args="-Iu -Ib", files={"b/stdio.h": "/* mine */"}, links={"u": "/usr/include"})
trap("-isystem repeats a system directory", "#include <stdlib.h>\n" + ifdef("RAND_MAX"), "yes.h",
     args="-isystem /usr/include")
trap("-isystem twice", H, "a/h.h", args="-isystem a -isystem b -isystem a", files=_AB)
trap("-idirafter repeats an -I", H, "b/h.h", args="-Ia -Ib -idirafter a", files=_AB)
trap("-I with a slash", H, "a/h.h", args="-Ia/ -Ib", files=_AB)
trap("-I with slashes and dots", H, "a/h.h", args="-I.//a/./ -Ib", files=_AB)
trap("-I absolute", H, "b/h.h", args="-I@ROOT@/b -Ia", files=_AB)
trap("-I empty", H, "reject", args="-I", files={})
trap("-I and a lone word", H, "a/h.h", args="-Ia -I. -Ib", files=_AB)
trap("-I=", H, "b/h.h", args="-I=/b --sysroot=@ROOT@ -nostdinc", files=_AB)
trap("-I= without a sysroot", H, "reject", args="-I=@ROOT@/b", files=_AB)
trap("-I$SYSROOT", H, gcc="b/h.h", clang=None, args="-I$SYSROOT/b --sysroot=@ROOT@ -nostdinc",
     files=_AB)
trap("-isystem=", H, gcc="b/h.h", clang="reject", args="-isystem =/b --sysroot=@ROOT@", files=_AB)
trap("-iquote=", Q, gcc="b/h.h", clang=None, args="-iquote =/b --sysroot=@ROOT@ -nostdinc",
     files=_AB)
trap("--sysroot", "#include <h.h>\n", "usr/include/h.h", args="--sysroot=@ROOT@",
     files={"usr/include/h.h": "/* sys */"})
trap("--sysroot apart", "#include <h.h>\n", "usr/include/h.h", args="--sysroot @ROOT@",
     files={"usr/include/h.h": "/* sys */"})
trap("-isysroot", "#include <h.h>\n", gcc="usr/include/h.h", clang="reject",
     args="-isysroot @ROOT@", files={"usr/include/h.h": "/* sys */"})
trap("-isysroot over --sysroot", "#include <h.h>\n",
     args="--sysroot=@ROOT@ -isysroot @ROOT@/s", files={"usr/include/h.h": "/* sys */",
     "s/usr/include/h.h": "/* iso */"}, gcc="s/usr/include/h.h", clang="usr/include/h.h")
trap("-nostdinc", "#include <stdio.h>\n", "reject", args="-nostdinc")
trap("-nostdinc with a directory", "#include <stdio.h>\n", "a/stdio.h", args="-nostdinc -Ia",
     files={"a/stdio.h": "/* mine */"})
trap("--no-standard-includes", "#include <stdio.h>\n", "reject", args="--no-standard-includes")
trap("-nostdinc++", "#include <vector>\n", "reject", src="x.cc", args="-nostdinc++")
trap("-nostdinc++ with a directory", "#include <vector>\n", "a/vector", src="x.cc",
     args="-nostdinc++ -isystem a", files={"a/vector": "/* mine */"})
trap("-nostdinc++ leaves C's", "#include <stdio.h>\n" + ifdef("BUFSIZ"), "yes.h", src="x.cc",
     args="-nostdinc++")
trap("-nobuiltininc", "#include <stddef.h>\n", gcc=None, clang="a/stddef.h",
     args="-nobuiltininc -idirafter a", files={"a/stddef.h": "/* mine */"})
trap("-nostdlibinc", "#include <stdio.h>\n", gcc=None, clang="a/stdio.h",
     args="-nostdlibinc -idirafter a", files={"a/stdio.h": "/* mine */"})
trap("-stdlib=", YES, src="x.cc", gcc="reject", clang="yes.h", args="-stdlib=libstdc++")
trap("-cxx-isystem", H, gcc=None, clang="b/h.h", src="x.cc", args="-cxx-isystem b", files=_AB)
trap("-cxx-isystem is not for c", H, gcc=None, clang="a/h.h", args="-cxx-isystem b -idirafter a",
     files=_AB)
trap("-stdlib++-isystem", H, gcc=None, clang="b/h.h", src="x.cc", args="-stdlib++-isystem b",
     files=_AB)
trap("-c-isystem", H, gcc=None, clang="reject", args="-c-isystem b", files=_AB)
trap("-iprefix and -iwithprefix", H, "pre/b/h.h", args="-iprefix pre/ -iwithprefix b",
     files={"pre/b/h.h": "/* p */", "b/h.h": "/* b */"})
trap("-iwithprefix among -isystem", H, gcc="pre/b/h.h", clang="a/h.h",
     args="-iprefix pre/ -iwithprefix b -isystem a",
     files={"pre/b/h.h": "/* p */", "a/h.h": "/* a */"})
trap("-iwithprefixbefore", H, "a/h.h", args="-iprefix pre/ -iwithprefixbefore b -Ia",
     files={"pre/b/h.h": "/* p */", "a/h.h": "/* a */"})
trap("-iwithprefix, the last -iprefix", H, "two/b/h.h",
     args="-iprefix one/ -iprefix two/ -iwithprefix b",
     files={"one/b/h.h": "/* 1 */", "two/b/h.h": "/* 2 */"})
trap("-iprefix behind -iwithprefix", H, "a/h.h",
     args="-iwithprefix b -iprefix pre/ -idirafter a",
     files={"pre/b/h.h": "/* p */", "a/h.h": "/* a */"})
trap("-imultilib", H, gcc="b/h.h", clang=None, args="-Ib -imultilib x", files=_AB,
     unknown=("-imultilib",))
trap("-I-", '#include "h.h"\n', gcc="a/h.h", clang="reject", args="-Ia -I- -Ib",
     files=_AB | {"h.h": "/* . */"}, unknown=("-I-",))
trap("-I- and angles", H, gcc="b/h.h", clang="reject", args="-Ia -I- -Ib", files=_AB,
     unknown=("-I-",))
trap("-F", "#include <Fw/h.h>\n", gcc=None, clang="F/Fw.framework/Headers/h.h", args="-FF",
     files={"F/Fw.framework/Headers/h.h": "/* f */", "h.h": "/* . */"},
     unknown=("-F", "framework"))
trap("-iframework", "#include <Fw/h.h>\n", gcc=None, clang="F/Fw.framework/Headers/h.h",
     args="-iframework F", files={"F/Fw.framework/Headers/h.h": "/* f */", "h.h": "/* . */"},
     unknown=("framework",))
trap("-B", YES, args="-B.", unknown=("-B",))
trap("-B with an include directory", "#include <h.h>\n", gcc="b/include/h.h", clang="reject",
     args="-Bb", files={"b/include/h.h": "/* B */"}, unknown=("-B",), unknown_for="gcc")
trap("-isystem with a prefix of another", "#include <h.h>\n", "ab/h.h",
     args="-isystem ab -isystem a", files=_AB | {"ab/h.h": "/* ab */"})
trap("order of all kinds", H + '#include "q.h"\n#include <s.h>\n#include <d.h>\n',
     "a/h.h q/q.h s/s.h d/d.h", args="-idirafter d -isystem s -Ia -iquote q",
     files={"a/h.h": "/* a */", "q/h.h": "/* q */", "s/h.h": "/* s */", "d/h.h": "/* d */",
            "q/q.h": "", "s/q.h": "/**/", "s/s.h": "", "d/s.h": "/* */", "d/d.h": ""})
trap("c++ headers by the compiler's list", "#include <cstdlib>\n" + ifdef("EXIT_FAILURE"),
     src="x.cc")
trap("canonical system headers", "#include <vector>\n" + ifdef("_GLIBCXX_VECTOR"), src="x.cc",
     args="-fno-canonical-system-headers", clang="reject")
trap("-m32 changes the search", "#include <stddef.h>\n" + when("__SIZEOF_POINTER__ == 4"),
     args="-m32")
trap("--target", when("defined __aarch64__"), gcc=None, clang="yes.h",
     args="--target=aarch64-linux-gnu")
trap("-target apart", when("defined __aarch64__"), gcc=None, clang="yes.h",
     args="-target aarch64-linux-gnu")
trap("cwd of the command", Q, "sub/h.h", src="sub/x.c", cwd="sub", args="-I.",
     files={"sub/h.h": "/* s */", "h.h": "/* . */"})
trap("cwd with -I above", H, "inc/h.h", src="sub/x.c", cwd="sub", args="-I../inc",
     files={"inc/h.h": "/* i */", "sub/inc/h.h": "/* not */"})
