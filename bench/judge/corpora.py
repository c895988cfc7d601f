# SPDX-License-Identifier: GPL-3.0-or-later
"""
What the scanner is judged by. Headers: a unit for each, that includes it alone. Projects: every
unit, by the commands that a real build ran, which a recorder before the compiler wrote down once.
"""

import dataclasses
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import corpus

RECORDER = Path(__file__).with_name("record.py")
HEADER = re.compile(r"\.(h|hh|hpp|hxx|H|ipp|tcc|inc|def)$")
SOURCE = re.compile(r"\.(c|cc|cpp|cxx|c\+\+|C|S|sx|m|mm)$")
MULTIARCH = f"{os.uname().machine}-linux-gnu"


@dataclasses.dataclass(frozen=True)
class Unit:
    name: str
    cwd: str
    argv: tuple[str, ...]


def sibling(compiler: str, cxx: bool) -> str:
    """gcc -> g++, clang-14 -> clang++-14."""
    if not cxx:
        return compiler
    return re.sub(r"clang(?!\+)", "clang++", re.sub(r"gcc", "g++", compiler))


class Place:
    """Where sources, trees, records and generated units are kept."""

    def __init__(self, root: Path):
        self.root = root.absolute()
        self.root.mkdir(parents=True, exist_ok=True)

    def unit(self, text: str, suffix: str) -> tuple[str, str]:
        """cwd and name of a source of this text. One that is there is left alone."""
        name = hashlib.sha256(text.encode()).hexdigest()[:16] + suffix
        path = self.root / "units" / name[:2] / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return str(path.parent), name


# Headers.


def headers_below(top: Path, leave: tuple[str, ...] = (), bare: bool = False) -> list[str]:
    """Names relative to top; bare: files without a suffix too (C++'s, Qt's)."""
    found = []
    for folder, subs, names in os.walk(top):
        below = os.path.relpath(folder, top)
        below = "" if below == "." else below + "/"
        subs[:] = sorted(s for s in subs if below + s not in leave)
        for name in sorted(names):
            plain = bare and re.fullmatch(r"[A-Za-z0-9_]+", name)
            if HEADER.search(name) or plain:
                found.append(below + name)
    return found


def _asked(compiler: str, *words: str) -> str:
    done = subprocess.run([compiler, *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _libstdcxx() -> list[Path]:
    top = Path("/usr/include/c++")
    newest = sorted(top.iterdir(), key=lambda p: int(p.name) if p.name.isdigit() else 0)[-1:]
    return [p for n in newest for p in (n, Path("/usr/include") / MULTIARCH / "c++" / n.name)]


def own_directory(compiler: str) -> Path:
    """The compiler's own include directory."""
    if "clang" in compiler:
        return Path(_asked(compiler, "-print-resource-dir")) / "include"
    return Path(_asked(compiler, "-print-file-name=include"))


NOT_OWN = ("c++", "openmp_wrappers", "cuda_wrappers")
NOT_PLAIN = ("c++", "boost", MULTIARCH + "/c++", MULTIARCH + "/qt5", "qt5", "fmt")


def plain_headers(compiler: str) -> list[str]:
    top = Path("/usr/include")
    found = headers_below(top, (*NOT_PLAIN, MULTIARCH))
    found += headers_below(top / MULTIARCH, ("c++", "qt5"))
    found += headers_below(own_directory(compiler), NOT_OWN)
    return sorted(set(found))


def cxx_headers() -> list[str]:
    tops = [p for p in _libstdcxx() if p.is_dir()]
    return sorted({h for top in tops for h in headers_below(top, bare=True)})


def alone(place, compiler, headers, language, flags, tag) -> list[Unit]:
    cxx = language == "c++"
    units = []
    for header in headers:
        cwd, source = place.unit(f"#include <{header}>\n", ".cc" if cxx else ".c")
        argv = (sibling(compiler, cxx), "-w", *flags, "-c", source, "-o", source + ".o")
        units.append(Unit(f"{tag}{header}", cwd, argv))
    return units


def modes(standards: list[str], cxx: bool) -> list[str]:
    """"" is the compiler's own; only standards of the language."""
    return [""] + [s for s in standards if ("++" in s) == cxx]


def system(place: Place, compiler: str, standards: list[str]) -> list[Unit]:
    units = []
    plain, cxx = plain_headers(compiler), cxx_headers()
    for language, headers in (("c", plain), ("c++", plain), ("c++", cxx)):
        for standard in modes(standards, language == "c++"):
            flags = [f"-std={standard}"] if standard else []
            tag = f"{language} {standard} ".replace("  ", " ")
            units += alone(place, compiler, headers, language, flags, tag)
    return units


HEAVY = {
    "spirit": "boost/spirit/include/qi.hpp boost/spirit/include/karma.hpp boost/phoenix.hpp",
    "graph": "boost/graph/adjacency_list.hpp boost/graph/dijkstra_shortest_paths.hpp",
    "geometry": "boost/geometry.hpp",
    "multiprecision": "boost/multiprecision/cpp_int.hpp boost/multiprecision/cpp_dec_float.hpp",
    "msm": "boost/msm/back/state_machine.hpp boost/msm/front/euml/euml.hpp",
    "asio": "boost/asio.hpp boost/beast.hpp",
    "python-like": "boost/bind/bind.hpp boost/function.hpp boost/mpl/vector/vector50.hpp "
    "boost/fusion/include/vector.hpp boost/tuple/tuple.hpp",
    "log": "boost/log/core.hpp boost/log/expressions.hpp boost/log/sinks.hpp",
    "preprocessor": "boost/preprocessor.hpp boost/vmd/vmd.hpp",
}


def boost(place: Place, compiler: str, standards: list[str]) -> list[Unit]:
    headers = ["boost/" + h for h in headers_below(Path("/usr/include/boost"))]
    units = []
    for standard in modes(standards, True):
        flags = [f"-std={standard}"] if standard else []
        units += alone(place, compiler, headers, "c++", flags, f"{standard} ".lstrip())
        for name, includes in HEAVY.items() if headers else ():
            text = "".join(f"#include <{h}>\n" for h in includes.split())
            cwd, source = place.unit(text, ".cc")
            argv = (sibling(compiler, True), "-w", *flags, "-c", source)
            units.append(Unit(f"heavy {name} {standard}".rstrip(), cwd, argv))
    return units


def qt(place: Place, compiler: str, standards: list[str]) -> list[Unit]:
    top = Path("/usr/include") / MULTIARCH / "qt5"
    modules = [m for m in sorted(top.iterdir()) if m.is_dir()] if top.is_dir() else []
    includes = [f"-I{m}" for m in modules]
    units = []
    for standard in modes(standards, True):
        flags = ["-fPIC", *([f"-std={standard}"] if standard else []), f"-I{top}", *includes]
        for module in modules:
            versions = tuple(p.name for p in module.iterdir() if p.name[0].isdigit())
            headers = [f"{module.name}/{h}" for h in headers_below(module, versions, bare=True)]
            units += alone(place, compiler, headers, "c++", flags, f"{standard} ".lstrip())
    return units


# Projects.


@dataclasses.dataclass(frozen=True)
class Tree:
    """build: shell commands, with {cc} and {cxx}; each is run in the unpacked tree."""

    package: str
    build: tuple[str, ...]
    languages: str
    archives: tuple[str, ...] = ()  # where a package leaves the source, looked at first
    only: str = ""  # the one compiler whose options the commands have


KERNEL_SLICE = "kernel/ mm/ lib/ fs/ext4/ net/core/ arch/x86/kernel/ arch/x86/lib/ arch/x86/entry/"

TREES = {
    "redis": Tree(
        "redis",
        ('make -k -j{jobs} -C src CC="{cc}" CXX="{cxx}" MALLOC=libc OPTIMIZATION=-O1 WARN= '
         "redis-server redis-cli redis-benchmark || true",),
        "C",
    ),
    "git": Tree(
        "git",
        ('make -j{jobs} CC="{cc}" CFLAGS=-O1 ' + " ".join(corpus.GIT_MAKE) + " all",),
        "C",
    ),
    "sqlite": Tree(
        "sqlite3",
        ('CC="{cc}" ./configure --disable-amalgamation --disable-shared --disable-tcl --disable-readline',
         "make -k -j{jobs} libsqlite3.la || true"),
        "C; needs tclsh",
    ),
    "fmtlib": Tree("fmtlib", (), "C++"),
    "re2": Tree("re2", (), "C++"),
    "googletest": Tree("googletest", (), "C++"),
    "speedcrunch": Tree("speedcrunch", (), "C++ with Qt"),
    "linux": Tree(
        "linux",
        ("make -s defconfig", 'make -s -k -j{jobs} CC="{cc}" prepare ' + KERNEL_SLICE),
        "C and assembler",
        ("/usr/src/linux-source-*.tar.xz",),
        "gcc",
    ),
    "linux-clang": Tree(
        "linux",
        ("make -s CC=clang defconfig",
         'make -s -k -j{jobs} CC="{cc}" prepare kernel/ lib/ fs/ext4/'),
        "C and assembler",
        ("/usr/src/linux-source-*.tar.xz",),
        "clang",
    ),
}


def _tree(place: Place, name: str) -> Path:
    tree = TREES[name]
    where = place.root / "trees" / name
    if not (where / ".unpacked").exists():
        there = [p for a in tree.archives for p in sorted(Path("/").glob(a.lstrip("/")))]
        archive = there[-1] if there else corpus.fetch(tree.package, place.root / "sources")
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir(parents=True)
        untar = ["tar", "xf", archive, "-C", where, "--strip-components=1", "--no-same-owner"]
        subprocess.run(untar, check=True)
        (where / ".unpacked").touch()
    return where


def _capture(place: Place, name: str, jobs: int) -> list[dict]:
    """Build once, whatever becomes of it, and keep what the compiler was asked to do."""
    record = place.root / "trees" / f"{name}.record"
    where = _tree(place, name)
    if not (where / ".built").exists():
        record.unlink(missing_ok=True)
        env = {**os.environ, "JUDGE_RECORD": str(record), "LC_ALL": "C"}
        env.pop("MAKEFLAGS", None)
        cc = TREES[name].only or "gcc"
        words = {"cc": f"{RECORDER} {cc}", "cxx": f"{RECORDER} {sibling(cc, True)}", "jobs": jobs}
        with open(place.root / "trees" / f"{name}.log", "wb") as log:
            for line in TREES[name].build:
                quiet = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL}
                subprocess.run(line.format(**words), shell=True, cwd=where, env=env, **quiet)
        (where / ".built").touch()
    if not record.exists():
        return []
    return [json.loads(line) for line in record.read_text().splitlines()]


def _is_unit(argv: list[str], cwd: str) -> str | None:
    """The one source of a compile that is there still."""
    if "-c" not in argv and not {"-S", "-E"} & set(argv):
        return None
    if "-E" in argv or "-M" in argv or "-MM" in argv or "-" in argv:
        return None
    sources = [w for i, w in enumerate(argv) if SOURCE.search(w) and not w.startswith("-")
               and argv[i - 1] not in ("-o", "-include", "-MF", "-MT", "-MQ")]
    if len(sources) != 1 or not os.path.exists(os.path.join(cwd, sources[0])):
        return None
    return sources[0]


def _as(compiler: str, argv: list[str]) -> tuple[str, ...]:
    cxx = "++" in os.path.basename(argv[0])
    return (sibling(compiler, cxx), *argv[1:])


def _project(name: str):
    def units(place: Place, compiler: str, _: list[str], jobs: int = 2) -> list[Unit]:
        only = TREES[name].only
        if only and ("clang" in compiler) != (only == "clang"):
            return []
        seen, found = set(), []
        for record in _capture(place, name, jobs):
            source = _is_unit(record["argv"], record["cwd"])
            key = (record["cwd"], *record["argv"])
            if source and key not in seen:
                seen.add(key)
                where = os.path.relpath(os.path.join(record["cwd"], source), place.root / "trees")
                found.append(Unit(where, record["cwd"], _as(compiler, record["argv"])))
        return found

    return units


def fmtlib(place: Place, compiler: str, standards: list[str]) -> list[Unit]:
    """Its CMake project's commands, which need no CMake."""
    where = _tree(place, "fmtlib")
    sources = [*sorted(where.glob("src/*.cc")), *sorted(where.glob("test/**/*.cc"))]
    includes = shlex.split("-Iinclude -Isrc -Itest -Itest/gtest -I/usr/src/googletest/googletest")
    defines = ["-DGTEST_HAS_STD_WSTRING=1", "-D_SILENCE_TR1_NAMESPACE_DEPRECATION_WARNING=1"]
    units = []
    for standard in modes(standards or ["c++11", "c++20"], True):
        flags = [f"-std={standard}"] if standard else []
        for source in (str(s.relative_to(where)) for s in sources):
            argv = (sibling(compiler, True), "-w", *flags, *includes, *defines, "-c", source)
            units.append(Unit(f"{source} {standard}".rstrip(), str(where), argv))
        installed = ["fmt/" + h for h in headers_below(Path("/usr/include/fmt"))]
        for only, tag in (([], "alone "), (["-DFMT_HEADER_ONLY"], "header-only ")):
            tag += f"{standard} ".lstrip()
            units += alone(place, compiler, installed, "c++", [*flags, *only], tag)
    return units


def _sources(name: str, patterns: str, flags: str):
    """Sources of a tree, by commands that need nothing to be built."""

    def units(place: Place, compiler: str, standards: list[str]) -> list[Unit]:
        where = _tree(place, name)
        sources = sorted(str(s.relative_to(where)) for p in patterns.split() for s in where.glob(p))
        found = []
        for standard in modes(standards, True):
            more = [f"-std={standard}"] if standard else []
            for source in sources:
                argv = (sibling(compiler, True), *shlex.split(flags), *more, "-c", source)
                found.append(Unit(f"{source} {standard}".rstrip(), str(where), argv))
        return found

    return units


FREESTANDING = {
    "sums": "unsigned f(const unsigned *v, size_t n) { unsigned s = 0; while (n--) s += v[n]; return s; }",
    "text": "size_t f(const char *s) { const char *p = s; while (*p) p++; return (size_t)(p - s); }",
    "floats": "double f(double a, float b) { return a < DBL_MAX / 2 ? a * b : FLT_EPSILON; }",
    "limits": "long long f(int i) { return i == INT_MAX ? LLONG_MIN : CHAR_BIT * (long long)i; }",
    "wide": "uint64_t f(uint64_t a, int64_t b) { return a * UINT64_C(0x9e3779b97f4a7c15) / (b | 1); }",
    "data": "static const int t[] = {1, 2, 3}; int v = 3; int f(unsigned i) { return t[i % 3] + v; }",
    "switch": "int f(int i) { switch (i) { case 1: return 9; case 2: return 4; case 3: return 77;"
    " case 4: return 8; case 5: return 1; default: return i; } }",
    "calls": "int g(int); int (*h)(int) = g; int f(int i) { return g(i) + h(i + 1); }",
    "arguments": "int f(int n, ...) { va_list a; int s = 0; va_start(a, n);"
    " while (n--) s += va_arg(a, int); va_end(a); return s; }",
    "records": "struct p { char c; double d; int v[9]; }; struct p f(struct p a) { a.d += a.c; return a; }",
    "builtins": "int f(unsigned x) { return __builtin_popcount(x) + __builtin_clz(x | 1); }",
    "warnings": "static int unused; int f(unsigned u) { int never; return u > -1; }",
    "names": "const char *f(void) { return __FILE__; }",
    "bool": "bool f(int a, int b) { return a && !b; }",
}


def freestanding(place: Place, compiler: str, _: list[str]) -> list[Unit]:
    """For any target that clang has, without headers but its own."""
    if "clang" not in compiler:
        return []
    headers = "float limits stdarg stdbool stddef stdint".split()
    units = []
    for name, body in FREESTANDING.items():
        for suffix in (".c", ".cc"):
            text = "".join(f"#include <{h}.h>\n" for h in headers)
            cwd, source = place.unit(text + body + "\n", suffix)
            argv = (sibling(compiler, suffix == ".cc"), "-Wall", "-Wextra", "-ffreestanding",
                    "-nostdlibinc", "-c", source)
            units.append(Unit(name + suffix, cwd, argv))
    return units


QT_FLAGS = " ".join(
    f"-isystem /usr/include/{MULTIARCH}/qt5/{m}".rstrip("/")
    for m in ("", "QtCore", "QtGui", "QtWidgets", "QtNetwork", "QtSql")
)

CORPORA = {
    "system": system,
    "freestanding": freestanding,
    "boost": boost,
    "qt": qt,
    "redis": _project("redis"),
    "git": _project("git"),
    "linux": _project("linux"),
    "linux-clang": _project("linux-clang"),
    "sqlite": _project("sqlite"),
    "fmtlib": fmtlib,
    "re2": _sources("re2", "re2/*.cc util/*.cc re2/testing/*.cc re2/fuzzing/*.cc", "-Wall -I."),
    "googletest": _sources(
        "googletest", "google*/src/*.cc googletest/samples/*.cc google*/test/*.cc",
        "-Wall -Wextra -pthread -Igoogletest -Igoogletest/include -Igooglemock "
        "-Igooglemock/include",
    ),
    "speedcrunch": _sources(
        "speedcrunch", "src/*.cpp src/*/*.cpp",
        f'-fPIC -Wall -DSPEEDCRUNCH_VERSION=\'"1"\' -DQT_USE_QSTRINGBUILDER -Isrc -Isrc/core -Isrc/math -Isrc/gui -Isrc/thirdparty {QT_FLAGS}',
    ),
}
