# SPDX-License-Identifier: GPL-3.0-or-later
"""
A directory of source in which the same command is run once locally and once through distcc, and
everything it left is compared: exit code, what it printed, the set of files and their bytes.
"""

import dataclasses
import os
import re
from pathlib import Path

# Lines that distcc adds to a compiler's output: "distcc[123] (event) Warning: text", "distcc: text"
NOTE = re.compile(rb"^distcc(d|-agent)?(\[\d+\]|:) .*\n", re.MULTILINE)


@dataclasses.dataclass
class Outcome:
    code: int
    out: bytes
    err: bytes
    files: dict[str, bytes]  # new or changed, by path relative to the tree
    modes: dict[str, int]

    def without_notes(self) -> "Outcome":
        return dataclasses.replace(self, err=NOTE.sub(b"", self.err))

    def messages(self) -> list[bytes]:
        """The diagnostics without the excerpts of source below them."""
        return [line for line in self.err.splitlines() if re.match(rb"^\S+:( |\d)", line)]


def differences(got: Outcome, wanted: Outcome) -> list[str]:
    found = []
    for name in ("code", "out", "err"):
        a, b = getattr(got, name), getattr(wanted, name)
        if a != b:
            found.append(f"{name}: {_show(a)}\n  instead of {_show(b)}")
    for path in sorted(wanted.files.keys() - got.files.keys()):
        found.append(f"{path}: missing")
    for path in sorted(got.files.keys() - wanted.files.keys()):
        found.append(f"{path}: should not be there ({len(got.files[path])} bytes)")
    for path in sorted(got.files.keys() & wanted.files.keys()):
        if got.files[path] != wanted.files[path]:
            a, b = got.files[path], wanted.files[path]
            if path.endswith(".d"):
                found.append(f"{path}: {_show(a)}\n  instead of {_show(b)}")
            else:
                found.append(f"{path}: other bytes ({len(a)} instead of {len(b)})")
        if got.modes[path] != wanted.modes[path]:
            found.append(f"{path}: mode {got.modes[path]:o} instead of {wanted.modes[path]:o}")
    return found


def _show(value) -> str:
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def assert_same(got: Outcome, wanted: Outcome) -> None:
    found = differences(got, wanted)
    assert not found, "not as a local compile:\n" + "\n".join(found)


class Tree:
    def __init__(self, path: Path, files: dict):
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.source = self.snapshot()

    def snapshot(self) -> dict[str, bytes]:
        return {
            str(f.relative_to(self.path)): f.read_bytes()
            for f in sorted(self.path.rglob("*"))
            if f.is_file()
        }

    def changes(self) -> tuple[dict[str, bytes], dict[str, int]]:
        """New and changed files, and then the tree as it was before."""
        now = self.snapshot()
        assert not self.source.keys() - now.keys(), "source files are gone"
        files = {n: c for n, c in now.items() if self.source.get(n) != c}
        modes = {n: os.stat(self.path / n).st_mode & 0o7777 for n in files}
        for name in files:
            if name in self.source:
                (self.path / name).write_bytes(self.source[name])
            else:
                (self.path / name).unlink()
        return files, modes
