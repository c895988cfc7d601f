# SPDX-License-Identifier: GPL-3.0-or-later
"""A compiler that is started once and forked for each command: see zygote.c."""

import os
import struct
import subprocess
from pathlib import Path


class Ended(Exception):
    """The zygote itself is gone: a trouble of the machine's."""


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
        return struct.unpack("=i", reply)[0]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
