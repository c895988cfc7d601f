# SPDX-License-Identifier: GPL-3.0-or-later
"""
Files that come, go and change between two scans of one scan-tool: each answer must be that of a
compile made now. A scanner remembers what was there and, what is easily forgotten, what was not.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "bench")]
from judge import compiler, tool, verdict  # noqa: E402 - found by the line above

TOOL = os.environ.get("SCAN_TOOL")
COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]
WHEN = 1_000_000_000


def write(name, text, mtime=None):
    """A new file, or new text in an old one."""

    def step(root):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if mtime is not None:
            os.utime(path, (mtime, mtime))

    return step


def replace(name, text, mtime=None):
    """By rename: another inode."""

    def step(root):
        write(name + ".new", text, mtime)(root)
        os.rename(root / (name + ".new"), root / name)

    return step


def same_size_and_time(name, text):
    """Written in place, and its times set back: only ctime tells."""

    def step(root):
        path = root / name
        before = path.stat()
        assert before.st_size == len(text)
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return step


def swap(one, other):
    def step(root):
        os.rename(root / one, root / "swapping")
        os.rename(root / other, root / one)
        os.rename(root / "swapping", root / other)

    return step


def remove(name):
    def step(root):
        path = root / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()

    return step


def move(old, new):
    return lambda root: os.rename(root / old, root / new)


def mkdir(name):
    return lambda root: (root / name).mkdir(parents=True)


def link(name, target):
    """A symbolic link, in place of what is there."""

    def step(root):
        (root / name).unlink(missing_ok=True)
        (root / name).symlink_to(target)

    return step


def hard(name, target):
    def step(root):
        (root / name).unlink(missing_ok=True)
        os.link(root / target, root / name)

    return step


def touch(name, mtime):
    return lambda root: os.utime(root / name, (mtime, mtime))


def both(*steps):
    def step(root):
        for each in steps:
            each(root)

    return step


A, Q = "#include <a.h>\n", '#include "a.h"\n'
HAS = '#if __has_include("a.h")\n#include "yes.h"\n#else\n#include "no.h"\n#endif\n'
HAS_ANGLED = HAS.replace('"a.h"', "<a.h>")
YN = {"yes.h": "/* y */", "no.h": "/* no */"}
IF = "#ifdef A\n#include \"yes.h\"\n#else\n#include \"no.h\"\n#endif\n"
ONCE = "#pragma once\n#ifdef B\n#include \"../yes.h\"\n#endif\n#define B\n"

# name, source, arguments, files and links at first (a link: ("to", target)), what is done between
# scans; and after each scan, of the tree's files, what is read beside the source (None: rejected).
SCENARIOS = {
    "a header shadows another": (A, "-Ione -Itwo", {"two/a.h": "", "one/": ""}, [
        (write("one/a.h", "/* 1 */"), "one/a.h"), (remove("one/a.h"), "two/a.h")], "two/a.h"),
    "a header shadows a searched one, beside the source": (Q, "-Itwo", {"two/a.h": ""}, [
        (write("a.h", "/* 1 */"), "a.h"), (remove("a.h"), "two/a.h")], "two/a.h"),
    "a header shadows the system's": ("#include <limits.h>\n", "-Ione", {"one/": ""}, [
        (write("one/limits.h", "/* 1 */"), "one/limits.h"), (remove("one/limits.h"), "")], ""),
    "a header shadows one that another includes": ('#include "s/b.h"\n', "-Itwo", {
        "s/b.h": Q, "two/a.h": ""}, [(write("s/a.h", "/* 1 */"), "s/b.h s/a.h")], "s/b.h two/a.h"),
    "a probe flips": (HAS, "", YN, [(write("a.h", ""), "yes.h"), (remove("a.h"), "no.h")], "no.h"),
    "a probe flips in a search directory": (HAS_ANGLED, "-Ione -Itwo", YN | {
        "one/": "", "two/": ""}, [
        (write("two/a.h", ""), "yes.h"), (move("two/a.h", "one/a.h"), "yes.h"),
        (remove("one/a.h"), "no.h")], "no.h"),
    "a probe flips to a directory": (HAS, "", YN | {"a.h": ""}, [
        (both(remove("a.h"), mkdir("a.h")), "no.h")], "yes.h"),
    "a probe in a directory that comes": (HAS.replace("a.h", "new/a.h"), "", YN, [
        (mkdir("new"), "no.h"), (write("new/a.h", ""), "yes.h"), (remove("new"), "no.h")], "no.h"),
    "a probe flips by a whole tree's move": (HAS.replace("a.h", "n/m/a.h"), "", YN | {
        "o/m/a.h": ""}, [(move("o", "n"), "yes.h"), (move("n", "o"), "no.h")], "no.h"),
    "a missing header comes": (Q, "", {}, [(write("a.h", ""), "a.h"), (remove("a.h"), None),
        (write("a.h", "/* */"), "a.h")], None),
    "a link is re-pointed": (Q, "", {"b.h": "/* b */", "c.h": "/* c */", "a.h": ("to", "b.h")}, [
        (link("a.h", "c.h"), "c.h"), (link("a.h", "b.h"), "b.h")], "b.h"),
    "a linked directory is re-pointed": ('#include "d/a.h"\n', "", {"b/a.h": "", "c/a.h": "/* c */",
        "d": ("to", "b")}, [(link("d", "c"), "c/a.h")], "b/a.h"),
    "a linked search directory is re-pointed": (A, "-Id", {"b/a.h": "", "c/a.h": "/* c */",
        "d": ("to", "b")}, [(link("d", "c"), "c/a.h")], "b/a.h"),
    "a link in the middle of a chain": (Q, "", {"a.h": ("to", "l"), "l": ("to", "b.h"),
        "b.h": "/* b */", "c.h": "/* c */"}, [(link("l", "c.h"), "c.h")], "b.h"),
    "a dangling link's target comes": (A, "-Ione -Itwo", {"one/a.h": ("to", "../t.h"),
        "two/a.h": ""}, [(write("t.h", "/* t */"), "t.h"), (remove("t.h"), "two/a.h")], "two/a.h"),
    "a file becomes a link": (Q, "", {"a.h": "", "b.h": "/* b */"}, [
        (link("a.h", "b.h"), "b.h")], "a.h"),
    "the target of a link is edited": (Q, "", YN | {"d/b.h": "", "a.h": ("to", "d/b.h")}, [
        (write("d/b.h", '#include "yes.h"\n'), "d/b.h yes.h")], "d/b.h"),
    "an edit": ('#include "a.h"\n' + IF, "", YN | {"a.h": ""}, [
        (write("a.h", "#define A\n"), "a.h yes.h"), (write("a.h", "\n"), "a.h no.h")], "a.h no.h"),
    "an edit of the source": (IF, "", YN, [(write("x.c", "#define A\n" + IF), "yes.h")], "no.h"),
    "an edit of equal size": ('#include "a.h"\n' + IF, "", YN | {"a.h": "#define A\n"}, [
        (write("a.h", "#define B\n"), "a.h no.h"), (write("a.h", "#define A\n"), "a.h yes.h")],
        "a.h yes.h"),
    "an edit of equal size and time": ('#include "a.h"\n' + IF, "", YN | {"a.h": "#define A\n"}, [
        (same_size_and_time("a.h", "#define B\n"), "a.h no.h"),
        (same_size_and_time("a.h", "#define A\n"), "a.h yes.h")], "a.h yes.h"),
    "a rename of equal size and time": ('#include "a.h"\n' + IF, "", YN, [
        (replace("a.h", "#define B\n", WHEN), "a.h no.h"),
        (replace("a.h", "#define A\n", WHEN), "a.h yes.h")], None),
    "two files change names": ('#include "a.h"\n' + IF, "", YN | {"a.h": "#define A\n",
        "b.h": "#define B\n"}, [
        (swap("a.h", "b.h"), "a.h no.h"), (swap("a.h", "b.h"), "a.h yes.h")],
        "a.h yes.h"),
    "many edits in one second": ('#include "a.h"\n' + IF, "", YN | {"a.h": "#define A\n"}, [
        (write("a.h", f"#define {'AB'[n % 2]}\n"), f"a.h {['yes', 'no'][n % 2]}.h")
        for n in range(1, 12)], "a.h yes.h"),
    "an edit through a hard link elsewhere": ('#include "a.h"\n' + IF, "", YN | {
        "far/b.h": "#define A\n"}, [(hard("a.h", "far/b.h"), "a.h yes.h"),
        (write("far/b.h", "#define B\n"), "a.h no.h")], None),
    "a header becomes a directory": (A, "-Ione -Itwo", {"one/a.h": "", "two/a.h": "/* 2 */"}, [
        (both(remove("one/a.h"), mkdir("one/a.h")), "two/a.h"),
        (both(remove("one/a.h"), write("one/a.h", "")), "one/a.h")], "one/a.h"),
    "a search directory comes": (A, "-Ione -Itwo", {"two/a.h": ""}, [
        (write("one/a.h", "/* 1 */"), "one/a.h"), (remove("one"), "two/a.h")], "two/a.h"),
    "an empty search directory comes, then a header": (A, "-Ione -Itwo", {"two/a.h": ""}, [
        (mkdir("one"), "two/a.h"), (write("one/a.h", "/* 1 */"), "one/a.h")], "two/a.h"),
    "a search directory's parent comes": (A, "-Ip/q/one -Itwo", {"two/a.h": ""}, [
        (write("p/q/one/a.h", "/* 1 */"), "p/q/one/a.h"), (move("p", "r"), "two/a.h"),
        (move("r", "p"), "p/q/one/a.h")], "two/a.h"),
    "a search directory becomes a link to another": (A, "-Ione -Itwo -Ithree", {"one/b": "",
        "three/a.h": "", "two/a.h": "/* 2 */"}, [(both(remove("one"), link("one", "three")),
        "three/a.h")], "two/a.h"),
    "two search directories become one": ("#include <a.h>\n", "-Ione -Itwo -Ithree", {
        "one/a.h": "#include_next <a.h>\n", "two/a.h": "/* 2 */", "three/a.h": "/* 3 */"}, [
        (both(remove("two"), link("two", "one")), "one/a.h three/a.h")], "one/a.h two/a.h"),
    "a search directory becomes a file": (A, "-Ione -Itwo", {"one/a.h": "", "two/a.h": "/* 2 */"}, [
        (both(remove("one"), write("one", "file")), "two/a.h")], "one/a.h"),
    "a directory is replaced by another": (A, "-Ione", {"one/a.h": '#include "b.h"\n',
        "one/b.h": "", "new/a.h": '#include "c.h"\n', "new/c.h": ""}, [
        (both(move("one", "old"), move("new", "one")), "one/a.h one/c.h")], "one/a.h one/b.h"),
    "a directory above is replaced": (A, "-It/one", {"t/one/a.h": '#include "b.h"\n',
        "t/one/b.h": "", "n/one/a.h": '#include "c.h"\n', "n/one/c.h": ""}, [
        (both(move("t", "old"), move("n", "t")), "t/one/a.h t/one/c.h")], "t/one/a.h t/one/b.h"),
    "dots through a link that is re-pointed": ('#include "l/../a.h"\n', "", {"p/q/x": "",
        "p/a.h": "/* p */", "r/s/x": "", "r/a.h": "/* r */", "l": ("to", "p/q")}, [
        (link("l", "r/s"), "r/a.h")], "p/a.h"),
    "equal files become of equal time": ('#include "p/a.h"\n#include "q/a.h"\n', "", {
        "p/a.h": ONCE, "q/a.h": ONCE, "yes.h": ""}, [
        (both(touch("p/a.h", WHEN), touch("q/a.h", WHEN)), ("p/a.h", "p/a.h q/a.h yes.h")),
        (touch("q/a.h", WHEN + 60), "p/a.h q/a.h yes.h")], ...),
    "equal files become hard links": ('#include "p/a.h"\n#include "q/a.h"\n', "", {
        "p/a.h": ONCE, "q/a.h": ONCE, "yes.h": ""}, [
        (hard("q/a.h", "p/a.h"), ("p/a.h", "p/a.h q/a.h"))], ...),
    "equal files become links": ('#include "p/a.h"\n#include "q/a.h"\n', "", {
        "p/a.h": ONCE, "q/a.h": ONCE, "yes.h": ""}, [(link("q/a.h", "../p/a.h"), "p/a.h")], ...),
    "a response file changes": (IF, "@opts", YN | {"opts": "-DB\n"}, [
        (write("opts", "-DA\n"), "yes.h"), (write("opts", "-DC\n"), "no.h")], "no.h"),
    "an -include comes nearer": ("", "-include a.h -Ione", {"one/a.h": ""}, [
        (write("a.h", "/* . */"), "a.h"), (remove("a.h"), "one/a.h")], "one/a.h"),
    "an include_next gets a nearer one": (A, "-Ione -Itwo -Ithree", {"one/a.h":
        "#include_next <a.h>\n", "two/": "", "three/a.h": "/* 3 */"}, [
        (write("two/a.h", "/* 2 */"), "one/a.h two/a.h")], "one/a.h three/a.h"),
    "object files come and go": (Q, "", {"a.h": ""}, [
        (write("x.o", "object"), "a.h"), (remove("x.o"), "a.h")], "a.h"),
    "the source is replaced": (Q, "", {"a.h": "", "b.h": "/* b */"}, [
        (replace("x.c", '#include "b.h"\n'), "b.h")], "a.h"),
    "a guard changes": ('#include "a.h"\n#include "a.h"\n', "", {"yes.h": "",
        "a.h": "#ifndef A\n#define A\n#endif\n"}, [
        (write("a.h", '#ifdef A\n#include "yes.h"\n#endif\n#define A\n'), "a.h yes.h")], "a.h"),
}

GCH_WORDS = ("gch", "pch", "precompiled")


def make(root, source, files):
    (root / "x.c").write_text(source)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        elif isinstance(text, tuple):
            path.symlink_to(text[1])
        else:
            path.write_text(text)


def of_tree(root, truth):
    """What a compile read of the tree, beside the source."""
    real = {os.path.relpath(os.path.realpath(p), os.path.realpath(root)) for p in truth.deps}
    return {p for p in real if not p.startswith("../")} - {"x.c"}


def check(root, cc, argv, want, running):
    verdict.forget()
    env = tool.plain_environment()
    truth = compiler.run(str(root), argv, env)
    want = want if not isinstance(want, tuple) else want[cc == "clang"]
    assert truth.accepted == (want is not None), truth.text
    if truth.accepted and want is not ...:
        found = of_tree(root, truth)
        if cc == "clang" and "__has_include" in (root / "x.c").read_text():
            found = {p for p in found if not p.endswith("a.h")}  # probed, and so listed
        assert found == set(want.split())
    if not running:
        return
    scan = running.scan(str(root), argv)
    if not truth.accepted:
        return
    assert scan.outcome == tool.EXACT, scan.reasons
    judged = verdict.judge(cc, truth, scan)
    assert (judged.missing, judged.extra, judged.lexical, judged.tree) == ([], [], [], [])


@pytest.mark.parametrize("cc", COMPILERS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_changes(scenario, cc, tmp_path):
    """With a scan between all steps; and with two, so that a memory of the first answer counts."""
    source, args, files, steps, first = SCENARIOS[scenario]
    make(tmp_path, source, files)
    argv = [cc, "-w", "-c", *args.split(), "x.c"]
    running = tool.Tool([TOOL], tool.plain_environment()) if TOOL else None
    try:
        check(tmp_path, cc, argv, first, running)
        for step, want in steps:
            if running:
                try:
                    running.scan(str(tmp_path), argv)
                except tool.ToolFailed as failed:
                    pytest.fail(str(failed))
            step(tmp_path)
            check(tmp_path, cc, argv, want, running)
    finally:
        if running:
            running.stop()


@pytest.mark.skipif("gcc" not in COMPILERS, reason="no gcc")
@pytest.mark.skipif(not TOOL, reason="SCAN_TOOL is not set")
@pytest.mark.parametrize("name", ["p.h.gch", "p.h.gch/one", "one/p.h.gch"])
def test_gch_comes(name, tmp_path):
    """gcc takes it in silence, stale or not, and no depfile shows it: "cannot know" it is."""
    make(tmp_path, "#include <p.h>\n", {"p.h": "#define P\n", "one/": ""})
    argv = ["gcc", "-w", "-c", "-Ione", "-I.", "x.c"]
    with tool.Tool([TOOL], tool.plain_environment()) as running:
        check(tmp_path, "gcc", argv, "p.h", running)
        write(name, "stands for one")(tmp_path)
        scan = running.scan(str(tmp_path), argv)
        assert scan.outcome == tool.UNKNOWN
        assert any(w in " ".join(scan.reasons).lower() for w in GCH_WORDS), scan.reasons
        remove(name.split("/one")[0])(tmp_path)
        check(tmp_path, "gcc", argv, "p.h", running)


@pytest.mark.skipif(not TOOL, reason="SCAN_TOOL is not set")
@pytest.mark.parametrize("words", [
    "x.c", "-c x.c y.c", "-E x.c", "-c -x c -", "-c", "-M x.c", "-c gone.c", "--version", "x.o",
    "-c -fplugin=a.so x.c", "-c -fmodules x.c", "-c -fprofile-nonsense x.c", "-c -wrapper gdb x.c",
    "-c -fno-such-option x.c", "-c -ivfsoverlay o.yaml x.c", "-c -include-pch p.pch x.c",
    "-c -specs=s x.c", "-c x.c -Xclang -load -Xclang a.so",
])
@pytest.mark.parametrize("cc", COMPILERS)
def test_no_unit(words, cc, tmp_path):
    """Not one source to be compiled, or an option that no scan can follow: it says why."""
    make(tmp_path, "int x;\n", {"y.c": "int y;\n", "x.o": ""})
    with tool.Tool([TOOL], tool.plain_environment()) as running:
        scan = running.scan(str(tmp_path), [cc, *words.split()])
        assert scan.outcome == tool.UNKNOWN or words in ("x.c", "-c gone.c"), scan.paths
        assert running.scan(str(tmp_path), [cc, "-c", "x.c"]).outcome == tool.EXACT


@pytest.mark.skipif(not TOOL, reason="SCAN_TOOL is not set")
def test_counts_come_and_go(tmp_path):
    """Those of an earlier run, which gcc looks for, and lists nowhere."""
    make(tmp_path, "int x;\n", {})
    argv, counts = ["gcc", "-c", "-fprofile-use", "x.c"], tmp_path / "x.gcda"
    with tool.Tool([TOOL], tool.plain_environment()) as running:
        for there in False, True, False:
            if there:
                counts.write_bytes(b"counts")
            else:
                counts.unlink(missing_ok=True)
            scan = running.scan(str(tmp_path), argv)
            assert scan.outcome == tool.EXACT
            assert (f"extra:{counts}" in scan.flags) == there, scan.flags
        counts.mkdir()
        assert running.scan(str(tmp_path), argv).outcome == tool.UNKNOWN


@pytest.mark.skipif(not TOOL or len(COMPILERS) < 2, reason="SCAN_TOOL is not set, or no clang")
def test_random_edits(tmp_path):
    """A slice of what bench/edits does at length; and it sees a scanner that does not look again."""
    program = HERE.parents[1] / "bench/edits"

    def edits(scan_tool, n):
        return subprocess.run(
            [sys.executable, program, "--scan-tool", scan_tool, "--edits", str(n), "--seed", "7",
             "--scratch", tmp_path], capture_output=True, text=True, check=False, timeout=300)

    done = edits(TOOL, 120)
    assert done.returncode == 0, done.stdout + done.stderr
    # Answers the first question of each command again and again.
    forgetful = tmp_path / "forgetful"
    forgetful.write_text(f"""#!{sys.executable}
import subprocess, sys
known = {{}}
for line in sys.stdin:
    if line not in known:
        known[line] = subprocess.run([{TOOL!r}, "--absent"], input=line, capture_output=True,
                                     text=True).stdout
    print(known[line], end="", flush=True)
""")
    forgetful.chmod(0o755)
    assert edits(forgetful, 40).returncode == 1
