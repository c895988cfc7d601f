/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * That the server has all blobs of a run:
 *
 *	what is not known to be there ─► FindMissingBlobs, as many calls as it takes; a little is
 *	held to be missing
 *	what is missing ─► sorted: small ones first
 *		small ─► BatchUpdateBlobs, as many as fit at a time
 *		large ─► ByteStream.Write, in pieces
 *
 * Files are read when they are sent, and so may have changed since their digest was made: by a
 * size that differs we see it, by a content that differs the server does.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/rex_run.h"
#include "reapi/message.h"
#include "reapi/resource.h"

enum {
	ASK_MAX = 10000,  /* digests of one FindMissingBlobs */
	ASK_MEMORY = 400, /* of the arena for each of them, and more */
	BATCH_BLOBS_MAX = 4000,
	BATCH_MEMORY = 600,
	MEMORY_MIN = 64 << 10,
	UUID_TEXT = 37,
	UNASKED_MAX = 16 << 10, /* bytes that are sent without asking whether they are there */
};

void rex_upload_fini(struct rex_run *run)
{
	free(TAKE_PTR(run->needs));
	free(TAKE_PTR(run->piece));
	util_close(&run->fd);
	run->n_needs = run->at = 0;
}

static void no_memory(struct rex_run *run)
{
	rex_run_refuse(run, -ENOMEM, NULL);
}

/* It has all of them. */
static void uploaded(struct rex_run *run)
{
	if (run->p.kind == REX_STORE)
		rex_run_next(run, rex_cache_update);
	else
		rex_execute_start(run);
}

/* --- what there is to ask for --- */

static int compare(const void *a, const void *b)
{
	const struct rex_need *x = a, *y = b;

	return reapi_digest_cmp(&x->blob->digest, &y->blob->digest);
}

static bool is_large(const struct rex_need *n)
{
	return n->blob->digest.size > REX_BLOB_SMALL;
}

static int compare_by_class(const void *a, const void *b)
{
	const struct rex_need *x = a, *y = b;

	return is_large(x) != is_large(y) ? is_large(x) - is_large(y) : compare(a, b);
}

/* Among n of them from at on, which are sorted by digest. */
static struct rex_need *find(struct rex_run *run, size_t n, const re_digest *digest)
{
	struct rex_blob blob = {.data = NULL};
	const struct rex_need key = {.blob = &blob};

	if (reapi_digest_from_proto(digest, &blob.digest, NULL) != 0)
		return NULL;
	return bsearch(&key, run->needs + run->at, n, sizeof(key), compare);
}

static bool collect(struct rex_run *run)
{
	size_t n = 0;

	rex_upload_fini(run);
	run->some_known = false;
	run->needs = calloc(MAX(run->p.n_blobs, (size_t)1), sizeof(*run->needs));
	if (!run->needs)
		return false;
	for (size_t i = 0; i < run->p.n_blobs; i++) {
		const struct rex_blob *b = &run->p.blobs[i];

		/* The empty blob is everywhere. */
		if (reapi_digest_is_empty(&b->digest))
			continue;
		if (rex_known_has(&run->rex->known, &b->digest))
			run->some_known = true;
		else
			run->needs[n++].blob = b;
	}
	if (n > 0)
		qsort(run->needs, n, sizeof(*run->needs), compare);
	for (size_t i = 0; i < n; i++)
		if (run->n_needs == 0 ||
			compare(&run->needs[run->n_needs - 1], &run->needs[i]) != 0)
			run->needs[run->n_needs++] = run->needs[i];
	return true;
}

/* --- FindMissingBlobs --- */

static void upload(struct rex_run *run);
static void ask(struct rex_run *run);

static void on_missing(struct rex_run *run, struct buf *message)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	re_find_missing_blobs_response *m;
	struct reapi_violation v;
	int r;

	reapi_arena_init(&a, reapi_memory_for(message->len));
	r = reapi_unpack(
		&a, RE_TYPE(find_missing_blobs_response), buf_str(message), message->len, &m, &v);
	for (size_t i = 0; r == 0 && i < m->n_missing_blob_digests; i++) {
		struct rex_need *n = find(run, run->n_batch, m->missing_blob_digests[i]);

		if (n)
			n->missing = true;
		else
			r = reapi_violate(
				&v, REAPI_INVALID, "a blob is missing that was not asked for");
	}
	if (r != 0)
		rex_run_refuse(run, r, &v);
}

/* What is to be uploaded is known. */
static void sort_missing(struct rex_run *run)
{
	size_t n = 0;

	for (size_t i = 0; i < run->n_needs; i++) {
		if (run->needs[i].missing)
			run->needs[n++] = run->needs[i];
		else
			rex_known_add(&run->rex->known, &run->needs[i].blob->digest);
	}
	run->n_needs = n;
	run->at = 0;
	if (n > 0)
		qsort(run->needs, n, sizeof(*run->needs), compare_by_class);
	rex_run_next(run, upload);
}

static void asked(struct rex_run *run)
{
	run->at += run->n_batch;
	if (run->at < run->n_needs) {
		rex_run_next(run, ask);
		return;
	}
	sort_missing(run);
}

static const struct rex_stage asking = {
	.path = "/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs",
	.message = on_missing,
	.over = asked,
};

static void ask(struct rex_run *run)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	re_find_missing_blobs_request m = RE_INIT(FIND_MISSING_BLOBS_REQUEST);
	size_t n = MIN(run->n_needs - run->at, (size_t)ASK_MAX);

	reapi_arena_init(&a, MEMORY_MIN + n * ASK_MEMORY);
	m.instance_name = run->rex->instance;
	m.blob_digests = reapi_arena_calloc(&a, n, sizeof(*m.blob_digests));
	for (size_t i = 0; m.blob_digests && i < n; i++) {
		m.blob_digests[i] = reapi_digest_new(&a, &run->needs[run->at + i].blob->digest);
		if (!m.blob_digests[i])
			m.blob_digests = NULL;
	}
	if (!m.blob_digests) {
		no_memory(run);
		return;
	}
	m.n_blob_digests = n;
	run->n_batch = n;
	rex_run_call(run, &asking, &m.base);
}

/* An action that differs a little from one before: to ask costs more than to send it. */
static bool is_little(const struct rex_run *run)
{
	uint64_t n = 0;

	if (!run->some_known)
		return false;

	for (size_t i = 0; i < run->n_needs; i++)
		n += run->needs[i].blob->digest.size + REX_BATCH_COST;
	return n <= UNASKED_MAX;
}

static void all_missing(struct rex_run *run)
{
	for (size_t i = 0; i < run->n_needs; i++)
		run->needs[i].missing = true;
	sort_missing(run);
}

void rex_upload_start(struct rex_run *run)
{
	if (!collect(run))
		no_memory(run);
	else if (run->n_needs == 0)
		uploaded(run);
	else if (is_little(run))
		all_missing(run);
	else
		rex_run_next(run, ask);
}

/* --- files --- */

static void tell_changed(struct rex_run *run, const struct rex_blob *b)
{
	rex_run_end(run, REX_FAILED, "%s changed", b->path);
}

/* Into run->fd. False: the run has ended. */
static bool open_file(struct rex_run *run, const struct rex_blob *b)
{
	struct stat st;

	util_close(&run->fd);
	run->fd = open(b->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (run->fd < 0 || fstat(run->fd, &st) < 0) {
		rex_run_end(run, REX_FAILED, "%s: %s", b->path, strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != b->digest.size) {
		tell_changed(run, b);
		return false;
	}
	return true;
}

/* All of n bytes. False: the run has ended. */
static bool read_file(struct rex_run *run, const struct rex_blob *b, char *to, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t m = read(run->fd, to + got, n - got);

		if (m < 0 && errno == EINTR)
			continue;
		if (m < 0)
			rex_run_end(run, REX_FAILED, "%s: %s", b->path, strerror(errno));
		else if (m == 0)
			tell_changed(run, b);
		if (m <= 0)
			return false;
		got += (size_t)m;
	}
	return true;
}

/* The server's word on one blob. */
static void tell_refused(
	struct rex_run *run, const struct rex_blob *b, enum rpc_status status, const char *text)
{
	if (status == RPC_INVALID_ARGUMENT && b->path)
		tell_changed(run, b);
	else
		rex_run_fail(run, status, text);
}

/* --- BatchUpdateBlobs --- */

static void on_stored(struct rex_run *run, struct buf *message)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	re_batch_update_blobs_response *m;
	struct reapi_violation v;
	int r;

	reapi_arena_init(&a, reapi_memory_for(message->len));
	r = reapi_unpack(
		&a, RE_TYPE(batch_update_blobs_response), buf_str(message), message->len, &m, &v);
	for (size_t i = 0; r == 0 && i < m->n_responses; i++) {
		const gr_status *s = m->responses[i]->status;
		struct rex_need *n = find(run, run->n_batch, m->responses[i]->digest);

		if (!n) {
			r = reapi_violate(&v, REAPI_INVALID, "a blob was stored that was not sent");
		} else if (s && s->code != GR_ENUM(CODE__OK)) {
			tell_refused(run, n->blob, (enum rpc_status)s->code, s->message);
			return;
		} else {
			n->stored = true;
		}
	}
	if (r != 0)
		rex_run_refuse(run, r, &v);
}

static void batch_over(struct rex_run *run)
{
	for (size_t i = 0; i < run->n_batch; i++) {
		const struct rex_need *n = &run->needs[run->at + i];

		if (!n->stored) {
			rex_run_end(run, REX_GARBAGE, "no word on a blob that was sent");
			return;
		}
		rex_known_add(&run->rex->known, &n->blob->digest);
	}
	run->at += run->n_batch;
	rex_run_next(run, upload);
}

static const struct rex_stage batching = {
	.path = "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs",
	.message = on_stored,
	.over = batch_over,
};

static bool fits_batch(const struct rex_run *run, const struct rex_need *n, uint64_t room)
{
	return !is_large(n) && n->blob->digest.size + REX_BATCH_COST <= room;
}

static size_t count_batch(const struct rex_run *run, uint64_t *ret_size)
{
	uint64_t room = run->rex->batch_max;
	size_t n = 0;

	while (run->at + n < run->n_needs && n < BATCH_BLOBS_MAX &&
		fits_batch(run, &run->needs[run->at + n], room)) {
		room -= run->needs[run->at + n].blob->digest.size + REX_BATCH_COST;
		n++;
	}
	*ret_size = run->rex->batch_max - room;
	return n;
}

/* Its data, where the server takes that and it pays. */
static void compress(
	struct rex_run *run, struct reapi_arena *a, re_batch_update_blobs_request_request *m)
{
	const char *made;
	char *copy;
	size_t n;

	if (!run->rex->takes_zstd ||
		!rex_compress(&run->rex->compress, m->data.data, m->data.len, &made, &n))
		return;
	copy = reapi_arena_alloc(a, n);
	if (!copy)
		return;
	memcpy(copy, made, n);
	m->compressor = RE_ENUM(COMPRESSOR__VALUE__ZSTD);
	m->data = (ProtobufCBinaryData){.data = (uint8_t *)copy, .len = n};
}

/* NULL: the run has ended. */
static re_batch_update_blobs_request_request *load(
	struct rex_run *run, struct reapi_arena *a, const struct rex_blob *b)
{
	re_batch_update_blobs_request_request *m = reapi_arena_alloc(a, sizeof(*m));
	size_t size = (size_t)b->digest.size;
	char *data = b->path ? reapi_arena_alloc(a, size) : (char *)b->data;

	if (m)
		*m = (re_batch_update_blobs_request_request)RE_INIT(
			BATCH_UPDATE_BLOBS_REQUEST__REQUEST);
	if (!m || !data || !(m->digest = reapi_digest_new(a, &b->digest))) {
		no_memory(run);
		return NULL;
	}
	m->data = (ProtobufCBinaryData){.data = (uint8_t *)data, .len = size};
	if (b->path && (!open_file(run, b) || !read_file(run, b, data, size)))
		return NULL;
	util_close(&run->fd);
	compress(run, a, m);
	return m;
}

static void send_batch(struct rex_run *run, size_t n, uint64_t size)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	re_batch_update_blobs_request m = RE_INIT(BATCH_UPDATE_BLOBS_REQUEST);

	reapi_arena_init(&a, MEMORY_MIN + 2 * size + n * BATCH_MEMORY);
	m.instance_name = run->rex->instance;
	m.requests = reapi_arena_calloc(&a, n, sizeof(*m.requests));
	if (!m.requests) {
		no_memory(run);
		return;
	}
	for (; m.n_requests < n; m.n_requests++) {
		m.requests[m.n_requests] = load(run, &a, run->needs[run->at + m.n_requests].blob);
		if (!m.requests[m.n_requests])
			return;
	}
	run->n_batch = n;
	rex_run_call(run, &batching, &m.base);
}

/* --- ByteStream.Write --- */

static void on_committed(struct rex_run *run, struct buf *message)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	bs_write_response *m;
	struct reapi_violation v;
	int r;

	reapi_arena_init(&a, reapi_memory_for(message->len));
	r = reapi_unpack(&a, BS_TYPE(write_response), buf_str(message), message->len, &m, &v);
	if (r == 0 && (uint64_t)m->committed_size != run->needs[run->at].blob->digest.size)
		r = reapi_violate(&v, REAPI_INVALID, "a blob was not stored whole");
	if (r != 0)
		rex_run_refuse(run, r, &v);
}

static void written(struct rex_run *run)
{
	util_close(&run->fd);
	rex_known_add(&run->rex->known, &run->needs[run->at].blob->digest);
	run->at++;
	rex_run_next(run, upload);
}

static void write_failed(struct rex_run *run, const struct rpc_end *end)
{
	tell_refused(run, run->needs[run->at].blob, end->status, end->message);
}

static int resource_name(const struct rex_run *run, const struct reapi_digest *d, struct buf *ret)
{
	uint8_t b[16];
	char uuid[UUID_TEXT];
	struct reapi_resource name = {
		.kind = REAPI_RESOURCE_WRITE,
		.digest = *d,
		.instance = run->rex->instance,
		.instance_len = strlen(run->rex->instance),
		.uuid = uuid,
		.uuid_len = UUID_TEXT - 1,
	};

	if (getrandom(b, sizeof(b), 0) != sizeof(b))
		return -EIO;
	b[6] = (b[6] & 0x0f) | 0x40; /* RFC 4122, version 4 */
	b[8] = (b[8] & 0x3f) | 0x80;
	snprintf(uuid, sizeof(uuid),
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
		b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14],
		b[15]);
	return reapi_resource_write(&name, ret);
}

/* The next piece. As rpc_call_send; 0 too where the run has ended. */
static int send_piece(struct rex_run *run, const struct rex_blob *b)
{
	AUTO(buf_fini) struct buf name = BUF_INIT_MAX(REAPI_RESOURCE_MAX);
	bs_write_request m = BS_INIT(WRITE_REQUEST);
	size_t n = (size_t)MIN(b->digest.size - run->offset, (uint64_t)REX_PIECE);
	const char *data = b->path ? run->piece : (const char *)b->data + run->offset;
	int r;

	if (b->path && !read_file(run, b, run->piece, n))
		return 0;
	if (run->offset == 0) {
		r = resource_name(run, &b->digest, &name);
		if (r < 0)
			return r;
		m.resource_name = name.data;
	}
	m.write_offset = (int64_t)run->offset;
	m.data = (ProtobufCBinaryData){.data = (uint8_t *)data, .len = n};
	run->offset += n;
	m.finish_write = run->offset == b->digest.size;
	return rex_run_send(run, &m.base);
}

static void send_pieces(struct rex_run *run)
{
	const struct rex_blob *b = run->needs[run->at].blob;
	int r = 0;

	while (r == 0 && run->call && run->offset < b->digest.size)
		r = send_piece(run, b);
	/* -EPIPE: the server has answered before it had all. */
	if (r < 0 && r != -EPIPE)
		rex_run_end(run, REX_FAILED, "%s", strerror(-r));
	else if (run->call && run->offset == b->digest.size)
		rpc_call_half_close(run->call);
}

static const struct rex_stage writing = {
	.path = "/google.bytestream.ByteStream/Write",
	.message = on_committed,
	.writable = send_pieces,
	.over = written,
	.failed = write_failed,
};

static void start_write(struct rex_run *run)
{
	const struct rex_blob *b = run->needs[run->at].blob;

	if (b->path && !run->piece && !(run->piece = malloc(REX_PIECE))) {
		no_memory(run);
		return;
	}
	if (b->path && !open_file(run, b))
		return;
	run->offset = 0;
	if (rex_run_open(run, &writing))
		send_pieces(run);
}

static void upload(struct rex_run *run)
{
	uint64_t size;
	size_t n = count_batch(run, &size);

	if (run->at == run->n_needs) {
		rex_upload_fini(run);
		uploaded(run);
	} else if (n > 0) {
		send_batch(run, n, size);
	} else {
		start_write(run);
	}
}
