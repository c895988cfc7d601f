# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of Remote Execution made of grpcio, that does what a test wants it to do wrong."""

import concurrent.futures
import contextlib
import threading

import grpc

from reapi import digest_of, key, operations_pb2, re

ASK = "/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs"
UPDATE = "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs"
READ_BATCH = "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs"
CAPABILITIES = "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities"
EXECUTE = "/build.bazel.remote.execution.v2.Execution/Execute"
WAIT = "/build.bazel.remote.execution.v2.Execution/WaitExecution"
WRITE = "/google.bytestream.ByteStream/Write"
READ = "/google.bytestream.ByteStream/Read"
GET_RESULT = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult"
UPDATE_RESULT = "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult"


def varint(n):
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def read_response(data):
    return b"\x52" + varint(len(data)) + data


def write_response(size):
    return b"\x08" + varint(size)


class Fake:
    """A server that has nothing, takes everything, and answers what the test wants it to."""

    def __init__(self):
        self.result = re.ActionResult()
        self.blobs = {}
        self.calls = []
        self.metadata = {}  # of the last one
        self.written = []
        self.stuck = threading.Event()
        self.actions = {}
        self.behave = {}  # path: in the place of the method below
        self.port = 0

    def capabilities(self, q, _):
        m = re.ServerCapabilities()
        m.cache_capabilities.digest_functions.append(1)
        m.cache_capabilities.action_cache_update_capabilities.update_enabled = True
        m.execution_capabilities.digest_function = 1
        m.execution_capabilities.exec_enabled = True
        return m

    def ask(self, q, _):
        return re.FindMissingBlobsResponse(missing_blob_digests=q.blob_digests)

    def update(self, q, _):
        m = re.BatchUpdateBlobsResponse()
        for r in q.requests:
            self.blobs[key(r.digest)] = r.data
            m.responses.add(digest=r.digest)
        return m

    def write(self, messages, _):
        self.written.append([len(m) for m in messages])
        # What wraps the bytes of them is less than 1000.
        return write_response(sum(self.written[-1]) // 1000 * 1000)

    def read_batch(self, q, _):
        m = re.BatchReadBlobsResponse()
        for d in q.digests:
            if key(d) in self.blobs:
                m.responses.add(digest=d, data=self.blobs[key(d)])
            else:
                m.responses.add(digest=d).status.code = 5
        return m

    def get_result(self, q, context):
        if key(q.action_digest) not in self.actions:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such action")
        return self.actions[key(q.action_digest)]

    def update_result(self, q, _):
        self.actions[key(q.action_digest)] = q.action_result
        return q.action_result

    def execute(self, q, _):
        yield self.operation()

    def operation(self, **response):
        m = operations_pb2.Operation(name="operations/1", done=True)
        m.response.Pack(re.ExecuteResponse(result=self.result, **response))
        return m

    def add(self, path, data, claimed=None):
        f = self.result.output_files.add(path=path, digest=digest_of(claimed or data))
        self.blobs[key(f.digest)] = data

    def service(self, details):
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        table = {
            CAPABILITIES: (unary, self.capabilities, re.GetCapabilitiesRequest),
            ASK: (unary, self.ask, re.FindMissingBlobsRequest),
            UPDATE: (unary, self.update, re.BatchUpdateBlobsRequest),
            READ_BATCH: (unary, self.read_batch, re.BatchReadBlobsRequest),
            GET_RESULT: (unary, self.get_result, re.GetActionResultRequest),
            UPDATE_RESULT: (unary, self.update_result, re.UpdateActionResultRequest),
            EXECUTE: (stream, self.execute, re.ExecuteRequest),
            WAIT: (stream, None, re.WaitExecutionRequest),
            READ: (stream, None, None),
            WRITE: (grpc.stream_unary_rpc_method_handler, self.write, None),
        }
        if details.method not in table:
            return None
        kind, method, request = table[details.method]
        method = self.behave.get(details.method, method)
        self.calls.append(details.method.split("/")[-1])
        self.metadata = dict(details.invocation_metadata)
        return kind(method, request.FromString if request else None,
                    lambda m: m if isinstance(m, bytes) else m.SerializeToString())


@contextlib.contextmanager
def serving(fake):
    """It is, on a port of its own."""
    s = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
    s.add_generic_rpc_handlers((Handler(fake),))
    fake.port = s.add_insecure_port("127.0.0.1:0")
    s.start()
    yield fake
    fake.stuck.set()
    s.stop(None).wait()


class Handler(grpc.GenericRpcHandler):
    def __init__(self, f):
        self.f = f

    def service(self, details):
        return self.f.service(details)
