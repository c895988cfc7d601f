# SPDX-License-Identifier: GPL-3.0-or-later
"""Proof in the field: exact compiles that are looked at more closely, and what is remembered of it."""

import contextlib
import os
import shutil
import sqlite3

import pytest

from harness import procs
from harness.exact import make_client
from harness.tree import differences

pytestmark = pytest.mark.ours

SOURCE = '#include "a.h"\n#include <stddef.h>\nint f(void) { return A + (int)sizeof(size_t); }\n'
ARGV = ("gcc", "-g", "-O1", "-c", "u.c", "-o", "u.o")
FIRST = 20


@pytest.fixture
def worker(old_worker):
    return old_worker


@pytest.fixture
def client(lab):
    """A function that gives a user whose compiles go the exact way, with a place for memories."""
    def make(hosts=(), **env):
        one = make_client(lab, hosts, **env)
        one.memory = lab.root / one.env["DISTCC_CACHE_DIR"] / "verify"
        return one

    return make


@pytest.fixture
def liar(lab, worker):
    """A function that puts a liar before the worker."""
    module = pytest.importorskip("harness.liar")

    def make(how, *args):
        return lab.closing(module.Liar(worker.port, getattr(module, how)(*args)))

    make.encoded = module.encoded
    return make


def units(lab, **more):
    return lab.tree({"u.c": SOURCE, "a.h": "#define A 1\n", **more})


def rows(client, table):
    with contextlib.closing(sqlite3.connect(client.memory / "verify.sqlite")) as db:
        return db.execute(f"SELECT value FROM {table}").fetchall()


def compiled(client, tree, *argv, reason):
    """What it leaves is what the compiler leaves. What was said beside that is returned."""
    argv = argv or ARGV
    wanted, got = client.lab.local(tree, *argv), client.compile(tree, *argv)
    ours = [line for line in got.err.splitlines(True) if line.startswith(b"distcc[")]
    said = b"".join(ours)
    got.err = b"".join(line for line in got.err.splitlines(True) if line not in ours)
    assert not differences(got, wanted)
    assert client.last_job()["reason"] == reason, (client.jobs(), said)
    return said.decode()


# ---- look-ups ----

COMPILERS = [("gcc", "-g"), ("g++", "-x", "c++"), ("clang",), ("clang++", "-x", "c++"),
             ("gcc", "-MD", "-Inowhere", "-flto", "-frandom-seed=1", "-fsanitize=address")]


@pytest.mark.parametrize("argv", COMPILERS, ids=" ".join)
def test_nothing_is_missed(lab, worker, client, argv):
    """The first of new compiler facts are reported, and then no more than a few."""
    text = "#include <errno.h>\n#include <limits.h>\n#include <stdio.h>\n"
    one, tree = client([worker], DISTCC_CACHE_SIZE=0), units(lab, **{"u.c": text + SOURCE})
    for i in range(FIRST + 2):
        argv_i = (*argv, f"-DN={i}", "-c", "u.c", "-o", "u.o")
        assert not compiled(one, tree, *argv_i, reason="exact")
    assert rows(one, "facts") == [(FIRST,)]
    assert rows(one, "doubts") == []


def test_only_the_first_are_asked_for(lab, client, liar):
    """An unknown header is no reason to do anything else: here it is lost on the way."""
    def nothing(result):
        del result.execution_metadata.auxiliary_metadata[:]

    there = liar("other_lookups", b"")
    one, tree = client([there], DISTCC_CACHE_SIZE=0), units(lab)
    for i in range(FIRST):
        assert not compiled(one, tree, "gcc", f"-DN={i}", *ARGV[1:], reason="exact")
    # Before them the server was asked for a proof of its root.
    assert there.asked == [False] + [True] * FIRST
    there.change = nothing
    for i in range(40):
        assert not compiled(one, tree, "gcc", f"-DM={i}", *ARGV[1:], reason="exact")
    assert sum(there.asked) - FIRST < 12
    assert rows(one, "facts") == [(FIRST,)]


def test_what_nobody_tells(lab, client, liar):
    """It is no worker of ours, or an older one: its results are taken, and are no proof."""
    there = liar("other_lookups", b"")
    there.change = lambda result: result.execution_metadata.Clear()
    one, tree = client([there]), units(lab)
    assert not compiled(one, tree, reason="exact")
    assert rows(one, "facts") == []


# Made of pieces by the assembler itself, so that nobody who reads it sees a name. What it reads is
# the first of that name on the search path; a file of that name is there for another reason too.
HIDDEN = r'''
#include "second/blob.h"
__asm__(".macro m a, b\n.\\a\\b \"blob.h\"\n.endm\nm inc, bin\n");
int f(void) { return 1; }
'''
HIDDEN_ARGV = ("gcc", "-Ifirst", "-Isecond", "-c", "u.c", "-o", "u.o")


def hidden(lab):
    return lab.tree({"u.c": HIDDEN, "first/blob.h": "FIRST", "second/blob.h": "/* SECOND */\n"})


def test_a_file_that_was_not_foreseen(lab, worker, client):
    """The silent case: without it another one is read there."""
    one, tree = client([worker]), hidden(lab)
    said = compiled(one, tree, *HIDDEN_ARGV, reason="exact-doubted")
    assert "first/blob.h" in said and "not found there, and is here" in said
    assert rows(one, "facts") == [] and len(rows(one, "doubts")) == 1
    # Said once, and not asked again, by the next agent neither.
    assert not compiled(one, tree, *HIDDEN_ARGV, reason="doubted-before")
    one.stop()
    assert not compiled(one, tree, *HIDDEN_ARGV, reason="doubted-before")
    # Until it is another compile.
    said = compiled(one, tree, *HIDDEN_ARGV[:-4], "-DA", *HIDDEN_ARGV[-4:], reason="exact-doubted")
    assert "first/blob.h" in said
    (tree.path / "first/blob.h").unlink()
    (tree.path / "second/blob.h").write_text("/* THIRD */\n")
    tree.source = tree.snapshot()
    assert not compiled(one, tree, *HIDDEN_ARGV, reason="exact")
    assert rows(one, "facts") == [(1,)]


def test_it_is_asked_each_time(lab, worker, client):
    """Whatever was right before: of this one it is never left to chance, and no key stands for it."""
    one, tree = client([worker]), hidden(lab)
    (tree.path / "v.c").write_text("int v;\n")
    tree.source = tree.snapshot()
    for i in range(FIRST + 1):
        compiled(one, tree, "gcc", f"-DN={i}", "-c", "v.c", "-o", "v.o", reason="exact")
    for i in range(3):
        compiled(one, tree, *HIDDEN_ARGV[:-4], f"-DA={i}", *HIDDEN_ARGV[-4:],
                 reason="exact-doubted")
    (tree.path / "first/blob.h").unlink()
    tree.source = tree.snapshot()
    for _ in range(2):
        assert not compiled(one, tree, *HIDDEN_ARGV, reason="exact")
    (tree.path / "first/blob.h").write_text("FIRST")
    tree.source = tree.snapshot()
    compiled(one, tree, *HIDDEN_ARGV, reason="exact-doubted")


def test_nobody_tells_what_an_assembler_looked_for(lab, client, liar):
    there = liar("other_lookups", b"")
    there.change = lambda result: result.execution_metadata.Clear()
    one, tree = client([there]), hidden(lab)
    compiled(one, tree, *HIDDEN_ARGV, reason="exact-unseen")
    compiled(one, tree, *HIDDEN_ARGV, reason="doubted-before")


def test_a_doubt_begins_the_count_anew(lab, worker, client):
    one, tree = client([worker]), hidden(lab)
    (tree.path / "v.c").write_text("int v;\n")
    tree.source = tree.snapshot()
    for i in range(3):
        compiled(one, tree, "gcc", f"-DN={i}", "-c", "v.c", "-o", "v.o", reason="exact")
    assert rows(one, "facts") == [(3,)]
    compiled(one, tree, *HIDDEN_ARGV, reason="exact-doubted")
    assert rows(one, "facts") == [(0,)]


def test_a_header_that_appears_while_it_is_compiled(lab, worker, client):
    """What was found right when it was sent is not right any more when it comes back."""
    body = "".join(f"int g{i}(int x) {{ return x / {i + 1}; }}\n" for i in range(600))
    tree = lab.tree({"u.c": '#include <b.h>\nint b = B;\n' + body, "second/b.h": "#define B 2\n",
                     "first/x.h": ""})
    one = client([worker])
    argv = ("gcc", "-O1", "-Ifirst", "-Isecond", "-c", "u.c", "-o", "u.o")
    running = one.start([one.program, *argv], tree.path)
    procs.eventually("it is compiled there", lambda: any(
        "cc1" in procs.command_line(pid) for pid in procs.descendants(worker.process.pid)))
    (tree.path / "first/b.h").write_text("#define B 1\n")
    result = running.wait()
    assert result.code == 0 and b"first/b.h" in result.err, result.err
    made = (tree.path / "u.o").read_bytes()
    assert one.last_job()["reason"] == "exact-doubted"
    (tree.path / "u.o").unlink()
    tree.source = tree.snapshot()
    assert made == lab.local(tree, *argv).files["u.o"]


def test_cached_there_and_told_to_another(lab, worker, client):
    """The report is kept with the result: the second user holds it against his own machine."""
    tree = units(lab)
    for _ in range(2):
        one = client([worker])
        assert not compiled(one, tree, reason="exact")
        assert rows(one, "facts") == [(1,)]


LIES = {
    "a file that is here": lambda e, tree: e([str(tree.path / "a.h")]),
    "a directory that is here": lambda e, tree: e(["/usr"]),
    "no list": lambda e, tree: b"\xff\xff\xff\xff",
    "more than there may be": lambda e, tree: e(["/none"] * 40000),
    "a path that is too long": lambda e, tree: e(["/none/" + "x" * 5000]),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies_about_look_ups(lab, client, liar, lie):
    tree = units(lab)
    there = liar("other_lookups", LIES[lie](liar.encoded, tree))
    one = client([there])
    said = compiled(one, tree, reason="exact-doubted")
    assert "look-ups cannot be read" in said or "is here" in said
    # Another unit is asked for, and its look-ups are.
    there.change = lambda result: None
    assert not compiled(one, tree, "gcc", "-DX", *ARGV[1:], reason="exact")
    assert there.asked == [False, True, True]


# ---- twice ----


@pytest.mark.parametrize("hosts", [True, False], ids=["worker", "cache"])
@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_twice_and_the_same(lab, worker, client, hosts, cc):
    text = '#warning said\nint f(void) { int unused; return 1; }\n'
    one, tree = client([worker] if hosts else (), DISTCC_VERIFY="100%"), lab.tree({"u.c": text})
    argv = (cc, "-g", "-Wall", "-MD", "-c", "u.c", "-o", "u.o")
    assert not compiled(one, tree, *argv, reason="verified" if hosts else "no-hosts")
    # What was kept is compiled too.
    procs.eventually("it is kept", lambda: (
        not compiled_as_ever(one, tree, argv) and one.last_job()["where"] == "cache"))
    assert one.last_job()["reason"] == "verified"
    one.env["DISTCC_VERIFY"] = "0"
    assert not compiled(one, tree, *argv, reason="cached")
    assert not (one.memory / "bundles").exists()


def compiled_as_ever(client, tree, argv):
    return differences(client.compile(tree, *argv), client.lab.local(tree, *argv))


def test_twice_and_different(lab, client, liar):
    there = liar("other_bytes", "u.o")
    one, tree = client([there], DISTCC_VERIFY="100%"), units(lab)
    said = compiled(one, tree, reason="verify-differed")
    assert "u.c compiled on " in said and "the output u.o differs" in said
    [bundle] = (one.memory / "bundles").iterdir()
    assert str(bundle) in said
    # It tells all, and it reproduces it.
    assert "output u.o" in (bundle / "README").read_text()
    assert f"argument '{shutil.which('gcc')}'" in (bundle / "command").read_text()
    assert f" {tree.path.resolve()}/a.h\n" in (bundle / "inputs").read_text()
    assert (bundle / "there/u.o").read_bytes() == (bundle / "here/u.o").read_bytes() + b"!"
    shown = procs.spawn([bundle / "reproduce"], cwd="/", env={}, stdin=None,
                        stdout=open(lab.root / "shown", "wb"), stderr=None)
    assert procs.wait(shown) == 1
    assert (lab.root / "shown").read_text().startswith("status 0\nu.o: as here\n")
    tree.changes()
    # That file is compiled here from now on, whatever becomes of it; others are not.
    there.change = lambda result: None
    one.env["DISTCC_VERIFY"] = "0"
    n = len(there.asked)
    assert not compiled(one, tree, "gcc", "-DX", *ARGV[1:], reason="verify-differed")
    one.stop()
    assert not compiled(one, tree, "gcc", "-DX", *ARGV[1:], reason="verify-differed")
    assert len(there.asked) == n
    (tree.path / "v.c").write_text("int v;\n")
    tree.source = tree.snapshot()
    assert not compiled(one, tree, "gcc", "-c", "v.c", "-o", "v.o", reason="exact")


def test_said_otherwise(lab, client, liar):
    def change(result):
        result.stderr_raw = b"something else\n"

    there = liar("other_bytes", "u.o")
    there.change = change
    one, tree = client([there], DISTCC_VERIFY="100%"), units(lab)
    said = compiled(one, tree, reason="verify-differed")
    assert "what it says on stderr differs" in said
    [bundle] = (one.memory / "bundles").iterdir()
    assert (bundle / "there.stderr").read_bytes() == b"something else\n"


def test_a_cache_that_was_altered(lab, client, liar):
    """What is kept is compiled too: a wrong result that was believed once is found later."""
    there = liar("other_bytes", "u.o")
    one, tree = client([there]), units(lab)
    one.compile(tree, *ARGV)
    assert one.last_job()["reason"] == "exact"
    one.set_hosts([])
    one.env["DISTCC_VERIFY"] = "100%"
    procs.eventually("it is kept", lambda: (
        one.compile(tree, *ARGV) and one.last_job()["reason"] == "verify-differed"))
    assert not compiled(one, tree, reason="verify-differed")


def test_compiler_that_never_makes_the_same(lab, worker, client):
    """Nobody is to blame for that: without -frandom-seed gcc draws names of sections."""
    one, tree = client([worker], DISTCC_VERIFY="100%"), units(lab)
    got = one.compile(tree, "gcc", "-flto", "-c", "u.c", "-o", "u.o")
    assert got.code == 0 and not got.err
    assert one.last_job()["reason"] == "verify"
    assert not (one.memory / "bundles").exists()
    assert rows(one, "doubts") == []


def test_bundles_are_not_without_end(lab, client, liar):
    there = liar("other_bytes", "u.o")
    one, tree = client([there], DISTCC_VERIFY="100%"), units(lab)
    for i in range(16):
        (one.memory / "bundles" / f"old{i}").mkdir(parents=True)
    said = compiled(one, tree, reason="verify-differed")
    assert "there are 16 in" in said
    assert len(list((one.memory / "bundles").iterdir())) == 16
    assert not compiled(one, tree, reason="verify-differed")


def test_memory_that_is_garbage(lab, worker, client):
    one, tree = client([worker]), units(lab)
    one.memory.mkdir()
    (one.memory / "verify.sqlite").write_bytes(b"garbage" * 100)
    assert not compiled(one, tree, reason="exact")
    assert rows(one, "facts") == [(1,)]


def test_no_place_for_memory(lab, worker, client):
    """It does without."""
    one, tree = client([worker]), hidden(lab)
    one.memory.write_text("in the way")
    compiled(one, tree, *HIDDEN_ARGV, reason="exact-doubted")
    assert not compiled(one, tree, *HIDDEN_ARGV, reason="doubted-before")
    assert os.path.isfile(one.memory)
