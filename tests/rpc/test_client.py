# SPDX-License-Identifier: GPL-3.0-or-later
"""Our client, and grpcio as its server."""

import threading
import time

import grpc
import pytest

from conftest import DEADLINE, call


def unary(function):
    return grpc.unary_unary_rpc_method_handler(function)


def echo(request, context):
    return request


def echo_all(requests, context):
    yield from requests


@pytest.mark.parametrize("size", [0, 1, 16384, 65536, 1 << 20, 4 << 20])
def test_unary(grpc_server, size):
    port = grpc_server({"/t.T/Echo": unary(echo)}, max_receive_message_length=-1)
    done = call(port, "/t.T/Echo", f"--size={size}")
    assert done.status == "OK"
    assert [m[0] for m in done.messages] == [str(size)]
    assert "complete=1" in done.ends[0]


def test_streams(grpc_server):
    port = grpc_server(
        {
            "/t.T/Bidi": grpc.stream_stream_rpc_method_handler(echo_all),
            "/t.T/Many": grpc.unary_stream_rpc_method_handler(
                lambda request, context: (bytes(50000) for _ in range(int(request)))
            ),
            "/t.T/Count": grpc.stream_unary_rpc_method_handler(
                lambda requests, context: str(sum(len(r) for r in requests)).encode()
            ),
        }
    )
    done = call(port, "/t.T/Bidi", "--message=one", "--message=two", "--message=")
    assert done.messages == [["3", "one"], ["3", "two"], ["0", ""]]
    assert done.status == "OK"
    done = call(port, "/t.T/Many", "--message=200")
    assert len(done.messages) == 200
    assert done.status == "OK"
    done = call(port, "/t.T/Count", *["--size=1000000"] * 20)
    assert done.messages == [["8", "20000000"]]


def test_metadata(grpc_server):
    def check(request, context):
        fields = dict(context.invocation_metadata())
        assert fields["x-a"] == "b"
        assert fields["user-agent"].startswith("distcc/")
        context.send_initial_metadata([("x-head-bin", b"\x01\x02\x03"), ("x-head", "h")])
        context.set_trailing_metadata([("x-trailer", "t")])
        return fields["x-some-bin"]

    port = grpc_server({"/t.T/Check": unary(check)})
    done = call(port, "/t.T/Check", "--message=", "--meta=x-a=b", "--meta=x-some-bin=6869")
    assert done.messages == [["2", "hi"]]
    assert sorted(done.heads) == ["x-head-bin=AQID", "x-head=h"]
    assert "trailer=t " in done.ends[0]


@pytest.mark.parametrize("code", [c for c in grpc.StatusCode if c != grpc.StatusCode.OK])
def test_status(grpc_server, code):
    def fail(request, context):
        context.set_trailing_metadata([("grpc-status-details-bin", b"\x00\xff")])
        context.abort(code, "100% wrong: ä")

    port = grpc_server({"/t.T/Fail": unary(fail)})
    done = call(port, "/t.T/Fail", "--message=x")
    assert done.status == code.name
    assert "complete=1 unprocessed=0 details=00ff" in done.ends[0]
    assert done.ends[0].encode("utf-8", "surrogateescape").endswith("100% wrong: ä".encode())


def test_unknown_method(grpc_server):
    done = call(grpc_server({}), "/t.T/Nothing", "--message=x")
    assert done.status == "UNIMPLEMENTED"


def test_deadline(grpc_server):
    remaining = []
    ended = threading.Event()

    def hold(request, context):
        remaining.append(context.time_remaining())
        context.add_callback(ended.set)
        ended.wait(DEADLINE)
        return b""

    done = call(grpc_server({"/t.T/Hold": unary(hold)}), "/t.T/Hold", "--message=", "--deadline=300")
    assert done.status == "DEADLINE_EXCEEDED"
    assert ended.wait(DEADLINE)
    assert 0 < remaining[0] <= 0.3


def test_cancel(grpc_server):
    ended = threading.Event()

    def many(request, context):
        context.add_callback(ended.set)
        while context.is_active():
            yield b"again"

    port = grpc_server({"/t.T/Many": grpc.unary_stream_rpc_method_handler(many)})
    done = call(port, "/t.T/Many", "--message=", "--cancel-at=5")
    assert done.status == "CANCELLED"
    assert len(done.messages) == 5
    assert ended.wait(DEADLINE)


def test_too_large(grpc_server):
    """Ours refuses what is over its limit, and so does the server."""
    port = grpc_server(
        {"/t.T/Large": unary(lambda request, context: bytes(5 << 20)), "/t.T/Echo": unary(echo)},
        max_send_message_length=-1,
    )
    assert call(port, "/t.T/Large", "--message=").status == "RESOURCE_EXHAUSTED"
    assert call(port, "/t.T/Echo", "--size=5000000").status == "RESOURCE_EXHAUSTED"


def test_server_ends_first(grpc_server):
    """The status comes while we have more to send, and never half-close."""

    def refuse(requests, context):
        next(requests)
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")

    port = grpc_server({"/t.T/No": grpc.stream_unary_rpc_method_handler(refuse)})
    done = call(port, "/t.T/No", "--message=x", "--open")
    assert done.status == "PERMISSION_DENIED"
    done = call(port, "/t.T/No", "--message=x", "--size=3000000", "--open")
    assert done.status == "PERMISSION_DENIED"


def test_slow_reader(grpc_server):
    """We do not read: the server's generator is stopped by flow control."""
    made = []

    def many(request, context):
        for i in range(40):
            made.append(i)
            yield bytes(1000000)

    port = grpc_server({"/t.T/Many": grpc.unary_stream_rpc_method_handler(many)})
    lead = []
    stop = threading.Event()
    started = time.monotonic()

    def watch():
        # 100 ms for each message: so many can have been read by now, and no more.
        while not stop.is_set():
            lead.append(len(made) - (time.monotonic() - started) / 0.1)
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    done = call(port, "/t.T/Many", "--message=", "--pause")
    stop.set()
    watcher.join()
    assert len(done.messages) == 40
    assert done.status == "OK"
    # Windows, socket buffers and grpcio's own queue hold some.
    assert max(lead) < 30


def test_thousand_at_once(grpc_server):
    port = grpc_server({"/t.T/Echo": unary(echo)})
    done = call(port, "/t.T/Echo", "--size=100", "--count=1000", "--quiet")
    assert done.total == [1000, 0, 100000]


def test_more_than_the_server_takes(grpc_server):
    port = grpc_server({"/t.T/Echo": unary(echo)}, max_concurrent_streams=10)
    done = call(port, "/t.T/Echo", "--size=100", "--count=300", "--quiet")
    assert done.total == [300, 0, 30000]


def test_server_stops(grpc_server):
    """GOAWAY: a call under way is ended by the server, or goes on to its end."""
    began = threading.Event()

    def hold(request, context):
        began.set()
        while context.is_active():
            time.sleep(0.01)
        return b""

    port = grpc_server({"/t.T/Hold": unary(hold)})

    def stop():
        began.wait(DEADLINE)
        grpc_server.servers[0].stop(0.2).wait()

    stopper = threading.Thread(target=stop)
    stopper.start()
    done = call(port, "/t.T/Hold", "--message=")
    stopper.join()
    assert done.status in ("CANCELLED", "UNAVAILABLE")


def test_nobody_there():
    done = call(1, "/t.T/Echo", "--message=")
    assert done.total[0] == 0
    assert done.lines[0].startswith("connect ")
