# SPDX-License-Identifier: GPL-3.0-or-later
"""lsdistcc finds the hosts that serve, and says of them what distcc 3.4's lsdistcc says."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading

import pytest

LSDISTCC = pathlib.Path(os.environ["DISTCC_BUILD_DIR"]) / "src/monitor/lsdistcc"
DEBIAN_LSDISTCC = "/usr/bin/lsdistcc"
DEBIAN_DISTCCD = "/usr/bin/distccd"
MISSING = "nosuch.invalid"

LZO = "HAVE_LZO 1" in (pathlib.Path(os.environ["DISTCC_BUILD_DIR"]) / "config.h").read_text()
needs_lzo = pytest.mark.skipif(not LZO, reason="built without LZO")


def run(*arguments, program=LSDISTCC, before=()):
    return subprocess.run(
        [*before, program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60)


def lines(*arguments, **options):
    """With time enough for a loaded machine, unless the arguments say otherwise."""
    done = run("-t60", *arguments, **options)
    return sorted(done.stdout.splitlines()), done.returncode


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture(scope="module")
def port():
    """Of Debian's distccd, serving on all of 127/8."""
    if not os.access(DEBIAN_DISTCCD, os.X_OK):
        pytest.skip("needs Debian's distccd")
    number = free_port()
    # A session of its own: at its end it sends a signal to its whole process group.
    server = subprocess.Popen(
        [DEBIAN_DISTCCD, "--no-detach", "--daemon", "--allow", "127.0.0.0/8", "--jobs", "2",
         "--enable-tcp-insecure", "--log-stderr", "--verbose", "--port", str(number)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True)
    for line in server.stderr:
        if "listening on" in line:
            break
    drain = threading.Thread(target=server.stderr.read)
    drain.start()
    yield number
    server.terminate()
    server.wait(timeout=30)
    drain.join()
    server.stderr.close()


@contextlib.contextmanager
def serving(answer):
    """A server that takes what it is sent and answers with these bytes, or with silence (None)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def serve():
            with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
                while True:
                    peer, _ = listener.accept()
                    stack.enter_context(peer)
                    peer.recv(1 << 16)
                    if answer is not None:
                        peer.sendall(answer)
                        peer.shutdown(socket.SHUT_RDWR)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextlib.contextmanager
def black_hole():
    """A port whose queue is full, so that connecting to it neither succeeds nor fails."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_hosts_that_serve(port):
    r = f"-r{port}"
    assert lines(r, "localhost") == ([f"localhost:{port}"], 0)
    assert lines(r, "-n", "localhost") == ([f"127.0.0.1:{port}"], 0)
    assert lines(r, "127.0.0.1", MISSING, "127.0.0.2") == (
        [f"127.0.0.1:{port}", f"127.0.0.2:{port}"], 0)
    assert lines(r, "-P2", "localhost") == ([f"localhost:{port},lzo"], 0)
    assert lines(r, "-P3", "localhost") == ([f"localhost:{port},lzo,cpp"], 0)


def test_latency(port):
    (line,), _ = lines(f"-r{port}", "-l", "127.0.0.1")
    host, latency = line.split(" ")
    assert host == f"127.0.0.1:{port}"
    assert 0 <= int(latency) < 900


def test_hosts_that_do_not_serve():
    closed = free_port()
    # The name is there, so the status is 0; distcc 3.4's manual says otherwise, its program not.
    assert lines(f"-r{closed}", "localhost") == ([], 0)
    assert lines(f"-r{closed}", "-x", "localhost") == ([f"localhost:{closed},down"], 0)
    assert lines(f"-r{closed}", "-x", "-P2", "localhost") == ([f"localhost:{closed},lzo,down"], 0)
    assert lines("-x", MISSING) == ([], 1)
    assert lines(f"-r{closed}", "-c0", "-l", "127.0.0.1") == ([f"127.0.0.1:{closed} 0"], 0)


def test_format_ends_at_the_first_missing_name(port):
    # 127.0.0.256 is no address.
    found, status = lines(f"-r{port}", "127.0.0.%d")
    assert status == 0
    assert set(found) == {f"127.0.0.{n}:{port}" for n in range(1, 256)}


@pytest.mark.parametrize("overlap", ["-o0", "-o1", "-o9"])
@pytest.mark.parametrize("connect", ["-c0", "-c900"])
@pytest.mark.parametrize("gap, names", [
    ("-g0", "01 02 03 04 05 06 07"),
    ("-g1", "01 02 03 04 05 06 07"),
    ("-g2", "01 02 03 04 05 06 07 010 011 012 013 014 015 016 017"),
    ("-g3", "01 02 03 04 05 06 07 010 011 012 013 014 015 016 017")])
def test_format_goes_on_over_gaps(port, overlap, connect, gap, names):
    """Octal numbers are addresses; 08, 09, 018 and 019 are none."""
    found, _ = lines(f"-r{port}", overlap, connect, gap, "127.0.0.0%d")
    assert found == sorted(f"127.0.0.{name}:{port}" for name in names.split())


def test_bits_of_the_address(port):
    r = f"-r{port}"
    hosts = ["127.0.0.1", "127.0.1.1", "127.0.0.2"]
    assert lines(r, "-m24", *hosts) == ([f"127.0.0.1:{port}", f"127.0.0.2:{port}"], 0)
    assert lines(r, "-m8", *hosts)[0] == sorted(f"{host}:{port}" for host in hosts)
    assert lines(r, "-m24", MISSING, *hosts[1:])[0] == [f"127.0.1.1:{port}"]
    assert lines(r, "-m31", "-x", *hosts)[0] == [f"127.0.0.1:{port}"]


@pytest.mark.parametrize("protocol, options", [
    ("-P1", ""),
    pytest.param("-P2", ",lzo", marks=needs_lzo),
    pytest.param("-P3", ",lzo,cpp", marks=needs_lzo)])
def test_compile(port, protocol, options):
    r = f"-r{port}"
    assert lines(r, protocol, "-pgcc", "localhost") == ([f"localhost:{port}{options}"], 0)
    assert lines(r, protocol, "-pno-such-cc", "localhost") == ([], 0)
    assert lines(r, protocol, "-x", "-pno-such-cc", "localhost") == (
        [f"localhost:{port}{options},down"], 0)
    assert lines(r, protocol, "-k0", "-pno-such-cc", "localhost") == (
        [f"localhost:{port}{options}"], 0)


@pytest.mark.parametrize("answer", [
    b"", b"DONE", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 100000,
    b"DONE00000001STAT0000000b", b"DONE00000002STAT00000000"], ids=[
    "nothing", "little", "http", "zeros", "signal", "version"])
def test_odd_answers(answer):
    with serving(answer) as number:
        assert lines(f"-r{number}", "-x", "-pcc", "127.0.0.1") == ([f"127.0.0.1:{number},down"], 0)


def test_no_answer():
    with serving(None) as number:
        expected = [f"127.0.0.1:{number},down"], 0
        assert lines(f"-r{number}", "-x", "-k100", "-pcc", "127.0.0.1") == expected
        assert lines(f"-r{number}", "-x", "-t1", "-k50000", "-pcc", "127.0.0.1") == expected


def test_no_connection():
    with black_hole() as number:
        expected = [f"127.0.0.1:{number},down"], 0
        assert lines(f"-r{number}", "-x", "-c100", "127.0.0.1") == expected
        assert lines(f"-r{number}", "-x", "-t1", "-c50000", "127.0.0.1") == expected


def test_ipv6():
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on loopback")
    with listener:
        number = listener.getsockname()[1]
        assert lines(f"-r{number}", "::1", "[::1]") == ([f"[::1]:{number}"] * 2, 0)
        # The other address of the name is tried when the first refuses.
        if lines("-n", "-c0", f"-r{number}", "ip6-localhost") == ([f"[::1]:{number}"], 0):
            assert lines(f"-r{number}", "ip6-localhost") == ([f"ip6-localhost:{number}"], 0)


def test_name_server_that_never_answers(tmp_path):
    """Time is up when it is up, even with threads waiting for the name server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        try:
            silent.bind(("127.0.0.53", 53))
        except OSError:
            pytest.skip("cannot listen as a name server")
        (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.53\n")
        (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n")
        inside = ("unshare", "--mount", "sh", "-c",
                  f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && "
                  f"mount --bind {tmp_path}/nsswitch.conf /etc/nsswitch.conf && exec \"$@\"", "sh")
        if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode != 0:
            pytest.skip("cannot make a mount namespace")
        arguments = "-v", "-t1", "-h200", "-c0", "localhost", "slow.example"
        done = run(*arguments, before=("timeout", "20", *inside))
    assert (done.stdout, done.returncode) == ("localhost\n", 0)
    # The name was asked for again meanwhile.
    assert done.stderr.count("slow.example: looking up") > 1


def test_help():
    done = run("--help")
    assert done.returncode == 1
    assert done.stdout.startswith("Usage: lsdistcc")
    assert done.stderr == ""


def test_help_and_manual_agree():
    page = (pathlib.Path(__file__).parents[2] / "man/lsdistcc.1.scd").read_text()
    in_page = re.findall(r"^\*(-\w|--help)\*(?:_(\w+)_)?$", page, re.MULTILINE)
    in_help = re.findall(r"^  (-\w|--help)([A-Z]*) ", run("--help").stdout, re.MULTILINE)
    assert len(in_help) == 16
    assert in_page == in_help


@pytest.mark.parametrize("arguments", [["-q"], ["-r0"], ["-P4"], ["-rx"], ["-"]])
def test_bad_options(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1


def test_domain(monkeypatch):
    monkeypatch.setenv("HOST", "me.lan.invalid")
    done = run("-d", "-v")
    assert done.returncode == 1
    assert "distcc1.lan.invalid: looking up" in done.stderr


def test_output_that_cannot_be_written():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [LSDISTCC, "-c0", "localhost"], stdout=full, stderr=subprocess.PIPE, timeout=60,
            check=False)
    assert done.returncode == 1
    assert b"no space" in done.stderr


SIDE_BY_SIDE = [
    ["localhost"],
    ["127.0.0.1", "127.0.0.2", "localhost"],
    ["-n", "localhost"],
    ["-x", "127.0.0.1", MISSING],
    [MISSING],
    ["-P2", "127.0.0.1"],
    ["-P3", "127.0.0.1"],
    ["-pgcc", "127.0.0.1"],
    ["-x", "-pno-such-cc", "127.0.0.1"],
    ["-k0", "-pno-such-cc", "127.0.0.1"],
    ["-c0", "127.0.0.1"],
    ["127.0.0.25%d"],
    ["-o0", "-g2", "127.0.0.0%d"],
    ["-P4"],
]


@pytest.mark.skipif(shutil.which(DEBIAN_LSDISTCC) is None, reason="needs Debian's lsdistcc")
@pytest.mark.parametrize("arguments", SIDE_BY_SIDE, ids=" ".join)
@pytest.mark.parametrize("server", ["open", "closed"])
def test_side_by_side_with_distcc_3(port, server, arguments):
    number = port if server == "open" else free_port()
    ours, our_status = lines(f"-r{number}", *arguments)
    theirs, their_status = lines(f"-r{number}", *arguments, program=DEBIAN_LSDISTCC)
    if arguments == ["-P4"]:
        # They print the whole help on standard output.
        theirs = []
    assert (ours, our_status) == (theirs, their_status)
