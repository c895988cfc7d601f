# SPDX-License-Identifier: GPL-3.0-or-later
"""
The scanner against the compilers: a slice of bench/oracle that needs nothing but the packages that
the tests need anyhow. Headers of the C library, the kernel, libstdc++ and the compilers, each
included alone; as C and C++, with gcc and clang; 500 of them, the same each time.
"""

import concurrent.futures
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench"))
from judge import compiler, corpora, tool, verdict  # noqa: E402 - found by the line above

TOOL = os.environ.get("SCAN_TOOL")
COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]
SHARES = (130, 50, 70)  # of the kinds of candidates(), for each compiler
SEED = 3
STANDARDS = ["c99", "gnu11", "c++11", "c++20"]


def of_the_c_library() -> set[str]:
    """Of libc6-dev or linux-libc-dev, and not of whatever else is installed here."""
    listed = subprocess.run(["dpkg-query", "-L", "libc6-dev", "linux-libc-dev"],
                            capture_output=True, text=True, check=False).stdout.split()
    tops = (f"/usr/include/{corpora.MULTIARCH}/", "/usr/include/")
    found = set()
    for path in listed:
        top = next((t for t in tops if path.startswith(t)), None)
        if top and path.endswith(".h"):
            found.add(path.removeprefix(top))
    return found


def candidates(cc):
    """(language, headers): the C library's and the compiler's own, twice; and libstdc++'s."""
    own = set(corpora.headers_below(corpora.own_directory(cc), corpora.NOT_OWN))
    own |= of_the_c_library()
    plain = [h for h in corpora.plain_headers(cc) if h in own]
    return ("c", plain), ("c++", plain), ("c++", corpora.cxx_headers())


def sample(cc, root) -> list[corpora.Unit]:
    """So many for each language and kind of header, each in one mode."""
    rng = random.Random(f"{SEED} {cc}")
    place, units = corpora.Place(root), []
    for share, (language, headers) in zip(SHARES, candidates(cc)):
        some = rng.sample(headers, min(share, len(headers)))
        modes = corpora.modes(STANDARDS, language == "c++")
        for header in some:
            mode = rng.choice(modes)
            flags = [f"-std={mode}"] if mode else []
            units += corpora.alone(place, cc, [header], language, flags, f"{language} {mode} ")
    return units


def judge(units, tool_argv, env) -> dict[str, list]:
    """Verdicts by kind."""
    found: dict[str, list] = {}
    ahead = concurrent.futures.ThreadPoolExecutor(1)  # there are two of us
    with ahead, tool.Tool(tool_argv, env) as running:
        truths = ahead.map(lambda u: compiler.run(u.cwd, list(u.argv), env), units)
        for unit, known_truth in zip(units, truths):
            try:
                scan = running.scan(unit.cwd, list(unit.argv))
                said = verdict.judge(compiler.family(unit.argv[0]), known_truth, scan)
            except tool.ToolFailed as failed:
                said = verdict.Verdict(failed.kind, text=str(failed))
            found.setdefault(said.kind, []).append((unit.name, said))
    return found


@pytest.mark.skipif(not TOOL, reason="SCAN_TOOL is not set")
@pytest.mark.parametrize("cc", COMPILERS)
def test_headers(cc, tmp_path):
    units = sample(cc, tmp_path)
    found = judge(units, [TOOL], tool.plain_environment())
    rejected = found.pop("rejected", [])
    equal = found.pop("equal", [])
    assert found == {}
    assert len(equal) >= len(units) // 2, f"{len(rejected)} of {len(units)} do not compile"
    assert [(n, v.lexical, v.tree) for n, v in equal if v.lexical or v.tree] == []


@pytest.mark.parametrize("cc", COMPILERS)
def test_sample(cc, tmp_path):
    """The slice is as large as it is said to be, and the same each time."""
    units = sample(cc, tmp_path)
    assert len(units) == sum(SHARES)
    assert units == sample(cc, tmp_path)
