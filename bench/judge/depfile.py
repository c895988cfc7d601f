# SPDX-License-Identifier: GPL-3.0-or-later
"""
Dependency files as gcc and clang write them, for one target without blanks or colons.

A blank behind 2N+1 backslashes is N backslashes and a blank of the name, behind 2N it ends a name
that ends in N backslashes; other backslashes stand for themselves, but "\\#" is "#". "$$" is "$". A
backslash at the end of a line continues it. clang turns most backslashes of a name into slashes:
that cannot be undone here.
"""

import os


class Malformed(Exception):
    pass


def parse(text: bytes, target: str) -> list[str]:
    """What the target depends on, in order, as spelled. Rules of other targets are refused."""
    head = os.fsencode(target) + b":"
    if not text.startswith(head):
        raise Malformed(f"no rule of {target}: {text[:80]!r}")
    names, name, i = [], bytearray(), len(head)
    while i < len(text):
        c = text[i : i + 1]
        if c == b"\\":
            end = i
            while text[end : end + 1] == b"\\":
                end += 1
            count, after = end - i, text[end : end + 1]
            i = end
            if after in (b"\n", b"\r"):
                name += b"\\" * ((count - 1) // 2 if count > 1 else 0)
                i += 2 if text[end : end + 2] == b"\r\n" else 1
                if name:
                    names.append(bytes(name))
                    name.clear()
            elif after in (b" ", b"\t"):
                name += b"\\" * (count // 2)
                if count % 2:
                    name += after
                    i += 1
            elif after == b"#":
                name += b"\\" * (count - 1) + b"#"
                i += 1
            else:
                name += b"\\" * count
        elif c == b"$" and text[i + 1 : i + 2] == b"$":
            name += b"$"
            i += 2
        elif c in (b" ", b"\t", b"\n"):
            if name:
                names.append(bytes(name))
                name.clear()
            i += 1
            if c == b"\n":
                if text[i:].strip():
                    raise Malformed(f"more than one rule: {text[i:i + 80]!r}")
                break
        else:
            name += c
            i += 1
    if name:
        names.append(bytes(name))
    return [os.fsdecode(n) for n in names]
