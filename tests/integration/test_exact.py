# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact mode: what comes back, what is kept, and what must never be given again."""

import os
import shutil
import signal

import pytest

from harness import exact, procs
from harness.exact import edit, make_client, start_worker
from harness.tree import differences

pytestmark = pytest.mark.ours

SOURCE = '#include "a.h"\n#include <stddef.h>\nint f(void) { return A + (int)sizeof(size_t); }\n'
OPTIONS = ("-g", "-O1", "-c", "u.c", "-o", "u.o")


@pytest.fixture
def worker(old_worker):
    return old_worker


@pytest.fixture
def fresh_worker(lab):
    """One of its own, which has nothing yet."""
    return start_worker(lab)


@pytest.fixture
def client(lab):
    return lambda *args, **env: make_client(lab, *args, **env)


def compiled(client, tree, *argv, reason):
    return exact.compiled(client, tree, *(argv or ("gcc", *OPTIONS)), reason=reason)


def units(lab, **more):
    return lab.tree({"u.c": SOURCE, "a.h": "#define A 1\n", **more})


COMMANDS = [
    ("gcc", *OPTIONS),
    ("gcc", "-O2", "-MD", "-MP", "-c", "u.c", "-o", "u.o"),
    ("gcc", "-MMD", "-MF", "u.deps", "-c", "u.c", "-o", "u.o"),
    ("gcc", "-frandom-seed=1", "-g3", "-gsplit-dwarf", "-c", "u.c", "-o", "u.o"),
    ("gcc", "-frandom-seed=1", "--coverage", "-c", "u.c", "-o", "u.o"),
    ("gcc", "-frandom-seed=1", "-flto", "-c", "u.c", "-o", "u.o"),
    ("gcc", "-fsanitize=address,undefined", "-c", "u.c", "-o", "u.o"),
    ("gcc", "-fstack-usage", "-c", "u.c", "-o", "u.o"),
    ("gcc", "-Wall", "-Wextra", "-S", "u.c", "-o", "u.s"),
    ("g++", "-g", "-x", "c++", "-c", "u.c", "-o", "u.o"),
    ("clang", "-g", "-O2", "-c", "u.c", "-o", "u.o"),
    ("clang", "-g", "-gsplit-dwarf", "-MD", "-c", "u.c", "-o", "u.o"),
    ("clang", "-flto", "-c", "u.c", "-o", "u.o"),
    ("clang++", "-x", "c++", "-fsanitize=undefined", "-c", "u.c", "-o", "u.o"),
]


@pytest.mark.parametrize("argv", COMMANDS, ids=" ".join)
def test_bytes(lab, worker, client, argv):
    one, tree = client([worker]), units(lab)
    compiled(one, tree, *argv, reason="exact")
    compiled(one, tree, *argv, reason="cached")
    # And by a cache alone, filled by the compiler here.
    alone = client()
    compiled(alone, tree, *argv, reason="no-hosts")
    compiled(alone, tree, *argv, reason="cached")


def test_it_is_the_default(lab, worker):
    """Neither 0 nor 1 leaves a switch as it is."""
    one, tree = make_client(lab, [worker], DISTCC_EXACT=""), units(lab)
    compiled(one, tree, reason="exact")
    compiled(make_client(lab, [worker], DISTCC_EXACT=0), tree, "gcc", "-O1", "-c", "u.c", "-o",
             "u.o", reason="remote")


def test_a_registered_compiler(lab, worker, client):
    """One whose name tells nothing."""
    tree, place = units(lab), lab.directory("vendor")
    shutil.copytree("/usr/lib/gcc", place / "lib/gcc", symlinks=True)
    (place / "bin").mkdir()
    shutil.copy(os.path.realpath(shutil.which("gcc")), place / "bin/vendor5")
    argv = (str(place / "bin/vendor5"), "-g", "-c", "u.c", "-o", "u.o")
    compiled(client([worker]), tree, *argv, reason="unknown-compiler")
    compiled(client([worker], DISTCC_COMPILERS="vendor5=gcc"), tree, *argv, reason="exact")


def test_diagnostics(lab, worker, client):
    text = '#include "a.h"\nint f(void) { int unused; return A; }\n'
    tree, one = lab.tree({"u.c": text, "a.h": "#warning it is old\n#define A 1\n"}), client([worker])
    for reason in ("exact", "cached"):
        got = compiled(one, tree, "gcc", "-Wall", *OPTIONS, reason=reason)
        assert b"it is old" in got.err and b"unused" in got.err


@pytest.mark.parametrize("cc", ["gcc", "clang"])
@pytest.mark.parametrize("listed", [(), ("-MD",), ("-MMD", "-MP")], ids=" ".join)
def test_header_by_two_names(lab, worker, client, cc, listed):
    """As "a.h" beside the source, and as "./a.h" from a directory below, by -I."""
    tree = lab.tree({"u.c": '#include "a.h"\n#include "sub/b.h"\nint f(void) { return A + B; }\n',
                     "a.h": "#ifndef A\n#define A 1\n#endif\n",
                     "sub/b.h": '#include "a.h"\n#define B A\n'})
    one, argv = client([worker]), (cc, "-I.", *listed, *OPTIONS)
    compiled(one, tree, *argv, reason="exact")
    compiled(one, tree, *argv, reason="cached")


def test_kept_while_hosts_rest(lab, client):
    """Nobody is there: compiled here, and that result is kept too."""
    one, tree = client(["127.0.0.1:1"]), units(lab)
    got = one.compile(tree, "gcc", *OPTIONS)  # it says that the host does not answer
    assert not differences(got.without_notes(), lab.local(tree, "gcc", *OPTIONS))
    assert one.last_job()["reason"] == "rex-refused"
    compiled(one, tree, reason="cached")
    edit(tree, CHANGES["an included header"])
    compiled(one, tree, reason="hosts-resting")
    compiled(one, tree, reason="cached")


def test_kept_by_localhost(lab, worker, client):
    """A host whose only slot is taken, and localhost beside it."""
    one, tree = client([f"127.0.0.1:{worker.port}/1", "localhost/1"]), units(lab)
    all_argv = [("gcc", f"-DN={n}", "-c", "u.c", "-o", f"u{n}.o") for n in range(8)]
    jobs = [one.start([one.program, *argv], tree.path) for argv in all_argv]
    assert [job.wait().code for job in jobs] == [0] * 8
    assert {job["reason"] for job in one.jobs()} == {"exact", "localhost"}
    for argv in all_argv:
        procs.eventually("it is kept", lambda argv=argv: (
            one.run(*argv, cwd=tree.path).code == 0 and one.last_job()["reason"] == "cached"))


def test_errors_are_the_compilers_own(lab, worker, client):
    tree = lab.tree({"u.c": "int f(void) { return A; }\n"})
    got = compiled(client([worker]), tree, reason="compile-failed")
    assert got.code == 1


def test_nothing_is_sent_twice(lab, fresh_worker, client):
    one, tree = client([fresh_worker], DISTCC_CACHE_SIZE=0), units(lab)
    compiled(one, tree, reason="exact")
    first = one.last_job()
    edit(tree, CHANGES["an included header"])
    compiled(one, tree, reason="exact")
    assert int(one.last_job()["bytes_up"]) * 20 < int(first["bytes_up"])


def test_adopted_compilers(lab, client):
    """A worker with the same compiler is not sent it."""
    source = units(lab)
    sent = {}
    for options in ([], ["--adopt", "gcc", "--adopt", "no-such-compiler"]):
        worker = start_worker(lab, options=options, compilers="/usr/bin")
        if options:
            procs.eventually("it is adopted", lambda log=worker.log: "adopted" in log.read_text())
            assert "no-such-compiler" in worker.log.read_text()
        one = client([worker], DISTCC_CACHE_SIZE=0)
        compiled(one, source, reason="exact")
        sent[bool(options)] = int(one.last_job()["bytes_up"])
    assert sent[True] * 20 < sent[False], sent


CHANGES = {
    "an included header": lambda t: (t / "a.h").write_text("#define A 2\n"),
    "one that shadows it": lambda t: (t / "first/b.h").write_text("#define B 5\n"),
    "a probe that flips": lambda t: (t / "maybe.h").write_text("#define MAYBE 7\n"),
    "a link that is re-pointed": lambda t: ((t / "l.h").unlink(), (t / "l.h").symlink_to("m.h")),
    "the source": lambda t: (t / "v.c").write_text((t / "v.c").read_text() + "int more;\n"),
}

MANY = """#include "a.h"
#include <b.h>
#include "l.h"
#if __has_include("maybe.h")
#include "maybe.h"
#else
#define MAYBE 0
#endif
int f(void) { return A * 1000 + B * 100 + L * 10 + MAYBE; }
"""


@pytest.mark.parametrize("hosts", [True, False], ids=["worker", "cache"])
@pytest.mark.parametrize("change", CHANGES)
def test_no_stale_object(lab, worker, client, change, hosts):
    tree = lab.tree({"v.c": MANY, "a.h": "#define A 1\n", "second/b.h": "#define B 2\n",
                     "first/x.h": "", "k.h": "#define L 3\n", "m.h": "#define L 4\n"})
    edit(tree, lambda path: (path / "l.h").symlink_to("k.h"))
    argv = ("gcc", "-g", "-Ifirst", "-Isecond", "-c", "v.c", "-o", "v.o")
    one = client([worker] if hosts else ())
    fresh = "exact" if hosts else "no-hosts"
    before = compiled(one, tree, *argv, reason=fresh)
    compiled(one, tree, *argv, reason="cached")
    edit(tree, CHANGES[change])
    after = compiled(one, tree, *argv, reason=fresh)
    assert after != before
    compiled(one, tree, *argv, reason="cached")


def test_header_that_changes_while_it_is_compiled(lab, client):
    """By whoever compiles beside us: what was read is not what was foreseen, and is not kept."""
    one, tree = client(), units(lab)
    compiled(one, tree, reason="no-hosts")
    # A large unit, and a header that is written again as soon as the compiler runs.
    body = "".join(f"int g{i}(int x) {{ return x / {i + 1}; }}\n" for i in range(1500))
    edit(tree, lambda path: (path / "u.c").write_text(SOURCE + body))
    running = one.start([one.program, "gcc", *OPTIONS], tree.path)
    procs.eventually("it compiles", lambda: any(
        "cc1" in procs.command_line(pid) for pid in procs.descendants()))
    edit(tree, CHANGES["an included header"])
    assert running.wait().code == 0
    tree.changes()
    compiled(one, tree, reason="no-hosts")
    compiled(one, tree, reason="cached")


def test_time_in_the_text(lab, worker, client):
    tree = lab.tree({"u.c": "const char *t = __TIME__;\n"})
    one = client([worker])
    one.compile(tree, "gcc", "-c", "u.c", "-o", "u.o")
    assert one.last_job()["reason"] not in ("exact", "cached")


def test_identical_headers_at_two_paths(lab, worker, client):
    once = ("#pragma once\n#ifdef SEEN\n#warning defined twice\n#endif\n#define SEEN\n"
            "extern int x;\n")
    tree = lab.tree({"u.c": '#include "x/h.h"\n#include "y/h.h"\n', "x/h.h": once, "y/h.h": once})
    one = client([worker])
    for when in (1000, 2000):
        os.utime(tree.path / "x/h.h", (1000, 1000))
        os.utime(tree.path / "y/h.h", (when, when))
        for cc in ("gcc", "clang"):
            # gcc takes them for one file if their times are equal, clang never.
            one_file = cc == "gcc" and when == 1000
            got = compiled(one, tree, cc, "-DTWICE", "-c", "u.c", "-o", "u.o", reason="exact")
            assert (b"defined twice" in got.err) == (not one_file)


def test_old_server(lab, client):
    """distcc 3.4 does not speak it: the plain way, and it is not asked again."""
    old = lab.worker(flavour="debian")
    one, tree = client([old]), units(lab)
    for _ in range(2):
        one.compile(tree, "gcc", "-O1", "-c", "u.c", "-o", "u.o")
        assert one.last_job()["reason"] == "remote"


def test_worker_without_a_store(lab, client):
    plain = lab.worker()
    one, tree = client([plain]), units(lab)
    one.compile(tree, "gcc", "-O1", "-c", "u.c", "-o", "u.o")
    assert one.last_job()["reason"] == "remote"


def test_worker_is_killed(lab, fresh_worker, client):
    one, tree = client([fresh_worker], DISTCC_CACHE_SIZE=0, DISTCC_BACKOFF_PERIOD=0), units(lab)
    compiled(one, tree, reason="exact")
    fresh_worker.kill()
    got = one.compile(tree, "gcc", *OPTIONS)
    assert got.code == 0 and one.last_job()["where"] == "local"
    fresh_worker.start()
    compiled(one, tree, reason="exact")


def test_user_goes_away(lab, fresh_worker, client):
    one, tree = client([fresh_worker], DISTCC_CACHE_SIZE=0), units(lab)
    compiled(one, tree, reason="exact")
    body = "".join(f"int g{i}(int x) {{ return x / {i + 1}; }}\n" for i in range(20000))
    edit(tree, lambda path: (path / "u.c").write_text(body))
    running = one.start([one.program, "gcc", "-O2", "-c", "u.c", "-o", "u.o"], tree.path)
    procs.eventually("it runs there", lambda: [
        j for j in one.jobs() if j["state"] != "done" and j["where"] != "-"])
    os.kill(running.pid, signal.SIGTERM)
    running.wait()
    procs.eventually("the compiler is gone", lambda: not [
        pid for pid in procs.descendants(fresh_worker.process.pid)
        if "cc1" in procs.command_line(pid)])
    edit(tree, lambda path: (path / "u.c").write_text(SOURCE))
    compiled(one, tree, reason="exact")


def test_cache_that_is_garbage(lab, client):
    cache = lab.directory("g")
    (cache / "actions.sqlite").write_bytes(b"garbage" * 100)
    (cache / "index").write_bytes(b"garbage")
    one, tree = client(DISTCC_CACHE_DIR=cache), units(lab)
    compiled(one, tree, reason="no-hosts")
    compiled(one, tree, reason="cached")


def test_two_agents_of_one_cache(lab, client):
    """The second has none, and compiles."""
    cache = lab.directory("g")
    tree = units(lab)
    compiled(client(DISTCC_CACHE_DIR=cache), tree, reason="no-hosts")
    compiled(client(DISTCC_CACHE_DIR=cache), tree, reason="no-hosts")


def test_explain(lab, client):
    one, tree = client(), units(lab)
    compiled(one, tree, reason="no-hosts")
    got = one.run("--distcc-explain", "gcc", *OPTIONS, cwd=tree.path)
    assert b"not compiled: its result was kept here" in got.err


def story(one, tree, *argv, **env):
    """The labels of --explain's lines in their order, and all of its text."""
    got = one.run("--explain", *argv, cwd=tree.path, **env)
    lines = got.err.decode().splitlines()
    assert 0 < len(lines) <= 40, lines
    return [line[14:26].strip() for line in lines if line[10:12] == "ms"], got


def test_the_story_of_a_compile(lab, fresh_worker, client):
    one, tree = client([fresh_worker]), units(lab)
    labels, got = story(one, tree, "gcc", *OPTIONS)
    assert got.code == 0 and (tree.path / "u.o").exists()
    for label in ("command", "compiler", "hosts", "scan", "toolchain", "action", "cache", "answer",
                  "check", "written", "end"):
        assert label in labels, got.err.decode()
    assert labels[0] == "command" and labels[-1] == "end"
    assert f"compiled on {fresh_worker.host()}".encode() in got.err

    procs.eventually("it is kept", lambda: b"its result was kept here" in
                     story(one, tree, "gcc", *OPTIONS)[1].err)


def found(one, tree):
    """How --explain says that the toolchain was found."""
    got = one.run("--explain", "gcc", *OPTIONS, cwd=tree.path)
    return next(line for line in got.err.decode().splitlines() if "toolchain" in line)


def test_a_toolchain_is_found_once(lab, client):
    """By asking; then by memory; by the database after the agent's end; anew when it is another."""
    one, tree = client(known=False), units(lab)
    assert "by asking" in found(one, tree)
    assert "all as they were:" in found(one, tree)
    one.run("--stop-agent")
    assert "by the database" in found(one, tree)
    # One that is found before the assembler that was, in a directory that was empty.
    first = lab.directory("first")
    other = lab.client(DISTCC_EXACT=1, DISTCC_CACHE_DIR=lab.directory("k2"),
                       PATH=f"{first}:{os.environ['PATH']}")
    assert "by asking" in found(other, tree)
    other.run("--stop-agent")
    shutil.copy(shutil.which("as"), first / "as")
    assert "by asking" in found(other, tree)
    other.run("--stop-agent")
    assert "by the database" in found(other, tree)


def test_a_broken_database_of_toolchains(lab, client):
    one, tree = client(), units(lab)
    found(one, tree)
    one.run("--stop-agent")
    [database] = lab.root.rglob("toolchains.sqlite")
    database.write_bytes(b"garbage " * 1000)
    assert "by asking" in found(one, tree)
    one.run("--stop-agent")
    assert "by the database" in found(one, tree)


def test_the_story_of_what_stays_here(lab, fresh_worker, client):
    one, tree = client([fresh_worker]), units(lab, **{"bad.c": "int x = nothing;\n"})
    _, got = story(one, tree, "gcc", "-march=native", *OPTIONS)
    assert got.code == 0 and b"-march=native" in got.err and b"run here" in got.err
    assert got.err.splitlines()[-1].split()[:4] == [b"run", b"here", b"status", b"0;"]
    _, got = story(one, tree, "gcc", "-c", "bad.c", "-o", "bad.o")
    assert got.code == 1 and b"nothing" in got.err and b"status 1;" in got.err
    # A compiler that is killed: as the shell has it.
    script = tree.path / "gcc"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    _, got = story(one, tree, script, *OPTIONS)
    assert got.code == 128 + signal.SIGKILL


def test_the_story_without_an_agent(lab, client):
    got = client().run("--explain", "gcc", *OPTIONS, cwd=units(lab).path, DISTCC_AGENT="none")
    assert got.code == 0 and b"no agent" in got.err and b"status 0;" in got.err


def test_the_story_of_dead_hosts(lab, client):
    """However many there are, and whatever becomes of each."""
    hosts = [f"127.0.0.1:1/{n}" for n in range(1, 40)]
    _, got = story(client(hosts), units(lab), "gcc", *OPTIONS)
    assert got.code == 0 and b"lines more" in got.err and b"run here" in got.err


NOT_KEPT = {
    "a name pasted together": "#define P(a, b) a##b\n#define Q(a, b) P(a, b)\n"
                              "const char *t = Q(__TI, ME__);\n",
    "a string in two pieces": 'asm(".inc" "bin \\"data\\"");\n',
    "capital letters": 'asm(".INCBIN \\"data\\"");\n',
    "a dot that is escaped": 'asm("\\x2eincbin \\"data\\"");\n',
}


@pytest.mark.parametrize("what", NOT_KEPT)
def test_what_the_text_hides(lab, client, what):
    one, tree = client(), lab.tree({"u.c": NOT_KEPT[what], "data": "d"})
    for _ in range(2):
        one.compile(tree, "gcc", "-c", "u.c", "-o", "u.o")
        assert one.last_job()["reason"] == "no-hosts"


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_preprocessed_source(lab, worker, client, cc):
    """There is no list of what was read, and clang warns of being asked for one."""
    tree = lab.tree({"u.i": "int x;\n"})
    for hosts in ([], [worker]):
        one = client(hosts)
        got = one.compile(tree, cc, "-Werror", "-c", "u.i", "-o", "u.o")
        assert not differences(got, lab.local(tree, cc, "-Werror", "-c", "u.i", "-o", "u.o"))


def test_directory_by_a_name_of_each_process(lab, worker, client):
    """Bazel says so, and compilers write it down."""
    tree, argv = units(lab), ("gcc", "-g", "-c", "u.c", "-o", "u.o")
    for hosts in ([], [worker]):
        one = client(hosts)
        for name in ("/proc/self/cwd", tree.path, "/proc/self/cwd"):
            got = one.compile(tree, *argv, PWD=name)
            if one.last_job()["reason"] == "remote":  # preprocessed text: other debug information
                assert bytes(str(name), "ascii") in got.files["u.o"] and got.code == 0
            else:
                assert not differences(got, lab.local(tree, *argv, PWD=name))
            assert one.last_job()["reason"] in ("no-hosts", "remote", "exact")


def test_place_that_is_no_directory(lab, client):
    one, tree = client(), units(lab, no_directory="x")
    compiled(one, tree, "gcc", "-Ino_directory", *OPTIONS, reason="no-hosts")
    compiled(one, tree, "gcc", "-Ino_directory", *OPTIONS, reason="no-hosts")


def test_another_assembler(lab, client):
    """One that is found first from now on, and then not any more."""
    path = lab.directory("p")
    one = client(PATH=f"{path}:{os.environ['PATH']}")
    tree = units(lab)
    before = compiled(one, tree, reason="no-hosts")
    compiled(one, tree, reason="cached")
    (path / "as").write_text('#!/bin/sh\nexec /usr/bin/as --defsym other=1 "$@"\n')
    (path / "as").chmod(0o755)
    got = one.compile(tree, "gcc", *OPTIONS)
    assert got.files["u.o"] != before.files["u.o"] and one.last_job()["reason"] != "cached"
    (path / "as").unlink()
    assert not differences(one.compile(tree, "gcc", *OPTIONS), before)


def test_two_of_one_output(lab, client):
    one, tree = client(), units(lab)
    both = [("gcc", f"-DV={i}", "-DW=V", *OPTIONS) for i in range(2)]
    edit(tree, lambda path: (path / "u.c").write_text(SOURCE + "int v = W;\n"))
    for _ in range(6):
        running = [one.start([one.program, *argv], tree.path) for argv in both]
        assert [r.wait().code for r in running] == [0, 0]
        tree.changes()
    for argv in both:
        assert not differences(one.compile(tree, *argv), lab.local(tree, *argv))


def test_output_that_is_there_already(lab, client):
    """Its mode and its other names are the compiler's to keep or to change."""
    one, tree = client(), units(lab)
    argv = ("gcc", "-S", "u.c", "-o", "u.s")
    compiled(one, tree, *argv, reason="no-hosts")
    compiled(one, tree, *argv, reason="cached")
    (tree.path / "u.s").write_text("old")
    (tree.path / "u.s").chmod(0o600)
    os.link(tree.path / "u.s", tree.path / "other")
    assert one.run(*argv, cwd=tree.path).code == 0
    assert (tree.path / "other").read_text() == (tree.path / "u.s").read_text() != "old"
    assert (tree.path / "u.s").stat().st_mode & 0o777 == 0o600


def test_file_that_only_lies_there(lab, client):
    """clang writes no .dwo without debug information: an old one is not this compile's."""
    one, tree = client(), units(lab)
    argv = ("clang", "-gsplit-dwarf", "-g0", "-c", "u.c", "-o", "u.o")
    (tree.path / "u.dwo").write_text("old")
    assert one.run(*argv, cwd=tree.path).code == 0
    (tree.path / "u.dwo").unlink()
    (tree.path / "u.o").unlink()
    assert "u.dwo" not in compiled(one, tree, *argv, reason="cached").files


def test_limits_are_the_users(lab, client):
    """A compile that needs more stack than the agent was given."""
    one, tree = client(), units(lab)
    compiled(one, tree, reason="no-hosts")
    deep = "int f(int a) { return " + "(" * 60000 + "a" + ")" * 60000 + "; }\n"
    edit(tree, lambda path: (path / "u.c").write_text(deep))
    wrap = ["sh", "-c", 'ulimit -s unlimited; exec "$@"', "sh"]
    plain = one.start(["gcc", *OPTIONS], tree.path, wrap).wait()
    assert one.start([one.program, "gcc", *OPTIONS], tree.path, wrap).wait().code == plain.code
    tree.changes()
