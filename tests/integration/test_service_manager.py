# SPDX-License-Identifier: GPL-3.0-or-later
"""distccd under a service manager: sockets that it is given, and what it says when it is ready."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile

import pytest

DISTCCD = pathlib.Path(os.environ["DISTCC_BUILD_DIR"]) / "src/worker/distccd"
SECONDS = 30

# As a service manager: the socket is descriptor 3, the environment names the process.
START = 'exec 3<&"$1"; shift; export LISTEN_PID=$$; exec "$@"'


@pytest.fixture
def root():
    # Not pytest's own: the daemon gives up root, and must get through.
    path = pathlib.Path(tempfile.mkdtemp(prefix="ds-", dir="/tmp"))
    path.chmod(0o1777)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def notify(root):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(str(root / "notify"))
        (root / "notify").chmod(0o777)
        s.settimeout(SECONDS)
        yield s


def start(passed, notify, root, *options):
    argv = [DISTCCD, "--daemon", "--log-stderr", "--enable-tcp-insecure", *options]
    return subprocess.Popen(
        ["bash", "-c", START, "bash", str(passed.fileno()), *argv],
        pass_fds=[passed.fileno()],
        env={
            "PATH": "/usr/bin:/bin",
            "TMPDIR": str(root),
            "LISTEN_FDS": "1",
            "NOTIFY_SOCKET": notify.getsockname(),
        },
        stdin=subprocess.DEVNULL,
        stderr=open(root / "stderr", "wb"),
    )


def test_a_socket_that_is_passed_is_served(notify, root):
    with socket.socket() as passed:
        passed.bind(("127.0.0.1", 0))
        passed.listen(8)
        # The process stays itself, though nothing says --no-detach; --port is not looked at.
        process = start(passed, notify, root, "--port", "1", "--port-file", root / "port")
        try:
            assert notify.recv(100) == b"READY=1", (root / "stderr").read_text()
            assert process.poll() is None
            assert int((root / "port").read_text()) == passed.getsockname()[1]
            with socket.create_connection(passed.getsockname(), SECONDS) as client:
                client.sendall(b"NONSENSE")
                client.settimeout(SECONDS)
                while client.recv(100):
                    pass
        finally:
            process.terminate()
        assert process.wait(SECONDS) == 0


def test_what_is_no_listening_socket_is_refused(notify, root):
    with socket.socket() as passed:
        process = start(passed, notify, root)
        assert process.wait(SECONDS) == 102
    assert "descriptor 3 is not a listening stream socket" in (root / "stderr").read_text()
