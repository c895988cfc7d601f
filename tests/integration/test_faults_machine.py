# SPDX-License-Identifier: GPL-3.0-or-later
"""Full disks, SIGKILL and interruptions: the build ends as locally, and nothing runs on."""

import os
import random
import signal
import stat
import time

import pytest

from harness import procs
from harness.lab import may_mount, on_small_disk
from harness.tree import assert_same

SOURCE = {"x.c": "int f(int x) { return x + 1; }\n"}
ARGV = ("gcc", "-O1", "-MMD", "-MF", "x.d", "-c", "x.c")


@pytest.fixture
def small_disks():
    if not may_mount():
        pytest.skip("may not mount in a namespace of its own here")


def large_object(bytes_: int) -> dict:
    return {"x.c": f"const char big[{bytes_}] = {{ 1 }};\n"}


@pytest.mark.parametrize("options", ["", ",lzo"])
@pytest.mark.parametrize("size", ["16k", "600k"])
def test_workers_disk_is_full(lab, small_disks, size, options):
    """16k: not even the source fits; 600k: the object does not."""
    tmp = lab.directory("small")
    worker = lab.worker(wrap=on_small_disk(tmp, size), TMPDIR=tmp)
    client = lab.client([worker.host(options)])
    tree = lab.tree({"x.c": large_object(1 << 20)["x.c"] + "/* " + "text " * 5000 + "*/\n" * 3})
    wanted = lab.local(tree, "gcc", "-c", "x.c")
    got = client.compile(tree, "gcc", "-c", "x.c")
    assert_same(got.without_notes(), wanted)


def test_workers_disk_is_full_but_another_has_room(lab, small_disks):
    tmp = lab.directory("small")
    full = lab.worker(wrap=on_small_disk(tmp, "600k"), TMPDIR=tmp)
    good = lab.worker()
    client = lab.client([full, good])
    tree = lab.tree(large_object(1 << 20))
    wanted = lab.local(tree, "gcc", "-c", "x.c")
    assert_same(client.compile(tree, "gcc", "-c", "x.c").without_notes(), wanted)


def test_clients_disk_is_full(lab, small_disks):
    """The object does not fit where it must go: an error, and no piece of it. (The compiler and
    the client must run in the same namespace, so the tree is looked at from inside, too.)"""
    worker = lab.worker()
    # Its agent lives in that namespace too, where nobody else finds it to stop it.
    client = lab.client([worker], DISTCC_AGENT_IDLE="0.2")
    place = lab.directory("small")
    source = lab.tree(large_object(1 << 20)).path / "x.c"
    look = 'cp "$0" x.c; "$@"; code=$?; ls -A >&2; exit $code'
    small = [*on_small_disk(place, "300k"), "sh", "-c", f'cd "{place}" && exec "$@"', "sh"]
    listing = {}
    for name, argv in {"local": ["gcc"], "distcc": [client.program, "gcc"]}.items():
        run = client.start(["sh", "-c", look, source, *argv, "-c", "x.c"], lab.root, wrap=small)
        result = run.wait()
        assert result.code == 1, result.err
        assert b"No space left" in result.err or b"file truncated" in result.err
        listing[name] = result.err.splitlines()[-1]
    assert listing == {"local": b"x.c", "distcc": b"x.c"}


def test_clients_temporary_disk_is_full(lab, small_disks):
    """What is kept in TMPDIR, if anything, does not fit: compiled all the same."""
    worker = lab.worker()
    # Its agent lives in that namespace too, where nobody else finds it to stop it.
    client = lab.client([worker], DISTCC_AGENT_IDLE="0.2")
    tree = lab.tree({"x.c": "int f(void) { return 1; }\n" + "/* " + "text " * 50000 + "*/\n"})
    wanted = lab.local(tree, "gcc", "-pipe", "-c", "x.c")
    small = on_small_disk(client.tmp, "16k")
    got = client.compile_as(tree, *small, client.program, "gcc", "-pipe", "-c", "x.c")
    assert_same(got.without_notes(), wanted)


@pytest.mark.debian_wrong("makes the directory")
def test_unwritable_target(lab):
    """A directory that is not there: gcc's own error and exit code."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, "gcc", "-c", "x.c", "-o", "none/x.o")
    got = client.compile(tree, "gcc", "-c", "x.c", "-o", "none/x.o")
    assert_same(got.without_notes(), wanted)


def test_device_as_target(lab):
    """-o /dev/null: the device is written to, and stays one. (Root could replace the real one.)"""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    null = "/dev/null"
    if os.access("/dev", os.W_OK):
        null = str(lab.directory("dev") / "null")
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    wanted = lab.local(tree, "gcc", "-c", "x.c", "-o", null)
    assert_same(client.compile(tree, "gcc", "-c", "x.c", "-o", null).without_notes(), wanted)
    assert stat.S_ISCHR(os.stat(null).st_mode)


def test_link_as_target(lab):
    """Whatever gcc does to a symbolic link at the object's place."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    outcomes = []
    for via in (lab.local, client.compile):
        (tree.path / "real").write_bytes(b"old")
        (tree.path / "x.o").symlink_to("real")
        outcomes.append(via(tree, "gcc", "-c", "x.c"))
    assert_same(outcomes[1].without_notes(), outcomes[0])


@pytest.mark.debian_wrong("its compilers run on, its files stay", hangs=True)
def test_worker_is_killed_in_mid_compile(lab):
    gate = lab.gate()
    worker = lab.worker(compilers=gate.path)
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    running = client.start([client.program, *ARGV], tree.path)
    gate.wait_started()
    worker.kill()
    result = running.wait()
    assert (result.code, tree.changes()[0]) == (0, wanted.files)
    lab.wait_no_compilers()


@pytest.mark.debian_wrong("its compilers run on, its files stay", hangs=True)
def test_workers_are_killed_under_a_build(lab):
    """Both of two, with all their slots busy."""
    gate = lab.gate()
    workers = [lab.worker(compilers=gate.path, jobs=2) for _ in range(2)]
    client = lab.client(workers)
    files = {f"u{i}.c": f"int u{i}(void) {{ return {i}; }}\n" for i in range(8)}
    tree = lab.tree(files)
    running = [client.start([client.program, "gcc", "-c", n], tree.path) for n in files]
    gate.wait_started(4)
    for worker in workers:
        worker.kill()
    assert [r.wait().code for r in running] == [0] * 8
    assert len(tree.changes()[0]) == 8
    lab.wait_no_compilers()


def test_workers_compiler_is_killed(lab):
    """The out-of-memory killer on the worker: not the user's fault, so not the user's error."""
    gate = lab.gate()
    worker = lab.worker(compilers=gate.path)
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    running = client.start([client.program, *ARGV], tree.path)
    os.kill(gate.wait_started()[0], signal.SIGKILL)
    result = running.wait()
    assert (result.code, tree.changes()[0]) == (0, wanted.files)


@pytest.mark.debian_wrong("the client waits for what runs on", hangs=True)
def test_worker_is_stopped_in_good_order(lab):
    gate = lab.gate()
    worker = lab.worker(compilers=gate.path)
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    running = client.start([client.program, *ARGV], tree.path)
    gate.wait_started()
    worker.stop()
    result = running.wait()
    assert (result.code, tree.changes()[0]) == (0, wanted.files)
    lab.wait_no_compilers()


@pytest.mark.ours
@pytest.mark.parametrize("jobs", [1, 8])
def test_agent_is_killed_in_mid_build(lab, jobs):
    gate = lab.gate()
    worker = lab.worker(compilers=gate.path, jobs=jobs)
    client = lab.client([worker])
    files = {f"u{i}.c": f"int u{i}(void) {{ return {i}; }}\n" for i in range(jobs)}
    tree = lab.tree(files)
    argv = ("gcc", "-MMD", "-c")
    running = [client.start([client.program, *argv, n], tree.path) for n in files]
    gate.wait_started(jobs)
    os.kill(client.agent_pid(), signal.SIGKILL)
    results = [r.wait() for r in running]
    assert [r.code for r in results] == [0] * jobs
    got = tree.changes()[0]
    for name in files:
        wanted = lab.local(tree, *argv, name)
        for path, content in wanted.files.items():
            assert got.pop(path) == content
    assert not got
    lab.wait_no_compilers()


@pytest.mark.ours
def test_agent_is_killed_and_the_build_goes_on(lab):
    """The next launcher starts another, and that one works."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    assert client.compile(tree, *ARGV).code == 0
    first = client.agent_pid()
    os.kill(first, signal.SIGKILL)
    procs.wait_pid(first, procs.DEADLINE)
    assert client.compile(tree, *ARGV).code == 0
    assert client.agent_pid() not in (None, first)
    assert worker.compiles() == 2


# Interruptions. A unit that takes some tenths of a second, so that moments differ.
HEAVY = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
""" + "\n".join(
    f"double f{i}(double *a, int n) {{ double s = {i}; for (int k = 0; k < n; k++)"
    f' {{ s += a[k] * sin(s); if (s > {i}) printf("%f {i}\\n", s); }} return s; }}'
    for i in range(60)
)
HEAVY_ARGV = ("gcc", "-O2", "-MMD", "-MF", "x.d", "-c", "x.c")


@pytest.mark.parametrize("who", ["launcher", "group"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_interrupted_at_random_moments(lab, seed, number, who):
    """Ctrl-C (to the group) or make's SIGTERM (to the launcher), six moments each: no partial
    object, no temporary file, no compile here or there."""
    draw = random.Random(f"{seed} {number} {who}")
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({"x.c": HEAVY})
    start = time.monotonic()
    wanted = client.compile(tree, *HEAVY_ARGV)
    whole = time.monotonic() - start
    assert wanted.code == 0
    codes = []
    for _ in range(6):
        moment = draw.uniform(0, whole)
        running = client.start([client.program, *HEAVY_ARGV], tree.path)
        procs.wait_pid(running.pid, moment)
        try:
            if who == "group":
                os.killpg(running.pid, number)
            else:
                os.kill(running.pid, number)
        except ProcessLookupError:
            pass  # it was quicker this time
        code = running.wait().code
        codes.append(code)
        lab.wait_no_compilers()
        # The agent learns of the launcher's end when the launcher is gone already.
        procs.eventually("no temporary file", lambda: not list(tree.path.rglob(".*.distcc-*")))
        files, _ = tree.changes()
        assert code in (0, 128 + number), f"interrupted after {moment:.3f} s of {whole:.3f}"
        if code == 0:
            assert files == wanted.files
        # gcc itself leaves the .d of its preprocessor behind; an object is whole or not there
        assert files.get("x.o", wanted.files["x.o"]) == wanted.files["x.o"]
        assert not files.keys() - wanted.files.keys(), f"interrupted after {moment:.3f} s"
    print(codes)
    assert client.compile(tree, *HEAVY_ARGV).files == wanted.files


SIGNALS = [
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    pytest.param(signal.SIGKILL, marks=pytest.mark.ours),  # 3.4 leaves its temporary file
]


@pytest.mark.parametrize("number", SIGNALS, ids=str)
def test_interrupted_while_the_worker_compiles(lab, number):
    """The worker's compiler is gone at once, not when it has finished."""
    gate = lab.gate()
    worker = lab.worker(compilers=gate.path)
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    running = client.start([client.program, *ARGV], tree.path)
    there = gate.wait_started()[0]
    os.kill(running.pid, number)
    assert running.wait().code == 128 + number
    assert procs.wait_pid(there, procs.DEADLINE)
    lab.wait_no_compilers()
    assert "x.o" not in tree.changes()[0]


def test_interrupted_while_waiting_for_a_slot(lab):
    """A job in the queue goes out of it, and the slot's next holder is the one behind."""
    gate = lab.gate()
    worker = lab.worker(compilers=gate.path, jobs=1)
    client = lab.client([worker], DISTCC_FALLBACK=0)
    tree = lab.tree({f"u{i}.c": f"int u{i};\n" for i in range(3)})
    first, second, third = (
        client.start([client.program, "gcc", "-c", f"u{i}.c"], tree.path) for i in range(3)
    )
    there = gate.wait_started()[0]
    os.kill(second.pid, signal.SIGTERM)
    second_code = second.wait().code
    gate.release(3)
    codes = [first.wait().code, third.wait().code]
    # Which of the three got the slot first is not said.
    assert second_code == 143 and codes == [0, 0], (there, gate.pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_local_compile_is_interrupted(lab, number):
    gate = lab.gate()
    client = lab.client("localhost/2")
    tree = lab.tree(SOURCE)
    running = client.start(
        [client.program, "gcc", "-c", "x.c"], tree.path, PATH=f"{gate.path}:{client.env['PATH']}"
    )
    gate.wait_started()
    os.killpg(running.pid, number)
    assert running.wait().code == 128 + number
    lab.wait_no_compilers()
    assert not tree.changes()[0]
