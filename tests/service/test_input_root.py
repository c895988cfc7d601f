# SPDX-License-Identifier: GPL-3.0-or-later
"""The input root is "/": compilers that came as inputs, and what they make of inodes and times.
Each object has to be the one that the same compiler makes here."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from conftest import ROOTLESS, Server
from reapi import DEADLINE, Tree

ENV = {"PATH": "/usr/bin:/bin"}
PLATFORM = {"distcc-root": "input"}


def add_host(tree, path):
    """A file of this machine, and all links on the way to it, at the same place."""
    at, todo = Path("/"), list(Path(path).parts[1:])
    while todo:
        name = todo.pop(0)
        if name == "..":
            at = at.parent
            continue
        at = at / name
        if at.is_symlink():
            target = os.readlink(at)
            tree.link(str(at)[1:], target)
            todo = list(Path(target).parts[target.startswith("/"):]) + todo
            at = Path("/") if target.startswith("/") else at.parent
        elif not todo:
            tree.file(str(at)[1:], at.read_bytes(), executable=True)


def libraries(program):
    out = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    words = [w for line in out.splitlines() for w in line.split()]
    return {w for w in words if w.startswith("/")}


def toolchain(compiler):
    """A tree with the compiler, and all that it runs and loads."""
    def said(*argv):
        out = subprocess.run([compiler, *argv], capture_output=True, text=True, check=True)
        return shutil.which(out.stdout.strip()) or out.stdout.strip()

    tree = Tree()
    programs = [compiler, said("-print-prog-name=as")]
    if "clang" not in compiler:
        programs.append(said("-print-prog-name=cc1"))
    for p in programs:
        add_host(tree, p)
        for library in libraries(os.path.realpath(p)):
            add_host(tree, library)
    # Which every unit looks for; and there has to be somewhere to look.
    for header in ("/usr/include/stdc-predef.h",
                   f"/usr/include/{said('-print-multiarch')}/stdc-predef.h"):
        if os.path.exists(header):
            add_host(tree, header)
    return tree


@pytest.fixture(scope="module")
def machine():
    s = Server(os.geteuid() or ROOTLESS, "--slots", 2)
    s.toolchains = {}
    yield s
    s.stop()


@pytest.fixture(params=["gcc", "clang"])
def compiler(request, machine):
    path = shutil.which(request.param)
    if not path:
        pytest.skip(f"there is no {request.param}")
    if path not in machine.toolchains:
        machine.toolchains[path] = toolchain(path)
    return path


class Project:
    """Sources, here and in an input root, at the same absolute path."""

    def __init__(self, machine, compiler):
        self.machine, self.compiler = machine, compiler
        self.dir = Path(tempfile.mkdtemp(prefix="project-", dir="/var/tmp")).resolve()
        self.tree = Tree()
        base = machine.toolchains[compiler].root

        def copy(node):
            return {k: copy(v) if isinstance(v, dict) else v for k, v in node.items()}

        self.tree.root = copy(base)

    def close(self):
        shutil.rmtree(self.dir)

    def file(self, path, text, mtime):
        at = self.dir / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text)
        os.utime(at, ns=(int(mtime * 10**9),) * 2)
        self.tree.file(f"{self.dir}/{path}"[1:], text, mtime=mtime)

    def link(self, path, target):
        (self.dir / path).symlink_to(target)
        self.tree.link(f"{self.dir}/{path}"[1:], target)

    def compile(self, *options):
        """The object made here, after it was found to be the one made there."""
        argv = [self.compiler, "-g", "-c", *options, "main.c", "-o", "main.o"]
        local = subprocess.run(argv, cwd=self.dir, env=ENV, capture_output=True, check=False,
                               timeout=DEADLINE)
        assert local.returncode == 0, local
        client = self.machine.client()
        answer = client.run(argv, tree=self.tree, cwd=str(self.dir)[1:], outputs=["main.o"],
                            env=ENV, platform=PLATFORM)
        assert answer.status.code == 0 and answer.result.exit_code == 0, answer
        (o,) = answer.result.output_files
        wanted = (self.dir / "main.o").read_bytes()
        assert client.read(o.digest) == wanted
        return wanted


@pytest.fixture
def project(machine, compiler):
    p = Project(machine, compiler)
    yield p
    p.close()


def test_nothing_but_the_input(project):
    answer = project.machine.client().run(
        [project.compiler, "--version"], tree=project.tree, env=ENV, platform=PLATFORM)
    assert answer.result.exit_code == 0 and answer.result.stdout_raw, answer
    answer = project.machine.client().run(
        ["/bin/sh", "-c", "true"], tree=project.tree, env=ENV, platform=PLATFORM)
    assert answer.status.code == 9 and "/bin/sh" in answer.status.message


ONCE = "#pragma once\nchar SYMBOL;\n"
MAIN = """#define SYMBOL one
#include "a/once.h"
#undef SYMBOL
#define SYMBOL two
#include "b/once.h"
"""


@pytest.mark.parametrize("second", [1500000000, 1500000001, 1500000000.5])
def test_pragma_once(project, second):
    project.file("a/once.h", ONCE, 1500000000)
    project.file("b/once.h", ONCE, second)
    project.file("main.c", MAIN, 1600000000)
    made = project.compile()
    # What makes the difference does make one.
    alike = second == 1500000000 or (second == 1500000000.5 and "gcc" in project.compiler)
    assert (b"two" in made) == (not alike or "clang" in project.compiler)


NEXT = """#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)
char CAT(found, __COUNTER__);
#undef CAT
#undef CAT_
#if __has_include_next(<h.h>)
#include_next <h.h>
#endif
"""


def test_include_directories(project):
    project.file("real/h.h", NEXT, 1500000000)
    project.file("twin/h.h", NEXT, 1500000000)
    project.file("main.c", "#include <h.h>\n", 1600000000)
    project.link("link", "real")
    project.link("far", f"{project.dir}/twin")
    for options, times in ((["real"], 1), (["real", "link"], 1), (["link", "real"], 1),
                           (["real", "real"], 1), (["real", "twin"], 2),
                           (["link", "far", "twin"], 2)):
        made = project.compile(*[f"-I{d}" for d in options])
        assert (b"found1" in made) == (times == 2), options
