# SPDX-License-Identifier: GPL-3.0-or-later
"""
Options and fixtures. See README.md.

Markers:
  ours            about what only our client has; not run with --client debian
  debian_wrong    distcc 3.4 is known to get this wrong: (reason); expected to fail with it
                  (hangs=True: not even tried; strict=False: in some environments it gets it right)
"""

import random

import pytest

from harness import exact, procs
from harness.lab import Lab


def pytest_addoption(parser):
    for name in ("client", "worker"):
        parser.addoption(
            f"--{name}",
            choices=("ours", "debian"),
            default="ours",
            help=f"which {name} the tests use that do not choose themselves",
        )
    parser.addoption("--seed", type=int, default=None, help="of the tests that draw lots")


def pytest_configure(config):
    config.addinivalue_line("markers", "ours: about what only our client has")
    config.addinivalue_line("markers", "debian_wrong(reason): distcc 3.4 gets this wrong")
    procs.become_subreaper()
    procs.interruptible()


def pytest_collection_modifyitems(config, items):
    if config.getoption("client") == "ours":
        return
    for item in items:
        if item.get_closest_marker("ours"):
            item.add_marker(pytest.mark.skip(reason="about our own client"))
        for mark in item.iter_markers("debian_wrong"):
            item.add_marker(
                pytest.mark.xfail(
                    reason=f"distcc 3.4: {mark.args[0]}",
                    strict=mark.kwargs.get("strict", True),
                    run=not mark.kwargs.get("hangs", False),
                )
            )


@pytest.fixture
def lab(request):
    lab = Lab(request.config.getoption("client"), request.config.getoption("worker"))
    yield lab
    wrong = lab.close()
    if wrong:
        pytest.fail("at the end of the test:\n" + "\n".join(wrong), pytrace=False)


@pytest.fixture(scope="session")
def old_worker(request):
    """See harness.exact.session."""
    lab = Lab("ours", "ours")
    with exact.session(lab) as worker:
        yield worker
    wrong = lab.close()
    if wrong:
        pytest.fail("at the end of the session:\n" + "\n".join(wrong), pytrace=False)


@pytest.fixture
def seed(request):
    """Printed with every failure: --seed N runs the same again."""
    value = request.config.getoption("seed")
    if value is None:
        value = random.SystemRandom().randrange(1 << 32)
    print(f"--seed {value}")
    return value
