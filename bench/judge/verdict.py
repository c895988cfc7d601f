# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the scanner said against what the compiler did. The two compilers' dependency files differ by
design, and that is modelled and not excused: gcc lists what it read; clang lists too what a
__has_include found, and each name of a file that it did not read a second time.

Sets are compared by realpath; and apart from that by spelling, in which only "//" and "/./" are
normalised (both compilers strip a leading "./" of what they list).
"""

import dataclasses
import functools
import os
import re

from .compiler import Truth
from .tool import EXACT, Scan

LISTED = {"gcc": ("FILE",), "clang": ("FILE", "PROBE", "MERGED")}


@dataclasses.dataclass
class Verdict:
    """kind: equal, different, unknown, rejected; or crash, hang, internal, protocol."""

    kind: str
    missing: list[str] = dataclasses.field(default_factory=list)
    extra: list[str] = dataclasses.field(default_factory=list)
    lexical: list[str] = dataclasses.field(default_factory=list)  # "-path", "+path"
    tree: list[str] = dataclasses.field(default_factory=list)  # links, directories not told
    reasons: list[str] = dataclasses.field(default_factory=list)
    text: str = ""


def spelled(path: str) -> str:
    return re.sub(r"/(\./|/)*", "/", path)


@functools.lru_cache(1 << 18)
def real(path: str) -> str:
    return os.path.realpath(path)


def forget() -> None:
    """Files have changed: nothing of what was looked up holds."""
    real.cache_clear()
    steps.cache_clear()


@functools.lru_cache(1 << 18)
def steps(path: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Links on the way, by their own real place; and real directories that a ".." leaves."""
    links, crossed, at = [], [], "/"
    todo = [p for p in reversed(path.split("/")) if p not in ("", ".")]
    for _ in range(4096):
        if not todo:
            break
        name = todo.pop()
        if name == "..":
            crossed.append(at)
            at = os.path.dirname(at)
            continue
        here = os.path.join(at, name)
        if os.path.islink(here):
            links.append(here)
            text = os.readlink(here)
            at = "/" if text.startswith("/") else at
            todo += [p for p in reversed(text.split("/")) if p not in ("", ".")]
        else:
            at = here
    return tuple(links), tuple(crossed)


def _in_real_directory(path: str) -> str:
    return os.path.join(real(os.path.dirname(path)), os.path.basename(path))


def untold(scan: Scan) -> list[str]:
    """
    Links and directories that a copy of the tree would lack: each FILE must be found under its
    spelled path where there are only the listed files, links and directories.
    """
    links = {_in_real_directory(p) for p in scan.symlink}
    there = set()
    for path in [*scan.file, *(p + "/." for p in scan.directory), *links]:
        at = os.path.dirname(real(path) if path not in links else path)
        if path.endswith("/."):
            at = real(path)
        while at not in there:
            there.add(at)
            at = os.path.dirname(at)
    found = set()
    for path in scan.file:
        for link in steps(path)[0]:
            if link not in links:
                found.add(f"SYMLINK {link}")
        for directory in steps(path)[1]:
            if directory not in there:
                found.add(f"DIRECTORY {directory}")
    return sorted(found)


def judge(family: str, truth: Truth, scan: Scan) -> Verdict:
    if not truth.accepted:
        return Verdict("rejected", text=truth.text)
    if scan.outcome != EXACT:
        return Verdict("unknown", reasons=scan.reasons)
    said = [p for word in LISTED[family] for p in scan.paths[word]]
    # What another part of the compiler reads (lists of sanitizers) may be listed, or not.
    beside = {f.removeprefix("extra:") for f in scan.flags if f.startswith("extra:")}
    beside -= set(said)
    want, got = {real(p) for p in truth.deps} - {real(p) for p in beside}, {real(p) for p in said}
    missing, extra = sorted(want - got), sorted(got - want)
    want = {spelled(p) for p in truth.deps} - {spelled(p) for p in beside}
    got = {spelled(p) for p in said}
    lexical = sorted([*("-" + p for p in want - got), *("+" + p for p in got - want)])
    verdict = Verdict("different" if missing or extra else "equal", missing, extra, lexical)
    verdict.tree = untold(scan)
    return verdict
