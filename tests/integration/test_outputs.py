# SPDX-License-Identifier: GPL-3.0-or-later
"""Outputs and diagnostics that preprocessing first, or another machine, is apt to change."""

import os
import re

import pytest

from harness import procs
from harness.tree import assert_same

PROGRAM = """
#include <stdio.h>
struct point { int x, y; };
static int twice(int v) { return 2 * v; }
int sum(const struct point *p) { char text[64]; sprintf(text, "%d", p->x);
    return twice(p->x) + p->y + text[0]; }
"""


def check(lab, files, *argv, remote=None, reason=None, notes=False, **env):
    """Run argv locally and through a worker, and hold them against each other."""
    worker = lab.worker()
    client = lab.client([worker], **env)
    tree = lab.tree(files)
    wanted = lab.local(tree, *argv, **env)
    got = client.compile(tree, *argv)
    assert_same(got.without_notes() if notes else got, wanted)
    if remote is not None:
        assert worker.compiles() == int(remote)
    if reason and client.is_ours:
        assert client.last_job()["reason"] == reason
    return wanted


PRAGMA = """
#pragma GCC target("avx2")
#ifdef __AVX2__
int which(void) { return 2; }
#else
int which(void) { return 1; }
#endif
"""


@pytest.mark.debian_wrong("the text is preprocessed without the target")
def test_pragma_target(lab):
    check(lab, {"x.c": PRAGMA}, "gcc", "-c", "x.c", remote=False)


@pytest.mark.debian_wrong("the text is preprocessed without the target")
def test_pragma_target_in_a_header(lab):
    files = {"x.c": '#include "simd.h"\nint v(void) { return which(); }\n', "simd.h": PRAGMA}
    check(lab, files, "gcc", "-O2", "-c", "x.c", remote=False)


@pytest.mark.debian_wrong("the text is preprocessed without the optimisation")
def test_pragma_optimize(lab):
    text = "#pragma GCC optimize(\"O2\")\n#ifdef __OPTIMIZE__\nint o = 1;\n#else\nint o;\n#endif\n"
    check(lab, {"x.c": text}, "gcc", "-c", "x.c", remote=False)


@pytest.mark.debian_wrong("the text is preprocessed without the target")
def test_pragma_by_operator(lab):
    text = '_Pragma("GCC target(\\"avx2\\")")\n' + PRAGMA.split("\n", 2)[2]
    check(lab, {"x.c": text}, "gcc", "-c", "x.c", remote=False)


@pytest.mark.debian_wrong("the .dwo stays behind on the server")
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_split_dwarf(lab, compiler):
    wanted = check(lab, {"x.c": PROGRAM}, compiler, "-g", "-gsplit-dwarf", "-c", "x.c")
    assert "x.dwo" in wanted.files


@pytest.mark.debian_wrong("the .dwo stays behind on the server")
def test_split_dwarf_beside_another_output(lab):
    argv = ("gcc", "-g", "-gsplit-dwarf", "-c", "sub/x.c", "-o", "out/y.o")
    wanted = check(lab, {"sub/x.c": PROGRAM, "out/keep": ""}, *argv)
    assert "out/y.dwo" in wanted.files


@pytest.mark.debian_wrong("the .su stays behind on the server")
def test_stack_usage(lab):
    wanted = check(lab, {"x.c": PROGRAM}, "gcc", "-O1", "-fstack-usage", "-c", "x.c", "-o", "y.o")
    assert "y.su" in wanted.files


@pytest.mark.debian_wrong("the temporaries stay behind on the server")
@pytest.mark.parametrize("option", ["-save-temps", "-save-temps=obj", "-save-temps=cwd"])
def test_save_temps(lab, option):
    files = {"x.c": PROGRAM, "out/keep": ""}
    wanted = check(lab, files, "gcc", option, "-c", "x.c", "-o", "out/x.o")
    assert sum(name.endswith((".i", ".s")) for name in wanted.files) == 2


DEPS = {"src/x.c": '#include "x.h"\nint x = X;\n', "src/x.h": "#define X 1\n", "out/keep": ""}


@pytest.mark.debian_wrong("the .d goes into the working directory, with another target")
@pytest.mark.parametrize("option", ["-MD", "-MMD"])
def test_deps_beside_the_object(lab, option):
    wanted = check(lab, DEPS, "gcc", option, "-c", "src/x.c", "-o", "out/y.o", remote=True)
    assert wanted.files["out/y.d"].startswith(b"out/y.o: src/x.c")


DEPS_FORMS = {
    "no-o": ["-MD", "-c", "src/x.c"],
    "mp": ["-MD", "-MP", "-c", "src/x.c", "-o", "y.o"],
    "mf": ["-MD", "-MF", "out/deps", "-c", "src/x.c", "-o", "out/y.o"],
    "mf-joined": ["-MD", "-MFout/deps", "-c", "src/x.c", "-oout/y.o"],
    "mt": ["-MMD", "-MT", "one two", "-MF", "d", "-c", "src/x.c", "-o", "y.o"],
    "mq": ["-MMD", "-MQ", "$x", "-MF", "d", "-c", "src/x.c", "-o", "y.o"],
    "wp": ["-Wp,-MD,out/deps", "-c", "src/x.c", "-o", "out/y.o"],
    "wp-mt": ["-Wp,-MMD,d,-MT,here", "-c", "src/x.c", "-o", "out/y.o"],
    "s": ["-MD", "-S", "src/x.c", "-o", "out/y.s"],
    "dots": ["-MD", "-c", "src/x.c", "-o", "out/a.b.c"],
    "no-extension": ["-MD", "-c", "src/x.c", "-o", "out/y"],
}
DEBIAN_RIGHT = {"gcc": {"no-o", "mt", "mq", "wp", "wp-mt"}, "clang": {"no-o", "mt", "mq"}}


def deps_cases():
    for compiler, right in DEBIAN_RIGHT.items():
        for form in DEPS_FORMS:
            marks = [] if form in right else [pytest.mark.debian_wrong("name or target of the .d")]
            yield pytest.param(compiler, form, marks=marks)


@pytest.mark.parametrize("compiler,form", deps_cases())
def test_deps_forms(lab, form, compiler):
    check(lab, DEPS, compiler, *DEPS_FORMS[form])


def test_deps_by_environment(lab):
    check(lab, DEPS, "gcc", "-c", "src/x.c", DEPENDENCIES_OUTPUT="made target")
    check(lab, DEPS, "gcc", "-c", "src/x.c", SUNPRO_DEPENDENCIES="made target")


LITERALS = {
    "utf-8": 'const char *s = "grün ☃ 𝄞"; const char *u = u8"ü";\n'.encode(),
    "wide": '#include <wchar.h>\nconst wchar_t *s = L"grün ☃ 𝄞";\n'.encode(),
    "latin-1": b'const char s[] = "gr\xfcn \xa0\xff";\nint n = sizeof s;\n',
    "raw": 'const char s[] = R"x(grün\n#define X ☃ "\\)x";\nint n = sizeof s;\n'.encode(),
    "raw-latin-1": b'const char s[] = R"(gr\xfcn \\\n \xff)";\nint n = sizeof s;\n',
    "comment": "/* Ünïcode */ const char *s = \"ä\"; // ☃\n".encode(),
    "bom": b'\xef\xbb\xbfconst char *s = "\xc3\xbc";\n',
    "crlf": 'const char *s = "ü";\r\nint i;\r\n'.encode(),
    "identifier": "int grün = 1; int f(void) { return grün; }\n".encode(),
    "nul": b'const char *s = "a\0b";\n',
    "no-newline": 'const char *s = "ü"; int end = __LINE__;'.encode(),
    "continued": 'const char *s = "gr\\\nün"; int l = __LINE__;\n'.encode(),
}


@pytest.mark.parametrize("text", LITERALS)
@pytest.mark.parametrize("compiler", ["gcc", "g++", "clang"])
def test_non_ascii(lab, text, compiler):
    source = "x.cc" if compiler == "g++" else "x.c"
    got = check(lab, {source: LITERALS[text]}, compiler, "-w", "-c", source, notes=True)
    assert got.code == 0 or compiler == "clang" and text.startswith("raw")  # not in its C


CHARSETS = [
    pytest.param(
        "-finput-charset=latin1", marks=pytest.mark.debian_wrong("it is converted twice")
    ),
    "-fexec-charset=latin1",
]


@pytest.mark.parametrize("charset", CHARSETS)
def test_character_sets(lab, charset):
    text = b'const char s[] = "gr\xc3\xbcn";\nint n = sizeof s;\n'
    check(lab, {"x.c": text}, "gcc", charset, "-c", "x.c")


def test_non_ascii_file_name(lab):
    check(lab, {"grün ☃.c": "const char *f = __FILE__;\n"}, "gcc", "-c", "grün ☃.c")


BUILTINS = """
const char *file = __FILE__, *base = __BASE_FILE__;
int line = __LINE__, level = __INCLUDE_LEVEL__;
int counters[] = { __COUNTER__, __COUNTER__ };
#define CAT(a, b) a ## b
#define X(n) CAT(v, n)
int X(__COUNTER__);
#include "h.h"
#define TEXT(x) #x
const char *t = TEXT(a  +  b /* c */);
#line 7 "other.y"
int line2 = __LINE__; const char *file2 = __FILE__;
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_builtin_macros(lab, compiler):
    h = "const char *hf = __FILE__, *hb = __BASE_FILE__; int hl = __INCLUDE_LEVEL__;\n"
    check(lab, {"sub/x.c": BUILTINS, "sub/h.h": h}, compiler, "-O1", "-c", "sub/x.c")


def test_assert_and_macros_in_text(lab):
    text = '#include <assert.h>\nvoid f(int x) { assert(x  !=  1 && "why"); }\n'
    check(lab, {"x.c": text}, "gcc", "-O2", "-c", "x.c", remote=True)


def test_incbin(lab):
    text = '__asm__(".globl b\\nb: .incbin \\"data.bin\\"\\n");\n'
    check(lab, {"x.c": text, "data.bin": b"\1\2\3"}, "gcc", "-c", "x.c", notes=True)


def test_assembly_output(lab):
    check(lab, {"x.c": PROGRAM}, "gcc", "-O2", "-S", "x.c", remote=True)


def test_mode_follows_the_umask(lab):
    """The caller's, not that of whoever started the agent."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({"x.c": "int x;\n"})
    gcc = ("gcc", "-MD", "-MF", "x.d", "-c", "x.c")
    for mask in ("022", "077", "002"):
        argv = ("sh", "-c", f'umask {mask}; exec "$@"', "sh")
        wanted = lab.local(tree, *argv, *gcc)
        got = client.compile_as(tree, *argv, client.program, *gcc)
        assert_same(got, wanted)
    assert worker.compiles() == 3


WARNS = """
#include <stdio.h>
#define BIGGER(a, b) ((a) > (b))
unsigned u;
static int unused_one(void) { return 1; }
int f(int x) { printf("%s\\n", x); return BIGGER(x, u); }
"""


def heads(outcome):
    """
    What the compiler said, without the quotations of source below each message (a worker has none
    to quote from), the columns (in preprocessed text some are others), and notes.
    """
    lines = (re.sub(rb":\d+:\d+:", b":", line) for line in outcome.err.splitlines())
    return [line for line in lines if re.match(rb"[^ ]*x\.cc?:", line) and b"note: " not in line]


def both(lab, files, *argv, **env):
    worker = lab.worker()
    client = lab.client([worker], **env)
    tree = lab.tree(files)
    wanted = lab.local(tree, *argv, **env)
    got = client.compile(tree, *argv)
    assert worker.compiles() == 1
    assert (got.code, got.out, got.files) == (wanted.code, wanted.out, wanted.files)
    return got, wanted


@pytest.mark.parametrize("compiler", ["gcc", "g++", "clang"])
def test_warnings(lab, compiler):
    source = "x.cc" if compiler == "g++" else "x.c"
    argv = ("-Wall", "-Wextra", "-c", source)
    got, wanted = both(lab, {source: WARNS}, compiler, *argv)
    assert heads(got) == heads(wanted) and len(heads(got)) >= 3


@pytest.mark.debian_wrong("the macros are gone before the compiler sees them")
@pytest.mark.parametrize("compiler", ["gcc", "g++"])
def test_warnings_in_macros(lab, compiler):
    """Text sent for gcc has its macros: the lines are the source's, and the notes are there."""
    source = "x.cc" if compiler == "g++" else "x.c"
    argv = ("-Wall", "-Wextra", "-c", source)
    got, wanted = both(lab, {source: WARNS}, compiler, *argv)

    def lines(outcome):
        return re.findall(rb"^(x\.\w+:\d+):\d+: (warning|note): .*", outcome.err, re.MULTILINE)

    assert lines(got) == lines(wanted)


@pytest.mark.parametrize("compiler", ["gcc", "g++", "clang"])
def test_errors_to_the_letter(lab, compiler):
    source = "x.cc" if compiler == "g++" else "x.c"
    text = WARNS + "int g(void) { return BIGGER(undeclared, 1) + ; }\n"
    got = check(lab, {source: text}, compiler, "-Wall", "-c", source, notes=True)
    assert got.code == 1 and got.err


COLOURS = [
    ({}, []),
    ({}, ["-fdiagnostics-color=always"]),
    ({}, ["-fdiagnostics-color=never"]),
]


@pytest.mark.parametrize("env,options", COLOURS)
def test_colours(lab, env, options):
    got, wanted = both(lab, {"x.c": WARNS}, "gcc", "-Wall", *options, "-c", "x.c", **env)
    assert heads(got) == heads(wanted) and len(heads(got)) >= 2
    assert (b"\33[" in got.err) == (b"\33[" in wanted.err)


TERMINALS = [{"TERM": "xterm"}, {"TERM": "dumb"}, {"TERM": "xterm", "GCC_COLORS": ""}]


@pytest.mark.debian_wrong("has no colours", strict=False)
@pytest.mark.parametrize("terminal", TERMINALS, ids=str)
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_colours_of_a_terminal(lab, compiler, terminal):
    """The user sits at a terminal, the compiler does not."""
    worker = lab.worker()
    client = lab.client([worker], **terminal)
    tree = lab.tree({"x.c": WARNS})

    def said(*argv):
        own, other = os.openpty()
        process = procs.spawn(
            [*argv, "-Wall", "-c", "x.c"],
            cwd=tree.path,
            env=client.env,
            stdin=other,
            stdout=other,
            stderr=other,
        )
        os.close(other)
        text = b""
        try:
            while piece := os.read(own, 4096):
                text += piece
        except OSError:  # what a terminal says when its last user has gone
            pass
        os.close(own)
        assert procs.wait(process) == 0
        tree.changes()
        return text

    wanted, got = said(compiler), said(client.program, compiler)
    assert (b"\33[" in got) == (b"\33[" in wanted)
    assert worker.compiles() == 1


@pytest.mark.parametrize("options", [["-c"], ["-pipe", "-c"], ["-S", "-ox.o"], ["-MD", "-c"]])
def test_old_object_after_a_failure(lab, options):
    """gcc 12 takes it away with -pipe and -S, and leaves it (and writes the .d) without."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({"x.c": "int x = ;\n"})
    outcomes = []
    for via in (lab.local, client.compile):
        (tree.path / "x.o").write_bytes(b"old")
        outcomes.append(via(tree, "gcc", *options, "x.c"))
    wanted, got = outcomes
    assert wanted.code == 1
    assert_same(got.without_notes(), wanted)


def test_output_is_replaced_not_overwritten(lab):
    """A hard link to the object of before keeps its content: outputs are renamed into place."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({"x.c": "int x;\n"})
    wanted = lab.local(tree, "gcc", "-c", "x.c")
    (tree.path / "x.o").write_bytes(b"old")
    (tree.path / "kept").hardlink_to(tree.path / "x.o")
    got = client.compile(tree, "gcc", "-c", "x.c")
    assert got.files["x.o"] == wanted.files["x.o"]
    if client.is_ours:
        assert got.files["kept"] == b"old"


@pytest.mark.debian_wrong("makes an empty object")
def test_syntax_only(lab):
    check(lab, {"x.c": PROGRAM}, "gcc", "-fsyntax-only", "-c", "x.c")


def test_empty_source(lab):
    check(lab, {"x.c": ""}, "gcc", "-c", "x.c", remote=True)


def test_large_source(lab):
    """Many times what a socket or a pipe holds."""
    lines = [f"int function_{i}(int a) {{ return a + {i}; }}" for i in range(1500)]
    check(lab, {"x.c": "\n".join(lines) + "\n"}, "gcc", "-c", "x.c", remote=True)
    text = "const char big[] = " + '"some of much text"\n' * 300000 + ";\n"
    check(lab, {"x.c": text}, "gcc", "-c", "x.c", remote=True)


def test_large_object(lab):
    text = "const char big[8 << 20] = { 1 };\n"
    check(lab, {"x.c": text}, "gcc", "-c", "x.c", remote=True)


def test_messages_larger_than_a_pipe(lab):
    text = "".join(f"int f{i}(void) {{ int unused{i}; return 0; }}\n" for i in range(1500))
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({"x.c": text})
    wanted = lab.local(tree, "gcc", "-Wall", "-c", "x.c")
    got = client.compile(tree, "gcc", "-Wall", "-c", "x.c")
    assert got.messages() == wanted.messages() and len(got.messages()) >= 1500
