# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of the scanner, judged: a fake scan-tool tells the truth, and then each kind of lie."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench"))
from judge import compiler, depfile, strace, tool, verdict  # noqa: E402 - found by the line above

COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]
FAKE = [sys.executable, str(HERE / "fake_scan_tool.py")]
ENV = tool.plain_environment(PYTHONDONTWRITEBYTECODE="1")
each_compiler = pytest.mark.parametrize("cc", COMPILERS)


@pytest.fixture
def tree(tmp_path):
    (tmp_path / "inc").mkdir()
    (tmp_path / "x.c").write_text('#include <stdio.h>\n#include "inc/a.h"\n')
    (tmp_path / "inc" / "b.h").write_text("int b;\n")
    (tmp_path / "inc" / "a.h").symlink_to("b.h")
    return tmp_path


def judged(cc, cwd, lie=None, every=1, times=1, argv=("-c", "x.c"), timeout=20.0, absent=False):
    """Verdicts of so many scans in one tool."""
    fake = [*FAKE, *(["--lie", lie] if lie else []), "--every", str(every)]
    fake += ["--absent"] if absent else []
    argv = [cc, *argv]
    truth = compiler.run(str(cwd), argv, ENV)
    found = []
    with tool.Tool(fake, ENV, timeout) as running:
        for _ in range(times):
            try:
                found.append(verdict.judge(cc, truth, running.scan(str(cwd), argv)))
            except tool.ToolFailed as failed:
                found.append(verdict.Verdict(failed.kind))
    return found


@each_compiler
def test_truth(cc, tree):
    (said,) = judged(cc, tree)
    assert (said.kind, said.lexical, said.tree) == ("equal", [], [])


@each_compiler
def test_missing(cc, tree):
    (said,) = judged(cc, tree, "missing")
    assert said.kind == "different" and said.missing and not said.extra


@each_compiler
def test_extra(cc, tree):
    (said,) = judged(cc, tree, "extra")
    assert said.kind == "different" and said.extra == ["/etc/passwd"] and not said.missing


@each_compiler
def test_spelling(cc, tree):
    (said,) = judged(cc, tree, "spelling")
    assert said.kind == "equal" and len(said.lexical) == 2


@each_compiler
def test_tree(cc, tree):
    (said,) = judged(cc, tree, "tree")
    assert said.kind == "equal" and f"SYMLINK {tree}/inc/a.h" in said.tree


@each_compiler
def test_unknown(cc, tree):
    (said,) = judged(cc, tree, "unknown")
    assert said.kind == "unknown" and said.reasons == ["the fake does not know"]


@each_compiler
@pytest.mark.parametrize("lie, kind", [("crash", "crash"), ("internal", "internal"),
                                       ("gibberish", "protocol"), ("no-reason", "protocol")])
def test_broken(cc, tree, lie, kind):
    """And what comes after it is judged again: the tool is started anew where it has to be."""
    said = judged(cc, tree, lie, every=2, times=3)
    assert said[0].kind == "equal" and said[1].kind == kind and said[2].kind in ("equal", kind)


def test_hang(tree):
    said = judged(COMPILERS[0], tree, "hang", every=2, times=3, timeout=3)
    assert [s.kind for s in said] == ["equal", "hang", "equal"]


def test_no_such_tool():
    with pytest.raises(FileNotFoundError):
        tool.Tool(["/nonexistent/scan-tool"], ENV).scan("/", ["gcc", "-c", "x.c"])


def test_rejected(tree):
    (tree / "x.c").write_text("#error no\n")
    (said,) = judged(COMPILERS[0], tree, "missing")
    assert said.kind == "rejected" and "no" in said.text


def test_legal_differences(tree):
    """What clang lists and gcc does not counts for clang alone."""
    paths = {word: [] for word in tool.PATHS}
    paths |= {"FILE": ["/a"], "PROBE": ["/p"], "MERGED": ["/m"]}
    scan = tool.Scan(paths, [], [], tool.EXACT, 1.0)
    alone, all_three = (compiler.Truth(True, names, "") for names in (["/a"], ["/a", "/p", "/m"]))
    assert verdict.judge("gcc", alone, scan).kind == "equal"
    assert verdict.judge("gcc", all_three, scan).missing == ["/m", "/p"]
    assert verdict.judge("clang", all_three, scan).kind == "equal"
    assert verdict.judge("clang", alone, scan).extra == ["/m", "/p"]


ODD = ["a b.h", "tab\there.h", "do$$lar$.h", "ha#sh.h", "co:lon.h", "a\\ b.h", "é.h", "x'y.h",
       "per%cent.h", "two  blanks.h", "(p).h"]


@each_compiler
@pytest.mark.parametrize("name", ODD)
def test_depfile_of_compilers(cc, name, tmp_path):
    """Names that the makefile syntax makes hard come back as they are."""
    if cc == "clang" and ("\\" in name or "\t" in name):
        pytest.skip("clang writes a slash for the one, and does not mark the other")
    (tmp_path / name).write_text("int odd;\n")
    (tmp_path / "last.h").write_text("int last;\n")
    (tmp_path / "x.c").write_text(f'#include "{name}"\n#include "last.h"\n')
    truth = compiler.run(str(tmp_path), [cc, "-w", "-c", "x.c", "-MMD", "-MFz", "-MP"], ENV)
    assert truth.accepted, truth.text
    assert truth.deps[-2:] == [f"{tmp_path}/{name}", f"{tmp_path}/last.h"]
    assert not (tmp_path / "z").exists()


@pytest.mark.parametrize("text, names", [
    (b"judged: a b\\\n c \\\n  d\n", ["a", "b", "c", "d"]),
    (b"judged:\\\n a\n", ["a"]),
    (b"judged: a\\ b $$c \\#d e\\\\\\ f g\\h\n", ["a b", "$c", "#d", "e\\ f", "g\\h"]),
    (b"judged: a\\\\ b\n", ["a\\", "b"]),
    (b"judged:\n", []),
    (b"judged: a \\\r\n b\n", ["a", "b"]),
])
def test_depfile(text, names):
    assert depfile.parse(text, "judged") == names


@pytest.mark.parametrize("text", [b"", b"other: a\n", b"judged: a\nb:\n"])
def test_depfile_malformed(text):
    with pytest.raises(depfile.Malformed):
        depfile.parse(text, "judged")


@pytest.mark.parametrize("argv, kept", [
    ("gcc -O2 -c x.c -o x.o", "gcc -O2 x.c"),
    ("gcc -MD -MF f -MT t -MQ q -MP x.c -ox.o", "gcc x.c"),
    ("gcc -Wp,-MMD,d.d -c x.c", "gcc x.c"),
    ("gcc -Wp,-DA,-MD,d.d,-UB -c x.c", "gcc -Wp,-DA,-UB x.c"),
    ("gcc -MMDx -Mno-modules -openmp x.c", "gcc -MMDx -Mno-modules -openmp x.c"),
])
def test_without_outputs(argv, kept):
    assert compiler.without_outputs(argv.split()) == kept.split()


STRACED = """\
11 execve("/usr/bin/gcc", ["gcc"], ["A=b"]) = 0
11 openat(AT_FDCWD, "/driver", O_RDONLY) = -1 ENOENT (No such file or directory)
12 execve("/x/cc1", ["cc1"], []) = 0
12 openat(AT_FDCWD, "/w/inc/a b.h", O_RDONLY|O_NOCTTY <unfinished ...>
11 stat("/other", 0x1) = -1 ENOENT (No such file or directory)
12 <... openat resumed>) = -1 ENOENT (No such file or directory)
12 openat(AT_FDCWD, "x.c", O_RDONLY|O_NOCTTY) = 3
12 openat(AT_FDCWD, "/proc/self/maps", O_RDONLY) = 4
12 openat(AT_FDCWD, "made.o", O_RDWR|O_CREAT, 0666) = 4
13 execve("/x/as", ["as"], []) = 0
13 openat(AT_FDCWD, "/w/as.inc", O_RDONLY) = -1 ENOENT (No such file or directory)
"""


def test_strace_log(tree):
    log = strace.parse(STRACED, str(tree))
    assert (log.read, log.absent) == ({f"{tree}/x.c"}, {"/w/inc/a b.h"})


needs_strace = pytest.mark.skipif(
    not shutil.which("strace")
    or subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True).returncode != 0,
    reason="no strace here",
)


@needs_strace
@each_compiler
@pytest.mark.parametrize("lie", [None, "absent", "unread"])
def test_strace(cc, lie, tree):
    """What is read outside the set, and looked for in vain outside the negatives, is found."""
    argv = [cc, "-Iinc", "-Igone", "-c", "x.c"]
    (tree / "x.c").write_text('#include <stdio.h>\n#include "inc/a.h"\n#include <b.h>\n')
    with tool.Tool([*FAKE, "--absent", *(["--lie", lie] if lie else [])], ENV) as running:
        scan = running.scan(str(tree), argv)
    log, failed = strace.trace(str(tree), argv, ENV)
    assert not failed
    searched, missing = compiler.search_directories(str(tree), argv, ENV)
    assert f"{tree}/inc" in searched and "/usr/include" in searched
    read, absent = strace.unsaid(log, scan, searched, missing)
    assert [Path(p).name for p in read] == (["stdio.h"] if lie == "unread" else [])
    assert (f"{tree}/inc/stdio.h" in absent) == (lie == "absent")
    assert bool(absent) == (lie == "absent")


def oracle(tmp_path, *words):
    """bench/oracle on one corpus that needs nothing but the compiler."""
    script = HERE.parents[1] / "bench" / "oracle"
    fake = tmp_path / "scan-tool"
    fake.write_text(f"#!/bin/sh\nexec {' '.join(FAKE)} $FAKE_LIE \"$@\"\n")
    fake.chmod(0o755)
    common = ["--tool", fake, "--keep", tmp_path / "keep", "--corpus", "system", "--compiler"]
    common += [COMPILERS[0], "--match", "c std", "--sample", "6", "--repeat", "1", "--timeout", "10"]
    lie, *more = words
    fake.write_text(fake.read_text().replace("$FAKE_LIE", lie))
    command = [sys.executable, script, *common, *more]
    return subprocess.run(command, env=ENV, capture_output=True, text=True)


@pytest.mark.parametrize("lie, code, word", [
    ("", 0, "equal"), ("--lie missing", 1, "missing /"), ("--lie extra", 1, "extra   /etc/passwd"),
    ("--lie unknown", 1, "the fake does not know"), ("--lie crash", 1, "crash: "),
])
def test_bench(tmp_path, lie, code, word):
    """The whole program; and the second time, when all is well, it compiles nothing."""
    done = oracle(tmp_path, lie)
    assert (done.returncode, word in done.stdout) == (code, True), done.stdout + done.stderr
    if lie:
        return
    again = oracle(tmp_path, lie)
    assert again.returncode == code and "0 compiles, 6 remembered" in again.stdout
