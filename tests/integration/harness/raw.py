# SPDX-License-Identifier: GPL-3.0-or-later
"""A distccd that is spoken to in protocol 1, by bytes."""

import os
import pathlib
import select
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request

import pytest

from .programs import build_dir

BUILD = build_dir()
DISTCCD = BUILD / "src/worker/distccd"
SANDBOX = BUILD / "src/sandbox/distcc-sandbox"
SECONDS = 30  # what is not there by then will not come
SOURCE = b"int f(int x) { return x + 1; }\n"
ARGS = ("-O1", "-c", "x.c", "-o", "x.o")


def gone(pid):
    """Wait until the process has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], SECONDS)[0])
    finally:
        os.close(fd)


def eventually(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        select.select([], [], [], 0.01)


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), SECONDS).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it closes just now
        pass
    return False


def page(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as answer:
        return answer.read().decode()


def running_below(pid):
    """Names of the processes that it has started, and they."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        names = {pathlib.Path(f"/proc/{child}/comm").read_text().strip() for child in children}
    except (FileNotFoundError, ProcessLookupError):
        return set()
    return names.union(*(running_below(child) for child in children)) - {"distcc-warden"}


class Daemon:
    def __init__(self, root, *options, insecure=True, sandbox="never", **env):
        self.root = root
        helper = root / "distcc-sandbox"
        if not helper.exists():
            shutil.copy(SANDBOX, helper)
        self.tmp = root / "tmp"
        self.tmp.mkdir(exist_ok=True)
        self.tmp.chmod(0o1777)
        self.port_file, self.log = root / "port", root / "log"
        self.port_file.unlink(missing_ok=True)
        self.env = {
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C",
            "TMPDIR": str(self.tmp),
            "DISTCCD_PATH": f"{root / 'bin'}:/usr/bin:/bin",
            "DISTCC_SANDBOX": str(helper),
            **{k: str(v) for k, v in env.items()},
        }
        self.options = [f"--sandbox={sandbox}", *map(str, options)]
        self.options += ["--enable-tcp-insecure"] if insecure else []

    def argv(self, *more):
        return [DISTCCD, "--log-file", self.log, "--log-level", "info", *self.options, *more]

    def start(self):
        place = ["--daemon", "--no-detach", "--port", "0", "--port-file", self.port_file]
        self.process = subprocess.Popen(
            self.argv(*place, "--listen", "127.0.0.1"),
            env=self.env,
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stderr=open(self.root / "stderr", "wb"),
        )
        eventually(lambda: self.port_file.exists() or self.process.poll() is not None)
        assert self.process.poll() is None, self.logged() + (self.root / "stderr").read_text()
        self.port = int(self.port_file.read_text())
        return self

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def logged(self):
        return self.log.read_text() if self.log.exists() else ""

    def wait_log(self, text):
        eventually(lambda: text in self.logged())

    def compile(self, name, args=ARGS, source=SOURCE):
        with self.connect() as s:
            s.sendall(request(name, *args, source=source))
            return read_reply(s)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(SECONDS) == 0, (self.root / "stderr").read_text()
        assert list(self.tmp.iterdir()) == []


@pytest.fixture
def root():
    # Not pytest's own: the daemon gives up root, and must get through.
    path = pathlib.Path(tempfile.mkdtemp(prefix="dd-", dir="/tmp"))
    path.chmod(0o755)
    (path / "bin").mkdir()
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def mode(request):
    """Of the sandbox. Most fakes write to where only a compiler without one can."""
    return getattr(request, "param", "never")


both = pytest.mark.parametrize("mode", ["never", "always"], indirect=True)


@pytest.fixture
def daemon(root, mode):
    """A function that starts one; it ends in good order."""
    running = []

    def start(*options, **env):
        running.append(Daemon(root, *options, **{"sandbox": mode, **env}).start())
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.stop()


class Gate:
    """A compiler that says its pid and that of its child, and waits to be let on."""

    def __init__(self, root, then='cat "$3" >x.o'):
        self.pids, self.go = root / "pids", root / "go"
        for fifo in (self.pids, self.go):
            os.mkfifo(fifo)
            fifo.chmod(0o666)
        self.reader = os.open(self.pids, os.O_RDWR)
        self.writer = os.open(self.go, os.O_RDWR)
        self.text = b""
        script(root, "gate", f"sleep 1000 & echo $$ $! >{self.pids}\nread l <{self.go}\n{then}\n")

    def started(self):
        while b"\n" not in self.text:
            assert select.select([self.reader], [], [], SECONDS)[0], "no compiler started"
            self.text += os.read(self.reader, 100)
        line, _, self.text = self.text.partition(b"\n")
        return [int(word) for word in line.split()]

    def waiting(self):
        return not self.text and not select.select([self.reader], [], [], 0.2)[0]

    def let(self):
        os.write(self.writer, b"\n")


def script(root, name, body):
    path = root / "bin" / name
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)


def token(name, value):
    return b"%s%08x" % (name.encode(), value)


def request(*argv, source=SOURCE, length=None):
    head = token("DIST", 1) + token("ARGC", len(argv))
    for arg in argv:
        head += token("ARGV", len(arg)) + arg.encode()
    return head + token("DOTI", len(source) if length is None else length) + source


def read_exactly(stream, n):
    data = bytearray()
    while len(data) < n:
        most = min(n - len(data), 1 << 20)
        more = stream.recv(most) if isinstance(stream, socket.socket) else stream.read(most)
        if not more:
            raise EOFError(bytes(data))
        data += more
    return bytes(data)


def read_token(stream, name):
    text = read_exactly(stream, 12)
    assert text[:4] == name.encode()
    return int(text[4:], 16)


def read_reply(stream):
    """(wait status, stderr, object), or None when it was closed without a word."""
    try:
        assert read_token(stream, "DONE") == 1
    except (EOFError, ConnectionResetError) as e:
        assert e.args[0] == b"" or isinstance(e, ConnectionResetError)
        return None
    status = read_token(stream, "STAT")
    err, _, obj = (read_exactly(stream, read_token(stream, t)) for t in ("SERR", "SOUT", "DOTO"))
    return status, err, obj
