# SPDX-License-Identifier: GPL-3.0-or-later
"""
When are two files one; and what the text cannot tell: precompiled headers, .incbin, modules,
plugins, profiles.
"""

import subprocess

from . import FIRST_MTIME, YES, ifdef, trap

# gcc: equal size, content and mtime in seconds make one file of two. clang: the inode does.

_ONCE = "#pragma once\n#ifdef SEEN\n#include \"yes.h\"\n#endif\n#define SEEN\n"
_TWO = '#include "a/p.h"\n#include "b/p.h"\n'
_FILES = {"a/p.h": _ONCE, "b/p.h": _ONCE, "yes.h": "/* root */"}
_SAME = {"a/p.h": FIRST_MTIME, "b/p.h": FIRST_MTIME}

trap("once: equal files of equal time", _TWO, gcc="a/p.h", clang="a/p.h b/p.h yes.h", args="-I.",
     files=_FILES, mtimes=_SAME)
trap("once: equal files of other times", _TWO, "a/p.h b/p.h yes.h", args="-I.", files=_FILES,
     mtimes=_SAME | {"b/p.h": FIRST_MTIME + 100})
trap("once: equal files in one second", _TWO, gcc="a/p.h", clang="a/p.h b/p.h yes.h", args="-I.",
     files=_FILES, mtimes={"a/p.h": FIRST_MTIME + 0.25, "b/p.h": FIRST_MTIME + 0.75})
trap("once: other files of equal time and size", _TWO, "a/p.h b/p.h yes.h", args="-I.",
     files=_FILES | {"b/p.h": _ONCE.replace("SEEN\n#inc", "SEEN \n#inc")
                     .replace("define SEEN\n", "define SEEN")}, mtimes=_SAME)
trap("once: hard links", _TWO, gcc="a/p.h", clang="a/p.h b/p.h", args="-I.",
     files={k: v for k, v in _FILES.items() if k != "b/p.h"}, hard={"b/p.h": "a/p.h"})
trap("once: links", _TWO, "a/p.h", args="-I.",
     files={k: v for k, v in _FILES.items() if k != "b/p.h"}, links={"b/p.h": "../a/p.h"})
trap("once: a linked directory", _TWO, "a/p.h", args="-I.",
     files={k: v for k, v in _FILES.items() if k != "b/p.h"}, links={"b": "a"})
trap("once: two spellings", '#include "a/p.h"\n#include "a/../a/p.h"\n#include "./a//p.h"\n',
     "a/p.h", args="-I.", files={k: v for k, v in _FILES.items() if k != "b/p.h"})
trap("once: only the second says so", _TWO, gcc="a/p.h b/p.h yes.h", clang="a/p.h b/p.h yes.h",
     args="-I.", files=_FILES | {"a/p.h": _ONCE.replace("#pragma once\n", "")}, mtimes=_SAME)
trap("once: three equal files", '#include "a/p.h"\n#include "b/p.h"\n#include "c/p.h"\n',
     gcc="a/p.h c/p.h yes.h", clang="a/p.h b/p.h c/p.h yes.h", args="-I.",
     files=_FILES | {"c/p.h": _ONCE}, mtimes=_SAME | {"c/p.h": FIRST_MTIME + 9})
trap("once: the search falls through?", '#include "a/p.h"\n#include <p.h>\n', gcc="a/p.h",
     clang="a/p.h b/p.h yes.h", args="-I. -Ib -Ic", files=_FILES | {"c/p.h": "/* c */"},
     mtimes=_SAME)
trap("once: equal empty files", '#include "a/e.h"\n#include "b/e.h"\n', gcc="a/e.h", clang=
     "a/e.h b/e.h", files={"a/e.h": "#pragma once\n", "b/e.h": "#pragma once\n"},
     mtimes={"a/e.h": FIRST_MTIME, "b/e.h": FIRST_MTIME})
trap("import: equal files of equal time", '#import "a/p.h"\n#import "b/p.h"\n', gcc="a/p.h",
     clang="a/p.h b/p.h yes.h", args="-I.", mtimes=_SAME,
     files={k: v.replace("#pragma once\n", "") for k, v in _FILES.items()})
trap("import, then include of an equal file", '#import "a/p.h"\n#include "b/p.h"\n', gcc="a/p.h",
     clang="a/p.h b/p.h yes.h", args="-I.", mtimes=_SAME,
     files={k: v.replace("#pragma once\n", "") for k, v in _FILES.items()})
trap("import of a file that is held for another, then include of it by another name",
     '#include "a/p.h"\n#import "b/p.h"\n#include "b//p.h"\n', gcc="a/p.h", clang="a/p.h b/p.h",
     files={"a/p.h": "", "b/p.h": ""}, mtimes={"a/p.h": FIRST_MTIME, "b/p.h": FIRST_MTIME})
trap("include, then import of an equal file", '#include "a/p.h"\n#import "b/p.h"\n',
     gcc="a/p.h", clang="a/p.h b/p.h yes.h", args="-I.", mtimes=_SAME,
     files={k: v.replace("#pragma once\n", "") for k, v in _FILES.items()})
trap("guard: hard links", _TWO, gcc="a/p.h b/p.h", clang="a/p.h b/p.h", args="-I.",
     files={"a/p.h": "#ifndef P\n#define P\n#endif\n"}, hard={"b/p.h": "a/p.h"})
trap("guard: links", _TWO, "a/p.h", args="-I.",
     files={"a/p.h": "#ifndef P\n#define P\n#endif\n"}, links={"b/p.h": "../a/p.h"})
trap("no once: hard links are read twice", _TWO, "a/p.h b/p.h yes.h", args="-I.",
     files={"a/p.h": _ONCE.replace("#pragma once\n", ""), "yes.h": "/* root */"},
     hard={"b/p.h": "a/p.h"})
trap("once: the directory of a hard link", '#include "a/p.h"\n#include "b/p.h"\n',
     gcc="a/p.h a/n.h", clang="a/p.h a/n.h b/p.h", files={"a/p.h": '#pragma once\n#include "n.h"\n',
     "a/n.h": "/* a */", "b/n.h": "/* b */"}, hard={"b/p.h": "a/p.h"})
trap("once and include_next", "#include <p.h>\n", "a/p.h b/p.h", args="-Ia -Ib",
     files={"a/p.h": "#pragma once\n#include_next <p.h>\n", "b/p.h": "#pragma once\n"})
trap("once and include_next, equal files", "#include <p.h>\n", gcc="a/p.h", clang=None,
     args="-Ia -Ib", files={"a/p.h": "#pragma once\n#include_next <p.h>\n",
     "b/p.h": "#pragma once\n#include_next <p.h>\n"}, mtimes=_SAME)

# Precompiled headers

GCH = ("gch", "pch", "precompiled")


def _gch(of, into, compiler="gcc"):
    def make(root):
        (root / into).parent.mkdir(parents=True, exist_ok=True)
        command = [compiler, "-w", "-x", "c-header", of, "-o", into]
        subprocess.run(command, cwd=root, check=True)

    return make


_P = {"p.h": '#include "in.h"\n', "in.h": "#define IN\n"}
trap("gch of the first include", '#include "p.h"\n' + ifdef("IN"), gcc="yes.h",
     clang="p.h in.h yes.h", files=_P, setup=_gch("p.h", "p.h.gch"), unknown=GCH,
     unknown_for="gcc")
trap("gch of the second include", '#include "a.h"\n#include "p.h"\n', "a.h p.h in.h", files=_P | {
     "a.h": ""}, setup=_gch("p.h", "p.h.gch"))
trap("gch of -include", ifdef("IN"), gcc="yes.h", clang="reject", args="-include p.h",
     files=_P, setup=_gch("p.h", "p.h.gch"), unknown=GCH)
trap("gch in a directory", '#include "p.h"\n' + ifdef("IN"), gcc="yes.h", clang="p.h in.h yes.h",
     files=_P, setup=_gch("p.h", "p.h.gch/one"), unknown=GCH, unknown_for="gcc")
trap("gch that is none", '#include "p.h"\n', "p.h in.h", files=_P | {"p.h.gch": "rubbish"},
     unknown=GCH, unknown_for="gcc")
trap("gch directory that is empty", '#include "p.h"\n', "p.h in.h", files=_P | {"p.h.gch/": ""},
     unknown=GCH, unknown_for="gcc")
trap("gch in an earlier directory", "#include <p.h>\n" + ifdef("IN"), gcc="yes.h",
     clang="p.h in.h yes.h", args="-Ione -I.", files=_P | {"one/x": ""},
     setup=_gch("p.h", "one/p.h.gch"), unknown=GCH, unknown_for="gcc")
trap("gch of the stdc-predef.h that is read first", '#include "in.h"\n', gcc="one/stdc-predef.h in.h",
     clang="in.h", args="-Ione", files=_P | {"one/stdc-predef.h": "", "one/stdc-predef.h.gch": "x"},
     unknown=GCH, unknown_for="gcc")
trap("gch behind -D that differs", '#include "p.h"\n', "p.h in.h", args="-DIN=2", files=_P,
     setup=_gch("p.h", "p.h.gch"), unknown=GCH, unknown_for="gcc")
trap("gch behind a define", "#define X\n" + '#include "p.h"\n' + ifdef("IN"), gcc="yes.h",
     clang="p.h in.h yes.h", files=_P, setup=_gch("p.h", "p.h.gch"), unknown=GCH,
     unknown_for="gcc")
trap("pch of -include", ifdef("IN"), gcc="p.h in.h yes.h", clang="p.h in.h yes.h",
     args="-include p.h", files=_P, setup=_gch("p.h", "p.h.pch", "clang"), unknown=GCH,
     unknown_for="clang")
trap("-include-pch", ifdef("IN"), gcc=None, clang="p.h in.h yes.h", args="-include-pch p.pch",
     files=_P, setup=_gch("p.h", "p.pch", "clang"), unknown=GCH)

# What the text cannot tell

INCBIN = ("incbin", ".include")
trap("incbin in assembler", ".incbin \"blob\"\n" + YES, "yes.h", src="x.S", files={"blob": "b"},
     unknown=INCBIN)
trap("incbin in a string", '__asm__(".incbin \\"blob\\"");\n' + YES, "yes.h", make_object=True,
     files={"blob": "b"}, unknown=INCBIN)
trap("incbin in a macro", '#define BIN(f) __asm__(".incbin \\"" f "\\"")\nBIN("blob");\n' + YES,
     "yes.h", make_object=True, files={"blob": "b"}, unknown=INCBIN)
trap("incbin in pieces", '__asm__(".inc" "bin \\"blob\\"");\n' + YES, "yes.h", make_object=True,
     files={"blob": "b"}, unknown=(*INCBIN, "asm"))
trap("include of the assembler's", '.include "a.inc"\n' + YES, "yes.h", src="x.S",
     files={"a.inc": ".byte 1\n"}, unknown=INCBIN)
trap("incbin in a header", '#include "a.h"\n', "a.h", make_object=True,
     files={"a.h": '__asm__(".incbin \\"blob\\"");\n', "blob": "b"}, unknown=INCBIN)
trap("incbin in a comment", "/* .incbin is not used */\n" + YES, unknown=INCBIN)
trap("-fprofile-use", YES, args="-fprofile-use", clang=None)
trap("-fprofile-use=", YES, args="-fprofile-use=gone", clang=None)
trap("-fsanitize-blacklist", YES, gcc=None, clang="yes.h list", files={"list": "fun:x\n"},
     args="-fsanitize=address -fsanitize-blacklist=list", unknown=("sanitize",))
trap("-specs", ifdef("A"), gcc="yes.h", clang=None, args="-specs=my.specs",
     files={"my.specs": "*cpp:\n+ -DA\n\n"}, unknown=("-specs", "specs"))
trap("-fmodules", YES, gcc=None, clang="yes.h", args="-fmodules -fmodules-cache-path=cache",
     unknown=("module",))
trap("C++20 module line", "export module m;\nint a;\n", gcc="reject", clang="", src="x.cc",
     args="-std=c++20", unknown=("module",))
trap("C++20 import line", "import m;\nint a;\n", "reject", src="x.cc", args="-std=c++20")
trap("import as a name in c++20", "int import(int); int x = 1;\n" + YES, src="x.cc",
     args="-std=c++20", unknown=("module", "import"))
trap("import as a name in c++17", "struct import {}; import\nmodule;\n" + YES, src="x.cc",
     args="-std=c++17")
trap("-fplugin", YES, "reject", args="-fplugin=gone.so")
trap("-save-temps", YES, args="-save-temps=obj", gcc="yes.h", clang="yes.h")
trap("time in a header", '#include "a.h"\n', "a.h", files={"a.h": "const char *t = __TIME__;\n"})
