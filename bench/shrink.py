# SPDX-License-Identifier: GPL-3.0-or-later
"""
Delta debugging of a generated program: fewer files, options, lines, then tokens, as long as the
test still holds.
"""

import re
import time

PIECES = re.compile(rb"\s+|\w+|[^\w\s]")
TESTS_MAX = 4000
SECONDS_MAX = 60.0
PASSES_MAX = 2  # over single items, before the next kind of item has its turn
TOKENS_MAX = 1500


class Budget:
    def __init__(self, test):
        self.test, self.left = test, TESTS_MAX
        self.until = time.monotonic() + SECONDS_MAX

    def holds(self, program) -> bool:
        if self.left <= 0 or time.monotonic() > self.until:
            return False
        self.left -= 1
        return self.test(program)


def reduce_list(items: list, holds) -> list:
    """The shortest list that can be found by leaving out runs of items."""
    size, passes = max(len(items) // 2, 1), 0
    if holds([]):
        return []
    while items:
        at, shorter = 0, False
        while at < len(items):
            trial = items[:at] + items[at + size:]
            if holds(trial):
                items, shorter = trial, True
            else:
                at += size
        if size == 1:
            passes += 1
            if not shorter or passes == PASSES_MAX:
                break
        else:
            size = max(size // 2, 1)
    return items


def with_file(program, path: str, data):
    other = program.copy()
    if data is None:
        del other.files[path]
    else:
        other.files[path] = data
    return other


def option_groups(words: list) -> list:
    """Options with the words that belong to them."""
    out = []
    for word in words:
        if out and len(out[-1]) == 1 and out[-1][0] in (
                "-I", "-D", "-U", "-iquote", "-isystem", "-idirafter", "-include", "-imacros"):
            out[-1].append(word)
        else:
            out.append([word])
    return out


def shrink_options(program, budget):
    def built(groups):
        other = program.copy()
        other.options = [w for g in groups for w in g]
        return other
    return built(reduce_list(option_groups(program.options), lambda g: budget.holds(built(g))))


def shrink_files(program, budget):
    for path in [p for p in program.files if p != program.main]:
        trial = with_file(program, path, None)
        if budget.holds(trial):
            program = trial
    return program


def shrink_pieces(program, budget, cut):
    """cut: bytes -> pieces."""
    for path in sorted(program.files, key=lambda p: p != program.main):
        def built(pieces, path=path, program=program):
            return with_file(program, path, b"".join(pieces))
        pieces = reduce_list(cut(program.files[path]), lambda x: budget.holds(built(x)))
        program = built(pieces)
    return program


def shrink(program, test):
    """program, smaller; itself if it does not pass the test (again)."""
    budget = Budget(test)
    if not budget.holds(program):
        return program
    size = None
    while size != (now := sum(map(len, program.files.values())) + len(program.options)):
        size = now
        program = shrink_files(program, budget)
        program = shrink_pieces(program, budget, lambda data: data.splitlines(keepends=True))
        program = shrink_files(program, budget)
        program = shrink_options(program, budget)
        if sum(map(len, program.files.values())) < TOKENS_MAX:
            program = shrink_pieces(program, budget, PIECES.findall)
    return program
