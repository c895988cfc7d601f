# SPDX-License-Identifier: GPL-3.0-or-later
"""
A build, while whatever it could do without is killed, stopped, cut off, filled up, taken away or
spoilt. It must end as the local build does: exit status 0, the same objects, in bounded time, and
with nothing left.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import procs
from .exact import make_client, start_worker
from .lab import Mounts, may_mount, on_small_disk
from .proxy import Proxy


def digests(top: Path) -> dict[str, str]:
    """Of all objects."""
    return {
        str(path.relative_to(top)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(top.rglob("*.o"))
    }


class World:
    """Workers behind bad networks, one with a small disk; and a client with a small cache."""

    def __init__(self, lab, lots, workers=3, plain=False):
        """plain: workers have compilers, for what comes preprocessed: other debug information."""
        self.lab, self.lots, self.plain = lab, lots, plain
        self.mounts = lab.closing(Mounts()) if may_mount() else None
        if self.mounts:
            lab.before.add(self.mounts.pid)  # no compiler
        self.workers, self.proxies = [], []
        for i in range(workers):
            self._add_worker(small=self.mounts and i == 0)
        self.disk = lab.directory("k")
        self.cache = self.disk / "cache"
        self.client = make_client(
            lab,
            [proxy.host() for proxy in self.proxies],
            DISTCC_CACHE_DIR=self.cache,
            DISTCC_IO_TIMEOUT="4",
            DISTCC_CONNECT_TIMEOUT="2",
            DISTCC_BACKOFF_PERIOD="1",
           
        )
        if self.mounts:
            self.mounts.run("mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "none", self.disk)
            self.client.inside = self.mounts.enter
        self.stopped: set[int] = set()
        self.done: dict[str, int] = {}
        self.actions = [
            self.kill_worker,
            self.stop_worker,
            self.kill_agent,
            self.cut,
            self.cut,
            self.spoil_worker,
            self.go_on,
            self.go_on,
        ]
        if self.mounts:
            self.actions += [self.fill_cache, self.free_cache, self.lock_cache, self.remove_cache,
                             self.spoil_cache, self.fill_worker]

    def _add_worker(self, small):
        args = {} if self.plain else {"path": "/none"}
        if small:
            # Compilers fit into it, and not much besides.
            disk = self.lab.directory("small")
            args["wrap"] = on_small_disk(disk, "160m")
            args["options"] = ["--store", disk / "store"]
        worker = start_worker(self.lab, jobs=4, **args)
        worker.small = disk if small else None
        self.workers.append(worker)
        self.proxies.append(self.lab.closing(Proxy(worker.port, self.lots)))

    # ---- what may happen ----

    def _daemon(self, worker) -> int:
        return worker.process.pid

    def kill_worker(self):
        worker = self.lots.choice(self.workers)
        self.stopped.discard(worker.process.pid)
        worker.kill()
        worker.start()

    def stop_worker(self):
        pid = self.lots.choice(self.workers).process.pid
        os.kill(pid, signal.SIGSTOP)
        self.stopped.add(pid)

    def go_on(self):
        for pid in self.stopped:
            os.kill(pid, signal.SIGCONT)
        self.stopped.clear()

    def kill_agent(self):
        procs.kill_all(self.client.agents())

    def cut(self):
        self.lots.choice(self.proxies).cut()

    def _spoil(self, top: Path):
        """A file of a store: a bit, its end, or all of it."""
        files = [os.path.join(at, name) for at, _, names in os.walk(top) for name in names]
        if not files:
            return
        path, how = self.lots.choice(sorted(files)), self.lots.randrange(4)
        try:
            size = os.stat(path).st_size
            if how == 0 or size == 0:
                os.unlink(path)
            elif how == 1:
                os.truncate(path, self.lots.randrange(size))
            else:
                with open(path, "r+b") as f:
                    f.seek(self.lots.randrange(size))
                    byte = f.read(1)
                    f.seek(-1, os.SEEK_CUR)
                    f.write(bytes([byte[0] ^ 1 << self.lots.randrange(8)]))
        except OSError:
            pass  # it has just been removed, or the disk is full

    def spoil_worker(self):
        worker = self.lots.choice(self.workers)
        if worker.small:
            top = Path(f"/proc/{worker.process.pid}/root{worker.small}")
        else:
            top = worker.store
        self._spoil(top)

    def _inside(self, script):
        """It may fail: the disk may be full, or read-only."""
        argv = [*self.mounts.enter("/"), "sh", "-c", script, "sh", self.disk]
        procs.wait(procs.spawn(argv, stderr=subprocess.DEVNULL))

    def fill_cache(self):
        self._inside('cat /dev/zero >"$1/fill"')

    def free_cache(self):
        self._inside('mount -o remount,rw "$1"; rm -f "$1/fill"')

    def lock_cache(self):
        self._inside('mount -o remount,ro "$1"')

    def remove_cache(self):
        ways = ['rm -rf "$1/cache"', 'rm -rf "$1/gone"; mv "$1/cache" "$1/gone"']
        self._inside(self.lots.choice(ways))

    def spoil_cache(self):
        for agent in self.client.agents()[:1]:
            self._spoil(Path(f"/proc/{agent}/root{self.disk}"))

    def fill_worker(self):
        worker = self.workers[0]
        fill = Path(f"/proc/{worker.process.pid}/root{worker.small}/fill")
        try:
            if fill.exists():
                fill.unlink()
            else:
                with open(fill, "wb") as f:
                    while True:
                        f.write(bytes(1 << 20))
        except OSError:
            pass

    # ---- a round ----

    def forget(self):
        """All that is kept anywhere, so that everything is compiled again."""
        for worker in self.workers:
            worker.kill()
            if not worker.small:  # its disk is a new one
                shutil.rmtree(worker.store, ignore_errors=True)
            worker.start()
        procs.kill_all(self.client.agents())
        if self.mounts:
            self._inside('rm -rf "$1"/*')
        else:
            shutil.rmtree(self.cache, ignore_errors=True)

    def happen(self):
        action = self.lots.choice(self.actions)
        self.done[action.__name__] = self.done.get(action.__name__, 0) + 1
        action()

    def heal(self):
        self.go_on()
        if self.mounts:
            self.free_cache()
        for worker in self.workers:
            if worker.process.poll() is not None:
                worker.start()

    def round(self, make, cwd: Path, limit: float, **env):
        """The build's result, and how long it took."""
        begun = time.monotonic()
        running = self.client.start(make, cwd, **env)
        while not procs.wait_pid(running.pid, self.lots.uniform(0.01, 0.4)):
            procs.reap_adopted()
            if time.monotonic() - begun > limit:
                raise procs.Hangs(f"the build takes more than {limit} s: {self.client.jobs()}")
            self.happen()
        result = running.wait()
        self.heal()
        # Whatever was stopped, cancelled or left behind comes to its end.
        self.lab.wait_no_compilers()
        return result, time.monotonic() - begun

    def reasons(self) -> dict[str, int]:
        """How the last jobs of this agent went."""
        found: dict[str, int] = {}
        for job in self.client.jobs() if self.client.agents() else []:
            found[job["reason"]] = found.get(job["reason"], 0) + 1
        return found
