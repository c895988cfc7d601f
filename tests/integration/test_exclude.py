# SPDX-License-Identifier: GPL-3.0-or-later
"""DISTCC_EXCLUDE: files that must not leave; and what leaves at all."""

import os
from pathlib import Path

import pytest

from harness import procs
from harness.exact import start_worker

pytestmark = pytest.mark.ours

SECRET = "it-must-not-leave-this-machine"
HIDDEN = f'#define HIDDEN "{SECRET}"\n'
OPTIONS = ("-g", "-c", "u.c", "-o", "u.o")


@pytest.fixture
def world(lab):
    """A tree with a secret in it, and what a host would have of it."""
    return World(lab)


class World:
    def __init__(self, lab):
        self.lab = lab
        self.tree = lab.tree({
            "u.c": '#include "sub/b.h"\n#include "secret/hidden.h"\nconst char *s = HIDDEN;\n',
            "v.c": '#include "alias.h"\nconst char *s = HIDDEN;\n',
            "w.c": '#include "sub/b.h"\nint w = B;\n',
            "i.c": "const char *s = HIDDEN;\n",
            "sub/b.h": "#define B 1\n",
            "sub/neighbour.h": HIDDEN,
            "secret/hidden.h": HIDDEN,
        })
        (self.tree.path / "alias.h").symlink_to("secret/hidden.h")
        self.tree.source = self.tree.snapshot()
        self.exact = start_worker(lab)
        self.plain = lab.worker()

    def client(self, *hosts, **env):
        return self.lab.client(" ".join(hosts), **{
            "DISTCC_CACHE_DIR": self.lab.directory("k"),
            "DISTCC_CACHE_TIMEOUT": 60,
            "DISTCC_EXCLUDE": f"*.key:{self.tree.path}/secret", **env})

    def compile(self, one, *argv):
        """What a local compile gives; and the job."""
        wanted = self.lab.local(self.tree, *argv)
        got = one.compile(self.tree, *argv)
        assert (got.code, got.files) == (wanted.code, wanted.files)
        return one.last_job()

    def kept(self):
        """All bytes that the exact worker has been given: Directories, with their names, too."""
        found = []
        for top, directories, files in os.walk(self.exact.options[2]):
            # Made of these, and on their way out.
            directories[:] = [d for d in directories if d != "roots"]
            for name in files:
                found.append((Path(top) / name).read_bytes())
        return b"\n".join(found)


@pytest.mark.parametrize("source", ["u.c", "v.c"], ids=["header", "link"])
def test_exact(world, source):
    one = world.client(f"grpc://127.0.0.1:{world.exact.port}", DISTCC_EXACT=1)
    argv = ("gcc", "-g", "-c", source, "-o", "u.o")
    job = world.compile(one, *argv)
    assert (job["where"], job["reason"]) == ("local", "excluded"), job
    assert SECRET.encode() not in world.kept()
    # What has no part of it goes there; so it was not for something else.
    assert world.compile(one, "gcc", "-g", "-c", "w.c", "-o", "w.o")["reason"] == "exact"
    assert SECRET.encode() not in world.kept() and b"B 1" in world.kept()
    # What is kept on this machine may be kept.
    procs.eventually("it is kept", lambda: world.compile(one, *argv)["reason"] == "cached")
    # Without the rule it would have left.
    other = world.client(f"grpc://127.0.0.1:{world.exact.port}", DISTCC_EXACT=1,
                         DISTCC_EXCLUDE="/nothing")
    assert world.compile(other, *argv)["reason"] == "exact"
    assert SECRET.encode() in world.kept()


def test_caches(world):
    """The object has it too: it is neither given nor asked for."""
    at = f"cache=grpc://127.0.0.1:{world.exact.port}"
    one = world.client(at, DISTCC_EXACT=1)
    assert world.compile(one, "gcc", *OPTIONS)["reason"] == "excluded"
    job = world.compile(one, "gcc", "-g", "-c", "w.c", "-o", "w.o")
    assert job["reason"] == "no-hosts"
    procs.eventually("the other is there", lambda: b"w.o" in world.kept())
    assert SECRET.encode() not in world.kept()


@pytest.mark.parametrize("cc", ["gcc", "clang"])
@pytest.mark.parametrize("exact", [0, 1])
@pytest.mark.parametrize("argv", [
    ("-c", "u.c", "-o", "u.o"),
    ("-c", "v.c", "-o", "u.o"),
    ("-imacros", "secret/hidden.h", "-c", "i.c", "-o", "u.o"),
    ("-include", "alias.h", "-c", "i.c", "-o", "u.o"),
], ids=" ".join)
def test_preprocessed_text(world, cc, exact, argv):
    one = world.client(world.plain.host(), DISTCC_EXACT=exact)
    job = world.compile(one, cc, *argv)
    assert job["where"] == "local" and job["reason"].startswith("excl"), job
    assert world.plain.compiles() == 0
    assert world.compile(one, cc, "-c", "w.c", "-o", "w.o")["reason"] == "remote"
    assert world.plain.compiles() == 1


@pytest.mark.parametrize("exact", [0, 1])
def test_source_that_is_preprocessed_text(world, exact):
    hosts = [f"grpc://127.0.0.1:{world.exact.port}"] if exact else [world.plain.host()]
    for options in ([], ["-P"]):
        assert world.lab.local(world.tree, "gcc", "-E", *options, "u.c", "-o", "t.i").code == 0
        world.lab.client().run("gcc", "-E", *options, "u.c", "-o", "t.i", cwd=world.tree.path)
        world.tree.source = world.tree.snapshot()
        job = world.compile(world.client(*hosts, DISTCC_EXACT=exact), "gcc", "-c", "t.i", "-o",
                            "t.o")
        assert job["where"] == "local", job
        assert job["reason"] == ("exclude-unsure" if options else "excluded"), job
    assert world.plain.compiles() == 0 and SECRET.encode() not in world.kept()


def test_what_cannot_be_known_stays(world):
    """The scanner gives up: then the text is not sent either."""
    (world.tree.path / "u.c").write_text("#define caf\\u00e9 1\nint x = caf\\u00e9;\n")
    world.tree.source = world.tree.snapshot()
    one = world.client(world.plain.host())
    job = world.compile(one, "gcc", "-c", "u.c", "-o", "u.o")
    assert job["reason"] == "exclude-unsure" and world.plain.compiles() == 0
    two = world.client(world.plain.host(), DISTCC_EXCLUDE="")
    assert world.compile(two, "gcc", "-c", "u.c", "-o", "u.o")["reason"] == "remote"


def test_toolchain(world):
    """A compiler that may not leave, neither."""
    one = world.client(f"grpc://127.0.0.1:{world.exact.port}", DISTCC_EXACT=1,
                       DISTCC_EXCLUDE="cc1")
    assert world.compile(one, "gcc", "-c", "w.c", "-o", "w.o")["reason"] == "excluded"


def test_explain(world):
    one = world.client(world.plain.host())
    said = one.run("--distcc-explain", "gcc", *OPTIONS, cwd=world.tree.path).err.decode()
    assert f"run here: excluded: {world.tree.path}/secret/hidden.h" in said, said


def test_nothing_else_leaves(world):
    """Neither the content nor the name of what only lies beside what is read."""
    one = world.client(f"grpc://127.0.0.1:{world.exact.port}", DISTCC_EXACT=1,
                       DISTCC_EXCLUDE="", A_VARIABLE=SECRET)
    assert world.compile(one, "gcc", "-Isub", "-Isecret", "-c", "w.c", "-o", "w.o")["reason"] == \
        "exact"
    kept = world.kept()
    assert b"#define B 1" in kept
    for word in (SECRET.encode(), b"neighbour", b"hidden.h", b"A_VARIABLE"):
        assert word not in kept, word
