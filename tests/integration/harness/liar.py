# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker that cannot be trusted: all calls go to a real one, and a test changes what it answers."""

import concurrent.futures
import os
import sys
from pathlib import Path

import grpc

REPOSITORY = Path(__file__).resolve().parents[3]
os.environ.setdefault("DISTCC_PROTO_DIR", str(REPOSITORY / "src/reapi/proto"))
sys.path.append(str(REPOSITORY / "tests/service"))

import reapi  # noqa: E402
from reapi import digest_of, operations_pb2, re  # noqa: E402

import lookups_pb2  # noqa: E402

EXECUTE = "/build.bazel.remote.execution.v2.Execution/Execute"


class Liar(grpc.GenericRpcHandler):
    """change: a function that is given each ActionResult, and may alter it."""

    def __init__(self, port, change):
        self.change = change
        self.asked = []  # of each Execute: was it asked for look-ups?
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
        self.server.add_generic_rpc_handlers((self,))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()

    def host(self):
        return f"127.0.0.1:{self.port}/4"

    def close(self):
        self.server.stop(None).wait()
        self.channel.close()

    def service(self, details):
        metadata = [(k, v) for k, v in details.invocation_metadata if k == "distcc-lookups"]
        if details.method == EXECUTE:
            self.asked.append(metadata == [("distcc-lookups", "report")])

        def forward(messages, context):
            call = self.channel.stream_stream(details.method)(messages, metadata=metadata)
            try:
                for answer in call:
                    yield self.altered(answer) if details.method == EXECUTE else answer
            except grpc.RpcError as e:
                context.abort(e.code(), e.details())

        return grpc.stream_stream_rpc_method_handler(forward)

    def altered(self, answer):
        operation = operations_pb2.Operation.FromString(answer)
        response = re.ExecuteResponse()
        if operation.response.Unpack(response):
            self.change(response.result)
            operation.response.Pack(response)
        return operation.SerializeToString()


def other_bytes(path):
    """The output has another byte at its end, and the digest that goes with it."""
    def change(result):
        for f in result.output_files:
            if f.path == path:
                f.contents += b"!"
                f.digest.CopyFrom(digest_of(f.contents))
    return change


def encoded(paths):
    """As reapi/lookups.h says, without sharing anything."""
    def varint(n):
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    return b"".join(b"\0" + varint(2 * len(p)) + p.encode() for p in paths)


def other_lookups(data, part=False):
    """What is told of look-ups is this."""
    def change(result):
        del result.execution_metadata.auxiliary_metadata[:]
        m = lookups_pb2.Lookups(part=part, paths=data)
        result.execution_metadata.auxiliary_metadata.add().Pack(m)
    return change
