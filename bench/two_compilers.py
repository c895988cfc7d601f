# SPDX-License-Identifier: GPL-3.0-or-later
"""
The two sides of the differential test: what a compiler writes into its depfile, and what the
scanner says. Compilers are run without their driver, forked from a zygote (zygote.c), because
their start is most of what they cost; that this gives the driver's depfile is checked in each run.
"""

import os
import re
import select
import shlex
import shutil
import subprocess
from pathlib import Path

from zygote import Ended, Zygote

SCAN_TIMEOUT_S = 20


class Trouble(Exception):
    """Something other than a difference: a program of ours or of the machine's fails."""


def parse_depfile(text: str) -> list:
    words = text.replace("\\\n", " ").split()
    return words[1:] if words and words[0].endswith(":") else words


_slashes = re.compile(r"/(?:\./|/)+")


def spelled(cwd: str, path: str) -> str:
    """Absolute, without "/./" and "//", ".." left alone: depfiles drop a leading "./"."""
    if not path.startswith("/"):
        path = cwd + "/" + path
    return _slashes.sub("/", path)


def clean_env() -> dict:
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "TMPDIR")}
    return {**keep, "LC_ALL": "C.UTF-8"}


class Compiler:
    """gcc or clang; depfiles of whole compiles only, never -M or -E."""

    def __init__(self, family: str, folder: Path, library: Path, front_end: str = ""):
        self.family = family
        self.path = shutil.which(family)
        if not self.path:
            raise Trouble(f"there is no {family}")
        self.folder = folder
        self.library, self.front_end = library, front_end
        self.errors = str(folder / f"{family}.err")
        self.depfile = str(folder / f"{family}.d")
        self.templates = {}
        self.zygotes = {}

    def close(self):
        for zygote in self.zygotes.values():
            zygote.close()

    def _start(self, program: str) -> Zygote:
        if self.family == "clang" and self.front_end:
            return Zygote(self.front_end, clean_env(), None)
        return Zygote(program, clean_env(), self.library)

    def _template(self, key: tuple, suffix: str) -> tuple:
        """The cc1 command for these options: (argv before the user's options, argv behind)."""
        found = self.templates.get((key, suffix))
        if found:
            return found
        place = "zzplace" + suffix
        (self.folder / place).touch()
        said = subprocess.run([self.path, "-###", "-fsyntax-only", "-DZZPLACE", *key, "-MD", "-MF",
                               self.depfile, place], capture_output=True, text=True,
                              cwd=self.folder, env=clean_env(), check=False).stderr
        lines = [x for x in said.splitlines() if "ZZPLACE" in x and place in x
                 and ("/cc1" in x or "-cc1" in x)]
        if not lines:
            raise Trouble(f"{self.family} -### {key}: {said}")
        words = shlex.split(lines[0])
        if "-E" in words:  # gcc's assembler with cpp: the .s that comes out is thrown away
            words[words.index("-o") + 1] = "/dev/null"
        if words.count("-DZZPLACE") == 1:
            at, behind = words.index("-DZZPLACE"), 1
        else:
            at, behind = words.index("ZZPLACE") - 1, 2
        found = words[:at], words[at + behind:], place
        self.templates[key, suffix] = found
        return found

    def depends(self, cwd: str, program) -> set:
        """What the depfile lists, or None where the compiler rejects the program."""
        before, behind, place = self._template(tuple(program.language), program.suffix)
        stem = place.rsplit(".", 1)[0]
        behind = [w.replace(place, program.main).replace(stem, "main") for w in behind]
        argv = before + program.options + behind
        zygote = self.zygotes.get(argv[0])
        if not zygote:
            zygote = self.zygotes[argv[0]] = self._start(argv[0])
        try:
            if zygote.run(self.errors, cwd, argv) != 0:
                return None
        except Ended as ended:
            raise Trouble(str(ended)) from None
        return self._read(cwd)

    def driver_depends(self, cwd: str, program) -> set:
        done = subprocess.run([self.path, *program.language, *program.options, "-fsyntax-only",
                               "-MD", "-MF", self.depfile, program.main], cwd=cwd, env=clean_env(),
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        # What the assembler thinks of a .S is not the question.
        listed = done.returncode == 0 or b"Assembler messages:" in done.stderr
        return self._read(cwd) if listed else None

    def _read(self, cwd: str) -> set:
        with open(self.depfile, encoding="utf-8") as f:
            names = parse_depfile(f.read())
        os.unlink(self.depfile)
        return {spelled(cwd, n) for n in names}

    def why(self) -> str:
        text = Path(self.errors).read_text(encoding="utf-8", errors="replace")
        found = [x for x in text.splitlines() if "error:" in x]
        return found[0] if found else text[:200]

    def command(self, program) -> list:
        return [self.path, *program.language, *program.options, "-c", program.main]


class Verdict:
    def __init__(self):
        self.files, self.probes, self.merged, self.reasons = set(), set(), set(), []
        self.done, self.microseconds = None, 0.0

    def expected(self, family: str) -> set:
        return self.files if family == "gcc" else self.files | self.probes | self.merged


class Scanner:
    """A scan-tool that is kept running; started again when it has died."""

    def __init__(self, command: list):
        self.command_line = command
        self.process = None

    def _start(self):
        self.buffer = b""
        self.process = subprocess.Popen(self.command_line, stdin=subprocess.PIPE, bufsize=0,
                                        stdout=subprocess.PIPE, env={**os.environ, **clean_env()})

    def close(self):
        if self.process:
            self.process.stdin.close()
            try:
                self.process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self.process = None

    def _line(self) -> str:
        while b"\n" not in self.buffer:
            if not select.select([self.process.stdout], [], [], SCAN_TIMEOUT_S)[0]:
                self.close()
                raise Trouble("the scanner says nothing")
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                status = self.process.wait()
                self.close()
                raise Trouble(f"the scanner ended with status {status}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode(errors="surrogateescape")

    def ask(self, cwd: str, command: list) -> Verdict:
        if not self.process:
            self._start()
        try:
            self.process.stdin.write(("\t".join([cwd, *command]) + "\n").encode())
        except BrokenPipeError:
            self.close()
            raise Trouble("the scanner is gone") from None
        verdict = Verdict()
        into = {"FILE": verdict.files, "PROBE": verdict.probes, "MERGED": verdict.merged}
        while verdict.done is None:
            word, _, rest = self._line().partition(" ")
            if word in into:
                into[word].add(spelled(cwd, rest))
            elif word == "REASON":
                verdict.reasons.append(rest)
            elif word == "DONE":
                code, _, took = rest.partition(" ")
                verdict.done, verdict.microseconds = int(code), float(took or 0)
        return verdict
