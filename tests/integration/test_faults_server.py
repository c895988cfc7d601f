# SPDX-License-Identifier: GPL-3.0-or-later
"""
Whatever a server does wrong, the build ends as it would have ended without it; with another server
in the list, the compile goes there.
"""

import random
import threading
import time

import pytest

from harness import procs
from harness.fakeserver import TOKENS, ClosedPort, FullBacklog, reply, token
from harness.tree import assert_same

SOURCE = {"x.c": '#include <stdio.h>\nint f(int x) { return printf("%d", x); }\n'}
ARGV = ("gcc", "-O1", "-MMD", "-MF", "x.d", "-c", "x.c")

# Long enough that nothing healthy runs into it, short enough to wait for.
PATIENCE = {"DISTCC_IO_TIMEOUT": "1", "DISTCC_CONNECT_TIMEOUT": "1"}
# For faults that must be noticed at once: running into these would fail the test.
NO_PATIENCE_NEEDED = {"DISTCC_IO_TIMEOUT": "100", "DISTCC_CONNECT_TIMEOUT": "100"}
AT_ONCE = 20.0


class Event(threading.Event):
    """Set by close()."""

    close = threading.Event.set


def reset_at_accept(conn):
    conn.reset()


def close_at_accept(conn):
    pass


def reset_in_the_head(conn):
    conn.read(20)
    conn.reset()


def close_in_the_head(conn):
    conn.read(20)


def close_in_the_source(conn):
    _, _, length = conn.read_head()
    conn.read(length // 2)


def reset_in_the_source(conn):
    _, _, length = conn.read_head()
    conn.read(length // 2)
    conn.reset()


def reset_after_the_request(conn):
    conn.read_request()
    conn.reset()


def close_after_the_request(conn):
    conn.read_request()


DYING = [
    reset_at_accept,
    close_at_accept,
    reset_in_the_head,
    close_in_the_head,
    close_in_the_source,
    reset_in_the_source,
    reset_after_the_request,
    close_after_the_request,
]


def answers(data: bytes, then: str = "close"):
    """A script: read all, answer so, then close, reset, or wait for the client to go."""

    def script(conn):
        conn.read_request()
        conn.send(data)
        if then == "reset":
            conn.reset()
        elif then == "wait":
            conn.wait_closed()

    return script


def cut_replies():
    """A good reply, cut off at each place where something ends and inside each thing."""
    obj = b"\x7fELF" + bytes(5000)
    whole = reply(0, b"a warning\n", b"something\n", obj)
    marks = sorted({whole.find(t.encode()) for t in TOKENS})
    cuts = {1, len(whole) - 1, len(whole) - len(obj), len(whole) - len(obj) // 2}
    for mark in marks:
        cuts |= {mark + 2, mark + 6, mark + 12}
    object_token = whole.find(b"DOTO")
    wrong = pytest.mark.debian_wrong("stdout is passed on before the object is there")
    for n in sorted(cuts - {len(whole)}):
        yield pytest.param(whole[:n], id=f"after-{n}", marks=[wrong] if n >= object_token else [])


def garbage():
    noise = random.Random(20).randbytes(5000)
    return {
        "noise": noise,
        "zeros": bytes(5000),
        "http": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        "not-hexadecimal": b"DONE0000000x",
        "signed": b"DONE+0000001",
        "blanks": b"DONE       1",
        "version-0": token("DONE", 0),
        "version-2": token("DONE", 2) + token("STAT", 0),
        "version-9": token("DONE", 9) + token("STAT", 0),
        "order": token("STAT", 0) + token("DONE", 1),
        "missing-token": token("DONE", 1) + token("STAT", 0) + token("SOUT", 0) + token("DOTO", 0),
        "request": token("DIST", 1) + token("ARGC", 1) + token("ARGV", 3) + b"gcc",
    }


def huge_lengths():
    parts = {
        "SERR": [token("DONE", 1), token("STAT", 0)],
        "SOUT": [token("DONE", 1), token("STAT", 0), token("SERR", 0)],
        "DOTO": [token("DONE", 1), token("STAT", 0), token("SERR", 0), token("SOUT", 0)],
    }
    for size in (0xFFFFFFFF, 0xFFFFFFFE, 0x80000000, 0x7FFFFFFF):
        for name, before in parts.items():
            data = b"".join(before) + token(name, size)
            wrong = pytest.mark.debian_wrong("has no limits and waits", hangs=True)
            yield pytest.param(data, id=f"{name}-{size:x}", marks=[wrong])
    yield pytest.param(token("DONE", 0xFFFFFFFF), id="DONE")
    rest = token("SERR", 0) + token("SOUT", 0) + token("DOTO", 0)
    yield pytest.param(token("DONE", 1) + token("STAT", 0xFFFFFFFF) + rest, id="STAT")


def bad_statuses():
    """Failures that no compiler had: what it says must not be believed over a local compile."""
    yield pytest.param(reply(0x100, b"x.c:1: error: not so\n"), id="exit-1")
    yield pytest.param(reply(0x6E00, b"failed to exec gcc\n"), id="exit-110")
    yield pytest.param(reply(9), id="SIGKILL")
    yield pytest.param(reply(11 | 0x80), id="SIGSEGV-core")
    wrong = pytest.mark.debian_wrong("counts as success")
    yield pytest.param(reply(0x7F), id="stopped", marks=[wrong])


def as_local(lab, hosts, env):
    """One compile over these hosts is what it is without them; how long it took."""
    client = lab.client(hosts, **env)
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    start = time.monotonic()
    got = client.compile(tree, *ARGV)
    assert_same(got.without_notes(), wanted)
    return client, time.monotonic() - start


def alone(lab, bad, env=NO_PATIENCE_NEEDED):
    client, took = as_local(lab, [bad], env)
    if client.is_ours:
        job = client.last_job()
        assert job["where"] == "local" and job["reason"] not in ("", "remote")
    assert env is PATIENCE or took < AT_ONCE


def with_another(lab, bad, env=NO_PATIENCE_NEEDED):
    worker = lab.worker()
    client, took = as_local(lab, [bad, worker], env)
    assert worker.compiles() == 1
    if client.is_ours:
        assert client.last_job()["where"] == worker.host()
    assert env is PATIENCE or took < AT_ONCE


WHO_ELSE = pytest.mark.parametrize("then", [alone, with_another])


@WHO_ELSE
def test_refuses(lab, then):
    then(lab, lab.closing(ClosedPort()).host())


@WHO_ELSE
def test_black_hole(lab, then):
    """Takes the connection and what is sent, and never answers."""
    server = lab.server(lambda conn: conn.wait_closed())
    then(lab, server.host(), PATIENCE)
    assert server.accepted == 1


@WHO_ELSE
def test_black_hole_that_does_not_read(lab, then):
    """The request does not even fit into the sockets' buffers."""
    released = lab.closing(Event())
    server = lab.server(lambda conn: released.wait())
    hosts = [server] if then is alone else [server, lab.worker()]
    client = lab.client(hosts, **PATIENCE)
    tree = lab.tree({"x.c": "const char big[] = " + '"some of much text"\n' * 800000 + ";\n"})
    argv = ("gcc", "-c", "x.c")
    wanted = lab.local(tree, *argv)
    assert_same(client.compile(tree, *argv).without_notes(), wanted)


@WHO_ELSE
def test_connecting_hangs(lab, then):
    then(lab, lab.closing(FullBacklog()).host(), PATIENCE)


@WHO_ELSE
def test_answers_half_and_hangs(lab, then):
    server = lab.server(answers(reply(0, obj=bytes(1000))[:-500], then="wait"))
    then(lab, server.host(), PATIENCE)


@WHO_ELSE
@pytest.mark.parametrize("script", DYING)
def test_dies(lab, script, then):
    server = lab.server(script)
    then(lab, server.host())
    assert server.accepted >= 1


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("data", cut_replies())
def test_reply_is_cut(lab, data, end):
    alone(lab, lab.server(answers(data, end)).host())


def garbage_cases():
    for kind in garbage():
        for end in ("close", "wait"):
            marks = []
            if end == "wait" and kind in ("signed", "blanks"):
                marks = [pytest.mark.debian_wrong("takes it for a number", hangs=True)]
            yield pytest.param(kind, end, marks=marks)


@pytest.mark.parametrize("kind,end", garbage_cases())
def test_garbage(lab, kind, end):
    """With "wait" the client has to see by itself that this cannot become a reply."""
    alone(lab, lab.server(answers(garbage()[kind], end)).host())


@pytest.mark.parametrize("data", huge_lengths())
def test_huge_length(lab, data):
    """Refused by its size: nothing is waited for, nothing of that size is allocated."""
    alone(lab, lab.server(answers(data, then="wait")).host())


@pytest.mark.parametrize("data", bad_statuses())
def test_failure_that_is_not_the_users(lab, data):
    alone(lab, lab.server(answers(data)).host())


def lzo_replies():
    head = token("DONE", 2) + token("STAT", 0) + token("SERR", 0) + token("SOUT", 0)
    noise = random.Random(21).randbytes(300)
    # A literal, then a match of run-length zeros: each zero byte is 255 bytes more of output.
    bomb = b"\x12A" + b"\x20" + bytes(8 << 20) + b"\x01\x00\x00\x11\x00\x00"
    return {
        "noise": head + token("DOTO", 300) + noise,
        "cut-block": head + token("DOTO", 4) + b"\x12ABC",
        "one-byte": head + token("DOTO", 1) + b"\x11",
        "bomb": head + token("DOTO", len(bomb)) + bomb,
        "version-1": reply(0, obj=bytes(100)),
        "huge": head + token("DOTO", 0xFFFFFFFF),
    }


LZO_REPLIES = [
    pytest.param(kind, marks=[pytest.mark.debian_wrong("has no limits")] if kind == "bomb" else [])
    for kind in lzo_replies()
]


@pytest.mark.parametrize("kind", LZO_REPLIES)
def test_lzo_reply_is_garbage(lab, kind):
    alone(lab, lab.server(answers(lzo_replies()[kind])).host(",lzo"))


@pytest.mark.ours
def test_memory_stays_bounded(lab):
    """Jobs that were promised 4 GiB each leave an agent of ordinary size."""
    data = token("DONE", 1) + token("STAT", 0) + token("SERR", 0xFFFFFFFF)
    server = lab.server(answers(data, then="wait"))
    client = lab.client([server.host()], DISTCC_BACKOFF_PERIOD=0, **NO_PATIENCE_NEEDED)
    tree = lab.tree(SOURCE)
    for _ in range(5):
        client.compile(tree, *ARGV)
    with open(f"/proc/{client.agent_pid()}/status", encoding="ascii") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    assert peak < 512 << 10  # KiB


@pytest.mark.parametrize("options", ["", ",lzo"])
@pytest.mark.parametrize("flavour", ["ours", "debian"])
def test_lacks_the_compiler(lab, flavour, options):
    nothing = lab.directory("empty")
    worker = lab.worker(flavour=flavour, path=nothing)
    alone(lab, worker.host(options))


@pytest.mark.debian_wrong("goes no further than to the local compiler")
def test_lacks_the_compiler_but_another_has_it(lab):
    nothing = lab.directory("empty")
    lacking = lab.worker(path=nothing)
    with_another(lab, lacking.host())


def test_dead_server_is_left_alone(lab):
    """After a failure the server is not asked again before the back-off is over."""
    server = lab.server(close_at_accept)
    client = lab.client([server.host()])
    tree = lab.tree(SOURCE)
    for _ in range(3):
        assert client.compile(tree, *ARGV).code == 0
    assert server.accepted == 1


@pytest.mark.parametrize("fault", [reset_at_accept, close_in_the_source])
def test_no_fallback(lab, fault):
    """DISTCC_FALLBACK=0: the user wants an error, and gets it."""
    server = lab.server(fault)
    client = lab.client([server.host()], DISTCC_FALLBACK=0)
    got = client.compile(lab.tree(SOURCE), *ARGV)
    assert 100 <= got.code <= 120 and "x.o" not in got.files and got.err


@pytest.mark.debian_wrong("its three tries are not enough", strict=False, hangs=True)
def test_many_jobs_on_a_flapping_server(lab):
    """Every second connection is reset; a build of sixteen still comes out right."""
    numbers = iter(range(1000))

    def script(conn):
        if next(numbers) % 2:
            conn.reset()
        else:
            conn.read_request()

    server = lab.server(script)
    worker = lab.worker()
    client = lab.client([server, worker], DISTCC_BACKOFF_PERIOD=0)
    files = {f"u{i}.c": f"int u{i}(void) {{ return {i}; }}\n" for i in range(16)}
    tree = lab.tree(files)
    for name in files:
        assert lab.local(tree, "gcc", "-c", name).code == 0
    running = [
        client.start([client.program, "gcc", "-c", name], tree.path) for name in files
    ]
    for job in running:
        result = job.wait(procs.DEADLINE)
        assert result.code == 0, result.err
    made, _ = tree.changes()
    assert set(made) == {name.replace(".c", ".o") for name in files}
