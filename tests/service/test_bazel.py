# SPDX-License-Identifier: GPL-3.0-or-later
"""Bazel builds and tests a workspace on distccd: 4.2.3, Debian's, and 2.1.0, which has TLS, npm's."""

import os
import re
import shutil
import subprocess
import tarfile
import threading
import time

import pytest

import workspace
from certificates import Certificates
from reapi import DEADLINE

SECONDS = 5 * DEADLINE
JOBS = 4
TARGETS_MIN = 30
# It lives for seconds: what its Java machine would learn about itself costs more than it brings.
JAVA = ("--host_jvm_args=-XX:TieredStopAtLevel=1",)


class Bazel:
    def __init__(self, program, top, *startup):
        self.top, self.startup = top, [
            program, f"--output_user_root={top / 'out'}", *JAVA, *startup]
        self.workspace = top / "ws"
        self.env = {"HOME": str(top), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        self.options = [*workspace.stand_ins(top / "repositories"), "--symlink_prefix=/",
                        f"--jobs={JOBS}", "--color=no", "--curses=no"]

    def write(self, salt):
        assert workspace.make(self.workspace, salt) >= TARGETS_MIN

    def start(self, *words):
        return subprocess.Popen(
            [*map(str, (*self.startup, *words))], cwd=self.workspace, env=self.env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, *words):
        process = self.start(*words)
        out, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0, out[-6000:]
        return out

    def test(self, *options):
        """Processes by how they ran."""
        return self.counts(self.run("test", *self.options, *options, "//..."))

    def counts(self, out):
        (line,) = re.findall(r"^INFO: \d+ processes: (.*)\.$", out, re.M)
        found = {how: int(n) for n, how in (part.split(" ", 1) for part in line.split(", "))}
        found.pop("internal", None)
        assert len(re.findall(r"^//app:\w+_test .*PASSED", out, re.M)) == 2, out[-3000:]
        return found

    def stop(self):
        subprocess.run([*map(str, self.startup), "shutdown"], cwd=self.workspace, env=self.env,
                       capture_output=True, check=False, timeout=SECONDS)
        # What Bazel unpacks is without write permission.
        subprocess.run(["chmod", "-R", "u+w", self.top / "out"], check=False, capture_output=True)
        shutil.rmtree(self.top / "out", ignore_errors=True)


@pytest.fixture
def bazel(tmp_path):
    program = shutil.which("bazel")
    if not program:
        pytest.skip("no bazel")
    b = Bazel(program, tmp_path)
    b.write("the first")
    yield b
    b.stop()


def executor(d, scheme="grpc"):
    return f"--remote_executor={scheme}://localhost:{d.port}"


def test_bazel(daemon, bazel):
    """By our jobs, from our results, with our cache alone, and over the death of the worker."""
    d = daemon()
    cold = bazel.test(executor(d))
    assert set(cold) == {"remote"} and cold["remote"] > TARGETS_MIN
    for how in (executor(d), f"--remote_cache=grpc://localhost:{d.port}"):
        bazel.run("clean")
        assert bazel.test(how) == {"remote cache hit": cold["remote"]}
    bazel.write("the second")
    build = bazel.start("test", *bazel.options, executor(d), "--remote_retries=20", "//...")
    out = []
    reader = threading.Thread(target=lambda: out.append(build.stdout.read()))
    reader.start()
    done = d.log().count("(action-done)")
    end = time.monotonic() + DEADLINE
    while d.log().count("(action-done)") < done + 15:
        assert build.poll() is None and time.monotonic() < end, out
        time.sleep(0.02)
    d.kill()
    d.start()
    assert build.wait(SECONDS) == 0
    reader.join()
    found = bazel.counts(out[0])
    # Nearly all is new, and what was done before the end is not done again.
    assert set(found) <= {"remote", "remote cache hit"}
    assert cold["remote"] * 3 // 4 < sum(found.values()) <= cold["remote"]
    bazel.run("clean")
    assert bazel.test(executor(d)) == {"remote cache hit": cold["remote"]}


@pytest.fixture(scope="session")
def bazel2(tmp_path_factory):
    """The program, from npm's registry as npm is told to use it."""
    if not shutil.which("npm"):
        pytest.skip("no npm: Bazel 2.1.0 comes from there")
    top = tmp_path_factory.mktemp("bazel2")
    done = subprocess.run(["npm", "pack", "--silent", "@bazel/bazel-linux_x64@2.1.0"], cwd=top,
                          capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode != 0:
        pytest.skip(f"npm cannot fetch Bazel 2.1.0: {done.stderr.strip()[-200:]}")
    with tarfile.open(next(top.glob("*.tgz"))) as t:
        t.extract("package/bazel-2.1.0-linux-x86_64", top)
    program = top / "package/bazel-2.1.0-linux-x86_64"
    program.chmod(0o755)
    return program


def test_bazel_tls(daemon, bazel2, tmp_path):
    certificates = Certificates(tmp_path)
    d = daemon(*certificates.options())
    b = Bazel(bazel2, tmp_path, "--nosystem_rc")
    b.write("in TLS")
    try:
        tls = executor(d, "grpcs"), f"--tls_certificate={tmp_path / 'ca.pem'}"
        cold = b.test(*tls)
        assert set(cold) == {"remote"} and cold["remote"] > TARGETS_MIN
        b.run("clean")
        assert b.test(*tls) == {"remote cache hit": cold["remote"]}
    finally:
        b.stop()
