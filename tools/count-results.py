#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums test results up, names what failed, and ends with the line "N passed, N failed".

Arguments: "pass:NAME" and "fail:NAME" for results known already; else a directory of logs:
testlog.json, written by Meson with a line for each of its tests, and NAME.junit.xml, written by
pytest for Meson's test NAME with a case for each of its own. The cases stand in for the one test
then, unless it failed though none of its cases did. (Meson's own JUnit file is of no use: a test
that timed out looks there like one that passed.)
"""

import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

# Meson's words; any other is a failure.
MESON = {"OK": PASSED, "EXPECTEDFAIL": PASSED, "SKIP": SKIPPED}


def tests(path):
    """Yields (name, outcome) for each test of Meson's log; a name is "PROJECT:SUITE / NAME"."""
    for line in path.read_text().splitlines():
        test = json.loads(line)
        yield test["name"], MESON.get(test["result"], FAILED)


def cases(path):
    """Yields (name, outcome) for each case of one JUnit file."""
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = "::".join(filter(None, (case.get("classname"), case.get("name"))))
        if case.find("failure") is not None or case.find("error") is not None:
            yield name, FAILED
        elif case.find("skipped") is not None:
            yield name, SKIPPED
        else:
            yield name, PASSED


def results_of(directory):
    """Yields (name, outcome) for every case below one meson-logs directory."""
    log = directory / "testlog.json"
    build = directory.parent.name
    if not log.exists():
        yield f"{build}: no tests ran", FAILED
        return
    detailed = {}
    for path in directory.glob("*.junit.xml"):
        if path.name != "testlog.junit.xml":
            detailed[path.name.removesuffix(".junit.xml")] = list(cases(path))
    for name, outcome in tests(log):
        details = detailed.pop(name.rpartition(" / ")[2], [])
        for detail, detail_outcome in details:
            yield f"{build}: {detail}", detail_outcome
        covered = outcome != FAILED or any(o == FAILED for _, o in details)
        if not details or not covered:
            yield f"{build}: {name}", outcome
    for name in detailed:
        yield f"{build}: results of {name}, which is no test", FAILED


def main(arguments):
    counts = {PASSED: 0, FAILED: 0, SKIPPED: 0}
    failures = []
    for argument in arguments:
        word, _, name = argument.partition(":")
        if word in ("pass", "fail"):
            results = [(name, PASSED if word == "pass" else FAILED)]
        else:
            try:
                results = list(results_of(pathlib.Path(argument)))
            except (OSError, KeyError, ValueError, ElementTree.ParseError) as error:
                results = [(f"{argument}: {error}", FAILED)]
        for name, outcome in results:
            counts[outcome] += 1
            if outcome == FAILED:
                failures.append(name)
    print()
    for name in failures:
        print(f"failed: {name}")
    if counts[SKIPPED]:
        print(f"{counts[SKIPPED]} skipped")
    print(f"{counts[PASSED]} passed, {counts[FAILED]} failed")
    return 0 if counts[PASSED] and not counts[FAILED] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
