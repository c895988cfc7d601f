# SPDX-License-Identifier: GPL-3.0-or-later
"""A compiler that is started once and forked for each command: see zygote.c."""

import os
import struct
import subprocess
from pathlib import Path


NOT_BEGUN = (125, 126)  # exit codes of zygote.c's own; no compiler's


class Ended(Exception):
    """The zygote is gone, or could not begin a command: a trouble of the machine's."""


def build(folder: Path) -> Path:
    """The library that makes a program one."""
    library = folder / "zygote.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(library),
                    str(Path(__file__).resolve().with_suffix(".c")), "-ldl"], check=True)
    return library


class Zygote:
    def __init__(self, program: str, env: dict, library: Path | None):
        """library: none for a program that is one by itself."""
        preload = {"LD_PRELOAD": str(library)} if library else {}
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, bufsize=0,
                                        env={**env, **preload})

    def run(self, errors: str, cwd: str, argv: list) -> int:
        """The status as waitpid gives it; what it says goes to the file errors."""
        body = b"\0".join(map(os.fsencode, [errors, cwd, *argv])) + b"\0"
        self.process.stdin.write(struct.pack("=I", len(body)) + body)
        reply = self.process.stdout.read(4)
        if len(reply) != 4:
            raise Ended(f"zygote of {argv[0]} ended")
        status = struct.unpack("=i", reply)[0]
        if status == -1 or os.waitstatus_to_exitcode(status) in NOT_BEGUN:
            raise Ended(f"zygote could not begin {argv} in {cwd}")
        return status

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
