#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Stands before a compiler in a build (CC="record.py gcc"): appends the command to the file that
JUDGE_RECORD names, one JSON line with cwd and argv, and becomes the compiler.
"""

import json
import os
import sys

line = json.dumps({"cwd": os.getcwd(), "argv": sys.argv[1:]}) + "\n"
record = os.open(os.environ["JUDGE_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
os.write(record, line.encode("ascii"))  # one write: lines of parallel compiles do not mix
os.close(record)
os.execvp(sys.argv[1], sys.argv[1:])
