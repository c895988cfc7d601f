# SPDX-License-Identifier: GPL-3.0-or-later
"""
Whatever changes, and however it hides that: the object is what a local compile gives at that
moment. With a worker, and with the cache alone. (The plain changes are in test_exact.py.)
"""

import mmap
import os
import random
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from harness import procs
from harness.exact import compiled, edit, make_client
from harness.lab import Mounts, may_mount
from harness.tree import Tree, differences

pytestmark = pytest.mark.ours

WAYS = ["worker", "cache"]


@pytest.fixture(params=WAYS)
def client(request, lab, old_worker):
    """Its compiles go to a worker, or to the cache alone; fresh says which reason they have."""
    one = make_client(lab, [old_worker] if request.param == "worker" else [])
    one.fresh = "exact" if request.param == "worker" else "no-hosts"
    return one


def as_local(client, tree, *argv, **env):
    """It went some way, and came out as a local compile."""
    wanted = client.lab.local(tree, *argv, **env)
    got = client.compile(tree, *argv, **env)
    assert not differences(got.without_notes(), wanted), client.last_job()
    return got


# ---- one change of one tree ----


def keeping_times(change):
    """As cp -p, rsync and tar do it."""

    def wrapped(t):
        before = os.stat(t / "a.h")
        change(t)
        os.utime(t / "a.h", ns=(before.st_atime_ns, before.st_mtime_ns))

    return wrapped


def write(name, text):
    return lambda t: (t / name).write_text(text)


def replace(t):
    (t / "new").write_text("#define A 2\n")
    (t / "new").rename(t / "a.h")


def through_a_mapping(t):
    with open(t / "a.h", "r+b") as f:
        mapping = mmap.mmap(f.fileno(), 0)
    mapping[10:11] = b"2"
    mapping.close()


def link_and_write(t):
    os.link(t / "a.h", t / "elsewhere")
    (t / "elsewhere").write_text("#define A 2\n")


def dated(when):
    def change(t):
        (t / "a.h").write_text("#define A 2\n")
        os.utime(t / "a.h", (when, when))

    return change


def relink(name, target):
    def change(t):
        (t / name).unlink()
        (t / name).symlink_to(target)

    return change


def swap_directories(t):
    (t / "inc").rename(t / "kept")
    (t / "other").rename(t / "inc")


def away_and_back_edited(t):
    (t / "inc").rename(t / "kept")
    (t / "kept/b.h").write_text("#define B 2\n")
    (t / "kept").rename(t / "inc")


def precompiled(t):
    """Of the header as it was before: gcc takes it all the same."""
    (t / "c1.h").write_text("#ifndef C\n#define C 2\n#endif\n")
    header = ["gcc", "-g", "-x", "c-header", t / "c1.h", "-o", t / "c1.h.gch"]
    assert procs.wait(procs.spawn(header)) == 0
    (t / "c1.h").write_text("#ifndef C\n#define C 1\n#endif\n")


SOURCE = """#include "a.h"
#include <b.h>
#include "l.h"
#include FROM
int f(void) { return A + 10 * B + 100 * L + 1000 * C; }
"""
FILES = {
    "u.c": SOURCE,
    "a.h": "#define A 1\n",
    "inc/b.h": "#define B 1\n",
    "other/b.h": "#define B 2\n",
    "k1/l.h": "#define L 1\n",
    "k2/l.h": "#define L 2\n",
    "c1.h": "#define C 1\n",
    "c2.h": "#define C 2\n",
    "last/stddef.h": "#define B 9\n",
}
LINKS = {"l.h": "k/l.h", "k": "k0", "k0": "k1"}
ARGV = ("gcc", "-g", "-include", "c1.h", "-DFROM=\"c1.h\"", "-Imissing", "-Iinc")
ARGV += ("-iquote", "quote", "-c", "u.c", "-o", "u.o")

CHANGES = {
    "written in place, its time as before": keeping_times(write("a.h", "#define A 2\n")),
    "replaced, its time as before": keeping_times(replace),
    "stored through a mapping": through_a_mapping,
    "stored through a mapping, its time as before": keeping_times(through_a_mapping),
    "written by another name": write("elsewhere", "#define A 2\n"),
    "given another name and written by it": link_and_write,
    "dated to the future": dated(4000000000),
    "dated to the past": dated(1),
    "emptied": write("a.h", "enum { A };\n"),
    "a link in the middle": relink("k0", "k2"),
    "a link in place of the file": relink("c1.h", "c2.h"),
    "another directory of that name": swap_directories,
    "a directory away, edited, and back": away_and_back_edited,
    "a directory that was missing": lambda t: (t / "other").rename(t / "missing"),
    "a header beside the source": write("quote/l.h", "#define L 3\n"),
    "a source that becomes a link": lambda t: (
        (t / "v.c").write_text(SOURCE + "int more;\n"), (t / "u.c").unlink(),
        (t / "u.c").symlink_to("v.c")),
    "a stale precompiled header": precompiled,
}


def prepared(lab, what):
    tree = lab.tree(FILES)
    (tree.path / "quote").mkdir()
    for name, target in LINKS.items():
        (tree.path / name).symlink_to(target)
    if what == "written by another name":
        os.link(tree.path / "a.h", tree.path / "elsewhere")
    tree.source = tree.snapshot()
    return tree


def test_change(lab, client):
    for what, change in CHANGES.items():
        print(what)
        tree = prepared(lab, what)
        before = compiled(client, tree, *ARGV, reason=client.fresh)
        compiled(client, tree, *ARGV, reason="cached")
        edit(tree, change)
        after = as_local(client, tree, *ARGV)
        assert after.files["u.o"] != before.files["u.o"] or what.startswith("a header beside")


def test_header_goes_and_comes(lab, client):
    """An error is the compiler's own, and is not remembered."""
    tree = prepared(lab, "")
    argv = ("gcc", *ARGV[1:])
    before = compiled(client, tree, *argv, reason=client.fresh)
    (tree.path / "a.h").rename(tree.path / "gone")
    tree.source = tree.snapshot()
    assert as_local(client, tree, *argv).code == 1
    (tree.path / "a.h").mkdir()
    assert as_local(client, tree, *argv).code == 1
    (tree.path / "a.h").rmdir()
    (tree.path / "gone").rename(tree.path / "a.h")
    tree.source = tree.snapshot()
    assert as_local(client, tree, *argv) == before


def test_working_directory_by_a_link(lab, client):
    """The name that the shell knows leads to another tree from now on."""
    trees = [lab.tree({**FILES, "a.h": f"#define A {i}\n", "l.h": "#define L 1\n"})
             for i in range(2)]
    link = trees[0].path.parent / "link"
    for i in (0, 1, 0, 1):
        link.unlink(missing_ok=True)
        link.symlink_to(trees[i].path)
        got = as_local(client, trees[i], *ARGV, PWD=link)
        assert str(link).encode() in got.files["u.o"]


ONCE = {
    "pragma": "#pragma once\n",
    "guard": "#ifndef X_H\n#define X_H\n",
    "import": "",
}


@pytest.mark.parametrize("once", ONCE)
def test_equal_headers(lab, client, once):
    """In two places: whether they are one is told by times, by inodes, by links; or by nothing."""
    text = ONCE[once] + "#ifdef SEEN\nint twice;\n#endif\n#define SEEN\n"
    text += "#endif\n" * (once == "guard")
    word = "import" if once == "import" else "include"
    source = f'#{word} "x/h.h"\n#{word} "y/h.h"\nint end;\n'
    for how in ("equal times", "other times", "hard link", "link", "directory link"):
        tree = lab.tree({"u.c": source, "x/h.h": text, "y/h.h": text})
        x, y = tree.path / "x/h.h", tree.path / "y/h.h"
        os.utime(x, (1000, 1000))
        os.utime(y, (1000, 1000 if how == "equal times" else 2000))
        if how.endswith("link"):
            y.unlink()
        if how == "hard link":
            os.link(x, y)
        elif how == "link":
            y.symlink_to("../x/h.h")
        elif how == "directory link":
            y.parent.rmdir()
            y.parent.symlink_to("x")
        tree.source = tree.snapshot()
        for cc in ("gcc", "clang"):
            for _ in range(2):
                as_local(client, tree, cc, "-Wno-deprecated", "-c", "u.c", "-o", "u.o")


# ---- file systems ----


@pytest.fixture
def mounts(lab):
    if not may_mount():
        pytest.skip("no mount namespace")
    return lab.closing(Mounts())


def inside(lab, client, mounts):
    """A compile in there, held against a local one in there."""
    client.inside = mounts.enter

    def compile_(tree):
        wanted = lab.local(tree, *mounts.enter(tree.path), *ARGV)
        got = client.compile(tree, *ARGV)
        assert not differences(got.without_notes(), wanted), client.last_job()
        return got.files["u.o"]

    return compile_


def test_bind_mount(lab, client, mounts):
    tree = prepared(lab, "")
    inc, other = tree.path / "inc", tree.path / "other"
    compile_ = inside(lab, client, mounts)
    before = compile_(tree)
    assert compile_(tree) == before
    mounts.run("mount", "--bind", other, inc)
    assert compile_(tree) != before
    (other / "b.h").write_text("#define B 7\n")
    tree.source = tree.snapshot()
    third = compile_(tree)
    mounts.run("umount", inc)
    assert compile_(tree) == before != third
    # A single file, too.
    mounts.run("mount", "--bind", tree.path / "c2.h", tree.path / "c1.h")
    assert compile_(tree) != before
    client.stop()


def test_one_directory_at_two_places(lab, client, mounts):
    """By a bind mount, both have one inode, and compilers drop one of two such search paths."""
    next_ = "#include_next <stddef.h>\n#define HERE\n"
    tree = lab.tree({"u.c": "#include <stddef.h>\n#include \"b/stddef.h\"\nsize_t s;\n",
                     "a/stddef.h": next_, "b/x": ""})
    mounts.run("mount", "--bind", tree.path / "a", tree.path / "b")
    client.inside = mounts.enter
    for cc in ("gcc", "clang"):
        argv = (cc, "-Ia", "-Ib", "-c", "u.c", "-o", "u.o")
        wanted = lab.local(tree, *mounts.enter(tree.path), *argv)
        for _ in range(2):
            got = client.compile(tree, *argv)
            assert not differences(got.without_notes(), wanted)
    client.stop()


@pytest.mark.parametrize("kind", ["tmpfs", "overlay"])
def test_mounted_directory(lab, client, mounts, kind):
    tree = prepared(lab, "")
    inc = tree.path / "inc"
    if kind == "tmpfs":
        mounts.run("mount", "-t", "tmpfs", "none", inc)
        mounts.run("sh", "-c", 'echo "#define B 1" >b.h', cwd=inc)
    else:
        disk = lab.directory("o")
        mounts.run("mount", "-t", "tmpfs", "none", disk)
        mounts.run("mkdir", disk / "upper", disk / "work")
        mounts.run("mount", "-t", "overlay", "-o",
                   f"lowerdir={tree.path / 'other'}:{inc},"
                   f"upperdir={disk}/upper,workdir={disk}/work", "none", inc)
    compile_ = inside(lab, client, mounts)
    seen = set()
    for change in (
        ":",
        'echo "#define B 3" >b.h',
        "cp -p b.h c; sed -i s/3/4/ c; touch -r b.h c; mv c b.h",
        "touch -r b.h t; echo '#define B 5' >b.h; touch -r t b.h",
        "ln b.h d; echo '#define B 6' >d",
        "rm b.h; ln -s d b.h; echo '#define B 7' >d",
        "mkdir e; echo '#define B 8' >e/b.h; rm b.h; ln -s e/b.h b.h",
        "mv e f; mkdir e; echo '#define B 9' >e/b.h",
    ):
        mounts.run("sh", "-c", change, cwd=inc)
        got = compile_(tree)
        assert compile_(tree) == got and got not in seen, change
        seen.add(got)
    client.stop()


def test_memory_disk(lab, client):
    """A whole tree where times are as coarse as the kernel's tick."""
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no /dev/shm")
    path = Path(tempfile.mkdtemp(prefix="dt-", dir="/dev/shm"))
    # What is below /dev is compiled from preprocessed text, which shows in debug information.
    argv = [a for a in ARGV if a != "-g"]
    try:
        tree = Tree(path / "src", {**FILES, "l.h": "#define L 1\n"})
        seen = set()
        for i in range(10):
            edit(tree, keeping_times(write("a.h", f"#define A {i}\n")))
            seen.add(as_local(client, tree, *argv).files["u.o"])
        assert len(seen) == 10
    finally:
        shutil.rmtree(path)


# ---- in the middle of it ----


def again(t):
    (t / "a.h").write_text("#define A 1\n")


THERE_AND_BACK = {
    "a header": (write("a.h", "#define A 2\n"), again),
    "a header that is put aside": (
        lambda t: ((t / "a.h").rename(t / "kept"), (t / "a.h").write_text("enum { A };\n")),
        lambda t: (t / "kept").rename(t / "a.h")),
    "a probe": (write("maybe.h", ""), lambda t: (t / "maybe.h").unlink()),
    "a link": (relink("l.h", "k2/l.h"), relink("l.h", "k/l.h")),
    "a directory": (swap_directories,
                    lambda t: ((t / "inc").rename(t / "other"), (t / "kept").rename(t / "inc"))),
}


# cc1 reads the headers when it has come to the end of the functions before them.
SLOW = "".join(f"int g{i}(int x) {{ return x / {i + 1}; }}\n" for i in range(800))
AT_LAST = """#include "a.h"
#include <b.h>
#include "l.h"
#if __has_include("maybe.h")
int maybe;
#endif
int f(void) { return A + 10 * B + 100 * L; }
"""


def those_that(name, word):
    return [pid for pid, stat in procs.descendants().items()
            if stat.comm == name and word in procs.command_line(pid)]


def stop(pid):
    try:
        os.kill(pid, signal.SIGSTOP)
        return True
    except ProcessLookupError:
        return False


def compiled_meanwhile(client, tree, argv, there, back):
    """The object that comes about when there is done before the headers are read, back after it."""
    running = client.start([client.program, *argv], tree.path)
    cc1 = procs.eventually("cc1 runs", lambda: those_that("cc1", "u.c"))[0]
    stat = stop(cc1) and procs.stat(cc1)
    driver = stat and stat.parent
    if not driver or not stop(driver):  # both have ended
        assert running.wait().code == 0
        return tree.changes()[0]["u.o"]
    there(tree.path)
    os.kill(cc1, signal.SIGCONT)
    procs.eventually("cc1 has ended", lambda: not those_that("cc1", "u.c"))
    back(tree.path)
    os.kill(driver, signal.SIGCONT)
    assert running.wait().code == 0
    return tree.changes()[0]["u.o"]


@pytest.mark.parametrize("what", THERE_AND_BACK)
def test_away_and_back_while_it_compiles(lab, what):
    """As "git stash" does it: before and after, all is as it was; what was compiled is not."""
    client, tree = make_client(lab), prepared(lab, "")
    argv = ("gcc", "-Iinc", "-c", "u.c", "-o", "u.o")
    there, back = THERE_AND_BACK[what]
    # Its toolchain is known by then.
    as_local(client, tree, "gcc", "-c", "-x", "c", "c1.h", "-o", "c.o")
    for i in range(50):
        edit(tree, lambda t, i=i: (t / "u.c").write_text(f"int x{i};\n" + SLOW + AT_LAST))
        wanted = lab.local(tree, *argv)
        if compiled_meanwhile(client, tree, argv, there, back) != wanted.files["u.o"]:
            break  # else cc1 was faster than we
    else:
        pytest.fail("never in time")
    # What comes after it has been kept, so it would have been too.
    for reason in ("no-hosts", "cached"):
        compiled(client, tree, "gcc", "-c", "-x", "c", "c2.h", "-o", "c.o", reason=reason)
    assert not differences(client.compile(tree, *argv), wanted)


@pytest.mark.parametrize("other", ["./u.o", "link/u.o", "{tree}/u.o"])
def test_output_of_another_job(lab, other):
    """Two at once write one file, which has two names: neither is kept as the other."""
    client, tree = make_client(lab), prepared(lab, "")
    (tree.path / "link").symlink_to(".")
    other = other.format(tree=tree.path)
    compile_ = ("gcc", "-Iinc", "-c", "u.c", "-o")
    as_local(client, tree, "gcc", "-c", "-x", "c", "c1.h", "-o", "c.o")
    for i in range(50):
        edit(tree, lambda t, i=i: (t / "u.c").write_text(f"int x{i} = X;\n" + SLOW + AT_LAST))
        running = client.start([client.program, *compile_, "u.o", "-DX=1"], tree.path)
        found = procs.eventually("it assembles", lambda: running.process.poll() is not None
                                 or those_that("as", "u.o"))
        stat = found is not True and procs.stat(found[0])
        if not stat or not stop(stat.parent):
            running.wait()
            continue  # it was faster than we
        procs.eventually("as has ended", lambda: not those_that("as", "u.o"))
        assert client.run(*compile_, other, "-DX=2", cwd=tree.path).code == 0
        os.kill(stat.parent, signal.SIGCONT)
        assert running.wait().code == 0
        break
    else:
        pytest.fail("never in time")
    tree.changes()
    for reason in ("no-hosts", "cached"):
        compiled(client, tree, "gcc", "-c", "-x", "c", "c2.h", "-o", "c.o", reason=reason)
    for x in (1, 2):
        as_local(client, tree, *compile_, "u.o", f"-DX={x}")


def objects(tree):
    return {p.name: p.read_bytes() for p in sorted(tree.path.rglob("*.o"))}


MAKEFILE = """
OBJECTS = a.o b.o c.o d.o late.o
all: $(OBJECTS)
a.o b.o: gen/gen.h
c.o: | stamp
gen/gen.h: value
\tmkdir -p gen; echo "#define GEN $$(cat value)" >gen/gen.h
stamp: value
\techo "#define LATE $$(cat value)" >late.new; mv late.new late.h; touch stamp
late.o: late.c
\tcp value v2; $(CC) -DV=$$(cat v2) $(CFLAGS) -c late.c -o late.o
%.o: %.c
\t$(CC) $(CFLAGS) -c $< -o $@
"""
UNITS = {
    "a.c": '#include "gen.h"\nint a = GEN;\n',
    "b.c": '#include <gen.h>\nint b = GEN + 1;\n',
    "c.c": '#if __has_include("late.h")\n#include "late.h"\n#endif\nint c = LATE;\n',
    "d.c": "int d;\n",
    "late.c": "int late = V;\n",
}


def made(client, trees, **env):
    """All at once with distcc, then one by one without: the objects of each tree."""
    def make(one, tree, cc):
        argv = ["make", "-j4", f"CC={cc}", "CFLAGS=-g -O1 -Igen -I."]
        return one.start(argv, tree.path, **env)

    def clean(tree):
        for name in [*tree.path.rglob("*.o"), *tree.path.glob("gen/*"), tree.path / "stamp",
                     tree.path / "late.h"]:
            name.unlink(missing_ok=True)

    for tree in trees:
        clean(tree)
    for running in [make(client, tree, f"{client.program} gcc") for tree in trees]:
        result = running.wait()
        assert result.code == 0, result
    got = [objects(tree) for tree in trees]
    for tree, had in zip(trees, got, strict=True):
        clean(tree)
        assert make(client, tree, "gcc").wait().code == 0
        assert objects(tree) == had
    return got


def test_headers_made_by_the_build(lab, client):
    tree = lab.tree({"Makefile": MAKEFILE, "value": "1\n", **UNITS})
    seen = []
    for value in (1, 2, 1, 3):
        (tree.path / "value").write_text(f"{value}\n")
        seen += made(client, [tree])
    assert seen[0] == seen[2] and seen[0] != seen[1] != seen[3]


def test_two_trees_at_once(lab, client):
    """Of the same names, through one agent."""
    trees = [lab.tree({"Makefile": MAKEFILE, "value": f"{i}\n", **UNITS}) for i in range(2)]
    for _ in range(3):
        one, two = made(client, trees)
        assert one != two
        for tree in trees:
            (tree.path / "value").write_text(f"1{(tree.path / 'value').read_text()}")


def test_header_made_just_in_time(lab, client):
    """By somebody who does not wait: the one or the other, and the right one from then on."""
    tree = lab.tree({"u.c": UNITS["c.c"].replace("LATE;", "1\n#ifdef LATE\n+ LATE\n#endif\n;")})
    argv, late = ("gcc", "-c", "u.c", "-o", "u.o"), tree.path / "late.h"
    without = as_local(client, tree, *argv).files["u.o"]
    for i in range(12):
        running = client.start([client.program, *argv], tree.path)
        if i % 3:
            procs.eventually("it is under way", lambda: i % 3 == 1 or len(client.jobs()) > 0)
        late.write_text(f"#define LATE {i}\n")
        assert running.wait().code == 0
        first = (tree.path / "u.o").read_bytes()
        (tree.path / "u.o").unlink()
        tree.source = tree.snapshot()
        now = as_local(client, tree, *argv).files["u.o"]
        assert first in (without, now)
        late.unlink()
        tree.source = tree.snapshot()
        assert as_local(client, tree, *argv).files["u.o"] == without


# ---- whatever ----


def random_edit(lots, t):
    name = lots.choice(["a.h", "inc/b.h", "k1/l.h", "k2/l.h", "c1.h", "missing/b.h", "quote/l.h"])
    letter = {"a": "A", "b": "B", "l": "L", "c": "C"}[Path(name).name[0]]
    text = f"#define {letter} {lots.randrange(10)}\n"
    path = t / name
    path.parent.mkdir(exist_ok=True)
    match lots.randrange(8):
        case 0 | 1:
            path.write_text(text)
        case 2:
            (t / "new").write_text(text)
            (t / "new").rename(path)
        case 3:
            if path.exists():
                was = path.stat()
                path.write_text(text)
                os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
        case 4:
            if name.startswith(("missing", "quote")):
                path.unlink(missing_ok=True)
        case 5:
            relink("k0", lots.choice(["k1", "k2"]))(t)
        case 6:
            (t / "inc").rename(t / "swap")
            (t / "other").rename(t / "inc")
            (t / "swap").rename(t / "other")
        case 7:
            (t / "elsewhere").unlink(missing_ok=True)
            if path.exists():
                os.link(path, t / "elsewhere")
                (t / "elsewhere").write_text(text)
    return name


def test_random_edits(lab, client, seed):
    lots, tree = random.Random(seed), prepared(lab, "")
    for _ in range(30):
        edit(tree, lambda t: random_edit(lots, t))
        as_local(client, tree, *ARGV)
