# SPDX-License-Identifier: GPL-3.0-or-later
"""
What it cost: processor time of processes, whoever started and whoever reaped them; and records of
it, one JSON object a line.
"""

import json
import os
import platform
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "integration"))
from harness import procs  # noqa: E402 - found by the line above

TICK = 1.0 / os.sysconf("SC_CLK_TCK")


def tree_seconds(roots) -> float:
    """
    User and system time of these processes, of what lives below them, and of what each has reaped.
    What ended unreaped or was adopted by others is missing: our daemons reap all they start.
    """
    total = 0
    for root in roots:
        for pid in {root, *procs.descendants(root)}:
            if its := procs.stat(pid):
                total += sum(its.ticks)
    return total * TICK


def run_ms(roots) -> float:
    """
    As tree_seconds, in milliseconds and to the nanosecond for what the living threads of these
    processes did: a job of a daemon costs less than a tick.
    """
    total = 0.0
    for root in roots:
        for pid in {root, *procs.descendants(root)}:
            if its := procs.stat(pid):
                total += 1000 * TICK * sum(its.ticks[2:])
                total += sum(_thread_ns(task) for task in Path(f"/proc/{pid}/task").glob("*")) / 1e6
    return total


def _thread_ns(task) -> int:
    try:
        return int((task / "schedstat").read_text(encoding="ascii").split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def start(argv, cwd, env) -> int:
    """Without a fork of this large process in between; output goes nowhere."""
    actions = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)]
    here = os.getcwd()
    os.chdir(cwd)
    try:
        return os.posix_spawn(argv[0], argv, env, file_actions=actions)
    finally:
        os.chdir(here)


def at_once(jobs: int, commands, cwd, env) -> tuple[float, float, list[int]]:
    """As make -jJOBS: wall seconds, seconds of processor time, the exit codes that were not 0."""
    waiting, running = list(reversed(commands)), set()
    cpu, bad = 0.0, []
    begin = time.monotonic()
    while waiting or running:
        while waiting and len(running) < jobs:
            running.add(start(waiting.pop(), cwd, env))
        pid, status, usage = os.wait4(-1, 0)
        if pid not in running:
            continue  # a stranger's child that this subreaper has adopted
        running.remove(pid)
        cpu += usage.ru_utime + usage.ru_stime
        if status != 0:
            bad.append(os.waitstatus_to_exitcode(status))
    return time.monotonic() - begin, cpu, bad


class Results:
    """One file of JSON lines for each kind of measurement, in a directory."""

    def __init__(self, directory: Path):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.machine = {
            "cpus": len(os.sched_getaffinity(0)),
            "kernel": platform.release(),
            "load": os.getloadavg()[0],
        }

    def add(self, kind: str, **record) -> None:
        record = {"time": round(time.time()), "machine": self.machine, **record}
        with open(self.directory / f"{kind}.jsonl", "a", encoding="utf-8") as f:
            f.write(json.dumps(record) + "\n")

    def read(self, kind: str) -> list[dict]:
        try:
            text = (self.directory / f"{kind}.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines()]


def table(heads, rows) -> str:
    """Markdown, with the columns aligned."""
    cells = [[str(c) for c in row] for row in [heads, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(lines)
