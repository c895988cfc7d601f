# SPDX-License-Identifier: GPL-3.0-or-later
"""
Exact mode against the compiler, on a hundred units: our own sources by the commands of our own build,
and some C++, with the option sets of bench/fidelity in turns. Outputs and messages are the compiler's,
by a worker and then from the cache. Few go another way: those whose text names what a pragma would.
"""

import collections
import concurrent.futures
import json
import re
import shlex
from pathlib import Path

import pytest

from harness import procs
from harness.exact import make_client, start_worker
from harness.programs import build_dir
from harness.tree import differences

pytestmark = pytest.mark.ours

UNITS, PARTS = 100, 4
OPTIONS = [shlex.split(words) for words in (
    "-O0 -g", "-O2", "-O1 -frandom-seed=1 -g3 -gsplit-dwarf", "-O1 -frandom-seed=1 --coverage",
    "-O1 -frandom-seed=1 -flto", "-O1 -ffunction-sections -MMD -MP",
)]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wpadded"]  # much to say for each unit
CXX = {
    "containers": "#include <map>\n#include <string>\n#include <vector>\nint f(int unused) {"
    " std::map<std::string, std::vector<int>> m; m[__FILE__].push_back(__LINE__); return m.size(); }\n",
    "algorithms": "#include <algorithm>\n#include <numeric>\n#include <vector>\n"
    "int f(std::vector<int> v) { std::sort(v.begin(), v.end(), [](auto a, auto b) { return a > b; });"
    " return std::accumulate(v.begin(), v.end(), 0.5); }\n",
    "templates": "#include <tuple>\n#include <type_traits>\n"
    "template <int N> struct S : S<N - 1> { char c; int v[N]; }; template <> struct S<0> {};\n"
    "static int unused; auto f() { return sizeof(std::tuple<S<40>, long>); }\n",
    "numbers": "#include <cmath>\n#include <random>\n"
    "double f(unsigned seed) { std::mt19937 g(seed); int unused; return std::sin(g() + 0.5f); }\n",
    "errors": "#include <stdexcept>\nstruct E : std::runtime_error { E() : runtime_error(\"e\") {} };\n"
    "int f(unsigned u) { try { if (u > -1) throw E(); } catch (E &) { return 1.5; } return u; }\n",
}


def own_commands():
    """(compiler's words, source) of each of our sources, free of the directory that they are run in."""
    found = []
    for entry in json.loads((build_dir() / "compile_commands.json").read_text()):
        source = Path(entry["directory"], entry["file"]).resolve()
        if "src" not in source.parts or "tests" in source.parts or source.suffix != ".c":
            continue
        if re.search("incbin|[.]include", source.read_text()):
            continue  # these strings alone forbid it
        words = []
        for word in shlex.split(entry["command"]):
            place_of = re.fullmatch(r"(-I|-isystem)(.+)", word)
            if place_of:
                words.append(place_of[1] + str(Path(entry["directory"], place_of[2]).resolve()))
            elif re.match(r"-(D|f|m|std=|pthread|W)", word) and word != "-Werror":
                words.append(word)
        found.append((words, str(source)))
    return found


def units(place):
    """Commands without what is written where; half for each compiler."""
    own, found = own_commands(), []
    count = UNITS - 2 * len(CXX)
    for i in range(count):
        words, source = own[i * len(own) // count]
        cc = ("gcc", "clang")[i // len(OPTIONS) % 2]
        unknown = ["-Wno-unknown-warning-option"] if cc == "clang" else []
        found.append([cc, *words, *unknown, *WARNINGS, "-c", source])
    for name, text in CXX.items():
        (place / f"{name}.cc").write_text(text)
        found += [[cc, *WARNINGS, "-c", str(place / f"{name}.cc")] for cc in ("g++", "clang++")]
    return [[*argv, *OPTIONS[i % len(OPTIONS)]] for i, argv in enumerate(found)]


def judge(local, client, tree, argv):
    """What is wrong with it."""
    argv = [*argv, "-o", "u.o"]
    wanted = local.compile_as(tree, *argv)
    remote = client.compile(tree, *argv, DISTCC_VERBOSE=1)
    notes = b"".join(re.findall(rb"^distcc.*\(not-exact\).*\n", remote.err, re.M)).decode()
    remote = remote.without_notes()
    came_by = client.last_job()["reason"]
    if notes and came_by != "exact":
        return "another way"
    if differences(remote, wanted):
        again = local.compile_as(tree, *argv)
        if differences(again, wanted):
            return "not comparable"  # the compiler is not of one mind
        return [came_by, notes, *differences(remote, wanted)]
    if wanted.code != 0 or came_by != "exact":
        return [came_by, notes, wanted.err[-300:]]

    def from_the_cache():
        cached = client.compile(tree, *argv)
        assert not differences(cached, wanted)
        return client.last_job()["reason"] == "cached"

    procs.eventually("it is kept", from_the_cache)
    return None


def test_hundred_units(lab):
    """Each part is a user with an agent of his own."""
    sources = lab.directory("sources")
    every, worker = units(sources), start_worker(lab)
    assert len(every) == UNITS
    parts = [(lab.client(flavour="none"), make_client(lab, [worker]), lab.tree({}))
             for _ in range(PARTS)]

    def part(i):
        return [(argv, judge(*parts[i], argv)) for argv in every[i::PARTS]]

    with concurrent.futures.ThreadPoolExecutor(PARTS) as pool:
        found = [outcome for outcomes in pool.map(part, range(PARTS)) for outcome in outcomes]
    wrong = [f"{shlex.join(argv)}: {what}" for argv, what in found if isinstance(what, list)]
    assert not wrong, "\n".join(wrong)
    count = collections.Counter(what for _, what in found)
    assert count["another way"] <= UNITS // 12 and count["not comparable"] <= UNITS // 6, count
