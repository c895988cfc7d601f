# SPDX-License-Identifier: GPL-3.0-or-later
"""Our gRPC peer (rpc-peer) as a process, and grpcio's server and channels in this one."""

import concurrent.futures
import os
import signal
import subprocess
import tempfile

import grpc
import pytest

PEER = os.environ["RPC_PEER"]
DEADLINE = 60.0  # of anything that hangs; sanitizers are slow


class Server:
    """rpc-peer serve, and a channel to it."""

    def __init__(self):
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [PEER, "serve"], stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        word, port = self.process.stdout.readline().split()
        assert word == "port"
        self.port = int(port)
        self.channels = []

    def channel(self, **options):
        channel = grpc.insecure_channel(
            f"127.0.0.1:{self.port}",
            options=[(f"grpc.{k}", v) for k, v in options.items()]
            + [("grpc.use_local_subchannel_pool", 1)],
        )
        self.channels.append(channel)
        return channel

    def counters(self):
        names = ("calls", "ended", "cancelled", "held", "peak")
        with grpc.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            answer = channel.unary_unary("/t.T/Counters")(b"", timeout=DEADLINE)
        found = dict(zip(names, map(int, answer.split())))
        found["active"] = found["calls"] - found["ended"] - 1  # not the one that asks
        return found

    def stop(self):
        for channel in self.channels:
            channel.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=DEADLINE)
            drained = True
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            drained = False
        self.errors.seek(0)
        errors = self.errors.read()
        self.errors.close()
        assert drained, errors
        assert self.process.returncode == 0, errors
        assert "Sanitizer" not in errors, errors


@pytest.fixture
def server():
    s = Server()
    yield s
    s.stop()


class Outcome:
    """What rpc-peer call printed."""

    def __init__(self, done):
        assert "Sanitizer" not in done.stderr, done.stderr
        self.lines = done.stdout.splitlines()
        self.heads = [l.split(" ", 1)[1] for l in self.lines if l.startswith("head ")]
        self.messages = [l.split(" ", 2)[1:] for l in self.lines if l.startswith("message ")]
        self.ends = [l.split(" ", 1)[1] for l in self.lines if l.startswith("end ")]
        self.total = [int(n) for n in self.lines[-1].split()[1:]]

    @property
    def status(self):
        (end,) = self.ends
        return end.split()[0]


def call(port, path, *options):
    done = subprocess.run(
        [PEER, "call", str(port), path, *options],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=DEADLINE,
        check=False,
    )
    return Outcome(done)


class Handler(grpc.GenericRpcHandler):
    def __init__(self, methods):
        self.methods = methods

    def service(self, details):
        return self.methods.get(details.method)


@pytest.fixture
def grpc_server():
    """Starts grpcio servers: methods by path; the port."""
    servers = []

    def start(methods, **options):
        s = grpc.server(
            concurrent.futures.ThreadPoolExecutor(max_workers=16),
            options=[(f"grpc.{k}", v) for k, v in options.items()],
        )
        s.add_generic_rpc_handlers((Handler(methods),))
        port = s.add_insecure_port("127.0.0.1:0")
        s.start()
        servers.append(s)
        return port

    start.servers = servers
    yield start
    for s in servers:
        s.stop(None).wait()
