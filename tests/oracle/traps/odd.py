# SPDX-License-Identifier: GPL-3.0-or-later
"""What an adversary found: rare, and each was once answered wrong."""

from . import YES, trap

trap("directories that are not there", "#include <h.h>\n", "b/h.h", files={"b/h.h": "/* b */\n"},
     args="-Igone -Ib -iquote gone2 -isystem gone3 -idirafter gone4/x",
     absent=("gone", "gone2", "gone3", "gone4/x"))
trap("assembler's file behind others", '.incbin "blob"\n' + YES, src="x.S", args="-Ia -Ib",
     files={"a/": "", "b/blob": "b"}, absent=("blob", "a/blob"))
trap("precompiled form of -include", YES, gcc=None, clang="a.h yes.h", args="-include a.h",
     files={"a.h": "/* a */\n"}, absent=("a.h.gch", "a.h.pch"))
