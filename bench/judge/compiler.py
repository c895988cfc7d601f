# SPDX-License-Identifier: GPL-3.0-or-later
"""
The truth: a real compile, and the dependency file that it leaves. Never -M or -E, whose answers
are others (gcc does not expand text for -M), and never the user's own -M options.
"""

import contextlib
import dataclasses
import functools
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import zygote

from . import depfile

TARGET = "judged"
ALONE = {"-c", "-S", "-MD", "-MMD", "-MP", "-MG", "-M", "-MM", "--dependencies",
         "--user-dependencies", "--write-dependencies", "--write-user-dependencies"}
WITH_VALUE = ("-o", "-MF", "-MT", "-MQ", "-MJ")


def family(compiler: str) -> str:
    """gcc or clang, by name."""
    return "clang" if "clang" in os.path.basename(compiler) else "gcc"


def _wp(word: str) -> list[str]:
    """-Wp,… without its -M options."""
    parts, kept = iter(word.split(",")[1:]), []
    for part in parts:
        if part in ("-MD", "-MMD", "-MF", "-MT", "-MQ"):
            next(parts, None)
        elif part not in ("-MP", "-MG"):
            kept.append(part)
    return ["-Wp," + ",".join(kept)] if kept else []


def without_outputs(argv: list[str]) -> list[str]:
    """The command without what says where and what to write."""
    kept, words = [], iter(argv)
    for word in words:
        if word in WITH_VALUE:
            next(words, None)
        elif word.startswith("-Wp,"):
            kept += _wp(word)
        elif word in ALONE:
            pass
        elif word.startswith(WITH_VALUE) and not word.startswith(("-objc", "-openmp")):
            pass
        else:
            kept.append(word)
    return kept


def is_assembler(argv: list[str]) -> bool:
    return any(w.endswith((".S", ".sx")) or "assembler" in w for w in argv)


def preprocessed(argv: list[str]) -> str | None:
    """The source, if the preprocessor has left it: there is no dependency file then."""
    return next((w for w in argv if w.endswith((".i", ".ii"))), None)


def real_command(argv: list[str], deps: str, output: str, make_object: bool) -> list[str]:
    what = ["-c"] if make_object or is_assembler(argv) else ["-fsyntax-only"]
    if make_object or is_assembler(argv):
        what += ["-o", output]
    return [*without_outputs(argv), *what, "-MD", "-MF", deps, "-MT", TARGET]


@dataclasses.dataclass
class Truth:
    accepted: bool
    deps: list[str]  # absolute, as spelled
    text: str  # what the compiler said, where it rejects


def absolute(path: str, cwd: str) -> str:
    return path if path.startswith("/") else f"{cwd.rstrip('/')}/{path}"


class Forks:
    """
    clang and clang++, each started once, in this environment, and forked for each command: of what
    a small file costs, most is their start. (gcc's driver starts other programs in any case.)
    """

    NAMES = ("clang", "clang++")

    def __init__(self, env: dict[str, str]):
        self.env = env
        self.temp = tempfile.TemporaryDirectory(prefix="judge-")
        self.library: Path | None = None
        self.zygotes: dict[str, zygote.Zygote] = {}

    def run(self, cwd: str, command: list[str]) -> tuple[int, bytes]:
        name = command[0]
        if name not in self.zygotes:
            self.library = self.library or zygote.build(Path(self.temp.name))
            program = shutil.which(name, path=self.env.get("PATH")) or name
            self.zygotes[name] = zygote.Zygote(program, self.env, self.library)
        errors = Path(self.temp.name) / "errors"
        status = self.zygotes[name].run(str(errors), cwd, command)
        return os.waitstatus_to_exitcode(status), errors.read_bytes()

    def close(self) -> None:
        for one in self.zygotes.values():
            one.close()
        self.temp.cleanup()


_forks: Forks | None = None


@contextlib.contextmanager
def forking(env: dict[str, str]):
    """In it, run() has its commands in this environment by a Forks."""
    global _forks
    _forks = Forks(env)
    try:
        yield
    finally:
        _forks.close()
        _forks = None


def _execute(cwd: str, command: list[str], env: dict[str, str]) -> tuple[int, bytes]:
    """The exit code (negative: a signal), and what it said."""
    if _forks and command[0] in Forks.NAMES and env == _forks.env:
        return _forks.run(cwd, command)
    done = subprocess.run(
        command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    return done.returncode, done.stderr


def run(cwd: str, argv: list[str], env: dict[str, str], make_object: bool = False) -> Truth:
    """Compile, and read what it depended on."""
    with tempfile.TemporaryDirectory(prefix="judge-") as temp:
        deps = os.path.join(temp, "deps")
        command = real_command(argv, deps, os.path.join(temp, "object"), make_object)
        code, said = _execute(cwd, command, env)
        if code != 0:
            return Truth(False, [], said.decode(errors="replace")[-2000:])
        if not os.path.exists(deps) and (text := preprocessed(argv)):
            return Truth(True, [absolute(text, cwd)], "")
        with open(deps, "rb") as f:
            names = depfile.parse(f.read(), TARGET)
    return Truth(True, [absolute(n, cwd) for n in names], "")


def stamp(path: str) -> tuple | None:
    """What must be the same for a file to be thought the same."""
    try:
        s = os.stat(path)
    except OSError:
        return None
    return (s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns)


@functools.cache
def identity(compiler: str, path: str) -> tuple:
    """Of the driver and of the programs that do its work."""
    driver = shutil.which(compiler, path=path) or compiler
    found = [os.path.realpath(driver)]
    for name in ("cc1", "cc1plus", "as"):
        said = subprocess.run(
            [driver, f"-print-prog-name={name}"], capture_output=True, text=True, check=False
        ).stdout.strip()
        found.append(shutil.which(said, path=path) or said)
    return tuple((f, stamp(f)) for f in found)


def search_directories(cwd: str, argv: list[str], env: dict[str, str]) -> tuple[list, list]:
    """As -v prints them: those that are searched, and those that are not there."""
    with tempfile.TemporaryDirectory(prefix="judge-") as temp:
        command = real_command([argv[0], "-v", *argv[1:]], f"{temp}/d", f"{temp}/o", False)
        said = subprocess.run(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False
        ).stderr.decode(errors="surrogateescape")
    found, missing, inside = [], [], False
    for line in said.splitlines():
        if line.startswith("#include") and line.endswith("search starts here:"):
            inside = True
        elif line.startswith("End of search list"):
            inside = False
        elif inside:
            found.append(absolute(line.strip(), cwd))
        elif match := re.match(r'ignoring nonexistent directory "(.*)"', line):
            missing.append(absolute(match[1], cwd))
    return found, missing
