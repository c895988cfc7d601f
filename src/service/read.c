/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * ByteStream.Read: a chunk at a time.
 *
 *	on_message ─► job: (open) next chunk, packed ─► sent ─┬─► (full: on_writable) ─► job …
 *	                                                       └─► over: status OK
 *
 * The descriptor stays open from first to last, so a blob that is evicted meanwhile is read to its
 * end all the same. The first chunk is a small one: a client that starts a thousand reads and reads
 * none of them leaves that much of each in the connection's queue.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cas/store.h"
#include "cas/zstream.h"
#include "reapi/message.h"
#include "service/bytestream.h"
#include "service/job.h"

enum {
	FIRST_CHUNK = 64 << 10,
	COMPRESSED_MIN = 64 << 10,  /* a message of compressed bytes has so many, or is the last */
	COMPRESSED_INPUT = 4 << 20, /* …or this went into it */
};

struct read {
	struct rpc_call *call; /* NULL: has ended */
	struct service *service;
	struct service_hold hold;
	struct service_job job;
	struct service_resource resource;
	bool asked;
	/* The job's while it runs. */
	int fd;
	uint64_t at, left; /* bytes of the blob */
	bool first, over;
	struct zstream_writer *zstd;
	struct buf message; /* a ReadResponse */
	int outcome;
	struct reapi_violation violation;
};

static void free_if_over(struct read *t)
{
	if (t->call || t->job.running)
		return;
	util_close(&t->fd);
	zstream_writer_free(t->zstd);
	service_hold_fini(&t->hold);
	buf_fini(&t->message);
	free(t);
}

static void finish(struct read *t, enum rpc_status status, const char *text)
{
	if (t->call)
		rpc_call_finish(t->call, status, text);
}

/* --- a chunk, in the pool --- */

static int open_blob(struct read *t)
{
	int r = 0;

	if (!cas_digest_is_empty(&t->resource.digest))
		r = cas_blob_open(t->service->cas, &t->resource.digest, &t->fd);
	if (r == 0 && t->resource.zstd)
		r = zstream_writer_new(ZSTREAM_LEVEL, &t->zstd);
	return r;
}

/* The next n bytes, all of them. */
static int read_bytes(struct read *t, char *out, size_t n)
{
	while (n > 0) {
		ssize_t got = pread(t->fd, out, n, (off_t)t->at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		out += got;
		n -= (size_t)got;
		t->at += (uint64_t)got;
		t->left -= (uint64_t)got;
	}
	return 0;
}

static int pack(struct read *t, void *data, size_t n)
{
	bs_read_response m = BS_INIT(READ_RESPONSE);

	m.data = (ProtobufCBinaryData){.data = data, .len = n};
	return reapi_pack(&m.base, &t->message);
}

static int plain_chunk(struct read *t, char *bytes, size_t n)
{
	int r = read_bytes(t, bytes, n);

	t->over = t->left == 0;
	return r < 0 || n == 0 ? r : pack(t, bytes, n);
}

static int compressed_chunk(struct read *t, char *bytes)
{
	AUTO(buf_fini) struct buf out = BUF_INIT_MAX(SERVICE_ANSWER_MAX);
	size_t taken = 0;
	int r = 0;

	while (r == 0 && !t->over && out.len < COMPRESSED_MIN && taken < COMPRESSED_INPUT) {
		size_t n = (size_t)MIN(t->left, (uint64_t)SERVICE_CHUNK);

		r = read_bytes(t, bytes, n);
		taken += n;
		t->over = t->left == 0;
		if (r == 0)
			r = zstream_writer_feed(t->zstd, bytes, n, t->over, &out);
	}
	return r < 0 || out.len == 0 ? r : pack(t, out.data, out.len);
}

static int next_chunk(struct read *t)
{
	size_t n = (size_t)MIN(t->left, (uint64_t)(t->first ? FIRST_CHUNK : SERVICE_CHUNK));
	AUTO(util_free) char *bytes = malloc(t->resource.zstd ? SERVICE_CHUNK : MAX(n, (size_t)1));
	int r = bytes ? 0 : -ENOMEM;

	if (r == 0 && t->first)
		r = open_blob(t);
	if (r != 0)
		return r;
	t->first = false;
	return t->zstd ? compressed_chunk(t, bytes) : plain_chunk(t, bytes, n);
}

static void chunk_work(struct service_job *j)
{
	struct read *t = LIST_ENTRY(j, struct read, job);

	buf_clear(&t->message);
	t->outcome = next_chunk(t);
}

static void chunk_done(struct service_job *j);

static void start_chunk(struct read *t)
{
	int r = service_job_start(&t->job, t->service, chunk_work, chunk_done);

	if (r < 0)
		finish(t, RPC_RESOURCE_EXHAUSTED, strerror(-r));
}

static void fail(struct read *t)
{
	char text[REAPI_VIOLATION_MAX], hex[CAS_HEX_SIZE];

	cas_hash_hex(t->resource.digest.hash, hex);
	snprintf(text, sizeof(text), "blobs/%s/%llu: %s", hex,
		(unsigned long long)t->resource.digest.size,
		t->outcome < 0 ? strerror(-t->outcome) : cas_outcome_text(t->outcome));
	finish(t, service_cas_status(t->outcome), text);
}

static void send_chunk(struct read *t)
{
	int r = t->message.len > 0 ? rpc_call_send_buf(t->call, &t->message) : 0;

	if (r < 0)
		finish(t, RPC_RESOURCE_EXHAUSTED, strerror(-r));
	else if (t->over)
		finish(t, RPC_OK, NULL);
	else if (r != RPC_CALL_FULL)
		start_chunk(t);
}

static void chunk_done(struct service_job *j)
{
	struct read *t = LIST_ENTRY(j, struct read, job);

	if (t->call && t->outcome != 0)
		fail(t);
	else if (t->call)
		send_chunk(t);
	free_if_over(t);
}

/* --- the call --- */

static void on_start(struct rpc_call *call, void *data)
{
	const struct service_binding *b = data;
	struct read *t = calloc(1, sizeof(*t));

	rpc_call_set_data(call, t);
	if (!t) {
		rpc_call_finish(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	t->call = call;
	t->service = b->client->service;
	t->fd = -1;
	t->first = true;
	service_hold_start(&t->hold, b->client->out, call);
}

/* Offsets are of the blob without compressor; a limit for compressed bytes would make no sense. */
static enum rpc_status take_request(struct read *t, const bs_read_request *q)
{
	struct reapi_violation *v = &t->violation;
	enum rpc_status status = service_resource_parse(
		t->service, q->resource_name, REAPI_RESOURCE_READ, &t->resource, v);
	uint64_t size = t->resource.digest.size;

	if (status != RPC_OK)
		return status;
	if (q->read_offset < 0 || (uint64_t)q->read_offset > size) {
		snprintf(v->text, sizeof(v->text), "offset %lld is not in the %llu bytes",
			(long long)q->read_offset, (unsigned long long)size);
		return RPC_OUT_OF_RANGE;
	}
	if (q->read_limit < 0 || (q->read_limit > 0 && t->resource.zstd)) {
		snprintf(v->text, sizeof(v->text), "read_limit is %lld%s", (long long)q->read_limit,
			t->resource.zstd ? ", and there can be none for compressed bytes" : "");
		return RPC_INVALID_ARGUMENT;
	}
	t->at = (uint64_t)q->read_offset;
	t->left = size - t->at;
	if (q->read_limit > 0)
		t->left = MIN(t->left, (uint64_t)q->read_limit);
	return RPC_OK;
}

static void on_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct read *t = data;
	struct reapi_arena a;
	enum rpc_status status;
	bs_read_request *q;
	int r;

	if (!t)
		return;
	if (t->asked) {
		finish(t, RPC_INVALID_ARGUMENT, "more than one request");
		return;
	}
	t->asked = true;
	service_hold_take(&t->hold, SERVICE_CHUNK);
	reapi_arena_init(&a, reapi_memory_for(message->len));
	r = reapi_unpack(&a, BS_TYPE(read_request), message->data, message->len, &q, &t->violation);
	status = r == 0 ? take_request(t, q) : service_outcome_status(r, &t->violation);
	if (status == RPC_OK)
		start_chunk(t);
	else
		finish(t, status, t->violation.text);
	reapi_arena_fini(&a);
}

static void on_half_close(struct rpc_call *call, void *data)
{
	struct read *t = data;

	if (t && !t->asked)
		finish(t, RPC_INVALID_ARGUMENT, "there is no message in the call");
}

static void on_writable(struct rpc_call *call, void *data)
{
	struct read *t = data;

	if (!t->job.running)
		start_chunk(t);
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct read *t = data;

	if (!t)
		return;
	t->call = NULL;
	service_hold_ended(&t->hold);
	free_if_over(t);
}

const struct rpc_handler service_read_handler = {
	.on_start = on_start,
	.on_message = on_message,
	.on_half_close = on_half_close,
	.on_writable = on_writable,
	.on_end = on_end,
};
