# SPDX-License-Identifier: GPL-3.0-or-later
"""
Directories of fake compilers, for a worker's DISTCCD_PATH or a client's PATH. Each holds one
script under every name by which a client may ask for gcc, g++ or clang.
"""

import functools
import os
import re
import select
import subprocess
from pathlib import Path

from . import procs


@functools.cache
def names() -> tuple[str, ...]:
    def ask(*argv):
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    target = ask("/usr/bin/gcc", "-dumpmachine").strip()
    version = ask("/usr/bin/gcc", "-dumpversion").strip()
    plain = ["gcc", "g++", f"gcc-{version}", f"g++-{version}"]
    found = plain + [f"{target}-{name}" for name in plain] + ["cc", "c++"]
    if os.path.exists("/usr/bin/clang"):
        clang = re.search(r"version (\d+)", ask("/usr/bin/clang", "--version"))[1]
        found += ["clang", "clang++", f"clang-{clang}", f"clang++-{clang}"]
    return tuple(found)


def directory(path: Path, body: str) -> Path:
    path.mkdir(parents=True)
    script = path / "script"
    script.write_text("#!/bin/sh\n" + body)
    script.chmod(0o755)
    for name in names():
        (path / name).symlink_to("script")
    return path


# The real compiler of the name by which the script was called.
REAL = 'exec "/usr/bin/${0##*/}" "$@"\n'
CRASH = "kill -SEGV $$\n"


class Spy:
    """The real compilers, and a list of what they were asked to do."""

    def __init__(self, path: Path):
        self.log = path.with_name(path.name + ".log")
        self.log.touch()
        self.log.chmod(0o666)
        self.path = directory(path, f'echo "${{0##*/}} $*" >>{self.log}\n' + REAL)

    def calls(self) -> list[str]:
        return self.log.read_text(errors="replace").splitlines()


class Gate:
    """
    Compilers that say when they have started and go on when they are let. Whoever runs them, the
    test knows their pids and can look whether they are still there.
    """

    def __init__(self, path: Path, then: str = REAL):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.started = self._fifo(path.with_name(path.name + ".started"))
        self.go = self._fifo(path.with_name(path.name + ".go"))
        self.pids: list[int] = []
        self._text = b""
        body = (
            f"echo $$ >{self.started[0]}\n"
            f"read line <{self.go[0]}\n"  # one byte is one line: the readers never share one
            + then
        )
        self.path = directory(path, body)

    @staticmethod
    def _fifo(path: Path):
        os.mkfifo(path)
        path.chmod(0o666)
        return path, os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)

    def wait_started(self, count: int = 1, deadline: float = procs.DEADLINE) -> list[int]:
        """Wait until so many have started in all; their pids."""

        def enough():
            self.poll()
            return len(self.pids) >= count

        procs.eventually(f"{count} compilers started", enough, deadline)
        return self.pids

    def poll(self) -> int:
        """How many have started so far."""
        while select.select([self.started[1]], [], [], 0)[0]:
            self._text += os.read(self.started[1], 4096)
        *lines, self._text = self._text.split(b"\n")
        self.pids += [int(line) for line in lines]
        return len(self.pids)

    def release(self, count: int = 1) -> None:
        os.write(self.go[1], b"\n" * count)

    def close(self) -> None:
        os.close(self.started[1])
        os.close(self.go[1])
