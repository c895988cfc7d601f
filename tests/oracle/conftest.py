# SPDX-License-Identifier: GPL-3.0-or-later
"""All compiles by which the scanner is judged in one process: see compiler.Forks."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
from judge import compiler, tool  # noqa: E402 - found by the line above


@pytest.fixture(scope="session", autouse=True)
def forked_clang():
    with compiler.forking(tool.plain_environment()):
        yield
