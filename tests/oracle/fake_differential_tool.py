#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Stands in for scan-tool where the differential test itself is tested: it runs a compiler and says
what its depfile lists. Lies are asked for by arguments:

  other       the other compiler's answer: what gcc and clang do not agree on
  miss TEXT   leaves out files whose name has TEXT in it
  extra       one file too many when a condition names V1
  unsure      cannot know, whenever a file has TEXT "__COUNTER__" or "V2" in it
"""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "bench"))
import two_compilers  # noqa: E402  (bench is not a package)
import zygote  # noqa: E402

OTHER = {"gcc": "clang", "clang": "gcc"}


class Command:
    """A command line as two_compilers.Compiler wants it."""

    def __init__(self, args: list):
        self.main = args[-1]
        self.suffix = "." + self.main.rsplit(".", 1)[1]
        self.language = [a for a in args if a.startswith(("-std=", "-f", "-O"))]
        self.options = [a for a in args[:-1] if a not in self.language and a != "-c"]


def answer(cwd: str, compiler: str, args: list, lies: list, compilers: dict) -> list:
    family = pathlib.Path(compiler).name
    if "other" in lies:
        family = OTHER[family]
    paths = compilers[family].depends(cwd, Command(args))
    if paths is None:
        return ["REASON the compiler rejects it", "DONE 1 0"]
    paths = sorted(paths)
    if "other" in lies:  # only gcc reads this of itself
        paths = [p for p in paths if not p.endswith("/stdc-predef.h")]
        if family == "clang" and "-ffreestanding" not in args:
            paths.append("/usr/include/stdc-predef.h")
    if "miss" in lies:
        paths = [p for p in paths if lies[1] not in p]
    sources = b"".join(p.read_bytes() for p in pathlib.Path(cwd).rglob("*") if p.is_file())
    if "extra" in lies and b"V1" in sources:
        paths.append("/usr/include/stdio.h")
    if "unsure" in lies and (b"__COUNTER__" in sources or b"V2" in sources):
        return ["REASON unsure", "DONE 1 0"]
    return ["FILE " + p for p in paths] + ["FLAG fake", "DONE 0 100"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        library = zygote.build(folder)
        compilers = {f: two_compilers.Compiler(f, folder, library) for f in OTHER}
        for line in sys.stdin:
            cwd, compiler, *args = line.rstrip("\n").split("\t")
            print("\n".join(answer(cwd, compiler, args, sys.argv[1:], compilers)), flush=True)
        for compiler in compilers.values():
            compiler.close()


if __name__ == "__main__":
    main()
