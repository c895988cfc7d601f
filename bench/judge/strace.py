# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the compiler really asked the system for, against what the scanner said: nothing read that is
not in the set, nothing looked for in vain that is not among its negatives (scan-tool --absent).

Only the processes that preprocess count (cc1, cc1plus, clang -cc1), not drivers, and not the
assembler; and of what these do, not what belongs to the programs themselves: libraries, locales,
/proc, /dev, what they write.
"""

import os
import re
import subprocess
import tempfile

from . import compiler, verdict
from .tool import Scan

CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += +(-?\d+)(?: (\w+))?")
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
OWN = re.compile(
    r"^/(proc|dev|sys|etc)/|\.so(\.|$)|/locale/|/locale-archive$|/gconv|/nls/|/share/zoneinfo/"
)
PREPROCESSORS = ("cc1", "cc1plus", "cc1obj", "cc1objplus")


class Log:
    def __init__(self) -> None:
        self.read: set[str] = set()  # regular files, opened for reading
        self.absent: set[str] = set()


def _text(quoted: str) -> str:
    raw = quoted.encode("latin-1").decode("unicode_escape").encode("latin-1")
    return os.fsdecode(raw)


def _joined(lines: list[str]):
    """Calls that another process interrupted, in one piece again."""
    begun: dict[str, str] = {}
    for line in lines:
        pid = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            begun[pid] = line[: -len("<unfinished ...>")].rstrip()
        elif "resumed>" in line:
            yield begun.pop(pid, pid + " ") + line.split("resumed>", 1)[1]
        else:
            yield line


def parse(text: str, cwd: str) -> Log:
    log, preprocesses = Log(), set()
    for line in _joined(text.splitlines()):
        match = CALL.match(line)
        if not match:
            continue
        pid, call, args, code, error = match.groups()
        strings = [_text(s) for s in STRING.findall(args)]
        if call == "execve" and code == "0":
            name = os.path.basename(strings[0]) if strings else ""
            wanted = name in PREPROCESSORS or "-cc1" in strings
            (preprocesses.add if wanted else preprocesses.discard)(pid)
            continue
        if pid not in preprocesses or not strings or not strings[0]:
            continue
        path = compiler.absolute(strings[0], cwd)
        if OWN.search(path):
            continue
        if error in ("ENOENT", "ENOTDIR"):
            log.absent.add(path)
        elif call in ("open", "openat") and code[0] != "-" and "O_RDONLY" in args:
            if os.path.isfile(path) and "O_DIRECTORY" not in args:
                log.read.add(path)
    return log


def trace(cwd: str, argv: list[str], env: dict[str, str]) -> tuple[Log, str]:
    with tempfile.TemporaryDirectory(prefix="judge-") as temp:
        command = compiler.real_command(argv, f"{temp}/deps", f"{temp}/object", False)
        if compiler.family(argv[0]) == "clang":
            command.insert(1, "-fno-integrated-cc1")  # a process of its own
        watch = "strace -f -qq -v -s 65536 -e trace=file -e signal=none".split()
        done = subprocess.run(
            [*watch, "-o", f"{temp}/log", *command],
            cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False,
        )
        with open(f"{temp}/log", encoding="latin-1") as f:
            log = parse(f.read(), cwd)
        log.read = {p for p in log.read if not p.startswith(temp + "/")}
        log.absent = {p for p in log.absent if not p.startswith(temp + "/")}
        return log, "" if done.returncode == 0 else done.stderr.decode(errors="replace")


def _place(path: str) -> str:
    """The name in the real directory that it would be in, were there all directories above it."""
    path = verdict.spelled(path)
    folder, name = os.path.split(path)
    if name and not os.path.isdir(folder):
        return os.path.join(_place(folder), name)
    return os.path.join(verdict.real(folder), name)


def _above(path: str):
    while path not in ("", "/"):
        path = os.path.dirname(path)
        yield path


def unsaid(log: Log, scan: Scan, searched: list[str], missing: list[str]) -> tuple[list, list]:
    """Files read outside the set, and vain look-ups outside the negatives."""
    known = {verdict.real(p) for word in ("FILE", "PROBE", "MERGED") for p in scan.paths[word]}
    read = sorted(p for p in log.read if verdict.real(p) not in known)
    tops = {_place(p).rstrip("/") for p in [*searched, *(os.path.dirname(f) for f in scan.file)]}
    not_there = {verdict.spelled(p).rstrip("/") for p in missing}
    said = {_place(p) for p in scan.absent}
    said_below = {above for p in said for above in _above(p)}
    absent = []
    for path in sorted(log.absent):
        spelled, place = verdict.spelled(path).rstrip("/"), _place(path).rstrip("/")
        if spelled in not_there or place in tops:
            continue
        above = set(_above(place))
        if not above & tops:
            continue
        # a directory that is not there and one of its files say the same
        if place in said or place in said_below or above & said:
            continue
        absent.append(path)
    return read, absent
