# SPDX-License-Identifier: GPL-3.0-or-later
"""Is an input root the root directory? Nothing is executed where that is not certain."""

import concurrent.futures

import grpc
import pytest

from fakereapi import EXECUTE, UPDATE
from reapi import DEADLINE, key, operations_pb2, re, until


class Relay(grpc.GenericRpcHandler):
    """Passes calls on, and none of the headers of the answers."""

    def __init__(self, port):
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.calls = []

    def service(self, details):
        self.calls.append(details.method.split("/")[-1])
        if details.method.endswith("/Execute"):
            call = self.channel.unary_stream(details.method)
            return grpc.unary_stream_rpc_method_handler(
                lambda q, _: call(q, timeout=DEADLINE))
        if details.method.endswith("/Write"):
            call = self.channel.stream_unary(details.method)
            return grpc.stream_unary_rpc_method_handler(
                lambda q, _: call(q, timeout=DEADLINE))
        call = self.channel.unary_unary(details.method)
        return grpc.unary_unary_rpc_method_handler(lambda q, _: call(q, timeout=DEADLINE))


@pytest.fixture
def relay():
    started = []

    def start(port):
        handler = Relay(port)
        s = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
        s.add_generic_rpc_handlers((handler,))
        handler.port = s.add_insecure_port("127.0.0.1:0")
        s.start()
        started.append((s, handler))
        return handler

    yield start
    for s, handler in started:
        s.stop(None).wait()
        handler.channel.close()


def executed(d):
    """As of now: the page is given for a while as it was made."""
    begun, now = d.metrics(), []
    until(lambda: now.append(d.metrics()) or
          now[-1]["distccd_uptime_seconds"] > begun["distccd_uptime_seconds"])
    return sum(v for k, v in now[-1].items()
               if k.startswith("distccd_jobs_total") and '"cached"' not in k)


def test_distccd_says_it(daemon, tool):
    d = daemon()
    assert tool(d.port, options=["prove"]).run("echo 1")["outcome"] == "rex"
    assert executed(d) == 1


def test_proof(daemon, tool, relay):
    """One that does not say it is asked, once for each connection, and not by what it kept."""
    d = daemon()
    r = relay(d.port)
    t = tool(r.port, options=["prove"])
    numbers = [t.sh(f"echo {i}") for i in range(4)]
    assert [t.wait(n)["stdout"] for n in numbers] == [b"%d\n" % i for i in range(4)]
    assert t.run("echo 5")["outcome"] == "rex"
    assert r.calls.count("Execute") == 6 and executed(d) == 6
    assert tool(r.port, options=["prove"]).run("echo 5")["cached"]
    assert executed(d) == 7
    # A look-up needs none.
    r.calls.clear()
    assert tool(r.port, options=["prove"]).run("echo 5", lookup=True)["outcome"] == "rex"
    assert "Execute" not in r.calls


def is_proof(fake, q):
    action = re.Action.FromString(fake.blobs[key(q.action_digest)])
    command = re.Command.FromString(fake.blobs[key(action.command_digest)])
    assert not command.arguments[0].startswith("/.distcc-root") or (
        action.do_not_cache and q.skip_cache_lookup)
    return command.arguments[0].startswith("/.distcc-root")


def answer(**result):
    m = operations_pb2.Operation(name="operations/1", done=True)
    m.response.Pack(re.ExecuteResponse(result=re.ActionResult(**result)))
    return m


@pytest.mark.parametrize("proof", [
    {"exit_code": 127, "stderr_raw": b"no such file"},
    {"exit_code": 0},
    {"exit_code": 0, "stdout_raw": b"another program"},
])
def test_server_with_other_roots(fake, tool, proof):
    seen = []

    def execute(q, _):
        seen.append(is_proof(fake, q))
        yield answer(**(proof if seen[-1] else {"exit_code": 0}))

    fake.behave[EXECUTE] = execute
    t = tool(fake.port, options=["prove"])
    for _ in range(2):
        a = t.run("an-odd-script")
        assert a["outcome"] == "rex-other-root" and "root directory" in a["detail"], a
    # Nothing of the job was sent, and it was asked once.
    assert seen == [True]
    assert not any(b"an-odd-script" in data for data in fake.blobs.values())
    # Who does not care is served.
    assert tool(fake.port).run("any")["outcome"] == "rex" and seen == [True, False]


def test_server_that_proves_it(fake, tool):
    seen = []

    def execute(q, _):
        seen.append(is_proof(fake, q))
        yield answer(exit_code=0, stdout_raw=b"ld.so (whose) 2.36\n")

    fake.behave[EXECUTE] = execute
    assert tool(fake.port, options=["prove"]).run("any")["outcome"] == "rex"
    assert seen == [True, False]


@pytest.mark.parametrize("where", [UPDATE, EXECUTE])
def test_proof_that_fails(fake, tool, where):
    """For a cause that says nothing of it: it is tried again by the next."""
    def unary(q, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "later")

    def stream(q, context):
        context.abort(grpc.StatusCode.UNAVAILABLE, "later")
        yield

    fake.behave[where] = stream if where == EXECUTE else unary
    t = tool(fake.port, options=["prove"])
    assert t.run("any")["outcome"] == "rex-busy"
    fake.behave = {EXECUTE: lambda q, _: iter([answer(stdout_raw=b"ld.so")])}
    assert t.run("any")["outcome"] == "rex"


def test_cancelled_while_it_is_proved(fake, tool):
    def execute(q, _):
        fake.stuck.wait(DEADLINE)
        yield answer(stdout_raw=b"ld.so")

    fake.behave[EXECUTE] = execute
    t = tool(fake.port, options=["prove"])
    first, second = t.sh("any"), t.sh("other")
    t.sync()
    t.cancel(first)
    fake.stuck.set()
    assert t.wait(second)["outcome"] == "rex"
    # And one that is given up with its rex.
    fake.stuck.clear()
    other = tool(fake.port, options=["prove"])
    other.sh("any")
    other.sync()
