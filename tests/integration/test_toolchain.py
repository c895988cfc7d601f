# SPDX-License-Identifier: GPL-3.0-or-later
"""The closure of a compiler: in a root with it alone, a compile gives the same bytes; and on the
host a compile opens no file that is not in it."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

BUILD = Path(os.environ.get("DISTCC_BUILD_DIR", "build"))
TOOL = BUILD / "tests/integration/toolchain-tool"

SOURCE = """
#include "one.h"
#include "two.h"
int main(int argc, char **argv)
{
	struct pair p = {argc, TWICE(argc)};
	int unused;
	return sum(&p) + (argv[0] != 0);
}
"""
HEADERS = {
    "one.h": "struct pair { int a, b; };\n#define TWICE(x) (2 * (x))\n",
    "two.h": "static inline int sum(const struct pair *p) { return p->a + p->b; }\n",
}

# A header like others, but that gcc includes it first of all without being told.
PREDEFINED = Path("/usr/include/stdc-predef.h")

C = {"LC_ALL": "C"}
UTF8 = {"LC_ALL": "C.UTF-8"}
GERMAN = {"LANG": "de_DE.UTF-8", "LANGUAGE": "de:en"}
# Warnings, so that there is something to say.
CASES = [
    ("gcc", ["-c", "-g", "-O2", "-Wall"], C),
    ("gcc", ["-c", "-g", "-O2", "-Wall"], UTF8),
    ("gcc", ["-c", "-Wall"], GERMAN),
    ("gcc", ["-c", "-Wall"], {"LC_CTYPE": "C.UTF-8", "LANGUAGE": "de"}),
    ("gcc", ["-S", "-g", "-O2"], C),
    ("gcc", ["-c", "-g", "-gsplit-dwarf"], C),
    ("gcc", ["-c", "-O2", "-flto", "-frandom-seed=1"], C),
    ("gcc", ["-c", "-pipe", "-fno-lto"], C),
    ("g++", ["-c", "-g", "-O2", "-Wall"], C),
    ("g++", ["-c", "-O2", "-flto", "-frandom-seed=1"], UTF8),
    ("g++", ["-S", "-g", "-O2"], UTF8),
    ("g++", ["-c", "-g", "-gsplit-dwarf"], C),
    ("clang", ["-c", "-g", "-O2", "-Wall"], C),
    ("clang", ["-c", "-g", "-O2", "-Wall"], UTF8),
    ("clang", ["-S", "-g", "-O2"], C),
    ("clang", ["-c", "-O2", "-flto"], C),
    ("clang", ["-c", "-g", "-gsplit-dwarf"], C),
    ("clang", ["-c", "-O1", "-fsanitize=address,undefined"], C),
    ("clang", ["-c", "-g", "-fno-integrated-as", "-Wall"], UTF8),
    ("clang", ["-c", "-g", "-fno-integrated-cc1"], C),
    ("clang++", ["-c", "-g", "-O2", "-Wall"], C),
    ("clang++", ["-c", "-O2", "-flto"], C),
    ("clang++", ["-S", "-g", "-O2"], C),
    ("clang++", ["-c", "-g", "-gsplit-dwarf"], C),
]
IDS = [f"{c} {' '.join(o)} {' '.join(e.values())}" for c, o, e in CASES]

# Beside the closure: what every root has; the loader's cache where it finds the same without; and
# what clang looks for in vain, see family_clang.c.
ELSEWHERE = re.compile(r"/(proc|dev|tmp|sys)/|/etc/ld\.so\.cache$|.*/cuda[^/]*/")


class Place:
    """A directory with a source, and below it a root in which it has the same path."""

    def __init__(self):
        self.top = Path(tempfile.mkdtemp(prefix="toolchain-", dir="/tmp"))
        self.root = self.top / "root"
        self.work = self.top / "work"
        self.fill(self.work)

    def fill(self, work):
        work.mkdir(parents=True)
        for name in ("a.c", "a.cc"):
            (work / name).write_text(SOURCE)
        for name, text in HEADERS.items():
            (work / name).write_text(text)

    def inside(self, path):
        return self.root / str(path).lstrip("/")

    def build(self, closure):
        for kind, path, *target in closure:
            path, real = self.inside(path), path
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "DIRECTORY":
                path.mkdir(parents=True, exist_ok=True)
            elif kind == "LINK":
                path.symlink_to(target[0])
            else:
                link_or_copy(real, path)
        if PREDEFINED.exists():
            self.inside(PREDEFINED.parent).mkdir(parents=True)
            link_or_copy(PREDEFINED, self.inside(PREDEFINED))
        self.inside("/tmp").mkdir(mode=0o1777, exist_ok=True)
        self.fill(self.inside(self.work))
        dev = self.inside("/dev")
        dev.mkdir(exist_ok=True)
        (dev / "null").touch()


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


@pytest.fixture
def place():
    place = Place()
    yield place
    shutil.rmtree(place.top)


def environment(extra):
    return {"PATH": "/usr/bin:/bin", **extra}


def run(argv, cwd, env, **more):
    return subprocess.run(argv, cwd=cwd, env=env, capture_output=True, timeout=60, **more)


def compiler_of(name):
    path = shutil.which(name, path="/usr/bin:/bin")
    if not path:
        pytest.skip(f"no {name}")
    return path


def closure_of(command, cwd, env):
    # The tool alone may need more than the compiler (a sanitizer's options).
    result = run([TOOL.resolve(), *command], cwd, env, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return [tuple(line.split(" ")) for line in result.stdout.splitlines()]


def command_of(name, options):
    return [compiler_of(name), *options, "a.cc" if name.endswith("++") else "a.c"]


def outputs(work):
    return {
        path.name: path.read_bytes()
        for path in work.iterdir()
        if path.name not in (*HEADERS, "a.c", "a.cc")
    }


@pytest.mark.parametrize("name,options,extra", CASES, ids=IDS)
def test_same_in_a_root(place, name, options, extra):
    if os.geteuid() != 0:
        pytest.skip("chroot is for root")
    env, command = environment(extra), command_of(name, options)
    place.build(closure_of(command, place.work, env))
    here = run(command, place.work, env)
    # A shell would have to be in the root: the directory is entered by chroot's caller.
    there = run(
        command,
        None,
        env,
        preexec_fn=lambda: (os.chroot(place.root), os.chdir(place.work)),
    )
    assert here.returncode == 0, here.stderr
    assert without_temporary(there.stderr) == without_temporary(here.stderr)
    assert there.returncode == 0
    assert outputs(place.inside(place.work)) == outputs(place.work)
    assert outputs(place.work)


def without_temporary(text):
    return re.sub(rb"/tmp/cc\w+", b"/tmp/cc", text)


OPENED = re.compile(r'(?:openat\(AT_FDCWD, |open\(|execve\()"((?:[^"\\]|\\.)*)"(.*)= (\d+)$')


def opened(command, place, env):
    """The files that it opened or ran, where they really are."""
    trace = place.top / "trace"
    strace = ["strace", "-f", "-q", "-s", "4096", "-e", "trace=%file", "-o", trace]
    result = run([*strace, *command], place.work, env)
    if b"PTRACE" in result.stderr:
        pytest.skip("no tracing here")
    assert result.returncode == 0, result.stderr
    files = set()
    for line in trace.read_text().splitlines():
        match = OPENED.search(line)
        if match and "O_DIRECTORY" not in match[2] and "O_CREAT" not in match[2]:
            files.add(os.path.join(place.work, match[1]))
    return files


@pytest.mark.parametrize("name,options,extra", CASES, ids=IDS)
def test_nothing_else_is_opened(place, name, options, extra):
    if not shutil.which("strace"):
        pytest.skip("no strace")
    env, command = environment(extra), command_of(name, options)
    closure = closure_of(command, place.work, env)
    known = {str(PREDEFINED), *(entry[1] for entry in closure)}
    unknown = {
        path
        for path in opened(command, place, env)
        if os.path.realpath(path) not in known and not ELSEWHERE.match(path)
    }
    assert not unknown


def test_entries(place):
    """Sorted, each once, and no directory of one is a link."""
    for name in ("gcc", "clang"):
        closure = closure_of(command_of(name, ["-c"]), place.work, environment(C))
        paths = [entry[1] for entry in closure]
        assert paths == sorted(set(paths), key=os.fsencode)
        for kind, path, *target in closure:
            assert os.path.realpath(os.path.dirname(path)) == os.path.dirname(path)
            assert os.path.islink(path) == (kind == "LINK")
            if kind == "LINK":
                assert os.readlink(path) == target[0]


@pytest.mark.parametrize(
    "options,extra,why",
    [
        ([], {"LANG": "de_DE"}, "character set"),
        ([], {"LC_ALL": "../x.UTF-8"}, "locale"),
        ([], {"LD_PRELOAD": ""}, None),
        ([], {"COMPILER_PATH": "/x"}, "COMPILER_PATH"),
        ([], {"LIBRARY_PATH": "/nothing"}, None),
        ([], {"LIBRARY_PATH": "."}, "LIBRARY_PATH"),
    ],
)
def test_unknown(place, options, extra, why):
    (place.work / "specs").write_text("")
    env = environment(extra)
    result = run(
        [TOOL.resolve(), compiler_of("gcc"), "-c", *options, "a.c"], place.work, env, text=True
    )
    if why is None:
        assert result.returncode == 0, result.stdout
    else:
        assert result.returncode == 1
        assert result.stdout.startswith("UNKNOWN") and why in result.stdout
