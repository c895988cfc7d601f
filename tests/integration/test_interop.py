# SPDX-License-Identifier: GPL-3.0-or-later
"""
Our client and our worker with each other and with Debian's distcc 3.4, in each direction. (3.4 with
itself is here to show that what the tests ask for is what the protocol's users have.)
"""

import itertools

import pytest

from harness import fakecc
from harness.tree import assert_same

PAIRS = list(itertools.product(("ours", "debian"), ("ours", "debian")))
LANGUAGES = {"c": ("gcc", "x.c"), "c++": ("g++", "x.cc")}

GOOD = """
#include <stdio.h>
#include "own.h"
int answer(int x) { printf("%s %d\\n", __FILE__, OWN(x)); return OWN(x); }
"""
OWN = "#define OWN(x) ((x) * 3 + __LINE__)\n"
WARNS = """
#include "own.h"
static int unused_one(void) { return OWN(1); }
unsigned u;
int compare(int x) { return x < u; }
"""
FAILS = """
#include "own.h"
int f(void) { return undeclared; }
int g(void) { return also + ; }
"""


@pytest.fixture(params=PAIRS, ids=lambda p: f"{p[0]}-client+{p[1]}-worker")
def pair(request):
    return request.param


@pytest.fixture(params=["", ",lzo"], ids=["plain", "lzo"])
def options(request):
    return request.param


@pytest.fixture(params=LANGUAGES)
def language(request):
    return LANGUAGES[request.param]


def command(compiler: str, source: str) -> list[str]:
    return [compiler, "-O2", "-Wall", "-Wextra", "-I.", "-DX=1", "-c", source, "-o", "x.o"]


def make(lab, pair, options, source, text, compilers=None, **env):
    worker = lab.worker(flavour=pair[1], compilers=compilers)
    client = lab.client([worker.host(options)], flavour=pair[0], **env)
    return worker, client, lab.tree({source: text, "own.h": OWN})


def test_success(lab, pair, options, language):
    compiler, source = language
    worker, client, tree = make(lab, pair, options, source, GOOD)
    wanted = lab.local(tree, *command(compiler, source))
    got = client.compile(tree, *command(compiler, source))
    assert_same(got, wanted)
    assert got.code == 0 and worker.compiles() == 1


def test_warning(lab, pair, options, language):
    compiler, source = language
    worker, client, tree = make(lab, pair, options, source, WARNS)
    wanted = lab.local(tree, *command(compiler, source))
    got = client.compile(tree, *command(compiler, source))
    assert got.messages() == wanted.messages() and len(got.messages()) >= 2
    assert got.files == wanted.files and got.code == 0
    assert worker.compiles() == 1


def test_error(lab, pair, options, language):
    compiler, source = language
    worker, client, tree = make(lab, pair, options, source, FAILS)
    wanted = lab.local(tree, *command(compiler, source))
    got = client.compile(tree, *command(compiler, source))
    assert wanted.code == 1 and not wanted.files
    assert worker.compiles() == 1
    if pair[0] == "ours":
        assert_same(got.without_notes(), wanted)
    else:  # prints the remote messages and the local ones
        assert (got.code, got.files) == (wanted.code, wanted.files)


def test_error_without_local_retry(lab, pair, options, language):
    compiler, source = language
    worker, client, tree = make(lab, pair, options, source, FAILS, DISTCC_SKIP_LOCAL_RETRY=1)
    wanted = lab.local(tree, *command(compiler, source))
    got = client.compile(tree, *command(compiler, source))
    assert (got.code, got.files) == (wanted.code, wanted.files)
    assert got.messages() == wanted.messages()
    assert worker.compiles() == 1


def test_crash_of_the_compiler(lab, pair, options, language):
    """There it dies of SIGSEGV; here it does not: nothing of the crash is to be seen."""
    compiler, source = language
    crashing = lab.compilers(fakecc.CRASH)
    _, client, tree = make(lab, pair, options, source, GOOD, compilers=crashing)
    wanted = lab.local(tree, *command(compiler, source))
    got = client.compile(tree, *command(compiler, source))
    assert_same(got.without_notes(), wanted)


def test_crash_without_fallback(lab, pair, options, language):
    compiler, source = language
    crashing = lab.compilers(fakecc.CRASH)
    _, client, tree = make(
        lab, pair, options, source, GOOD, compilers=crashing, DISTCC_FALLBACK=0
    )
    got = client.compile(tree, *command(compiler, source))
    assert got.code != 0 and not got.files


def test_compiler_that_fails_inside(lab, pair, options, language):
    """As gcc does when cc1 crashes: exit code 4 and a text, no signal."""
    compiler, source = language
    broken = lab.compilers("echo 'gcc: internal compiler error: Aborted' >&2; exit 4\n")
    _, client, tree = make(lab, pair, options, source, GOOD, compilers=broken)
    wanted = lab.local(tree, *command(compiler, source))
    got = client.compile(tree, *command(compiler, source))
    assert (got.code, got.files) == (wanted.code, wanted.files)
