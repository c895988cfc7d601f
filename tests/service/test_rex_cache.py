# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's client of Remote Execution as a client of action caches."""

import grpc
import pytest

from fakereapi import CAPABILITIES, EXECUTE, GET_RESULT, READ, UPDATE_RESULT, Fake
from reapi import DEADLINE, digest_of, operations_pb2, re

SCRIPT = "cat in > out; echo said; echo warned >&2"
JOB = {"texts": {"in": "content"}, "outputs": ["out"]}


def no_execution(fake):
    def method(q, _):
        m = Fake.capabilities(fake, q, _)
        m.ClearField("execution_capabilities")
        return m
    fake.behave[CAPABILITIES] = method


def test_lookup(daemon, tool):
    d = daemon()
    executing, cache = tool(d.port), tool(d.port, options=["cache"])
    assert cache.run(SCRIPT, lookup=True, **JOB)["outcome"] == "rex-missing"
    done = executing.run(SCRIPT, **JOB)
    found = cache.run(SCRIPT, lookup=True, **JOB)
    assert found["outcome"] == "rex" and found["cached"], found
    for name in ("outputs", "stdout", "stderr", "exit_code"):
        assert found[name] == done[name]
    metrics = d.metrics()
    assert sum(v for k, v in metrics.items() if "rpcs_total" in k and "GetActionResult" in k) == 2


def test_store(daemon, tool):
    d = daemon()
    cache = tool(d.port, options=["cache"])
    assert cache.run(SCRIPT, store=["out", "from", "elsewhere"], **JOB)["outcome"] == "rex"
    found = cache.run(SCRIPT, lookup=True, **JOB)
    assert found["outcome"] == "rex" and found["stdout"] == b"kept\n", found
    assert found["outputs"]["out"][0] == len("from elsewhere")
    # It is what the server gives to those who want it executed.
    answer = tool(d.port).run(SCRIPT, **JOB)
    assert answer["cached"] and answer["outputs"] == found["outputs"]


def test_server_that_only_caches(fake, tool):
    no_execution(fake)
    assert tool(fake.port).run("any")["outcome"] == "rex-not-served"
    fake.calls.clear()
    t = tool(fake.port, options=["cache"])
    assert t.run("any", lookup=True, outputs=["out"])["outcome"] == "rex-missing"
    # A miss costs one call.
    assert fake.calls == ["GetCapabilities", "GetActionResult"]
    fake.calls.clear()
    assert t.run("any", store=["out", "x"], outputs=["out"])["outcome"] == "rex"
    assert fake.calls == ["FindMissingBlobs", "BatchUpdateBlobs", "UpdateActionResult"]
    fake.calls.clear()
    found = t.run("any", lookup=True, outputs=["out"])
    assert found["outputs"]["out"][0] == 1 and found["stdout"] == b"kept\n"
    assert fake.calls == ["GetActionResult", "BatchReadBlobs"]


def test_no_updates(fake, tool):
    def method(q, _):
        m = Fake.capabilities(fake, q, _)
        m.cache_capabilities.action_cache_update_capabilities.update_enabled = False
        return m
    fake.behave[CAPABILITIES] = method
    a = tool(fake.port, options=["cache"]).run("any", store=["out", "x"], outputs=["out"])
    assert a["outcome"] == "rex-not-served" and a["detail"] == "it takes no results"
    assert fake.calls == ["GetCapabilities"]


@pytest.mark.parametrize("size", [100, 3 << 20])
def test_blobs_that_are_gone(fake, tool, size):
    """A result without its blobs is none: it is executed, once more without the cache."""
    data = bytes(size)
    gone = re.ActionResult()
    gone.output_files.add(path="out", digest=digest_of(b"x" * size))
    asked = []

    def read(q, context):
        context.abort(grpc.StatusCode.NOT_FOUND, "gone")
        yield

    def execute(q, _):
        asked.append(q.skip_cache_lookup)
        m = operations_pb2.Operation(name="operations/1", done=True)
        fresh = re.ActionResult()
        fresh.output_files.add(path="out", digest=digest_of(data), contents=data)
        m.response.Pack(re.ExecuteResponse(
            result=fresh if q.skip_cache_lookup else gone, cached_result=not asked[-1]))
        yield m

    fake.behave.update({READ: read, EXECUTE: execute,
                        GET_RESULT: lambda q, _: gone})
    a = tool(fake.port).run("any", outputs=["out"])
    assert a["outcome"] == "rex" and not a["cached"] and a["outputs"]["out"][0] == size, a
    assert asked == [False, True]
    a = tool(fake.port, options=["cache"]).run("any", lookup=True, outputs=["out"])
    assert a["outcome"] == "rex-missing" and "gone" in a["detail"], a

    def fresh_and_gone(q, _):
        yield fake.operation()
    fake.result = gone
    fake.behave[EXECUTE] = fresh_and_gone
    a = tool(fake.port).run("any", outputs=["out"])
    assert a["outcome"] == "rex-failed" and "NOT_FOUND" in a["detail"], a


def test_lying_cache(fake, tool):
    wrong = re.ActionResult()
    wrong.output_files.add(path="out", digest=digest_of(b"right"), contents=b"wrong")
    unasked = re.ActionResult()
    unasked.output_files.add(path="/etc/passwd", digest=digest_of(b"x"), contents=b"x")
    for result in (wrong, unasked, b"\xff\xff"):
        fake.behave[GET_RESULT] = lambda q, _, r=result: r
        a = tool(fake.port, options=["cache"]).run("any", lookup=True, outputs=["out"])
        assert a["outcome"] == "rex-garbage", a


@pytest.mark.parametrize("code, outcome", [
    (grpc.StatusCode.UNIMPLEMENTED, "rex-not-served"),
    (grpc.StatusCode.PERMISSION_DENIED, "rex-denied"),
    (grpc.StatusCode.UNAVAILABLE, "rex-busy"),
    (grpc.StatusCode.INTERNAL, "rex-failed"),
])
def test_statuses(fake, tool, code, outcome):
    fake.behave[GET_RESULT] = fake.behave[UPDATE_RESULT] = lambda q, c: c.abort(code, "no")
    t = tool(fake.port, options=["cache"])
    assert t.run("any", lookup=True)["outcome"] == outcome
    assert t.run("any", store=["out", "x"])["outcome"] == outcome


def test_cancelled_lookup(fake, tool):
    fake.behave[GET_RESULT] = lambda q, _: fake.stuck.wait(DEADLINE)
    t = tool(fake.port, options=["cache"])
    t.cancel(t.sh("any", lookup=True))
    number = t.sh("any", lookup=True)
    t.sync()
    t.cancel(number)
    del fake.behave[GET_RESULT]
    assert t.run("any", lookup=True)["outcome"] == "rex-missing"
