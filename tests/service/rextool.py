# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's client of Remote Execution as a process."""

import json
import os
import queue
import subprocess
import threading
from pathlib import Path

from reapi import DEADLINE

TOOL = Path(os.environ["DISTCC_BUILD_DIR"]) / "tests/service/rex-tool"


class Tool:
    """rex-tool as a process; each line that it prints ends up in answers."""

    def __init__(self, port, io_ms=60000, host="127.0.0.1", options=()):
        self.process = subprocess.Popen(
            [TOOL, str(port), str(io_ms), host, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.answers = {}
        self.syncs = queue.Queue()
        self.changed = threading.Condition()
        self.over = False
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        self.ids = 0

    def read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            if "sync" in answer:
                self.syncs.put(True)
                continue
            for stream in ("stdout", "stderr"):
                answer[stream] = bytes.fromhex(answer[stream])
            with self.changed:
                self.answers[answer["id"]] = answer
                self.changed.notify_all()
        self.syncs.put(False)
        with self.changed:
            self.over = True
            self.changed.notify_all()

    def say(self, *lines):
        self.process.stdin.write("".join(f"{line}\n" for line in lines))
        self.process.stdin.flush()

    def sync(self):
        self.say("sync")
        assert self.syncs.get(timeout=DEADLINE)

    def describe(self, *argv, files=None, texts=None, outputs=(), timeout_ms=None, no_cache=False,
                 skip=False, repeat=0, lookup=False, store=()):
        self.say(*(f"arg {a}" for a in argv),
                 *(f"file {p} {source}" for p, source in (files or {}).items()),
                 *(f"text {p} {text}" for p, text in (texts or {}).items()),
                 *(f"output {o}" for o in outputs),
                 *([f"timeout {timeout_ms}"] if timeout_ms else []),
                 *(["no-cache"] if no_cache else []), *(["skip"] if skip else []),
                 *(["lookup"] if lookup else []), *(["store " + " ".join(store)] if store else []),
                 *([f"repeat {repeat}"] if repeat else []))

    def start(self, *argv, **fields):
        self.describe(*argv, **fields)
        self.ids += 1
        self.say(f"run {self.ids}")
        return self.ids

    def sh(self, script, **fields):
        return self.start("/bin/sh", "-c", script, **fields)

    def wait(self, number, deadline=DEADLINE):
        with self.changed:
            assert self.changed.wait_for(lambda: self.over or number in self.answers, deadline)
            return self.answers.pop(number)

    def run(self, script, **fields):
        return self.wait(self.sh(script, **fields))

    def cancel(self, number):
        self.say(f"cancel {number}")

    def stop(self):
        self.process.stdin.close()
        timer = threading.Timer(DEADLINE, self.process.kill)
        timer.start()
        self.process.wait()
        timer.cancel()
        self.reader.join()
        errors = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        assert self.process.returncode == 0 and errors == "", errors
