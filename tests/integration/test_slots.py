# SPDX-License-Identifier: GPL-3.0-or-later
"""Slots: never more at once than there are, none lost, nobody waiting for ever."""

import os
import signal

import pytest

from harness.fakeserver import ClosedPort
from harness.programs import PATH

# Something that only the compiler proper is given, and that keeps the compile here.
LOCAL = ("-march=native", "-c")


class Counted:
    """Compilers that count how many of them run at once, in a directory of marks."""

    def __init__(self, lab, then: str):
        self.marks = lab.directory("marks")
        self.marks.chmod(0o777)
        self.high = self.marks / "high"
        body = f"""
mark={self.marks}/run.$$
: >$mark
set -- "$@"
n=0; for f in {self.marks}/run.*; do n=$((n + 1)); done
echo $n >>{self.high}
sleep 0.05
rm $mark
{then}"""
        self.path = lab.compilers(body)
        self.high.touch()
        self.high.chmod(0o666)

    def peak(self) -> int:
        return max(int(n) for n in self.high.read_text().split())

    def runs(self) -> int:
        return len(self.high.read_text().split())


def units(lab, count):
    return lab.tree({f"u{i}.c": f"int u{i} = {i};\n" for i in range(count)})


def build(client, tree, *argv, **env):
    """All units at once; their exit codes."""
    running = [
        client.start([client.program, *argv, name], tree.path, **env) for name in tree.source
    ]
    return [r.wait().code for r in running]


@pytest.mark.ours
def test_local_compiles_by_the_number_of_processors(lab):
    counted = Counted(lab, 'exec "/usr/bin/${0##*/}" "$@"\n')
    client = lab.client([lab.worker()], PATH=f"{counted.path}:{PATH}")
    tree = units(lab, 10)
    assert build(client, tree, "gcc", *LOCAL) == [0] * 10
    assert counted.runs() == 10
    assert counted.peak() <= len(os.sched_getaffinity(0))
    assert len(tree.changes()[0]) == 10


@pytest.mark.ours
def test_local_compiles_by_the_affinity_mask(lab):
    """An agent that may use one processor runs one compile at a time."""
    counted = Counted(lab, 'exec "/usr/bin/${0##*/}" "$@"\n')
    client = lab.client([lab.worker()], PATH=f"{counted.path}:{PATH}")
    tree = units(lab, 6)
    one = str(min(os.sched_getaffinity(0)))
    client.run("--version")
    first = client.start(
        ["taskset", "-c", one, client.program, "gcc", *LOCAL, "u0.c"], tree.path
    )
    assert first.wait().code == 0  # it has started the agent
    assert build(client, tree, "gcc", *LOCAL) == [0] * 6
    assert counted.peak() == 1
    tree.changes()


@pytest.mark.parametrize("slots", [1, 2])
def test_local_compiles_by_the_hosts_list(lab, slots):
    counted = Counted(lab, 'exec "/usr/bin/${0##*/}" "$@"\n')
    hosts = f"{lab.worker().host()} --localslots={slots}"
    client = lab.client(hosts, PATH=f"{counted.path}:{PATH}")
    tree = units(lab, 6)
    assert build(client, tree, "gcc", *LOCAL) == [0] * 6
    assert counted.runs() == 6 and counted.peak() <= slots
    tree.changes()


def test_no_more_jobs_than_a_host_has_slots(lab):
    counted = Counted(lab, 'exec "/usr/bin/${0##*/}" "$@"\n')
    worker = lab.worker(compilers=counted.path, jobs=8)
    client = lab.client([worker.host(slots=3)])
    tree = units(lab, 12)
    assert build(client, tree, "gcc", "-c") == [0] * 12
    assert counted.runs() == 12 and counted.peak() <= 3
    tree.changes()


def test_a_worker_runs_no_more_than_its_jobs(lab):
    """Whatever its clients believe."""
    counted = Counted(lab, 'exec "/usr/bin/${0##*/}" "$@"\n')
    worker = lab.worker(compilers=counted.path, jobs=2)
    client = lab.client([worker.host(slots=8)])
    tree = units(lab, 12)
    assert build(client, tree, "gcc", "-c") == [0] * 12
    assert counted.peak() <= 2
    tree.changes()


def test_all_slots_are_used(lab):
    """Four hosts with two slots each take eight jobs at once."""
    gate = lab.gate()
    workers = [lab.worker(compilers=gate.path, jobs=2) for _ in range(4)]
    client = lab.client(workers)
    tree = units(lab, 8)
    running = [
        client.start([client.program, "gcc", "-c", name], tree.path) for name in tree.source
    ]
    gate.wait_started(8)
    gate.release(8)
    assert [r.wait().code for r in running] == [0] * 8
    tree.changes()


@pytest.mark.ours
def test_waiting_jobs_are_woken(lab):
    """Each freed slot is taken by the next job, without anybody looking at a clock."""
    gate = lab.gate()
    worker = lab.worker(compilers=gate.path, jobs=1)
    client = lab.client([worker])
    tree = units(lab, 5)
    running = [
        client.start([client.program, "gcc", "-c", name], tree.path) for name in tree.source
    ]
    for done in range(5):
        gate.wait_started(done + 1)
        gate.release()
    assert [r.wait().code for r in running] == [0] * 5
    assert {job["where"] for job in client.jobs()} == {worker.host()}
    tree.changes()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV], ids=str)
def test_slot_of_a_killed_local_compiler_is_free(lab, number):
    gate = lab.gate()
    client = lab.client("--localslots=1 localhost/1", PATH=f"{gate.path}:{PATH}")
    tree = units(lab, 2)
    first, second = (
        client.start([client.program, "gcc", *LOCAL, f"u{i}.c"], tree.path) for i in range(2)
    )
    (pid,) = gate.wait_started(1)
    os.kill(pid, number)
    gate.wait_started(2)
    gate.release(2)
    assert sorted([first.wait().code, second.wait().code]) == [0, 128 + number]
    tree.changes()


@pytest.mark.ours
def test_slot_is_held_by_what_the_compiler_started(lab):
    """A compiler's own child that still runs when the launcher is killed keeps the slot."""
    gate = lab.gate()
    wrapper = lab.compilers(f'{gate.path}/"${{0##*/}}" "$@"\n')
    client = lab.client("--localslots=1 localhost/1", PATH=f"{wrapper}:{PATH}")
    tree = units(lab, 2)
    first = client.start([client.program, "gcc", *LOCAL, "u0.c"], tree.path)
    gate.wait_started(1)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    second = client.start([client.program, "gcc", *LOCAL, "u1.c"], tree.path)
    # The agent answers questions in order: after this one it has seen the second job.
    jobs = client.jobs()
    assert gate.poll() == 1, jobs
    gate.release(1)
    gate.wait_started(2)
    gate.release(1)
    assert second.wait().code == 0
    tree.changes()


@pytest.mark.debian_wrong("tries the same host until its stack is full", hangs=True)
@pytest.mark.parametrize("more", ["", " --localslots_cpp=1"])
def test_preprocessing_and_fallback_with_one_slot(lab, more):
    """Each job needs a slot to preprocess and another to compile, and there is one."""
    closed = lab.closing(ClosedPort()).host()
    client = lab.client(f"{closed} --localslots=1{more}", DISTCC_BACKOFF_PERIOD=0)
    tree = units(lab, 8)
    assert build(client, tree, "gcc", "-c") == [0] * 8
    assert len(tree.changes()[0]) == 8


def test_preprocessing_remote_and_local_together(lab):
    """Links, local compiles and remote ones at once, with one slot each."""
    worker = lab.worker(jobs=1)
    client = lab.client(f"{worker.host()} --localslots=1 --localslots_cpp=1")
    tree = units(lab, 6)
    main = "int main(void) { return 0; }\n"
    more = lab.tree({f"m{i}.c": main for i in range(4)})
    running = [
        client.start([client.program, "gcc", "-c", name], tree.path) for name in tree.source
    ]
    running += [
        client.start([client.program, "gcc", name, "-o", name[:-2]], more.path)
        for name in more.source
    ]
    running += [
        client.start([client.program, "gcc", *LOCAL, name], more.path) for name in more.source
    ]
    assert [r.wait().code for r in running] == [0] * 14
    assert len(tree.changes()[0]) == 6 and len(more.changes()[0]) == 8


def test_pipeline_of_two(lab):
    """One distcc that waits for another's output, in a pipe, with one slot."""
    client = lab.client("--localslots=1 localhost/1")
    tree = lab.tree({"x.c": "int x;\n"})
    d = client.program
    script = f"{d} gcc -E x.c | {d} gcc -x c -c - -o x.o"
    result = client.start(["sh", "-c", script], tree.path).wait()
    assert result.code == 0 and "x.o" in tree.changes()[0]


def test_make_with_more_jobs_than_slots(lab):
    """A makefile with a link at the end; make -j16 on two workers of two slots."""
    workers = [lab.worker(jobs=2) for _ in range(2)]
    client = lab.client(workers)
    files = {f"u{i}.c": f"int u{i}(void) {{ return {i}; }}\n" for i in range(24)}
    names = " ".join(name.replace(".c", ".o") for name in files)
    files["main.c"] = "int u23(void); int main(void) { return u23() - 23; }\n"
    files["Makefile"] = f"prog: main.o {names}\n\t$(CC) -o $@ $^\n"
    tree = lab.tree(files)
    result = client.start(["make", "-j16", f"CC={client.program} gcc"], tree.path).wait()
    assert result.code == 0, result.err
    assert client.start([tree.path / "prog"], tree.path).wait().code == 0
    made = tree.changes()[0]
    assert len(made) == 26
    assert sum(w.compiles() for w in workers) == 25
