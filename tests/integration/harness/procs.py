# SPDX-License-Identifier: GPL-3.0-or-later
"""
Processes, and nothing of them left.

This process is the subreaper of everything it starts: a daemon that detaches, an agent, a compiler
whose parent was killed all become its children and stay its descendants. So "is anything left" has
an exact answer, which no pattern over command lines has.

Adopted children are reaped here and nowhere else, in wait() and in eventually(): a program that
waits for a process to disappear would otherwise wait for a zombie.
"""

import ctypes
import os
import select
import signal
import subprocess
import time

PR_SET_CHILD_SUBREAPER = 36

# What one step of a test may take before it counts as hanging. Generous: it is only reached by
# failures, and machines are shared and sanitizers slow.
DEADLINE = float(os.environ.get("DISTCC_TEST_DEADLINE", "60"))

_ours: set[int] = set()  # children that a Popen waits for


def become_subreaper() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def interruptible() -> None:
    """What a shell starts with & ignores SIGINT, and so would all that is started from here."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


class Hangs(AssertionError):
    """Something did not come about in time."""


def spawn(argv, **popen_args) -> subprocess.Popen:
    process = subprocess.Popen([str(a) for a in argv], **popen_args)
    _ours.add(process.pid)
    return process


def children(pid: int) -> set[int]:
    """Of all its threads; zombies too. No children if it has ended."""
    found: set[int] = set()
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return found
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                found.update(int(child) for child in f.read().split())
        except (FileNotFoundError, ProcessLookupError):
            pass  # a thread that has ended
    return found


def reap_adopted() -> None:
    for pid in children(os.getpid()) - _ours:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass


def wait(process: subprocess.Popen, deadline: float = DEADLINE) -> int:
    """The exit code as a shell would say it. Kills the process and raises Hangs when late."""
    end = time.monotonic() + deadline
    try:
        while not wait_pid(process.pid, 0.02):
            reap_adopted()
            if time.monotonic() > end:
                process.kill()
                raise Hangs(f"still running after {deadline} s: {process.args}")
        return shell_code(process.wait())
    finally:
        process.wait()
        _ours.discard(process.pid)
        reap_adopted()


def shell_code(code: int) -> int:
    return 128 - code if code < 0 else code


def wait_pid(pid: int, seconds: float) -> bool:
    """Has the process ended (a zombie has) within this time?"""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], seconds)[0])
    finally:
        os.close(fd)


def eventually(what: str, condition, deadline: float = DEADLINE):
    """The first true value of condition(); for what no descriptor can be waited on."""
    end = time.monotonic() + deadline
    while True:
        reap_adopted()
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Hangs(f"not within {deadline} s: {what}")
        select.select([], [], [], 0.005)


class Stat:
    def __init__(self, text: str):
        # pid (comm) state ppid ...; comm may hold anything, so cut at the last ')'
        head, _, tail = text.rpartition(")")
        self.comm = head.partition("(")[2]
        fields = tail.split()
        self.state = fields[0]
        self.parent = int(fields[1])
        # utime, stime, cutime, cstime in clock ticks
        self.ticks = tuple(int(f) for f in fields[11:15])
        self.start = int(fields[19])


def stat(pid: int) -> Stat | None:
    """None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return Stat(f.read())
    except (FileNotFoundError, ProcessLookupError):
        return None


def processes() -> dict[int, Stat]:
    every = {int(name): stat(int(name)) for name in os.listdir("/proc") if name.isdigit()}
    return {pid: its for pid, its in every.items() if its}


def descendants(root: int | None = None) -> dict[int, Stat]:
    """
    Living ones (zombies are not) of a process; by default of this one. The children of one that
    ends meanwhile become those of one above it: so until none of them has new ones.
    """
    root = root or os.getpid()
    seen = {root}
    while new := set().union(*map(children, seen)) - seen:
        seen |= new
    every = {pid: stat(pid) for pid in seen - {root}}
    return {pid: its for pid, its in every.items() if its and its.state not in "ZX"}


def command_line(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def environment(pid: int) -> list[str]:
    """As it was at the program's start."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            return f.read().decode(errors="replace").split("\0")
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    its = stat(pid)
    return its is not None and its.state not in "ZX"


def kill_all(pids) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
