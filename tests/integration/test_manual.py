# SPDX-License-Identifier: GPL-3.0-or-later
"""What --help says and what the manual says are about the same options."""

import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["DISTCC_BUILD_DIR"])

# Where the build puts each program that has a --help, and its page.
PROGRAMS = {
    "distcc": ("src/launcher/distcc", "man/distcc.1.scd"),
    "distcc-agent": ("src/agent/distcc-agent", "man/distcc-agent.1.scd"),
    "distccd": ("src/worker/distccd", "man/distccd.1.scd"),
}

OPTION = re.compile(r"(?<![\w/-])--?[A-Za-z][\w-]*")


def options_of_help(program):
    """Options are what stands before the two blanks that set the explanation apart."""
    text = subprocess.run(
        [program, "--help"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
        timeout=30).stdout
    heads = (re.split(r"(?<=\S)  +", line.strip())[0] for line in text.splitlines())
    return {option for head in heads if head.startswith("-") for option in OPTION.findall(head)}


def options_of_page(page):
    """Options are the bold terms at the left margin, in the sections named OPTIONS."""
    section, found = None, set()
    for line in page.read_text().splitlines():
        if line.startswith("# "):
            section = line[2:]
        elif section == "OPTIONS" and line.startswith("*-"):
            for term in re.findall(r"\*([^*]+)\*", line):
                found.update(OPTION.findall(term))
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_and_manual_agree(name):
    program, page = PROGRAMS[name]
    in_help = options_of_help(BUILD / program)
    in_page = options_of_page(SOURCE / page)
    assert in_help, f"{name} --help names no option"
    assert in_help - in_page == set(), "in --help, and not in the manual"
    assert in_page - in_help == set(), "in the manual, and not in --help"
