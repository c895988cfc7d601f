/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * ContentAddressableStorage, but for GetTree (tree.c): what is missing, and blobs in batches. All
 * of it runs in the pool, since a blob from before a crash is hashed when it is first asked for.
 *
 * A batch fails as a whole only where the request makes no sense; else each blob has its status.
 * Its limit counts bytes of blobs as they are without compressor.
 */

#include <errno.h>
#include <string.h>

#include "cas/store.h"
#include "cas/zstream.h"
#include "reapi/resource.h"
#include "reapi/status.h"
#include "service/digest.h"
#include "service/method.h"

enum {
	COMPRESS_MIN = 1 << 10, /* bytes; less is not worth a frame */
	/* What a blob's entry in an answer takes beside its data: digest, status, what wraps them. */
	ENTRY_OVERHEAD = 96,
};

static bool function_ok(struct service_request *r, int function)
{
	int e = reapi_digest_function_check(function, &r->violation);

	if (e != 0)
		service_fail_outcome(r, e);
	return e == 0;
}

static void *state_new(struct service_request *r, size_t size)
{
	r->state = reapi_arena_calloc(&r->arena, 1, size);
	if (!r->state)
		service_fail(r, RPC_RESOURCE_EXHAUSTED, "out of memory");
	return r->state;
}

/* --- FindMissingBlobs --- */

struct find {
	const re_find_missing_blobs_request *q;
	re_find_missing_blobs_response answer;
	int outcome;
};

static int find_missing(struct service_request *r, struct find *f)
{
	f->answer.missing_blob_digests =
		reapi_arena_calloc(&r->arena, f->q->n_blob_digests, sizeof(re_digest *));
	if (!f->answer.missing_blob_digests)
		return -ENOMEM;
	for (size_t i = 0; i < f->q->n_blob_digests; i++) {
		struct cas_digest d;
		int e = service_digest_from_proto(f->q->blob_digests[i], &d, &r->violation);

		if (e != 0)
			return e;
		e = cas_has(r->service->cas, &d);
		if (e < 0)
			return e;
		if (e == CAS_MISSING)
			f->answer.missing_blob_digests[f->answer.n_missing_blob_digests++] =
				f->q->blob_digests[i];
	}
	return 0;
}

static void find_work(struct service_request *r)
{
	struct find *f = r->state;

	f->outcome = find_missing(r, f);
}

static void find_done(struct service_request *r)
{
	struct find *f = r->state;

	if (f->outcome != 0)
		service_fail_outcome(r, f->outcome);
	else
		service_reply(r, &f->answer.base);
}

static void find_run(struct service_request *r, const void *message)
{
	const re_find_missing_blobs_request *q = message;
	struct find *f;

	if (!service_instance_ok(r, q->instance_name) || !function_ok(r, q->digest_function))
		return;
	f = state_new(r, sizeof(*f));
	if (!f)
		return;
	f->q = q;
	f->answer = (re_find_missing_blobs_response)RE_INIT(FIND_MISSING_BLOBS_RESPONSE);
	service_offload(r, find_work, find_done);
}

/* --- batches --- */

/* total: sum of sizes as far as the digests are any. False: the request has failed. */
static bool batch_fits(struct service_request *r, size_t n, uint64_t total)
{
	if (total <= SERVICE_BATCH_MAX && n <= SERVICE_BATCH_BLOBS_MAX)
		return true;
	snprintf(r->violation.text, sizeof(r->violation.text),
		"a batch may have %d blobs of %d bytes in all, not %zu of %llu",
		SERVICE_BATCH_BLOBS_MAX, SERVICE_BATCH_MAX, n, (unsigned long long)total);
	service_fail(r, RPC_INVALID_ARGUMENT, r->violation.text);
	return false;
}

static uint64_t size_of(const re_digest *d)
{
	return d && d->size_bytes > 0 ? (uint64_t)d->size_bytes : 0;
}

static gr_status *status_of_cas(struct reapi_arena *a, int outcome)
{
	return reapi_status_new(a, (int)service_cas_status(outcome),
		outcome == 0  ? ""
		: outcome < 0 ? strerror(-outcome)
			      : cas_outcome_text(outcome));
}

static gr_status *status_of_outcome(struct reapi_arena *a, int outcome, struct reapi_violation *v)
{
	int code = (int)service_outcome_status(outcome, v);

	return reapi_status_new(a, code, v->text);
}

/* --- BatchUpdateBlobs --- */

struct update {
	const re_batch_update_blobs_request *q;
	re_batch_update_blobs_response answer;
	bool no_memory;
};

static int put_plain(struct cas *c, const struct cas_digest *d, const ProtobufCBinaryData *data)
{
	if (data->len != d->size)
		return CAS_BAD_DIGEST;
	return cas_digest_is_empty(d) ? 0 : cas_put(c, d, data->data);
}

static int put_zstd(struct cas *c, const struct cas_digest *d, const ProtobufCBinaryData *data)
{
	AUTO(buf_fini) struct buf plain = BUF_INIT_MAX(SERVICE_BATCH_MAX + 1);
	int e = zstream_decompress(data->data, data->len, d->size, &plain);

	if (e == -EBADMSG)
		return CAS_BAD_STREAM;
	return e < 0 || cas_digest_is_empty(d) ? e : cas_put(c, d, plain.data);
}

static gr_status *put_one(struct service_request *r, const re_batch_update_blobs_request_request *q)
{
	struct cas *c = r->service->cas;
	struct reapi_violation v;
	struct cas_digest d;
	int e = service_digest_from_proto(q->digest, &d, &v);

	if (e != 0)
		return status_of_outcome(&r->arena, e, &v);
	switch ((int)q->compressor) {
	case REAPI_IDENTITY:
		return status_of_cas(&r->arena, put_plain(c, &d, &q->data));
	case REAPI_ZSTD:
		return status_of_cas(&r->arena, put_zstd(c, &d, &q->data));
	default:
		return reapi_status_new(
			&r->arena, RPC_INVALID_ARGUMENT, "blobs are taken as they are, or as zstd");
	}
}

static void update_work(struct service_request *r)
{
	struct update *u = r->state;

	for (size_t i = 0; i < u->q->n_requests; i++) {
		re_batch_update_blobs_response_response *a =
			reapi_arena_alloc(&r->arena, sizeof(*a));

		u->no_memory = !a;
		if (!a)
			return;
		*a = (re_batch_update_blobs_response_response)RE_INIT(
			BATCH_UPDATE_BLOBS_RESPONSE__RESPONSE);
		a->digest = u->q->requests[i]->digest;
		a->status = put_one(r, u->q->requests[i]);
		u->no_memory = !a->status;
		if (!a->status)
			return;
		u->answer.responses[u->answer.n_responses++] = a;
	}
}

static void update_done(struct service_request *r)
{
	struct update *u = r->state;

	if (u->no_memory)
		service_fail(r, RPC_RESOURCE_EXHAUSTED, "out of memory");
	else
		service_reply(r, &u->answer.base);
}

static void update_run(struct service_request *r, const void *message)
{
	const re_batch_update_blobs_request *q = message;
	uint64_t total = 0;
	struct update *u;

	if (!service_instance_ok(r, q->instance_name) || !function_ok(r, q->digest_function))
		return;
	for (size_t i = 0; i < q->n_requests && total <= SERVICE_BATCH_MAX; i++)
		total += size_of(q->requests[i]->digest);
	if (!batch_fits(r, q->n_requests, total))
		return;
	u = state_new(r, sizeof(*u));
	if (!u)
		return;
	u->q = q;
	u->answer = (re_batch_update_blobs_response)RE_INIT(BATCH_UPDATE_BLOBS_RESPONSE);
	u->answer.responses = reapi_arena_calloc(&r->arena, q->n_requests, sizeof(void *));
	if (!u->answer.responses)
		service_fail(r, RPC_RESOURCE_EXHAUSTED, "out of memory");
	else
		service_offload(r, update_work, update_done);
}

/* --- BatchReadBlobs --- */

struct read_batch {
	const re_batch_read_blobs_request *q;
	re_batch_read_blobs_response answer;
	size_t left; /* bytes of data that the answer still has room for */
	bool zstd;   /* is welcome */
	bool no_memory;
};

/* Into a's memory at once. -ENOMEM; as cas_blob_read. */
static int read_blob(
	struct cas *c, const struct cas_digest *d, struct reapi_arena *a, ProtobufCBinaryData *ret)
{
	struct buf b = {.max = (size_t)d->size, .cap = (size_t)d->size + 1};
	int e;

	b.data = reapi_arena_alloc(a, b.cap);
	if (!b.data)
		return -ENOMEM;
	e = cas_blob_read(c, d, 0, d->size, &b);
	if (e == 0)
		*ret = (ProtobufCBinaryData){.data = (uint8_t *)b.data, .len = b.len};
	return e;
}

/* Where it comes out smaller; else, and where memory is short, data stay as they are. */
static void try_compress(struct reapi_arena *a, re_batch_read_blobs_response_response *entry)
{
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(2 * entry->data.len + ZSTREAM_SLACK);
	void *copy;

	if (zstream_compress(entry->data.data, entry->data.len, &b) < 0 || b.len >= entry->data.len)
		return;
	copy = reapi_arena_alloc(a, b.len);
	if (!copy)
		return;
	memcpy(copy, b.data, b.len);
	entry->data = (ProtobufCBinaryData){.data = copy, .len = b.len};
	entry->compressor = RE_ENUM(COMPRESSOR__VALUE__ZSTD);
}

static void read_one(struct service_request *r, struct read_batch *b,
	re_batch_read_blobs_response_response *entry)
{
	struct reapi_violation v;
	struct cas_digest d;
	int e = service_digest_from_proto(entry->digest, &d, &v);

	if (e != 0) {
		entry->status = status_of_outcome(&r->arena, e, &v);
		return;
	}
	e = read_blob(r->service->cas, &d, &r->arena, &entry->data);
	if (e == 0 && b->zstd && d.size >= COMPRESS_MIN)
		try_compress(&r->arena, entry);
	if (entry->data.len > b->left) {
		entry->data.len = 0;
		entry->compressor = RE_ENUM(COMPRESSOR__VALUE__IDENTITY);
		/* No text: there may be thousands. What it means is: ask for less at once. */
		entry->status = reapi_status_new(&r->arena, RPC_RESOURCE_EXHAUSTED, "");
		return;
	}
	b->left -= entry->data.len;
	entry->status = status_of_cas(&r->arena, e);
}

static void read_work(struct service_request *r)
{
	struct read_batch *b = r->state;

	for (size_t i = 0; i < b->q->n_digests; i++) {
		re_batch_read_blobs_response_response *entry =
			reapi_arena_alloc(&r->arena, sizeof(*entry));

		if (entry) {
			*entry = (re_batch_read_blobs_response_response)RE_INIT(
				BATCH_READ_BLOBS_RESPONSE__RESPONSE);
			entry->digest = b->q->digests[i];
			read_one(r, b, entry);
		}
		b->no_memory = !entry || !entry->status;
		if (b->no_memory)
			return;
		b->answer.responses[b->answer.n_responses++] = entry;
	}
}

static void read_done(struct service_request *r)
{
	struct read_batch *b = r->state;

	if (b->no_memory)
		service_fail(r, RPC_RESOURCE_EXHAUSTED, "out of memory");
	else
		service_reply(r, &b->answer.base);
}

static void read_run(struct service_request *r, const void *message)
{
	const re_batch_read_blobs_request *q = message;
	uint64_t total = 0;
	struct read_batch *b;

	if (!service_instance_ok(r, q->instance_name) || !function_ok(r, q->digest_function))
		return;
	for (size_t i = 0; i < q->n_digests && total <= SERVICE_BATCH_MAX; i++)
		total += size_of(q->digests[i]);
	if (!batch_fits(r, q->n_digests, total))
		return;
	/* Until the call has ended: the answer waits for a client that may read slowly. */
	service_hold_take(&r->hold, (size_t)total);
	b = state_new(r, sizeof(*b));
	if (!b)
		return;
	b->q = q;
	b->left = SERVICE_ANSWER_MAX - q->n_digests * ENTRY_OVERHEAD;
	b->answer = (re_batch_read_blobs_response)RE_INIT(BATCH_READ_BLOBS_RESPONSE);
	for (size_t i = 0; i < q->n_acceptable_compressors; i++)
		b->zstd |= (int)q->acceptable_compressors[i] == REAPI_ZSTD;
	b->answer.responses = reapi_arena_calloc(&r->arena, q->n_digests, sizeof(void *));
	if (!b->answer.responses)
		service_fail(r, RPC_RESOURCE_EXHAUSTED, "out of memory");
	else
		service_offload(r, read_work, read_done);
}

#define CAS_SERVICE "/build.bazel.remote.execution.v2.ContentAddressableStorage/"

const struct service_method service_storage_methods[] = {
	{CAS_SERVICE "FindMissingBlobs", &service_unary, RE_TYPE(find_missing_blobs_request),
		find_run},
	{CAS_SERVICE "BatchUpdateBlobs", &service_unary, RE_TYPE(batch_update_blobs_request),
		update_run},
	{CAS_SERVICE "BatchReadBlobs", &service_unary, RE_TYPE(batch_read_blobs_request), read_run},
	{CAS_SERVICE "GetTree", &service_tree_handler, NULL, NULL},
	{0},
};
