# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers of Remote Execution by their URLs, and caches: what is compiled once is compiled once."""

import os
import shutil
import signal
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from harness import procs
from harness.exact import start_worker
from harness.tree import differences

# A server of Remote Execution made of grpcio, and certificates: those of the services' tests.
sys.path.append(str(Path(__file__).resolve().parents[1] / "service"))
grpc = pytest.importorskip("grpc")
pytest.importorskip("grpc_tools")

from certificates import Certificates  # noqa: E402
from fakereapi import CAPABILITIES, GET_RESULT, Fake, serving  # noqa: E402
from reapi import digest_of, key  # noqa: E402

pytestmark = pytest.mark.ours

SOURCE = '#include "a.h"\n#include <stddef.h>\nint f(void) { return A + (int)sizeof(size_t); }\n'
OPTIONS = ("-g", "-O1", "-c", "u.c", "-o", "u.o")


@pytest.fixture
def worker(lab):
    """A function that starts one that has a store."""
    return lambda *options: start_worker(lab, options=options)


@pytest.fixture
def client(lab):
    """A function that gives a user with an agent and a cache of his own."""
    def make(*hosts, **env):
        # On a busy machine a cache that works may take a while.
        return lab.client(" ".join(hosts), **{"DISTCC_EXACT": 1, "DISTCC_CACHE_TIMEOUT": 60,
                                              "DISTCC_CACHE_DIR": lab.directory("k"), **env})

    return make


def url(worker, more=""):
    return f"grpc://127.0.0.1:{worker.port}{more}"


def cache(worker, more=""):
    return f"cache={url(worker, more)}"


def units(lab, n=1):
    files = {f"u{i}.c": f"{SOURCE}int g{i}(void) {{ return {i}; }}\n" for i in range(1, n)}
    return lab.tree({"u.c": SOURCE, "a.h": "#define A 1\n", **files})


def metrics(worker):
    """As of now: a page is given for a while as it was made."""
    begun = page(worker)["distccd_uptime_seconds"]
    found = []

    def is_newer():
        found[:] = [page(worker)]
        return found[0]["distccd_uptime_seconds"] > begun

    procs.eventually("the page is made anew", is_newer)
    return found[0]


def page(worker):
    with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/metrics", timeout=60) as r:
        lines = [x for x in r.read().decode().splitlines() if not x.startswith("#")]
    return {name: float(value) for name, value in (x.rsplit(" ", 1) for x in lines)}


def calls(worker, method):
    return sum(v for k, v in metrics(worker).items()
               if k.startswith("distccd_rpcs_total") and f"/{method}\"" in k)


def executed(worker):
    """Actions that were run there, and not answered from what was kept."""
    return sum(v for k, v in metrics(worker).items()
               if k.startswith("distccd_jobs_total") and '"cached"' not in k)


def compiled(one, tree, *argv, reason, where=None):
    argv = argv or ("gcc", *OPTIONS)
    wanted = one.lab.local(tree, *argv)
    got = one.compile(tree, *argv)
    job = one.last_job()
    assert not differences(got, wanted)
    assert job["reason"] == reason and (where is None or job["where"] == where[:63]), job
    return got


# --- servers by their URLs ---


def test_server(lab, worker, client):
    w = worker("--instance", "main/one")
    host = url(w, "/main/one,slots=2")
    one, tree = client(host), units(lab)
    compiled(one, tree, reason="exact", where=host)
    assert executed(w) == 1
    assert one.run("-j").out == b"2\n"
    assert one.run("--show-hosts").out.decode() == f"{host}\n"
    # Another instance is another server.
    two = client(url(w, "/other"), DISTCC_BACKOFF_PERIOD=0)
    compiled_here(two, tree, "rex-")


def compiled_here(one, tree, reason):
    """Locally, and the reason begins like that."""
    wanted = one.lab.local(tree, "gcc", *OPTIONS)
    got = one.compile(tree, "gcc", *OPTIONS)
    assert got.code == wanted.code and got.files == wanted.files, got
    job = one.last_job()
    assert job["where"] == "local" and job["reason"].startswith(reason), job
    return got


def test_what_a_server_cannot_take(lab, worker, client):
    """What is neither exact nor text is compiled here, and that is no fault of the hosts."""
    w = worker()
    tree = lab.tree({"u.c": "const char *t = __TIMESTAMP__;\n"})
    one = client(url(w), DISTCC_FALLBACK=0)
    argv = ("gcc", "-fdump-tree-optimized", "-c", "u.c", "-o", "u.o")
    assert one.compile(tree, *argv).code == 0
    assert one.last_job()["reason"] == "side-output"
    # Beside another host it goes there.
    plain = lab.worker()
    three = client(url(w), plain.host())
    assert three.compile(tree, "gcc", "-c", "u.c", "-o", "u.o").code == 0
    assert three.last_job()["reason"] == "remote"


def test_server_that_is_down(lab, worker, client):
    w = worker()
    one, tree = client(url(w), DISTCC_CACHE_SIZE=0), units(lab)
    w.kill()
    got = compiled_here(one, tree, "rex-refused")
    assert b"connection refused" in got.err and got.err.count(b"\n") == 1
    compiled_here(one, tree, "hosts-resting")
    two = client(url(w), DISTCC_FALLBACK=0)
    assert two.compile(tree, "gcc", *OPTIONS).code == 116


def test_distccd_without_a_store_by_its_url(lab, client):
    """Of one that is listed for that alone the user is told."""
    got = compiled_here(client(url(lab.worker())), units(lab), "rex-")
    assert b"Warning" in got.err


# --- done-when: a rebuild elsewhere compiles nothing ---


@pytest.mark.parametrize("as_url", [True, False], ids=["url", "host"])
def test_second_client_of_a_worker(lab, worker, client, as_url):
    w = worker()
    tree = units(lab, 6)
    host = url(w) if as_url else w.host()
    first, second = client(host), client(host)
    for one, runs in ((first, 6), (second, 6)):
        for name in sorted(p.stem for p in tree.path.glob("*.c")):
            compiled(one, tree, "gcc", "-g", "-c", f"{name}.c", "-o", f"{name}.o", reason="exact")
        assert executed(w) == runs
    # And nothing was sent that was there.
    assert sum(int(job["bytes_up"]) for job in second.jobs()) * 50 < \
        sum(int(job["bytes_up"]) for job in first.jobs())


@pytest.mark.parametrize("with_host", [True, False], ids=["host", "alone"])
def test_second_client_of_a_cache(lab, worker, client, with_host):
    """A distccd that only keeps: filled by a host's results, or by those of compiles here."""
    keeps, tree = worker(), units(lab, 4)
    hosts = [url(worker())] if with_host else []
    first = client(cache(keeps), *hosts)
    names = sorted(p.stem for p in tree.path.glob("*.c"))
    for name in names:
        compiled(first, tree, "gcc", "-g", "-c", f"{name}.c", "-o", f"{name}.o",
                 reason="exact" if with_host else "no-hosts")
    procs.eventually("all are there", lambda: calls(keeps, "UpdateActionResult") == len(names))
    # The second has no host, and compiles nothing.
    second = client(cache(keeps, ",ro"))
    for name in names:
        compiled(second, tree, "gcc", "-g", "-c", f"{name}.c", "-o", f"{name}.o",
                 reason="cached", where=cache(keeps, ",ro"))
    assert executed(keeps) == 0 and calls(keeps, "Execute") == 0
    # One look-up for each unit of both, and what is in the store here is not looked up.
    assert calls(keeps, "GetActionResult") == 2 * len(names)
    for name in names:
        assert second.compile(tree, "gcc", "-g", "-c", f"{name}.c", "-o", f"{name}.o").code == 0
    assert calls(keeps, "GetActionResult") == 2 * len(names)


def test_read_only(lab, worker, client):
    keeps = worker()
    compiled(client(cache(keeps, ",ro")), units(lab), reason="no-hosts")
    compiled(client(cache(keeps, ",ro")), units(lab), reason="no-hosts")
    assert calls(keeps, "UpdateActionResult") == 0


def test_diagnostics_and_other_outputs(lab, worker, client):
    keeps = worker()
    text = '#include "a.h"\nint f(void) { int unused; return A; }\n'
    tree = lab.tree({"u.c": text, "a.h": "#warning it is old\n#define A 1\n"})
    argv = ("gcc", "-Wall", "-MMD", "-MF", "u.deps", *OPTIONS)
    compiled(client(cache(keeps)), tree, *argv, reason="no-hosts")
    procs.eventually("it is there", lambda: calls(keeps, "UpdateActionResult") == 1)
    got = compiled(client(cache(keeps)), tree, *argv, reason="cached")
    assert b"it is old" in got.err and "u.deps" in got.files


def test_no_stale_object(lab, worker, client):
    keeps, tree = worker(), units(lab)
    compiled(client(cache(keeps)), tree, reason="no-hosts")
    procs.eventually("it is there", lambda: calls(keeps, "UpdateActionResult") == 1)
    (tree.path / "a.h").write_text("#define A 2\n")
    tree.source = tree.snapshot()
    compiled(client(cache(keeps)), tree, reason="no-hosts")


def test_errors_are_not_kept(lab, worker, client):
    keeps, w = worker(), worker()
    tree = lab.tree({"u.c": "int f(void) { return A; }\n"})
    for hosts in ((), (url(w),)):
        one = client(cache(keeps), *hosts)
        assert one.compile(tree, "gcc", *OPTIONS).code == 1
    assert calls(keeps, "UpdateActionResult") == 0


# --- caches that are no good ---


def test_cache_that_is_down(lab, worker, client):
    """It is told of once, and then rests."""
    keeps, w, tree = worker(), worker(), units(lab)
    keeps.kill()
    one = client(cache(keeps), url(w), DISTCC_CACHE_SIZE=0)
    first = one.compile(tree, "gcc", *OPTIONS)
    assert first.code == 0 and b"connection refused" in first.err
    assert one.last_job()["reason"] == "exact"
    compiled(one, tree, reason="exact")


def test_silent_cache(lab, worker, client):
    """One that takes the connection and says nothing: it costs its time-out, once."""
    w, tree = worker(), units(lab)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        one = client(f"cache=grpc://127.0.0.1:{silent.getsockname()[1]}", url(w),
                     DISTCC_CACHE_SIZE=0, DISTCC_CACHE_TIMEOUT=1)
        got = one.compile(tree, "gcc", *OPTIONS)
        assert got.code == 0 and b"(cache-late)" in got.err, got
        assert one.last_job()["reason"] == "exact"
        assert int(one.last_job()["wall_ms"]) >= 900
        compiled(one, tree, reason="exact")


def test_stopped_cache_beside_one_that_works(lab, worker, client):
    """The first answer counts: nobody waits for the other."""
    keeps, stopped, tree = worker(), worker(), units(lab)
    compiled(client(cache(keeps)), tree, reason="no-hosts")
    procs.eventually("it is there", lambda: calls(keeps, "UpdateActionResult") == 1)
    stopped.process.send_signal(signal.SIGSTOP)
    try:
        one = client(cache(stopped), cache(keeps), DISTCC_CACHE_TIMEOUT=60)
        compiled(one, tree, reason="cached", where=cache(keeps))
    finally:
        stopped.process.send_signal(signal.SIGCONT)


def test_explain(lab, worker, client):
    keeps, tree = worker(), units(lab)
    compiled(client(cache(keeps)), tree, reason="no-hosts")
    procs.eventually("it is there", lambda: calls(keeps, "UpdateActionResult") == 1)
    two = client(cache(keeps))
    said = two.run("--distcc-explain", "gcc", *OPTIONS, cwd=tree.path).err.decode()
    assert f"not compiled: its result was kept by {cache(keeps)}" in said, said


# --- identical compiles at the same time ---


def stopped(w):
    """A worker that takes connections and does nothing until it goes on."""
    w.process.send_signal(signal.SIGSTOP)


def goes_on(w):
    w.process.send_signal(signal.SIGCONT)


def start_together(one, tree, n, argv=("gcc", *OPTIONS)):
    """The first is under way, and the others wait for it."""
    assert one.run("gcc", "--version").code == 0  # so that there is an agent
    running = [one.start([one.program, *argv], tree.path)]
    procs.eventually("the first is under way", lambda: any(
        "127.0.0.1" in job["where"] for job in one.jobs()))
    running += [one.start([one.program, *argv], tree.path) for _ in range(n - 1)]
    procs.eventually("the others wait", lambda: reasons(one).count("joined") == n - 1)
    return running


def reasons(one):
    return [job["reason"] for job in one.jobs() if job["source"] == "u.c"]


def test_identical_compiles(lab, worker, client):
    w, tree = worker(), units(lab)
    one = client(url(w, ",slots=1"), DISTCC_CACHE_SIZE=0)
    wanted = lab.local(tree, "gcc", *OPTIONS)
    stopped(w)
    try:
        running = start_together(one, tree, 4)
    finally:
        goes_on(w)
    for r in running:
        assert r.wait().code == 0
    assert tree.changes()[0]["u.o"] == wanted.files["u.o"]
    assert sorted(reasons(one)) == ["exact", "joined", "joined", "joined"]
    assert executed(w) == 1 and calls(w, "Execute") == 1


def test_identical_compiles_and_the_first_is_cancelled(lab, worker, client):
    w, tree = worker(), units(lab)
    one = client(url(w), DISTCC_CACHE_SIZE=0)
    wanted = lab.local(tree, "gcc", *OPTIONS)
    stopped(w)
    try:
        first, *others = start_together(one, tree, 3)
        first.process.kill()
        procs.eventually("another takes its place", lambda: (
            "cancelled" in reasons(one) and reasons(one).count("joined") == 1))
    finally:
        goes_on(w)
    first.wait()
    for r in others:
        assert r.wait().code == 0
    assert tree.changes()[0]["u.o"] == wanted.files["u.o"]
    assert sorted(reasons(one)) == ["cancelled", "exact", "joined"]


def test_identical_compiles_that_fail(lab, worker, client):
    w = worker()
    tree = lab.tree({"u.c": "int f(void) { return A; }\n"})
    one = client(url(w), DISTCC_CACHE_SIZE=0)
    stopped(w)
    try:
        running = start_together(one, tree, 3)
    finally:
        goes_on(w)
    for r in running:
        result = r.wait()
        assert result.code == 1 and b"undeclared" in result.err
    assert set(reasons(one)) == {"compile-failed"}


def test_identical_compiles_and_the_worker_dies(lab, worker, client):
    w, tree = worker(), units(lab)
    one = client(url(w), DISTCC_CACHE_SIZE=0)
    wanted = lab.local(tree, "gcc", *OPTIONS)
    stopped(w)
    try:
        running = start_together(one, tree, 3)
    finally:
        w.kill()
    for r in running:
        assert r.wait().code == 0
    assert tree.changes()[0]["u.o"] == wanted.files["u.o"]
    assert not {"exact", "joined"} & set(reasons(one))


def test_identical_compiles_here(lab, client):
    """Without hosts the first compiles here, and the others have its result."""
    tree = units(lab)
    body = "".join(f"int g{i}(int x) {{ return x / {i + 1}; }}\n" for i in range(300))
    (tree.path / "u.c").write_text(SOURCE + body)
    tree.source = tree.snapshot()
    one = client()
    argv = ("gcc", "-O2", *OPTIONS)
    wanted = lab.local(tree, *argv)
    running = [one.start([one.program, *argv], tree.path)]
    procs.eventually("it compiles", lambda: any(
        "cc1" in procs.command_line(pid) for pid in procs.descendants()))
    running += [one.start([one.program, *argv], tree.path) for _ in range(3)]
    for r in running:
        assert r.wait().code == 0
    assert tree.changes()[0] == wanted.files
    assert sorted(reasons(one)) == ["joined", "joined", "joined", "no-hosts"]


# --- a cache of another make ---


@pytest.fixture
def foreign():
    f = Fake()

    def capabilities(q, _):
        m = Fake.capabilities(f, q, _)
        m.ClearField("execution_capabilities")
        return m

    f.behave[CAPABILITIES] = capabilities
    with serving(f):
        yield f


def filled(client, tree, foreign):
    """A cache with the result of one compile; and that."""
    compiled(client(cache(foreign)), tree, reason="no-hosts")
    procs.eventually("it is there", lambda: foreign.actions)
    (found,) = foreign.actions.values()
    return found


def test_foreign_cache(lab, client, foreign):
    tree = units(lab)
    found = filled(client, tree, foreign)
    assert sorted(f.path for f in found.output_files)[-1] == "u.o"
    one = client(cache(foreign))
    foreign.calls.clear()
    compiled(one, tree, reason="cached", where=cache(foreign))
    # One call, and one for the outputs, since this server puts none into its answer.
    assert foreign.calls == ["GetCapabilities", "GetActionResult", "BatchReadBlobs"]
    compiled(one, tree, reason="cached", where="cache")
    # What came from a cache is not given to caches.
    assert "UpdateActionResult" not in foreign.calls


def test_foreign_cache_that_lost_blobs(lab, client, foreign):
    """Its result is none, and is put there again."""
    tree = units(lab)
    found = filled(client, tree, foreign)
    foreign.blobs.clear()
    foreign.actions.clear()
    foreign.behave[GET_RESULT] = lambda q, _: found
    got = client(cache(foreign))
    compiled(got, tree, reason="no-hosts")
    assert b"Warning" not in got.compile(tree, "gcc", *OPTIONS).err
    procs.eventually("it is there again", lambda: foreign.actions and foreign.blobs)


def test_foreign_cache_that_lies(lab, client, foreign):
    tree = units(lab)
    found = filled(client, tree, foreign)
    (object_file,) = (f for f in found.output_files if f.path == "u.o")
    good = foreign.blobs[key(object_file.digest)]
    # Other bytes than those of the digest.
    foreign.blobs[key(object_file.digest)] = good[:-1] + bytes([good[-1] ^ 1])
    one = client(cache(foreign))
    got = one.compile(tree, "gcc", *OPTIONS)
    assert got.files["u.o"] == lab.local(tree, "gcc", *OPTIONS).files["u.o"]
    assert b"(rex-garbage)" in got.err and one.last_job()["reason"] == "no-hosts"
    # A result that is whole, of a compiler that read something else.
    foreign.blobs[key(object_file.digest)] = good
    for f in found.output_files:
        if f.path != "u.o":
            listed = foreign.blobs[key(f.digest)].replace(b"stddef.h", b"stdarg.h")
            f.digest.CopyFrom(digest_of(listed))
            foreign.blobs[key(f.digest)] = listed
    two = client(cache(foreign))
    got = two.compile(tree, "gcc", *OPTIONS)
    assert b"(exact-doubted)" in got.err and two.last_job()["reason"] == "no-hosts"
    compiled(two, tree, reason="cached", where="cache")


def test_foreign_cache_that_takes_nothing(lab, client, foreign):
    """It is read, and not offered anything again."""
    def capabilities(q, _):
        m = Fake.capabilities(foreign, q, _)
        m.cache_capabilities.action_cache_update_capabilities.update_enabled = False
        return m
    foreign.behave[CAPABILITIES] = capabilities
    tree = units(lab)
    one = client(cache(foreign), DISTCC_CACHE_SIZE=0)
    for _ in range(3):
        compiled(one, tree, reason="no-hosts")
    assert foreign.calls.count("GetActionResult") == 3
    assert not {"FindMissingBlobs", "UpdateActionResult"} & set(foreign.calls)


# --- TLS and tokens ---


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls"))


def test_tls_and_token(lab, worker, client, certificates):
    home = lab.directory("secrets")
    home.chmod(0o755)
    for name in ("server.pem", "server.key", "ca.pem"):
        shutil.copy(certificates.top / name, home)
        (home / name).chmod(0o600)
    token = "a-token-that-is-long-enough"
    (home / "tokens").write_text(f"{token}\n")
    (home / "tokens").chmod(0o600)
    if os.geteuid() == 0:  # it gives up root before it reads some of them
        for file in home.iterdir():
            shutil.chown(file, "nobody")
    (home / "mine").write_text(f"{token}\n")
    (home / "mine").chmod(0o600)
    w = worker("--tls-cert", home / "server.pem", "--tls-key", home / "server.key",
               "--token-file", home / "tokens")
    files = f",ca={certificates.top / 'ca.pem'},token={home / 'mine'}"
    server = f"grpcs://127.0.0.1:{w.port}{files}"
    tree = units(lab)
    one = client(server, DISTCC_VERBOSE=1, DISTCC_AGENT_LOG=lab.root / "agent.log")
    said = one.compile(tree, "gcc", *OPTIONS).err
    assert one.last_job()["reason"] == "exact", said
    assert token.encode() not in said
    assert token not in (lab.root / "agent.log").read_text()
    # As a cache.
    two = client(f"cache={server}")
    compiled(two, tree, reason="cached")
    # Without the token, and without trust, in one line.
    for more, name, says in [(f",ca={certificates.top / 'ca.pem'}", "rex-denied", "no bearer token"),
                             (f",token={home / 'mine'}", "rex-tls", "certificate was refused"),
                             (f",ca={home / 'none'}", "rex-secrets", "No such file")]:
        other = client(f"grpcs://127.0.0.1:{w.port}{more}")
        got = compiled_here(other, tree, name)
        assert says in got.err.decode() and got.err.count(b"\n") == 1, got.err
