# SPDX-License-Identifier: GPL-3.0-or-later
"""Our server, and grpcio as its client."""

import os
import signal
import threading
import time

import grpc
import pytest

from conftest import DEADLINE


def eventually(condition):
    """Until it holds; a failure only after DEADLINE."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


@pytest.mark.parametrize("size", [0, 1, 16384, 65536, 1 << 20, 4 << 20])
def test_unary(server, size):
    channel = server.channel(max_receive_message_length=-1, max_send_message_length=-1)
    data = os.urandom(size)
    assert channel.unary_unary("/t.T/Unary")(data, timeout=DEADLINE) == data


def test_unary_again_and_again(server):
    call = server.channel().unary_unary("/t.T/Unary")
    for i in range(500):
        assert call(b"%d" % i, timeout=DEADLINE) == b"%d" % i
    counters = server.counters()
    assert counters["cancelled"] == 0
    assert counters["ended"] == 500


def test_server_stream(server):
    call = server.channel().unary_stream("/t.T/Stream")
    answers = list(call(b"300 10000", timeout=DEADLINE))
    assert len(answers) == 300
    assert all(len(a) == 10000 for a in answers)


def test_client_stream(server):
    call = server.channel().stream_unary("/t.T/Lengths")
    assert call((b"x" * n for n in range(2000)), timeout=DEADLINE) == b"2000 1999000"
    assert call(iter(()), timeout=DEADLINE) == b"0 0"


def test_large_upload_is_bounded(server):
    call = server.channel().stream_unary("/t.T/Lengths")
    answer = call((bytes(1 << 20) for _ in range(64)), timeout=DEADLINE)
    assert answer == b"64 67108864"
    assert server.counters()["peak"] < 8 << 20


def test_bidi_turns(server):
    """Each message is sent when the last has come back."""
    came = threading.Semaphore(1)

    def messages():
        for i in range(200):
            assert came.acquire(timeout=DEADLINE)
            yield b"%d" % i

    n = 0
    for answer in server.channel().stream_stream("/t.T/Bidi")(messages(), timeout=DEADLINE):
        assert answer == b"%d" % n
        n += 1
        came.release()
    assert n == 200


def test_deadline(server):
    call = server.channel().unary_unary("/t.T/Hold")
    with pytest.raises(grpc.RpcError) as error:
        call(b"", timeout=0.2)
    assert error.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    eventually(lambda: server.counters()["cancelled"] == 1)


def test_cancel(server):
    channel = server.channel()
    future = channel.unary_unary("/t.T/Hold").future(b"")
    eventually(lambda: server.counters()["active"] == 1)
    assert server.counters()["cancelled"] == 0
    assert future.cancel()
    eventually(lambda: server.counters()["cancelled"] == 1)


def test_client_goes_away(server):
    channel = server.channel()
    future = channel.unary_unary("/t.T/Hold").future(b"")
    eventually(lambda: server.counters()["active"] == 1)
    channel.close()
    assert future.code() == grpc.StatusCode.CANCELLED
    eventually(lambda: server.counters()["cancelled"] == 1)


@pytest.mark.parametrize("code", [c for c in grpc.StatusCode if c != grpc.StatusCode.OK])
def test_status(server, code):
    text = "100% wrong: ä\n"
    request = f"{code.value[0]} {text}".encode()
    with pytest.raises(grpc.RpcError) as error:
        server.channel().unary_unary("/t.T/Status")(request, timeout=DEADLINE)
    assert error.value.code() == code
    assert error.value.details() == text
    trailers = dict(error.value.trailing_metadata())
    assert trailers["grpc-status-details-bin"] == request


def test_metadata(server):
    call = server.channel().unary_unary("/t.T/Meta")
    name = "build.bazel.remote.execution.v2.requestmetadata-bin"
    answer, done = call.with_call(
        b"",
        timeout=DEADLINE,
        metadata=[
            (name, b"\x00\x01\xff"),
            ("x-back-bin", b"\xfe\xdc"),
            ("authorization", "Bearer abc"),
        ],
    )
    fields = dict(line.split("=", 1) for line in answer.decode().splitlines())
    assert fields[name] == "0001ff"
    assert fields["authorization"] == "Bearer abc"
    assert fields[":authority"] == f"127.0.0.1:{server.port}"
    assert fields[":path"] == "/t.T/Meta"
    assert dict(done.initial_metadata())["x-back-bin"] == b"\xfe\xdc"
    assert dict(done.trailing_metadata())["x-back-bin"] == b"\xfe\xdc"


def test_metadata_too_large(server):
    call = server.channel(max_metadata_size=1 << 20).unary_unary("/t.T/Unary")
    with pytest.raises(grpc.RpcError) as error:
        call(b"", timeout=DEADLINE, metadata=[("x-large", "x" * 20000)])
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert call(b"next", timeout=DEADLINE) == b"next"


def test_unknown_method(server):
    with pytest.raises(grpc.RpcError) as error:
        server.channel().unary_unary("/t.T/Nothing")(b"", timeout=DEADLINE)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_too_large(server):
    channel = server.channel(max_send_message_length=-1)
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/t.T/Unary")(bytes(5 << 20), timeout=DEADLINE)
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert channel.unary_unary("/t.T/Unary")(b"next", timeout=DEADLINE) == b"next"


def test_compressed_is_refused(server):
    call = server.channel().unary_unary("/t.T/Unary")
    with pytest.raises(grpc.RpcError) as error:
        call(bytes(1000), timeout=DEADLINE, compression=grpc.Compression.Gzip)
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_thousand_at_once(server):
    channel = server.channel()
    calls = [channel.unary_unary("/t.T/Hold").future(b"") for _ in range(1000)]
    eventually(lambda: server.counters()["active"] == 1000)
    echoes = [channel.unary_unary("/t.T/Unary").future(b"%d" % i) for i in range(1000)]
    for call in calls:
        call.cancel()
    for i, echo in enumerate(echoes):
        assert echo.result(timeout=DEADLINE) == b"%d" % i
    eventually(lambda: server.counters()["cancelled"] == 1000)


def test_slow_reader(server):
    """A client that does not take its messages stops our handler."""
    channel = server.channel(max_receive_message_length=-1)
    answers = channel.unary_stream("/t.T/Stream")(b"300 1000000", timeout=DEADLINE)
    first = next(answers)
    assert len(first) == 1000000
    # What the client and the kernel took is theirs; ours stays below its bound.
    assert sum(1 for _ in answers) == 299
    assert server.counters()["peak"] < 4 << 20


def test_deaf_handler(server):
    """A handler that does not read stops the client."""
    sent = 0
    stop = threading.Event()

    def messages():
        nonlocal sent
        while not stop.is_set():
            sent += 1
            yield bytes(100000)

    future = server.channel().stream_unary("/t.T/Deaf").future(messages())
    eventually(lambda: server.counters()["held"] > 50000)
    before = -1
    while before != sent:
        before = sent
        time.sleep(0.2)
    assert server.counters()["held"] < 1 << 20
    assert server.process.poll() is None
    stop.set()
    future.cancel()


def test_drain(server):
    """SIGTERM: the calls there are go on to their end, and new ones are not taken."""
    channel = server.channel()
    came = threading.Event()
    go_on = threading.Event()

    def messages():
        yield b"1"
        assert go_on.wait(DEADLINE)
        yield b"2"

    answers = channel.stream_stream("/t.T/Bidi")(messages(), timeout=DEADLINE)
    assert next(answers) == b"1"
    server.process.send_signal(signal.SIGTERM)
    states = []
    channel.subscribe(lambda state: (states.append(state), came.set()))
    eventually(lambda: grpc.ChannelConnectivity.IDLE in states)
    assert server.process.poll() is None
    with pytest.raises(grpc.RpcError) as error:
        channel.unary_unary("/t.T/Unary")(b"", timeout=DEADLINE)
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    go_on.set()
    assert list(answers) == [b"2"]
    assert server.process.wait(DEADLINE) == 0


def test_drain_loses_no_call(server):
    """Connections are drained again and again under load: no call fails."""
    failed = []
    done = threading.Event()

    def load():
        call = server.channel().unary_unary("/t.T/Unary")
        while not done.is_set():
            try:
                assert call(b"x", timeout=DEADLINE) == b"x"
            except grpc.RpcError as e:
                failed.append(e)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for t in threads:
        t.start()
    for _ in range(10):
        before = server.counters()["ended"]
        server.process.send_signal(signal.SIGUSR1)
        eventually(lambda b=before: server.counters()["ended"] > b + 20)
    done.set()
    for t in threads:
        t.join()
    assert not failed
