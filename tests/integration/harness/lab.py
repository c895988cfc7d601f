# SPDX-License-Identifier: GPL-3.0-or-later
"""One test's world: clients, workers, fake servers, trees; and its end, with nothing left."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import fakecc, procs
from .fakeserver import FakeServer
from .programs import Client, Worker
from .tree import Outcome, Tree

# What is not a compiler at work among our descendants.
DAEMONS = {"distcc", "distccd", "distcc-agent", "distcc-warden", "unshare", "make"}


class Lab:
    def __init__(self, client_flavour: str, worker_flavour: str):
        self.client_flavour, self.worker_flavour = client_flavour, worker_flavour
        # Not pytest's tmp_path: socket names must be short, and a distccd that was started by
        # root goes on as another user, who must get through.
        self.root = Path(tempfile.mkdtemp(prefix="dt-", dir="/tmp"))
        self.root.chmod(0o755)
        self.sanitizer_env = {
            "ASAN_OPTIONS": f"log_path={self._reports()}/asan:detect_leaks=1",
            "UBSAN_OPTIONS": f"log_path={self._reports()}/ubsan:print_stacktrace=1:halt_on_error=1",
        }
        self.clients: list[Client] = []
        self.workers: list[Worker] = []
        self.closables: list = []
        self.before = set(procs.descendants())
        self._count = 0
        self._local: Client | None = None

    def _reports(self) -> Path:
        path = self.root / "reports"
        if not path.exists():
            path.mkdir()
            path.chmod(0o1777)
        return path

    def directory(self, prefix: str) -> Path:
        self._count += 1
        path = self.root / f"{prefix}{self._count}"
        path.mkdir()
        return path

    def client(self, hosts=(), flavour: str | None = None, **env) -> Client:
        client = Client(self, flavour or self.client_flavour, hosts, **env)
        self.clients.append(client)
        return client

    def worker(
        self, flavour=None, compilers=None, path=None, jobs=4, wrap=(), options=(), **env
    ) -> Worker:
        """compilers: a directory put before PATH instead of a spy's; path: all of its PATH."""
        flavour = flavour or self.worker_flavour
        worker = Worker(self, flavour, compilers, path, jobs, wrap, options, env)
        self.workers.append(worker)
        worker.start()
        return worker

    def server(self, script) -> FakeServer:
        return self.closing(FakeServer(script))

    def closing(self, thing):
        """Something with a close(), to be closed in the end."""
        self.closables.append(thing)
        return thing

    def gate(self, **args) -> fakecc.Gate:
        return self.closing(fakecc.Gate(self.directory("g") / "bin", **args))

    def compilers(self, body: str) -> Path:
        return fakecc.directory(self.directory("f") / "bin", body)

    def tree(self, files: dict) -> Tree:
        return Tree(self.directory("t") / "src", files)

    def local(self, tree: Tree, *argv, **env) -> Outcome:
        """The command without distcc: what every other outcome is held against."""
        if self._local is None:
            self._local = Client(self, "none", [])
        return self._local.compile_as(tree, *argv, **env)

    def compilers_running(self) -> dict[int, str]:
        return {
            pid: procs.command_line(pid) or stat.comm
            for pid, stat in procs.descendants().items()
            if pid not in self.before and stat.comm not in DAEMONS
        }

    def wait_no_compilers(self, deadline: float = procs.DEADLINE) -> None:
        try:
            procs.eventually("no compiler runs", lambda: not self.compilers_running(), deadline)
        except procs.Hangs as e:
            raise AssertionError(f"compilers run on: {self.compilers_running()}") from e

    def close(self) -> list[str]:
        """Take all down. What was wrong, in words."""
        wrong = []
        for client in self.clients:
            wrong += client.stop()
        for worker in self.workers:
            wrong += worker.stop()
        for thing in self.closables:
            thing.close()
            if isinstance(thing, FakeServer) and thing.errors:
                wrong.append(f"a fake server met {thing.errors!r}")
        wrong += self._stray_processes()
        wrong += self._stray_files()
        wrong += self._sanitizer_reports()
        if wrong:
            wrong += self._logs()
        shutil.rmtree(self.root, ignore_errors=True)
        return wrong

    def _mine(self) -> list[int]:
        return [pid for pid in procs.descendants() if pid not in self.before]

    def _stray_processes(self) -> list[str]:
        try:
            procs.eventually("all processes ended", lambda: not self._mine(), 10)
            return []
        except procs.Hangs:
            stray = {pid: procs.command_line(pid) for pid in self._mine()}
            procs.kill_all(stray)
            procs.eventually("killed processes are gone", lambda: not self._mine())
            return [f"processes left: {stray}"]

    def _stray_files(self) -> list[str]:
        places = [c.tmp for c in self.clients] + [w.tmp for w in self.workers]
        found = [str(f) for place in places for f in place.rglob("*")]
        for tree in self.root.glob("t*/src"):
            found += [str(f) for f in tree.rglob(".*") if f.is_file()]
        found += [str(f) for c in self.clients for f in c.dir.rglob("*.tmp*")]
        return [f"files left: {found}"] if found else []

    def _sanitizer_reports(self) -> list[str]:
        found = sorted(self._reports().iterdir())
        return [f"{f.name}:\n{f.read_text(errors='replace')}" for f in found]

    def _logs(self) -> list[str]:
        found = []
        logs = [w.log for w in self.workers]
        logs += [Path(c.env.get("DISTCC_LOG", "/")) for c in self.clients]
        for log in logs:
            if log.is_file():
                tail = log.read_text(errors="replace").splitlines()[-40:]
                found.append("\n".join([f"--- {log}", *tail]))
        return found


def may_mount() -> bool:
    """Can this user make a mount namespace with a small tmpfs in it?"""
    argv = [*private_mounts(), "mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt"]
    with open(os.devnull, "wb") as null:
        return procs.wait(procs.spawn(argv, stdout=null, stderr=null)) == 0


def private_mounts() -> list[str]:
    return ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]


def on_small_disk(path: Path, size: str) -> list[str]:
    """A command prefix: run the rest where path is a tmpfs of this size."""
    script = f'mount -t tmpfs -o size={size},mode=1777 none "{path}" && exec "$@"'
    return [*private_mounts(), "sh", "-c", script, "sh"]


class Mounts:
    """A mount namespace of its own, in which commands are run: mount what you like."""

    def __init__(self):
        self._holder = procs.spawn(
            [*private_mounts(), "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._holder.stdout.readline()
        self.pid = self._holder.pid

    def enter(self, cwd) -> list[str]:
        """A command prefix."""
        user = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
        there = ["sh", "-c", 'cd "$0" && exec "$@"', str(cwd)]
        return ["nsenter", "-t", str(self.pid), *user, "-m", *there]

    def run(self, *argv, cwd="/") -> None:
        argv = [*self.enter(cwd), *argv]
        assert procs.wait(procs.spawn(argv, stdin=subprocess.DEVNULL)) == 0, argv

    def close(self) -> None:
        self._holder.stdin.close()
        self._holder.stdout.close()
        procs.wait(self._holder)
