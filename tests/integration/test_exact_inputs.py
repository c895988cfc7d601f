# SPDX-License-Identifier: GPL-3.0-or-later
"""
Exact mode, in breadth: what kinds of inputs and outputs it takes as a local compile does, and what
it leaves to another way, with a reason. All that a command leaves and says is held against a local
compile's.
"""

import fcntl
import json
import os
import shutil
import struct
import subprocess
import termios

import pytest

from harness import procs
from harness.exact import make_client
from harness.tree import Outcome, differences

pytestmark = pytest.mark.ours

SOURCE = '#include "a.h"\n#include <stddef.h>\nint f(void) { return A + (int)sizeof(size_t); }\n'
FILES = {"u.c": SOURCE, "a.h": "#define A 1\n", "build/x": "", "out/deep/x": ""}


@pytest.fixture
def worker(old_worker):
    return old_worker


@pytest.fixture
def client(lab):
    return lambda *args, **env: make_client(lab, *args, **env)


def outcome(tree, running):
    result = running.wait()
    return Outcome(result.code, result.out, result.err, *tree.changes())


def compiled(client, tree, line, reason, cwd="", **env):
    """
    The outcome of the line ("$" is the tree), which is the compiler's own, and which came about as
    the reason, or one of them, says.
    """
    reasons = [reason] if isinstance(reason, str) else reason
    argv = line.replace("$", str(tree.path)).split()
    wanted = outcome(tree, client.start(argv, tree.path / cwd, **env))

    def as_expected():
        got = outcome(tree, client.start([client.program, *argv], tree.path / cwd, **env))
        assert not differences(got, wanted)
        return client.last_job()["reason"] in reasons

    # A result is kept behind the user's back: the next may come before it is.
    if reason == "cached":
        procs.eventually("it is kept", as_expected)
    else:
        assert as_expected(), (client.last_job()["reason"], line)
    return wanted


@pytest.fixture
def three_ways(worker, client):
    """By a worker, from what is kept of that, and from what is kept of a compile here."""
    one, alone = client([worker]), client()

    def run(tree, line, cwd="", **env):
        print(cwd, "$", line)
        wanted = compiled(one, tree, line, "exact", cwd, **env)
        assert wanted.code == 0
        compiled(one, tree, line, "cached", cwd, **env)
        compiled(alone, tree, line, "no-hosts", cwd, **env)
        compiled(alone, tree, line, "cached", cwd, **env)
        return wanted

    return run


def test_a_source_by_the_name_of_another(lab, three_ways):
    """gcc tells its assembler the name without the directory: the other file is not read."""
    tree = lab.tree({"sub/u.c": "int f(void) { return 1; }\n", "u.c": "#error another\n"})
    for options in "-O2", "-O2 -g":
        three_ways(tree, f"gcc {options} -c sub/u.c -o u.o")


ELSEWHERE = [
    ("build", "gcc -g -c ../u.c -o ../out/u.o"),
    ("build", "gcc -g -MD -MF $/out/u.d -c $/u.c -o $/out/deep/u.o"),
    ("build", "gcc -g -MMD -c ../u.c -o ../out/u.o"),
    ("build", "gcc -Wp,-MMD,../out/.u.o.d -c ../u.c -o u.o"),
    ("build", "gcc -frandom-seed=1 -gsplit-dwarf -c ../u.c -o ../out/u.o"),
    ("build", "gcc -frandom-seed=1 --coverage -c ../u.c -o $/out/u.o"),
    ("build", "gcc -fstack-usage -c ../u.c -o ../out/deep/../u.o"),
    ("build", "gcc -S ../u.c -o ../u.s"),
    ("build", "clang -g -gsplit-dwarf -MD -c ../u.c -o ../out/u.o"),
    ("build", "clang --coverage -c ../u.c -o ../out/u.o"),
    ("", "gcc -g -c u.c -o ./out//deep/../u.o"),
    ("out/deep", "gcc -g -I../.. -c ../../u.c -o ../../u.o"),
    ("out/deep", "gcc -g -c ../../u.c -o ../../link/u.o"),
    ("link", "gcc -g -c ../u.c -o ../u.o"),
    ("link", "clang -g -c ../u.c -o ../out/u.o"),
]


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_outputs_elsewhere(lab, three_ways, cc):
    for cwd, line in ELSEWHERE:
        tree = lab.tree(FILES)
        (tree.path / "link").symlink_to("build")
        if line.startswith(cc):
            three_ways(tree, line, cwd)


def test_output_of_another_tree(lab, worker, client):
    """A directory that has nothing to do with the source, as builds out of tree have it."""
    tree, place = lab.tree(FILES), lab.directory("o")
    argv = ["gcc", "-g", "-MD", "-c", "u.c", "-o", f"{place}/u.o"]

    def made(run):
        assert run.wait().code == 0
        got = {name: (place / name).read_bytes() for name in ("u.o", "u.d")}
        shutil.rmtree(place)
        place.mkdir()
        return got

    one = client([worker])
    wanted = made(one.start(argv, tree.path))
    for reason in ("exact", "cached"):
        def same(reason=reason):
            assert made(one.start([one.program, *argv], tree.path)) == wanted
            print(one.last_job()); return one.last_job()["reason"] == reason

        procs.eventually(reason, same)


def test_two_of_one_output_by_two_names(lab, client):
    """Whose bytes are there in the end is not known, and nothing of it is kept for the other."""
    one, tree = client(), lab.tree({**FILES, "u.c": SOURCE + "int v = W;\n"})
    (tree.path / "link").symlink_to("out")
    names = ("out/u.o", f"{tree.path}/link/../out/u.o")
    both = [["gcc", f"-DW={i}", "-c", "u.c", "-o", name] for i, name in enumerate(names)]
    for _ in range(6):
        running = [one.start([one.program, *argv], tree.path) for argv in both]
        assert [r.wait().code for r in running] == [0, 0]
        tree.changes()
    for argv in both:
        assert not differences(one.compile(tree, *argv), one.compile_as(tree, *argv))


@pytest.mark.parametrize("line", ["gcc -c u.c -o nowhere/u.o", "gcc -MD -MF nowhere/u.d -c u.c",
                                  "gcc -c u.c -o u.c/u.o", "gcc -c u.c -o out/"])
def test_output_that_cannot_be(lab, worker, client, line):
    """It is the compiler that says so."""
    one, tree = client([worker]), lab.tree(FILES)
    argv = line.split()
    wanted = outcome(tree, one.start(argv, tree.path))
    got = outcome(tree, one.start([one.program, *argv], tree.path))
    assert wanted.code != 0 and not differences(got, wanted)
    assert one.last_job()["where"] == "local"


# ---- assemblers, and files that they read ----

ASSEMBLED = {
    **FILES, "data": "data",
    "u.S": '#include "a.h"\n.globl f\nf: mov $A, %eax\n ret\n.data\n.incbin "data"\n',
    "m.S": '#include "a.h"\n.macro put x\n \\x $A, %eax\n.endm\nf: put mov\n ret\n',
    "p.s": ".globl f\nf: ret\n",
    "b.c": 'asm(".section .rodata\\n\\t.incbin \\"data\\", 1\\n");\nint x;\n',
}

ASSEMBLES = [
    "gcc -g -c u.S -o u.o",
    "gcc -g -MD -gsplit-dwarf -c u.S -o build/u.o",
    "gcc -pipe -Wa,-gdwarf-2,--noexecstack -D__ASSEMBLY__ -c u.S -o u.o",
    "gcc -x assembler-with-cpp -c p.s -o u.o",
    "gcc -g -MD -c p.s -o u.o",
    "gcc -Wa,-Iout -c p.s -o u.o",
    "gcc -c b.c -o u.o",
    "gcc -S b.c -o u.s",
    "gcc -frandom-seed=1 -flto -c b.c -o u.o",
    "gcc -frandom-seed=1 -flto -ffat-lto-objects -g -c b.c -o u.o",
    "clang -g -MD -c u.S -o u.o",
    "clang -c b.c -o u.o",
]


def test_assembler(lab, three_ways):
    for line in ASSEMBLES:
        three_ways(lab.tree(ASSEMBLED), line)


@pytest.mark.parametrize("hosts", [True, False], ids=["worker", "cache"])
def test_macros_of_an_assembler(lab, worker, client, hosts):
    """They may make it read what nobody foresees: compiled each time."""
    one, tree = client([worker] if hosts else ()), lab.tree(ASSEMBLED)
    for _ in range(3):
        compiled(one, tree, "gcc -c m.S -o u.o", "exact" if hosts else "no-hosts")


def change(tree, name, text):
    (tree.path / name).write_text(text)
    tree.source = tree.snapshot()


@pytest.mark.parametrize("hosts", [True, False], ids=["worker", "cache"])
def test_file_of_the_assembler_changes(lab, worker, client, hosts):
    one, fresh = client([worker] if hosts else ()), "exact" if hosts else "no-hosts"
    for line in ("gcc -c u.S -o u.o", "gcc -c b.c -o u.o", "clang -c b.c -o u.o"):
        tree = lab.tree(ASSEMBLED)
        before = compiled(one, tree, line, fresh)
        compiled(one, tree, line, "cached")
        change(tree, "data", "other")
        after = compiled(one, tree, line, fresh)
        assert after.files["u.o"] != before.files["u.o"]


HIDDEN = {
    "gcc, by a macro": ("gcc", "u.S", '.macro m x\n.inc\\x "data"\n.endm\nm bin\n'),
    "gcc, in C": ("gcc", "u.c", 'asm(".macro m x\\n.i\\\\x \\"data\\"\\n.endm\\nm ncbin\\n");\n'),
    "gcc, by an include": ("gcc", "u.S", '.include "in.s"\n'),
    "gcc, in pieces": ("gcc", "u.c", 'asm(".inc" "bin \\"data\\"");\n'),
    "clang, by a macro": ("clang", "u.S", '.macro m x\n.inc\\x "data"\n.endm\nm bin\n'),
    "clang, in C": ("clang", "u.c",
                    'asm(".macro m x\\n.i\\\\x \\"data\\"\\n.endm\\nm ncbin\\n");\n'),
    "clang, by an include": ("clang", "u.S", '.include "in.s"\n'),
}


@pytest.mark.parametrize("hosts", [True, False], ids=["worker", "cache"])
def test_file_that_the_text_hides(lab, worker, client, hosts):
    """A worker has no such file, and a compile here is not kept."""
    one, reason = client([worker] if hosts else ()), "compile-failed" if hosts else "no-hosts"
    for what, (cc, source, text) in HIDDEN.items():
        print(what)
        tree = lab.tree({source: text, "data": "data", "in.s": '.incbin "data"\n'})
        for data in ("data", "data", "other"):
            change(tree, "data", data)
            got = compiled(one, tree, f"{cc} -c {source} -o u.o", reason)
            assert data.encode() in got.files["u.o"]


def test_file_that_is_found_twice(lab, client):
    """Which one the assembler takes depends on its version."""
    tree = lab.tree({"u.S": '#include "d/h.h"\n', "d/h.h": '.incbin "data"\n', "data": "1",
                     "d/data": "2"})
    one = client()
    for _ in range(2):
        compiled(one, tree, "gcc -c u.S -o u.o", "no-hosts")


# ---- files beside the source ----

def test_lists_of_sanitizers(lab, three_ways):
    for option in ("ignorelist", "blacklist"):
        line = f"clang -fsanitize=undefined -fsanitize-{option}=list -c u.c -o u.o"
        tree = lab.tree({"u.c": "int f(int x) { return x << 40; }\n", "list": "fun:g\n"})
        before = three_ways(tree, line)
        change(tree, "list", "fun:f\n")
        assert before.files["u.o"] != three_ways(tree, line).files["u.o"]


def test_sanitizers_of_clang(lab, three_ways):
    """For most of them it reads a list of its own, which is in its .d too."""
    for name in ("address", "thread", "memory", "undefined"):
        made = three_ways(lab.tree(FILES), f"clang -g -fsanitize={name} -MD -c u.c -o u.o")
        assert (b"ignorelist" in made.files["u.d"]) == (name in ("address", "memory"))


INSTRUMENTED = [
    "gcc -frandom-seed=1 -fprofile-generate -c u.c -o u.o",
    "gcc -frandom-seed=1 -fprofile-arcs -ftest-coverage -c u.c -o out/u.o",
    "gcc -frandom-seed=1 -fprofile-generate=$/out -fprofile-update=atomic -c u.c -o u.o",
    "clang -fprofile-instr-generate -fcoverage-mapping -c u.c -o u.o",
    "clang -fprofile-generate -c u.c -o u.o",
    "gcc -g -frecord-gcc-switches -c u.c -o u.o",
]


def test_instrumented(lab, three_ways):
    for line in INSTRUMENTED:
        three_ways(lab.tree(FILES), line)


SCRIPTS = {
    "tools/gcc": '#!/bin/sh\nexec /usr/bin/gcc -O2 -DA=7 "$@"\n',
    "tools/deep": '#!/usr/bin/env bash\n# one\nexec "$(dirname "$0")/gcc" \\\n  -g "$@" -Wall\n',
    "tools/wcc": "#!/bin/sh\nset -e\nclang '-DB=\"x y\"' \"$@\"\n",
}
MORE = {
    "tools/two": '#!/bin/sh\necho said\nexec gcc "$@"\n',
    "tools/variable": '#!/bin/sh\nexec gcc $FLAGS "$@"\n',
}


def test_scripts_that_call_a_compiler(lab, three_ways):
    text = "#ifndef B\n#define B 0\n#endif\n#ifndef A\n#define A 0\n#endif\n" \
           "const char *b = B;\nint f(int x) { int unused; return A * x; }\n"
    tree = lab.tree({"u.c": text, **SCRIPTS})
    made = set()
    for name in SCRIPTS:
        (tree.path / name).chmod(0o755)
        tree.source = tree.snapshot()
        made.add(three_ways(tree, f"$/{name} -c u.c -o u.o").files["u.o"])
    assert len(made) == 3
    # $0 is the user's own word.
    change(tree, "u.c", text + '#include "u.h"\n')
    change(tree, "tools/u.h", "const char *here(void) { return __FILE__; }\n")
    change(tree, "tools/wcc", '#!/bin/sh\nexec gcc -O1 "-I${0%/*}" "$@"\n')
    for word in "tools/wcc", "./tools/wcc", "$/tools/wcc":
        made.add(three_ways(tree, f"{word} -MD -c u.c -o u.o").files["u.o"])
    assert len(made) == 6
    change(tree, "u.c", text)
    wanted = three_ways(tree, "$/tools/deep -O1 -DA=1 -c u.c -o u.o")
    assert b"-Wunused-variable" in wanted.err


def test_scripts_that_do_more(lab, worker, client):
    one, tree = client([worker]), lab.tree({"u.c": SOURCE, "a.h": FILES["a.h"], **MORE})
    for name in MORE:
        (tree.path / name).chmod(0o755)
        tree.source = tree.snapshot()
        compiled(one, tree, f"$/{name} -c u.c -o u.o", "unknown-compiler")


RUN = """#include <stdlib.h>
static int g(int i) { return i & 1 ? i / 3 : -i; }
int f(int n) { int s = 0; for (int i = 0; i < n; i++) s += i % 3 ? i : g(i); return s; }
int main(int c, char **v) { volatile int kept = f(atoi(v[1])); return 0 & kept; }
"""


def counted(directory, argv, runs):
    """A program is built there, and counts what it does."""
    assert subprocess.run([*argv, "-o", "program"], cwd=directory).returncode == 0
    assert subprocess.run(["./program", str(runs)], cwd=directory).returncode == 0
    (directory / "program").unlink()


GCC_COUNTS = [
    ("", "-fprofile-use -c u.c -o out/u.o", "out/u.gcda"),
    ("", "-fprofile-use=counts -Wall -c u.c -o out/u.o", "counts/#$#out#u.gcda"),
    ("build", "-fprofile-use=../counts -c ../u.c -o ../out/u.o", "counts/#$#build#^#out#u.gcda"),
    ("", "-fprofile-use -fprofile-dir=$/counts -c u.c", "counts/#$#u.gcda"),
    ("", "-fbranch-probabilities -c u.c -o $/out/u.o", "out/u.gcda"),
]


def test_counts_of_gcc(lab, three_ways):
    """Of an earlier run of the program: others, or none, make another object, or a warning."""
    for cwd, options, name in GCC_COUNTS:
        tree = lab.tree({"u.c": RUN, "counts/x": "", "build/x": "", "out/x": ""})
        mangled = str(tree.path)[1:].replace("/", "#")
        line = f"gcc -O2 {options}"
        before = three_ways(tree, line, cwd)
        made = lab.tree({"u.c": RUN, "build/x": ""}).path / cwd
        # The source by the same name, which is in the counts.
        counted(made, ["gcc", "-O2", "-fprofile-generate", "../u.c" if cwd else "u.c"], 1000)
        gcda, = made.glob("*.gcda")
        shutil.copy(gcda, tree.path / name.replace("$", mangled))
        tree.source = tree.snapshot()
        after = three_ways(tree, line, cwd)
        assert before.files != after.files, options


@pytest.mark.parametrize("option", [
    "-fprofile-use", "-fprofile-use=$", "-fprofile-instr-use=$/default.profdata"])
def test_counts_of_clang(lab, three_ways, option):
    tree, made = lab.tree({"u.c": RUN}), []
    for runs in 10, 100000:
        counted(tree.path, ["clang", "-fprofile-instr-generate", "u.c"], runs)
        subprocess.run(["llvm-profdata-14", "merge", "default.profraw", "-o", "default.profdata"],
                       cwd=tree.path, check=True)
        tree.source = tree.snapshot()
        made.append(three_ways(tree, f"clang -O2 {option} -c u.c -o u.o").files["u.o"])
    assert made[0] != made[1]


def test_specs_of_gcc(lab, three_ways):
    """They say where headers are, and what else is compiled in; one may include another."""
    files = {
        "u.c": "#include <c.h>\n#ifdef __CHAR_UNSIGNED__\nint without = C;\n#endif\nint c = C;\n",
        "usual/c.h": "#define C 1\n", "small/c.h": "#define C 2\n", "build/x": "",
        "my.specs": "%rename cpp old_cpp\n\n%include <more.specs>\n\n"
                    "*cpp:\n-isystem $/small %(old_cpp)\n\n*lib:\n-lnone\n",
        "more.specs": "*cc1:\n+ %{!fsigned-char:-funsigned-char}\n",
    }
    tree = lab.tree(files)
    change(tree, "my.specs", files["my.specs"].replace("$", str(tree.path)))
    change(tree, "build/more.specs", files["more.specs"])
    made = [three_ways(tree, line, cwd).files["u.o"] for cwd, line in (
        ("", "gcc -O1 -isystem usual -c u.c -o u.o"),
        ("", "gcc -O1 -isystem usual -specs=my.specs -c u.c -o u.o"),
        ("", "gcc -O1 --specs=$/my.specs -fsigned-char -c u.c -o u.o"),
        ("build", "gcc -O1 -specs ../my.specs -c ../u.c -o ../u.o"))]
    change(tree, "build/more.specs", "")
    line = "gcc -O1 -specs ../my.specs -c ../u.c -o ../u.o"
    made.append(three_ways(tree, line, "build").files["u.o"])
    assert len(set(made[:3])) == 3 and made[3:] == [made[1], made[2]]
    change(tree, "my.specs", "")
    line = "gcc -O1 -isystem usual -specs=my.specs -c u.c -o u.o"
    assert three_ways(tree, line).files["u.o"] == made[0]


# By gcc's own names: its headers for plug-ins are not needed. 15 is PLUGIN_PRAGMAS.
PLUGIN = """#include <stdio.h>
int plugin_is_GPL_compatible;
struct arg { char *key, *value; };
struct info { char *name; const char *path; int n; struct arg *args; const char *version, *help; };
extern struct cpp_reader *parse_in;
extern void define(struct cpp_reader *, const char *) __asm__("_Z10cpp_defineP10cpp_readerPKc");
extern void register_callback(const char *, int, void (*)(void *, void *), void *);
static void pragmas(void *event, void *data) { define(parse_in, "PLUGGED=%d"); }
int plugin_init(struct info *info, void *version)
{
	for (int i = 0; i < info->n; i++) {
		FILE *f = fopen(info->args[i].value, "r");
		fprintf(stderr, "%%s: %%c\\n", info->args[i].value, f ? getc(f) : '?');
		if (f)
			fclose(f);
	}
	register_callback(info->name, 15, pragmas, 0);
	return 0;
}
"""


def plug_in(tree, value):
    (tree.path / "p.c").write_text(PLUGIN % value)
    argv = ["gcc", "-shared", "-fPIC", "p.c", "-o", "lib/p.so"]
    assert subprocess.run(argv, cwd=tree.path).returncode == 0
    tree.source = tree.snapshot()


def test_plug_ins(lab, worker, client):
    """
    Of which the user has said that they do no more than compile, they go along with the compiler,
    and may read what they like: of what is not there the worker tells, and nothing of it is kept.
    """
    one, tree = client([worker], DISTCC_PLUGINS="p.so"), lab.tree({
        "u.c": "#if PLUGGED == 7\n#include <seven.h>\n#endif\nint x = PLUGGED;\n",
        "include/seven.h": "int seven;\n", "lib/x": "", "told": "text"})
    made, line = [], "gcc -fplugin=$/lib/p.so%s -Iinclude -c u.c -o u.o"
    # With 7 it changes what is included, which nobody can foresee: then the compile fails there.
    for value, reason in (5, "exact"), (5, "exact"), (6, "exact"), (7, "compile-failed"):
        plug_in(tree, value)
        made.append(compiled(one, tree, line % "", reason).files["u.o"])
    assert made[0] == made[1] and len(set(made)) == 3
    plug_in(tree, 5)
    assert b"none: ?" in compiled(one, tree, line % " -fplugin-arg-p-read=none", "exact").err
    argv = (line % " -fplugin-arg-p-read=told").replace("$", str(tree.path)).split()
    told = outcome(tree, one.start([one.program, *argv], tree.path))
    assert (told.code, one.last_job()["reason"]) == (0, "exact-doubted")
    assert b"told: t" in told.err and b"it was not found there, and is here" in told.err


BESIDE = [
    ("u.i u.s", "gcc -g -save-temps -c ../u.c"),
    ("../out/v.i ../out/v.s", "gcc -g -MD -save-temps=obj -c ../u.c -o ../out/v.o"),
    ("v.i v.s", "gcc -O2 -flto -frandom-seed=1 -save-temps=cwd -c ../u.c -o ../out/v.o"),
    ("../out/v.i", "gcc -save-temps -S ../u.c -o ../out/v.s"),
    ("v.ii v.s", "g++ -g -save-temps -x c++ -c ../u.c -o v.o"),
    ("u.i u.bc u.s", "clang -g -save-temps -c ../u.c -o ../out/v.o"),
    ("../out/u.ii ../out/u.bc", "clang++ -MD -save-temps=obj -x c++ -S ../u.c -o ../out/v.s"),
    ("../out/v.ci", "gcc -O2 -fcallgraph-info -c ../u.c -o ../out/v.o"),
    ("v.ci v.su", "gcc -O2 -fstack-usage -fcallgraph-info=su,da -c ../u.c -o v.o"),
    ("prototypes", "gcc -aux-info prototypes -c ../u.c"),
    ("said.dia", "clang -Wall -serialize-diagnostics said.dia -c ../u.c"),
    ("../out/v.opt.yaml", "clang -O2 -fsave-optimization-record -c ../u.c -o ../out/v.o"),
    ("remarks", "clang -O2 -foptimization-record-file=remarks -c ../u.c"),
    ("", "gcc -O3 -fopt-info-all -c ../u.c"),
]


def test_what_is_written_beside(lab, three_ways):
    for names, line in BESIDE:
        made = three_ways(lab.tree({**FILES, "u.c": SOURCE + SUMS}), line, cwd="build")
        for name in names.split():
            assert os.path.normpath(f"build/{name}") in made.files, line


def test_a_time_trace(lab, worker, client):
    """It tells of the compile that made the object: that no other is like it says nothing."""
    argv = "clang -ftime-trace -c u.c -o out/v.o".split()
    for verify, reason in ("100%", "verified"), ("0", "exact"):
        one, tree = client([worker], DISTCC_VERIFY=verify), lab.tree(FILES)
        got = outcome(tree, one.start([one.program, *argv], tree.path))
        assert (got.code, one.last_job()["reason"]) == (0, reason), one.jobs()
        assert json.loads(got.files["out/v.json"])["traceEvents"]


STAYS = [
    ("save-temps", "gcc -save-temps -c p.S -o p.o"),
    ("save-temps", "clang -save-temps -flto -c u.c -o u.o"),
    ("side-output", "gcc -fdump-tree-optimized -c u.c -o u.o"),
    ("side-output", "gcc -O2 -fopt-info-all=remarks -c u.c -o u.o"),
    ("recorded-command", "gcc -fverbose-asm -S u.c -o u.s"),
    ("toolchain", "gcc -B/usr/bin -c u.c -o u.o"),
    ("toolchain", "gcc -specs=./defines -c u.c -o u.o"),
    ("toolchain", "clang --config specs -c u.c -o u.o"),
    ("profile", "gcc -fprofile-prefix-map=/a=/b -c u.c -o u.o"),
    ("pch", "gcc -include pre.h -c u.c -o u.o"),
    ("modules", "g++ -std=c++20 -fmodules-ts -x c++ -c u.c -o u.o"),
    ("modules", "clang -fmodules -c u.c -o u.o"),
    ("save-temps", "gcc -save-temps=cwd -frandom-seed=1 -g -gsplit-dwarf -c u.c -o out/u.o"),
    ("plugin", "gcc -fplugin=./none.so -c u.c -o u.o"),
    ("assembler-option", "gcc -Wa,-adhln=u.lst -c p.s -o u.o"),
]


def test_what_stays_here(lab, worker, client):
    """With a reason, and all files that the compiler leaves."""
    one = client([worker])
    for reason, line in STAYS:
        print(reason, "$", line)
        tree = lab.tree({**ASSEMBLED, "specs": "", "defines": "*cpp:\n+ -DX\n",
                         "pre.h": "#define PRE 1\n"})
        if reason == "pch":
            assert one.start(["gcc", "pre.h"], tree.path).wait().code == 0
            tree.source = tree.snapshot()
        compiled(one, tree, line, reason)


# ---- this machine's processor ----

# Something for the processor to do.
SUMS = "float s(const float *a) { float r = 0; for (int i = 0; i < 64; i++) r += a[i]; return r; }\n"

NATIVE = [
    "gcc -O3 -ffast-math -march=native -c u.c -o u.o",
    "gcc -O2 -mtune=native -c u.c -o u.o",
    "gcc -O2 -march=native -mtune=generic -S u.c -o u.s",
    "g++ -O2 -march=native -mtune=native -x c++ -c u.c -o u.o",
    "clang -g -O3 -ffast-math -march=native -Werror -Wall -c u.c -o u.o",
    "clang -O2 -mtune=native -c u.c -o u.o",
    "clang -O2 -march=native -mtune=native -flto -c u.c -o u.o",
]


def test_native(lab, worker, three_ways):
    """No worker is asked to compile for its own processor."""
    for line in NATIVE:
        three_ways(lab.tree({"u.c": SUMS}), line)
    blobs = [path.read_bytes() for path in worker.store.glob("**/*")
             if path.is_file() and path.stat().st_size < 1 << 16]
    blobs = [blob for blob in blobs if lab.root.name.encode() in blob]
    assert any(b"-march=" in blob and b"/usr/bin/gcc" in blob for blob in blobs)
    assert not any(word in blob for blob in blobs for word in (b"-march=native", b"-mtune=native"))


@pytest.mark.parametrize("line", ["gcc -g -O2 -march=native -c u.c -o u.o",
                                  "gcc -frecord-gcc-switches -march=native -c u.c -o u.o",
                                  "gcc -mcpu=native -c u.c -o u.o",
                                  "gcc -march=native -mno-avx -mno-sse3 -c u.c -o u.o",
                                  "clang -march=native -c u.S -o u.o"])
def test_native_that_stays(lab, worker, client, line):
    """
    gcc would write down what it is told in another order; -mcpu is spoken of; words that cancel
    each other are dropped; and clang's assembler is not its compiler.
    """
    tree = lab.tree({"u.c": SUMS, "u.S": ".globl f\nf: ret\n"})
    compiled(client([worker]), tree, line, ("native", "recorded-command", "assembler"))


# ---- the time ----

DATED = 'const char *t = __DATE__ " " __TIME__;\n'
PASTED = "#define P(a, b) a##b\n#define Q(a, b) P(a, b)\nconst char *t = %s;\n"


def test_time_that_is_given(lab, three_ways):
    tree, line = lab.tree({"u.c": DATED}), "gcc -g -c u.c -o u.o"
    before = three_ways(tree, line, SOURCE_DATE_EPOCH=1)
    assert b"Jan  1 1970 00:00:01" in before.files["u.o"]
    assert before.files["u.o"] != three_ways(tree, line, SOURCE_DATE_EPOCH=2).files["u.o"]


TIMED = {
    "nobody gives it": (DATED, {}),
    "a file's": ("const char *t = __TIMESTAMP__;\n", {"SOURCE_DATE_EPOCH": "1"}),
    "pasted": (PASTED % "Q(__, Q(TIME, __))", {}),
    "pasted otherwise": (PASTED % "Q(_, Q(_DATE, __))", {}),
    "pasted, of a file": (PASTED % "Q(__TIME, STAMP__)", {"SOURCE_DATE_EPOCH": "1"}),
}


def test_time_that_is_not(lab, client):
    """What is compiled here is not kept."""
    one = client()
    for what, (text, env) in TIMED.items():
        print(what)
        tree, argv = lab.tree({"u.c": text}), ["gcc", "-c", "u.c", "-o", "u.o"]
        for _ in range(2):
            assert one.compile(tree, *argv, **env).code == 0
            assert one.last_job()["reason"] == "no-hosts"


# ---- terminals, and who may do what ----

WARNED = {"u.c": "int f(void) { int unused" + "_x" * 90 + "; return 0; }\n"}


def said_on_terminal(argv, tree, env, columns=60):
    """What the command says there, and the object that it makes."""
    own, other = os.openpty()
    fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = procs.spawn(argv, cwd=tree.path, env=env, stdin=other, stdout=other, stderr=other,
                          start_new_session=True)
    os.close(other)
    text = b""
    try:
        while piece := os.read(own, 4096):
            text += piece
    except OSError:  # what a terminal says when its last user has gone
        pass
    os.close(own)
    assert procs.wait(process) == 0
    return text, tree.changes()


TERMINALS = [{"TERM": "xterm-256color"}, {"TERM": "dumb"},
             {"TERM": "xterm-256color", "COLUMNS": "40"}]


@pytest.mark.parametrize("hosts", [True, False], ids=["worker", "cache"])
def test_messages_on_a_terminal(lab, worker, client, hosts):
    """Links, and lines that are too wide for it: the compiler says it there, and nobody else."""
    one, tree = client([worker] if hosts else ()), lab.tree(WARNED)
    for cc in ("gcc", "clang"):
        for terminal in TERMINALS:
            argv = [cc, "-Wall", "-c", "u.c", "-o", "u.o"]
            env = {**one.env, **terminal}
            wanted = said_on_terminal(argv, tree, env)
            assert b"unused" in wanted[0]
            for _ in range(2):
                assert said_on_terminal([one.program, *argv], tree, env) == wanted
                # Not at one, the compiler says it otherwise.
                compiled(one, tree, " ".join(argv), ("exact", "no-hosts", "cached"))


def test_silence_on_a_terminal(lab, worker, client):
    one, tree = client([worker]), lab.tree(FILES)
    argv = ["gcc", "-Wall", "-c", "u.c", "-o", "u.o"]
    for reason in ("exact", "cached"):
        def silent(reason=reason):
            text, _ = said_on_terminal([one.program, *argv], tree, one.env)
            assert not text
            print(one.last_job()); return one.last_job()["reason"] == reason

        procs.eventually(reason, silent)


def test_lists_of_who_may_what(lab, client):
    """They decide on the mode of what is new in a directory."""
    one, tree = client(), lab.tree(FILES)
    entries = [(1, 6, -1), (2, 4, 12345), (4, 4, -1), (16, 4, -1), (32, 0, -1)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *e) for e in entries)
    try:
        os.setxattr(tree.path / "out", "system.posix_acl_default", acl)
    except OSError as e:
        pytest.skip(f"no such lists here: {e}")
    for _ in range(2):
        compiled(one, tree, "gcc -c u.c -o out/u.o", "no-hosts")
    compiled(one, tree, "gcc -c u.c -o build/u.o", "no-hosts")
    compiled(one, tree, "gcc -c u.c -o build/u.o", "cached")
