# SPDX-License-Identifier: GPL-3.0-or-later
"""
Preprocessed text to servers of Remote Execution, which compile it with a compiler of their own: for
what is not exact, and where a server's root directory is its own. The compiler has to be ours.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.exact import make_client, start_worker

# A server of Remote Execution made of grpcio: that of the services' tests.
sys.path.append(str(Path(__file__).resolve().parents[1] / "service"))
pytest.importorskip("grpc")
pytest.importorskip("grpc_tools")

from fakereapi import EXECUTE, Fake, serving  # noqa: E402
from reapi import digest_of, key, re  # noqa: E402

pytestmark = pytest.mark.ours

UNIT = """#include <stddef.h>
#include "a.h"
static int unused;
int f(int *p, size_t n) { int s = A; while (n--) s += p[n]; return s; }
"""
FILES = {"u.c": UNIT, "a.h": "#define A 7\n", "t.c": "const char *t = __TIMESTAMP__;\n"}


@pytest.fixture
def worker(lab):
    return start_worker(lab)


def url(worker):
    return f"grpc://127.0.0.1:{worker.port}"


@pytest.fixture
def client(lab, worker):
    return lambda **env: make_client(lab, url(worker), **{"DISTCC_EXACT": 0, **env})


def compiled(one, tree, line, reason):
    """Here what a local compile gives, and as the reason says."""
    argv = line.split()
    wanted = one.lab.local(tree, *argv)
    got = one.compile(tree, *argv)
    assert (got.code, got.files) == (wanted.code, wanted.files), got
    job = one.last_job()
    assert job["reason"] == reason, job
    return got, job


@pytest.mark.parametrize("line", [
    "gcc -O2 -Wall -c u.c -o u.o", "gcc -S -MD u.c", "g++ -x c++ -c u.c -o u.o",
    "clang -O2 -Wall -c u.c -o u.o", "clang -S u.c -o u.s"])
def test_text(lab, worker, client, line):
    got, job = compiled(client(), lab.tree(FILES), line, "remote")
    assert job["where"] == url(worker), job
    assert (b"unused" in got.err) == ("-Wall" in line), got


def test_what_is_not_exact(lab, client):
    """Beside what is, on the same server."""
    one, tree = client(DISTCC_EXACT=1), lab.tree(FILES)
    compiled(one, tree, "gcc -O2 -c u.c -o u.o", "exact")
    compiled(one, tree, "gcc -O2 -c t.c -o t.o", "remote")
    # What text would spoil, or what names files of this machine, stays.
    compiled(one, lab.tree({"u.c": "#pragma GCC target(\"avx2\")\n" + FILES["t.c"]}),
             "gcc -c u.c", "pragma-target")


def test_what_does_not_compile(lab, client):
    tree = lab.tree({"u.c": "int f( { }\n"})
    got, _ = compiled(client(), tree, "gcc -c u.c -o u.o", "compile-failed")
    assert b"u.c:1" in got.err and got.code == 1


def test_a_server_that_is_gone(lab, worker, client):
    one, tree = client(), lab.tree(FILES)
    compiled(one, tree, "gcc -O2 -c u.c -o u.o", "remote")
    worker.stop()
    compiled(one, tree, "gcc -O1 -c u.c -o u.o", "rex-refused")


def test_what_may_not_leave(lab, client):
    compiled(client(DISTCC_EXCLUDE="a.h"), lab.tree(FILES), "gcc -c u.c -o u.o", "excluded")


# ---- a server of another make ----


class Machine(Fake):
    """It runs commands in a directory of its own machine, as servers commonly do."""

    def __init__(self, root):
        super().__init__()
        self.root, self.runs, self.asked, self.said = root, [], [], None
        self.behave[EXECUTE] = self.run
        self.blobs[key(digest_of(b""))] = b""  # which no client has to send

    def blob(self, digest, message):
        message.ParseFromString(self.blobs[key(digest)])
        return message

    def run(self, q, _):
        action = self.blob(q.action_digest, re.Action())
        self.asked.append(action)
        command = self.blob(action.command_digest, re.Command())
        place = self.root / str(len(self.runs))
        place.mkdir()
        for f in self.blob(action.input_root_digest, re.Directory()).files:
            (place / f.name).write_bytes(self.blobs[key(f.digest)])
        argv = list(command.arguments)
        self.runs.append(argv)
        env = {v.name: v.value for v in command.environment_variables}
        self.result = re.ActionResult(exit_code=127)
        if not argv[0].startswith("/"):
            done = subprocess.run(argv, cwd=place, env=env, capture_output=True, check=False)
            out = self.said if self.said is not None and "--version" in argv else done.stdout
            self.result = re.ActionResult(
                exit_code=done.returncode, stdout_raw=out, stderr_raw=done.stderr)
            for name in command.output_paths:
                if (place / name).exists():
                    self.add(name, (place / name).read_bytes())
        yield self.operation()


@pytest.fixture
def machine(lab):
    with serving(Machine(Path(lab.directory("m")))) as f:
        yield f


def test_server_whose_roots_are_not_the_root_directory(lab, machine):
    """With an exact compile it would take headers of its own; it compiles text."""
    one, tree = make_client(lab, url(machine)), lab.tree(FILES)
    for n, line in enumerate(("gcc -O2 -c u.c -o u.o", "gcc -O1 -c u.c -o u.o")):
        got, job = compiled(one, tree, line, "remote")
        assert job["where"] == url(machine) and got.err == b"", got
        # A proof that failed, the compiler's name for itself, and then compiles alone.
        assert len(machine.runs) == 3 + n and machine.runs[-1][-1] == "u.o"
    assert machine.runs[1][1:] == ["--version"]
    assert "u.c" not in machine.runs[-1] and not any(
        b"typedef" in data and b"#include <stddef.h>" in data for data in machine.blobs.values())


@pytest.mark.parametrize("said", [b"", b"gcc (Another 12.2.0) 12.2.0\n"])
def test_server_with_another_compiler(lab, machine, said):
    """It gets no text, and is asked no more for a while."""
    machine.said = said
    one, tree = make_client(lab, url(machine), DISTCC_EXACT=0), lab.tree(FILES)
    got, _ = compiled(one, tree, "gcc -O2 -c u.c -o u.o", "hosts-resting")
    assert b"does not have our" in got.err
    got, _ = compiled(one, tree, "gcc -O1 -c u.c -o u.o", "hosts-resting")
    assert machine.runs == [[machine.runs[0][0], "--version"]] and got.err == b""
    assert not any(b"int f(" in data for data in machine.blobs.values())


def test_results_of_another_compiler(lab, machine):
    """What a compiler is is part of the key: a server that has got a new one compiles anew."""
    one, tree = make_client(lab, url(machine), DISTCC_EXACT=0), lab.tree(FILES)
    compiled(one, tree, "gcc -O2 -c u.c -o u.o", "remote")
    assert [len(action.salt) > 0 for action in machine.asked] == [False, True]
