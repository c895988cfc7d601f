# SPDX-License-Identifier: GPL-3.0-or-later
"""A few rounds of harness/torture.py; bench/torture does many, of real projects."""

import random

import pytest

from harness import procs
from harness.torture import World, digests

pytestmark = pytest.mark.ours

ROUNDS, UNITS = 2, 16
LIMIT = 10 * procs.DEADLINE  # of a whole build

MAKEFILE = """
OBJECTS = $(patsubst %.c,%.o,$(wildcard *.c))
all: $(OBJECTS)
%.o: %.c gen.h
\t$(CC) $(CFLAGS) -MMD -c $< -o $@
gen.h:
\techo "#define GEN 7" >gen.new; mv gen.new gen.h
clean:
\trm -f *.o *.d gen.h
"""


def project():
    files = {"Makefile": MAKEFILE, "common.h": "#include <stdio.h>\n#include <stdlib.h>\n"}
    for i in range(UNITS):
        files[f"h{i}.h"] = f"static inline int h{i}(int x) {{ return x + {i}; }}\n"
        functions = "".join(
            f"int f{i}_{k}(int x) {{ return printf(\"%d\", h{i}(x) + GEN * {k}); }}\n"
            for k in range(10 + 4 * i))
        files[f"u{i}.c"] = f'#include "common.h"\n#include "gen.h"\n#include "h{i}.h"\n{functions}'
    return files


# What was preprocessed before it was sent has other debug information: with it, exact or local.
@pytest.mark.parametrize("flags", ["-g -O1", "-O1"])
def test_torture(lab, seed, flags):
    lots, tree = random.Random(seed), lab.tree(project())
    make = ["make", "-s", f"CFLAGS={flags}"]

    def clean():
        assert procs.wait(procs.spawn(["make", "-s", "clean"], cwd=tree.path)) == 0

    local = procs.spawn([*make, "-j2", "CC=gcc"], cwd=tree.path)
    assert procs.wait(local, LIMIT) == 0
    wanted = digests(tree.path)
    world = World(lab, lots, workers=2, plain="-g" not in flags)
    for i in range(ROUNDS):
        clean()
        result, seconds = world.round(
            [*make, "-j6", f"CC={world.client.program} gcc"], tree.path, LIMIT)
        print(f"round {i}: {seconds:.1f} s, {world.done}, {world.reasons()}")
        assert result.code == 0, result
        assert digests(tree.path) == wanted
    clean()
    # A compiler that is killed with its agent leaves temporary files, as it does by itself.
    for left in world.client.tmp.glob("cc*.[a-z]*"):
        left.unlink()
    for proxy in world.proxies:
        print(proxy.fates)
