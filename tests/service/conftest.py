# SPDX-License-Identifier: GPL-3.0-or-later
"""service-server as a process, as root and as a user that is nobody."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from reapi import DEADLINE, Client

BUILD = Path(os.environ["DISTCC_BUILD_DIR"])
ROOTLESS = 61234  # nobody's, as far as anybody knows


class Server:
    def __init__(self, uid, *options):
        self.top = Path(tempfile.mkdtemp(prefix="service-"))
        self.top.chmod(0o755)
        (self.top / "store").mkdir()
        os.chown(self.top / "store", uid, uid)
        for program in ("tests/service/service-server", "src/sandbox/distcc-sandbox"):
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
