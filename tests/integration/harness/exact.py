# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact mode: workers with a store, clients that use it, and compiles held against local ones."""

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


def make_client(lab, hosts=(), **env):
    """A user whose compiles go the exact way; without hosts, through a cache alone."""
    env = {"DISTCC_EXACT": 1, "DISTCC_CACHE_DIR": lab.directory("k"), **env}
    return lab.client(hosts, **env)


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
