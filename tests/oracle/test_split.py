# SPDX-License-Identifier: GPL-3.0-or-later
"""A compile cut in two against the compile itself.

Each command is run as it stands, and then as the agent and a distcc server would run it: the
preprocessor here, the rest in another directory on a file of another name. The .d has to come out
byte for byte; the object too, but with -g only its code, data and symbols.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOOL = os.environ["SPLIT_TOOL"]
ENV = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME")}
COMPILERS = [c for c in ("gcc", "clang") if shutil.which(c)]
TEXT = {"c": ".i", "i": ".i", "cc": ".ii", "cpp": ".ii", "cxx": ".ii", "C": ".ii", "ii": ".ii",
        "m": ".mi", "mm": ".mii"}

SOURCES = {
    "x.c": '#include <stdio.h>\n#include "inc/h.h"\n#define TWICE(x) ((x) + (x))\n'
           'static int helper(int a) { return TWICE(a) + H; }\n'
           'int f(int b) { printf("%d %s\\n", helper(b), __FILE__); return __LINE__; }\n'
           'const char *where(void) { return __builtin_FILE(); }\n',
    "sub/y.c": '#include "../inc/h.h"\n#include <stddef.h>\nint y = H;\n',
    "inc/h.h": "#pragma once\n#define H 7\n",
    "z.cc": '#include <string>\n#include "inc/h.h"\n'
            'namespace { struct Q { virtual ~Q() {} std::string s; }; }\n'
            'static void *make() { return new Q; }\nvoid *(*hook)();\n'
            'struct R { R() { hook = make; } };\nstatic R r;\n'
            'std::string g() { return std::string(__FILE__) + u8"\\u00e4ö"; }\n',
    "ctor.cc": "struct A { A(); ~A(); };\nnamespace { A a; }\nstatic A b;\n",
    "odd.txt": "int odd(void) { return 3; }\n",
    "as.c": "#include <assert.h>\nvoid a(int x) { assert(x == 1); assert(x\n != 2); }\n",
    "raw.cc": '#define ID(x) x\n#define STR(x) #x\nconst char *r = R"x(a "quoted" // no comment\n'
              '#define NOT_A_DIRECTIVE 1\n/* nor a comment\n?" ??/ \\\\\n)x";\n'
              'const char *s = ID(R"(in an\nargument)"); int line = __LINE__;\n'
              "int big = 1'000'000; const char *t = STR(a  \\\\ /* c */ \"b\");\n"
              "int cont = 1 + \\\n 2; // comment \\\n continued\nint last = __LINE__;\n",
    "ready.i": '# 1 "ready.c"\nint ready;\n',
}

DEPS = [
    "-MD -c x.c", "-MMD -c x.c", "-MD -c sub/y.c", "-MD -S x.c", "-MD -S x.c -o out/x.s",
    "-MD -c x.c -o out/x.o", "-MMD -c sub/y.c -o out/y", "-MD -c x.c -o out/x.a.b",
    "-MD -c x.c -o out/.x", "-MD -c x.c -o out/.x.o", "-MD -c x.c -o out/x.", "-MD -c x.c -o o.d/x",
    "-MD -c x.c -o out/a$b.o", "-MD -c x.c -oout/j.o", "-MD -MP -c x.c -o out/x.o",
    "-MD -MF out/dep -c x.c -o out/x.o", "-MD -MFout/dep -c x.c",
    "-MD -MF out/1 -MF out/2 -c x.c -o out/x.o",
    "-MD -MT tgt -c x.c -o out/x.o", "-MD -MQ a$b -MTc -c x.c", "-MMD -MT a -MT b -MP -c x.c",
    "-MD -MF dep.d -MQ out/x.o -c x.c -o out/x.o", "--write-dependencies -c x.c -o out/x.o",
    "-Wp,-MD,out/w.d -c x.c -o out/x.o", "-Wp,-MMD,out/w.d -c x.c", "-Wp,-MMD,w.d -MT q -c x.c",
    "-Wp,-MMD,w.d -S x.c -o out/x.s", "-Wp,-MD,w.d -MP -c sub/y.c -o out/y.o",
    "-MD -x c -c odd.txt", "-MD -x c -c odd.txt -o out/odd.o", "-MD -c z.cc -o out/z.o",
]

SAME = [
    "-c x.c", "-O2 -c x.c", "-S x.c", "-O2 -S x.c -o out/x.s", "-c sub/y.c -o out/y.o",
    "-x c -c odd.txt", "-xc++ -c x.c", "-O1 -c z.cc", "-std=c++17 -O2 -c z.cc", "-O0 -c ctor.cc",
    "-std=c++17 -c raw.cc", "-std=gnu++14 -O2 -c raw.cc", "-std=c++20 -c ctor.cc",
    "-fsanitize=leak -O1 -c x.c", "-fsanitize=thread -c x.c", "-O2 -pg -c x.c",
    "-fopenmp -O2 -c x.c", "-finstrument-functions -c x.c", "-ffunction-sections -fPIC -c as.c",
    "-DH2 -Iinc -Isub -iquote inc -isystem inc -include inc/h.h -c sub/y.c",
    "-fmacro-prefix-map=x.c=mapped.c -c x.c", "-ffile-prefix-map=x.c=mapped.c -c x.c",
    "-std=c11 -pedantic -Wall -Wextra -Werror -c sub/y.c", "-c ready.i", "-fno-ident -Os -c as.c",
    "-Wa,--noexecstack -c x.c", "-w -c x.c", "-march=x86-64-v2 -mtune=generic -c x.c",
    "-fstack-protector-strong -D_FORTIFY_SOURCE=2 -O2 -Wp,-DX=1 -c x.c",
]

DEBUG = [
    "-g -c x.c", "-g -O2 -c x.c", "-ggdb -gdwarf-4 -O1 -c as.c", "-g3 -c x.c", "-g -O2 -c z.cc",
    "-g -fdebug-prefix-map=/tmp=/mapped -c x.c", "-g1 -c sub/y.c -o out/y.o",
]


def run(argv, cwd, **kw):
    return subprocess.run(argv, cwd=cwd, env=ENV, capture_output=True, check=True, **kw)


def make_tree(path):
    for name, text in SOURCES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
        os.utime(path / name, (1e9, 1e9))
    (path / "out").mkdir()
    (path / "o.d").mkdir()


class Split:
    def __init__(self, argv, cwd, mode="plain", deps="-"):
        lines = run([TOOL, mode, deps] + argv, cwd, text=True).stdout.split("\n")[:-1]
        self.reason, self.object, self.deps = lines[:3]
        if self.reason == "remote-ok":
            at = lines.index("remote")
            self.cpp, self.remote = lines[4:at], lines[at + 1:]

    def run(self, client, server):
        """The text, then the compile as distcc's server does it; the object's bytes."""
        *words, source, _, _ = self.remote
        ext = TEXT[source.rsplit(".", 1)[1]]
        assert "/" not in source
        text = (client / source).read_bytes() if source.endswith((".i", ".ii")) else \
            run(self.cpp, client).stdout
        (server / ("distccd_a1b2" + ext)).write_bytes(text)
        run(words + ["distccd_a1b2" + ext, "-o", "distccd_c3d4.o"], server)
        return (server / "distccd_c3d4.o").read_bytes()


def compile_both(compiler, command, tmp_path, mode="plain"):
    argv = [compiler] + command.split()
    client, server = tmp_path / "client", tmp_path / "server"
    make_tree(client)
    server.mkdir()
    split = Split(argv, client, mode)
    assert split.reason == "remote-ok"
    run(argv, client)
    local = (client / split.object).read_bytes()
    return split, client, server, local


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("command", DEPS)
def test_dependencies(compiler, command, tmp_path):
    split, client, _, _ = compile_both(compiler, command, tmp_path)
    want = (client / split.deps).read_bytes()
    (client / split.deps).unlink()
    before = set(client.rglob("*"))
    run(split.cpp, client)
    assert (client / split.deps).read_bytes() == want
    assert set(client.rglob("*")) - before == {client / split.deps}
    (client / split.deps).unlink()
    elsewhere = Split([compiler] + command.split(), client, deps="temp, with.comma")
    run(elsewhere.cpp, client)
    assert (client / "temp, with.comma").read_bytes() == want
    assert not (client / split.deps).exists()


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("command", SAME)
def test_same_object(compiler, command, tmp_path):
    split, client, server, local = compile_both(compiler, command, tmp_path)
    assert split.run(client, server) == local


@pytest.mark.skipif("gcc" not in COMPILERS, reason="no gcc")
@pytest.mark.parametrize("command", SAME)
def test_same_object_with_directives(command, tmp_path):
    split, client, server, local = compile_both("gcc", command, tmp_path, "directives")
    assert split.run(client, server) == local


def without_debug(path):
    out = path.with_suffix(".stripped")
    run(["strip", "--strip-debug", "-o", str(out), str(path)], path.parent)
    return out.read_bytes()


def debug_strings(path):
    text = run(["readelf", "--debug-dump=info", str(path)], path.parent, text=True).stdout
    return re.findall(r"DW_AT_(comp_dir|name) *: .*: (.*)", text)[:2]


@pytest.mark.parametrize("mode", ["plain", "directives"])
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("command", DEBUG)
def test_debug(compiler, command, mode, tmp_path):
    split, client, server, local = compile_both(compiler, command, tmp_path, mode)
    split.run(client, server)
    (server / "local.o").write_bytes(local)
    remote = server / "distccd_c3d4.o"
    assert without_debug(remote) == without_debug(server / "local.o")
    assert debug_strings(remote) == debug_strings(server / "local.o")


INTRINSICS = """
#include <immintrin.h>
__attribute__((target("avx2"))) __m256i g(__m256i a, __m256i b) { return _mm256_add_epi32(a, b); }
__attribute__((target("avx512f"))) __m512i h(__m512i a) { return _mm512_add_epi32(a, a); }
int q(int a) { return _mm_extract_epi16(_mm_set1_epi16(a), 3); }
"""


@pytest.mark.skipif("gcc" not in COMPILERS, reason="no gcc")
@pytest.mark.parametrize("command, mode", [
    ("-O2 -c im.c", "directives"), ("-O0 -mavx2 -c im.c", "plain"),
    ("-Og -mno-avx -c im.c", "directives"), ("-O0 -xc++ -c im.c", "plain")])
def test_intrinsics(command, mode, tmp_path, monkeypatch):
    """gcc's own headers are full of #pragma GCC target, and yet mean the same."""
    if os.uname().machine != "x86_64":
        pytest.skip("x86-64 only")
    monkeypatch.setitem(SOURCES, "im.c", INTRINSICS)
    split, client, server, local = compile_both("gcc", command, tmp_path, mode)
    assert split.run(client, server) == local
    text = next(server.glob("distccd_a1b2.*"))
    assert b"#pragma GCC target" in text.read_bytes()
    assert run([TOOL, "scan", str(text)], server).stdout == b"0\n"


@pytest.mark.skipif("gcc" not in COMPILERS, reason="no gcc")
def test_pragma_target(tmp_path, monkeypatch):
    """The reason for CC_TEXT_PRAGMA_TARGET: the split compile is other code, and is caught."""
    if os.uname().machine != "x86_64":
        pytest.skip("x86-64 only")
    monkeypatch.setitem(SOURCES, "pt.c", '#pragma GCC target("avx2")\n#ifdef __AVX2__\n'
                        "int with_avx2;\n#else\nint without;\n#endif\n")
    split, client, server, local = compile_both("gcc", "-c pt.c", tmp_path)
    assert split.run(client, server) != local
    assert run([TOOL, "scan", "distccd_a1b2.i"], server).stdout == b"1\n"


PRAGMAS = [
    "once", "GCC system_header", "GCC diagnostic push", "GCC visibility push(default)",
    "GCC push_options", "GCC ivdep", "GCC unroll 4", "GCC poison NOTHING", "STDC FP_CONTRACT OFF",
    "pack(push, 1)", "weak other", "omp parallel for", "acc loop", "clang loop", "region x",
    "warning(disable: 4)", "comment(lib)", "mark x", "loop", "simd", "ident x",
    # lost
    'message "m"', "redefine_extname a b", 'push_macro("X")', 'pop_macro("X")',
    "scalar_storage_order default", "unheard_of x", "GCC unheard_of x",
]


@pytest.mark.skipif("gcc" not in COMPILERS, reason="no gcc")
@pytest.mark.parametrize("pragma", PRAGMAS)
def test_pragma_survives(pragma, tmp_path):
    """What is said to survive -fdirectives-only is in the text, or does no more than mark a file."""
    source = "#define X 1\nint a;\n#pragma " + pragma + "\nint line = __LINE__;\nint b;\n"
    (tmp_path / "p.h").write_text(source)
    (tmp_path / "p.c").write_text('#include "p.h"\n')
    loses = run([TOOL, "source", "p.h"], tmp_path).stdout == b"1\n"
    text = run(["gcc", "-w", "-E", "-fdirectives-only", "p.c"], tmp_path, text=True).stdout
    lines = text[text.index('# 1 "p.h"'):].split("\n")[1:]
    lines = [x for x in lines if not re.match('# 4 "p.h" 3', x)]
    whole = lines[0] == "#define X 1" and lines[3] == "int line = __LINE__;" and (
        lines[2] == "#pragma " + pragma or pragma in ("once", "GCC system_header") or
        pragma.startswith("GCC poison"))
    assert whole or loses


@pytest.mark.skipif("gcc" not in COMPILERS, reason="no gcc")
def test_lost_pragma_is_other_code(tmp_path, monkeypatch):
    """The reason for cc_pragmas_check."""
    monkeypatch.setitem(SOURCES, "pm.c", '#define X 1\n#pragma push_macro("X")\n#undef X\n'
                        '#define X 2\nint a = X;\n#pragma pop_macro("X")\n#ifndef X\n#define X 3\n'
                        "#endif\nint b = X;\n")
    split, client, server, local = compile_both("gcc", "-c pm.c", tmp_path)
    assert split.run(client, server) == local
    split = Split(["gcc", "-c", "pm.c"], client, "directives")
    try:
        assert split.run(client, server) != local
    except subprocess.CalledProcessError:
        pass
    assert run([TOOL, "source", "pm.c"], client).stdout == b"1\n"
