# SPDX-License-Identifier: GPL-3.0-or-later
"""
scan-tool, driven.

It reads one compile command a line, "CWD<TAB>compiler<TAB>arg<TAB>arg…", and answers each with
lines: FILE, PROBE, MERGED, SYMLINK, DIRECTORY, ABSENT path; FLAG word; REASON text; and at the end
"DONE 0|1|2 microseconds" (exact, cannot know, internal error). A tool that dies, answers in other
words or does not answer in time is started anew for the next unit.
"""

import dataclasses
import os
import select
import subprocess
import time

EXACT, UNKNOWN, INTERNAL = 0, 1, 2
PATHS = ("FILE", "PROBE", "MERGED", "SYMLINK", "DIRECTORY", "ABSENT")


class ToolFailed(Exception):
    """kind: "crash", "hang", "protocol" or "internal"."""

    def __init__(self, kind: str, text: str):
        super().__init__(f"{kind}: {text}")
        self.kind = kind


@dataclasses.dataclass
class Scan:
    paths: dict[str, list[str]]  # by the words of PATHS
    flags: list[str]
    reasons: list[str]
    outcome: int
    micros: float

    def __getattr__(self, name: str) -> list[str]:
        """scan.file, scan.probe, …"""
        if name.upper() in PATHS:
            return self.paths[name.upper()]
        raise AttributeError(name)


def plain_environment(**more: str) -> dict[str, str]:
    """Of the tool and of compilers alike: nothing that changes what is included."""
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "TMPDIR") if k in os.environ}
    return {**kept, "LC_ALL": "C", **more}


class Tool:
    """One scan-tool process; a context manager."""

    def __init__(self, argv: list[str], env: dict[str, str], timeout: float = 20.0):
        self.argv, self.env, self.timeout = argv, env, timeout
        self.process: subprocess.Popen | None = None
        self.pending = b""
        self.starts = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self) -> None:
        if not self.process:
            return
        self.process.stdin.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process = None

    def _start(self) -> None:
        if self.process:
            return
        self.pending = b""
        self.starts += 1
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.env, bufsize=0
        )

    def _line(self, deadline: float) -> bytes:
        out = self.process.stdout
        while b"\n" not in self.pending:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([out], [], [], left)[0]:
                self.process.kill()
                self._gone("hang", f"no answer in {self.timeout} s")
            got = os.read(out.fileno(), 1 << 16)
            if not got:
                self._gone("crash", "the tool closed its output")
            self.pending += got
        line, self.pending = self.pending.split(b"\n", 1)
        return line

    def _gone(self, kind: str, text: str):
        process, self.process = self.process, None
        try:
            process.stdin.close()
        except OSError:
            pass
        try:
            code = process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        process.stdout.close()
        raise ToolFailed(kind, f"{text} (exit status {code})")

    def scan(self, cwd: str, argv: list[str]) -> Scan:
        words = [cwd, *argv]
        if any(c in w for w in words for c in "\t\n"):
            raise ValueError("a command with tabs or newlines cannot be told to scan-tool")
        self._start()
        deadline = time.monotonic() + self.timeout
        try:
            data = os.fsencode("\t".join(words)) + b"\n"
            while data:
                data = data[os.write(self.process.stdin.fileno(), data) :]
        except BrokenPipeError:
            self._gone("crash", "the tool does not read")
        paths: dict[str, list[str]] = {word: [] for word in PATHS}
        flags, reasons = [], []
        while True:
            line = os.fsdecode(self._line(deadline))
            word, _, rest = line.partition(" ")
            if word in paths and rest.startswith("/"):
                paths[word].append(rest)
            elif word == "FLAG" and rest:
                flags.append(rest)
            elif word == "REASON" and rest:
                reasons.append(rest)
            elif word == "DONE":
                break
            else:
                self.process.kill()
                self._gone("protocol", repr(line[:200]))
        return self._done(rest, Scan(paths, flags, reasons, -1, 0.0))

    def _done(self, rest: str, scan: Scan) -> Scan:
        try:
            outcome, micros = rest.split(" ")
            scan.outcome, scan.micros = int(outcome), float(micros)
        except ValueError:
            scan.outcome = -1
        if scan.outcome not in (EXACT, UNKNOWN, INTERNAL):
            self.process.kill()
            self._gone("protocol", repr("DONE " + rest[:200]))
        if scan.outcome == INTERNAL:
            raise ToolFailed("internal", "; ".join(scan.reasons) or "DONE 2")
        if scan.outcome == UNKNOWN and not scan.reasons:
            raise ToolFailed("protocol", "DONE 1 without a REASON")
        return scan
