# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's client of Remote Execution (rex-tool), against distccd and servers that do wrong."""

import contextlib
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import grpc
import pytest

from fakereapi import (ASK, CAPABILITIES, EXECUTE, READ, READ_BATCH, UPDATE, WAIT, WRITE, Fake,
                       read_response, write_response)
from reapi import DEADLINE, digest_of, key, operations_pb2, re, status_pb2, until

MIB = 1 << 20


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def noise(seed, size):
    """Bytes that nothing else has."""
    return hashlib.shake_256(f"{seed} {time.time_ns()}".encode()).digest(size)


# --- against distccd ---


def test_result(daemon, tool):
    t = tool(daemon().port)
    a = t.run("cat in/a in/b > out; echo said; echo warned >&2; cp in/a x; chmod +x x; exit 3",
              texts={"in/a": "one", "in/b": "two"}, outputs=["out", "x"])
    assert a["outcome"] == "rex", a
    assert (a["exit_code"], a["stdout"], a["stderr"]) == (3, b"said\n", b"warned\n")
    assert a["outputs"] == {"out": [6, sha256(b"onetwo"), False], "x": [3, sha256(b"one"), True]}
    assert a["address"] == "127.0.0.1" and not a["cached"]
    assert a["up"] > 300 and a["down"] > 100


def test_second_is_cached(daemon, tool, tmp_path):
    (tmp_path / "input").write_bytes(noise("second", 300_000))
    d = daemon()
    t = tool(d.port)
    job = {"files": {"input": tmp_path / "input"}, "outputs": ["out"]}
    first = t.run("wc -c < input > out", **job)
    second = t.run("wc -c < input > out", **job)
    assert not first["cached"] and second["cached"], (first, second)
    assert second["outputs"] == first["outputs"]
    assert first["up"] > 300_000
    # Nothing is even asked for: one Execute.
    assert second["up"] < 200
    assert sum(v for k, v in d.metrics().items()
               if k.startswith("distccd_rpcs_total") and "FindMissingBlobs" in k) == 1
    third = t.run("wc -c < input > out", skip=True, **job)
    assert not third["cached"] and third["outputs"] == first["outputs"]
    # Another client asks, and has nothing to upload.
    fourth = tool(d.port).run("wc -c < input > out", **job)
    assert fourth["cached"] and fourth["up"] < 1000


def test_large(daemon, tool, tmp_path):
    data = noise("large", 10 * MIB)
    (tmp_path / "large").write_bytes(data)
    t = tool(daemon().port)
    a = t.run("cat large large > double; cp large copy; head -c 2000000 large > two; "
              "head -c 5000 large; head -c 3000000 large >&2",
              files={"large": tmp_path / "large"}, outputs=["double", "copy", "two"])
    assert a["exit_code"] == 0 and a["outcome"] == "rex", a
    assert a["outputs"] == {
        "double": [20 * MIB, sha256(data + data), False],
        "copy": [10 * MIB, sha256(data), False],
        "two": [2_000_000, sha256(data[:2_000_000]), False]}
    assert a["stdout"] == data[:4096] and a["stdout_size"] == 5000
    assert a["stderr_size"] == 3_000_000
    assert 10 * MIB < a["up"] < 10.1 * MIB


def test_many_small(daemon, tool, tmp_path):
    files = {}
    for i in range(3000):
        path = tmp_path / f"f{i}"
        path.write_bytes(f"{i}\n".encode() * 700)
        files[f"d{i % 7}/f{i}"] = path
    outputs = [f"o{i}" for i in range(64)]
    a = tool(daemon().port).run(
        "cat d*/* | wc -l; for i in $(seq 0 63); do head -c ${i}000 d0/f7 > o$i; done",
        files=files, outputs=outputs)
    assert a["outcome"] == "rex" and a["stdout"] == b"2100000\n", a
    whole = b"7\n" * 700
    assert a["outputs"] == {
        f"o{i}": [len(whole[:i * 1000]), sha256(whole[:i * 1000]), False] for i in range(64)}


def test_twenty_at_once(daemon, tool, tmp_path):
    (tmp_path / "shared").write_bytes(noise("shared", 3 * MIB))
    t = tool(daemon("--jobs", 4).port)
    ids = {t.sh(f"cat own shared | sha256sum > out; echo {i}",
                texts={"own": f"{i}"}, files={"shared": tmp_path / "shared"}, outputs=["out"]): i
           for i in range(20)}
    for number, i in ids.items():
        a = t.wait(number)
        assert a["outcome"] == "rex" and a["stdout"] == f"{i}\n".encode(), a
        want = sha256(str(i).encode() + (tmp_path / "shared").read_bytes())
        assert a["outputs"]["out"][1] == sha256(f"{want}  -\n".encode())


def test_from_inside_done(daemon, tool):
    """Runs are started there, and the rex is freed."""
    t = tool(daemon().port)
    numbers = [t.sh(f"cp in out; echo {i}", texts={"in": f"{i}"}, outputs=["out"], repeat=50)
               for i in range(4)]
    t.say("end")
    for i, number in enumerate(numbers):
        a = t.wait(number)
        assert a["outcome"] == "rex" and a["stdout"] == f"{i}\n".encode(), a
    assert t.process.wait(DEADLINE) == 0


def test_wiped_store(daemon, tool):
    """Blobs that were known to be there are there no more: on a new connection all is asked."""
    d = daemon()
    t = tool(d.port)
    job = {"texts": {"in": "stays"}, "outputs": ["out"], "no_cache": True}
    assert t.run("cp in out", **job)["outcome"] == "rex"
    d.process.send_signal(signal.SIGTERM)
    d.process.wait()
    d.errors.close()
    shutil.rmtree(d.top / "store")
    (d.top / "store").mkdir()
    os.chown(d.top / "store", d.uid, -1)
    d.start()
    a = t.run("cp in out", **job)
    assert a["outcome"] == "rex" and a["outputs"]["out"][0] == 5, a


def test_killed_server(daemon, tool):
    d = daemon()
    t = tool(d.port)
    assert t.run("true")["outcome"] == "rex"
    number = t.sh("sleep 100")
    until(lambda: "sleep 100" in running())
    d.kill()
    assert t.wait(number)["outcome"] == "rex-dropped"
    assert t.run("true")["outcome"] == "rex-refused"
    d.errors.close()
    d.start()
    a = t.run("echo again")
    assert a["outcome"] == "rex" and a["stdout"] == b"again\n", a


def running():
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True,
                          check=True).stdout


def test_drained_server(daemon, tool):
    """SIGTERM is GOAWAY: what runs is finished, what comes goes elsewhere."""
    d = daemon()
    t = tool(d.port)
    assert t.run("true")["outcome"] == "rex"
    number = t.sh("sleep 2; echo done")
    until(lambda: "sleep 2" in running())
    d.process.send_signal(signal.SIGTERM)
    a = t.wait(number)
    assert a["outcome"] == "rex" and a["stdout"] == b"done\n", a
    d.process.wait()
    d.errors.close()
    d.start()
    assert t.run("echo new", texts={"x": "y"})["stdout"] == b"new\n"


def test_cancel(server, tool):
    s = server("--grace-ms", 100)
    t = tool(s.port)
    marker = f"77{time.time_ns() % 10**6}"
    number = t.sh(f"sleep {marker}")
    until(lambda: f"sleep {marker}" in running())
    t.cancel(number)
    until(lambda: f"sleep {marker}" not in running())
    # At every moment of its life.
    for delay in (0, 0.002, 0.01, 0.03, 0.1):
        number = t.sh(f"sleep {marker}", texts={"in": f"{delay}"})
        time.sleep(delay)
        t.cancel(number)
    assert t.run("echo fine")["stdout"] == b"fine\n"
    assert set(t.answers) == set()


def test_timeout_of_an_action(daemon, tool):
    a = tool(daemon().port).run("sleep 100", timeout_ms=300)
    assert a["outcome"] == "rex-failed" and a["detail"].startswith("DEADLINE_EXCEEDED"), a


def test_nothing_made(daemon, tool):
    t = tool(daemon().port)
    a = t.run("true", texts={"a": "b"}, outputs=["nothing"])
    assert a["outcome"] == "rex" and a["outputs"] == {}, a
    a = t.wait(t.start("/no/such/program"))
    assert a["outcome"] == "rex-failed", a
    assert a["detail"].startswith("FAILED_PRECONDITION: /no/such/program"), a


def test_links_and_directories_are_no_outputs(daemon, tool):
    t = tool(daemon().port)
    for script in ("ln -s /etc/passwd out", "mkdir out"):
        a = t.run(script, outputs=["out"])
        assert (a["outcome"], a["detail"]) == ("rex-garbage", "outputs that are not files"), a
        assert a["outputs"] == {}


@pytest.mark.parametrize("size", [1000, 3 * MIB])
def test_changed_file(daemon, tool, tmp_path, size):
    path = tmp_path / "input"
    t = tool(daemon().port)
    for later in (b"x" * size, b"x" * (size - 1), b"x" * (size + 1)):
        path.write_bytes(noise("before", size))
        t.describe("/bin/true", files={"in": path})
        t.sync()
        path.write_bytes(later)
        t.ids += 1
        t.say(f"run {t.ids}")
        a = t.wait(t.ids)
        assert (a["outcome"], a["detail"]) == ("rex-failed", f"{path} changed"), a
    path.write_bytes(noise("before", size))
    t.describe("/bin/true", files={"in": path})
    t.sync()
    path.unlink()
    t.ids += 1
    t.say(f"run {t.ids}")
    a = t.wait(t.ids)
    assert a["outcome"] == "rex-failed" and str(path) in a["detail"], a
    assert t.run("true")["outcome"] == "rex"


# --- what does not speak it ---


class Peer:
    """A port where each connection is given to act, in a thread."""

    def __init__(self, act):
        self.act = act
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.connections = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(s)
            try:
                self.act(s)
            except OSError:
                pass

    def close(self):
        self.socket.close()
        for s in self.connections:
            s.close()


@pytest.fixture
def peer():
    peers = []

    def start(act):
        peers.append(Peer(act))
        return peers[-1].port

    yield start
    for p in peers:
        p.close()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def half_settings(s):
    s.sendall(b"\0\0\0\4")
    s.close()


@pytest.mark.parametrize("act", [
    lambda s: s.close(),
    lambda s: (s.recv(10), s.close()),
    reset,
    lambda s: s.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    lambda s: s.sendall(b"DONE00000001STAT00000000SERR00000000"),
    lambda s: s.sendall(bytes(100)),
    half_settings,
], ids=["closes", "reads-and-closes", "resets", "http1", "distcc", "zeroes", "half"])
def test_not_grpc(peer, tool, act):
    t = tool(peer(act))
    numbers = [t.sh("true") for _ in range(3)]
    for n in numbers:
        assert t.wait(n)["outcome"] == "rex-not-grpc"
    assert t.run("true")["outcome"] == "rex-not-grpc"


def test_refused(tool):
    t = tool(closed_port())
    for _ in range(2):
        a = t.run("true")
        assert a["outcome"] == "rex-refused" and a["address"] == "127.0.0.1", a


def test_silent(peer, tool):
    t = tool(peer(lambda s: None), io_ms=500)
    start = time.monotonic()
    assert t.run("true")["outcome"] == "rex-timeout"
    assert time.monotonic() - start < 5
    # It greets and then says no more: nothing, not even to a PING.
    t = tool(peer(lambda s: s.sendall(b"\0\0\0\4\0\0\0\0\0")), io_ms=500)
    assert t.run("true")["outcome"] == "rex-timeout"


class Proxy(Peer):
    """Passes bytes on to a port, until it is told to turn away what comes."""

    def __init__(self, to, last=0, turned_away=()):
        self.to = to
        self.last = last  # stream that was processed
        self.turned_away = set(turned_away)  # connections, counted from 0, from their first byte
        self.going = threading.Event()
        super().__init__(self.begin)

    def begin(self, client):
        number = len(self.connections) - 1
        server = socket.create_connection(("127.0.0.1", self.to))
        self.connections.append(server)
        threading.Thread(target=self.back, args=(server, client), daemon=True).start()
        threading.Thread(target=self.forth, args=(client, server, number // 2),
                         daemon=True).start()

    def back(self, server, client):
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)

    def forth(self, client, server, number):
        while data := client.recv(65536):
            if number in self.turned_away or self.going.is_set():
                self.going.clear()
                if number in self.turned_away:
                    client.sendall(bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
                client.sendall(struct.pack(">BHBBIII", 0, 8, 7, 0, 0, self.last, 0))
                while client.recv(65536):  # what it still says is for nobody
                    pass
                client.close()
                return
            server.sendall(data)


@pytest.fixture
def proxy():
    proxies = []

    def start(*args, **options):
        proxies.append(Proxy(*args, **options))
        return proxies[-1]

    yield start
    for p in proxies:
        p.close()


def test_turned_away(fake, tool, proxy):
    """GOAWAY, and the call was not seen: it is made again."""
    p = proxy(fake.port, last=7)
    t = tool(p.port)
    assert t.run("any")["outcome"] == "rex"  # streams 1 to 7
    p.going.set()
    assert t.run("any")["outcome"] == "rex"
    assert fake.calls[4:] == ["GetCapabilities", "Execute"]


def test_turned_away_at_once(fake, tool, proxy):
    """Once, and not for ever."""
    assert tool(proxy(fake.port, turned_away=[0]).port).run("any")["outcome"] == "rex"
    a = tool(proxy(fake.port, turned_away=range(100)).port).run("any")
    assert a["outcome"] == "rex-busy", a


def test_dropped(peer, tool):
    def greet(s):
        s.sendall(b"\0\0\0\4\0\0\0\0\0")
        s.recv(4096)
        s.close()
    assert tool(peer(greet)).run("true")["outcome"] == "rex-dropped"


# --- servers of gRPC that do wrong ---


def test_fake(fake, tool):
    fake.add("out", b"content")
    fake.add("large", bytes(5 * MIB))
    fake.behave[READ] = lambda q, _: (read_response(bytes(MIB)) for _ in range(5))
    t = tool(fake.port)
    a = t.run("any", outputs=["out", "large"])
    assert a["outcome"] == "rex", a
    assert a["outputs"] == {"out": [7, sha256(b"content"), False],
                            "large": [5 * MIB, sha256(bytes(5 * MIB)), False]}
    assert fake.calls == ["GetCapabilities", "FindMissingBlobs", "BatchUpdateBlobs", "Execute",
                          "BatchReadBlobs", "Read"]
    assert t.run("any", outputs=["out", "large"])["outcome"] == "rex"
    assert fake.calls[6:] == ["Execute", "BatchReadBlobs", "Read"]
    # Some servers take no call without it.
    who = fake.metadata["build.bazel.remote.execution.v2.requestmetadata-bin"]
    assert re.RequestMetadata.FromString(who).tool_details.tool_name == "distcc"
    assert "authorization" not in fake.metadata


def test_writes(fake, tool, tmp_path):
    size = 3_000_000
    (tmp_path / "in").write_bytes(noise("writes", size))
    job = {"files": {"in": tmp_path / "in"}}
    a = tool(fake.port).run("any", **job)
    assert a["outcome"] == "rex", a
    assert len(fake.written[0]) == 12 and max(fake.written[0]) < (256 << 10) + 300

    # It has been stored by another meanwhile.
    def early(messages, _):
        next(messages)
        return write_response(size)
    fake.behave[WRITE] = early
    assert tool(fake.port).run("any", **job)["outcome"] == "rex"
    # Not whole.
    fake.behave[WRITE] = lambda messages, _: write_response(1)
    assert tool(fake.port).run("any", **job)["outcome"] == "rex-garbage"

    def refuse(messages, context):
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
    fake.behave[WRITE] = refuse
    a = tool(fake.port).run("any", **job)
    assert (a["outcome"], a["detail"]) == ("rex-busy", "RESOURCE_EXHAUSTED: full")


def test_limit_of_batches(fake, tool):
    """max_batch_total_size_bytes counts."""
    def capabilities(q, _):
        m = Fake.capabilities(fake, q, _)
        m.cache_capabilities.max_batch_total_size_bytes = 10000
        return m
    sizes = []

    def update(q, _):
        sizes.append(sum(len(r.data) for r in q.requests))
        return Fake.update(fake, q, _)
    fake.behave[CAPABILITIES] = capabilities
    fake.behave[UPDATE] = update
    a = tool(fake.port).run("any", texts={f"t{i}": f"{i}" * 3000 for i in range(10, 16)})
    assert a["outcome"] == "rex" and len(sizes) == 6 and max(sizes) < 10000, (a, sizes)


def test_batches_are_compressed(daemon, fake, tool, tmp_path):
    """Where the server takes it, what gains by it; what is in them is what was sent."""
    (tmp_path / "long").write_bytes(b"a word of many " * 4000)
    (tmp_path / "noise").write_bytes(noise("z", 2000))
    job = {"files": {name: tmp_path / name for name in ("long", "noise")}, "texts": {"short": "s"}}
    t = tool(daemon().port)
    assert t.run("true")["outcome"] == "rex"  # what the shell needs is there from now on
    a = t.run("cat long noise > out", outputs=["out"], **job)
    made = b"".join((tmp_path / n).read_bytes() for n in ("long", "noise"))
    assert a["outcome"] == "rex" and a["outputs"]["out"] == [len(made), sha256(made), False], a
    assert a["up"] < 8000
    # One that says nothing of it is sent none.
    assert tool(fake.port).run("any", **job)["up"] > 60000
    assert b"a word of many " * 4000 in fake.blobs.values()


def test_what_is_not_compressed(fake, tool, tmp_path):
    def capabilities(q, _):
        m = Fake.capabilities(fake, q, _)
        m.cache_capabilities.supported_batch_update_compressors.append(re.Compressor.ZSTD)
        return m
    kinds = {}

    def update(q, _):
        kinds.update({r.digest.size_bytes: r.compressor for r in q.requests})
        return Fake.update(fake, q, _)
    fake.behave[CAPABILITIES] = capabilities
    fake.behave[UPDATE] = update
    (tmp_path / "noise").write_bytes(noise("y", 3001))
    job = {"texts": {"long": "l" * 5000, "short": "s" * 150},
           "files": {"noise": tmp_path / "noise"}}
    assert tool(fake.port).run("any", **job)["outcome"] == "rex"
    assert (kinds[5000], kinds[150], kinds[3001]) == (
        re.Compressor.ZSTD, re.Compressor.IDENTITY, re.Compressor.IDENTITY), kinds


def garbage(fake, tool, outputs=("out",)):
    a = tool(fake.port).run("any", outputs=outputs)
    assert a["outcome"] == "rex-garbage" and a["detail"], a
    return a["detail"]


def test_wrong_bytes(fake, tool):
    fake.add("out", b"b0gus", claimed=b"bogus")
    assert "out" in garbage(fake, tool)
    fake.blobs[key(digest_of(b"bogus"))] = b"bogus and more"
    garbage(fake, tool)
    fake.result.output_files[0].contents = b"inlin"
    garbage(fake, tool)
    fake.result.output_files[0].contents = b"inline"
    garbage(fake, tool)


@pytest.mark.parametrize("pieces", [5 * [bytes(MIB)], 3 * [bytes(MIB)], [bytes(100)], []])
def test_wrong_bytes_of_a_stream(fake, tool, pieces):
    fake.add("out", b"", claimed=bytes(4 * MIB - 1) + b"1")
    fake.behave[READ] = lambda q, _: map(read_response, pieces)
    garbage(fake, tool)


def test_no_bytes(fake, tool):
    fake.add("out", b"content")
    fake.behave[READ_BATCH] = lambda q, _: re.BatchReadBlobsResponse()
    garbage(fake, tool)

    def not_found(q, _):
        m = re.BatchReadBlobsResponse()
        m.responses.add(digest=q.digests[0]).status.code = 5
        return m
    fake.behave[READ_BATCH] = not_found
    a = tool(fake.port).run("any", outputs=["out"])
    assert a["outcome"] == "rex-failed" and a["detail"].startswith("NOT_FOUND"), a


def test_outputs_that_were_not_asked_for(fake, tool):
    fake.add("../../etc/passwd", b"content")
    assert "not asked for" in garbage(fake, tool)
    fake.result.Clear()
    fake.add("out", b"content")
    fake.add("out", b"content")
    garbage(fake, tool)
    fake.result.Clear()
    fake.result.output_symlinks.add(path="out", target="x")
    assert garbage(fake, tool) == "outputs that are not files"
    fake.result.Clear()
    fake.result.output_directories.add(path="out")
    assert garbage(fake, tool) == "outputs that are not files"
    fake.result.Clear()
    fake.result.output_files.add(path="out")
    garbage(fake, tool)
    fake.result.output_files[0].digest.CopyFrom(re.Digest(hash="0" * 64, size_bytes=2 << 30))
    assert "too large" in garbage(fake, tool)
    fake.result.output_files[0].digest.size_bytes = -1
    garbage(fake, tool)


def test_same_content_twice(fake, tool):
    fake.add("out", b"content")
    fake.add("other", b"content")
    fake.result.stdout_digest.CopyFrom(digest_of(b"content"))
    asked = []

    def read_batch(q, c):
        asked.append(len(q.digests))
        return Fake.read_batch(fake, q, c)
    fake.behave[READ_BATCH] = read_batch
    a = tool(fake.port).run("any", outputs=["out", "other"])
    assert a["outcome"] == "rex" and a["stdout"] == b"content" and asked == [1], a
    assert a["outputs"]["out"] == a["outputs"]["other"]


@pytest.mark.parametrize("how", ["response", "status"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_missing_blobs(fake, tool, how, times):
    """The server said that it has all, and does not."""
    fake.behave[ASK] = lambda q, _: re.FindMissingBlobsResponse()
    left = [times]

    def execute(q, context):
        left[0] -= 1
        if left[0] < 0:
            yield fake.operation()
            return
        detail = status_pb2.PreconditionFailure()
        detail.violations.add(type="MISSING", subject=f"blobs/{'0' * 64}/1")
        status = status_pb2.Status(code=9, message="where are they?")
        status.details.add().Pack(detail)
        if how == "response":
            yield fake.operation(status=status)
        else:
            context.set_trailing_metadata(
                [("grpc-status-details-bin", status.SerializeToString())])
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "where are they?")
    fake.behave[EXECUTE] = execute
    a = tool(fake.port).run("any")
    assert a["outcome"] == ("rex" if times < 3 else "rex-failed"), a
    assert fake.calls.count("FindMissingBlobs") == min(times, 2) + 1


def test_vanished_blobs(fake, tool):
    """What was remembered is asked for anew, and uploaded."""
    t = tool(fake.port)
    assert t.run("any")["outcome"] == "rex"
    seen = []

    def execute(q, context):
        seen.append(q)
        if len(seen) == 1:
            detail = status_pb2.PreconditionFailure()
            detail.violations.add(type="MISSING", subject=f"blobs/{'0' * 64}/1")
            status = status_pb2.Status(code=9)
            status.details.add().Pack(detail)
            yield fake.operation(status=status)
        else:
            yield fake.operation()
    fake.behave[EXECUTE] = execute
    fake.calls.clear()
    assert t.run("any")["outcome"] == "rex"
    assert fake.calls == ["Execute", "FindMissingBlobs", "BatchUpdateBlobs", "Execute"]


@pytest.mark.parametrize("code, outcome", [
    (grpc.StatusCode.UNIMPLEMENTED, "rex-not-served"),
    (grpc.StatusCode.UNAUTHENTICATED, "rex-denied"),
    (grpc.StatusCode.PERMISSION_DENIED, "rex-denied"),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, "rex-busy"),
    (grpc.StatusCode.UNAVAILABLE, "rex-busy"),
    (grpc.StatusCode.INTERNAL, "rex-failed"),
])
@pytest.mark.parametrize("where", [CAPABILITIES, ASK, UPDATE, EXECUTE])
def test_statuses(fake, tool, code, outcome, where):
    def unary(_, context):
        context.abort(code, "says the server\n\x7f")

    def stream(_, context):
        context.abort(code, "says the server\n\x7f")
        yield
    fake.behave[where] = stream if where == EXECUTE else unary
    a = tool(fake.port).run("any")
    assert (a["outcome"], a["detail"]) == (outcome, f"{code.name}: says the server??"), a


def test_not_served(fake, tool):
    def capabilities(**changes):
        def method(q, _):
            m = Fake.capabilities(fake, q, _)
            for f in changes.values():
                f(m)
            return m
        return method
    for change in (lambda m: m.ClearField("execution_capabilities"),
                   lambda m: m.ClearField("cache_capabilities"),
                   lambda m: m.cache_capabilities.digest_functions.__setitem__(0, 2),
                   lambda m: m.execution_capabilities.digest_functions.append(2),
                   lambda m: setattr(m.execution_capabilities, "exec_enabled", False)):
        fake.behave[CAPABILITIES] = capabilities(f=change)
        a = tool(fake.port).run("any")
        assert a["outcome"] == "rex-not-served" and a["detail"], a
    fake.behave[CAPABILITIES] = lambda q, _: b"\xff\xff"
    assert tool(fake.port).run("any")["outcome"] == "rex-garbage"
    # It is asked anew when it is wanted anew.
    t = tool(fake.port)
    assert t.run("any")["outcome"] == "rex-garbage"
    del fake.behave[CAPABILITIES]
    assert t.run("any")["outcome"] == "rex"


def test_answers_that_are_none(fake, tool):
    def stream(*messages):
        def method(q, _):
            yield from messages
        return method
    fake.behave[EXECUTE] = stream()
    garbage(fake, tool)
    fake.behave[EXECUTE] = stream(b"\xff\xff")
    garbage(fake, tool)
    fake.behave[EXECUTE] = stream(operations_pb2.Operation(done=True))
    garbage(fake, tool)
    fake.behave[EXECUTE] = stream(fake.operation(), fake.operation())
    garbage(fake, tool)
    none = operations_pb2.Operation(done=True)
    none.response.Pack(re.ExecuteResponse())
    fake.behave[EXECUTE] = stream(none)
    garbage(fake, tool)
    none.response.Pack(re.Digest())
    fake.behave[EXECUTE] = stream(none)
    garbage(fake, tool)
    del fake.behave[EXECUTE]
    fake.behave[UPDATE] = lambda q, _: re.BatchUpdateBlobsResponse()
    garbage(fake, tool)
    fake.behave[ASK] = lambda q, _: re.FindMissingBlobsResponse(
        missing_blob_digests=[digest_of(b"never")])
    garbage(fake, tool)


def test_wait_execution(fake, tool):
    """The stream ends, and the operation goes on."""
    def execute(q, _):
        yield operations_pb2.Operation(name="operations/7")
    names = []

    def wait(q, _):
        names.append(q.name)
        yield operations_pb2.Operation(name="operations/7")
        yield fake.operation()
    fake.behave[EXECUTE] = execute
    fake.behave[WAIT] = wait
    assert tool(fake.port).run("any")["outcome"] == "rex"
    assert names == ["operations/7"]
    # Once.
    fake.behave[WAIT] = execute
    fake.calls.clear()
    garbage(fake, tool)
    assert fake.calls.count("WaitExecution") == 1


def test_stuck_calls(fake, tool):
    """A connection that answers PINGs, and a call that is never answered."""
    fake.behave[ASK] = lambda q, _: fake.stuck.wait(DEADLINE)
    t = tool(fake.port, io_ms=1000)
    start = time.monotonic()
    assert t.run("any")["outcome"] == "rex-timeout"
    assert time.monotonic() - start < 10
    del fake.behave[ASK]
    # To execute may take longer than that.

    def execute(q, _):
        yield operations_pb2.Operation(name="operations/7")
        time.sleep(4)
        yield fake.operation()
    fake.behave[EXECUTE] = execute
    a = t.run("any")
    assert a["outcome"] == "rex", a


def test_stopped_server(daemon, tool):
    """It does not even answer PINGs."""
    d = daemon()
    t = tool(d.port, io_ms=1000)
    assert t.run("true")["outcome"] == "rex"
    number = t.sh("sleep 60")
    until(lambda: "sleep 60" in running())
    d.process.send_signal(signal.SIGSTOP)
    try:
        a = t.wait(number, 20)
    finally:
        d.process.send_signal(signal.SIGCONT)
    assert a["outcome"] == "rex-timeout", a
    assert t.run("echo back")["stdout"] == b"back\n"
