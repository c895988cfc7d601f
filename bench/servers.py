# SPDX-License-Identifier: GPL-3.0-or-later
"""Remote Execution servers as processes, ours and BuildStream's, and what they use of the processor."""

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


def buildstream(top):
    there = subprocess.run([sys.executable, "-c", BUILDSTREAM, "--help"], capture_output=True)
    if there.returncode:
        return None
    (top / "bst").mkdir()
    return Server("BuildStream", [sys.executable, "-c", BUILDSTREAM, "--port", "PORT",
                                  "--enable-push", top / "bst"], top)
