# SPDX-License-Identifier: GPL-3.0-or-later
"""What src/reapi makes of trees, Commands and messages, against Python's protobuf.

Trees and Commands are made here a second time, in the plainest way; digests have to be the same.
Messages of all types are filled at random, and have to come out as they went in.
"""

import hashlib
import os
import random
import subprocess

import pytest

from reapi_protos import Messages, V2

TOOL = os.environ["REAPI_TOOL"]


@pytest.fixture(scope="module")
def messages():
    return Messages()


def tool(*args, stdin=b""):
    run = subprocess.run([TOOL, *args], input=stdin, capture_output=True)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


def digest(data):
    return hashlib.sha256(data).hexdigest(), len(data)


def as_text(hash_and_size):
    return "%s %d" % hash_and_size


# Trees.

NAMES = ["a", "b", "A", "a.c", "a0", "a-", "include", "usr", "x" * 255, "with space", "\u00e4",
         "\ufffd", "\U0001f600", "..x", "...", "-", "\x01", "zz"]


class Node:
    """A directory: name -> Node, or the tuple of a file or link."""

    def __init__(self):
        self.children = {}
        self.props = (None, None)


def random_props(rng):
    mtime = rng.choice([None, (0, 0), (1700000000, 123456789), (-1, 999999999), (5, 0)])
    mode = rng.choice([None, 0, 0o644, 0o755, 0o7777])
    return mtime, mode


def random_tree(rng, depth=0):
    node = Node()
    node.props = random_props(rng) if rng.random() < 0.3 else (None, None)
    for name in rng.sample(NAMES, rng.randint(0, len(NAMES) // (depth + 1))):
        kind = rng.random()
        if kind < 0.35 and depth < 5:
            node.children[name] = random_tree(rng, depth + 1)
        elif kind < 0.8:
            size = rng.choice([0, 1, 127, 128, 1 << 20, 1 << 55])
            hash_ = hashlib.sha256(rng.randbytes(4)).hexdigest()
            node.children[name] = ("file", hash_, size, rng.random() < 0.5, random_props(rng))
        else:
            target = rng.choice(["../up", "/abs", "x", "t" * 300])
            node.children[name] = ("link", target, random_props(rng))
    return node


def set_props(message, props):
    mtime, mode = props
    if mtime is not None:
        message.node_properties.mtime.SetInParent()
        message.node_properties.mtime.seconds, message.node_properties.mtime.nanos = mtime
    if mode is not None:
        message.node_properties.unix_mode.SetInParent()
        message.node_properties.unix_mode.value = mode


def directory(messages, node, seen):
    """The Directory of a node, whose bytes and those of all below it go into seen."""
    message = messages.v2("Directory")()
    for name in sorted(node.children, key=str.encode):
        child = node.children[name]
        if isinstance(child, Node):
            _, hash_and_size = directory(messages, child, seen)
            item = message.directories.add(name=name)
            item.digest.hash, item.digest.size_bytes = hash_and_size
        elif child[0] == "file":
            item = message.files.add(name=name, is_executable=child[3])
            item.digest.hash, item.digest.size_bytes = child[1:3]
            set_props(item, child[4])
        else:
            item = message.symlinks.add(name=name, target=child[1])
            set_props(item, child[2])
    set_props(message, node.props)
    data = message.SerializeToString()
    seen[digest(data)] = message
    return message, digest(data)


def props_text(props):
    mtime, mode = props
    return ["-" if mtime is None else "%d.%d" % mtime, "-" if mode is None else "%o" % mode]


def lines(node, path=""):
    yield "\t".join(["dir", path.rstrip("/"), *props_text(node.props)])
    for name, child in node.children.items():
        if isinstance(child, Node):
            yield from lines(child, path + name + "/")
        elif child[0] == "file":
            yield "\t".join(["file", path + name, child[1], str(child[2]), "x" if child[3] else "-",
                             *props_text(child[4])])
        else:
            yield "\t".join(["link", path + name, child[1], *props_text(child[2])])


@pytest.mark.parametrize("seed", range(40))
def test_trees(messages, seed):
    rng = random.Random(seed)
    root = random_tree(rng)
    seen = {}
    top, top_digest = directory(messages, root, seen)
    shuffled = list(lines(root))
    rng.shuffle(shuffled)
    *blobs, tree = tool("tree", stdin="\n".join(shuffled).encode()).decode().splitlines()
    assert blobs[-1] == as_text(top_digest)
    assert len(set(blobs)) == len(blobs)
    assert set(blobs) == {as_text(d) for d in seen}
    # The Tree message in the order of our choice, but of just these, and readable by its reader.
    message = messages.v2("Tree")(root=top)
    by_text = {as_text(d): m for d, m in seen.items()}
    message.children.extend(by_text[b] for b in reversed(blobs[:-1]))
    data = message.SerializeToString()
    assert tree == as_text(digest(data))
    planned = tool("plan", stdin=data).decode().split("\n")[:-1]
    assert len(planned) == len(shuffled)
    assert set(planned) == {" ".join(line.split("\t")[:2]) for line in shuffled}


# Commands and Actions.

def text_of(rng):
    return "".join(rng.choice("abz/-=. \u00e4\U0001f600") for _ in range(rng.randint(1, 9)))


def random_command(rng):
    variables = {("V%d" % rng.randint(0, 99)) + rng.choice(["", "-", "A"]):
                 text_of(rng) for _ in range(rng.randint(0, 6))}
    outputs = [(rng.choice(["any", "file", "directory"]), "out/%d.o" % rng.randint(0, 9))
               for _ in range(rng.randint(0, 6))]
    return {
        "arg": ["/usr/bin/gcc"] + [text_of(rng) for _ in range(rng.randint(0, 6))],
        "env": variables,
        "outputs": outputs,
        "property": [(rng.choice("abc"), text_of(rng)) for _ in range(rng.randint(0, 5))],
        "wish": rng.sample(["mtime", "unix_mode", "other"], rng.randint(0, 3)),
        "cwd": rng.choice(["", "work", "work/dir"]),
        "as": rng.randint(1, 3),
    }


def command_lines(rng, c):
    out = ["arg\t" + a for a in c["arg"]]
    rest = [f"env\t{n}={v}" for n, v in c["env"].items()]
    rest += [f"{kind}\t{path}" for kind, path in c["outputs"]]
    rest += [f"property\t{n}\t{v}" for n, v in c["property"]]
    rest += [f"wish\t{w}" for w in c["wish"]]
    rng.shuffle(rest)
    return out + rest + ["as\t%d" % c["as"]] + (["cwd\t" + c["cwd"]] if c["cwd"] else [])


def code_points(values):
    return sorted(set(values), key=str.encode)


def fill_platform(platform, properties):
    for name, value in sorted(properties, key=lambda p: (p[0].encode(), p[1].encode())):
        platform.properties.add(name=name, value=value)


@pytest.mark.parametrize("seed", range(40))
def test_commands(messages, seed):
    rng = random.Random(seed)
    c = random_command(rng)
    m = messages.v2("Command")(arguments=c["arg"], working_directory=c["cwd"])
    for name in sorted(c["env"], key=str.encode):
        m.environment_variables.add(name=name, value=c["env"][name])
    if c["as"] & 1:
        m.output_paths.extend(code_points(p for _, p in c["outputs"]))
    if c["as"] & 2:
        m.output_files.extend(code_points(p for k, p in c["outputs"] if k != "directory"))
        m.output_directories.extend(code_points(p for k, p in c["outputs"] if k == "directory"))
    m.output_node_properties.extend(code_points(c["wish"]))
    if c["property"]:
        fill_platform(m.platform, c["property"])
    command = digest(m.SerializeToString())
    a = messages.v2("Action")(do_not_cache=True)
    a.command_digest.hash, a.command_digest.size_bytes = command
    a.input_root_digest.hash, a.input_root_digest.size_bytes = digest(b"")
    a.timeout.seconds, a.timeout.nanos = 61, 1000000
    if c["property"]:
        fill_platform(a.platform, c["property"])
    out = tool("command", stdin="\n".join(command_lines(rng, c)).encode()).decode().splitlines()
    assert out == [as_text(command), as_text(digest(a.SerializeToString()))]


# All messages.

def random_value(rng, field):
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        if field.type == field.TYPE_BYTES:
            return rng.randbytes(rng.randint(0, 200))
        return text_of(rng) if rng.random() < 0.9 else ""
    if kind == field.CPPTYPE_BOOL:
        return rng.random() < 0.7
    if kind == field.CPPTYPE_ENUM:
        return rng.choice([v.number for v in field.enum_type.values] + [1000])
    if kind == field.CPPTYPE_INT32:
        return rng.choice([0, 1, -1, 127, 128, 2**31 - 1, -2**31])
    if kind == field.CPPTYPE_INT64:
        return rng.choice([0, 1, -1, 127, 128, 2**63 - 1, -2**63])
    assert kind == field.CPPTYPE_UINT32
    return rng.choice([0, 1, 127, 128, 2**32 - 1])


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def fill(rng, message):
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.25:
            continue
        if is_map(field):
            # One: the order of several is Python's own.
            fill(rng, getattr(message, field.name)[text_of(rng)])
        elif field.label == field.LABEL_REPEATED:
            for _ in range(rng.randint(0, 3)):
                if field.message_type:
                    fill(rng, getattr(message, field.name).add())
                else:
                    getattr(message, field.name).append(random_value(rng, field))
        elif field.message_type:
            getattr(message, field.name).SetInParent()
            fill(rng, getattr(message, field.name))
        else:
            setattr(message, field.name, random_value(rng, field))


OTHERS = [V2 + n for n in ("Action", "Command", "Tree", "ExecuteResponse", "RequestMetadata",
                           "ExecuteOperationMetadata")]
OTHERS += ["google.rpc." + n for n in ("PreconditionFailure", "RetryInfo", "BadRequest")]


def test_messages(messages):
    names = messages.requests_and_responses() + OTHERS
    assert len(names) > 35
    sent = b""
    for name in names:
        for seed in range(20):
            message = messages[name]()
            fill(random.Random(f"{name} {seed}"), message)
            data = message.SerializeToString()
            sent += b"%s %d\n%s" % (name.encode(), len(data), data)
    assert tool("pack", stdin=sent) == sent


def test_missing_blobs(messages):
    digests = [digest(b""), digest(b"abc")]
    args = [str(part) for d in digests for part in d]
    status = messages["google.rpc.Status"].FromString(tool("missing", *args))
    assert status.code == 9
    assert [d.type_url for d in status.details] == [
        "type.googleapis.com/google.rpc.PreconditionFailure",
        "type.googleapis.com/google.rpc.RetryInfo"]
    failure = messages["google.rpc.PreconditionFailure"].FromString(status.details[0].value)
    assert [(v.type, v.subject) for v in failure.violations] == [
        ("MISSING", "blobs/%s/%d" % d) for d in digests]
    retry = messages["google.rpc.RetryInfo"].FromString(status.details[1].value)
    assert (retry.retry_delay.seconds, retry.retry_delay.nanos) == (2, 500000000)
