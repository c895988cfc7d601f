# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers as processes, and clients of ours, and what they use of the processor."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

BUILDSTREAM = "from buildstream._artifactcache.casserver import server_main as s; s()"


def cpu_s(pid):
    """(its own, its ended children's)"""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / tick, (int(fields[13]) + int(fields[14])) / tick


def wait_open(port, process):
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"{process.args[0]} does not listen")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    def __init__(self, name, argv, top, **env):
        self.name, self.port = name, free_port()
        self.process = subprocess.Popen(
            [str(a).replace("PORT", str(self.port)) for a in argv], cwd=top,
            env={**os.environ, **env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_open(self.port, self.process)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def ours(build, top):
    """distccd with a store, in top, which the world may enter."""
    shutil.copy(build / "src/sandbox/distcc-sandbox", top)
    user = ["--user", "nobody"] if os.geteuid() == 0 else []
    return Server("distccd", [build / "src/worker/distccd", "--no-detach", "--log-stderr",
                              "--enable-tcp-insecure", "--listen", "127.0.0.1", "--port", "PORT",
                              "--store", top / "store", *user], top,
                  DISTCC_SANDBOX=str(top / "distcc-sandbox"), TMPDIR=str(top))


def debian_distccd(top):
    """distcc 3.4's, with a log in top."""
    user = ["--user", "nobody"] if os.geteuid() == 0 else []
    return Server("distccd 3.4", ["/usr/bin/distccd", "--daemon", "--no-detach", "--allow",
                                  "127.0.0.1", "--enable-tcp-insecure", "--listen", "127.0.0.1",
                                  "--port", "PORT", "--jobs", "4", "--log-file",
                                  top / "distccd.log", *user], top)


def buildstream(top):
    there = subprocess.run([sys.executable, "-c", BUILDSTREAM, "--help"], capture_output=True)
    if there.returncode:
        return None
    (top / "bst").mkdir()
    return Server("BuildStream", [sys.executable, "-c", BUILDSTREAM, "--port", "PORT",
                                  "--enable-push", top / "bst"], top)


class Client:
    """A user of ours, with an agent, a cache and a memory of compilers of its own in top."""

    def __init__(self, build, top, hosts, **env):
        (top / "user").mkdir(mode=0o700)
        self.distcc = str(build / "src/launcher/distcc")
        self.env = {**os.environ, "LC_ALL": "C", "DISTCC_DIR": str(top / "user"),
                    "DISTCC_CACHE_DIR": str(top / "cache"), "DISTCC_HOSTS": hosts, "DISTCC_EXACT": "0",
                    "DISTCC_AGENT": str(build / "src/agent/distcc-agent"),
                    **{k: str(v) for k, v in env.items()}}

    def ask(self, *words):
        return subprocess.run([self.distcc, *words], env=self.env, capture_output=True, text=True)

    def agent(self):
        """Its pid; None: there is no agent."""
        said = self.ask("--agent-pid")
        return int(said.stdout) if said.returncode == 0 else None

    def jobs(self):
        head, *lines = self.ask("--jobs").stdout.splitlines()
        return [dict(zip(head.split("\t"), line.split("\t"))) for line in lines]

    def stop(self):
        self.ask("--stop-agent")
