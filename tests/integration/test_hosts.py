# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that do not resolve, rest, come back, or are this machine."""

from pathlib import Path

import pytest

from harness import procs
from harness.fakeserver import ClosedPort
from harness.tree import assert_same

SOURCE = {"x.c": "int f(int x) { return x + 1; }\n"}
ARGV = ("gcc", "-c", "x.c")
NOWHERE = "no-such-host.invalid/4"


def test_host_that_does_not_resolve(lab):
    """A soft failure: the compile is done here, and nothing fails."""
    client = lab.client([NOWHERE], DISTCC_RESOLVE_TIMEOUT=2)
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    assert_same(client.compile(tree, *ARGV).without_notes(), wanted)


def test_host_that_does_not_resolve_among_others(lab):
    worker = lab.worker()
    client = lab.client([NOWHERE, worker], DISTCC_RESOLVE_TIMEOUT=2)
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    for _ in range(3):
        assert_same(client.compile(tree, *ARGV).without_notes(), wanted)
    assert worker.compiles() == 3


@pytest.mark.ours
def test_host_that_does_not_resolve_is_said_once(lab):
    worker = lab.worker()
    client = lab.client([NOWHERE, worker], DISTCC_RESOLVE_TIMEOUT=2)
    tree = lab.tree(SOURCE)
    said = b"".join(client.compile(tree, *ARGV).err for _ in range(3))
    assert said.count(b"no-such-host.invalid") <= 1


@pytest.mark.ours
def test_rest_is_by_address(lab):
    """Two names of one address that fails: rests for both, once both are known to lead there."""
    server = lab.server(lambda conn: conn.reset())
    worker = lab.worker()
    hosts = f"127.0.0.1:{server.port}/4 localhost:{server.port}/4 {worker.host()}"
    client = lab.client(hosts)
    tree = lab.tree(SOURCE)
    for _ in range(3):
        assert client.compile(tree, *ARGV).code == 0
    assert server.accepted <= 2
    assert worker.compiles() == 3


@pytest.mark.ours
def test_rest_is_by_machine_not_by_port(lab):
    """Other ports of a machine are other servers, and go on."""
    closed = lab.closing(ClosedPort())
    worker = lab.worker()
    client = lab.client([closed, worker])
    tree = lab.tree(SOURCE)
    for _ in range(3):
        assert client.compile(tree, *ARGV).code == 0
    assert worker.compiles() == 3


def test_rest_ends(lab):
    """After the period it is asked again, and used if it is well."""
    ill = [True]

    def script(conn):
        if ill[0]:
            conn.reset()
        else:
            conn.read_request()
            answered.append(True)

    answered: list = []
    server = lab.server(script)
    client = lab.client([server], DISTCC_BACKOFF_PERIOD=1)
    tree = lab.tree(SOURCE)
    assert client.compile(tree, *ARGV).code == 0
    ill[0] = False
    procs.eventually(
        "the server is asked again", lambda: client.compile(tree, *ARGV).code == 0 and answered
    )


@pytest.mark.debian_wrong("tries for ever", hangs=True)
def test_no_rest_with_period_zero(lab):
    server = lab.server(lambda conn: conn.reset())
    client = lab.client([server], DISTCC_BACKOFF_PERIOD=0)
    tree = lab.tree(SOURCE)
    for _ in range(3):
        before = server.accepted
        assert client.compile(tree, *ARGV).code == 0
        assert server.accepted > before


@pytest.mark.ours
def test_worker_that_comes_back(lab):
    """Killed, started again on its port: used again, in the same build."""
    worker = lab.worker()
    client = lab.client([worker], DISTCC_BACKOFF_PERIOD="0.2")
    tree = lab.tree(SOURCE)
    assert client.compile(tree, *ARGV).code == 0
    worker.kill()
    assert client.compile(tree, *ARGV).code == 0
    worker.start()
    before = worker.compiles()
    procs.eventually(
        "the worker is used again",
        lambda: client.compile(tree, *ARGV).code == 0 and worker.compiles() > before,
    )


def test_localhost_means_here(lab):
    worker = lab.worker()
    client = lab.client("localhost/2")
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    assert_same(client.compile(tree, *ARGV), wanted)
    client.set_hosts(f"localhost:{worker.port}/2")
    assert_same(client.compile(tree, *ARGV), wanted)
    assert worker.compiles() == 1


def test_down_hosts_are_not_used(lab):
    down, up = lab.worker(), lab.worker()
    client = lab.client([down.host(",down"), up])
    tree = lab.tree(SOURCE)
    for _ in range(2):
        assert client.compile(tree, *ARGV).code == 0
    assert (down.compiles(), up.compiles()) == (0, 2)


@pytest.mark.ours
def test_ipv6_loopback(lab):
    """The brackets of the grammar, up to a connection."""
    interfaces = Path("/proc/net/if_inet6")
    if not interfaces.exists() or not interfaces.read_text():
        pytest.skip("no IPv6 on this machine")
    worker = lab.worker(flavour="ours", options=["--listen", "::1"])
    client = lab.client([f"[::1]:{worker.port}/2"])
    tree = lab.tree(SOURCE)
    assert client.compile(tree, *ARGV).code == 0
    assert worker.compiles() == 1


@pytest.mark.ours
def test_no_hosts_at_all(lab):
    """Nothing to set up: compiled here, without a word."""
    client = lab.client()
    del client.env["DISTCC_HOSTS"]
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    assert_same(client.compile(tree, *ARGV), wanted)


@pytest.mark.ours
def test_hosts_are_those_of_the_launch(lab):
    """Not those of the launch that started the agent."""
    first, second = lab.worker(), lab.worker()
    client = lab.client([first])
    tree = lab.tree(SOURCE)
    client.compile(tree, *ARGV)
    client.set_hosts([second])
    client.compile(tree, *ARGV)
    assert (first.compiles(), second.compiles()) == (1, 1)
