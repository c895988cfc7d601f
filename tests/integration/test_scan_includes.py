# SPDX-License-Identifier: GPL-3.0-or-later
"""distcc --scan-includes: what it prints, and that it is what the compilers read."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.programs import build_dir

pytestmark = pytest.mark.ours

FILES = {
    "x.c": '#include "a.h"\n#include <stdio.h>\n#if __has_include("b.h")\n#endif\n'
           "int main(void) { return A; }\n",
    "x.cc": '#include "a.h"\n#include <vector>\nint f() { return A; }\n',
    "a.h": '#pragma once\n#define A 1\n#include "sub/../inc/c.h"\n#include "a.h"\n',
    "b.h": "#error never read\n",
    "inc/c.h": "#define C __TIME__\nstatic inline const char *c(void) { return C; }\n",
    "sub/empty": "",
    "unknown.c": '#include "x.c"\n#include __FILE_THAT_IS_NO_MACRO__\n',
}
COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]
CXX = {"gcc": "g++", "clang": "clang++"}


@pytest.fixture
def tree(lab):
    return lab.tree(FILES)


@pytest.fixture
def scan(lab, tree):
    """DISTCC_AGENT=none: no agent is needed, and none is started."""
    client = lab.client(DISTCC_AGENT="none", DISTCC_SCAN=build_dir() / "src/scancmd/distcc-scan")

    def run(*words, **env):
        return client.run("--scan-includes", *words, cwd=tree.path, PWD=tree.path, **env)

    run.client = client
    yield run
    assert not client.agents()
    assert tree.changes() == ({}, {}), "it leaves nothing behind"


def lines(result):
    assert result.code == 0, result
    said = [line.split(" ", 1) for line in result.out.decode().splitlines()]
    assert {what for what, _ in said} <= {"FILE", "SYMLINK", "DIRECTORY"}
    assert len({tuple(pair) for pair in said}) == len(said), "each once"
    return said


def files(result, tree):
    root = os.path.realpath(tree.path)
    real = {os.path.realpath(path) for what, path in lines(result) if what == "FILE"}
    return {os.path.relpath(path, root) for path in real if path.startswith(root + "/")}


@pytest.mark.parametrize("compiler", COMPILERS)
def test_lines(scan, tree, compiler):
    result = scan(compiler, "-c", "x.c", "-o", "x.o")
    assert files(result, tree) == {"x.c", "a.h", "b.h", "inc/c.h"}
    assert any(path.endswith("/stdio.h") for _, path in lines(result))
    assert result.err == b""


def test_system_headers_are_spelled_as_gcc_spells_them(scan, tree):
    """Its real path is shorter than ours of the directory, but not than gcc's, which is relative."""
    (tree.path / "s.c").write_text('#include <up.h>\n')
    (tree.path / "sub/up.h").write_text('#include "../inc/c.h"\n')
    said = lines(scan("gcc", "-isystem", "sub", "-c", "s.c"))
    subprocess.run(["gcc", "-isystem", "sub", "-MD", "-MF", "s.d", "-fsyntax-only", "s.c"],
                   cwd=tree.path, check=True)
    want = (tree.path / "s.d").read_text().replace("\\\n", "").split(":", 1)[1].split()
    assert "sub/../inc/c.h" in want
    assert {os.path.join(tree.path, w) for w in want} == {p for what, p in said if what == "FILE"}
    for name in ("s.c", "s.d", "sub/up.h"):
        (tree.path / name).unlink()


def test_links_and_directories(scan, tree):
    (tree.path / "link.h").symlink_to("a.h")
    (tree.path / "l.c").write_text('#include "link.h"\n')
    tree_files = set(tree.path.iterdir())
    said = lines(scan("gcc", "-c", "l.c"))
    assert ["SYMLINK", str(tree.path / "link.h")] in said
    assert ["DIRECTORY", str(tree.path / "sub")] in said
    assert set(tree.path.iterdir()) == tree_files
    for name in ("link.h", "l.c"):
        (tree.path / name).unlink()


def test_json(scan, tree):
    result = scan("--json", "gcc", "-c", "x.c")
    assert result.code == 0
    told = json.loads(result.out)
    found = {f["path"]: f for f in told["files"]}
    assert {f["role"] for f in told["files"]} <= {"read", "probed", "merged", "extra"}
    for path, file in found.items():
        if file["role"] == "read":
            assert file["sha256"] == hashlib.sha256(Path(path).read_bytes()).hexdigest(), path
    assert found[str(tree.path / "b.h")]["role"] == "probed"
    assert told["time_macros"] is True
    assert told["rejected"] is False
    assert not any(os.path.exists(path) for path in told["absent"])
    assert all(os.path.isdir(path) for path in told["directories"])
    for name in ("scan_us", "prepare_us", "compiler_runs"):
        assert isinstance(told[name], int)


def test_json_strings(lab, scan):
    name = b'q"\\\t\xff\xc3\xa9.c'
    directory = lab.directory("odd")
    with open(os.fsencode(directory) + b"/" + name, "wb") as f:
        f.write(b"int x;\n")
    result = scan.client.run(
        "--scan-includes", "--json", "gcc", "-c", os.fsdecode(name), cwd=directory, PWD=directory)
    assert result.code == 0, result
    assert json.loads(result.out.decode())["files"][0]["path"] == f'{directory}/q"\\\t\xff\xe9.c'


def test_answers_are_kept(scan):
    first, second = (
        json.loads(scan("--json", "gcc", "-c", "x.c").out)["compiler_runs"] for _ in range(2))
    assert second < first
    assert (scan.client.home / ".cache/distcc/facts.sqlite").is_file()


def test_without_a_cache(scan):
    assert scan("gcc", "-c", "x.c", XDG_CACHE_HOME="/proc/none").code == 0


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("more", [
    [], ["-o", "x.o"], ["-MD", "-MF", "user.d", "-MT", "x"], ["-Wp,-MMD,user.d,-DX"], ["-MMD"],
    ["-save-temps"],
])
def test_check(scan, compiler, more):
    result = scan("--check", compiler, "-c", "x.c", *more)
    assert (result.code, result.out) == (0, b""), result
    assert b"read the same" in result.err


@pytest.mark.parametrize("compiler", COMPILERS)
def test_check_cxx(scan, compiler):
    result = scan("--check", CXX[compiler], "-std=c++17", "-c", "x.cc")
    assert (result.code, result.out) == (0, b""), result
    told = json.loads(scan("--check", "--json", CXX[compiler], "-c", "x.cc").out)
    assert told["check"] == {"equal": True, "missing": [], "extra": []}


def test_check_of_what_does_not_compile(scan, tree):
    result = scan("--check", "gcc", "-c", "x.c", "-DA=", "-Werror", "-include", "b.h")
    assert result.code == 1
    assert b"never read" in result.err
    assert b"cannot check x.c" in result.err


LIAR = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
	char command[9000];
	int status;

	argv[0] = "/usr/bin/gcc"; /* which it finds its parts by */
	if (fork() == 0)
		return execv("/usr/bin/gcc", argv);
	wait(&status);
	for (int i = 1; i + 1 < argc; i++) {
		if (strcmp(argv[i], "-MF") == 0) {
			snprintf(command, sizeof(command), "sed -i s,sub/../inc/c.h,other.h, %s", argv[i + 1]);
			return system(command) != 0;
		}
	}
	return status != 0;
}
"""


def test_difference_is_told(scan, tree, lab):
    """A compiler that lies in its dependency file (a script would not be taken for gcc)."""
    directory = lab.directory("b")
    (directory / "liar.c").write_text(LIAR)
    subprocess.run(["gcc", "-o", "gcc", "liar.c"], cwd=directory, check=True, timeout=60)
    result = scan("--check", "gcc", "-c", "x.c", PATH=f"{directory}:{scan.client.env['PATH']}")
    assert result.code == 1, result
    assert set(result.out.decode().splitlines()) == {
        f"{tree.path}/other.h: the compiler reads it, the scan does not",
        f"{tree.path}/inc/c.h: the scan reads it, the compiler does not",
    }, result
    assert b"the scan lacks 1; it has 1 more" in result.err


def test_cannot_know(scan):
    for words in (["-c", "unknown.c", "-fplugin=x"], ["-c", "x.c", "-fno-such-option"]):
        result = scan("gcc", *words)
        assert (result.code, result.out) == (1, b""), result
        assert result.err.startswith(b"distcc: cannot know what " + words[1].encode())
        assert result.err.count(b"\n") == 1
        result = scan("--json", "gcc", *words)
        assert result.code == 1
        assert list(json.loads(result.out)) == ["reason"]


@pytest.mark.parametrize("words", [["x.o", "-o", "x"], ["-E", "x.c"], ["-M", "x.c"], ["--version"]])
def test_not_a_compile(scan, words):
    result = scan("gcc", *words)
    assert (result.code, result.out) == (1, b"")
    assert b"not the compile of one source" in result.err
    assert result.err.count(b"\n") == 1


@pytest.mark.parametrize("words, status", [
    ([], 101), (["--json"], 101), (["--bogus", "gcc", "-c", "x.c"], 101),
    (["no-such-compiler", "-c", "x.c"], 110),
])
def test_bad_usage(scan, words, status):
    result = scan(*words)
    assert (result.code, result.out) == (status, b"")
    assert result.err.startswith(b"distcc")
    assert result.err.count(b"\n") == 1


def test_compiler_behind_links(scan, tree, lab):
    """No compiler is named, or a link to distcc is: the one that a compile would run."""
    assert files(scan("-c", "x.c"), tree) == {"x.c", "a.h", "b.h", "inc/c.h"}
    links = lab.directory("l")
    (links / "gcc").symlink_to(scan.client.program)
    assert lines(scan("gcc", "-c", "x.c", PATH=f"{links}:{scan.client.env['PATH']}"))
