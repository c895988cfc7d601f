# SPDX-License-Identifier: GPL-3.0-or-later
"""
Traps for the include scanner: small trees whose right answer is easily missed. Each row says what
a real compile reads of the tree, by compiler; the test has that confirmed by the compiler itself,
and then asks the scanner.
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

FIRST_MTIME = 1_000_000_000  # of the first file; each next one is a second younger

TRAPS: dict[str, "Trap"] = {}


@dataclasses.dataclass
class Trap:
    """
    gcc, clang: files of the tree that the compile lists, beside the source, as real paths; "reject"
    where the compiler does; None where the row is not for it.
    unknown: the scanner may answer "cannot know" if its reason has one of these words. Only for
    what the reference says cannot be told from the text, or is not worth it.
    absent: names that must be among what the scanner says must not be there.
    every: nothing of the tree is left unread. (Else something must be, or the row shows nothing.)
    """

    name: str
    source: str
    gcc: str | None
    clang: str | None
    args: str
    files: dict[str, str | bytes]
    links: dict[str, str]
    hard: dict[str, str]
    mtimes: dict[str, float]
    env: dict[str, str]
    cwd: str
    unknown: tuple[str, ...]
    unknown_for: tuple[str, ...]
    absent: tuple[str, ...]
    every: bool
    make_object: bool
    setup: Callable[[Path], None] | None

    def want(self, compiler: str) -> str | None:
        return self.clang if "clang" in compiler else self.gcc

    def argv(self, compiler: str, root: Path) -> list[str]:
        words = self.args.replace("@ROOT@", str(root)).split()
        name = Path(self.source).suffix
        driver = {"gcc": "g++", "clang": "clang++"}[compiler] if name in CXX else compiler
        inputs = [] if "@SOURCE@" in words else [self.source]
        words = [self.source if w == "@SOURCE@" else w for w in words]
        return [driver, "-w", "-c", *words, *inputs]

    def make(self, root: Path) -> None:
        for number, (name, text) in enumerate(self.files.items()):
            path = root / name
            if name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            data = text if isinstance(text, bytes) else text.encode("utf-8")
            path.write_bytes(data.replace(b"@ROOT@", os.fsencode(root)))
            os.utime(path, (FIRST_MTIME + number, FIRST_MTIME + number))
        for name, target in self.hard.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            os.link(root / target, root / name)
        for name, target in self.links.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).symlink_to(target.replace("@ROOT@", str(root)))
        for name, when in self.mtimes.items():
            os.utime(root / name, ns=(int(when * 1000) * 10**6, int(when * 1000) * 10**6))
        if self.setup:
            self.setup(root)


CXX = {".cc", ".cpp"}


def trap(name, text, want="yes.h", *, gcc=..., clang=..., args="", src="x.c", files=None,
         links=None, hard=None, mtimes=None, env=None, cwd=".", unknown=(), unknown_for=(),
         absent=(), every=False, make_object=False, setup=None):
    """A row. text: of the source; yes.h and no.h lie beside it unless files has them."""
    assert name not in TRAPS, name
    folder = str(Path(src).parent)
    beside = "" if folder == "." else folder + "/"
    tree = {src: text} if text is not None else {}
    tree |= {beside + "yes.h": "/* yes */\n", beside + "no.h": "/* no no */\n"}
    tree |= files or {}
    tree = {k: v for k, v in tree.items() if v is not None}
    words = (unknown,) if isinstance(unknown, str) else tuple(unknown)
    source = os.path.relpath(src, cwd)
    TRAPS[name] = Trap(
        name, source, want if gcc is ... else gcc, want if clang is ... else clang, args, tree,
        links or {}, hard or {}, mtimes or {}, env or {}, cwd, words,
        (unknown_for,) if isinstance(unknown_for, str) else tuple(unknown_for),
        tuple(absent), every, make_object, setup,
    )


def when(condition: str) -> str:
    return f'#if {condition}\n#include "yes.h"\n#else\n#include "no.h"\n#endif\n'


def ifdef(name: str) -> str:
    return f'#ifdef {name}\n#include "yes.h"\n#else\n#include "no.h"\n#endif\n'


YES, NO = '#include "yes.h"\n', '#include "no.h"\n'


def load() -> dict[str, Trap]:
    from . import conditions, files, includes, lexing, macros, odd, options, search  # noqa: F401

    return TRAPS
