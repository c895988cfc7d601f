# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to call distcc, and what it says and returns."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import fakecc
from harness.fakeserver import ClosedPort
from harness.programs import PATH
from harness.tree import assert_same

SOURCE = {"x.c": "int f(int x) { return x + 1; }\n"}
ARGV = ("-O1", "-MMD", "-MF", "x.d", "-c", "x.c", "-o", "x.o")


@pytest.fixture
def masquerade(lab):
    """A directory in which names of compilers are links to a distcc."""

    def make(client):
        path = lab.directory("m")
        for name in fakecc.names():
            (path / name).symlink_to(client.program)
        return path

    return make


def ccache_links(lab) -> Path:
    assert shutil.which("ccache"), "the tests need ccache"
    path = lab.directory("cc")
    for name in ("gcc", "g++", "cc", "c++"):
        (path / name).symlink_to("/usr/bin/ccache")
    return path


# The spy on our worker does not see what is asked for by a full path.
FULL_PATH = pytest.mark.debian_wrong("asks for the compiler by its path here")


@pytest.mark.parametrize(
    "compiler", ["gcc", pytest.param("/usr/bin/gcc", marks=FULL_PATH), "cc", "g++", "clang"]
)
def test_explicit(lab, compiler):
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, compiler, *ARGV)
    assert_same(client.compile(tree, compiler, *ARGV), wanted)
    assert worker.compiles() == 1


def test_implicit(lab):
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, "cc", *ARGV)
    assert_same(client.compile(tree, *ARGV), wanted)
    assert_same(client.compile(tree, "x.c", "-c", "-O1", "-MMD", "-MF", "x.d"), wanted)
    assert worker.compiles() == 2


@pytest.mark.parametrize("name", ["gcc", "cc", "g++", "clang"])
def test_masquerade(lab, masquerade, name):
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, name, *ARGV)
    links = masquerade(client)
    got = client.compile_as(tree, name, *ARGV, PATH=f"{links}:{PATH}")
    assert_same(got, wanted)
    assert worker.compiles() == 1


def test_masquerade_by_full_path(lab, masquerade):
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, "gcc", *ARGV)
    links = masquerade(client)
    assert_same(client.compile_as(tree, links / "gcc", *ARGV), wanted)
    got = client.compile_as(tree, links / "gcc", *ARGV, PATH=f"{links}:{PATH}")
    assert_same(got, wanted)


@pytest.mark.debian_wrong("renames the compiler first")
def test_masquerade_passes_options_on(lab, masquerade):
    """--version, --help and no arguments are the compiler's business then."""
    client = lab.client("localhost")
    links = masquerade(client)
    tree = lab.tree({})
    for argv in (["--version"], ["-dumpmachine"], [], ["-print-prog-name=cc1"]):
        wanted = lab.local(tree, "gcc", *argv)
        got = client.compile_as(tree, "gcc", *argv, PATH=f"{links}:{PATH}")
        assert (got.code, got.out) == (wanted.code, wanted.out)


@pytest.mark.debian_wrong("finds itself")
def test_masquerade_twice(lab, masquerade):
    """distcc gcc, with gcc found in the masquerade directory: one job, no recursion."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, "gcc", *ARGV)
    links = masquerade(client)
    assert_same(client.compile(tree, "gcc", *ARGV, PATH=f"{links}:{PATH}"), wanted)
    got = client.compile_as(tree, links / "gcc", *ARGV, PATH=f"{links}:{links}/:{links}/.:{PATH}")
    assert_same(got, wanted)
    assert worker.compiles() == 2


def test_masquerade_links_with_full_toolchain(lab, masquerade):
    """A link step that starts no compiler of ours again."""
    client = lab.client([lab.worker()])
    tree = lab.tree({"m.c": "int main(void) { return 7; }\n"})
    links = masquerade(client)
    got = client.compile_as(tree, "gcc", "m.c", "-o", "m", PATH=f"{links}:{PATH}")
    assert got.code == 0 and set(got.files) == {"m"}


def ccache_hits(lab, client, tree) -> int:
    out = client.compile_as(tree, "ccache", "--print-stats").out.decode()
    stats = dict(line.split("\t") for line in out.splitlines())
    return int(stats["direct_cache_hit"]) + int(stats["preprocessed_cache_hit"])


def ccache_form(lab, client, masquerade, form):
    """The command, and its environment."""
    if form == "prefix":
        return ["ccache", "gcc"], {"CCACHE_PREFIX": client.program}
    if form == "explicit":
        return ["ccache", client.program, "gcc"], {}
    if form == "distcc-first":
        return [client.program, "ccache", "gcc"], {}
    first, second = ccache_links(lab), masquerade(client)
    if form == "links-distcc-ccache":
        first, second = second, first
    return ["gcc"], {"PATH": f"{first}:{second}:{PATH}"}


@pytest.mark.parametrize(
    "form",
    [
        pytest.param("prefix", marks=FULL_PATH),
        "explicit",
        "links-ccache-distcc",
        pytest.param("links-distcc-ccache", marks=pytest.mark.debian_wrong("skips ccache")),
        "distcc-first",
    ],
)
def test_ccache(lab, masquerade, form):
    """Whichever comes first: the local outputs, and the second compile from the cache."""
    worker = lab.worker()
    client = lab.client([worker])
    client.env["CCACHE_DIR"] = str(lab.directory("cache"))
    client.env["CCACHE_TEMPDIR"] = str(lab.directory("cachetmp"))
    tree = lab.tree(SOURCE)
    argv, env = ccache_form(lab, client, masquerade, form)
    wanted = lab.local(tree, "gcc", *ARGV)
    first = client.compile_as(tree, *argv, *ARGV, **env)
    assert_same(first.without_notes(), wanted)
    remote = worker.compiles()
    if "distcc-" not in form:
        assert remote == 1
    second = client.compile_as(tree, *argv, *ARGV, **env)
    assert_same(second.without_notes(), wanted)
    assert ccache_hits(lab, client, tree) == 1 and worker.compiles() == remote


def test_only_ourselves_on_the_path(lab, masquerade):
    """No compiler behind us: an error, not a recursion."""
    client = lab.client([lab.worker()])
    links = masquerade(client)
    got = client.compile_as(lab.tree(SOURCE), links / "gcc", *ARGV, PATH=str(links))
    assert got.code in (110, 111) and got.err


def test_recursion_is_cut(lab):
    """A "compiler" that calls distcc again: found out, and passed over if there is another."""
    client = lab.client([lab.worker()])
    calls = lab.directory("r") / "calls"
    loop = lab.compilers(f'echo >>{calls}; exec {client.program} gcc "$@"\n')
    tree = lab.tree(SOURCE)
    got = client.compile(tree, "gcc", *ARGV, PATH=f"{loop}:{PATH}")
    assert got.code == 111 or client.is_ours and "x.o" in got.files
    got = client.compile(tree, "gcc", *ARGV, PATH=str(loop))
    assert got.code in (110, 111)
    assert calls.read_text().count("\n") < 20


def test_compiler_named_like_a_path_with_distcc(lab):
    """A wrapper script whose name holds "distcc" but is none of ours."""
    client = lab.client([lab.worker()])
    where = lab.directory("w") / "my-distcc-wrapper"
    where.write_text(f'#!/bin/sh\nexec {client.program} gcc "$@"\n')
    where.chmod(0o755)
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, "gcc", *ARGV)
    assert_same(client.compile_as(tree, where, *ARGV), wanted)


# "distcc --option"

HOSTS = [
    "localhost",
    "localhost/5",
    "a b c",
    "a/3 b:1234/7 c:99",
    "a,lzo b/2,lzo c:1/2,lzo",
    "[::1]/2 [::1]:99/3 [2001:db8::1]",
    "localhost/2 a/1 --localslots=3 --localslots_cpp=9",
    "a # comment b",
    "me@there/2 @there",
    "",
]


def debian_says(lab, option, hosts):
    return lab.client(hosts, flavour="debian").run(option)


@pytest.mark.ours
@pytest.mark.parametrize("hosts", HOSTS)
@pytest.mark.parametrize("option", ["--show-hosts", "-j"])
def test_hosts_are_shown_as_by_debian(lab, option, hosts):
    """In what is printed and returned; the words of an error are each program's own."""
    wanted = debian_says(lab, option, hosts)
    got = lab.client(hosts).run(option)
    assert (got.code, got.out) == (wanted.code, wanted.out)
    assert bool(got.err) == bool(wanted.err)


def test_hosts_from_a_file(lab):
    client = lab.client()
    del client.env["DISTCC_HOSTS"]
    (client.dir / "hosts").write_text("# mine\nfirst/3\n  second:99 # old\n\n")
    assert client.run("--show-hosts").out == b"first/3\nsecond:99\n"
    assert client.run("-j").out == b"7\n"


@pytest.mark.ours
def test_hosts_by_option(lab):
    """--distcc-hosts goes before the list of the environment."""
    worker, other = lab.worker(), lab.worker()
    client = lab.client([other])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, "gcc", *ARGV)
    assert_same(client.compile(tree, f"--distcc-hosts={worker.host()}", "gcc", *ARGV), wanted)
    assert (worker.compiles(), other.compiles()) == (1, 0)


@pytest.mark.ours
def test_explain(lab):
    """Why it ran where it ran, beside the compile that is otherwise the same."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, "gcc", *ARGV)
    got = client.compile(tree, "--distcc-explain", "gcc", *ARGV)
    assert_same(got.without_notes(), wanted)
    assert worker.host().encode() in got.err
    got = client.compile(tree, "--distcc-explain", "gcc", "-march=native", *ARGV)
    assert b"-march=native" in got.err


def test_verbose_does_not_change_the_compile(lab):
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, "gcc", *ARGV)
    got = client.compile(tree, "gcc", *ARGV, DISTCC_VERBOSE=1)
    assert_same(got.without_notes(), wanted)
    assert got.err


def test_log_goes_to_a_file(lab):
    worker = lab.worker()
    client = lab.client([worker])
    log = lab.directory("log") / "log"
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, "gcc", *ARGV)
    assert_same(client.compile(tree, "gcc", *ARGV, DISTCC_VERBOSE=1, DISTCC_LOG=log), wanted)
    assert log.stat().st_size > 0


def test_version(lab):
    result = lab.client().run("--version")
    first, second = result.out.decode().splitlines()[:2]
    assert result.code == 0 and not result.err
    assert first.startswith("distcc ") and "(default port 3632)" in second


def test_help(lab):
    result = lab.client().run("--help")
    assert result.code == 0 and not result.err
    assert result.out.startswith(b"Usage:") or b"Usage:" in result.out


# Exit codes: of the compiler, else distcc 3.4's own.


def code_of(client, lab, *argv, files=SOURCE, **env):
    tree = lab.tree(files)
    result = client.start([client.program, *argv], tree.path, **env).wait()
    tree.changes()
    return result.code


@pytest.fixture(params=["remote", "local"])
def somewhere(lab, request):
    """A client whose compiles go to a worker, or stay."""
    return lab.client([lab.worker()] if request.param == "remote" else "localhost")


def test_code_no_arguments(lab):
    result = lab.client("localhost").run()
    assert result.code == 101 and b"missing option/operand" in result.err


def test_code_compiles(lab, somewhere):
    assert code_of(somewhere, lab, "gcc", "-c", "x.c") == 0


def test_code_syntax_error(lab, somewhere):
    assert code_of(somewhere, lab, "gcc", "-c", "x.c", files={"x.c": "int x = ;\n"}) == 1


def test_code_no_such_file(lab, somewhere):
    assert code_of(somewhere, lab, "gcc", "-c", "missing.c") == 1


def test_code_preprocessor_error(lab, somewhere):
    files = {"x.c": '#include "missing.h"\n'}
    assert code_of(somewhere, lab, "gcc", "-c", "x.c", files=files) == 1


def test_code_of_the_compiler(lab, somewhere):
    own = lab.compilers("exit 37\n")
    assert code_of(somewhere, lab, "gcc", "-c", "x.c", PATH=f"{own}:{PATH}") == 37


def test_code_signal_of_the_compiler(lab, somewhere):
    own = lab.compilers("kill -USR1 $$\n")
    assert code_of(somewhere, lab, "gcc", "-c", "x.c", PATH=f"{own}:{PATH}") == 128 + 10


def test_code_no_such_compiler(lab, somewhere):
    assert code_of(somewhere, lab, "gcc-none", "-c", "x.c") == 110


@pytest.mark.debian_wrong("takes the name without its path instead")
def test_code_no_such_path(lab, somewhere):
    assert code_of(somewhere, lab, "/nowhere/gcc", "-c", "x.c") == 110


@pytest.mark.debian_wrong("takes the name without its path instead")
def test_code_compiler_not_executable(lab, somewhere):
    path = lab.directory("n") / "gcc"
    path.write_text("#!/bin/sh\nexit 0\n")
    assert code_of(somewhere, lab, str(path), "-c", "x.c") == 110


@pytest.mark.parametrize("fallback,code", [(1, 0), (0, 116)])
def test_code_no_host_left(lab, fallback, code):
    client = lab.client([lab.closing(ClosedPort()).host()], DISTCC_FALLBACK=fallback)
    assert code_of(client, lab, "gcc", "-c", "x.c") == code


@pytest.mark.parametrize("hosts", ["a/0", "a/x", "a:99999", "a,cpp", "a,nonsense", "[::1", ":1"])
def test_code_bad_hosts(lab, hosts):
    """A list that cannot be read is said, and compiled locally, unless fallback is forbidden."""
    client = lab.client(hosts)
    assert code_of(client, lab, "gcc", "-c", "x.c") == 0
    got = client.compile(lab.tree(SOURCE), "gcc", "-c", "x.c")
    assert got.err


def test_code_recursion(lab):
    client = lab.client("localhost")
    assert code_of(client, lab, "gcc", "-c", "x.c", _DISTCC_SAFEGUARD=99) == 111


def test_code_output_cannot_be_written(lab):
    """/dev/full as stdout: "gcc -v" and distcc's own --help do not end as if all were well."""
    client = lab.client("localhost")
    argv = ["sh", "-c", f"{client.program} --show-hosts >/dev/full"]
    if client.is_ours:
        assert client.start(argv, lab.root).wait().code != 0


def test_stdin_reaches_the_compiler(lab):
    client = lab.client([lab.worker()])
    tree = lab.tree(SOURCE)
    argv = ("sh", "-c", 'exec "$@" <x.c', "sh")
    gcc = ("gcc", "-O1", "-x", "c", "-c", "-", "-o", "y.o")
    wanted = lab.local(tree, *argv, *gcc)
    assert_same(client.compile_as(tree, *argv, client.program, *gcc), wanted)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_a_standard_descriptor_is_closed(lab, closed):
    """It is closed for the compiler, too."""
    client, tree = lab.client([lab.worker()]), lab.tree(SOURCE)
    argv = ("sh", "-c", f'exec "$@" {closed}', "sh")
    for gcc in (("gcc", *ARGV), ("gcc", "-x", "c", "-c", "-", "-o", "y.o"), ("gcc", "--version")):
        wanted = lab.local(tree, *argv, *gcc)
        assert_same(client.compile_as(tree, *argv, client.program, *gcc), wanted)


DEEP = """
import os, sys
for _ in range(60):
    os.mkdir("d" * 100)
    os.chdir("d" * 100)
os.execvp(sys.argv[1], sys.argv[1:])
"""
GONE = """
import os, sys
os.mkdir("d")
os.chdir("d")
os.rmdir("../d")
os.execvp(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.ours
@pytest.mark.parametrize("script", [DEEP, GONE], ids=["deep", "gone"])
def test_a_working_directory_that_cannot_be_told(lab, masquerade, script):
    client = lab.client([lab.worker()])

    def run(*argv, **env):
        at = lab.directory("at")  # no tree: it could not be looked at
        got = client.start([sys.executable, "-c", script, *argv], at, **env).wait()
        return got.code, got.out, got.err

    for argv in (("gcc", "--version"), ("gcc", "-E", "-x", "c", "/dev/null")):
        wanted = run(*argv)
        assert run(client.program, *argv) == wanted
        assert run(*argv, PATH=f"{masquerade(client)}:{PATH}") == wanted


def test_preprocessing_and_linking_stay(lab):
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({"m.c": "int main(void) { return 7; }\n"})
    for argv in (
        ["-E", "m.c"],
        ["-M", "m.c"],
        ["m.c", "-o", "m"],
        ["-c", "m.c", "-march=native"],
        ["-c", "m.c", "-fprofile-use"],
        ["-c", "m.c", "-o", "-"],
    ):
        wanted = lab.local(tree, "gcc", *argv)
        assert_same(client.compile(tree, "gcc", *argv).without_notes(), wanted)
    assert worker.compiles() == 0


def test_closed_descriptors(lab):
    """A caller that has closed 0, 1 and 2 gets its object all the same."""
    client = lab.client([lab.worker()])
    tree = lab.tree(SOURCE)
    wanted = lab.local(tree, "gcc", *ARGV)
    argv = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", client.program, "gcc", *ARGV)
    assert client.compile_as(tree, *argv).files == wanted.files
    assert_same(client.compile_as(tree, *argv), wanted)


def test_odd_working_directories(lab):
    """A name with blanks and newlines; one that is very long; one that is gone."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({"a b\n'\"/x.c": SOURCE["x.c"]})
    argv = ("sh", "-c", 'cd "a b\n\'\\"" && exec "$@"', "sh")
    wanted = lab.local(tree, *argv, "gcc", *ARGV)
    assert wanted.code == 0
    assert_same(client.compile_as(tree, *argv, client.program, "gcc", *ARGV), wanted)
    deep = "/".join(["d" * 200] * 15)
    tree = lab.tree({f"{deep}/x.c": SOURCE["x.c"]})
    argv = ("sh", "-c", f'cd "{deep}" && exec "$@"', "sh")
    wanted = lab.local(tree, *argv, "gcc", *ARGV)
    assert wanted.code == 0
    assert_same(client.compile_as(tree, *argv, client.program, "gcc", *ARGV), wanted)
    gone = ("sh", "-c", 'mkdir g && cd g && rmdir ../g && exec "$@"', "sh")
    source = tree.path / deep / "x.c"
    gcc = ("gcc", "-c", source, "-o", tree.path / "y.o")
    wanted = lab.local(tree, *gone, *gcc)
    got = client.compile_as(tree, *gone, client.program, *gcc)
    assert (got.code, got.files) == (wanted.code, wanted.files)


def test_large_environment_and_command_line(lab):
    """Most of what execve takes."""
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree(SOURCE)
    argv = ["gcc", *ARGV, *(f"-DNAME_{i}={'x' * 100}" for i in range(600))]
    env = {f"VARIABLE_{i}": "y" * 1000 for i in range(500)}
    wanted = lab.local(tree, *argv, **env)
    assert wanted.code == 0
    assert_same(client.compile(tree, *argv, **env), wanted)
    assert worker.compiles() == 1


def test_response_files(lab):
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({**SOURCE, "args": '-O1 -c "x.c" @more\n', "more": "-o x.o '-DA=b c'\n"})
    wanted = lab.local(tree, "gcc", "@args")
    assert_same(client.compile(tree, "gcc", "@args"), wanted)
    assert worker.compiles() == 1


@pytest.mark.parametrize("variable", ["CPATH", "C_INCLUDE_PATH"])
def test_environment_of_the_compiler_counts(lab, variable):
    worker = lab.worker()
    client = lab.client([worker])
    tree = lab.tree({"x.c": '#include "own.h"\n', "inc/own.h": "int own;\n"})
    where = os.fspath(tree.path / "inc")
    wanted = lab.local(tree, "gcc", "-c", "x.c", **{variable: where})
    assert wanted.code == 0
    assert_same(client.compile(tree, "gcc", "-c", "x.c", **{variable: where}), wanted)
    # The environment of this launch, not of the one that started the agent.
    assert client.compile(tree, "gcc", "-c", "x.c").code == 1


@pytest.mark.ours
@pytest.mark.parametrize("version, kept", [(9, False), (10, False), (11, True), (12, True)])
def test_macros_are_left_in_the_text_since_gcc_11(lab, version, kept):
    """Before that, gcc's -fdirectives-only was another program."""
    triple = subprocess.run(
        ["gcc", "-dumpmachine"], capture_output=True, text=True, check=True
    ).stdout.strip()
    bin_ = lab.directory("g")
    name = f"{triple}-gcc-{version}"
    for link in ("gcc", name):
        (bin_ / link).symlink_to(os.path.realpath(shutil.which("gcc")))
    asked = []
    server = lab.server(lambda conn: asked.append(conn.read_request()))
    client = lab.client([server])
    tree = lab.tree({"x.c": "#define TEN 10\nint x = TEN;\n"})
    done = client.compile(tree, "gcc", "-c", "x.c", PATH=f"{bin_}:{client.env['PATH']}")
    assert done.code == 0
    assert asked[0].argv[0] == name.encode()
    assert (b"-fdirectives-only" in asked[0].argv) == kept
    assert (b"#define TEN 10" in asked[0].source) == kept
