# SPDX-License-Identifier: GPL-3.0-or-later
"""A Remote Execution client for tests: stubs from the project's own .proto files, blobs, trees and
actions in a few words."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import grpc

PROTOS = Path(os.environ.get("DISTCC_PROTO_DIR")
              or Path(__file__).resolve().parents[2] / "src/reapi/proto")
DEADLINE = 120.0  # of anything that hangs; sanitizers on a busy machine are slow

_stubs = tempfile.TemporaryDirectory(prefix="reapi-stubs-")
_files = [p.name for p in PROTOS.glob("*.proto")]
subprocess.run(
    [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}", f"--python_out={_stubs.name}",
     f"--grpc_python_out={_stubs.name}", *_files],
    check=True, timeout=DEADLINE)
sys.path.insert(0, _stubs.name)

import bytestream_pb2  # noqa: E402
import bytestream_pb2_grpc  # noqa: E402
import operations_pb2  # noqa: E402
import operations_pb2_grpc  # noqa: E402
import remote_execution_pb2 as re  # noqa: E402
import remote_execution_pb2_grpc  # noqa: E402
import status_pb2  # noqa: E402

__all__ = ["Client", "Tree", "digest_of", "re", "operations_pb2", "status_pb2"]


def digest_of(data):
    return re.Digest(hash=hashlib.sha256(data).hexdigest(), size_bytes=len(data))


def key(digest):
    return f"{digest.hash}/{digest.size_bytes}"


class Tree:
    """An input root: paths to files, links and directories."""

    def __init__(self):
        self.root = {}

    def _in(self, path):
        *above, name = path.split("/")
        node = self.root
        for part in above:
            node = node.setdefault(part, {})
        return node, name

    def file(self, path, data, executable=False, mtime=None, mode=None):
        node, name = self._in(path)
        data = data.encode() if isinstance(data, str) else data
        node[name] = ("file", data, executable, mtime, mode)
        return self

    def link(self, path, target):
        node, name = self._in(path)
        node[name] = ("link", target)
        return self

    def directory(self, path):
        node, name = self._in(path)
        node.setdefault(name, {})
        return self

    def blobs(self):
        """(root digest, {key: bytes})"""
        found = {}
        return self._directory(self.root, found), found

    def _directory(self, node, found):
        d = re.Directory()
        for name, child in sorted(node.items(), key=lambda item: item[0].encode()):
            if isinstance(child, dict):
                d.directories.add(name=name, digest=self._directory(child, found))
            elif child[0] == "link":
                d.symlinks.add(name=name, target=child[1])
            else:
                _, data, executable, mtime, mode = child
                f = d.files.add(name=name, digest=digest_of(data), is_executable=executable)
                if mtime is not None:
                    f.node_properties.mtime.FromNanoseconds(int(mtime * 10**9))
                if mode is not None:
                    f.node_properties.unix_mode.value = mode
                found[key(f.digest)] = data
        data = d.SerializeToString(deterministic=True)
        found[key(digest_of(data))] = data
        return digest_of(data)


class Client:
    def __init__(self, port, instance="", credentials=None):
        self.instance = instance
        target, options = f"127.0.0.1:{port}", [
            ("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", 64 << 20)]
        self.channel = grpc.secure_channel(target, credentials, options=options) if credentials \
            else grpc.insecure_channel(target, options=options)
        self.execution = remote_execution_pb2_grpc.ExecutionStub(self.channel)
        self.cas = remote_execution_pb2_grpc.ContentAddressableStorageStub(self.channel)
        self.bytestream = bytestream_pb2_grpc.ByteStreamStub(self.channel)
        self.cache = remote_execution_pb2_grpc.ActionCacheStub(self.channel)
        self.operations = operations_pb2_grpc.OperationsStub(self.channel)

    def close(self):
        self.channel.close()

    def upload(self, blobs):
        large = [b for b in blobs if len(b) > 3 << 20]
        for b in large:
            self.write(b)
        blobs = [b for b in blobs if len(b) <= 3 << 20]
        batch, size = [], 0
        for data in [*blobs, None]:
            if batch and (data is None or size + len(data) > 3 << 20):
                q = re.BatchUpdateBlobsRequest(instance_name=self.instance)
                for b in batch:
                    q.requests.add(digest=digest_of(b), data=b)
                for answer in self.cas.BatchUpdateBlobs(q, timeout=DEADLINE).responses:
                    assert answer.status.code == 0, answer
                batch, size = [], 0
            if data is not None:
                batch.append(data)
                size += len(data)

    def write(self, data):
        name = f"uploads/{uuid.uuid4()}/blobs/{key(digest_of(data))}"
        name = f"{self.instance}/{name}" if self.instance else name

        def pieces():
            for at in range(0, len(data), 1 << 20):
                piece = data[at:at + (1 << 20)]
                yield bytestream_pb2.WriteRequest(
                    resource_name=name, write_offset=at, data=piece,
                    finish_write=at + len(piece) == len(data))

        answer = self.bytestream.Write(pieces(), timeout=DEADLINE)
        assert answer.committed_size == len(data)

    def missing(self, digests):
        q = re.FindMissingBlobsRequest(instance_name=self.instance, blob_digests=digests)
        return {key(d) for d in
                self.cas.FindMissingBlobs(q, timeout=DEADLINE).missing_blob_digests}

    def read(self, digest):
        if digest.size_bytes == 0:
            return b""
        q = re.BatchReadBlobsRequest(instance_name=self.instance, digests=[digest])
        (answer,) = self.cas.BatchReadBlobs(q, timeout=DEADLINE).responses
        assert answer.status.code == 0, answer
        return answer.data

    def action(self, argv, tree=None, outputs=(), files=(), directories=(), env=None, cwd="",
               platform=None, timeout=None, do_not_cache=False, salt=b"", properties=(),
               format=0, upload=True):
        """An Action and all that belongs to it, in the store; its digest."""
        command = re.Command(
            arguments=argv, working_directory=cwd, output_paths=sorted(outputs),
            output_files=sorted(files), output_directories=sorted(directories),
            output_node_properties=sorted(properties), output_directory_format=format)
        for name, value in sorted((env or {"PATH": "/usr/bin:/bin"}).items()):
            command.environment_variables.add(name=name, value=value)
        root, blobs = (tree or Tree()).blobs()
        data = command.SerializeToString(deterministic=True)
        action = re.Action(command_digest=digest_of(data), input_root_digest=root,
                           do_not_cache=do_not_cache, salt=salt)
        if timeout is not None:
            action.timeout.FromMilliseconds(int(timeout * 1000))
        for name, value in sorted((platform or {}).items()):
            action.platform.properties.add(name=name, value=value)
        encoded = action.SerializeToString(deterministic=True)
        if upload:
            known = {key(digest_of(b)): b for b in (*blobs.values(), data, encoded)}
            digests = [re.Digest(hash=k.split("/")[0], size_bytes=len(b))
                       for k, b in known.items()]
            self.upload([known[k] for k in self.missing(digests)])
        return digest_of(encoded)

    def execute(self, digest, **fields):
        """The stream of Operations."""
        q = re.ExecuteRequest(instance_name=self.instance, action_digest=digest, **fields)
        return self.execution.Execute(q, timeout=DEADLINE)

    def wait(self, name):
        return self.execution.WaitExecution(re.WaitExecutionRequest(name=name), timeout=DEADLINE)

    def run(self, *args, request=None, **fields):
        """action, execute, and the ExecuteResponse."""
        return last(self.execute(self.action(*args, **fields), **(request or {})))

    def sh(self, script, **fields):
        return self.run(["/bin/sh", "-c", script], **fields)


def until(condition):
    """Wait for something that has no other sign."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def stage(operation):
    m = re.ExecuteOperationMetadata()
    assert operation.metadata.Unpack(m)
    return m.stage


def response(operation):
    assert operation.done, operation
    m = re.ExecuteResponse()
    assert operation.response.Unpack(m)
    return m


def last(stream):
    operations = list(stream)
    assert all(not o.done for o in operations[:-1])
    return response(operations[-1])


def violations(status):
    (detail,) = status.details
    m = status_pb2.PreconditionFailure()
    assert detail.Unpack(m)
    return {(v.type, v.subject) for v in m.violations}
