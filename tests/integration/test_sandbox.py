# SPDX-License-Identifier: GPL-3.0-or-later
"""Escape attempts, run as jobs inside the sandbox: as root and as an unprivileged user, with the
input tree as root and as working tree. What a job tries is a Python program; what it got is read
from the host."""

import hashlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from harness import procs

BUILD = Path(os.environ.get("DISTCC_BUILD_DIR", "build"))
HELPER = os.environ.get("DISTCC_SANDBOX_HELPER", "src/sandbox/distcc-sandbox")
ROOTLESS = 61234  # nobody's, as far as anybody knows
PYTHON = "/usr/bin/python3"

# Every attempt() that succeeds prints DONE; what is refused prints the error's name.
PRELUDE = """
import ctypes, errno, os, resource, signal, socket, stat, subprocess, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def syscall(number, *args):
    r = libc.syscall(number, *[ctypes.c_long(a) if isinstance(a, int) else a for a in args])
    if r < 0:
        raise OSError(ctypes.get_errno(), "")
    return r
def attempt(name, f, *args):
    try:
        f(*args)
        print(name, "DONE")
    except OSError as e:
        print(name, errno.errorcode.get(e.errno, e.errno))
    except ValueError as e:
        print(name, "ValueError")
def write(path, text="changed\\n"):
    with open(path, "w") as f:
        f.write(text)
"""


isolations = {}


class Result:
    def __init__(self, report, out, err):
        self.__dict__.update(report)
        self.out, self.err = out, err

    def attempts(self):
        return dict(line.rsplit(" ", 1) for line in self.out.splitlines())

    def ok(self):
        assert (self.step, self.exit) == ("none", 0), (self.__dict__)
        return self

    def output(self, path):
        return next(o for o in self.outputs if o[0] == path)


class Box:
    """A place with a store, a tree made from it, a secret, and a user who runs jobs."""

    def __init__(self, uid, root):
        self.uid, self.root = uid, root
        self.top = Path(tempfile.mkdtemp(prefix="sandbox-"))
        self.top.chmod(0o755)
        for name in ("store", "trees", "trash", "io"):
            (self.top / name).mkdir()
            os.chown(self.top / name, uid, uid)
        for program in ("tests/integration/sandbox-tool", HELPER):
            shutil.copy(BUILD / program, self.top)
        self.tool = self.top / "sandbox-tool"
        self.secret = self.top / "secret"
        self.secret.write_text("secret\n")
        self.secret.chmod(0o644)
        self.blobs = {}
        self.count = 0
        self.tree = None

    def close(self):
        shutil.rmtree(self.top)

    def blob(self, text):
        digest = hashlib.sha256(text.encode()).hexdigest()
        path = self.top / "store" / digest
        if not path.exists():
            path.write_text(text)
            path.chmod(0o444)
            os.chown(path, self.uid, self.uid)
            self.blobs[path] = text
        return path, digest

    def file(self, path, text, flags="-", mtime=None):
        blob, digest = self.blob(text)
        line = ["file", path, str(blob), digest, flags]
        return "\t".join(line + ([str(mtime)] if mtime is not None else []))

    def as_user(self, argv):
        if self.uid == os.geteuid():
            return argv
        ids = ["--reuid", str(self.uid), "--regid", str(self.uid), "--clear-groups"]
        return ["setpriv", *ids, *argv]

    def call(self, *argv, **args):
        done = subprocess.run(
            self.as_user([str(a) for a in argv]), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, timeout=procs.DEADLINE * 2, check=False, **args)
        assert done.returncode == 0, done
        assert not done.stderr, done
        return done.stdout

    def build(self, lines, name=None):
        self.count += 1
        name = name or f"tree{self.count}"
        out = self.call(self.tool, "build", self.top / "trees", name, input="\n".join(lines))
        self.tree = self.top / "trees" / name
        return json.loads(out)["result"]

    def plain_tree(self, *more):
        """Somewhere for Python to run: as root of an INPUT tree, with the host's /usr bound."""
        lines = [self.file("a.txt", "input\n"), self.file("sub/b.txt", "other\n"), *more]
        if self.root == "input":
            lines += ["dir\tusr", "link\tbin\tusr/bin", "link\tlib\tusr/lib",
                      "link\tlib64\tusr/lib64"]
        assert self.build(lines) == ""

    def command(self, argv, io, options):
        args = [self.tool, "run", "--helper", self.top / "distcc-sandbox", "--root", self.root,
                "--input", self.tree, "--out", io / "out", "--err", io / "err",
                "--env", "PATH=/usr/bin:/bin"]
        if self.root == "input":
            args += ["--bind", "/usr:/usr"]
        defaults = {"wall_ms": int(procs.DEADLINE * 1000), "processes": 64}
        for name, value in {**defaults, **options}.items():
            for one in value if isinstance(value, (list, tuple)) else [value]:
                args += ["--" + name.replace("_", "-"), one]
        return [str(a) for a in (*args, "--", *argv)]

    def run(self, *argv, **options):
        self.count += 1
        io = self.top / "io" / str(self.count)
        io.mkdir()
        os.chown(io, self.uid, self.uid)
        report = json.loads(self.call(*self.command(argv, io, options)))
        return Result(report, *(
            (io / n).read_text(errors="replace") for n in ("out", "err")))

    def python(self, text, **options):
        return self.run(PYTHON, "-c", PRELUDE + textwrap.dedent(text), **options)

    def isolation(self):
        """As this user, in words; asked once."""
        if self.uid not in isolations:
            isolations[self.uid] = self.call(
                self.tool, "isolation", "--helper", self.top / "distcc-sandbox").split()
        return isolations[self.uid]

    def check_store(self):
        for path, text in self.blobs.items():
            st = path.stat()
            assert path.read_text() == text
            assert stat.S_IMODE(st.st_mode) == 0o444
            assert st.st_uid == self.uid


def users():
    if os.geteuid() == 0:
        return [0, ROOTLESS]
    return [os.geteuid()]


@pytest.fixture(params=["input", "host"])
def root(request):
    return request.param


@pytest.fixture(params=users(), ids=lambda uid: "root" if uid == 0 else "user")
def box(request, root):
    box = Box(request.param, root)
    have = box.isolation()
    lacking = {"mount", "pid", "net", "ipc", "overlay"} - set(have)
    if lacking:
        box.close()
        pytest.skip(f"this kernel grants no {', '.join(sorted(lacking))} to user {request.param}")
    box.plain_tree()
    yield box
    box.check_store()
    assert box.secret.read_text() == "secret\n"
    box.close()


def refused(result, *fine):
    done = {k: v for k, v in result.ok().attempts().items() if v == "DONE" and k not in fine}
    assert not done and result.attempts(), (result.out, result.err)


def test_isolation_is_told(box):
    have = box.isolation()
    assert have[0] == "isolation:" and any(word.startswith("cgroup=") for word in have)


def test_a_job_sees_what_it_was_given(box):
    r = box.python("""
        print(os.getuid(), os.getgid(), os.uname().nodename, os.getcwd(), sorted(os.environ))
        print(sorted(int(f) for f in os.listdir("/proc/self/fd"))[:3], oct(os.umask(0)))
        print(len(os.listdir("/proc/self/fd")), os.getsid(0) == os.getpid(), open(0).read() == "")
        print([p for p in os.listdir("/proc") if p.isdigit()])
        print(open("a.txt").read(), end="")
        """).ok()
    lines = r.out.splitlines()
    work = "/" if box.root == "input" else "/work"
    assert lines[0] == f"1000 1000 distcc {work} ['LC_CTYPE', 'PATH']" or \
        lines[0] == f"1000 1000 distcc {work} ['PATH']"
    assert lines[1] == "[0, 1, 2] 0o22"
    assert lines[2] == "4 True True"  # the fourth is the listing's own
    assert lines[3] == "['1', '2']"
    assert lines[4] == "input"


def test_outputs_are_collected_and_inputs_stay(box):
    r = box.python("""
        os.makedirs("out/deep"); write("out/deep/o"); write("sub/new"); os.unlink("a.txt")
        os.rename("sub/new", "sub/renamed"); os.symlink("o", "out/link"); os.mkfifo("out/fifo")
        """, outputs=["out", "sub/renamed", "a.txt", "none", "sub/b.txt"])
    r.ok()
    assert r.output("out")[1] == "directory"
    assert r.output("deep/o")[1:2] + r.output("deep/o")[4:] == ["file", "changed\n"]
    assert r.output("link")[1] == "symlink" and r.output("fifo")[1] == "special"
    assert r.output("sub/renamed")[4] == "changed\n"
    assert r.output("a.txt")[1] == "missing" and r.output("none")[1] == "missing"
    assert r.output("sub/b.txt")[4] == "other\n"
    # The tree is as it was: the next job sees nothing of this one.
    assert box.python("print(open('a.txt').read(), os.listdir('sub'))").ok().out == \
        "input\n ['b.txt']\n"
    assert not (box.tree / "out").exists()


def test_reading_outside(box):
    hidden = [box.secret, box.top, next(iter(box.blobs)), box.tree, "/home", "/root", "/run",
              "/sys/kernel", "/var/lib", "/var/log", "/srv", "/boot", "/dev/vda", "/dev/tty",
              "/proc/kcore", "/etc/shadow"]
    if box.root == "input":
        hidden.append("/etc/passwd")
    r = box.python(f"""
        for path in {[str(p) for p in hidden]}:
            def read(path):
                if os.path.isdir(path):
                    return os.listdir(path)
                with open(path, "rb") as f:
                    return f.read(1)
            attempt(path, read, path)
            attempt("up" + path, read, "../" * 20 + path[1:])
            attempt("self" + path, read, "/proc/self/root/../../.." + path)
            attempt("one" + path, read, "/proc/1/root" + path)
            attempt("cwd" + path, read, "/proc/1/cwd" + path)
        """)
    refused(r)


def test_leaving_the_root(box):
    refused(box.python("""
        def chroot():
            os.mkdir("jail"); fd = os.open("/", os.O_RDONLY); os.chroot("jail"); os.fchdir(fd)
        attempt("chroot", chroot)
        attempt("pivot_root", syscall, 155, b".", b".")
        attempt("mount", syscall, 165, b"none", b"/tmp", b"tmpfs", 0, 0)
        attempt("bind", syscall, 165, b"/", b"/tmp", 0, 4096, 0)
        attempt("remount", syscall, 165, b"none", b"/usr", 0, 32 | 4096, 0)
        attempt("umount", syscall, 166, b"/proc", 2)
        attempt("open_tree", syscall, 428, -100, b"/", 1)
        attempt("move_mount", syscall, 429, -100, b"/tmp", -100, b"/usr", 0)
        attempt("fsopen", syscall, 430, b"tmpfs", 0)
        attempt("mount_setattr", syscall, 442, -100, b"/usr", 0, b"\\0" * 32, 32)
        attempt("unshare user", syscall, 272, 0x10000000)
        attempt("unshare mount", syscall, 272, 0x00020000)
        attempt("setns", lambda: syscall(308, os.open("/proc/1/ns/mnt", os.O_RDONLY), 0))
        attempt("setns own", lambda: syscall(308, os.open("/proc/self/ns/user", os.O_RDONLY), 0))
        for flag in (0x10000000, 0x20000000, 0x40000000, 0x00020000, 0x08000000):
            attempt(f"clone {flag:x}", syscall, 56, flag | 17, 0, 0, 0, 0)
        attempt("clone3", syscall, 435, b"\\0" * 88, 88)
        attempt("open_by_handle_at", syscall, 304, -100, b"\\0" * 32, 0)
        attempt("name_to_handle_at", syscall, 303, -100, b"/", b"\\0" * 32, b"\\0" * 8, 0)
        """))


def test_writing_outside(box):
    refused(box.python(f"""
        for path in ("/usr/x", "/usr/bin/x", "/usr/bin/python3", "/proc/sys/kernel/hostname",
                     "/proc/sys/vm/drop_caches", "/proc/sys/user/max_user_namespaces",
                     "/proc/sysrq-trigger", "/proc/1/oom_score_adj", "/proc/self/oom_score_adj",
                     "/proc/self/uid_map", "/proc/1/mem", "/proc/1/comm", "{box.secret}"):
            attempt(path, write, path)
        attempt("chmod", os.chmod, "/usr/bin", 0o777)
        attempt("link", os.link, "/usr/bin/python3", "/tmp/p")
        attempt("unlink", os.unlink, "/usr/bin/python3")
        attempt("rename", os.rename, "/usr", "/xyz")
        attempt("mknod", os.mknod, "/tmp/dev", 0o600 | stat.S_IFBLK, os.makedev(254, 0))
        attempt("mknod char", os.mknod, "/tmp/mem", 0o600 | stat.S_IFCHR, os.makedev(1, 1))
        """))


ATTACK = """
    def tamper(name, f):
        try:
            f()
        except OSError as e:
            print(name, errno.errorcode[e.errno])
    def through_fd(path):
        fd = os.open(path, os.O_RDONLY)
        os.chmod(f"/proc/self/fd/{fd}", 0o666)
        write(f"/proc/self/fd/{fd}")
    def chmod_write(path):
        os.chmod(path, 0o666)
        write(path)
    def fchmod_write(path):
        fd = os.open(path, os.O_RDONLY)
        os.fchmod(fd, 0o666)
        os.write(os.open(path, os.O_RDWR), b"changed")
    def hard_link(path):
        os.link(path, "/tmp/hard" + path.replace("/", "_"))
        chmod_write("/tmp/hard" + path.replace("/", "_"))
    def link_beside(path):
        os.link(path, path + ".hard")
        chmod_write(path + ".hard")
    def mapped(path):
        import mmap
        os.chmod(path, 0o666)
        with open(path, "r+b") as f:
            m = mmap.mmap(f.fileno(), 0)
            m[:3] = b"xxx"
            m.flush()
    def moved(path):
        os.rename(path, path + ".moved")
        chmod_write(path + ".moved")
    for path in PATHS:
        for f in (write, through_fd, fchmod_write, chmod_write, hard_link, link_beside, mapped,
                  moved):
            tamper(f"{path} {f.__name__}", lambda: f(path))
        tamper(path + " truncate", lambda: os.truncate(path, 0))
        tamper(path + " utime", lambda: os.utime(path, (1, 1)))
        tamper(path + " chown", lambda: os.chown(path, 1000, 1000))
        tamper(path + " xattr", lambda: os.setxattr(path, "user.x", b"1"))
"""


def test_no_input_leads_to_the_store(box):
    """Hard links to blobs that belong to the same user, who may chmod and write what is his."""
    before = {p: (p.stat().st_mtime_ns, p.stat().st_nlink) for p in box.blobs}
    assert all(links > 1 for _, links in before.values())
    work = "" if box.root == "input" else "/work"
    text = ATTACK.replace("PATHS", str([f"{work}/a.txt", f"{work}/sub/b.txt"]))
    box.python(text).ok()
    box.check_store()
    assert before == {p: (p.stat().st_mtime_ns, p.stat().st_nlink) for p in box.blobs}
    assert (box.tree / "a.txt").read_text() == "input\n"


def test_no_bind_leads_to_the_store(box):
    """Directories that are bound cannot even be copied up."""
    target = "/bound" if box.root == "input" else "/work/bound"
    before = {p: p.stat() for p in box.blobs}
    text = ATTACK.replace("PATHS", f"['{target}/b.txt']") + f"""
    attempt("made", write, "{target}/new")
    """
    r = box.python(text, bind=f"{box.tree}/sub:{target}").ok()
    assert "made EROFS" in r.out
    for path, st in before.items():
        now = path.stat()
        assert (now.st_mtime_ns, now.st_ctime_ns, now.st_nlink) == \
            (st.st_mtime_ns, st.st_ctime_ns, st.st_nlink)
    assert sorted(os.listdir(box.tree / "sub")) == ["b.txt"]


def test_a_private_tree_is_the_jobs_own(box):
    assert box.build(["dir\td", "dir\tusr", "link\tlib\tusr/lib", "link\tlib64\tusr/lib64"]) == ""
    r = box.python("write('d/o')", private=1, outputs="d/o").ok()
    assert r.output("d/o")[1] == "file" and (box.tree / "d/o").read_text() == "changed\n"


def test_network(box):
    with socket.socket() as listener, socket.socket(socket.AF_UNIX) as local:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        local.bind("\0distcc-sandbox-test-%d" % os.getpid())
        local.listen()
        port, name = listener.getsockname()[1], local.getsockname()
        text = f"""
        for family in (2, 10, 16, 17, 40, 38, 1 << 32 | 2):
            attempt(f"socket {{family}}", syscall, 41, family, 1, 0)
        def unix():
            socket.socket(socket.AF_UNIX).connect({name!r})
        attempt("abstract", unix)
        """
        refused(box.python(text))
        r = box.python(f"""
        def inet(address, port):
            with socket.socket() as s:
                s.settimeout(5)
                s.connect((address, port))
        attempt("listener", inet, "127.0.0.1", {port})
        attempt("outside", inet, "192.0.2.1", 80)
        attempt("netlink", syscall, 41, 16, 3, 0)
        own = socket.socket(); own.bind(("127.0.0.1", 0)); own.listen()
        attempt("own", inet, *own.getsockname())
        """, loopback=1)
        refused(r, "own")
        assert r.attempts()["own"] == "DONE"


def test_other_processes(box):
    victim = procs.spawn(["sleep", "1000"])
    try:
        r = box.python(f"""
        for pid in ({victim.pid}, {os.getpid()}):
            attempt(f"kill {{pid}}", os.kill, pid, 9)
        attempt("stat", os.stat, "/proc/{victim.pid}")
        os.kill(1, 9); os.kill(1, 15)
        for name in ("mem", "environ", "maps", "fd", "fd/0", "root", "cwd", "exe"):
            attempt(name, lambda: os.listdir("/proc/1/" + name) if name == "fd" else
                    os.readlink("/proc/1/" + name) if name in ("root", "cwd", "exe") else
                    open("/proc/1/" + name, "rb").read(1))
        attempt("ptrace", syscall, 101, 16, 1, 0, 0)
        attempt("traceme", syscall, 101, 0, 0, 0, 0)
        attempt("process_vm_readv", syscall, 310, 1, 0, 0, 0, 0, 0)
        attempt("pidfd_getfd", lambda: syscall(438, syscall(434, 1, 0), 0, 0))
        """)
        refused(r)
        assert procs.is_alive(victim.pid)
    finally:
        victim.kill()
        procs.wait(victim)


def test_privileges(box):
    refused(box.python("""
        for call in ("setuid", "seteuid", "setgid"):
            attempt(call, getattr(os, call), 0)
        attempt("setgroups", os.setgroups, [0])
        attempt("setresuid", os.setresuid, 0, 0, 0)
        attempt("other user", os.setuid, 1001)
        attempt("su", lambda: subprocess.run(["/usr/bin/su", "-c", "true"], check=False,
                stdin=subprocess.DEVNULL).returncode and os.setuid(0))
        def set_id():
            import shutil
            shutil.copy("/usr/bin/id", "/tmp/id"); os.chown("/tmp/id", 0, 0)
        attempt("owner", set_id)
        attempt("capset", syscall, 126, b"\\x22\\x05\\x08\\x20" + b"\\0" * 4, b"\\xff" * 24)
        attempt("ambient", syscall, 157, 47, 2, 21, 0, 0)
        attempt("securebits", syscall, 157, 28, 0, 0, 0, 0)
        attempt("hostname", socket.sethostname, "x")
        attempt("time", time.clock_settime, time.CLOCK_REALTIME, 0)
        attempt("no_new_privs", syscall, 157, 38, 0, 0, 0, 0)
        """))


def test_kernel_surface(box):
    if "seccomp" not in box.isolation():
        pytest.skip("built without libseccomp")
    r = box.python("""
        calls = dict(bpf=321, perf_event_open=298, userfaultfd=323, io_uring_setup=425, keyctl=250,
            add_key=248, request_key=249, kexec_load=246, init_module=175, finit_module=313,
            delete_module=176, reboot=169, swapon=167, acct=163, quotactl=179, syslog=103,
            fanotify_init=300, vmsplice=278, kcmp=312, iopl=172, modify_ldt=154)
        for name, number in calls.items():
            attempt(name, syscall, number, 0, 0, 0, 0, 0)
        for value in (1, 0x0400000, 0x80400000, 0x0200008):
            attempt(f"personality {value:x}", syscall, 135, value)
        attempt("tiocsti", syscall, 16, 0, 0x5412, b"x")
        attempt("fine personality", syscall, 135, 0x40000)
        attempt("ask personality", syscall, 135, 0xffffffff)
        """)
    assert r.attempts().pop("fine personality") == "DONE"
    refused(r, "fine personality", "ask personality")
    assert set(r.attempts().values()) == {"EPERM", "DONE"}


def test_raising_limits(box):
    r = box.python("""
        for name in ("CPU", "FSIZE", "NPROC", "NOFILE", "CORE", "AS", "STACK", "MEMLOCK"):
            which = getattr(resource, "RLIMIT_" + name)
            soft, hard = resource.getrlimit(which)
            assert soft == hard or name == "CPU", name
            attempt(name, resource.setrlimit, which, (hard + 1, hard + 1))
        """, cpu_s=100, file=10**8, open_files=64, address=10**10, stack=8 << 20)
    refused(r)


def test_fork_bomb(box):
    r = box.python("""
        children = []
        try:
            while True:
                pid = os.fork()
                if pid == 0:
                    while True:
                        try:
                            os.fork()
                        except OSError:
                            time.sleep(1000)
                children.append(pid)
        except OSError as e:
            print(errno.errorcode[e.errno], len(children))
            print(len([p for p in os.listdir("/proc") if p.isdigit()]))
        """, processes=20).ok()
    first, total = r.out.splitlines()
    assert first.startswith("EAGAIN")
    assert int(total) <= 21  # with the namespace's init


def test_filling_the_disk(box):
    r = box.python("""
        def fill(path):
            size = 0
            try:
                with open(path, "wb", buffering=0) as f:
                    while True:
                        size += f.write(b"x" * 65536)
            except OSError as e:
                return size, errno.errorcode[e.errno]
        print(*fill("big"), *fill("/tmp/big"), *fill("/dev/shm/big"))
        os.unlink("big")
        n = 0
        try:
            while True:
                write(f"/tmp/{n}", "")
                n += 1
        except OSError as e:
            print(n, errno.errorcode[e.errno])
        """, scratch=8 << 20, files=500).ok()
    sizes = r.out.split()
    assert sum(int(n) for n in sizes[0:6:2]) <= 8 << 20
    assert {sizes[1], sizes[3], sizes[5]} == {"ENOSPC"}
    assert int(sizes[6]) < 500 and sizes[7] == "ENOSPC"


def test_a_file_too_large(box):
    r = box.run("/bin/sh", "-c", "exec dd if=/dev/zero of=big bs=65536 count=100", file=1 << 20)
    assert (r.limit, r.signal) == ("file", signal.SIGXFSZ)
    assert box.run("/usr/bin/yes", file=1 << 20).limit == "file"


def test_filling_memory_of_one_process(box):
    r = box.python("""
        try:
            x = bytearray(2 << 30)
        except MemoryError:
            print("MemoryError")
        """, address=1 << 30).ok()
    assert r.out == "MemoryError\n"


def test_filling_memory_of_all(box):
    cgroup = box.isolation()[-1]
    if "memory" not in cgroup:
        pytest.skip(f"no memory cgroup for user {box.uid} here ({cgroup})")
    r = box.python("""
        if os.fork() == 0:
            x = bytearray(512 << 20)
            for i in range(0, len(x), 4096):
                x[i] = 1
            os._exit(0)
        print(os.wait()[1])
        """, memory=128 << 20)
    assert r.limit == "memory" and (r.signal == 9 or r.out == "9\n")
    assert 0 < r.memory_peak <= 128 << 20
    # The scratch is memory too.
    r = box.run("/bin/dd", "if=/dev/zero", "of=/tmp/big", "bs=65536", "count=8000",
                memory=128 << 20)
    assert r.limit == "memory" or r.exit != 0


def cgroups_of_the_dead():
    own = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    return [path for _, controller, ours in own
            for path in Path("/sys/fs/cgroup", controller, ours.lstrip("/")).glob("distccd-*")
            if not Path("/proc", path.name.partition("-")[2]).exists()]


def test_a_daemon_that_drops_root_keeps_cgroups(root):
    """It makes them while it is root and gives them away; its jobs are limited by them."""
    if os.geteuid() != 0:
        pytest.skip("only root can drop root")
    box = Box(ROOTLESS, root)
    try:
        box.plain_tree()
        box.as_user = lambda argv: argv
        as_root = box.call(box.tool, "isolation", "--helper", box.top / "distcc-sandbox")
        dropped = box.call(
            box.tool, "isolation", "--helper", box.top / "distcc-sandbox", "--drop", ROOTLESS)
        assert dropped == as_root
        if "memory" not in dropped.split()[-1]:
            pytest.skip(f"no memory cgroup for anybody here ({dropped.split()[-1]})")
        r = box.python("x = b'x' * (512 << 20)", memory=128 << 20, drop=ROOTLESS)
        assert r.limit == "memory" and r.signal == 9
        box.check_store()
    finally:
        # The next daemon that is root takes away what one that was not any more could not.
        dead = cgroups_of_the_dead()
        deadline = time.monotonic() + 60
        while any(path.exists() for path in dead) and time.monotonic() < deadline:
            box.call(box.tool, "isolation", "--helper", box.top / "distcc-sandbox")
        box.close()
        assert not [path for path in dead if path.exists()]


def marked(mark):
    return [p for p in procs.processes() if mark in procs.command_line(p)]


def test_outliving_the_job(box):
    mark = f"outlive-{os.getpid()}-{box.uid}-{box.root}"
    started = time.monotonic()
    r = box.python(f"""
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                for s in range(1, 32):
                    if s not in (9, 19):
                        signal.signal(s, signal.SIG_IGN)
                os.execv("/bin/sleep", ["{mark}", "1000"])
            os._exit(0)
        os.wait()
        while not any("{mark}" in open(f"/proc/{{p}}/cmdline").read()
                      for p in os.listdir("/proc") if p.isdigit() and p not in ("1", "2")):
            pass
        print("left")
        """).ok()
    assert r.out == "left\n" and time.monotonic() - started < 100
    assert not marked(mark)


FOREVER = """
    import sys
    for s in range(1, 32):
        if s not in (9, 19):
            signal.signal(s, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
    MARK = "%s"
    %s
    while True:
        time.sleep(1)
"""


def test_time_limits(box):
    mark = f"forever-{os.getpid()}-{box.uid}-{box.root}"
    r = box.python(FOREVER % (mark, ""), wall_ms=700)
    assert (r.limit, r.signal, r.killed) == ("wall", 9, False)
    assert not marked(mark)
    r = box.run("/bin/sh", "-c", "while :; do :; done", cpu_s=1)
    assert (r.limit, r.signal) == ("cpu", signal.SIGXCPU)
    assert 500 <= r.cpu_ms <= 5000  # the limit counts ticks, the usage what ran
    r = box.run("/bin/sh", "-c", "trap '' XCPU; while :; do :; done", cpu_s=1)
    assert (r.limit, r.signal) == ("cpu", signal.SIGKILL)


def start_forever(box, mark):
    """A job that runs until it is killed, and has said so in a fifo."""
    fifo = box.top / "io" / f"fifo-{mark}"
    os.mkfifo(fifo)
    os.chown(fifo, box.uid, box.uid)
    fifo.chmod(0o666)
    target = "/started" if box.root == "input" else "/work/started"
    text = PRELUDE + textwrap.dedent(FOREVER % (mark, f"os.write(os.open('{target}', 1), b'x')"))
    return fifo, [PYTHON, "-c", text], f"{fifo}:{target}:rw"


def test_killing(box):
    mark = f"killing-{os.getpid()}-{box.uid}-{box.root}"
    fifo, argv, bind = start_forever(box, mark)
    r = box.run(*argv, bind=bind, kill_on=fifo)
    assert (r.killed, r.signal, r.limit) == (True, 9, "none")
    assert not marked(mark)


@pytest.mark.parametrize("whom", ["daemon", "helper"])
def test_nothing_is_left_of_who_is_killed(box, whom):
    mark = f"left-{os.getpid()}-{box.uid}-{box.root}-{whom}"
    fifo, argv, bind = start_forever(box, mark)
    reader = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    tool = procs.spawn(
        box.as_user(box.command(argv, box.top / "io", {"bind": bind})),
        stdout=subprocess.PIPE, text=True)
    try:
        procs.eventually("the job runs", lambda: can_read(reader))
        if whom == "daemon":
            tool.kill()
            procs.wait(tool)
        else:
            helpers = [p for p, s in procs.descendants(tool.pid).items()
                       if s.parent == tool.pid]
            assert len(helpers) == 1
            os.kill(helpers[0], signal.SIGKILL)
            assert procs.wait(tool) == 0
            assert json.loads(tool.stdout.read())["step"] == "helper"
        procs.eventually("all are gone", lambda: not marked(mark))
    finally:
        tool.kill()
        os.close(reader)
        tool.stdout.close()


def can_read(fd):
    try:
        return os.read(fd, 1)
    except BlockingIOError:
        return b""


def test_output_paths(box):
    r = box.python("""
        os.makedirs("out"); os.symlink("/etc/passwd", "out/abs"); os.symlink("../..", "out/up")
        os.symlink("/", "rootlink"); os.symlink("self", "self"); os.symlink("out", "dirlink")
        os.mkfifo("fifo"); socket.socket(socket.AF_UNIX).bind("sock")
        write("closed"); os.chmod("closed", 0)
        os.mkdir("shut"); write("shut/x"); os.chmod("shut", 0)
        """, outputs=["out", "rootlink/etc/passwd", "out/up/x", "dirlink/abs", "self", "self/x",
                      "fifo", "sock", "closed", "shut", "../a", "/etc/passwd", "a/../b",
                      "out//abs"])
    r.ok()
    assert r.output("abs")[1:] == ["symlink", r.output("abs")[2], 0, "/etc/passwd"]
    for path in ("rootlink/etc/passwd", "out/up/x", "dirlink/abs", "self/x"):
        assert r.output(path)[1] == "error", path
    for path in ("../a", "/etc/passwd", "a/../b", "out//abs"):
        assert r.output(path) == [path, "error", 22]
    assert r.output("self")[1] == "symlink"
    assert r.output("fifo")[1] == r.output("sock")[1] == "special"
    if box.uid != 0:
        assert r.output("closed")[4] == "changed\n" and r.output("x")[1] == "file"


def test_errors_of_setup_are_not_the_jobs(box):
    for argv, options, want in [
        (["/none"], {}, ("exec", "ENOENT")),
        (["none"], {}, ("exec", "ENOENT")),
        (["/usr"], {}, ("exec", "EACCES")),
        ([PYTHON], {"cwd": "none"}, ("cwd", "ENOENT")),
        ([PYTHON], {"bind": "/nonexistent:/x"}, ("input", "ENOENT")),
    ]:
        r = box.run(*argv, **options)
        assert (r.step, r.error) == want
    assert box.run("/bin/sh", "-c", "exit 7").exit == 7
    assert box.run("/bin/sh", "-c", "kill -11 $$").signal == 11
    tree, box.tree = box.tree, box.top / "none"
    assert box.run(PYTHON).step == "input"
    box.tree = tree


def test_cwd(box):
    r = box.run("/bin/sh", "-c", "pwd; cat b.txt", cwd="sub").ok()
    assert r.out == ("" if box.root == "input" else "/work") + "/sub\nother\n"


def test_every_path_has_an_inode_and_a_time(box):
    box.plain_tree(
        box.file("x/same.h", "#pragma once\n"), box.file("y/same.h", "#pragma once\n"),
        box.file("z/timed.h", "#pragma once\n", mtime=1234567890),
        box.file("z/timed2.h", "#pragma once\n", mtime=1234567890),
        "dir\tz\t1111111111", "link\tz/link\ttimed.h\t1222222222",
        "parent\tout/deep")
    r = box.python("""
        paths = ["x/same.h", "y/same.h", "z/timed.h", "z/timed2.h"]
        s = [os.stat(p) for p in paths]
        print(len({(i.st_dev, i.st_ino) for i in s}), len({int(i.st_mtime) for i in s}))
        d = [os.stat(p) for p in (".", "x", "y", "z", "sub", "out", "out/deep")]
        print(len({(i.st_dev, i.st_ino) for i in d}))
        print(int(s[2].st_mtime), int(s[3].st_mtime), int(os.stat("z").st_mtime),
              int(os.lstat("z/link").st_mtime), os.readlink("z/link"))
        """).ok()
    assert r.out == "4 3\n7\n1234567890 1234567890 1111111111 1222222222 timed.h\n"


@pytest.mark.parametrize("name", ["dev", "proc", "tmp"])
def test_hostile_names_for_our_own_places(box, name):
    """An input root whose /dev is a link somewhere."""
    before = sorted(os.listdir("/etc"))
    for line in (f"link\t{name}\t/etc", f"link\t{name}\t../../../..", box.file(name, "file\n")):
        box.plain_tree(line)
        r = box.python(f"print(os.path.islink('/{name}'), os.listdir('/{name}') != [], 'x')")
        if box.root == "input":
            assert r.ok().out.startswith("False")
    assert before == sorted(os.listdir("/etc"))


def test_hostile_lists(box):
    inner = "dir\tx"
    for lines in (
        ["link\td\t/etc", box.file("d/x", "x")], ["link\td\t..", "dir\td/e"],
        [box.file("f", "x"), box.file("f/g", "x")], [box.file("f", "x"), box.file("f", "y")],
        ["dir\t../x"], ["dir\t/x"], ["dir\ta//b"], ["dir\t./a"], ["dir\ta/.."], ["dir\ta/"],
        ["link\tl\t"], [inner, "parent\t../y"], ["link\td\t/tmp", "parent\td/z"],
        ["dir\t" + "x" * 256], ["dir\t" + "/".join("x" * 201)],
    ):
        assert box.build(lines) == "EINVAL", lines
    if box.root == "input":
        box.plain_tree("link\tl\t/usr")
        r = box.run(PYTHON, bind=["/usr:/usr", "/etc:/l/x"])
        assert (r.step, r.error) == ("bind", "ELOOP")


def test_root_without_user_namespaces(box):
    """Where they are forbidden, root's jobs still are somebody else."""
    if box.uid != 0:
        pytest.skip("only root can do without")
    refused(box.python("""
        assert os.getuid() == os.getgid() == 65534 and os.getgroups() == []
        write("o")
        attempt("setuid", os.setuid, 0)
        attempt("shadow", open, "/etc/shadow")
        attempt("input", os.chmod, "a.txt", 0o666)
        attempt("secret", open, "%s")
        """ % box.secret, without=1))


def test_masks(box):
    if box.root == "input":
        r = box.run("/bin/ls", "/etc")
        assert r.exit != 0
        return
    r = box.run("/bin/sh", "-c", "ls /usr/share; cat /etc/passwd; ls /usr/lib | head -1",
                mask=["/usr/share", "/etc/passwd", "/usr/none"]).ok()
    assert len(r.out.splitlines()) == 1


def test_trees_are_removed(box):
    box.python("""
        at = "deep"
        os.mkdir(at)
        os.chdir(at)
        for i in range(300):
            os.mkdir("d"); write("f", ""); os.chdir("d")
        os.mkdir("shut"); write("shut/x"); os.chmod("shut", 0)
        """).ok()
    assert box.build(["dir\td", "dir\tusr", "link\tlib\tusr/lib", "link\tlib64\tusr/lib64"]) == ""
    box.python("""
        os.chdir("d")
        for i in range(70):
            os.mkdir("d"); write("f", ""); os.chdir("d")
        os.mkdir("shut"); write("shut/x"); os.chmod("shut", 0)
        os.symlink("/", "link")
        """, private=1).ok()
    argv = [box.tool, "empty", box.top / "trash", box.tree.parent, box.tree.name]
    out = json.loads(box.call(*argv))
    assert out["result"] == "" and not box.tree.exists()
    assert os.listdir(box.top / "trash") == []


# ---- what is looked for in vain ----


class Lookups:
    def __init__(self, path):
        self.text = path.read_bytes()
        entries = self.text[1:].split(b"\0")
        assert entries.pop() == b""
        self.told = [e.decode() for e in entries]

    def of(self, top):
        """Those below top, without it."""
        return {e[0] + e[len(top) + 2:] for e in self.told if e[1:].startswith(top + "/")}


def watched(box, text, **options):
    box.call("rm", "-f", box.top / "io/lookups")
    result = box.python(text, lookups=box.top / "io/lookups", **options)
    return result, Lookups(box.top / "io/lookups")


def test_lookups(box):
    result, told = watched(box, """
        import threading
        os.mkdir("/tmp/d")
        os.symlink("nothing", "/tmp/dangling")
        os.chdir("/tmp/d")
        fd = os.open("/tmp", os.O_RDONLY)
        for f in (lambda: open("/tmp/opened"), lambda: os.stat("/tmp/asked"),
                  lambda: os.lstat("/tmp/link"), lambda: os.readlink("/tmp/read"),
                  lambda: os.stat("/tmp/dangling"), lambda: os.stat("relative"),
                  lambda: os.stat("../up"), lambda: os.stat("at", dir_fd=fd),
                  lambda: os.open("/tmp/d/file/below", os.O_RDONLY),
                  lambda: open("/tmp/opened"), lambda: os.chdir("/tmp/entered")):
            attempt("x", f)
        open("made", "w").close()
        attempt("not a directory", os.stat, "/tmp/d/made/below")
        attempt("refused", os.listdir, "/proc/1/fd")
        os.access("/tmp/accessed", os.X_OK)
        t = threading.Thread(target=lambda: os.path.exists("/tmp/by a thread"))
        t.start()
        t.join()
        if os.fork() == 0:
            os.path.exists("/tmp/by a child")
            subprocess.call(["/bin/sh", "-c", "test -e /tmp/by-a-shell; ./program"],
                            stderr=subprocess.DEVNULL)
            os._exit(0)
        os.wait()
        print("done")
        """)
    assert result.ok().out.endswith("done\n")
    assert told.text[:1] == b"w"
    assert told.of("/tmp") == {
        "+opened", "+asked", "-link", "-read", "+dangling", "+d/relative", "+d/../up", "+at",
        "+d/file/below", "+entered", "+d/made/below", "+accessed", "+by a thread", "+by a child",
        "+by-a-shell", "+d/./program"}
    assert len(told.told) == len(set(told.told))


def test_lookups_change_nothing_else(box):
    """Signals, exit codes, what is refused: as without."""
    text = """
        signal.signal(signal.SIGUSR1, lambda *_: print("handled", flush=True))
        os.kill(os.getpid(), signal.SIGUSR1)
        signal.signal(signal.SIGALRM, lambda *_: print("in time", flush=True))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        signal.pause()
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        attempt("trace", syscall, 101, 16, os.getppid(), 0, 0)
        attempt("read another", syscall, 310, 1, 0, 0, 0, 0, 0)
        attempt("unshare", syscall, 272, 0x10000000)
        attempt("kill the first", os.kill, 1, signal.SIGKILL)
        os.path.exists("/tmp/none")
        sys.exit(7)
        """
    plain = box.python(text)
    result, told = watched(box, text)
    assert (result.step, result.exit, result.signal) == (plain.step, plain.exit, plain.signal)
    assert result.exit == 7 and result.out == plain.out and result.err == plain.err
    assert "+/tmp/none" in told.told
    killed, told = watched(box, "os.path.exists('/tmp/n'); os.kill(os.getpid(), signal.SIGSEGV)")
    assert killed.signal == signal.SIGSEGV and "+/tmp/n" in told.told


def test_lookups_of_what_never_runs(box):
    box.call("rm", "-f", box.top / "io/lookups")
    result = box.run("nosuch", lookups=box.top / "io/lookups")
    assert (result.step, result.error) == ("exec", "ENOENT")


def test_lookups_without_end(box):
    result, told = watched(box, """
        for i in range(40000):
            os.path.exists(f"/tmp/{i}")
        """)
    result.ok()
    assert told.text[:1] == b"p" and len(told.told) == 1 << 15


def test_lookups_of_a_job_that_is_killed(box):
    """With it goes all that it has started; nothing is told."""
    told = box.top / "io/lookups"
    box.call("rm", "-f", told)
    result = box.python("""
        for i in range(3):
            if os.fork() == 0:
                time.sleep(1000)
        time.sleep(1000)
        """, lookups=told, wall_ms=1000)
    assert result.limit == "wall"
    assert told.read_bytes() == b""
