# SPDX-License-Identifier: GPL-3.0-or-later
"""
A real project, make -j8, two workers: every object is the local build's, byte for byte.
(bench/projects does the same for larger ones, and with -g.)
"""

import sys
from pathlib import Path

import pytest

from harness import procs
from harness.programs import build_dir

sys.path.append(str(Path(__file__).resolve().parents[2] / "bench"))
import corpus  # noqa: E402 - found by the line above

PROJECT = corpus.PROJECTS["lua"]
OPTIONS = ["", ",lzo"]
BUILD_DEADLINE = 5 * procs.DEADLINE


@pytest.fixture(scope="module")
def archive():
    try:
        return corpus.fetch(PROJECT.package, build_dir() / "sources")
    except corpus.NoSource as e:
        pytest.fail(f"the source of a real project cannot be had: {e}", pytrace=False)


def build(client, archive, where, launcher):
    """The objects of a build from scratch."""
    corpus.unpack(PROJECT, archive, where)
    running = client.start(corpus.command(PROJECT, launcher, "", jobs=8), where)
    result = running.wait(BUILD_DEADLINE)
    assert result.code == 0, result.err.decode(errors="replace")[-4000:]
    found = corpus.objects(where)
    assert len(found) >= PROJECT.units
    left = [str(p) for p in where.rglob(".*.distcc-*")]
    assert not left
    return found


def test_objects_are_the_local_ones(lab, archive):
    workers = [lab.worker(jobs=4) for _ in range(2)]
    client = lab.client([w.host(how) for w, how in zip(workers, OPTIONS)])
    where = lab.directory("project") / "lua"
    wanted = build(client, archive, where, "")
    got = build(client, archive, where, str(client.program))
    result = corpus.compare(wanted, got)
    print(result.summary())
    assert not result.missing and not result.different and not result.same_code
    # Both took part, and next to nothing came back.
    compiles = [w.compiles() for w in workers]
    assert min(compiles) > 0 and sum(compiles) >= PROJECT.units - 1
