#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
A scan-tool that knows the truth, because it compiles; and that lies when told to. For the tests of
the judge. --lie KIND [--every N]: each N-th answer is a lie.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
from judge import compiler, strace, verdict  # noqa: E402 - found by the line above


def links_and_directories(files):
    links, crossed = set(), set()
    for path in files:
        found = verdict.steps(path)
        links.update(found[0])
        crossed.update(found[1])
    return sorted(links), sorted(crossed)


def answer(cwd, argv, lie, absent):
    env = dict(os.environ)
    truth = compiler.run(cwd, argv, env)
    files = list(truth.deps) or [compiler.absolute(argv[-1], cwd)]
    if lie == "crash":
        os._exit(3)
    if lie == "hang":
        time.sleep(3600)
    if lie == "internal":
        return ["REASON the fake is broken", "DONE 2 1"]
    if lie == "gibberish":
        return ["FILES all of them", "DONE 0 1"]
    if lie == "unknown":
        return ["REASON the fake does not know", "DONE 1 1"]
    if lie == "no-reason":
        return ["DONE 1 1"]
    if lie == "missing":
        files.pop()
    if lie == "extra":
        files.append("/etc/passwd")
    if lie == "spelling":
        files[-1] = os.path.dirname(files[-1]) + "/../" + "/".join(files[-1].split("/")[-2:])
    links, crossed = links_and_directories(files)
    lines = ["FILE " + f for f in files] + ["DIRECTORY " + d for d in crossed]
    if lie != "tree":
        lines += ["SYMLINK " + link for link in links]
    if absent:
        log, _ = strace.trace(cwd, argv, env)
        found = sorted(log.absent)
        lines += ["ABSENT " + p for p in (found if lie != "absent" else [])]
        if lie == "unread":
            lines = [x for x in lines if not (x[:5] == "FILE " and x.endswith("/stdio.h"))]
    return [*lines, "FLAG fake", "DONE 0 1.5"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lie")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--absent", action="store_true")
    arguments = parser.parse_args()
    for n, line in enumerate(sys.stdin, 1):
        cwd, *argv = line.rstrip("\n").split("\t")
        lie = arguments.lie if n % arguments.every == 0 else None
        print("\n".join(answer(cwd, argv, lie, arguments.absent)), flush=True)


if __name__ == "__main__":
    main()
