# SPDX-License-Identifier: GPL-3.0-or-later
"""Our .proto files, as Python sees them: compiled anew, and in a pool of their own, so that other
people's modules for the same messages may be loaded beside them."""

import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO_DIR = pathlib.Path(__file__).resolve().parents[2] / "src" / "reapi" / "proto"
V2 = "build.bazel.remote.execution.v2."


def compile_protos(includes, names):
    """The descriptors of the named files and of all that they import."""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "set"
        subprocess.run(
            [sys.executable, "-m", "grpc_tools.protoc", *(f"-I{i}" for i in includes),
             "--include_imports", f"--descriptor_set_out={out}", *names],
            check=True, capture_output=True)
        return descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())


def ours():
    names = sorted(str(p.relative_to(PROTO_DIR)) for p in PROTO_DIR.rglob("*.proto"))
    return compile_protos([PROTO_DIR], names)


class Messages:
    """Message classes of our files by full name: Messages()["google.rpc.Status"]."""

    def __init__(self):
        self.pool = descriptor_pool.DescriptorPool()
        self.files = ours()
        for file in self.files.file:
            self.pool.Add(file)
        self.factory = message_factory.MessageFactory(self.pool)

    def __getitem__(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def v2(self, name):
        return self[V2 + name]

    def requests_and_responses(self):
        """The names of all types that some method takes or gives."""
        names = set()
        for file in self.files.file:
            for service in file.service:
                for method in service.method:
                    names |= {method.input_type.lstrip("."), method.output_type.lstrip(".")}
        return sorted(names)
