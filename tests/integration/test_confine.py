# SPDX-License-Identifier: GPL-3.0-or-later
"""distccd: what compilers of distcc clients can see and do in the sandbox, and when there is none."""

import os
import pathlib
import shutil
import signal
import subprocess

import pytest
from harness.raw import (
    ARGS, BUILD, DISTCCD, SECONDS, SOURCE, Daemon, daemon, eventually, request, root,
    running_below, script)

__all__ = ["daemon", "root"]  # fixtures


@pytest.fixture
def mode():
    return "always"


def says(one, compiler="probe"):
    """What a script leaves for an object."""
    status, err, obj = one.compile(compiler)
    assert status == 0, err
    return obj.decode()


def user_of(one):
    lines = pathlib.Path(f"/proc/{one.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))


def test_same_bytes_as_without(root, daemon):
    args = ("-g", "-O2", *ARGS[1:])
    one = daemon()
    sandboxed = one.compile("gcc", args)
    one.stop()
    assert sandboxed == daemon(sandbox="never").compile("gcc", args)
    assert sandboxed[0] == 0 and sandboxed[2].startswith(b"\177ELF")


def test_no_file_of_others(root, daemon):
    (root / "secret").write_text("secret")
    script(root, "probe", f"""
        cat {root}/secret /root/.profile /var/log/dpkg.log /home/*/.* >x.o 2>/dev/null
        for d in /root /home /var/lib /srv /run /sys {root}; do ls $d; done >>x.o 2>/dev/null
        ls -d /usr/bin /etc >>x.o""")
    # Of the place that it lies in it sees the compilers alone.
    assert set(says(daemon()).split()) == {"bin", "tmp", "/usr/bin", "/etc"}


def test_nothing_is_written_outside(root, daemon):
    script(root, "probe", f"""
        for f in {root}/bin/probe {root}/bin/new /usr/bin/new /etc/passwd {root}/tmp/new; do
            (echo x >>$f && echo $f) 2>/dev/null
        done >x.o
        rm -f {root}/bin/probe /etc/passwd 2>/dev/null
        echo x >/tmp/new && ls /tmp/new >>x.o""")
    before = (root / "bin/probe").read_bytes()
    one = daemon()
    assert says(one).split() == [f"{root}/tmp/new", "/tmp/new"]
    assert (root / "bin/probe").read_bytes() == before
    assert not pathlib.Path("/tmp/new").exists() and not (root / "bin/new").exists()
    assert not (root / "tmp/new").exists()


def test_no_process_of_others_and_no_network(root, daemon):
    script(root, "probe", """
        ls -d /proc/[0-9]* | wc -l >x.o
        cat /proc/net/dev | grep -v lo: | wc -l >>x.o
        kill -0 1 2>/dev/null && kill -9 1
        hostname >>x.o 2>/dev/null || cat /proc/sys/kernel/hostname >>x.o""")
    processes, lines, host = says(daemon()).split()
    assert int(processes) < 8 and lines == "2" and host == "distcc"


def test_what_it_leaves_running_ends_with_it(root, daemon):
    script(root, "probe", "setsid sleep 1000 >/dev/null 2>&1 &\necho done >x.o\n")
    one = daemon()
    assert says(one) == "done\n"
    eventually(lambda: not running_below(one.process.pid) - {"distcc-sandbox"})


def test_client_goes_in_mid_compile(root, daemon):
    script(root, "probe", "trap '' TERM\nsleep 1000\n")
    one = daemon()
    client = one.connect()
    client.sendall(request("probe", *ARGS))
    eventually(lambda: "sleep" in running_below(one.process.pid))
    client.close()
    eventually(lambda: "sleep" not in running_below(one.process.pid))
    assert one.compile("gcc")[0] == 0


def test_job_lifetime(root, daemon):
    script(root, "probe", "trap '' TERM\nsleep 1000\n")
    one = daemon("--job-lifetime", "1")
    assert one.compile("probe") is None
    assert "sleep" not in running_below(one.process.pid)


def test_secrets_of_the_daemon(root, daemon):
    """A token file where a compiler could look."""
    token = root / "bin/tokens"
    token.write_text("a-token-that-nobody-knows\n")
    token.chmod(0o600)
    script(root, "probe", f"cat {token} >x.o 2>/dev/null; echo >>x.o")
    one = daemon()
    assert says(one) == "\n"  # it is who it will be from here on
    if os.geteuid() == 0:
        shutil.chown(token, user_of(one))
    assert "nobody-knows" in says(one)
    one.stop()
    assert "nobody-knows" not in says(daemon("--token-file", token))


def toolchain(root):
    """One like those that are unpacked somewhere: its driver needs what lies beside it."""
    top = root / "opt/cross"
    (top / "bin").mkdir(parents=True)
    (top / "lib/gcc").mkdir(parents=True)
    (top / "lib/gcc/work").write_text('#!/bin/sh\ncat "$3" >x.o\n')
    (top / "lib/gcc/work").chmod(0o755)
    driver = top / "bin/cross-gcc"
    driver.write_text('#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/../lib/gcc/work" "$@"\n')
    driver.chmod(0o755)
    return driver


def test_toolchain_on_the_path(root, daemon):
    driver = toolchain(root)
    one = daemon(DISTCCD_PATH=f"{driver.parent}:/usr/bin:/bin")
    assert one.compile("cross-gcc") == (0, b"", SOURCE)


def test_toolchain_of_the_list(root, daemon):
    driver = toolchain(root)
    (root / "list").write_text(f"{driver}\n")
    one = daemon(insecure=False, DISTCC_CMDLIST=root / "list", DISTCCD_PATH="/usr/bin")
    assert one.compile("cross-gcc") == (0, b"", SOURCE)


@pytest.mark.parametrize("sandbox", ["always", "auto"])
def test_toolchain_behind_a_link(root, daemon, sandbox):
    """The path leads to a link, which leads to where the sandbox shows nothing, unless told."""
    driver = toolchain(root)
    (root / "bin/linked").symlink_to(driver)
    shown = daemon("--toolchain", driver.parent.parent, sandbox=sandbox)
    assert shown.compile("linked") == (0, b"", SOURCE)
    shown.stop()
    unseen = daemon(sandbox=sandbox)
    answer = unseen.compile("linked")
    if sandbox == "auto":
        assert answer == (0, b"", SOURCE)
        unseen.wait_log("runs without")
    else:
        assert answer is None
        unseen.wait_log("is refused")
    assert unseen.logged().count("--toolchain") == 1
    assert unseen.compile("gcc")[0] == 0


@pytest.mark.parametrize("value", ["opt", "/nowhere/at/all", "/", "/etc/passwd"])
def test_toolchain_that_is_none(root, value):
    run = subprocess.run([DISTCCD, "--daemon", "--no-detach", "--log-stderr", "--port", "0",
                          "--listen", "127.0.0.1", "--enable-tcp-insecure", "--toolchain", value],
                         env={"DISTCC_SANDBOX": str(BUILD / "src/sandbox/distcc-sandbox"),
                              "TMPDIR": str(root), "PATH": "/usr/bin:/bin"},
                         capture_output=True, text=True, timeout=SECONDS)
    assert run.returncode != 0
    assert f"--toolchain={value}: expected the absolute path of a directory" in run.stderr


@pytest.mark.parametrize("sandbox, said, code", [("always", "--sandbox=always: ", 100), ("auto", "", 0)])
def test_host_without(root, sandbox, said, code):
    """No helper: nothing can be isolated."""
    run = subprocess.run([DISTCCD, "--daemon", "--no-detach", "--log-stderr", "--port", "0",
                          "--listen", "127.0.0.1", "--enable-tcp-insecure", "--lifetime", "1",
                          f"--sandbox={sandbox}"],
                         env={"DISTCC_SANDBOX": str(root / "none"), "TMPDIR": str(root),
                              "PATH": "/usr/bin:/bin"},
                         capture_output=True, text=True, timeout=SECONDS)
    assert said in run.stderr and "no-sandbox" in run.stderr
    assert run.returncode == code, run.stderr


def test_value_that_is_none():
    run = subprocess.run([DISTCCD, "--sandbox=yes"], capture_output=True, text=True)
    assert run.returncode != 0 and "expected auto|always|never" in run.stderr


def test_as_root(root):
    """A daemon that stays root: compilers are nobody, and their objects are taken all the same."""
    if os.geteuid():
        pytest.skip("needs root")
    script(root, "probe", "id -u >x.o; cat /proc/self/uid_map >>x.o")
    one = Daemon(root, "--user", "root", sandbox="always").start()
    uid, inside, outside, _ = says(one).split()
    assert (uid, inside, outside) == ("1000", "1000", "65534")
    assert one.compile("gcc")[0] == 0
    one.stop()


def test_helper_is_killed(root, daemon):
    """A job whose keeper is gone is no result; the daemon goes on."""
    script(root, "probe", "sleep 1000\n")
    one = daemon()
    client = one.connect()
    client.sendall(request("probe", *ARGS))
    eventually(lambda: "sleep" in running_below(one.process.pid))
    pid = one.process.pid
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if pathlib.Path(f"/proc/{child}/comm").read_text().strip() == "distcc-sandbox":
            os.kill(int(child), signal.SIGKILL)
    client.settimeout(SECONDS)
    assert client.recv(1) == b""
    client.close()
    eventually(lambda: "sleep" not in running_below(one.process.pid))
    assert one.compile("gcc")[0] == 0
