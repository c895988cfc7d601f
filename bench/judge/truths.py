# SPDX-License-Identifier: GPL-3.0-or-later
"""
Truths of earlier runs, so that judging again after a change of the scanner costs seconds.

Key: the command, its directory, the compiler's identity. Held true while every file that the
compile listed, and every name that it was spelled by, has the device, inode, size and mtime it had
then; and, for a unit that was rejected, its source. What a new header would shadow is not seen:
forget the file when headers are added to the corpora.
"""

import hashlib
import json
import os
import sqlite3
import threading
import zlib
from pathlib import Path

from . import compiler

FORMAT = 1


class Truths:
    def __init__(self, path: Path | None):
        self.lock = threading.Lock()
        self.stamps: dict[str, tuple | None] = {}
        self.hits = self.runs = 0
        # each write by itself: another run may have the file open
        self.db = sqlite3.connect(
            path or ":memory:", timeout=60, isolation_level=None, check_same_thread=False
        )
        self.db.execute("pragma synchronous = off")
        self.db.execute("create table if not exists truth (key text primary key, value blob)")

    def close(self) -> None:
        self.db.close()

    def _stamp(self, path: str) -> list | None:
        """Looked up once a run: the corpora stand still while they are judged."""
        if path not in self.stamps:
            found = compiler.stamp(path)
            self.stamps[path] = list(found) if found else None
        return self.stamps[path]

    def get(self, cwd: str, argv: list[str], env: dict[str, str]) -> compiler.Truth:
        who = compiler.identity(argv[0], env.get("PATH", os.defpath))
        what = json.dumps([FORMAT, who, cwd, argv, sorted(env.items())])
        key = hashlib.sha256(what.encode(errors="surrogateescape")).hexdigest()
        with self.lock:
            row = self.db.execute("select value from truth where key = ?", (key,)).fetchone()
        if row:
            truth = self._still(json.loads(zlib.decompress(row[0])))
            if truth:
                self.hits += 1
                return truth
        truth = compiler.run(cwd, argv, env)
        self.runs += 1
        of = truth.deps or [os.path.join(cwd, w) for w in argv[1:]]
        stamps = [[p, s] for p in of if (s := compiler.stamp(p))]
        value = zlib.compress(json.dumps([truth.accepted, stamps, truth.text]).encode(), 1)
        with self.lock:
            self.db.execute("insert or replace into truth values (?, ?)", (key, value))
        return truth

    def _still(self, value: list) -> compiler.Truth | None:
        accepted, stamps, text = value
        if any(self._stamp(path) != then for path, then in stamps):
            return None
        return compiler.Truth(accepted, [path for path, _ in stamps] if accepted else [], text)
