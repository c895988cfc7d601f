# SPDX-License-Identifier: GPL-3.0-or-later
"""
The differential fuzzer tested with a scanner that tells the truth or lies as asked; and, where
there is a scan-tool, a slice of what bench/differential runs at length.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BENCH = HERE.parent.parent / "bench"
FAKE = f"{sys.executable} {HERE / 'fake_differential_tool.py'}"
SCAN_TOOL = os.environ.get("SCAN_TOOL")
FAMILIES = [c for c in ("gcc", "clang") if shutil.which(c)]

sys.path.insert(0, str(BENCH))
import programs  # noqa: E402  (bench is not a package)
import shrink    # noqa: E402


def differential(*args, scan_tool=""):
    command = [sys.executable, str(BENCH / "differential"), "--scan-tool", scan_tool, *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)


def test_a_program_is_always_the_same():
    for index in (0, 7, 100003):
        one, two = programs.generate(5, index), programs.generate(5, index)
        assert vars(one) == vars(two)
    assert programs.generate(5, 1).files != programs.generate(6, 1).files


def test_no_two_leaf_headers_are_alike():
    leaves = programs.leaf_files()
    assert len(set(leaves.values())) == len(leaves)


@pytest.mark.parametrize("feature", programs.FEATURES)
def test_a_feature_can_be_left_out(feature):
    for index in range(20):
        programs.generate(1, index, {feature})


@pytest.mark.parametrize("family", FAMILIES)
def test_few_programs_are_rejected(family):
    done = differential("--programs", "200", "--compiler", family, "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    rejected = float(re.search(r"\(([\d.]+) % rejected\)", done.stdout).group(1))
    conditions, compiles = map(int, re.search(r"(\d+) conditions in (\d+)", done.stdout).groups())
    assert rejected < 10
    assert conditions / compiles >= 40


@pytest.mark.parametrize("family", FAMILIES)
def test_the_truth_is_accepted(family):
    done = differential("--programs", "12", "--compiler", family, "--jobs", "1", scan_tool=FAKE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 different, 0 unknown, 0 trouble" in done.stdout


def test_a_lie_is_caught_and_made_small(tmp_path):
    done = differential("--programs", "1", "--first", "3", "--compiler", "gcc", "--jobs", "1",
                        "--minimise", "--keep", str(tmp_path), scan_tool=FAKE + " miss leaf/m1")
    assert done.returncode == 1, done.stdout + done.stderr
    text = next(tmp_path.glob("*.txt")).read_text()
    assert "m1" in text or "(1" in text
    assert len(text.splitlines()) < 25, text


@pytest.mark.parametrize("lie,word", [("extra", "extra"), ("unsure", "unsure")])
def test_other_lies_are_caught(lie, word):
    done = differential("--programs", "6", "--compiler", "gcc", "--jobs", "1",
                        scan_tool=f"{FAKE} {lie}")
    assert done.returncode == 1, done.stdout + done.stderr
    assert word in done.stdout


def test_a_scanner_that_dies_is_trouble():
    done = differential("--programs", "3", "--compiler", "gcc", "--jobs", "1", scan_tool="false")
    assert done.returncode == 1
    assert "TROUBLE" in done.stdout


def test_shrinking_keeps_what_matters():
    program = programs.generate(1, 1)
    program.files[program.main] += b"\nneedle 7\n"
    small = shrink.shrink(program, lambda p: b"needle" in p.files[p.main])
    assert small.files == {program.main: b"needle"}
    assert small.options == []


@pytest.mark.skipif(not SCAN_TOOL, reason="SCAN_TOOL is not set")
@pytest.mark.parametrize("more", [[], ["--in-place"]])
def test_scanner_against_compilers(more):
    done = differential("--programs", "200" if not more else "60", "--jobs", "2", "--names", "real",
                        *more, scan_tool=SCAN_TOOL)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not SCAN_TOOL, reason="SCAN_TOOL is not set")
@pytest.mark.parametrize("case", ["bomb-object", "bomb-text", "self-inclusion", "fan-out",
                                  "deep-if", "parentheses", "nested-calls", "macro-chain-calls",
                                  "comment-open", "nul-bytes"])
def test_hostile_input_ends(case):
    done = subprocess.run([sys.executable, str(BENCH / "hostile"), "--seconds", "60", "--mib",
                           "4096", "--scan-tool", SCAN_TOOL, case], capture_output=True, text=True,
                          check=False, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
