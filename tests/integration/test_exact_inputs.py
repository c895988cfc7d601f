# SPDX-License-Identifier: GPL-3.0-or-later
"""
Exact mode, in breadth: what kinds of inputs and outputs it takes as a local compile does, and what
it leaves to another way, with a reason. All that a command leaves and says is held against a local
compile's.
"""

import shutil

import pytest

from harness import procs
from harness.tree import Outcome, differences

pytestmark = pytest.mark.ours

SOURCE = '#include "a.h"\n#include <stddef.h>\nint f(void) { return A + (int)sizeof(size_t); }\n'
FILES = {"u.c": SOURCE, "a.h": "#define A 1\n", "build/x": "", "out/deep/x": ""}


@pytest.fixture
def worker(lab):
    return lab.exact_worker()


@pytest.fixture
def client(lab):
    return lab.exact_client


def outcome(tree, running):
    result = running.wait()
    return Outcome(result.code, result.out, result.err, *tree.changes())


def compiled(client, tree, line, reason, cwd="", **env):
    """
    The outcome of the line ("$" is the tree), which is the compiler's own, and which came about as
    the reason says.
    """
    argv = line.replace("$", str(tree.path)).split()
    wanted = outcome(tree, client.start(argv, tree.path / cwd, **env))

    def as_expected():
        got = outcome(tree, client.start([client.program, *argv], tree.path / cwd, **env))
        assert not differences(got, wanted)
        return client.last_job()["reason"] == reason

    # A result is kept behind the user's back: the next may come before it is.
    if reason == "cached":
        procs.eventually("it is kept", as_expected)
    else:
        assert as_expected(), client.jobs()
    return wanted


def three_ways(lab, worker, client, tree, line, cwd="", **env):
    """By a worker, from what is kept of that, and from what is kept of a compile here."""
    one = client([worker])
    wanted = compiled(one, tree, line, "exact", cwd, **env)
    assert wanted.code == 0
    compiled(one, tree, line, "cached", cwd, **env)
    alone = client()
    compiled(alone, tree, line, "no-hosts", cwd, **env)
    compiled(alone, tree, line, "cached", cwd, **env)
    return wanted


ELSEWHERE = [
    ("build", "gcc -g -c ../u.c -o ../out/u.o"),
    ("build", "gcc -g -MD -MF $/out/u.d -c $/u.c -o $/out/deep/u.o"),
    ("build", "gcc -g -MMD -c ../u.c -o ../out/u.o"),
    ("build", "gcc -Wp,-MMD,../out/.u.o.d -c ../u.c -o u.o"),
    ("build", "gcc -frandom-seed=1 -gsplit-dwarf -c ../u.c -o ../out/u.o"),
    ("build", "gcc -frandom-seed=1 --coverage -c ../u.c -o $/out/u.o"),
    ("build", "gcc -fstack-usage -c ../u.c -o ../out/deep/../u.o"),
    ("build", "gcc -S ../u.c -o ../u.s"),
    ("build", "clang -g -gsplit-dwarf -MD -c ../u.c -o ../out/u.o"),
    ("build", "clang --coverage -c ../u.c -o ../out/u.o"),
    ("", "gcc -g -c u.c -o ./out//deep/../u.o"),
    ("out/deep", "gcc -g -I../.. -c ../../u.c -o ../../u.o"),
    ("out/deep", "gcc -g -c ../../u.c -o ../../link/u.o"),
    ("link", "gcc -g -c ../u.c -o ../u.o"),
    ("link", "clang -g -c ../u.c -o ../out/u.o"),
]


@pytest.mark.parametrize("cwd, line", ELSEWHERE, ids=lambda s: s)
def test_outputs_elsewhere(lab, worker, client, cwd, line):
    tree = lab.tree(FILES)
    (tree.path / "link").symlink_to("build")
    three_ways(lab, worker, client, tree, line, cwd)


def test_output_of_another_tree(lab, worker, client):
    """A directory that has nothing to do with the source, as builds out of tree have it."""
    tree, place = lab.tree(FILES), lab.directory("o")
    argv = ["gcc", "-g", "-MD", "-c", "u.c", "-o", f"{place}/u.o"]

    def made(run):
        assert run.wait().code == 0
        got = {name: (place / name).read_bytes() for name in ("u.o", "u.d")}
        shutil.rmtree(place)
        place.mkdir()
        return got

    one = client([worker])
    wanted = made(one.start(argv, tree.path))
    for reason in ("exact", "cached"):
        def same(reason=reason):
            assert made(one.start([one.program, *argv], tree.path)) == wanted
            return one.last_job()["reason"] == reason

        procs.eventually(reason, same)


@pytest.mark.parametrize("line", ["gcc -c u.c -o nowhere/u.o", "gcc -MD -MF nowhere/u.d -c u.c",
                                  "gcc -c u.c -o u.c/u.o", "gcc -c u.c -o out/"])
def test_output_that_cannot_be(lab, worker, client, line):
    """It is the compiler that says so."""
    one, tree = client([worker]), lab.tree(FILES)
    argv = line.split()
    wanted = outcome(tree, one.start(argv, tree.path))
    got = outcome(tree, one.start([one.program, *argv], tree.path))
    assert wanted.code != 0 and not differences(got, wanted)
    assert one.last_job()["where"] == "local"
