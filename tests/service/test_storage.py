# SPDX-License-Identifier: GPL-3.0-or-later
"""The store and the action cache by grpcio's client: each RPC, and each way it fails."""

import concurrent.futures
import os
import threading
import uuid

import grpc
import pytest

from conftest import Daemon, Server
from reapi import DEADLINE, Tree, bytestream_pb2 as bs, digest_of, key, re, status_pb2

OK, INVALID, NOT_FOUND, EXHAUSTED = 0, 3, 5, 8
PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED = 9, 10, 11, 12
MIB = 1 << 20
EMPTY = digest_of(b"")
ZSTD = "compressed-blobs/zstd"


@pytest.fixture(scope="module", params=["services", "distccd"])
def shared(request):
    """The services alone, and behind distccd's port."""
    s = Daemon() if request.param == "distccd" else Server(os.geteuid())
    yield s
    s.stop()


def fresh(size):
    """Bytes that no other test has put there."""
    return os.urandom(size)


def code(call):
    """The status of a call that fails: of a stream, or of the future of a unary one."""
    with pytest.raises(grpc.RpcError) as e:
        answer = call()
        if hasattr(answer, "result"):
            answer.result(DEADLINE)
        list(answer)
    assert e.value.details()
    return e.value.code().value[0]


def name_for(data, instance="", words="blobs", upload=True):
    parts = [instance] if instance else []
    if upload:
        parts += ["uploads", str(uuid.uuid4())]
    return "/".join([*parts, words, key(digest_of(data))])


def pieces(name, data, size=16 << 10, start=0, finish=True, first=None):
    """WriteRequests of data[start:] as Bazel makes them: the name in the first only, finish_write
    in the last. first: the offset to begin at, where it is not start."""
    at = start if first is None else first
    chunks = [data[i:i + size] for i in range(start, len(data), size)] or [b""]
    for i, chunk in enumerate(chunks):
        yield bs.WriteRequest(resource_name=name if i == 0 else "", write_offset=at, data=chunk,
                              finish_write=finish and i == len(chunks) - 1)
        at += len(chunk)


def write(client, requests):
    return client.bytestream.Write(requests, timeout=DEADLINE).committed_size


def start_write(client, requests):
    return client.bytestream.Write.future(requests, timeout=DEADLINE)


def query(client, name):
    q = bs.QueryWriteStatusRequest(resource_name=name)
    a = client.bytestream.QueryWriteStatus(q, timeout=DEADLINE)
    return a.committed_size, a.complete


def read(client, name, **fields):
    q = bs.ReadRequest(resource_name=name, **fields)
    return b"".join(r.data for r in client.bytestream.Read(q, timeout=DEADLINE))


def half_sent(client, name, data, n, start=0):
    """A Write that has sent data[start:n] and stays open: the call, when all that was taken."""
    hold = threading.Event()

    def requests():
        yield from pieces(name, data[:n], start=start, finish=False)
        hold.wait(DEADLINE)

    call = start_write(client, requests())
    while query(client, name)[0] < n:
        assert not call.done(), call
    return call, hold


def resume(client, requests):
    """As a client does whose last stream is perhaps not gone yet: that one has the upload until
    then, and the answer is ABORTED."""
    while True:
        call = start_write(client, iter(requests))
        if call.exception(DEADLINE) is None:
            return call.result().committed_size
        assert call.code().value[0] == ABORTED, call


def compress(data):
    """A zstd frame of blocks that are stored as they are: Debian's Python has no zstd."""
    frame = bytearray(b"\x28\xb5\x2f\xfd\xe0" + len(data).to_bytes(8, "little"))
    blocks = [data[i:i + (128 << 10)] for i in range(0, len(data), 128 << 10)] or [b""]
    for i, block in enumerate(blocks):
        frame += (len(block) << 3 | (i == len(blocks) - 1)).to_bytes(3, "little") + block
    return bytes(frame)


# --- FindMissingBlobs ---


def test_find_missing(client):
    there, gone = fresh(100), fresh(100)
    client.upload([there])
    longer = re.Digest(hash=digest_of(there).hash, size_bytes=101)
    asked = [digest_of(there), digest_of(gone), EMPTY, longer]
    assert client.missing(asked) == {key(digest_of(gone)), key(longer)}
    assert client.missing([]) == set()


@pytest.mark.parametrize("digest, function", [
    (re.Digest(hash="00", size_bytes=1), 0),
    (re.Digest(hash=EMPTY.hash.upper(), size_bytes=1), 0),
    (re.Digest(hash="a" * 40, size_bytes=1), 0),
    (re.Digest(hash=EMPTY.hash, size_bytes=-1), 0),
    (EMPTY, re.DigestFunction.SHA1),
    (EMPTY, re.DigestFunction.BLAKE3),
    (EMPTY, 99),
])
def test_find_refused(client, digest, function):
    q = re.FindMissingBlobsRequest(blob_digests=[digest], digest_function=function)
    assert code(lambda: client.cas.FindMissingBlobs.future(q, timeout=DEADLINE)) == INVALID


def test_ten_thousand_digests(client):
    digests = [digest_of(b"%d" % i) for i in range(10000)]
    assert len(client.missing(digests)) == 10000


# --- batches ---


def batch_update(client, *blobs):
    q = re.BatchUpdateBlobsRequest()
    for digest, data, compressor in blobs:
        q.requests.add(digest=digest, data=data, compressor=compressor)
    return client.cas.BatchUpdateBlobs(q, timeout=DEADLINE).responses


def batch_read(client, digests, compressors=()):
    q = re.BatchReadBlobsRequest(digests=digests, acceptable_compressors=compressors)
    return client.cas.BatchReadBlobs(q, timeout=DEADLINE).responses


def test_batch(client):
    plain, packed, wrong = fresh(1000), fresh(200000), fresh(10)
    answers = batch_update(
        client, (digest_of(plain), plain, 0), (digest_of(packed), compress(packed), 1),
        (digest_of(wrong), b"something else", 0), (EMPTY, b"", 0),
        (digest_of(wrong), b"not zstd", 1), (digest_of(wrong), wrong, 2),
        (re.Digest(hash="x", size_bytes=1), b"x", 0))
    assert [a.status.code for a in answers] == [OK, OK, INVALID, OK, INVALID, INVALID, INVALID]
    assert [a.digest.size_bytes for a in answers][:4] == [1000, 200000, 10, 0]
    answers = batch_read(client, [digest_of(packed), digest_of(wrong), EMPTY, digest_of(plain)])
    assert [a.status.code for a in answers] == [OK, NOT_FOUND, OK, OK]
    assert [a.data for a in answers] == [packed, b"", b"", plain]


def test_batch_read_compressed(client):
    text, random_bytes = b"text" * 10000, fresh(40000)
    client.upload([text, random_bytes])
    digests = [digest_of(text), digest_of(random_bytes)]
    a, b = batch_read(client, digests, [re.Compressor.BROTLI, re.Compressor.ZSTD])
    assert a.compressor == re.Compressor.ZSTD and len(a.data) < 1000
    assert b.compressor == re.Compressor.IDENTITY and b.data == random_bytes
    # What came is taken back as it is.
    (answer,) = batch_update(client, (digests[0], a.data, a.compressor))
    assert answer.status.code == OK
    a, b = batch_read(client, digests, [re.Compressor.DEFLATE])
    assert (a.compressor, a.data) == (re.Compressor.IDENTITY, text)


def capabilities(client):
    call = client.channel.unary_unary(
        "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities",
        request_serializer=re.GetCapabilitiesRequest.SerializeToString,
        response_deserializer=re.ServerCapabilities.FromString)
    return call(re.GetCapabilitiesRequest(), timeout=DEADLINE).cache_capabilities


def batch_max(client):
    return capabilities(client).max_batch_total_size_bytes


def test_batch_limits(client):
    most = batch_max(client)
    assert 3 * MIB < most < 4 * MIB
    data = fresh(most)
    assert batch_update(client, (digest_of(data), data, 0))[0].status.code == OK
    assert batch_read(client, [digest_of(data)])[0].data == data
    data += b"x"
    q = re.BatchUpdateBlobsRequest()
    q.requests.add(digest=digest_of(data), data=data)
    assert code(lambda: client.cas.BatchUpdateBlobs.future(q, timeout=DEADLINE)) == INVALID
    q = re.BatchReadBlobsRequest(digests=[digest_of(data)])
    assert code(lambda: client.cas.BatchReadBlobs.future(q, timeout=DEADLINE)) == INVALID
    # Past what a message may have.
    q = re.BatchUpdateBlobsRequest()
    q.requests.add(digest=digest_of(data), data=bytes(5 * MIB))
    assert code(lambda: client.cas.BatchUpdateBlobs.future(q, timeout=DEADLINE)) == EXHAUSTED


def test_not_offered(client):
    assert code(lambda: client.cas.SplitBlob.future(
        re.SplitBlobRequest(blob_digest=EMPTY), timeout=DEADLINE)) == UNIMPLEMENTED
    assert code(lambda: client.cas.SpliceBlob.future(
        re.SpliceBlobRequest(blob_digest=EMPTY), timeout=DEADLINE)) == UNIMPLEMENTED


# --- GetTree ---


def a_tree():
    tree = Tree()
    for i in range(30):
        tree.file(f"d{i:02}/sub/f", b"%d" % i)
    return tree.blobs()


def get_tree(client, root, **fields):
    q = re.GetTreeRequest(root_digest=root, **fields)
    return list(client.cas.GetTree(q, timeout=DEADLINE))


def test_get_tree(client):
    root, blobs = a_tree()
    client.upload(blobs.values())
    (page,) = get_tree(client, root)
    assert not page.next_page_token
    found = [key(digest_of(d.SerializeToString(deterministic=True))) for d in page.directories]
    assert found[0] == key(root)
    assert len(set(found)) == len(found) == 61
    assert set(found) <= set(blobs)


def test_get_tree_pages(client):
    root, blobs = a_tree()
    client.upload(blobs.values())
    pages = get_tree(client, root, page_size=7)
    assert [len(p.directories) for p in pages] == [7] * 8 + [5]
    assert not pages[-1].next_page_token and all(p.next_page_token for p in pages[:-1])
    rest = get_tree(client, root, page_size=7, page_token=pages[4].next_page_token)
    assert rest == pages[5:]
    for fields in ({"page_token": "x"}, {"page_size": -1}):
        q = re.GetTreeRequest(root_digest=root, **fields)
        assert code(lambda: client.cas.GetTree(q, timeout=DEADLINE)) == INVALID


def test_get_tree_missing(client):
    tree = Tree().file(f"a/{uuid.uuid4()}", b"").file(f"b/{uuid.uuid4()}", b"")
    root, blobs = tree.blobs()
    q = re.GetTreeRequest(root_digest=root)
    assert code(lambda: client.cas.GetTree(q, timeout=DEADLINE)) == NOT_FOUND
    client.upload([blobs[key(root)]])
    (page,) = get_tree(client, root)
    assert len(page.directories) == 1
    q = re.GetTreeRequest(root_digest=root, digest_function=re.DigestFunction.MD5)
    assert code(lambda: client.cas.GetTree(q, timeout=DEADLINE)) == INVALID
    (page,) = get_tree(client, EMPTY)
    assert list(page.directories) == [re.Directory()]


# --- ByteStream.Write ---


# No less than eight bytes: of one, another test may have had the same.
@pytest.mark.parametrize("size", [8, 16 << 10, 100000, 3 * MIB + 1])
def test_write(client, size):
    data = fresh(size)
    name = name_for(data)
    assert query(client, name) == (0, False)
    assert write(client, pieces(name, data)) == size
    assert query(client, name) == (size, True)
    assert client.missing([digest_of(data)]) == set()
    assert read(client, name_for(data, upload=False)) == data


def test_write_large_messages(client):
    data = fresh(9 * MIB)
    assert write(client, pieces(name_for(data), data, size=4 * MIB)) == len(data)
    assert read(client, name_for(data, upload=False)) == data


def test_write_present_ends_early(client):
    """The answer comes while the client still has something to send."""
    data = fresh(MIB)
    client.write(data)
    hold = threading.Event()

    def requests():
        yield from pieces(name_for(data), data[:1000], finish=False)
        hold.wait(DEADLINE)

    call = start_write(client, requests())
    assert call.result(DEADLINE).committed_size == MIB
    hold.set()
    assert write(client, pieces(name_for(data, words=ZSTD), compress(data))) == -1
    assert write(client, pieces(name_for(b""), b"")) == 0


def test_write_names(client):
    data = fresh(1000)
    good = name_for(data)
    again = list(pieces(good, data, size=100))
    for q in again:
        q.resource_name = good
    assert write(client, iter(again)) == 1000
    data = fresh(1000)
    for name in ("", "blobs/" + key(digest_of(data)), "uploads/blobs/" + key(digest_of(data)),
                 name_for(data) + "0x", name_for(data).replace("/blobs/", "/blobs/sha1/"),
                 name_for(data, words="compressed-blobs/brotli"), "uploads/u/blobs/zz/3",
                 name_for(data, instance="a//b")):
        assert code(lambda: start_write(client, pieces(name, data))) == INVALID, name
    assert write(client, pieces(name_for(data) + "/a/file/name", data)) == 1000


@pytest.mark.parametrize("i, changes, status", [
    (1, {"resource_name": "uploads/other/blobs/" + key(EMPTY)}, INVALID),
    (1, {"write_offset": 99}, INVALID),
    (1, {"write_offset": 101}, INVALID),
    (0, {"write_offset": -1}, INVALID),
    (0, {"write_offset": 5}, ABORTED),
    (3, {"finish_write": True}, INVALID),  # too few bytes
    (9, {"data": b"x" * 100}, INVALID),    # others
    (9, {"data": b"x" * 101}, INVALID),    # too many
])
def test_write_refused(client, i, changes, status):
    data = fresh(1000)
    requests = list(pieces(name_for(data), data, size=100))
    for field, value in changes.items():
        setattr(requests[i], field, value)
    if status == ABORTED:
        requests = requests[:1]
    assert code(lambda: start_write(client, iter(requests))) == status
    assert client.missing([digest_of(data)]) == {key(digest_of(data))}


def test_write_nothing(client):
    assert code(lambda: start_write(client, iter(()))) == INVALID


def test_write_half_closed(client):
    data = fresh(50000)
    name = name_for(data)
    assert write(client, pieces(name, data[:20000], finish=False)) == 20000
    assert query(client, name) == (20000, False)
    assert write(client, pieces(name, data, start=20000)) == 50000
    assert client.missing([digest_of(data)]) == set()


def test_write_resumed(server):
    """A stream that is reset, and one whose connection goes; asked for, and gone on with."""
    s = server("--owner", 7)
    data = fresh(300000)
    name = name_for(data)
    client = s.client()
    call, hold = half_sent(client, name, data, 100000)
    call.cancel()
    hold.set()
    assert query(client, name) == (100000, False)
    assert resume(client, list(pieces(name, data[:200000], start=100000, finish=False))) == 200000
    call, hold = half_sent(client, name, data, 250000, start=200000)
    client.close()
    hold.set()
    client = s.client()
    assert query(client, name) == (250000, False)
    assert code(lambda: start_write(client, pieces(name, data, start=1000))) == ABORTED
    assert resume(client, list(pieces(name, data, start=250000))) == 300000
    assert read(client, name_for(data, upload=False)) == data


def test_write_in_use(client):
    data = fresh(100000)
    name = name_for(data)
    call, hold = half_sent(client, name, data, 50000)
    assert code(lambda: start_write(client, pieces(name, data))) == ABORTED
    hold.set()
    assert call.result(DEADLINE).committed_size == 50000


def test_write_anew(client):
    data = fresh(100000)
    name = name_for(data)
    assert write(client, pieces(name, data[:50000], finish=False)) == 50000
    assert write(client, pieces(name, data)) == 100000


def test_write_compressed(client):
    data = b"text and more of it " * 50000 + fresh(100000)
    name = name_for(data, words=ZSTD)
    packed = compress(data)
    # Broken off within the frame: what came out of it counts, in bytes of the blob.
    assert write(client, pieces(name, packed[:600000], finish=False)) == 600000
    at, complete = query(client, name)
    assert 0 < at < 600000 and not complete
    rest = compress(data[at:])
    assert write(client, pieces(name, rest, first=at)) == at + len(rest)
    assert query(client, name) == (len(data), True)
    assert read(client, name_for(data, upload=False)) == data


def test_write_compressed_refused(client):
    data = fresh(10000)
    for wrong in (data, compress(data)[:-1], compress(data + b"x"), compress(data[1:]),
                  compress(fresh(10000))):
        name = name_for(data, words=ZSTD)
        assert code(lambda: start_write(client, pieces(name, wrong))) == INVALID
    assert client.missing([digest_of(data)])


def test_write_in_parallel(client):
    """Many streams at once, of the same blob and each of its own."""
    same = fresh(2 * MIB)
    blobs = [same] * 30 + [fresh(200000 + i) for i in range(30)]
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        jobs = [pool.submit(write, client, pieces(name_for(b), b)) for b in blobs]
        assert [j.result(DEADLINE) for j in jobs] == [len(b) for b in blobs]
    assert client.missing([digest_of(b) for b in blobs]) == set()
    assert read(client, name_for(same, upload=False)) == same


def test_write_too_large(server):
    client = server("--size", 4 * MIB).client()
    data = bytes(2 * MIB)
    call = start_write(client, pieces(name_for(data), data))
    assert call.code().value[0] == INVALID and "large" in call.details()
    assert batch_update(client, (digest_of(data), data, 0))[0].status.code == INVALID


def test_write_quota(server):
    """An owner's uploads under way: no more bytes together than the largest blob."""
    client = server("--size", 16 * MIB).client()
    blobs = [fresh(3 * MIB), fresh(3 * MIB)]
    call, hold = half_sent(client, name_for(blobs[0]), blobs[0], 100000)
    assert code(lambda: start_write(client, pieces(name_for(blobs[1]), blobs[1]))) == EXHAUSTED
    call.cancel()
    hold.set()


def test_write_after_a_kill(server):
    """Uploads do not outlive the process: a client that goes on is told to ask again."""
    s = server()
    data, kept = fresh(200000), fresh(3000)
    name = name_for(data)
    client = s.client()
    client.upload([kept])
    assert write(client, pieces(name, data[:100000], finish=False)) == 100000
    s.kill()
    s.start()
    client = s.client()
    assert code(lambda: start_write(client, pieces(name, data, start=100000))) == ABORTED
    assert query(client, name) == (0, False)
    assert write(client, pieces(name, data)) == len(data)
    assert client.read(digest_of(kept)) == kept


# --- ByteStream.Read ---


def test_read(client):
    data = fresh(1000000)
    client.write(data)
    name = name_for(data, upload=False)
    for at, limit in ((0, 0), (0, 1), (999999, 0), (1000000, 0), (65535, 2), (1000, 500000),
                      (0, 2000000)):
        expected = data[at:at + limit] if limit else data[at:]
        assert read(client, name, read_offset=at, read_limit=limit) == expected
    assert read(client, "blobs/" + key(EMPTY)) == b""


@pytest.mark.parametrize("fields, status", [
    ({"read_offset": 1001}, OUT_OF_RANGE), ({"read_offset": -1}, OUT_OF_RANGE),
    ({"read_limit": -1}, INVALID)])
def test_read_refused(client, fields, status):
    data = fresh(1000)
    client.upload([data])
    q = bs.ReadRequest(resource_name=name_for(data, upload=False), **fields)
    assert code(lambda: client.bytestream.Read(q, timeout=DEADLINE)) == status


def test_read_names(client):
    data = fresh(1000)
    client.upload([data])
    d = digest_of(data)
    for name, status in ((name_for(data), INVALID), ("", INVALID), ("blobs/1/1", INVALID),
                         (f"blobs/{d.hash}/999", NOT_FOUND), (f"blobs/{d.hash}/-1", INVALID),
                         (name_for(fresh(10), upload=False), NOT_FOUND),
                         (f"compressed-blobs/deflate/{key(d)}", INVALID)):
        q = bs.ReadRequest(resource_name=name)
        assert code(lambda: client.bytestream.Read(q, timeout=DEADLINE)) == status, name
    assert read(client, f"blobs/sha256/{key(d)}") == data


def test_read_compressed(client):
    """What is read compressed is taken back as an upload, from any offset of the blob."""
    data = b"0123456789abcdef" * 40000 + fresh(200000)
    client.write(data)
    name = name_for(data, words=ZSTD, upload=False)
    for at in (0, 1, 640000, len(data)):
        packed, tail = read(client, name, read_offset=at), data[at:]
        assert packed[:4] == b"\x28\xb5\x2f\xfd" and len(packed) < 300000
        (answer,) = batch_update(client, (digest_of(tail), packed, re.Compressor.ZSTD))
        assert answer.status.code == OK
        assert client.read(digest_of(tail)) == tail
    q = bs.ReadRequest(resource_name=name, read_limit=9)
    assert code(lambda: client.bytestream.Read(q, timeout=DEADLINE)) == INVALID


def test_slow_reader(server):
    """Reads that nobody takes: the server holds little of them, and serves others meanwhile."""
    s = server()
    data = fresh(48 * MIB)
    slow, other = s.client(), s.client()
    other.write(data)
    before = rss(s)
    name = name_for(data, upload=False)
    streams = [slow.bytestream.Read(bs.ReadRequest(resource_name=name), timeout=DEADLINE)
               for _ in range(20)]
    firsts = [next(stream).data for stream in streams]
    assert all(data.startswith(f) for f in firsts)
    assert other.missing([digest_of(data)]) == set()
    assert read(other, name, read_limit=MIB) == data[:MIB]
    assert rss(s) - before < 150 * MIB  # of 960 that were asked for
    for stream in streams[1:]:
        stream.cancel()
    assert firsts[0] + b"".join(r.data for r in streams[0]) == data


def rss(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) << 10 for line in f if line.startswith("VmRSS"))


def test_read_in_parallel(client):
    blobs = [fresh(300000) for _ in range(30)]
    for b in blobs:
        client.write(b)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda b: read(client, name_for(b, upload=False)), blobs)) == blobs


# --- the action cache ---


def get_result(client, action, **fields):
    q = re.GetActionResultRequest(action_digest=action, **fields)
    return client.cache.GetActionResult.future(q, timeout=DEADLINE)


def put_result(client, action, result, **fields):
    q = re.UpdateActionResultRequest(action_digest=action, action_result=result, **fields)
    return client.cache.UpdateActionResult.future(q, timeout=DEADLINE)


def test_results(client):
    action, out, text = digest_of(fresh(10)), fresh(1000), fresh(100)
    assert code(lambda: get_result(client, action)) == NOT_FOUND
    result = re.ActionResult(exit_code=1, stdout_digest=digest_of(text), stderr_digest=EMPTY)
    result.output_files.add(path="a/b.o", digest=digest_of(out), is_executable=True)
    result.output_symlinks.add(path="l", target="a/b.o")
    result.execution_metadata.worker = "w"
    assert put_result(client, action, result).result() == result
    # A result is there when all that it has is.
    assert code(lambda: get_result(client, action)) == NOT_FOUND
    client.upload([out, text])
    put_result(client, action, result).result()
    assert get_result(client, action).result() == result
    inlined = get_result(client, action, inline_stdout=True, inline_stderr=True,
                         inline_output_files=["a/b.o", "none"]).result()
    assert inlined.stdout_raw == text and inlined.output_files[0].contents == out
    assert inlined.output_files[0].digest == digest_of(out)
    # Another takes its place.
    put_result(client, action, re.ActionResult()).result()
    assert get_result(client, action).result() == re.ActionResult()


def test_results_with_trees(client):
    action, file = digest_of(fresh(10)), fresh(100)
    inner = re.Directory()
    inner.files.add(name="f", digest=digest_of(file))
    root = re.Directory()
    root.directories.add(name="d", digest=digest_of(inner.SerializeToString()))
    tree = re.Tree(root=root, children=[inner]).SerializeToString()
    result = re.ActionResult()
    result.output_directories.add(path="out", tree_digest=digest_of(tree))
    with pytest.raises(grpc.RpcError) as e:
        put_result(client, action, result).result()
    assert e.value.code().value[0] == PRECONDITION
    details = dict(e.value.trailing_metadata())["grpc-status-details-bin"]
    status, failure = status_pb2.Status.FromString(details), status_pb2.PreconditionFailure()
    assert status.code == PRECONDITION and status.details[0].Unpack(failure)
    assert [(v.type, v.subject) for v in failure.violations] == [
        ("MISSING", "blobs/" + key(digest_of(tree)))]
    client.upload([tree])
    put_result(client, action, result).result()
    assert code(lambda: get_result(client, action)) == NOT_FOUND
    client.upload([file])
    put_result(client, action, result).result()
    assert get_result(client, action).result() == result


def test_results_refused(client):
    action, garbage = digest_of(b"a"), b"\xff\xff\xff"
    client.upload([garbage])
    bad_digest, no_digest = re.ActionResult(), re.ActionResult()
    bad_digest.output_files.add(path="x", digest=re.Digest(hash="1", size_bytes=1))
    no_digest.output_files.add(path="x")
    bad_tree, bad_contents = re.ActionResult(), re.ActionResult()
    bad_tree.output_directories.add(path="x", tree_digest=digest_of(garbage))
    bad_contents.output_files.add(path="x", digest=digest_of(b"x"), contents=b"y")
    for result in (None, bad_digest, no_digest, bad_tree, bad_contents):
        assert code(lambda: put_result(client, action, result)) == INVALID, result
    large = re.ActionResult(stdout_raw=bytes(4 * MIB))
    assert code(lambda: put_result(client, action, large)) == EXHAUSTED
    assert code(lambda: put_result(
        client, action, re.ActionResult(), digest_function=re.DigestFunction.SHA512)) == INVALID
    assert code(lambda: get_result(client, re.Digest(hash="x"))) == INVALID


def test_results_after_a_kill(server):
    s = server()
    client = s.client()
    action, out = digest_of(b"action"), fresh(100000)
    client.upload([out])
    result = re.ActionResult(stdout_digest=digest_of(out))
    put_result(client, action, result).result()
    s.kill()
    s.start()
    client = s.client()
    assert get_result(client, action).result() == result
    assert client.read(digest_of(out)) == out


# --- own results ---


def test_own_results(daemon):
    """No client adds one: it is told, and may know before it tries."""
    s = daemon("--own-results")
    client, action = s.client(), digest_of(b"an action")
    with pytest.raises(grpc.RpcError) as e:
        put_result(client, action, re.ActionResult()).result()
    assert e.value.code() == grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(grpc.RpcError) as e:
        get_result(client, action).result()
    assert e.value.code() == grpc.StatusCode.NOT_FOUND
    for d, may in (s, False), (daemon(), True):
        told = capabilities(d.client())
        assert told.action_cache_update_capabilities.update_enabled is may


# --- instances ---


def test_instances(server):
    s = server("--instance", "main/x")
    right, wrong = s.client(instance="main/x"), s.client(instance="main")
    data = fresh(5000)
    right.write(data)
    assert right.missing([digest_of(data)]) == set()
    assert read(right, name_for(data, "main/x", upload=False)) == data
    assert query(right, name_for(data, "main/x")) == (5000, True)
    action, i, d = digest_of(b"action"), "main", digest_of(data)
    put_result(right, action, re.ActionResult(), instance_name="main/x").result()
    get_result(right, action, instance_name="main/x").result()
    for call in (
        lambda: wrong.cas.FindMissingBlobs.future(
            re.FindMissingBlobsRequest(instance_name=i, blob_digests=[d])),
        lambda: wrong.cas.BatchUpdateBlobs.future(re.BatchUpdateBlobsRequest(instance_name=i)),
        lambda: wrong.cas.BatchReadBlobs.future(
            re.BatchReadBlobsRequest(instance_name=i, digests=[d])),
        lambda: wrong.cas.GetTree(re.GetTreeRequest(instance_name=i, root_digest=d)),
        lambda: wrong.bytestream.Read(bs.ReadRequest(resource_name=f"main/blobs/{key(d)}")),
        lambda: wrong.bytestream.Read(bs.ReadRequest(resource_name=f"blobs/{key(d)}")),
        lambda: start_write(wrong, pieces(name_for(data, "main"), data)),
        lambda: wrong.bytestream.QueryWriteStatus.future(
            bs.QueryWriteStatusRequest(resource_name=name_for(data, "main"))),
        lambda: get_result(wrong, action, instance_name=i),
        lambda: put_result(wrong, action, re.ActionResult(), instance_name=i),
    ):
        assert code(call) == NOT_FOUND
