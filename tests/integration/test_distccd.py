# SPDX-License-Identifier: GPL-3.0-or-later
"""distccd, spoken to in protocol 1 by bytes: what it runs, what it refuses, and what it leaves."""

import os
import shutil
import signal
import socket
import struct
import subprocess

import pytest

from harness.raw import (
    ARGS, Daemon, Gate, SECONDS, both, daemon, eventually, gone, mode, page, read_reply, refuses,
    request, root, running_below, script, token)

__all__ = ["daemon", "mode", "root"]  # fixtures


def preprocessed(root, compiler, args, source):
    """The source preprocessed in root, and the object that the same compiler makes of it there."""
    (root / "s.c").write_bytes(source)
    language = ["-x", "c++"] if "+" in compiler else []
    run = {"cwd": root, "check": True}
    text = subprocess.run([compiler, *language, *args, "-E", "s.c"], capture_output=True, **run)
    name = "x.ii" if language else "x.i"
    (root / name).write_bytes(text.stdout)
    subprocess.run([compiler, *args, "-c", name, "-o", "x.o"], **run)
    return text.stdout, (root / "x.o").read_bytes()


COMPILERS = ["gcc", "g++", "clang", "clang++"]


@both
@pytest.mark.parametrize("args", [("-O2",), ("-g", "-O1")], ids=" ".join)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_object_is_as_from_a_file(root, daemon, compiler, args):
    if not shutil.which(compiler):
        pytest.skip(f"there is no {compiler}")
    # clang writes where it ran; we write where jobs are, whatever the job's own directory.
    given = [f"-fdebug-compilation-dir={root}"] if "clang" in compiler else []
    source = b'#include <string.h>\nint f(const char *s) { return strlen(s) + sizeof(__FILE__); }\n'
    text, wanted = preprocessed(root, compiler, [*args, *given], source)
    name = "x.cc" if "+" in compiler else "x.c"
    got = daemon().compile(compiler, [*args, *given, "-c", name, "-o", "x.o"], text)
    assert got == (0, b"", wanted)


@both
def test_debug_information_does_not_name_the_jobs_directory(daemon):
    one = daemon()
    objects = [one.compile("gcc", ("-g", *ARGS))[2] for _ in range(2)]
    assert objects[0] == objects[1]
    assert str(one.tmp).encode() in objects[0] and b"distccd-" not in objects[0]


@both
def test_source_streams_through_the_fifo(root, daemon):
    """Larger than all buffers on the way, and in pieces that meet no boundary."""
    source = b"".join(b"int f%d(void) { return %d; } /* %s */\n" % (i, i, b"x" * 900) for i in range(4000))
    _, wanted = preprocessed(root, "gcc", ["-O0"], source)
    text = (root / "x.i").read_bytes() + b"/*" + b"y" * (4 << 20) + b"*/\n"
    one = daemon()
    with one.connect() as s:
        data = request("gcc", "-O0", "-c", "x.c", "-o", "x.o", source=text)
        for at in range(0, len(data), 65521):
            s.sendall(data[at : at + 65521])
        assert read_reply(s) == (0, b"", wanted)


@both
@pytest.mark.parametrize("source", [b"", b"int x;\n"], ids=["empty", "short"])
def test_small_sources(daemon, source):
    status, err, obj = daemon().compile("gcc", source=source)
    assert (status, err) == (0, b"") and obj.startswith(b"\x7fELF")


@both
def test_compiler_starts_while_the_source_arrives(daemon):
    one = daemon()
    data = request("gcc", *ARGS, source=b"int x;\n" * 500000)
    with one.connect() as s:
        s.sendall(data[:200])
        eventually(lambda: "cc1" in running_below(one.process.pid))
        s.sendall(data[200:])
        status, err, obj = read_reply(s)
    assert status == 0 and err == b"" and obj


@both
def test_errors_show_the_line(daemon):
    """gcc opens the source once more for that."""
    status, err, _ = daemon().compile("gcc", source=b"int f( {\n")
    assert status == 0x100 and err.startswith(b"x.i:1:8: error") and b"    1 | int f( {\n" in err


@both
def test_rest_of_the_source_is_taken_and_thrown_away(root, daemon):
    (root / "w.c").write_text("int main(void) { return 3; }")
    subprocess.run(["gcc", root / "w.c", "-o", root / "bin/like-gcc"], check=True)
    assert daemon().compile("like-gcc", source=b"int x;\n" * 500000)[0] == 0x300


@both
def test_compile_error(daemon):
    one = daemon()
    status, err, obj = one.compile("gcc", source=b'# 1 "dir/x.c"\nint f( {\n')
    assert status == 0x100 and err.startswith(b"dir/x.c:1:") and obj == b""
    one.wait_log("COMPILE_ERROR exit:1 sig:0 core:0 ret:0")


@both
def test_assembly(daemon):
    status, _, text = daemon().compile("gcc", ("-S", "x.c", "-o", "x.s"))
    assert status == 0 and b".globl" in text


@both
def test_line_in_the_log(daemon):
    one = daemon()
    one.compile("gcc")
    one.wait_log("COMPILE_OK exit:0 sig:0 core:0 ret:0 time:")
    assert one.logged().rstrip().endswith("ms gcc x.c")


@both
def test_crash_of_the_compiler_is_passed_on(root, daemon):
    script(root, "crash", "echo dying >&2; kill -SEGV $$\n")
    status, err, obj = daemon().compile("crash")
    assert status & 0x7F == signal.SIGSEGV and err == b"dying\n" and obj == b""


@both
def test_missing_compiler(daemon):
    one = daemon()
    status, err, obj = one.compile("no-such-gcc", source=b"x" * 100000)
    assert status == 110 << 8 and obj == b""
    assert b"failed to exec no-such-gcc: No such file or directory" in err


@both
def test_success_without_object_is_none(root, daemon):
    script(root, "idle", "exit 0\n")
    one = daemon()
    assert one.compile("idle") is None
    one.wait_log("left no object")


@both
def test_environment_and_directory(root, daemon):
    script(root, "show", '(pwd; ls; env; readlink /proc/self/fd/0) >"$5"\n')
    one = daemon(SECRET="1", CPATH="/x")
    status, _, text = one.compile("show")
    lines = text.decode().splitlines()
    assert status == 0 and lines[0].startswith(f"{one.tmp}/distccd-")
    assert lines[1:3] == ["x.i", "x.o"]
    assert f"TMPDIR={lines[0]}" in lines and "LC_ALL=C" in lines and "/dev/null" in lines
    assert not [line for line in lines if line.startswith(("SECRET", "CPATH", "HOME"))]


def looks_like_gcc(root, code):
    """A program that is taken for gcc, does this to the source, and then is gcc."""
    (root / "w.c").write_text("""
        #include <fcntl.h>
        #include <unistd.h>
        int main(int argc, char **argv)
        {
            static char data[1 << 16];
            int fd = open("x.i", O_RDONLY);
            %s
            close(fd);
            argv[0] = "/usr/bin/gcc";
            return execv(argv[0], argv);
        }""" % code)
    subprocess.run(["gcc", root / "w.c", "-o", root / "bin/like-gcc"], check=True)


@both
def test_source_can_be_read_again(root, daemon):
    looks_like_gcc(root, "while (read(fd, data, sizeof(data)) > 0) ;")
    one = daemon()
    assert one.compile("like-gcc") == one.compile("gcc")


@both
def test_reading_the_fifo_in_two_parts_is_noticed(root, daemon):
    """No object of what another has left."""
    looks_like_gcc(root, 'read(fd, data, 10); close(fd); fd = open("x.i", O_RDONLY);')
    one = daemon()
    with one.connect() as s:
        data = request("like-gcc", *ARGS)
        s.sendall(data[:-5])
        eventually(lambda: "cc1" in running_below(one.process.pid))
        s.sendall(data[-5:])
        assert read_reply(s) is None
    one.wait_log("fifo-read-twice")
    status, _, obj = one.compile("like-gcc")
    assert status == 0 and obj == one.compile("gcc")[2]


# ---- what is refused ----


@both
def test_only_listed_compilers(root, daemon):
    (root / "list").write_text("/usr/bin/gcc\n")
    (root / "list").chmod(0o644)
    one = daemon(insecure=False, DISTCC_CMDLIST=root / "list")
    assert one.compile("/opt/gcc")[0] == 0  # by its last word, as distcc 3.4 does it
    assert one.compile("cat") is None
    one.wait_log("(job-refused) Warning: ")
    assert "compiler-not-allowed cat" in one.logged() and "REJ_BAD_REQ" in one.logged()


@pytest.mark.parametrize(
    "args",
    [
        ("-wrapper", "/bin/sh", *ARGS),
        ("-B.", *ARGS),
        ("-fplugin=x.so", *ARGS),
        ("-specs=x", *ARGS),
        ("@x.i", *ARGS),
        ("-Xclang", "-load", "-Xclang", "x.so", *ARGS),
        ("-imultilib", "x", *ARGS),
        ("--config=x", *ARGS),
        ("-fdump-tree-all=/tmp/x", *ARGS),
        ("-x", "assembler", *ARGS),
        ("-Wa,-o,/tmp/x", *ARGS),
        ("y.c", *ARGS),
        ("-c", "x.c"),
        ("x.c", "-o", "x"),
        ("-E", *ARGS),
    ],
    ids=" ".join,
)
def test_dangerous_arguments(root, daemon, args):
    one = daemon()
    assert one.compile("gcc", args) is None
    assert "job-refused" in one.logged() and "job-start" not in one.logged()


def test_other_networks(daemon):
    one = daemon("--allow", "10.0.0.0/8")
    with one.connect() as s:
        assert read_reply(s) is None
    one.wait_log("address-not-allowed")


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.0\r\n\r\n",
        b"\0" * 100,
        token("DIST", 3),
        token("DIST", 1) + token("ARGC", 0xFFFFFFFF),
        token("DIST", 1) + token("ARGC", 1) + token("ARGV", 0xFFFFFFFF),
        request("gcc", *ARGS, source=b"", length=0xFFFFFFFF),
        request("gcc", *ARGS) + b"and more",
    ],
    ids=["http", "zeros", "version", "argc", "argv", "source", "more"],
)
def test_garbage(daemon, data):
    one = daemon()
    with one.connect() as s:
        s.sendall(data)
        reply = read_reply(s)
        assert reply is None or (b"and more" in data and reply[0] == 0)
    assert one.compile("gcc")[0] == 0


# ---- who waits, who goes ----


def test_no_more_than_jobs_at_once(root, daemon):
    gate = Gate(root)
    one = daemon("--jobs", "2")
    clients = [one.connect() for _ in range(4)]
    for number, client in enumerate(clients):
        client.sendall(request("gate", "-c", "-g", "x.c", "-o", "x.o", source=b"%d" % number * 2000000))
    gate.started(), gate.started()
    assert gate.waiting()
    for _ in range(2):
        gate.let()
        gate.started()
    gate.let(), gate.let()
    for number, client in enumerate(clients):
        assert read_reply(client) == (0, b"", b"%d" % number * 2000000)
        client.close()


def test_client_goes_in_mid_compile(root, daemon):
    gate = Gate(root)
    one = daemon("--jobs", "1")
    client = one.connect()
    client.sendall(request("gate", *ARGS))
    pids = gate.started()
    client.close()
    assert all(gone(pid) for pid in pids)
    one.wait_log("CLI_DISCONN")
    eventually(lambda: list(one.tmp.glob("*/*")) == [])
    assert one.compile("gcc")[0] == 0


def test_client_resets_what_is_not_read_yet(root, daemon):
    """Bytes that wait, and behind them the reset: both are there when the daemon looks."""
    one = daemon("--jobs", "1")
    client = one.connect()
    client.sendall(request("gcc", *ARGS, length=1 << 20))
    eventually(lambda: "cc1" in running_below(one.process.pid))
    one.process.send_signal(signal.SIGSTOP)
    client.sendall(b"int more;\n")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    one.process.send_signal(signal.SIGCONT)
    eventually(lambda: "cc1" not in running_below(one.process.pid))
    assert one.compile("gcc")[0] == 0


def test_stubborn_compiler_is_killed(root, daemon):
    gate = Gate(root, then="exit")
    script(root, "stubborn", f"trap '' TERM; echo $$ >{gate.pids}; while :; do sleep 1000; done\n")
    one = daemon("--jobs", "1")
    with one.connect() as client:
        client.sendall(request("stubborn", *ARGS))
        pids = gate.started()
    assert all(gone(pid) for pid in pids)
    assert one.compile("gcc")[0] == 0


@pytest.mark.parametrize("size", [100, 5000000])
def test_client_goes_while_it_waits(root, daemon, size):
    gate = Gate(root)
    one = daemon("--jobs", "1")
    with one.connect() as first:
        first.sendall(request("gate", *ARGS))
        gate.started()
        with one.connect() as second:
            second.sendall(request("gate", *ARGS, source=b"x" * size))
        one.wait_log("CLI_DISCONN")
        gate.let()
        assert read_reply(first)[0] == 0
    assert one.compile("gcc")[0] == 0


def test_waiting_client_is_not_read_without_end(root, daemon):
    gate = Gate(root)
    one = daemon("--jobs", "1")
    with one.connect() as first, one.connect() as second:
        first.sendall(request("gate", *ARGS))
        gate.started()
        second.settimeout(1)
        sent = 0
        data = memoryview(request("gate", *ARGS, source=b"x" * (100 << 20)))
        with pytest.raises(TimeoutError):
            while sent < len(data):
                sent += second.send(data[sent:])
        assert sent > 16 << 20
        gate.let()
        assert read_reply(first)[0] == 0
        second.settimeout(SECONDS)
        second.sendall(data[sent:])
        gate.started()
        gate.let()
        assert read_reply(second) == (0, b"", b"x" * (100 << 20))


@both
def test_client_goes_in_mid_source(daemon):
    one = daemon("--jobs", "1")
    with one.connect() as client:
        client.sendall(request("gcc", *ARGS, length=1000000))
        one.wait_log("job-start")
    one.wait_log("CLI_DISCONN")
    assert one.compile("gcc")[0] == 0


def test_silent_client(daemon):
    one = daemon(DISTCC_IO_TIMEOUT=1)
    with one.connect() as client:
        client.sendall(b"DIST")
        assert read_reply(client) is None
    one.wait_log("client-silent")


def test_job_lifetime(root, daemon):
    gate = Gate(root)
    one = daemon("--job-lifetime", "1")
    with one.connect() as client:
        client.sendall(request("gate", *ARGS))
        pids = gate.started()
        assert read_reply(client) is None
    assert all(gone(pid) for pid in pids)
    one.wait_log("COMPILE_TIMEOUT")


# ---- the daemon's own life ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_daemon_ends_in_mid_compile(root, daemon, number):
    gate = Gate(root)
    one = daemon()
    with one.connect() as client:
        client.sendall(request("gate", *ARGS))
        pids = gate.started()
        assert len(list(one.tmp.iterdir())) == 1
        one.process.send_signal(number)
        if number == signal.SIGTERM:  # told once it drains
            eventually(lambda: refuses(one.port))
            one.process.send_signal(number)
        assert one.process.wait(SECONDS) == (0 if number == signal.SIGTERM else -number)
        assert read_reply(client) is None
    assert all(gone(pid) for pid in pids)
    eventually(lambda: list(one.tmp.iterdir()) == [])


def test_daemon_drains(root, daemon):
    """What runs comes to its end; who waits is sent away, and nobody else is let in."""
    gate = Gate(root)
    one = daemon("--jobs", "1")
    with one.connect() as client, one.connect() as waits:
        client.sendall(request("gate", *ARGS))
        gate.started()
        waits.sendall(request("gate", *ARGS))
        eventually(lambda: 'distccd_queue_length 1' in page(one.port, "/metrics"))
        one.process.send_signal(signal.SIGTERM)
        eventually(lambda: refuses(one.port))
        assert read_reply(waits) is None
        assert one.process.poll() is None
        gate.let()
        assert read_reply(client)[0] == 0
    assert one.process.wait(SECONDS) == 0


def test_detached(root):
    one = Daemon(root, "--pid-file", root / "pid")
    (root / "pid").touch()
    argv = one.argv("--daemon", "--port", "0", "--port-file", one.port_file)
    assert subprocess.run(argv, env=one.env, stdin=subprocess.DEVNULL, timeout=SECONDS).returncode == 0
    pid = int((root / "pid").read_text())
    one.port = int(one.port_file.read_text())
    assert one.compile("gcc")[0] == 0
    with socket.create_connection(("::1", one.port), SECONDS) if socket.has_ipv6 else one.connect() as s:
        s.sendall(request("gcc", *ARGS))
        assert read_reply(s)[0] == 0
    assert "only this machine is served" in one.logged()
    os.kill(pid, signal.SIGTERM)
    assert gone(pid)
    # Its directory is root's, if it was root: then it is empty.
    assert not (root / "pid").exists() or (root / "pid").read_text() == ""


def test_lifetime(daemon):
    one = daemon("--lifetime", "1")
    assert one.process.wait(SECONDS) == 0


def test_inetd_on_a_socket(root):
    one = Daemon(root)
    ours, theirs = socket.socketpair()
    process = subprocess.Popen(one.argv(), env=one.env, stdin=theirs, stdout=theirs)
    theirs.close()
    ours.settimeout(SECONDS)
    ours.sendall(request("gcc", *ARGS))
    assert read_reply(ours)[0] == 0
    assert process.wait(SECONDS) == 0 and list(one.tmp.iterdir()) == []
    ours.close()


def test_inetd_on_pipes(root):
    one = Daemon(root)
    pipe = subprocess.PIPE
    process = subprocess.Popen(one.argv("--inetd"), env=one.env, stdin=pipe, stdout=pipe)
    process.stdin.write(request("gcc", *ARGS, source=b"const char big[1000000] = {1};\n"))
    process.stdin.flush()
    status, _, obj = read_reply(process.stdout)
    assert status == 0 and len(obj) > 1000000
    assert process.wait(SECONDS) == 0 and list(one.tmp.iterdir()) == []
    process.stdin.close()


def test_inetd_client_goes(root):
    gate = Gate(root)
    one = Daemon(root)
    pipe = subprocess.PIPE
    process = subprocess.Popen(one.argv("--inetd"), env=one.env, stdin=pipe, stdout=pipe)
    process.stdin.write(request("gate", *ARGS))
    process.stdin.flush()
    pids = gate.started()
    process.stdin.close()
    assert process.wait(SECONDS) == 0 and all(gone(pid) for pid in pids)
    assert list(one.tmp.iterdir()) == []


@pytest.mark.parametrize(
    "code, options",
    [
        (100, ["--store", "/dev/null/store"]),
        (101, ["--no-such-option"]),
        (101, ["--jobs", "0"]),
        (101, ["--allow", "example"]),
        (101, ["--zeroconf"]),
        (102, ["--listen", "192.0.2.1"]),
    ],
    ids=str,
)
def test_exit_codes(root, code, options):
    one = Daemon(root, *options)
    argv = one.argv("--daemon", "--port", "0")
    run = subprocess.run(argv, env=one.env, stdin=subprocess.DEVNULL, timeout=SECONDS)
    assert run.returncode == code


def test_port_is_taken(root, daemon):
    one = daemon()
    argv = one.argv("--daemon", "--port", str(one.port), "--listen", "127.0.0.1")
    run = subprocess.run(argv, env=one.env, stdin=subprocess.DEVNULL, timeout=SECONDS)
    assert run.returncode == 102
