# SPDX-License-Identifier: GPL-3.0-or-later
"""
A worker in a root of its own, with busybox for all its programs and without any compiler, compiles
for a client of this machine: the toolchain travels, and the bytes are a local compile's.

    DISTCC_OTHER_ROOT=DIR    a root made by debootstrap in place of it, of whatever release:
                             debootstrap --variant=minbase trixie DIR; it is written to below /opt
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import exact, procs
from harness.exact import compiled, make_client
from harness.lab import may_mount, private_mounts
from harness.programs import Worker, build_dir

pytestmark = pytest.mark.ours

BUSYBOX = Path("/bin/busybox")
USERS = "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"

# Directories of ours at their own places in there; the kernel's; and in. Not by chroot: who was put
# into one may make no namespaces.
ENTER = """
root=$1; shift
mount --rbind "$root" "$root" && cd "$root" || exit 99
for dir in /proc /dev /sys "$1" "$2" "$3"; do
    mkdir -p "$root$dir" && mount --rbind "$dir" "$root$dir" || exit 99
done
shift 3
/usr/sbin/pivot_root . . && umount -l . && cd / && exec "$@"
"""


def copy_into(root, path, to=None):
    target = root / str(to or path).lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)


def libraries(program):
    """Loader and libraries, as the loader says."""
    text = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return [Path(path) for path in re.findall(r"(/\S+)", text)]


def busybox_root(root):
    copy_into(root, BUSYBOX)
    for name in ("sh", "find", "umount"):
        (root / "bin" / name).symlink_to("busybox")
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text(USERS)
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)


@pytest.fixture
def root(lab):
    """And, in there, distccd with what it is linked with, out of the way of what else there is."""
    if not may_mount() or not BUSYBOX.exists():
        pytest.skip("no mount namespace, or no busybox")
    given = os.environ.get("DISTCC_OTHER_ROOT")
    path = Path(given) if given else lab.directory("r")
    if not given:
        busybox_root(path)
    ours = path / "opt/distcc"
    shutil.rmtree(ours, ignore_errors=True)
    for library in libraries(build_dir() / "src/worker/distccd"):
        copy_into(ours, library, library.name)
    copy_into(ours, build_dir() / "src/worker/distccd", "distccd")
    helper = build_dir() / "src/sandbox/distcc-sandbox"
    copy_into(ours, helper, "distcc-sandbox")
    if not given:
        for library in libraries(helper):  # none, but with sanitizers
            copy_into(path, library)
    return path


class Elsewhere(Worker):
    """Its program is started by its own loader, in the root."""

    def __init__(self, lab, root):
        self.root, self.store = root, lab.directory("s")
        self.store.chmod(0o777)
        options = ["--sandbox=always", "--store", self.store / "store"]
        env = {"DISTCC_SANDBOX": "/opt/distcc/distcc-sandbox", "PATH": "/usr/bin:/bin"}
        super().__init__(lab, "ours", "/none", None, 4, [], options, env)

        loader = next((root / "opt/distcc").glob("ld-linux*")).name
        started = f"/opt/distcc/{loader} --library-path /opt/distcc /opt/distcc/distccd"
        inside = f'shift; exec {started} "$@"'
        self.wrap = [*self.enter(), "/bin/sh", "-c", inside, "sh"]

    def enter(self):
        return [*private_mounts(), "sh", "-c", ENTER, "sh", self.root, self.home, self.store,
                self.lab.root / "reports"]

    def look(self, *argv):
        out = self.home / "look"
        with open(out, "wb") as f:
            assert procs.wait(procs.spawn([*self.enter(), *argv], stdout=f)) == 0
        return out.read_text()


@pytest.fixture
def worker(lab, root):
    worker = Elsewhere(lab, root)
    lab.workers.append(worker)
    worker.start()
    return worker


FILES = {
    "u.c": '#include "a.h"\n#include <stdio.h>\nint f(void) { return printf("%d", A); }\n',
    "u.cc": "#include <string>\n#include <vector>\n"
            "std::vector<std::string> f() { return {\"a\", \"b\"}; }\n",
    "a.h": "#define A 1\n#warning it is said\n",
}
COMMANDS = [
    ("gcc", "-g", "-O2", "-MD", "-c", "u.c", "-o", "u.o"),
    ("g++", "-g", "-O1", "-c", "u.cc", "-o", "u.o"),
    ("clang", "-g", "-O2", "-MMD", "-c", "u.c", "-o", "u.o"),
    ("clang++", "-O2", "-c", "u.cc", "-o", "u.o"),
]


def test_same_bytes(lab, worker):
    """And nothing of this machine is to be seen there but what was sent."""
    names = "cc1* -o -name as -o -name clang* -o -name *gcc -o -name *g++ -o -name stdio.h"
    found = worker.look("find", "/", "-xdev", "-type", "f", "(", "-name", *names.split(), ")")
    assert not found
    tree, one = lab.tree(FILES), make_client(lab, [worker], DISTCC_CACHE_SIZE=0)
    for argv in COMMANDS:
        compiled(one, tree, *argv, reason="exact")
    # A change of a header alone.
    exact.edit(tree, lambda t: (t / "a.h").write_text("#define A 2\n"))
    compiled(one, tree, *COMMANDS[0], reason="exact")
    # Who does not send a compiler finds none.
    plain = lab.client([worker])
    assert plain.compile(tree, *COMMANDS[0]).code == 0
    assert plain.last_job()["where"] == "local"
