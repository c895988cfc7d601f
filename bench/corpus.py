# SPDX-License-Identifier: GPL-3.0-or-later
"""
Real projects: where their source comes from, how they are built, and how two builds are compared.

Source is the pristine upstream archive of Debian's source packages, fetched by apt (which checks
signatures) through a configuration of its own, so that the machine's is left alone; no root needed.
"""

import dataclasses
import fcntl
import os
import re
import shlex
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class NoSource(Exception):
    """The source of a package cannot be had: the reason, with what apt said."""


def fetch(package: str, cache: Path) -> Path:
    """The upstream archive of a source package; from the cache if it is there."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _archive(package, cache)
        if not found:
            _apt(cache, "update", "-qq")
            _apt(cache, "source", "-qq", "--download-only", package)
            found = _archive(package, cache)
    if not found:
        raise NoSource(f"{package}: apt-get has left no upstream archive in {cache}")
    return found


def _archive(package: str, cache: Path) -> Path | None:
    found = [p for p in sorted(cache.glob(f"{package}_*.orig.tar.*")) if p.suffix != ".asc"]
    return found[-1] if found else None


def _mirror(codename: str) -> str:
    """Where this machine gets its packages from; the sources are beside them."""
    mirror = os.environ.get("DISTCC_BENCH_MIRROR")
    if mirror:
        return mirror
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)",
         "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    ).stdout.splitlines()
    for release, component, uri in (line.split(maxsplit=2) for line in targets):
        if component == "main" and release in (codename, "stable"):
            return uri
    raise NoSource(f"apt knows no repository of {codename} main: set DISTCC_BENCH_MIRROR to one")


def _apt(cache: Path, *command: str) -> None:
    state = cache / "apt"
    for path in ("parts", "lists/partial", "cache/archives/partial"):
        (state / path).mkdir(parents=True, exist_ok=True)
    codename = next(
        line.strip().split("=")[1]
        for line in Path("/etc/os-release").read_text().splitlines()
        if line.startswith("VERSION_CODENAME=")
    )
    (state / "parts/source.sources").write_text(
        f"Types: deb-src\nURIs: {_mirror(codename)}\nSuites: {codename}\nComponents: main\n"
        f"Signed-By: {KEYRING}\n"
    )
    options = {
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": state / "parts",
        "Dir::State::Lists": state / "lists",
        "Dir::Cache": state / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::Retries": 3,
        "Acquire::http::Timeout": 30,
    }
    argv = ["apt-get", *(a for k, v in options.items() for a in ("-o", f"{k}={v}")), *command]
    done = subprocess.run(argv, cwd=cache, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoSource(f"apt-get {' '.join(command)}: {done.stderr.strip()}")


@dataclasses.dataclass(frozen=True)
class Project:
    """
    make: arguments, with {cc}, {cxx} (the compilers as they are to be called) and {flags}.
    masquerade: the compilers are called by their own names and found on PATH, because the makefile
    makes more of CC than a command.
    """

    name: str
    package: str
    what: str
    make: tuple[str, ...]
    generated: tuple[str, ...] = ()  # targets that must exist before a single unit compiles
    masquerade: bool = False
    units: int = 1  # at least so many objects must come of it


GIT_MAKE = (
    "NO_CURL=1",
    "NO_OPENSSL=1",
    "NO_EXPAT=1",
    "NO_GETTEXT=1",
    "NO_TCLTK=1",
    "NO_PERL=1",
    "NO_PYTHON=1",
    "NO_REGEX=NeedsStartEnd",
)

PROJECTS = {
    p.name: p
    for p in (
        Project(
            name="lua",
            package="lua5.4",
            what="C, 34 units, a makefile in which CC carries options and that calls itself",
            make=("-C", "src", "linux", "CC={cc} -std=gnu99", "MYCFLAGS={flags}"),
            units=33,
        ),
        Project(
            name="git",
            package="git",
            what="C, about 500 units, a makefile that writes .d files and generates headers",
            make=("all", *GIT_MAKE, "CC={cc}", "CFLAGS=-O2 {flags}", "V=1"),
            generated=("command-list.h", "config-list.h", "hook-list.h"),
            units=400,
        ),
        Project(
            name="cppcheck",
            package="cppcheck",
            what="C++, 71 units, heavy in templates and the standard library",
            make=("cppcheck", "CXX={cxx}", "CXXFLAGS=-O1 {flags}"),
            units=70,
        ),
        Project(
            name="zstd",
            package="libzstd",
            what="C and assembler, a makefile that names directories by a hash of its flags",
            make=("-C", "programs", "zstd", "CC={cc}", "CFLAGS=-O2 {flags}"),
            masquerade=True,
            units=40,
        ),
    )
}


def unpack(project: Project, archive: Path, where: Path) -> None:
    """Anew: what was there is gone."""
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir(parents=True)
    untar = ["tar", "xf", archive, "-C", where, "--strip-components=1", "--no-same-owner"]
    subprocess.run(untar, check=True)


def command(project: Project, launcher: str, flags: str, jobs: int) -> list[str]:
    """make, with every compiler behind the launcher ("": none)."""
    prefix = f"{launcher} " if launcher and not project.masquerade else ""
    words = {"cc": prefix + "gcc", "cxx": prefix + "g++", "flags": flags}
    return ["make", f"-j{jobs}", *(a.format(**words) for a in project.make)]


def unit_commands(project: Project, where: Path, flags: str) -> list[list[str]]:
    """What make would run for each unit, in an unpacked tree, as words."""
    make = command(project, "", flags, jobs=1)
    quiet = {"cwd": where, "check": True, "capture_output": True, "text": True}
    if project.generated:
        named = [word for word in make if "=" in word]
        subprocess.run(["make", *named, *project.generated], **quiet)
    said = subprocess.run([*make, "-Bn"], **quiet).stdout
    lines = said.replace("\\\n", " ").splitlines()
    words = (shlex.split(line) for line in lines if re.match(r"(gcc|g\+\+|cc|c\+\+) ", line))
    found = [w for w in words if "-c" in w and "-o" in w]
    for unit in found:  # the makefile's own way to make these directories was not run
        for option in {"-o", "-MF"} & set(unit):
            (where / unit[unit.index(option) + 1]).parent.mkdir(parents=True, exist_ok=True)
    return found


def objects(where: Path) -> dict[str, bytes]:
    return {str(p.relative_to(where)): p.read_bytes() for p in sorted(where.rglob("*.o"))}


# Comparing objects.


def sections(elf: bytes) -> dict[str, bytes]:
    """Content by name of a little-endian ELF64 object. Sections of one name are put together."""
    if elf[:6] != b"\x7fELF\x02\x01":
        return {"": elf}
    table, size, count, names = *struct.unpack_from("<Q", elf, 40), *struct.unpack_from(
        "<HHH", elf, 58
    )
    headers = [struct.unpack_from("<IIQQQQIIQQ", elf, table + i * size) for i in range(count)]
    text = elf[headers[names][4] :]
    found: dict[str, bytes] = {}
    for name, kind, _, _, offset, length, *_ in headers:
        word = text[name : text.index(b"\0", name)].decode()
        content = b"" if kind == 8 else elf[offset : offset + length]  # 8: no bits
        found[word] = found.get(word, b"") + content
    return found


def strip_debug(elf: bytes) -> bytes:
    """The object without debug sections, by binutils' own judgement."""
    with tempfile.NamedTemporaryFile() as whole, tempfile.NamedTemporaryFile() as stripped:
        whole.write(elf)
        whole.flush()
        subprocess.run(["objcopy", "--strip-debug", whole.name, stripped.name], check=True)
        return Path(stripped.name).read_bytes()


@dataclasses.dataclass
class Comparison:
    same: list[str]  # byte for byte
    same_code: list[str]  # in all but debug sections
    different: list[str]
    missing: list[str]  # in one build only
    debug_sections: dict[str, int]  # which differ, in how many objects

    def summary(self) -> dict:
        counts = {k: len(v) for k, v in dataclasses.asdict(self).items() if isinstance(v, list)}
        return {**counts, "debug_sections": self.debug_sections}


def compare(wanted: dict[str, bytes], got: dict[str, bytes]) -> Comparison:
    result = Comparison([], [], [], sorted(wanted.keys() ^ got.keys()), {})
    for name in sorted(wanted.keys() & got.keys()):
        a, b = wanted[name], got[name]
        if a == b:
            result.same.append(name)
        elif strip_debug(a) == strip_debug(b):
            result.same_code.append(name)
            one, other = sections(a), sections(b)
            for section in one.keys() | other.keys():
                if ".debug" in section and one.get(section) != other.get(section):
                    result.debug_sections[section] = result.debug_sections.get(section, 0) + 1
        else:
            result.different.append(name)
    return result
