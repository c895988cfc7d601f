# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything is installed where users and packages look for it."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["DISTCC_BUILD_DIR"])

PROGRAMS = {
    "bindir": ["distcc", "distccd", "lsdistcc"],
    "sbindir": ["update-distcc-symlinks"],
    "libexecdir": ["distcc-agent", "distcc-scan"],
}
PAGES = ["distcc.1", "distcc-agent.1", "distccd.1", "lsdistcc.1", "update-distcc-symlinks.8"]


@pytest.fixture(scope="module")
def options():
    described = subprocess.run(
        ["meson", "introspect", "--buildoptions", BUILD], capture_output=True, check=True,
        timeout=60).stdout
    return {option["name"]: option["value"] for option in json.loads(described)}


@pytest.fixture(scope="module")
def installed(options, tmp_path_factory):
    destination = tmp_path_factory.mktemp("installed")
    subprocess.run(
        ["meson", "install", "--no-rebuild", "--quiet", "-C", BUILD, "--destdir", destination],
        check=True, timeout=60)
    return destination / options["prefix"].lstrip("/")


@pytest.mark.parametrize("directory", PROGRAMS)
def test_programs_are_in_place(directory, installed, options):
    for name in PROGRAMS[directory]:
        assert os.access(installed / options[directory] / name, os.X_OK), name


@pytest.mark.parametrize("page", PAGES)
def test_manual_pages_are_in_place(page, installed, options):
    if not (BUILD / "man" / page).exists() and options["man"] != "enabled":
        pytest.skip("built without manual pages")
    section = page[-1]
    text = (installed / options["mandir"] / f"man{section}" / page).read_text()
    assert f".TH \"{page[:-2]}\" \"{section}\"" in text


@pytest.mark.parametrize("unit", ["distccd.service", "distccd.socket"])
def test_units_are_in_place(unit, installed, options):
    if options["systemd"] == "disabled":
        pytest.skip("built without units")
    assert options["systemdsystemunitdir"] == ""
    text = (installed / "lib/systemd/system" / unit).read_text()
    assert "@" not in text
    program = f"{options['prefix']}/{options['bindir']}/distccd"
    assert unit.endswith(".socket") or f"\nExecStart={program} " in text
    if shutil.which("systemd-analyze"):
        check_unit(installed / "lib/systemd/system" / unit, program)


def check_unit(path, program):
    """No word about a line that it does not know; that the program is elsewhere is no fault."""
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True,
        timeout=60).stderr
    ours = [line for line in said.splitlines() if path.stem in line and program not in line]
    assert ours == []
