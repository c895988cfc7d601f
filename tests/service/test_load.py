# SPDX-License-Identifier: GPL-3.0-or-later
"""
Many clients, rude clients, and the worker killed under load. Sizes are small unless the environment
says otherwise: DISTCC_LOAD=64x1000 (connections x actions of each), DISTCC_CRASH_ROUNDS=50. What it
cost is printed (pytest -s).
"""

import concurrent.futures
import os
import random
import socket
import statistics
import threading
import time
from pathlib import Path

import grpc
import pytest

from reapi import DEADLINE, digest_of, key, last, re, until

CONNECTIONS, ACTIONS = map(int, os.environ.get("DISTCC_LOAD", "8x12").split("x"))
ROUNDS = int(os.environ.get("DISTCC_CRASH_ROUNDS", "3"))
MIB = 1 << 20
RSS_SLACK = 8 * MIB  # what an allocator may keep for later


def rss(d):
    lines = Path(f"/proc/{d.process.pid}/status").read_text().splitlines()
    return next(int(x.split()[1]) * 1024 for x in lines if x.startswith("VmRSS:"))


def descriptors(d):
    return len(os.listdir(f"/proc/{d.process.pid}/fd"))


def has_sanitizer(d):
    """One that keeps what was freed for a while."""
    return "libasan" in Path(f"/proc/{d.process.pid}/maps").read_text()


def cpu_s(d):
    """Its own, and its children's that have ended."""
    fields = Path(f"/proc/{d.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    own, children = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
    return own / os.sysconf("SC_CLK_TCK"), children / os.sysconf("SC_CLK_TCK")


def each(clients, call):
    """call(client, number) for all at once; the first failure."""
    with concurrent.futures.ThreadPoolExecutor(len(clients)) as pool:
        for done in [pool.submit(call, c, i) for i, c in enumerate(clients)]:
            done.result()


def cost(what, n, began, cpu, d):
    own, children = (b - a for a, b in zip(cpu, cpu_s(d)))
    wall = time.monotonic() - began
    print(f"{what}: {n} in {wall:.1f} s, {n / wall:.0f}/s; daemon {1e6 * own / n:.0f} us of CPU "
          f"each, ended children {1e6 * children / n:.0f} us; RSS {rss(d) / MIB:.1f} MiB")


def test_many_connections(daemon):
    d = daemon()
    assert d.page("/healthz") == "serving\n"  # all is open
    clients, open_before = [d.client() for _ in range(CONNECTIONS)], descriptors(d)
    action = clients[0].action(["/bin/true"], do_not_cache=True)

    def run(client, _):
        assert last(client.execute(action)).result.exit_code == 0

    def ask(client, number):
        for i in range(ACTIONS):
            digest = digest_of(f"{number} {i}".encode())
            assert client.missing([digest]) == {key(digest)}

    # Each has been served: what is to be kept for all of them is there.
    each(clients, run)
    each(clients, ask)
    for what, rounds, call in (("FindMissingBlobs", 1, ask), ("/bin/true", ACTIONS, run)):
        before, began, cpu = rss(d), time.monotonic(), cpu_s(d)
        each(clients, lambda c, i, n=rounds, f=call: [f(c, i) for _ in range(n)])
        cost(what, CONNECTIONS * ACTIONS, began, cpu, d)
        assert has_sanitizer(d) or rss(d) <= before * 1.25 + RSS_SLACK
    while clients:
        clients.pop().close()
    until(lambda: d.metrics()['distccd_clients_open{protocol="grpc"}'] == 0)
    until(lambda: not d.roots() and descriptors(d) <= open_before + 2)


def latency(client, seconds):
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        client.missing([digest_of(b"x")])
        took.append(time.monotonic() - began)
    return statistics.median(took)


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
PING = bytes([0, 0, 8, 6, 0, 0, 0, 0, 0]) + bytes(8)


def half_open(port):
    """Nothing, or half of what it would be, and no more."""
    for start in (b"", b"P", PREFACE[:10], PREFACE, PREFACE + SETTINGS, b"DIST00000001", b"GET /"):
        s = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
        s.sendall(start)
        yield s


def flood(port, stop):
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as s:
                s.sendall(PREFACE + SETTINGS + PING * 5000)
        except OSError:
            pass


def drip(port, stop):
    """A byte now and then, and it never reads."""
    while not stop.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                for byte in PREFACE + SETTINGS + PING * 100:
                    s.sendall(bytes([byte]))
                    if stop.wait(0.05):
                        return
        except OSError:
            pass


def test_rude_clients(daemon):
    d = daemon()
    client = d.client()
    action = client.action(["/bin/true"], do_not_cache=True)
    alone = latency(client, 1)
    stop, before = threading.Event(), rss(d)
    # Of pages an address may have 16 at once.
    sockets = [s for _ in range(10) for s in half_open(d.port)]
    threads = [threading.Thread(target=f, args=(d.port, stop)) for f in (flood, *[drip] * 20)]
    for t in threads:
        t.start()
    try:
        beside = latency(client, 3)
        assert last(client.execute(action)).result.exit_code == 0
        assert d.page("/healthz") == "serving\n"
        print(f"one call: {alone * 1e3:.2f} ms alone, {beside * 1e3:.2f} ms beside rude clients; "
              f"RSS {before / MIB:.1f}, {rss(d) / MIB:.1f} MiB")
        # They share two processors with everything else here: served, and not starved.
        assert beside < 2
    finally:
        stop.set()
        for t in threads:
            t.join()
        for s in sockets:
            s.close()
    until(lambda: d.metrics()['distccd_clients_open{protocol="unknown"}'] <= 1)
    assert last(client.execute(action)).result.exit_code == 0


class Load:
    """A client that uploads and runs until it is told to stop; what it was promised it remembers."""

    def __init__(self, d, seed):
        self.d, self.random = d, random.Random(seed)
        self.blobs, self.actions = {}, []
        self.stop = threading.Event()
        self.fine = False  # it ended because it was told to
        self.thread = threading.Thread(target=self.run)
        self.client = None
        self.thread.start()

    def run(self):
        while not self.stop.is_set():
            try:
                self.client = self.client or self.d.client()
                self.step()
            except grpc.RpcError as e:
                assert e.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                                    grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL), e
                self.client = None
                self.stop.wait(0.02)
        self.fine = True

    def step(self):
        data = self.random.randbytes(self.random.choice((10, 5000, 300_000, 4_000_000)))
        if self.random.random() < 0.5:
            self.client.write(data)
        else:
            self.client.upload([data])
        self.blobs[key(digest_of(data))] = data
        text = str(self.random.random())
        digest = self.client.action(["/bin/sh", "-c", f"echo {text} > out"], outputs=["out"])
        (output,) = last(self.client.execute(digest)).result.output_files
        self.actions.append((digest, output.digest, f"{text}\n".encode()))


def check(client, load):
    """What is there is what was sent, and what was said to be there is there."""
    digests = [re.Digest(hash=k.split("/")[0], size_bytes=len(v)) for k, v in load.blobs.items()]
    assert client.missing(digests) == set()
    for digest in digests:
        if digest.size_bytes <= 3 * MIB:
            assert client.read(digest) == load.blobs[key(digest)]
    for action, output, data in load.actions:
        q = re.GetActionResultRequest(instance_name=client.instance, action_digest=action)
        result = client.cache.GetActionResult(q, timeout=DEADLINE)
        assert result.output_files[0].digest == output
        assert client.read(output) == data


def test_killed_under_load(daemon):
    d = daemon()
    loads = [Load(d, seed) for seed in range(3)]
    rng = random.Random(4)
    try:
        for _ in range(ROUNDS):
            done = sum(len(x.actions) for x in loads)
            until(lambda n=done: sum(len(x.actions) for x in loads) > n)
            time.sleep(rng.random() * 0.3)  # at any point
            d.kill()
            d.start()
            assert all(x.thread.is_alive() for x in loads)
    finally:
        for x in loads:
            x.stop.set()
        for x in loads:
            x.thread.join()
    assert all(x.fine for x in loads)
    client = d.client()
    for x in loads:
        check(client, x)
    print(f"{ROUNDS} times killed: {sum(len(x.blobs) for x in loads)} blobs and "
          f"{sum(len(x.actions) for x in loads)} results are there")
    assert d.metrics()["distccd_store_bad_total"] == 0
    until(lambda: not d.roots())
