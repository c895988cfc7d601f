# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact mode: workers with a store, clients that use it, and compiles held against local ones."""

import contextlib
import shutil

from . import procs
from .programs import build_dir
from .tree import differences


def start_worker(lab, **args):
    """One that has a store, and so takes exact compiles."""
    helper = lab.root / "distcc-sandbox"
    if not helper.exists():
        shutil.copy(build_dir() / "src/sandbox/distcc-sandbox", helper)
    store = lab.directory("s")
    store.chmod(0o777)
    options = ["--sandbox=auto", "--store", store / "store", *args.pop("options", ())]
    args = {"compilers": "/none", "DISTCC_SANDBOX": helper, **args}
    worker = lab.worker(options=options, **args)
    worker.store = store / "store"
    return worker


# Of agents that have met the compilers here; see session.
_known: dict[str, bytes] = {}


def make_client(lab, hosts=(), known=True, **env):
    """
    A user whose compiles go the exact way; without hosts, through a cache alone. known: its agent
    may have met the compilers before.
    """
    env = {"DISTCC_EXACT": 1, "DISTCC_CACHE_DIR": lab.directory("k"), **env}
    client = lab.client(hosts, **env)
    if known and _known and client.is_ours:
        place = client.dir / "run"
        place.mkdir(mode=0o700, parents=True)
        for name, content in _known.items():
            (place / name).write_bytes(content)
    return client


@contextlib.contextmanager
def session(lab):
    """
    A worker for many tests, which has the compilers' files by then, and clients that have asked the
    compilers: half of what a test with its own of both takes.
    """
    worker, client = start_worker(lab), make_client(lab)
    client.set_hosts([worker])
    tree = lab.tree({"u.c": "#include <stddef.h>\n", "u.cc": "#include <cstddef>\n"})
    for compiler in ("gcc", "g++", "clang", "clang++"):
        for source in ("u.c", "u.cc"):
            if shutil.which(compiler):
                assert client.compile(tree, compiler, "-c", source, "-o", "u.o").code == 0
    assert not client.stop()
    _known.update((f.name, f.read_bytes()) for f in (client.dir / "run").glob("*.sqlite"))
    assert len(_known) == 2, _known.keys()
    yield worker
    _known.clear()


def compiled(client, tree, *argv, reason):
    """The outcome, which is the compiler's own; and it came about as the reason says."""
    wanted, outcomes = client.lab.local(tree, *argv), []

    def as_expected():
        outcomes.append(client.compile(tree, *argv))
        found = differences(outcomes[-1], wanted)
        assert not found, found
        return client.last_job()["reason"] == reason

    # A result is kept behind the user's back: the next may come before it is.
    if reason == "cached":
        procs.eventually("it is kept", as_expected)
    else:
        assert as_expected(), client.jobs()
    return outcomes[-1]


def edit(tree, change):
    change(tree.path)
    tree.source = tree.snapshot()
