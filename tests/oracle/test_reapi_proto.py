# SPDX-License-Identifier: GPL-3.0-or-later
"""Our .proto files against other people's copies of the same standards.

Debian has two, both older than ours: the modules in BuildStream, and the files in the source of
Bazel. Whatever they have, ours must have with the same name, number, type and label, but for what
later versions of the standard took out or gave another name.
"""

import importlib
import pathlib

import pytest
from google.protobuf import descriptor_pb2

import reapi_protos
from reapi_protos import V2

BAZEL = pathlib.Path("/usr/src/bazel-bootstrap/third_party")
BAZEL_FILES = [
    "build/bazel/remote/execution/v2/remote_execution.proto",
    "build/bazel/semver/semver.proto",
    "google/bytestream/bytestream.proto",
    "google/longrunning/operations.proto",
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
]
BUILDSTREAM = [
    "build.bazel.remote.execution.v2.remote_execution_pb2",
    "build.bazel.semver.semver_pb2",
    "google.bytestream.bytestream_pb2",
    "google.longrunning.operations_pb2",
    "google.rpc.status_pb2",
]

# The standard's own changes since. The number and the type stay; the name is of no matter on the
# wire. (message, their name) -> our name
RENAMED = {
    (V2 + "CacheCapabilities", "digest_function"): "digest_functions",
}
RETYPED = {
    f".{V2}ExecuteOperationMetadata.Stage": f".{V2}ExecutionStage.Value",
    f".{V2}DigestFunction": f".{V2}DigestFunction.Value",
    f".{V2}CacheCapabilities.SymlinkAbsolutePathStrategy":
        f".{V2}SymlinkAbsolutePathStrategy.Value",
}
# Of google.rpc.error_details we have what we read or write.
NOT_OURS = {"google.rpc." + name for name in (
    "DebugInfo", "QuotaFailure", "QuotaFailure.Violation", "RequestInfo", "ResourceInfo", "Help",
    "Help.Link", "LocalizedMessage", "ErrorInfo", "ErrorInfo.MetadataEntry")}
NOT_OURS |= {"google.longrunning.OperationInfo"}
PACKAGES = ("build.bazel.", "google.bytestream", "google.longrunning", "google.rpc")


class Schema:
    """Messages, enums and services of a set of files, flat, by full name."""

    def __init__(self, files):
        self.messages, self.enums, self.services = {}, {}, {}
        for file in files:
            for message in file.message_type:
                self._message(file.package, message)
            for enum in file.enum_type:
                self.enums[f"{file.package}.{enum.name}"] = enum
            for service in file.service:
                self.services[f"{file.package}.{service.name}"] = service

    def _message(self, prefix, message):
        name = f"{prefix}.{message.name}"
        self.messages[name] = message
        for inner in message.nested_type:
            self._message(name, inner)
        for enum in message.enum_type:
            self.enums[f"{name}.{enum.name}"] = enum


def buildstream():
    pytest.importorskip("buildstream", reason="python3-buildstream is not installed")
    files = []
    for name in BUILDSTREAM:
        module = importlib.import_module("buildstream._protos." + name)
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        files.append(file)
    return Schema(files)


def bazel():
    if not (BAZEL / "remoteapis" / BAZEL_FILES[0]).exists():
        pytest.skip("bazel-bootstrap-source is not installed")
    tools = pathlib.Path(importlib.import_module("grpc_tools").__file__).parent / "_proto"
    includes = [BAZEL / "remoteapis", BAZEL / "googleapis", tools]
    files = reapi_protos.compile_protos(includes, BAZEL_FILES)
    return Schema([f for f in files.file if f.package.startswith(PACKAGES)])


@pytest.fixture(scope="module")
def ours():
    return Schema(reapi_protos.ours().file)


@pytest.fixture(scope="module", params=[buildstream, bazel], ids=["buildstream", "bazel"])
def theirs(request):
    return request.param()


def shape(field):
    type_name = RETYPED.get(field.type_name, field.type_name)
    return field.number, field.type, type_name, field.label, field.HasField("oneof_index")


def test_messages(ours, theirs):
    compared = 0
    for name, message in theirs.messages.items():
        if name in NOT_OURS:
            continue
        assert name in ours.messages, name
        mine = {f.name: f for f in ours.messages[name].field}
        numbers = {f.number: f.name for f in ours.messages[name].field}
        reserved = [range(r.start, r.end) for r in ours.messages[name].reserved_range]
        for field in message.field:
            if any(field.number in r for r in reserved):
                continue
            wanted = RENAMED.get((name, field.name), field.name)
            assert numbers.get(field.number) == wanted, f"{name}.{field.name} = {field.number}"
            assert shape(mine[wanted]) == shape(field), f"{name}.{field.name}"
            compared += 1
    assert compared > 130


def test_reserved_numbers(ours, theirs):
    """What they keep free we do not use."""
    for name, message in theirs.messages.items():
        if name in NOT_OURS:
            continue
        used = {f.number for f in ours.messages[name].field}
        for r in message.reserved_range:
            assert not used & set(range(r.start, r.end)), name


def test_enums(ours, theirs):
    assert len(theirs.enums) >= 3
    for name, enum in theirs.enums.items():
        same = RETYPED.get("." + name, "." + name)[1:]
        mine = {v.name: v.number for v in ours.enums[same].value}
        for value in enum.value:
            assert mine[value.name] == value.number, f"{name}.{value.name}"


def test_services(ours, theirs):
    assert len(theirs.services) == 6
    for name, service in theirs.services.items():
        mine = {m.name: m for m in ours.services[name].method}
        for method in service.method:
            same = mine[method.name]
            for what in ("input_type", "output_type", "client_streaming", "server_streaming"):
                assert getattr(same, what) == getattr(method, what), f"{name}.{method.name}"


def test_well_known_types():
    """google/protobuf is ours for C only: Python brings its own, which must be the same."""
    mine = Schema(reapi_protos.ours().file)
    for module in ("any", "duration", "empty", "timestamp", "wrappers"):
        file = descriptor_pb2.FileDescriptorProto()
        imported = importlib.import_module(f"google.protobuf.{module}_pb2")
        imported.DESCRIPTOR.CopyToProto(file)
        for name, message in Schema([file]).messages.items():
            if name in mine.messages:
                wanted = {f.name: shape(f) for f in message.field}
                assert {f.name: shape(f) for f in mine.messages[name].field} == wanted
    assert mine.messages["google.protobuf.Any"]
