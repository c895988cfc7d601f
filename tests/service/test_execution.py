# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions carried out: what comes back of each kind of output and of each kind of failure."""

import threading
from pathlib import Path

import grpc
import pytest

from reapi import (DEADLINE, Tree, digest_of, key, last, operations_pb2, re, response, stage, until,
                   violations)

import lookups_pb2

OK, CANCELLED, INVALID, LATE, NOT_FOUND = 0, 1, 3, 4, 5
EXHAUSTED, PRECONDITION, UNAVAILABLE = 8, 9, 14
CACHE_CHECK, QUEUED, EXECUTING, COMPLETED = 1, 2, 3, 4


def good(answer, code=0):
    assert answer.status.code == OK, answer
    assert answer.result.exit_code == code, answer
    return answer.result


def refused(call):
    with pytest.raises(grpc.RpcError) as e:
        list(call)
    return e.value.code()


def outputs(result):
    return {f.path: f for f in result.output_files}


# --- results ---


def test_true(client):
    digest = client.action(["/bin/true"], salt=b"true")
    operations = list(client.execute(digest))
    assert len({o.name for o in operations}) == 1
    assert operations[0].name.startswith("operations/")
    stages = [stage(o) for o in operations]
    assert stages == sorted(stages) and stages[0] == EXECUTING and stages[-1] == COMPLETED
    answer = response(operations[-1])
    result = good(answer)
    assert not answer.cached_result
    assert not result.output_files and not result.stdout_raw and not result.stderr_raw
    m = result.execution_metadata
    assert m.worker == "test-worker"
    times = [m.queued_timestamp, m.worker_start_timestamp, m.input_fetch_start_timestamp,
             m.input_fetch_completed_timestamp, m.execution_start_timestamp,
             m.execution_completed_timestamp, m.output_upload_start_timestamp,
             m.output_upload_completed_timestamp, m.worker_completed_timestamp]
    ns = [t.ToNanoseconds() for t in times]
    assert ns == sorted(ns) and ns[0] > 10**18


def test_second_time_from_the_cache(client, shared):
    digest = client.action(["/bin/sh", "-c", "echo hello; echo text >out"], outputs=["out"],
                           salt=b"cache")
    first = good(last(client.execute(digest)))
    ran = shared.stats()["ran"]
    operations = list(client.execute(digest))
    again = response(operations[-1])
    assert again.cached_result and good(again) == first
    assert shared.stats()["ran"] == ran
    fresh = last(client.execute(digest, skip_cache_lookup=True))
    assert not fresh.cached_result and good(fresh).stdout_raw == b"hello\n"
    assert shared.stats()["ran"] == ran + 1


def told_lookups(result):
    """The list of reapi/lookups.h, or None."""
    for any_ in result.execution_metadata.auxiliary_metadata:
        m = lookups_pb2.Lookups()
        if any_.Unpack(m):
            return read_lookups(m.paths)
    return None


def read_lookups(data):
    found, at, before = [], 0, b""

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    while at < len(data):
        same, size = number(), number()
        before = before[:same] + data[at:at + size // 2]
        at += size // 2
        found.append("+-"[size & 1] + before.decode())
    return found


def test_lookups_are_told(client):
    argv, told = ["/bin/sh", "-c", "test -e /none; test -L /none/below; exit 1"], {}
    for header in (None, "report", "other"):
        digest = client.action(argv, salt=f"look {header}".encode())
        q = re.ExecuteRequest(action_digest=digest)
        metadata = (("distcc-lookups", header),) if header else ()
        answer = last(client.execution.Execute(q, timeout=DEADLINE, metadata=metadata))
        told[header] = told_lookups(good(answer, 1))
    assert told[None] is None and told["other"] is None
    assert {"+/none", "-/none/below"} <= set(told["report"])
    assert told["report"] == sorted(told["report"], key=lambda p: (p[1:].encode(), p[0] == "-"))


def test_lookups_are_kept_with_the_result(client):
    digest = client.action(["/bin/sh", "-c", "test -e /none; true"], salt=b"kept look-ups")
    q = re.ExecuteRequest(action_digest=digest)
    asking = (("distcc-lookups", "report"),)
    first = good(last(client.execution.Execute(q, timeout=DEADLINE, metadata=asking)))
    assert "+/none" in told_lookups(first)
    # By whomever it is asked for.
    again = last(client.execution.Execute(q, timeout=DEADLINE))
    assert again.cached_result and told_lookups(again.result) == told_lookups(first)
    # What was done before anybody asked comes without.
    digest = client.action(["/bin/true"], salt=b"no look-ups")
    q = re.ExecuteRequest(action_digest=digest)
    good(last(client.execution.Execute(q, timeout=DEADLINE)))
    again = last(client.execution.Execute(q, timeout=DEADLINE, metadata=asking))
    assert again.cached_result and told_lookups(again.result) is None


def test_failures_are_results_and_not_cached(client):
    digest = client.action(["/bin/sh", "-c", "echo out; echo err >&2; echo half >o; exit 3"],
                           outputs=["o"])
    for _ in range(2):
        answer = last(client.execute(digest))
        result = good(answer, 3)
        assert not answer.cached_result
        assert (result.stdout_raw, result.stderr_raw) == (b"out\n", b"err\n")
        assert client.read(outputs(result)["o"].digest) == b"half\n"
    assert good(client.sh("kill -TERM $$"), 128 + 15)


def test_do_not_cache(client):
    digest = client.action(["/bin/sh", "-c", "date +%N"], do_not_cache=True)
    answers = [last(client.execute(digest)) for _ in range(2)]
    assert not any(a.cached_result for a in answers)
    assert answers[0].result.stdout_raw != answers[1].result.stdout_raw


def test_outputs_of_all_kinds(client):
    script = """
        printf plain >plain; printf run >run; chmod 755 run; : >empty
        mkdir -p dir/sub dir/none; printf a >dir/a; printf b >dir/sub/b; chmod +x dir/sub/b
        ln -s a dir/link; ln -s /etc/passwd absolute; ln -s ../../../up escaping
        rmdir to_dir; ln -s dir to_dir; mkfifo fifo; mkdir void
    """
    names = ["plain", "run", "empty", "dir", "absolute", "escaping", "to_dir", "fifo", "void",
             "missing", "gone/below", "to_dir/a", "new/parents/are"]
    script += "printf made >new/parents/are"
    result = good(client.sh(script, outputs=names))
    files = outputs(result)
    assert sorted(files) == ["empty", "new/parents/are", "plain", "run"]
    assert [files[n].is_executable for n in ("plain", "run")] == [False, True]
    assert client.read(files["plain"].digest) == b"plain"
    assert files["empty"].digest.size_bytes == 0
    assert {s.path: s.target for s in result.output_symlinks} == {
        "absolute": "/etc/passwd", "escaping": "../../../up", "to_dir": "dir"}
    assert not result.output_file_symlinks and not result.output_directory_symlinks
    directories = {d.path: d for d in result.output_directories}
    assert sorted(directories) == ["dir", "void"]
    tree = re.Tree.FromString(client.read(directories["dir"].tree_digest))
    assert directories["dir"].is_topologically_sorted
    assert [(f.name, f.is_executable) for f in tree.root.files] == [("a", False)]
    assert [(s.name, s.target) for s in tree.root.symlinks] == [("link", "a")]
    assert [d.name for d in tree.root.directories] == ["none", "sub"]
    children = {key(digest_of(c.SerializeToString(deterministic=True))): c for c in tree.children}
    sub = children[key(tree.root.directories[1].digest)]
    assert [(f.name, f.is_executable) for f in sub.files] == [("b", True)]
    assert client.read(sub.files[0].digest) == b"b"


def test_outputs_above_the_working_directory(client):
    tree = Tree().file("a/b/f", "f")
    names = ["../new/o", "../../p", "q", "../missing"]
    result = good(client.sh("echo o >../new/o; echo p >../../p; echo q >q", tree=tree, cwd="a/b",
                            outputs=names))
    assert {n: client.read(f.digest) for n, f in outputs(result).items()} == {
        "../new/o": b"o\n", "../../p": b"p\n", "q": b"q\n"}
    for name in ("../../../p", "..", "../..", "../new/../p"):
        answer = client.sh("true", tree=tree, cwd="a/b", outputs=[name])
        assert answer.status.code == INVALID


def test_older_fields_for_outputs(client):
    result = good(client.sh(
        "echo x >f; mkdir d; echo y >d/y; ln -s f lf; ln -s d ld",
        files=["f", "lf", "none"], directories=["d", "ld"]))
    assert sorted(outputs(result)) == ["f"]
    assert [d.path for d in result.output_directories] == ["d"]
    assert not result.output_symlinks
    assert [(s.path, s.target) for s in result.output_file_symlinks] == [("lf", "f")]
    assert [(s.path, s.target) for s in result.output_directory_symlinks] == [("ld", "d")]


@pytest.mark.parametrize("format", [0, 1, 2])
def test_directory_formats(client, format):
    result = good(client.sh("mkdir -p d/e; echo z >d/e/z", outputs=["d"], format=format))
    (d,) = result.output_directories
    assert d.HasField("tree_digest") == (format != 1)
    assert d.HasField("root_directory_digest") == (format != 0)
    if format:
        root = re.Directory.FromString(client.read(d.root_directory_digest))
        sub = re.Directory.FromString(client.read(root.directories[0].digest))
        assert client.read(sub.files[0].digest) == b"z\n"


def test_node_properties(client):
    tree = Tree().file("in", "x", mtime=1000000000.5, mode=0o640)
    result = good(client.sh(
        "stat -c '%a %.9Y' in; echo y >f; chmod 4750 f; touch -d @1234567890.25 f; ln -s f l",
        tree=tree, outputs=["f", "l"], properties=["mtime", "unix_mode"]))
    assert result.stdout_raw == b"640 1000000000.500000000\n"
    p = outputs(result)["f"].node_properties
    assert p.mtime.ToNanoseconds() == 1234567890250000000
    assert p.unix_mode.value & 0o777 == 0o750
    (link,) = result.output_symlinks
    assert link.node_properties.HasField("mtime")
    assert not link.node_properties.HasField("unix_mode")


def test_what_it_says(client):
    big = 1 << 20
    script = f"head -c {big} /dev/zero; echo less >&2"
    result = good(client.sh(script, salt=b"digest"))
    assert result.stdout_digest.size_bytes == big and not result.stdout_raw
    assert client.read(result.stdout_digest) == bytes(big)
    assert result.stderr_raw == b"less\n"
    result = good(client.sh(script, salt=b"inline", request={"inline_stdout": True}))
    assert result.stdout_raw == bytes(big) and result.stdout_digest.size_bytes == big


def test_inline_outputs(client):
    digest = client.action(["/bin/sh", "-c", "echo a >a; echo b >b"], outputs=["a", "b"])
    for cached in (False, True):
        answer = last(client.execute(digest, inline_output_files=["a", "none"]))
        assert answer.cached_result == cached
        files = outputs(good(answer))
        assert (files["a"].contents, files["b"].contents) == (b"a\n", b"")


def test_environment_is_the_commands(client):
    result = good(client.run(["/usr/bin/env"], env={"A": "1", "Z z": "="}))
    assert sorted(result.stdout_raw.decode().split("\n")) == ["", "A=1", "Z z=="]


def test_inputs(client):
    tree = (Tree().file("d/f", "file").file("run", "#!/bin/sh\necho ran", executable=True)
            .link("l", "d/f").link("out", "/nowhere").directory("empty"))
    script = "cat d/f; ./run; cat l; readlink out; ls -A empty; [ -x d/f ] || echo plain"
    assert good(client.sh(script, tree=tree)).stdout_raw == b"fileran\nfile/nowhere\nplain\n"


def test_inputs_stay_as_they_are(client):
    tree = Tree().file("f", "input")
    result = good(client.sh("rm -f f; echo changed >f; cat f", tree=tree, outputs=["f"]))
    assert client.read(outputs(result)["f"].digest) == b"changed\n"
    assert client.read(digest_of(b"input")) == b"input"


def test_working_directory(client):
    tree = Tree().file("a/b/f", "x").directory("a/c")
    result = good(client.sh("pwd; cat f; echo p >p; echo r >q/r", tree=tree, cwd="a/b",
                            outputs=["p", "q/r"]))
    assert result.stdout_raw == b"/work/a/b\nx"
    assert sorted(outputs(result)) == ["p", "q/r"]
    for cwd in ("a/none", "a/b/f"):
        answer = client.sh("true", tree=tree, cwd=cwd, outputs=["x/y"])
        assert answer.status.code == INVALID and "working directory" in answer.status.message


def test_argv_0(client):
    tree = Tree().file("w/tool", "#!/bin/sh\necho tool", executable=True)
    assert good(client.run(["./tool"], tree=tree, cwd="w")).stdout_raw == b"tool\n"
    assert good(client.run(["true"], salt=b"path"))
    answer = client.run(["/no/such/program"])
    assert answer.status.code == PRECONDITION and "/no/such/program" in answer.status.message


# --- what is wrong with an action ---


def test_missing_blobs_are_all_named(client):
    tree = Tree().file("here", "missing-here").file("d/f", "missing-1").file("d/g", "missing-2")
    digest = client.action(["/bin/true"], tree=tree, salt=b"missing", upload=False)
    root, blobs = tree.blobs()
    answer = last(client.execute(digest))
    assert answer.status.code == PRECONDITION
    assert violations(answer.status) == {("MISSING", f"blobs/{key(digest)}")}

    action = re.Action(command_digest=digest_of(b"no command"), input_root_digest=root)
    data = action.SerializeToString(deterministic=True)
    top = re.Directory.FromString(blobs[key(root)])
    client.upload([data, b"missing-here", blobs[key(root)]])
    answer = last(client.execute(digest_of(data)))
    assert answer.status.code == PRECONDITION
    assert violations(answer.status) == {
        ("MISSING", f"blobs/{key(action.command_digest)}"),
        ("MISSING", f"blobs/{key(top.directories[0].digest)}")}

    client.upload([blobs[key(top.directories[0].digest)]])
    answer = last(client.execute(digest_of(data)))
    assert violations(answer.status) == {
        ("MISSING", f"blobs/{key(d)}") for d in (
            action.command_digest, digest_of(b"missing-1"), digest_of(b"missing-2"))}
    assert not answer.HasField("result")


def test_what_is_no_action(client):
    client.upload([b"\xff\xff no message"])
    answer = last(client.execute(digest_of(b"\xff\xff no message")))
    assert answer.status.code == INVALID
    bad = re.Directory()
    bad.files.add(name="../up", digest=digest_of(b"x"))
    data = bad.SerializeToString()
    command = re.Command(arguments=["/bin/true"]).SerializeToString()
    action = re.Action(command_digest=digest_of(command), input_root_digest=digest_of(data))
    client.upload([data, command, action.SerializeToString(), b"x"])
    answer = last(client.execute(digest_of(action.SerializeToString())))
    assert answer.status.code == INVALID and "up" in answer.status.message


def test_platform(client):
    harmless = {"OSFamily": "linux", "container-image": "docker://x", "Pool": "default",
                "cc": "gcc-12", "distcc-root": "host"}
    assert good(client.run(["/bin/true"], platform=harmless))
    for wrong in ({"distcc-root": "chroot"}, {"distcc-new": "1"}, {"OSFamily": "Windows"}):
        answer = client.run(["/bin/true"], platform=wrong)
        assert answer.status.code == PRECONDITION
        (name,) = wrong
        assert name in answer.status.message and "\n" not in answer.status.message


def test_timeout(client, shared):
    answer = client.sh("echo begun; sleep 1000 & sleep 1000", timeout=4, outputs=["o"])
    assert answer.status.code == LATE
    assert answer.result.stdout_raw == b"begun\n"
    assert shared.stats()["timed_out"] >= 1
    answer = client.sh("true", timeout=3600 * 24)
    assert answer.status.code == INVALID and "timeout" in answer.status.message


# --- what is wrong with a request ---


def test_wrong_requests(client, server):
    digest = client.action(["/bin/true"], salt=b"wrong")
    short = re.Digest(hash=digest.hash[:-1], size_bytes=digest.size_bytes)
    assert refused(client.execute(short)) == grpc.StatusCode.INVALID_ARGUMENT
    assert refused(client.execute(None)) == grpc.StatusCode.INVALID_ARGUMENT
    assert refused(client.execute(digest, digest_function=2)) == grpc.StatusCode.INVALID_ARGUMENT
    size = re.Digest(hash=digest.hash, size_bytes=digest.size_bytes + 1)
    assert last(client.execute(size)).status.code == PRECONDITION
    named = server("--instance", "main/a")
    assert good(named.client(instance="main/a").run(["/bin/true"]))
    other = named.client(instance="other")
    assert refused(other.execute(digest)) == grpc.StatusCode.NOT_FOUND
    assert refused(client.wait("operations/none")) == grpc.StatusCode.NOT_FOUND


def test_no_sandbox(server):
    cache_only = server("--sandbox", 0).client()
    answer = cache_only.run(["/bin/true"])
    assert answer.status.code == PRECONDITION and "no jobs" in answer.status.message
    # Without a network namespace a stranger's program is not run.
    weak = server("--without", 1 << 3)
    answer = weak.client().run(["/bin/true"])
    assert answer.status.code == PRECONDITION and "isolate" in answer.status.message


# --- operations ---


def first_with(stream, wanted):
    for o in stream:
        if stage(o) == wanted:
            return o
    raise AssertionError("the stream is over")


def processes(marker):
    """Those of the host whose command line has the marker."""
    found = []
    for p in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in p.read_bytes():
                found.append(p.parent.name)
        except OSError:
            pass
    return found


def test_wait_execution_after_a_broken_stream(client, shared):
    digest = client.action(["/bin/sh", "-c", "sleep 1; echo waited"], salt=b"wait", do_not_cache=True)
    stream = client.execute(digest)
    name = first_with(stream, EXECUTING).name
    client.close()
    again = shared.client()
    operations = list(again.wait(name))
    assert operations[0].name == name
    result = good(response(operations[-1]))
    assert result.stdout_raw == b"waited\n"
    # It is kept for a while, for whoever asks again.
    assert good(last(again.wait(name))) == result
    got = again.operations.GetOperation(operations_pb2.GetOperationRequest(name=name))
    assert good(response(got)) == result


def test_nobody_comes_back(server):
    s = server("--grace-ms", 300, "--keep-ms", 300)
    client = s.client()
    marker = "4245.125"
    stream = client.execute(client.action(["/bin/sleep", marker]))
    name = first_with(stream, EXECUTING).name
    until(lambda: processes(marker))
    client.close()
    until(lambda: not processes(marker))
    until(lambda: s.stats()["operations"] == 0)
    assert s.stats()["cancelled"] == 1
    again = s.client()
    assert refused(again.wait(name)) == grpc.StatusCode.NOT_FOUND
    operation = list(again.execute(again.action(["/bin/true"])))[-1]
    until(lambda: s.stats()["operations"] == 0)
    assert refused(again.wait(operation.name)) == grpc.StatusCode.NOT_FOUND


def test_cancel_kills_the_tree(client, shared):
    marker = "4242.125"
    digest = client.action(
        ["/bin/sh", "-c", f"(setsid sleep {marker} &) ; sleep {marker} & wait"], salt=b"cancel")
    stream = client.execute(digest)
    name = first_with(stream, EXECUTING).name
    until(lambda: len(processes(f"sleep\0{marker}")) == 2)
    client.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
    answer = last(stream)
    assert answer.status.code == CANCELLED
    until(lambda: not processes(marker))
    until(lambda: shared.stats()["executing"] == 0 and not shared.roots())


def test_identical_actions_run_once(client, shared):
    before = shared.stats()
    digest = client.action(["/bin/sh", "-c", "sleep 1; date +%N"], salt=b"merge")
    others = [shared.client() for _ in range(5)]
    answers = []

    def one(c):
        answers.append(last(c.execute(digest)))

    threads = [threading.Thread(target=one, args=(c,)) for c in [client, *others]]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len({good(a).stdout_raw for a in answers}) == 1
    after = shared.stats()
    assert after["ran"] == before["ran"] + 1
    assert after["merged"] + after["cached"] == before["merged"] + before["cached"] + 5
    assert after["merged"] > before["merged"]


def test_one_of_two_goes(client, shared):
    before = shared.stats()
    digest = client.action(["/bin/sh", "-c", "sleep 1; echo stayed"], salt=b"two")
    one, two = client.execute(digest), shared.client().execute(digest)
    name = first_with(one, EXECUTING).name
    assert first_with(two, EXECUTING).name != name
    client.operations.CancelOperation(operations_pb2.CancelOperationRequest(name=name))
    assert last(one).status.code == CANCELLED
    assert good(last(two)).stdout_raw == b"stayed\n"
    assert shared.stats()["ran"] == before["ran"] + 1


def test_do_not_cache_does_not_merge(client, shared):
    before = shared.stats()
    digest = client.action(["/bin/sh", "-c", "sleep 0.5; date +%N"], do_not_cache=True, salt=b"no")
    one, two = client.execute(digest), shared.client().execute(digest)
    assert good(last(one)).stdout_raw != good(last(two)).stdout_raw
    assert shared.stats()["ran"] == before["ran"] + 2


def test_slots(server):
    s = server("--slots", 1)
    client = s.client()
    long = client.execute(client.action(["/bin/sleep", "1"], do_not_cache=True))
    first_with(long, EXECUTING)
    short = client.execute(client.action(["/bin/true"], salt=b"slots"))
    assert stage(next(short)) == QUEUED
    stats = s.stats()
    assert (stats["executing"], stats["waiting"]) == (1, 1)
    assert good(last(short)) and good(last(long))


def test_stop_with_jobs(server):
    s = server()
    client = s.client()
    marker = "4243.125"
    stream = client.execute(client.action(["/bin/sleep", marker]))
    first_with(stream, EXECUTING)
    until(lambda: processes(marker))
    s.terminate()
    answers = []
    try:
        answers = [last(stream).status.code]
    except grpc.RpcError as e:
        assert e.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    assert answers in ([], [UNAVAILABLE])
    until(lambda: not processes(marker))


def test_killed_and_started_again(server):
    s = server()
    client = s.client()
    tree = Tree().file("d/f", "kept")
    marker = "4244.125"
    stream = client.execute(client.action(["/bin/sleep", marker], tree=tree))
    first_with(stream, EXECUTING)
    until(lambda: processes(marker))
    assert s.roots()
    s.kill()
    until(lambda: not processes(marker))
    s.start()
    again = s.client()
    assert again.read(digest_of(b"kept")) == b"kept"
    assert good(again.sh("cat d/f", tree=tree)).stdout_raw == b"kept"
    until(lambda: not s.roots() and not list((s.top / "store/roots/trash").iterdir()))


def test_resources_of_ours(server):
    s = server("--size", 32 << 20, "--scratch", 256 << 20)
    answer = s.client().sh("head -c 64M /dev/zero >o", outputs=["o"])
    assert answer.status.code == EXHAUSTED and not answer.HasField("result"), answer


def test_many(client, shared):
    """All at once, and nothing is left behind."""
    digests = [client.action(["/bin/true"], salt=b"many %d" % i) for i in range(40)]
    for stream in [client.execute(d) for d in digests]:
        assert good(last(stream))
    until(lambda: not shared.roots())
    stats = shared.stats()
    assert (stats["waiting"], stats["executing"]) == (0, 0)
