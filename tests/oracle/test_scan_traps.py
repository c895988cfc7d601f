# SPDX-License-Identifier: GPL-3.0-or-later
"""
Traps for the include scanner (traps/): each is first shown to be one by the compiler itself, and
then put to the scanner, which must say what the compiler's dependency file says.

TRAP_MODES="c99 c++20 …": each row in these language modes too, where what the compiler does is not
foretold but only compared.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "bench"), str(HERE)]
from judge import compiler, tool, verdict  # noqa: E402 - found by the line above
import traps  # noqa: E402 - likewise

TOOL = os.environ.get("SCAN_TOOL")
COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]
ROWS = [(t, c) for t in traps.load().values() for c in COMPILERS if t.want(c) is not None]
each_row = pytest.mark.parametrize("row, cc", ROWS, ids=[f"{t.name}-{c}" for t, c in ROWS])


@pytest.fixture(scope="session")
def shared():
    """One tool for all rows that need no variables: it must not mix them up."""
    with tool.Tool([TOOL, "--absent"], tool.plain_environment()) as running:
        yield running


def compiled(row, argv, root):
    row.make(root)
    env = tool.plain_environment(**row.env)
    cwd = str((root / row.cwd).resolve())
    truth = compiler.run(cwd, argv, env, row.make_object)
    verdict.forget()
    return cwd, env, truth


def scanned(row, cwd, argv, env, request):
    if not row.env:
        return request.getfixturevalue("shared").scan(cwd, argv)
    with tool.Tool([TOOL, "--absent"], env) as own:
        return own.scan(cwd, argv)


def below(root, paths):
    """Names below the root, links resolved; without the source."""
    found = {os.path.relpath(os.path.realpath(p), os.path.realpath(root)) for p in paths}
    return {p for p in found if not p.startswith("../")}


def headers(row, root):
    links = set(row.links)
    files = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    return {f for f in files if f not in links}


def expected(row, want, root):
    """Names may have blanks: the longest file names that the list begins with, one by one."""
    found, known, rest = set(), sorted(headers(row, root), key=len, reverse=True), want
    while rest:
        name = next((k for k in known if rest == k or rest.startswith(k + " ")), None)
        assert name, f"{rest!r} is no list of files of the row"
        found.add(name)
        rest = rest[len(name) + 1 :]
    return found


def check_row(row, cc, root, truth):
    """The compiler does what the row says; and there was something else that it could have done."""
    want = row.want(cc)
    assert truth.accepted == (want != "reject"), truth.text
    if not truth.accepted:
        return
    source = os.path.relpath(os.path.realpath(root / row.cwd / row.source), os.path.realpath(root))
    found = below(root, truth.deps)
    assert found - {source} == expected(row, want, root) - {source}
    assert row.every or headers(row, root) - found - {source}, "nothing was left to be read"


def check_absent(row, root, scan):
    said = {os.path.relpath(p, root) for p in scan.absent}
    assert set(row.absent) <= said
    assert not [p for p in scan.absent if os.path.exists(p)]


def check_scan(row, cc, truth, scan):
    if not truth.accepted:
        return  # what it would have read is nobody's concern; but it has answered
    if scan.outcome == tool.UNKNOWN:
        may = row.unknown and (not row.unknown_for or cc in row.unknown_for)
        assert may, f"cannot know: {scan.reasons}"
        said = " ".join(scan.reasons).lower()
        assert any(word.lower() in said for word in row.unknown), scan.reasons
        return
    judged = verdict.judge(cc, truth, scan)
    assert (judged.missing, judged.extra) == ([], [])
    assert (judged.lexical, judged.tree) == ([], [])


@each_row
def test_trap(row, cc, tmp_path, request):
    argv = row.argv(cc, tmp_path)
    cwd, env, truth = compiled(row, argv, tmp_path)
    check_row(row, cc, tmp_path, truth)
    if TOOL:
        scan = scanned(row, cwd, argv, env, request)
        check_scan(row, cc, truth, scan)
        if scan.outcome != tool.UNKNOWN:
            check_absent(row, tmp_path, scan)


MODES = os.environ.get("TRAP_MODES", "").split()

if MODES and TOOL:

    @pytest.mark.parametrize("mode", MODES)
    @each_row
    def test_other_modes(row, cc, mode, tmp_path, request):
        if not row.source.endswith(".c") or "-x" in row.args or "-ansi" in row.args:
            pytest.skip("has a language of its own")
        driver, *words = row.argv(cc, tmp_path)
        argv = [driver, "-x", "c++" if "++" in mode else "c", *words, "-std=" + mode]
        cwd, env, truth = compiled(row, argv, tmp_path)
        check_scan(row, cc, truth, scanned(row, cwd, argv, env, request))
