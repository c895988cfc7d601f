# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients and workers to measure, ours and Debian's, on loopback; and their fake compilers."""

import json
import os
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "integration"))
from harness import fakecc, procs  # noqa: E402 - found by the line above
from harness.lab import Lab  # noqa: E402
from harness.programs import build_dir  # noqa: E402

HERE = Path(__file__).resolve().parent
FLAVOURS = ("ours", "debian")


def check_build() -> None:
    """A build with sanitizers, or without optimisation, measures nothing."""
    described = subprocess.run(
        ["meson", "introspect", "--buildoptions", build_dir()], capture_output=True, check=True
    )
    options = {o["name"]: o["value"] for o in json.loads(described.stdout)}
    if options["b_sanitize"] not in ("none", []) or options["buildtype"] == "debug":
        sys.exit(
            f"{build_dir()} is built for testing; for measuring: "
            "meson setup --buildtype=release DIR && ninja -C DIR"
        )


def add_build_option(parser) -> None:
    parser.add_argument("--build", type=Path, default="build", help="build directory (build)")


def use_build(arguments) -> None:
    os.environ["DISTCC_BUILD_DIR"] = str(arguments.build.absolute())
    check_build()
    procs.become_subreaper()


class World(Lab):
    """A Lab that is a context, and says aloud what was left behind."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for complaint in self.close():
            print(f"warning: {complaint}", file=sys.stderr)

    def fake_compilers(self, sleep_ms: int) -> Path:
        """Every compiler's name, and fakecc.c behind it."""
        where = self.directory("fake")
        subprocess.run(
            ["gcc", "-O2", "-static", f"-DFAKECC_MS={sleep_ms}"]
            + [HERE / "fakecc.c", "-o", where / "fakecc"],
            check=True,
        )
        for name in fakecc.names():
            (where / name).symlink_to("fakecc")
        return where

    def real_compilers(self) -> Path:
        """No spy in between: it would cost the server a shell for each compile."""
        return self.directory("real")
