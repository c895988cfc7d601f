# SPDX-License-Identifier: GPL-3.0-or-later
"""DISTCC_BASEDIR: results of one checkout serve another one at another place, bytes and all."""

import shutil

import pytest

from harness import procs
from harness.exact import make_client, start_worker
from harness.tree import Outcome, differences

pytestmark = pytest.mark.ours

FILES = {
    "src/u.c": '#include "a.h"\n#include "../inc/b.h"\n#include <stdio.h>\n'
               'const char *f(void) { int unused; return __FILE__; }\n',
    "src/a.h": "#define A 1\n",
    "inc/b.h": '#warning "from b"\nstatic const char *const b = __FILE__;\n',
    "inc/a_name_that_is_quite_long_so_that_lines_break_elsewhere.h": "#define C 1\n",
}


@pytest.fixture
def worker(lab):
    return start_worker(lab)


class Checkouts:
    """Two trees of the same files, the second at a much longer path; one user."""

    def __init__(self, lab, hosts=(), files=FILES):
        self.client = make_client(lab, hosts)
        one = lab.tree(files)
        other = lab.tree(files)
        self.bases = [one, other]
        # A tree's compiles are in its directory; the base directory of the second is below one more.
        deep = other.path / "a-directory-below/another-one/checkout"
        deep.mkdir(parents=True)
        for name in ("src", "inc"):
            shutil.move(other.path / name, deep / name)
        other.source = other.snapshot()
        self.paths = [one.path, deep]

    def compile(self, which, make_argv, relative="."):
        """By us and by the compiler: no difference. What ours did."""
        base = self.paths[which]
        argv = make_argv(str(base))
        got = self._run(which, [self.client.program, *argv], relative, DISTCC_BASEDIR=str(base))
        wanted = self._run(which, argv, relative)
        assert not differences(got, wanted)
        return self.client.last_job()["reason"], got

    def _run(self, which, argv, relative, **env):
        result = self.client.start(argv, self.paths[which] / relative, **env).wait()
        return Outcome(result.code, result.out, result.err, *self.bases[which].changes())

    def eventually_cached(self, which, make_argv, relative="."):
        procs.eventually("it is kept", lambda: (
            self.compile(which, make_argv, relative)[0] == "cached"))


def flags(cc, *more):
    """Relative names, as make has them; and absolute ones, as CMake has them."""
    def relative(base):
        return [cc, "-g", "-O1", "-Wall", f"-ffile-prefix-map={base}=.", *more,
                "-MD", "-MF", "src/u.d", "-c", "src/u.c", "-o", "src/u.o"]

    def absolute(base):
        return [cc, "-g", "-O1", "-Wall", f"-ffile-prefix-map={base}=/src", f"-I{base}/inc",
                "-include", f"{base}/inc/a_name_that_is_quite_long_so_that_lines_break_elsewhere.h",
                *more, "-MD", "-MP", "-MT", f"{base}/src/u.o", "-MF", f"{base}/src/u.d",
                "-c", f"{base}/src/u.c", "-o", f"{base}/src/u.o"]

    return {"relative": relative, "absolute": absolute}


@pytest.mark.parametrize("cc", ["gcc", "clang"])
@pytest.mark.parametrize("names", ["relative", "absolute"])
@pytest.mark.parametrize("hosts", [True, False], ids=["worker", "cache"])
def test_shared(lab, worker, cc, names, hosts):
    both = Checkouts(lab, [worker] if hosts else [])
    argv = flags(cc)[names]
    reason, got = both.compile(0, argv)
    assert reason == ("exact" if hosts else "no-hosts"), both.client.jobs()
    assert b"from b" in got.err and b"unused" in got.err
    both.eventually_cached(0, argv)
    # Where nothing was compiled before.
    reason, got = both.compile(1, argv)
    assert reason == "cached"
    assert b"from b" in got.err


def test_shared_below(lab, worker):
    """From a build directory within."""
    both = Checkouts(lab, [worker])

    def argv(base):
        return ["gcc", "-g", f"-ffile-prefix-map={base}=.", "-I../inc", "-c", "../src/u.c", "-o",
                "u.o"]

    assert both.compile(0, argv, "inc")[0] == "exact"
    both.eventually_cached(0, argv, "inc")
    assert both.compile(1, argv, "inc")[0] == "cached"


NOT_SHARED = {
    "no map": lambda base: ["gcc", "-g", "-c", "src/u.c", "-o", "u.o"],
    "a map of debug information alone": lambda base: [
        "gcc", "-g", f"-fdebug-prefix-map={base}=.", "-c", "src/u.c", "-o", "u.o"],
    "a map of names alone": lambda base: [
        "gcc", "-g", f"-fmacro-prefix-map={base}=.", "-c", "src/u.c", "-o", "u.o"],
    "a macro": lambda base: ["gcc", f"-ffile-prefix-map={base}=.", f'-DROOT="{base}"', "-c",
                             "src/u.c", "-o", "u.o"],
    "link-time optimisation": lambda base: [
        "clang", "-flto", f"-ffile-prefix-map={base}=.", "-c", "src/u.c", "-o", "u.o"],
    "compressed sections": lambda base: [
        "gcc", "-g", "-gz", f"-ffile-prefix-map={base}=.", "-c", "src/u.c", "-o", "u.o"],
    "a map of what is below alone": lambda base: [
        "gcc", "-g", f"-ffile-prefix-map={base}/=", "-c", "src/u.c", "-o", "u.o"],
}


@pytest.mark.parametrize("what", NOT_SHARED)
def test_not_shared(lab, worker, what):
    both = Checkouts(lab, [worker])
    reasons = []
    for which in (0, 1):
        for _ in range(2):
            reasons.append(both.compile(which, NOT_SHARED[what])[0])
    assert reasons[0] == "exact" and reasons[2] == "exact", reasons


def test_a_header_that_differs(lab, worker):
    both = Checkouts(lab, [worker])
    argv = flags("gcc")["relative"]
    assert both.compile(0, argv)[0] == "exact"
    both.eventually_cached(0, argv)
    (both.paths[1] / "src/a.h").write_text("#define A 2\n")
    both.bases[1].source = both.bases[1].snapshot()
    assert both.compile(1, argv)[0] == "exact"


WAYS = {
    "a header beside it": ({"../out.h": "#define OUT 1\n"}, '#include "../../out.h"\n'),
    "a probe beside it": ({}, '#if __has_include("../../out.h")\nint more;\n#endif\n'),
}


@pytest.mark.parametrize("what", WAYS)
def test_ways_out(lab, worker, what):
    """What is beside the base directory is another thing in each place."""
    outside, text = WAYS[what]
    both = Checkouts(lab, [worker], {**FILES, "src/u.c": text + "int x;\n"})
    # Below one more directory, so that "beside" is within the tree.
    for which in (0, 1):
        base = both.paths[which]
        deeper = base / "deeper"
        deeper.mkdir()
        for name in ("src", "inc"):
            shutil.move(base / name, deeper / name)
        for name, content in outside.items():
            (deeper / name).write_text(content)
        both.paths[which] = deeper
        both.bases[which].source = both.bases[which].snapshot()
    argv = flags("gcc")["relative"]
    for which in (0, 1):
        assert both.compile(which, argv)[0] == "exact"
    # Now it is there in one place.
    (both.paths[1] / "../out.h").write_text("#define OUT 2\n")
    both.bases[1].source = both.bases[1].snapshot()
    assert both.compile(1, argv)[0] == "exact"


def test_links(lab, worker):
    """Within, they go along; out of it, or into it, it is compiled as where it is."""
    both = Checkouts(lab, [worker])
    argv = flags("gcc")["relative"]
    for which in (0, 1):
        base = both.paths[which]
        shutil.move(base / "src/a.h", base / "src/real.h")
        (base / "src/a.h").symlink_to(base / "src/real.h")
        both.bases[which].source = both.bases[which].snapshot()
    # Relative names with ".." beside links are not followed by their text: not shared.
    assert both.compile(0, argv)[0] == "exact"
    assert both.compile(1, argv)[0] == "exact"
    for which in (0, 1):
        text = both.paths[which] / "src/u.c"
        text.write_text(text.read_text().replace("../inc/b.h", "a.h"))
        both.bases[which].source = both.bases[which].snapshot()
    assert both.compile(0, argv)[0] == "exact"
    both.eventually_cached(0, argv)
    assert both.compile(1, argv)[0] == "cached"


def test_one_that_is_not_fit(lab, worker):
    client = make_client(lab, [worker])
    tree = lab.tree(FILES)
    for n, told in ((1, True), (2, False)):
        got = client.run("gcc", "-c", "src/u.c", "-o", f"{n}.o", cwd=tree.path,
                         DISTCC_BASEDIR="not/absolute")
        assert got.code == 0 and (b"bad-basedir" in got.err) == told
