# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's life: one for each user, however many start at once; gone when idle; replaced."""

import os
import random
import shutil
import signal
import socket
import stat

import pytest

from harness import procs
from harness.programs import build_dir
from harness.tree import assert_same

pytestmark = pytest.mark.ours

SOURCE = {"x.c": "int f(int x) { return x + 1; }\n"}
ARGV = ("gcc", "-c", "x.c")


def test_no_agent_wanted(lab):
    worker = lab.worker()
    client = lab.client([worker], DISTCC_AGENT="none")
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    assert_same(client.compile(tree, *ARGV), wanted)
    assert not client.agents() and worker.compiles() == 0


@pytest.mark.parametrize("agent", ["/nowhere/distcc-agent", "/etc/passwd", "/bin/false"])
def test_no_agent_to_be_had(lab, agent):
    """An agent that cannot be started, or ends at once, is in nobody's way."""
    client = lab.client([lab.worker()], DISTCC_AGENT=agent)
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    assert_same(client.compile(tree, *ARGV), wanted)


def test_agent_that_is_something_else(lab):
    """A program that neither listens nor ends: waited for a while, not for ever."""
    impostor = lab.directory("i") / "agent"
    impostor.write_text("#!/bin/sh\nexec sleep 600\n")
    impostor.chmod(0o755)
    client = lab.client([lab.worker()], DISTCC_AGENT=impostor)
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    assert_same(client.compile(tree, *ARGV).without_notes(), wanted)
    procs.kill_all(
        pid for pid in procs.descendants() if procs.command_line(pid) == "sleep 600"
    )


def test_directory_that_is_not_private(lab):
    """A socket directory that others may write to is not used."""
    client = lab.client([lab.worker()])
    run = client.dir / "run"
    run.mkdir()
    run.chmod(0o777)
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    assert_same(client.compile(tree, *ARGV), wanted)
    assert not client.agents()


def test_directory_cannot_be_made(lab):
    client = lab.client([lab.worker()])
    client.env["DISTCC_DIR"] = "/proc/none"
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    assert_same(client.compile(tree, *ARGV), wanted)
    client.env["DISTCC_DIR"] = str(client.dir)


def test_socket_is_private(lab):
    client = lab.client([lab.worker()])
    client.compile(lab.tree(SOURCE), *ARGV)
    assert stat.S_IMODE(os.stat(client.dir / "run").st_mode) == 0o700


def test_fifty_first_launchers(lab):
    """All get their compile, and one agent has served them all."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({f"u{i}.c": f"int u{i} = {i};\n" for i in range(50)})
    running = [
        client.start([client.program, "gcc", "-c", f"u{i}.c"], tree.path) for i in range(50)
    ]
    assert [r.wait().code for r in running] == [0] * 50
    assert len(client.agents()) == 1
    assert len(client.jobs()) == 50
    assert len(tree.changes()[0]) == 50


def test_agent_pid_and_stop(lab):
    client = lab.client([lab.worker()])
    assert client.agent_pid() is None
    assert client.run("--stop-agent").code == 0
    client.compile(lab.tree(SOURCE), *ARGV)
    pid = client.agent_pid()
    assert client.agents() == [pid]
    assert client.run("--stop-agent").code == 0
    assert not procs.is_alive(pid)
    assert client.agent_pid() is None


def test_stop_with_jobs_under_way(lab):
    """They end as if there had been no agent."""
    gate = lab.gate()
    worker = lab.worker(compilers=gate.path)
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    running = client.start([client.program, *ARGV], tree.path)
    gate.wait_started()
    stopping = client.start([client.program, "--stop-agent"], tree.path)
    # Orderly may mean: the job is finished first. Then it needs its compiler.
    gate.release(1)
    assert stopping.wait().code == 0
    assert running.wait().code == 0
    assert tree.changes()[0] == wanted.files
    lab.wait_no_compilers()


def test_idle_exit(lab):
    client = lab.client([lab.worker()], DISTCC_AGENT_IDLE="0.3")
    tree = lab.tree(SOURCE)
    assert client.compile(tree, *ARGV).code == 0
    procs.eventually("the idle agent ends", lambda: not client.agents())
    assert not [p for p in (client.dir / "run").iterdir() if p.is_socket()]
    assert client.compile(tree, *ARGV).code == 0  # and the next launch starts another


def test_a_job_is_not_idleness(lab):
    """A compile longer than the idle time keeps its agent."""
    gate = lab.gate()
    worker = lab.worker(compilers=gate.path)
    client = lab.client([worker], DISTCC_AGENT_IDLE="0.2")
    tree = lab.tree(SOURCE)
    running = client.start([client.program, *ARGV], tree.path)
    gate.wait_started()
    (agent,) = client.agents()
    assert not procs.wait_pid(agent, 0.6)
    gate.release()
    assert running.wait().code == 0
    assert worker.log.read_text()
    assert procs.wait_pid(agent, procs.DEADLINE)
    assert "x.o" in tree.changes()[0]


def test_launches_while_the_agent_goes(lab):
    """With an idle time of next to nothing, agents end under the launchers' eyes."""
    worker = lab.worker()
    client = lab.client([worker], DISTCC_AGENT_IDLE="0.001")
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    for _ in range(20):
        assert_same(client.compile(tree, *ARGV), wanted)
    procs.eventually("the last agent ends", lambda: not client.agents())


@pytest.fixture
def own_agent(lab):
    """An agent program that may be replaced."""
    path = lab.directory("a") / "distcc-agent"
    shutil.copy2(build_dir() / "src/agent/distcc-agent", path)
    return path


def upgrade(path):
    """As a package manager does: another file, renamed over the old one."""
    new = path.with_suffix(".new")
    shutil.copyfile(path, new)
    new.chmod(0o755)
    new.rename(path)


def test_replaced_after_an_upgrade(lab, own_agent):
    worker = lab.worker()
    client = lab.client([worker], DISTCC_AGENT=own_agent)
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, *ARGV)
    assert_same(client.compile(tree, *ARGV), wanted)
    old = client.agent_pid()
    assert_same(client.compile(tree, *ARGV), wanted)
    assert client.agent_pid() == old
    upgrade(own_agent)
    assert_same(client.compile(tree, *ARGV), wanted)
    assert procs.wait_pid(old, procs.DEADLINE)
    new = client.agent_pid()
    assert new not in (None, old)
    procs.eventually("one agent is left", lambda: client.agents() == [new])
    assert worker.compiles() == 3


def test_replaced_while_it_works(lab, own_agent):
    """The old one finishes what it has; new jobs go to the new one."""
    gate = lab.gate()
    worker = lab.worker(compilers=gate.path)
    client = lab.client([worker], DISTCC_AGENT=own_agent)
    tree = lab.tree({"x.c": "int x;\n", "y.c": "int y;\n"})
    first = client.start([client.program, "gcc", "-c", "x.c"], tree.path)
    gate.wait_started(1)
    old = client.agent_pid()
    upgrade(own_agent)
    second = client.start([client.program, "gcc", "-c", "y.c"], tree.path)
    gate.wait_started(2)
    gate.release(2)
    assert first.wait().code == 0 and second.wait().code == 0
    assert set(tree.changes()[0]) == {"x.o", "y.o"}
    assert procs.wait_pid(old, procs.DEADLINE)
    assert client.agent_pid() not in (None, old)


def test_fifty_launchers_after_an_upgrade(lab, own_agent):
    worker = lab.worker()
    client = lab.client([worker], DISTCC_AGENT=own_agent)
    tree = lab.tree({f"u{i}.c": f"int u{i} = {i};\n" for i in range(50)})
    assert client.run("gcc", "-c", "u0.c", cwd=tree.path).code == 0
    upgrade(own_agent)
    running = [
        client.start([client.program, "gcc", "-c", f"u{i}.c"], tree.path) for i in range(50)
    ]
    assert [r.wait().code for r in running] == [0] * 50
    procs.eventually("one agent is left", lambda: len(client.agents()) == 1)
    assert len(tree.changes()[0]) == 50


def test_holds_nothing_of_its_first_caller(lab):
    """Neither make's pipes (who waits for end of file would wait ten minutes) nor its terminal,
    directory or session."""
    client = lab.client([lab.worker()])
    tree = lab.tree(SOURCE)
    read, write = os.pipe()
    process = procs.spawn(
        [client.program, *ARGV],
        cwd=tree.path,
        env=client.env,
        stdin=open("/dev/null", "rb"),  # noqa: SIM115
        stdout=write,
        stderr=write,
        pass_fds=(write,),
    )
    os.close(write)
    assert procs.wait(process) == 0
    tree.changes()
    (agent,) = client.agents()
    assert os.get_blocking(read) and os.read(read, 1) == b""  # end of file, with the agent alive
    os.close(read)
    assert procs.is_alive(agent)
    assert os.readlink(f"/proc/{agent}/cwd") != str(tree.path)
    assert os.getsid(agent) != os.getsid(0)


def test_survives_the_end_of_its_first_caller(lab):
    """The session in which make ran is hung up; the agent is not part of it."""
    client = lab.client([lab.worker()])
    tree = lab.tree(SOURCE)
    script = '"$@"; kill -HUP 0'
    client.start(["sh", "-c", script, "sh", client.program, *ARGV], tree.path).wait()
    tree.changes()
    (agent,) = client.agents()
    assert client.compile(tree, *ARGV).code == 0
    assert client.agents() == [agent]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=str)
def test_ends_in_good_order_by_signal(lab, number):
    client = lab.client([lab.worker()])
    client.compile(lab.tree(SOURCE), *ARGV)
    agent = client.agent_pid()
    os.kill(agent, number)
    assert procs.wait_pid(agent, procs.DEADLINE)
    assert not [p for p in (client.dir / "run").iterdir() if p.is_socket()]


def test_stale_socket(lab):
    """What a killed agent leaves does not stop the next one."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    for _ in range(3):
        assert client.compile(tree, *ARGV).code == 0
        agent = client.agent_pid()
        os.kill(agent, signal.SIGKILL)
        procs.wait_pid(agent, procs.DEADLINE)
    assert worker.compiles() == 3


def test_jobs_and_stats(lab):
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({**SOURCE, "bad.c": "int x = ;\n"})
    client.compile(tree, *ARGV)
    client.compile(tree, "gcc", "-march=native", "-c", "x.c")
    client.compile(tree, "gcc", "-c", "bad.c")
    remote, native, bad = client.jobs()
    assert remote["where"] == worker.host() and remote["reason"] == "remote"
    assert remote["state"] == "done" and remote["exit"] == "0" and remote["source"] == "x.c"
    assert int(remote["bytes_up"]) > 0 and int(remote["bytes_down"]) > 0
    assert native["where"] == "local" and native["reason"] != "remote"
    assert bad["source"] == "bad.c" and bad["exit"] in ("1", "-")
    stats = client.run("--stats").out.decode()
    assert worker.host() in stats and "local" in stats


def test_two_users_directories_are_two_agents(lab):
    worker = lab.worker()
    one, two = lab.client([worker]), lab.client([worker])
    tree = lab.tree(SOURCE)
    one.compile(tree, *ARGV)
    two.compile(tree, *ARGV)
    assert one.agent_pid() != two.agent_pid()
    assert len(one.jobs()) == len(two.jobs()) == 1


def test_garbage_at_the_socket(lab):
    """Whoever may connect may send nonsense; the agent stays."""
    client = lab.client([lab.worker()])
    tree = lab.tree(SOURCE)
    client.compile(tree, *ARGV)
    agent = client.agent_pid()
    (path,) = (p for p in (client.dir / "run").iterdir() if p.is_socket())
    draw = random.Random(5)
    for n in (0, 1, 7, 100, 70000):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
            try:
                s.sendall(draw.randbytes(n))
                s.sendall(b"\xff" * n)
                s.shutdown(socket.SHUT_WR)
                s.settimeout(procs.DEADLINE)
                while s.recv(4096):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
    assert client.compile(tree, *ARGV).code == 0
    assert client.agent_pid() == agent
