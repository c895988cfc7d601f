# SPDX-License-Identifier: GPL-3.0-or-later
"""What distccd has around the services: its one port, TLS and tokens, its pages, its end."""

import signal
import socket
import subprocess
import threading
import time

import grpc
import pytest

from reapi import DEADLINE, Client, Tree, last, re, response, stage, until

EXECUTING = 3
TOKEN = "a-token-that-is-long-enough"


def find_missing(client, **call):
    return client.cas.FindMissingBlobs(re.FindMissingBlobsRequest(), timeout=DEADLINE, **call)


def code_of(call):
    with pytest.raises(grpc.RpcError) as e:
        call()
    return e.value.code()


# --- who is served ---


def test_tls(daemon, certificates):
    d = daemon(*certificates.options())
    client = d.client(credentials=certificates.credentials())
    answer = client.sh("echo in a tunnel; cat big | wc -c > out; cp big copy",
                       tree=Tree().file("big", bytes(3_000_000)), outputs=["out", "copy"])
    assert answer.result.exit_code == 0, answer
    blobs = {f.path: f.digest for f in answer.result.output_files}
    assert client.read(blobs["out"]).strip() == b"3000000"
    assert client.read(blobs["copy"]) == bytes(3_000_000)
    # By nobody else, and not without it.
    assert code_of(lambda: find_missing(d.client(
        credentials=certificates.credentials("stranger")))) == grpc.StatusCode.UNAVAILABLE
    assert code_of(lambda: find_missing(d.client())) == grpc.StatusCode.UNAVAILABLE
    assert "reason=not-in-TLS" in d.log()
    # What is not gRPC has no TLS.
    assert d.page("/healthz") == "serving\n"
    metrics = d.metrics()
    assert metrics['distccd_clients_total{protocol="grpc-tls"}'] >= 1
    assert metrics['distccd_clients_total{protocol="grpc"}'] == 0


def test_certificates_of_clients(daemon, certificates):
    d = daemon(*certificates.options("--tls-client-ca", certificates.top / "ca.pem"))
    client = d.client(credentials=certificates.credentials(client="client"))
    find_missing(client)
    assert "build-client" in d.page("/")
    for other in (None, "stranger"):
        refused = d.client(credentials=certificates.credentials(client=other))
        assert code_of(lambda c=refused: find_missing(c)) == grpc.StatusCode.UNAVAILABLE
    find_missing(client)


def test_tokens(daemon, tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"# whose\nbuilder {TOKEN}\n")
    file.chmod(0o600)
    d = daemon("--token-file", file)
    client = d.client()
    for shown in ([], [("authorization", "Bearer " + TOKEN[:-1])], [("authorization", TOKEN)]):
        assert code_of(lambda m=shown: find_missing(client, metadata=m)) == \
            grpc.StatusCode.UNAUTHENTICATED
    # Strangers are not told either what there is.
    unknown = client.channel.unary_unary("/no.Such/Method")
    assert code_of(lambda: unknown(b"")) == grpc.StatusCode.UNAUTHENTICATED
    find_missing(client, metadata=[("authorization", "Bearer " + TOKEN)])
    assert "builder" in d.page("/")
    assert code_of(lambda: find_missing(client)) == grpc.StatusCode.UNAUTHENTICATED
    assert TOKEN not in d.log() and TOKEN not in d.page("/")


# --- the one port ---


def is_closed(s):
    try:
        return s.recv(4096) == b""
    except ConnectionResetError:  # what we had said was not read
        return True


def test_requests_in_pieces(daemon):
    d = daemon()
    with socket.create_connection(("127.0.0.1", d.port), timeout=DEADLINE) as s:
        for byte in b"GET /healthz HTTP/1.0\r\n\r\n":
            s.sendall(bytes([byte]))
        answer = b""
        while piece := s.recv(4096):
            answer += piece
    assert answer.endswith(b"\r\n\r\nserving\n")
    for start in (b"G", b"PRI * HTTP", b"DI", b"\x16\x03"):
        with socket.create_connection(("127.0.0.1", d.port), timeout=DEADLINE) as s:
            s.sendall(start)
            s.shutdown(socket.SHUT_WR)
            assert is_closed(s)
    # In two pieces, and with what follows.
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    with socket.create_connection(("127.0.0.1", d.port), timeout=DEADLINE) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(preface[:5])
        until(lambda: d.metrics()['distccd_clients_open{protocol="unknown"}'] >= 1)
        s.sendall(preface[5:])
        assert s.recv(9)[3] == 4, "no SETTINGS"


def test_handshake_without_end(daemon, certificates):
    """Ten seconds: for TLS, and for what comes in it, or without it."""
    d = daemon(*certificates.options())
    starts = (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\x16\x03\x01")
    sockets = [socket.create_connection(("127.0.0.1", d.port), timeout=DEADLINE) for _ in starts]
    for s, start in zip(sockets, starts):
        s.sendall(start)
    began = time.monotonic()
    assert is_closed(sockets[0])
    assert time.monotonic() - began < DEADLINE / 2
    for s in sockets:
        s.close()


def test_no_certificate(daemon):
    d = daemon()
    with socket.create_connection(("127.0.0.1", d.port), timeout=DEADLINE) as s:
        s.sendall(b"\x16\x03\x01\x00\x05hello")
        assert is_closed(s)
    until(lambda: "protocol=tls reason=no-certificate" in d.log())


def test_inetd(daemon):
    """gRPC on a socket that somebody else accepted."""
    d = daemon()
    store = d.top / "store"
    assert d.page("/healthz") == "serving\n"  # from then on a signal is heard
    d.process.send_signal(signal.SIGTERM)
    assert d.process.wait(DEADLINE) == 0
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = Client(listener.getsockname()[1])
        said = client.cas.FindMissingBlobs.future(re.FindMissingBlobsRequest(), timeout=DEADLINE)
        peer, _ = listener.accept()
    with peer:
        process = subprocess.Popen(
            [d.process.args[0], "--inetd", "--log-stderr", "--enable-tcp-insecure", "--user",
             d.user.pw_name, "--store", store], stdin=peer, stdout=peer, stderr=subprocess.PIPE,
            env=d.env(), cwd=d.top, text=True)
    assert list(said.result().missing_blob_digests) == []
    client.close()
    _, err = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0 and "Sanitizer" not in err, err


# --- what it tells ---


def outcomes(d):
    metrics = d.metrics()
    names = ("ok", "exited", "killed", "timed-out", "cancelled", "refused", "cached", "merged")
    return {n: int(metrics[f'distccd_jobs_total{{protocol="grpc",outcome="{n}"}}'])
            for n in names if metrics[f'distccd_jobs_total{{protocol="grpc",outcome="{n}"}}']}


def fresh(d, wanted):
    """A page is given again for a second."""
    until(lambda: outcomes(d) == wanted)


def test_metrics(daemon):
    d = daemon()
    client = d.client()
    digest = client.action(["/bin/true"])
    assert last(client.execute(digest)).result.exit_code == 0
    assert last(client.execute(digest)).cached_result
    assert client.sh("exit 3").result.exit_code == 3
    client.sh("kill -9 $$")
    client.sh("sleep 100", timeout=0.3)
    client.run(["/bin/true"], platform={"distcc-root": "elsewhere"})
    fresh(d, {"ok": 1, "cached": 1, "exited": 1, "killed": 1, "timed-out": 1, "refused": 1})
    metrics = d.metrics()
    execute = 'method="/build.bazel.remote.execution.v2.Execution/Execute"'
    counts = {k: v for k, v in metrics.items() if execute in k and "status=" in k}
    assert sum(counts.values()) == 6, counts
    assert metrics["distccd_sandbox_setup_seconds_count"] == 4
    assert metrics["distccd_store_bytes"] > 0
    assert d.page("/metrics").endswith("# EOF\n")


def running(client, argv, **fields):
    """A stream of an action that is being carried out."""
    stream = client.execute(client.action(argv, **fields))
    for operation in stream:
        if stage(operation) == EXECUTING:
            return stream
    raise AssertionError("it was over before")


def test_status_page(daemon):
    d = daemon()
    client = d.client()
    stream = running(client, ["/bin/sleep", "1000"], outputs=["a<b>.o"], timeout=10)
    until(lambda: "/bin/sleep: a&lt;b&gt;.o" in d.page("/"))
    assert last(stream).status.code == grpc.StatusCode.DEADLINE_EXCEEDED.value[0]
    until(lambda: "/bin/sleep" not in d.page("/"))
    fresh(d, {"timed-out": 1})


# --- its end ---


def test_drain(daemon):
    """What is under way comes to its end; nothing else begins."""
    d = daemon()
    stream = running(d.client(), ["/bin/sh", "-c", "sleep 2; echo whole"])
    d.process.send_signal(signal.SIGTERM)
    until(lambda: _refuses(d.port))
    operations = list(stream)
    assert response(operations[-1]).result.stdout_raw == b"whole\n"
    assert d.process.wait(DEADLINE) == 0


def _refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it closes just now
        pass
    return False


@pytest.mark.parametrize("times", [1, 2])
def test_page_that_is_not_asked_for_whole(daemon, times):
    """The end waits for its client, unless it is asked for a second time."""
    d = daemon()
    with socket.create_connection(("127.0.0.1", d.port), timeout=DEADLINE) as page:
        page.sendall(b"GET / HTTP/1.1\r\n")
        d.page("/")
        d.process.send_signal(signal.SIGTERM)
        until(lambda: _refuses(d.port))
        assert d.process.poll() is None
        if times == 2:
            d.process.send_signal(signal.SIGTERM)
            assert d.process.wait(DEADLINE) == 0
    assert d.process.wait(DEADLINE) == 0


def test_second_signal(daemon):
    d = daemon()
    stream = running(d.client(), ["/bin/sleep", "1000"])
    d.process.send_signal(signal.SIGTERM)
    until(lambda: _refuses(d.port))
    assert d.process.poll() is None
    d.process.send_signal(signal.SIGTERM)
    watchdog = threading.Timer(DEADLINE, d.process.kill)
    watchdog.start()
    with pytest.raises(grpc.RpcError):
        list(stream)
    assert d.process.wait() == 0
    watchdog.cancel()
