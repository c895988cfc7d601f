# SPDX-License-Identifier: GPL-3.0-or-later
"""update-distcc-symlinks makes the links that masquerading and distccd's list of compilers need."""

import os
import pathlib
import subprocess

import pytest

SCRIPT = pathlib.Path(os.environ["DISTCC_BUILD_DIR"]) / "src/launcher/update-distcc-symlinks"


def run(*arguments):
    return subprocess.run(
        [SCRIPT, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def add_program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


@pytest.fixture
def root(tmp_path):
    """A system with some compilers, and much that only looks like one."""
    for name in [
            "cc", "c89-gcc", "gcc", "gcc-12", "g++", "g++-12.2.0", "x86_64-linux-gnu-gcc-12",
            "arm-none-eabi-g++", "i686-w64-mingw32-gcc-win32", "clang-14", "clang++",
            "gcc-ar", "gcc-ar-12", "gcc-nm", "gccgo-12", "clangd", "clang-format-14",
            "clang-tidy", "clang-cpp-14", "other-gcc", "x86_64-linux-gnu-gcc-ranlib-12", "cpp"]:
        add_program(tmp_path / "usr/bin" / name)
    (tmp_path / "usr/bin/c++").symlink_to("/etc/alternatives/c++")
    (tmp_path / "usr/bin/c99").write_text("not a program")
    add_program(tmp_path / "usr/local/bin/gcc-15")
    (tmp_path / "usr/local/bin/clang-19").symlink_to("/usr/bin/distcc")
    for machine in ["lib/gcc/x86_64-linux-gnu", "lib/gcc-cross/arm-none-eabi",
                    "libexec/gcc/i686-w64-mingw32"]:
        (tmp_path / "usr" / machine / "12").mkdir(parents=True)
    return tmp_path


COMPILERS = sorted([
    "cc", "c++", "c89-gcc", "gcc", "gcc-12", "gcc-15", "g++", "g++-12.2.0",
    "x86_64-linux-gnu-gcc-12", "arm-none-eabi-g++", "i686-w64-mingw32-gcc-win32", "clang-14",
    "clang++"])


def test_links_what_is_there(root, tmp_path):
    links = tmp_path / "links"
    done = run("--root", root, "--dir", links)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == COMPILERS
    assert sorted(os.listdir(links)) == COMPILERS
    targets = {os.readlink(link) for link in links.iterdir()}
    assert len(targets) == 1
    assert targets.pop().endswith("/bin/distcc")
    # Once more: nothing changes.
    before = {link.name: link.lstat().st_ino for link in links.iterdir()}
    assert run(f"--root={root}", f"--dir={links}").stdout == done.stdout
    assert {link.name: link.lstat().st_ino for link in links.iterdir()} == before


def test_links_are_relative_in_the_tree_of_distcc(root):
    add_program(root / "opt/bin/distcc")
    assert run("--root", root, "--dir", root / "opt/lib/distcc").returncode == 0
    assert os.readlink(root / "opt/lib/distcc/gcc") == "../../bin/distcc"


def test_removes_what_is_gone(root, tmp_path):
    links = tmp_path / "links"
    run("--root", root, "--dir", links)
    (root / "usr/bin/gcc-12").unlink()
    add_program(root / "usr/bin/tcc")
    (links / "gcc-9").symlink_to("../../bin/distcc")
    (links / "tcc").symlink_to("../../bin/distcc")
    done = run("--root", root, "--dir", links)
    removed = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" (removed)")}
    assert removed == {"gcc-12", "gcc-9"}
    # A compiler of no name we know, that somebody linked by hand, and that is there.
    assert set(os.listdir(links)) == set(COMPILERS) - {"gcc-12"} | {"tcc"}


def test_leaves_alone_what_is_not_its_own(root, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    (links / "mine").symlink_to("/bin/true")
    (links / "gcc").write_text("a wrapper")
    (links / "clang++").symlink_to("/opt/clang/bin/clang++")
    done = run("--root", root, "--dir", links)
    assert done.returncode == 0
    assert (links / "gcc").read_text() == "a wrapper"
    assert os.readlink(links / "mine") == "/bin/true"
    assert os.readlink(links / "clang++") == "/opt/clang/bin/clang++"
    assert len(done.stderr.splitlines()) == 2


def test_mends_a_link_to_another_distcc(root, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    (links / "gcc").symlink_to("/old/bin/distcc")
    run("--root", root, "--dir", links)
    assert os.readlink(links / "gcc") == os.readlink(links / "cc")


def test_no_compiler_at_all(tmp_path):
    done = run("--root", tmp_path, "--dir", tmp_path / "links")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert os.listdir(tmp_path / "links") == []


def test_this_machine(tmp_path):
    done = run("--dir", tmp_path / "links")
    assert done.returncode == 0
    assert "cc" in done.stdout.split()


def test_help():
    done = run("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: update-distcc-symlinks")


@pytest.mark.parametrize("arguments", [["--no-such"], ["x"], ["--dir"], ["--dir="], ["--root", ""]])
def test_bad_arguments(arguments):
    done = run(*arguments)
    assert done.returncode == 101
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


def test_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    done = run("--dir", tmp_path / "file/links")
    assert done.returncode == 100
    assert "cannot make" in done.stderr
