# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs under test, ours and Debian's distcc 3.4, behind one face."""

import dataclasses
import os
import signal
import socket
from pathlib import Path

from . import fakecc, procs
from .tree import Outcome, Tree

DEBIAN_CLIENT = Path("/usr/bin/distcc")
DEBIAN_WORKER = Path("/usr/bin/distccd")

# As few variables as possible come from outside.
PATH = "/usr/local/bin:/usr/bin:/bin"


def build_dir() -> Path:
    return Path(os.environ.get("DISTCC_BUILD_DIR", "build")).absolute()


@dataclasses.dataclass
class Result:
    code: int
    out: bytes
    err: bytes


class Running:
    """A started client command."""

    def __init__(self, process, out: Path, err: Path):
        self.process, self._out, self._err = process, out, err
        self.pid = process.pid

    def wait(self, deadline: float = procs.DEADLINE) -> Result:
        code = procs.wait(self.process, deadline)
        return Result(code, self._out.read_bytes(), self._err.read_bytes())


class Client:
    """One user: a DISTCC_DIR (so, an agent of our client), a TMPDIR, an environment."""

    def __init__(self, lab, flavour: str, hosts, **env):
        self.lab, self.flavour = lab, flavour
        self.home = lab.directory("c")
        self.tmp = self.home / "tmp"
        self.dir = self.home / "d"
        self.tmp.mkdir()
        self.dir.mkdir(mode=0o700)
        self.program = DEBIAN_CLIENT
        if flavour == "ours":
            self.program = build_dir() / os.environ.get("DISTCC_LAUNCHER", "src/launcher/distcc")
        self.env = {
            "PATH": PATH,
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(self.tmp),
            "DISTCC_DIR": str(self.dir),
            "DISTCC_PAUSE_TIME_MSEC": "10",  # 3.4 polls
            # What is not about exact mode is about preprocessed text.
            "DISTCC_EXACT": "0",
            "DISTCC_AGENT": str(build_dir() / "src/agent/distcc-agent"),
            **lab.sanitizer_env,
        }
        self.set_hosts(hosts)
        self.env.update({k: str(v) for k, v in env.items()})
        self.inside = None  # a function that gives, for a directory, what all commands run behind
        self._runs = 0

    @property
    def is_ours(self) -> bool:
        return self.flavour == "ours"

    def set_hosts(self, hosts) -> None:
        if not isinstance(hosts, str):
            hosts = " ".join(h if isinstance(h, str) else h.host() for h in hosts)
        self.env["DISTCC_HOSTS"] = hosts

    def start(self, argv, cwd, wrap=(), **env) -> Running:
        """Start argv as it stands, in this user's environment. wrap is put before it."""
        self._runs += 1
        wrap = [*(self.inside(cwd) if self.inside else ()), *wrap]
        out, err = (self.home / f"{self._runs}.{name}" for name in ("out", "err"))
        with open(out, "wb") as o, open(err, "wb") as e, open(os.devnull, "rb") as i:
            process = procs.spawn(
                [*wrap, *argv],
                cwd=cwd,
                env={**self.env, **{k: str(v) for k, v in env.items()}},
                stdin=i,
                stdout=o,
                stderr=e,
                start_new_session=True,
            )
        return Running(process, out, err)

    def run(self, *argv, cwd=None, deadline: float = procs.DEADLINE, wrap=(), **env) -> Result:
        """distcc ARGV..., to its end."""
        running = self.start([self.program, *argv], cwd or self.home, wrap, **env)
        return running.wait(deadline)

    def compile(self, tree: Tree, *argv, deadline: float = procs.DEADLINE, **env) -> Outcome:
        return self.compile_as(tree, self.program, *argv, deadline=deadline, **env)

    def compile_as(self, tree: Tree, *argv, deadline: float = procs.DEADLINE, **env) -> Outcome:
        """The whole command given: for masquerading and the like."""
        result = self.start(argv, tree.path, **env).wait(deadline)
        return Outcome(result.code, result.out, result.err, *tree.changes())

    # Our own client only, from here on.

    def jobs(self) -> list[dict[str, str]]:
        head, *lines = self.run("--jobs").out.decode(errors="surrogateescape").splitlines()
        columns = head.split("\t")
        return [dict(zip(columns, line.split("\t"), strict=True)) for line in lines]

    def last_job(self) -> dict[str, str]:
        return max(self.jobs(), key=lambda job: int(job["id"]))

    def agent_pid(self) -> int | None:
        result = self.run("--agent-pid")
        return int(result.out) if result.code == 0 else None

    def agents(self) -> list[int]:
        """All agents of this user that live."""
        mine = f"DISTCC_DIR={self.dir}"
        return [
            pid
            for pid, stat in procs.descendants().items()
            if stat.comm == "distcc-agent" and mine in procs.environment(pid)
        ]

    def stop(self) -> list[str]:
        """End the agent in good order; complaints."""
        if not self.is_ours or not self.program.exists():
            return []
        had = self.agents()
        result = self.run("--stop-agent")
        complaints = []
        for pid in had:
            procs.wait_pid(pid, 10)
        try:
            procs.eventually("the agent ends", lambda: not self.agents(), 10)
        except procs.Hangs:
            complaints.append(f"agent lives after --stop-agent: {result}")
        sockets = [str(p) for p in self.dir.rglob("*") if p.is_socket()]
        if sockets and had:
            complaints.append(f"sockets left: {sockets}")
        return complaints


class Worker:
    """A distccd on loopback, with a spy in front of its compilers unless told otherwise."""

    def __init__(self, lab, flavour: str, compilers, path, jobs: int, wrap, options, env):
        self.lab, self.flavour = lab, flavour
        self.home = lab.directory("w")
        self.tmp = self.home / "tmp"
        self.tmp.mkdir()
        self.tmp.chmod(0o1777)  # a distccd started by root becomes another user
        self.log = self.home / "log"
        self.jobs = jobs
        self.spy = None
        if compilers is None and path is None:
            self.spy = fakecc.Spy(self.home / "bin")
            compilers = self.spy.path
        self.env = {
            "PATH": PATH,
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "TMPDIR": str(self.tmp),
            "DISTCCD_PATH": str(path or f"{compilers}:{PATH}"),
            **lab.sanitizer_env,
            **{k: str(v) for k, v in env.items()},
        }
        self.wrap, self.options = wrap, options
        self.port = 0
        self.process = None

    def start(self) -> None:
        """Once more on the same port, if it has had one before."""
        self.port_file = self.home / "port"
        self.port_file.unlink(missing_ok=True)
        common = ["--daemon", "--no-detach", "--listen", "127.0.0.1", "--log-stderr"]
        common += ["--log-level", "info", "--enable-tcp-insecure", "--jobs", str(self.jobs)]
        if self.flavour == "ours":
            # The daemon gives up root before it knows its port, so the file exists beforehand.
            program = build_dir() / "src/worker/distccd"
            # Spies and gates write where no compiler in a sandbox may.
            argv = [program, *common, "--sandbox=never"]
            argv += ["--port", str(self.port), "--port-file", self.port_file]
            ready = self._port_from_file
        else:
            self.port = self.port or _free_port()
            argv = [DEBIAN_WORKER, *common, "--allow", "127.0.0.1", "--port", str(self.port)]
            ready = self._listens
        procs.eventually("its port is free", lambda: self._spawn(argv, ready))

    def _spawn(self, argv, ready) -> bool:
        """False: somebody's connection has our port for its own end. That passes."""
        with open(self.log, "ab") as log:
            before = log.tell()
            self.process = procs.spawn(
                [*self.wrap, *argv, *self.options],
                cwd=self.home,
                env=self.env,
                stdin=_devnull(),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        procs.eventually("distccd is up", lambda: ready() or self.process.poll() is not None)
        if self.process.poll() is None:
            return True
        said = self.log.read_bytes()
        assert b"Address already in use" in said[before:], f"distccd ended: {said.decode()}"
        return False

    def _port_from_file(self) -> bool:
        try:
            text = self.port_file.read_text()
        except FileNotFoundError:
            return False
        if not text.endswith("\n"):
            return False
        self.port = int(text)
        return True

    def _listens(self) -> bool:
        """Is the port in state LISTEN? (Asked without connecting: that would be a job.)"""
        with open("/proc/net/tcp", encoding="ascii") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        return any(r[3] == "0A" and int(r[1].split(":")[1], 16) == self.port for r in rows)

    def host(self, options: str = "", slots: int | None = None) -> str:
        return f"127.0.0.1:{self.port}/{slots or self.jobs}{options}"

    def compiles(self) -> int:
        return len(self.spy.calls())

    def kill(self) -> None:
        """SIGKILL to the daemon itself (3.4: and to its preforked servers), not to compilers."""
        pids = [self.process.pid]
        if self.flavour == "debian":
            below = procs.descendants(self.process.pid)
            pids += [pid for pid, stat in below.items() if stat.comm == "distccd"]
        procs.kill_all(pids)
        procs.wait(self.process)

    def serves(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), procs.DEADLINE).close()
        except (ConnectionRefusedError, ConnectionResetError):  # the latter: it closes just now
            return False
        return True

    def stop(self) -> list[str]:
        """
        At once: ours waits for what runs when it is told, and does not when it is told again. (3.4
        takes a connection for a job, and ends in the middle of it, with a file left.)
        """
        if self.process and self.process.returncode is None:
            os.kill(self.process.pid, signal.SIGTERM)
            if self.flavour == "ours":
                while not procs.wait_pid(self.process.pid, 0.02) and self.serves():
                    pass
                if not procs.wait_pid(self.process.pid, 0.2):
                    os.kill(self.process.pid, signal.SIGTERM)
            procs.wait(self.process)
        return []


def _devnull():
    return open(os.devnull, "rb")  # noqa: SIM115 - closed with the process object


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
