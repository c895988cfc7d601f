# SPDX-License-Identifier: GPL-3.0-or-later
"""service-server as a process, as root and as a user that is nobody."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import grpc
import pytest

from certificates import Certificates
from fakereapi import Fake, serving
from reapi import DEADLINE, Client
from rextool import Tool

BUILD = Path(os.environ["DISTCC_BUILD_DIR"])
HELPER = os.environ.get("DISTCC_SANDBOX_HELPER", "src/sandbox/distcc-sandbox")
ROOTLESS = 61234  # nobody's, as far as anybody knows


class Server:
    def __init__(self, uid, *options):
        self.top = Path(tempfile.mkdtemp(prefix="service-"))
        self.top.chmod(0o755)
        (self.top / "store").mkdir()
        os.chown(self.top / "store", uid, uid)
        for program in ("tests/service/service-server", HELPER):
            shutil.copy(BUILD / program, self.top)
        self.uid = uid
        self.options = options
        self.clients = []
        self.process = None
        self.terminated = False
        self.start()

    def start(self):
        ids = ["setpriv", "--reuid", str(self.uid), "--regid", str(self.uid), "--clear-groups"]
        self.errors = open(self.top / "errors", "a+", encoding="utf-8")
        self.process = subprocess.Popen(
            [*(ids if self.uid != os.geteuid() else []), self.top / "service-server",
             "--store", self.top / "store", "--helper", self.top / "distcc-sandbox",
             *map(str, self.options)],
            stdout=subprocess.PIPE, stderr=self.errors, text=True, cwd=self.top)
        line = self.process.stdout.readline().split()
        assert line and line[0] == "port", self.log()
        self.port = int(line[1])

    def client(self, **options):
        client = Client(self.port, **options)
        self.clients.append(client)
        return client

    def log(self):
        self.errors.seek(0)
        return self.errors.read()

    def stats(self):
        self.process.send_signal(signal.SIGUSR1)
        word, *pairs = self.process.stdout.readline().split()
        assert word == "stats", self.log()
        return {name: int(value) for name, value in (pair.split("=") for pair in pairs)}

    def roots(self):
        return sorted(p.name for p in (self.top / "store/roots").iterdir() if p.name != "trash")

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def terminate(self):
        """Once: when it has ended its calls a second one would be the end of it."""
        if not self.terminated:
            self.process.send_signal(signal.SIGTERM)
        self.terminated = True

    def stop(self):
        for client in self.clients:
            client.close()
        self.terminate()
        timer = threading.Timer(DEADLINE, self.process.kill)
        timer.start()
        said = self.process.communicate()[0]
        timer.cancel()
        log = self.log()
        self.errors.close()
        shutil.rmtree(self.top, ignore_errors=True)
        assert self.process.returncode == 0, log
        assert "idle" in said, log
        assert "Sanitizer" not in log, log


class Daemon(Server):
    """distccd itself, where only its port is needed."""

    def __init__(self, *options):
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.port = 0  # any; the next time the same
        super().__init__(self.user.pw_uid, *options)

    def start(self):
        os.chown(self.top, self.uid, -1)
        self.errors = open(self.top / "errors", "a+", encoding="utf-8")
        port_file = self.top / "port"
        port_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [BUILD / "src/worker/distccd", "--no-detach", "--log-stderr", "--enable-tcp-insecure",
             "--listen", "127.0.0.1", "--port", str(self.port), "--port-file", port_file,
             *self.arguments()],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            cwd=self.top, env=self.env())
        end = time.monotonic() + DEADLINE
        while not port_file.exists() or not port_file.read_text().strip():
            assert self.process.poll() is None and time.monotonic() < end, self.log()
            time.sleep(0.01)
        self.port = int(port_file.read_text())

    def arguments(self):
        return ["--user", self.user.pw_name, "--store", self.top / "store",
                *map(str, self.options)]

    def env(self):
        return {**os.environ, "DISTCC_SANDBOX": str(self.top / "distcc-sandbox")}

    def page(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=DEADLINE) as r:
            return r.read().decode()

    def metrics(self):
        """Samples by name and labels, as they stand in the text."""
        lines = [x for x in self.page("/metrics").splitlines() if not x.startswith("#")]
        return {name: float(value) for name, value in (x.rsplit(" ", 1) for x in lines)}

    def stop(self):
        for client in self.clients:
            client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        timer = threading.Timer(DEADLINE, self.process.kill)
        timer.start()
        self.process.communicate()
        timer.cancel()
        log = self.log()
        self.errors.close()
        shutil.rmtree(self.top, ignore_errors=True)
        assert self.process.returncode == 0, log
        assert "Sanitizer" not in log, log


@pytest.fixture(scope="module", params=["root", "user"])
def shared(request):
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("not root")
    s = Server(0 if request.param == "root" else os.geteuid() or ROOTLESS, "--slots", 4)
    yield s
    s.stop()


@pytest.fixture
def client(shared):
    return shared.client()


@pytest.fixture
def server():
    """start(option, value, …): a server of the test's own."""
    servers = []

    def start(*options):
        servers.append(Server(os.geteuid() or ROOTLESS, *options))
        return servers[-1]

    yield start
    for s in servers:
        s.stop()


@pytest.fixture
def daemon():
    """start(option, value, …): a distccd of the test's own."""
    daemons = []

    def start(*options):
        daemons.append(Daemon(*options))
        return daemons[-1]

    yield start
    for d in daemons:
        d.stop()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tool():
    """start(port): a rex of the test's own."""
    tools = []

    def start(*args, **options):
        tools.append(Tool(*args, **options))
        return tools[-1]

    yield start
    for t in tools:
        t.stop()


@pytest.fixture
def fake():
    with serving(Fake()) as f:
        yield f
