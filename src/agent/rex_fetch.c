/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * From an ActionResult to a rex_result: what came inline is taken, the rest is fetched, small blobs
 * together by BatchReadBlobs and each large one by ByteStream.Read. All of it is checked against its
 * digest, and the result against what was asked for, before any of it is believed.
 *
 * A cached result may outlive its blobs: then it is none. What is only looked up is missing, and what
 * is to be executed is executed, once, without the cache.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rex_run.h"
#include "reapi/message.h"
#include "reapi/resource.h"

enum {
	MEMORY = 64 << 10,   /* of a BatchReadBlobs for all outputs */
	RESERVED = 16 << 20, /* bytes of an output before any of it is here */
};

void rex_fetch_fini(struct rex_run *run)
{
	reapi_hasher_fini(&run->hasher);
}

static int mismatch(struct reapi_violation *v, const char *what)
{
	return reapi_violate(v, REAPI_INVALID, "the bytes of %s are not those of its digest", what);
}

/* Bytes in one piece for an item. 0, REAPI_INVALID, -errno. */
static int take_bytes(
	struct rex_item *item, const ProtobufCBinaryData *bytes, struct reapi_violation *v)
{
	struct reapi_digest found;
	int r;

	if (bytes->len != item->digest.size)
		return mismatch(v, item->what);
	r = reapi_digest_of(bytes->data, bytes->len, &found);
	if (r < 0)
		return r;
	if (!reapi_digest_eq(&found, &item->digest))
		return mismatch(v, item->what);
	buf_clear(item->to);
	r = buf_append(item->to, bytes->data, bytes->len);
	item->here = r == 0;
	return r;
}

/* A blob of the result is not there. */
static void tell_gone(struct rex_run *run, const char *text)
{
	bool cached = run->result.cached;

	if (run->p.kind == REX_LOOKUP) {
		rex_run_end(run, REX_MISSING, "a blob of its result is gone");
	} else if (cached && !run->p.skip_cache) {
		run->p.skip_cache = true;
		rex_result_fini(&run->result);
		run->n_items = 0;
		rex_execute_start(run);
	} else {
		rex_run_fail(run, RPC_NOT_FOUND, text);
	}
}

/* --- BatchReadBlobs --- */

static void fetch(struct rex_run *run);
static void go_on(struct rex_run *run);

static int take_answer(struct rex_run *run, const re_batch_read_blobs_response_response *m,
	struct reapi_violation *v)
{
	struct reapi_digest digest;
	int r = reapi_digest_from_proto(m->digest, &digest, v);

	if (r == 0 && m->compressor != RE_ENUM(COMPRESSOR__VALUE__IDENTITY))
		r = reapi_violate(v, REAPI_INVALID, "a blob is compressed, unasked for");
	for (size_t i = 0; r == 0 && i < run->n_items; i++)
		if (!run->items[i].here && reapi_digest_eq(&run->items[i].digest, &digest))
			r = take_bytes(&run->items[i], &m->data, v);
	return r;
}

static void on_batch(struct rex_run *run, struct buf *message)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	re_batch_read_blobs_response *m;
	struct reapi_violation v;
	int r;

	reapi_arena_init(&a, reapi_memory_for(message->len));
	r = reapi_unpack(
		&a, RE_TYPE(batch_read_blobs_response), buf_str(message), message->len, &m, &v);
	for (size_t i = 0; r == 0 && i < m->n_responses; i++) {
		const gr_status *s = m->responses[i]->status;

		if (s && s->code == GR_ENUM(CODE__NOT_FOUND)) {
			run->gone = true;
			continue;
		}
		if (s && s->code != GR_ENUM(CODE__OK)) {
			rex_run_fail(run, (enum rpc_status)s->code, s->message);
			return;
		}
		r = take_answer(run, m->responses[i], &v);
	}
	if (r != 0)
		rex_run_refuse(run, r, &v);
}

static bool is_asked(const struct rex_run *run, const re_digest *const *digests, size_t n,
	const struct reapi_digest *d)
{
	struct reapi_digest_message m;

	reapi_digest_to_proto(d, &m);
	for (size_t i = 0; i < n; i++)
		if (str_eq(digests[i]->hash, m.hex))
			return true;
	return false;
}

/* Those that are not here and fit into a batch, each digest once. -ENOMEM. */
static int choose(struct rex_run *run, struct reapi_arena *a, re_batch_read_blobs_request *m)
{
	uint64_t room = run->rex->batch_max;

	m->digests = reapi_arena_calloc(a, ARRAY_SIZE(run->items), sizeof(*m->digests));
	if (!m->digests)
		return -ENOMEM;
	for (size_t i = 0; i < run->n_items; i++) {
		const struct rex_item *item = &run->items[i];

		if (item->here || item->digest.size > REX_BLOB_SMALL ||
			item->digest.size + REX_BATCH_COST > room ||
			is_asked(run, (const re_digest *const *)m->digests, m->n_digests,
				&item->digest))
			continue;
		room -= item->digest.size + REX_BATCH_COST;
		m->digests[m->n_digests] = reapi_digest_new(a, &item->digest);
		if (!m->digests[m->n_digests++])
			return -ENOMEM;
	}
	return 0;
}

static size_t count_missing(const struct rex_run *run)
{
	size_t n = 0;

	for (size_t i = 0; i < run->n_items; i++)
		n += !run->items[i].here;
	return n;
}

static void batch_over(struct rex_run *run)
{
	if (run->gone) {
		tell_gone(run, "a blob of the result");
		return;
	}
	/* So that a server that answers and gives nothing is not asked for ever. */
	if (count_missing(run) >= run->at)
		rex_run_end(run, REX_GARBAGE, "no word on a blob that was asked for");
	else
		go_on(run);
}

static const struct rex_stage batching = {
	.path = "/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchReadBlobs",
	.message = on_batch,
	.over = batch_over,
};

/* --- ByteStream.Read --- */

static void on_piece(struct rex_run *run, struct buf *message)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	struct rex_item *item = run->item;
	bs_read_response *m;
	struct reapi_violation v;
	int r;

	reapi_arena_init(&a, reapi_memory_for(message->len));
	r = reapi_unpack(&a, BS_TYPE(read_response), buf_str(message), message->len, &m, &v);
	if (r == 0 && m->data.len > item->digest.size - item->to->len)
		r = mismatch(&v, item->what);
	if (r == 0 && m->data.len > 0)
		r = reapi_hasher_update(&run->hasher, m->data.data, m->data.len);
	if (r == 0 && m->data.len > 0)
		r = buf_append(item->to, m->data.data, m->data.len);
	if (r != 0)
		rex_run_refuse(run, r, &v);
}

static void read_over(struct rex_run *run)
{
	struct reapi_digest found;
	struct reapi_violation v;
	int r = reapi_hasher_finish(&run->hasher, &found);

	if (r == 0 && !reapi_digest_eq(&found, &run->item->digest))
		r = mismatch(&v, run->item->what);
	if (r != 0) {
		rex_run_refuse(run, r, &v);
		return;
	}
	run->item->here = true;
	go_on(run);
}

static void read_failed(struct rex_run *run, const struct rpc_end *end)
{
	if (end->status == RPC_NOT_FOUND)
		tell_gone(run, end->message);
	else if (end->status == RPC_OK)
		rex_run_end(run, REX_GARBAGE, "no answer in an answer");
	else
		rex_run_fail(run, end->status, end->message);
}

static const struct rex_stage reading = {
	.path = "/google.bytestream.ByteStream/Read",
	.stream = true,
	.message = on_piece,
	.over = read_over,
	.failed = read_failed,
};

static void read_item(struct rex_run *run, struct rex_item *item)
{
	AUTO(buf_fini) struct buf name = BUF_INIT_MAX(REAPI_RESOURCE_MAX);
	const struct reapi_resource resource = {
		.kind = REAPI_RESOURCE_READ,
		.digest = item->digest,
		.instance = run->rex->instance,
		.instance_len = strlen(run->rex->instance),
	};
	bs_read_request m = BS_INIT(READ_REQUEST);
	int r = reapi_resource_write(&resource, &name);

	reapi_hasher_fini(&run->hasher);
	if (r == 0)
		r = reapi_hasher_init(&run->hasher);
	if (r < 0) {
		rex_run_refuse(run, r, NULL);
		return;
	}
	buf_clear(item->to);
	/* In one piece, and not by doubling. Of what is larger it is seen first whether it comes. */
	if (buf_reserve(item->to, MIN((size_t)item->digest.size, (size_t)RESERVED)) < 0) {
		rex_run_refuse(run, -ENOMEM, NULL);
		return;
	}
	run->item = item;
	m.resource_name = name.data;
	rex_run_call(run, &reading, &m.base);
}

/* --- what there is to fetch --- */

/* Who keeps an output need not hash it once more. */
static void tell_digests(struct rex_run *run)
{
	for (size_t i = 0; i < run->n_items; i++) {
		const struct rex_item *item = &run->items[i];

		for (size_t k = 0; k < run->result.n_outputs; k++) {
			struct rex_output *o = &run->result.outputs[k];

			if (item->to != &o->data)
				continue;
			o->digest = item->digest;
			o->has_digest = true;
		}
	}
}

/* A run that has all needs no connection any more. */
static void go_on(struct rex_run *run)
{
	if (count_missing(run) > 0) {
		rex_run_next(run, fetch);
		return;
	}
	tell_digests(run);
	rex_run_end(run, REX_DONE, "%s", "");
}

static void fetch(struct rex_run *run)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	re_batch_read_blobs_request m = RE_INIT(BATCH_READ_BLOBS_REQUEST);

	reapi_arena_init(&a, MEMORY);
	run->at = count_missing(run);
	m.instance_name = run->rex->instance;
	if (choose(run, &a, &m) < 0) {
		rex_run_refuse(run, -ENOMEM, NULL);
	} else if (m.n_digests > 0) {
		rex_run_call(run, &batching, &m.base);
	} else {
		struct rex_item *item = run->items;

		while (item->here)
			item++;
		read_item(run, item);
	}
}

/* --- the result --- */

/*
 * One file, or stdout or stderr: inline, by digest, or both. 0; REAPI_INVALID, REAPI_TOO_BIG;
 * -errno.
 */
static int add_item(struct rex_run *run, const char *what, const re_digest *digest,
	const ProtobufCBinaryData *inlined, struct buf *to, struct reapi_violation *v)
{
	struct rex_item *item = &run->items[run->n_items];
	uint64_t total;
	int r;

	*item = (struct rex_item){.what = what, .to = to};
	r = digest ? reapi_digest_from_proto(digest, &item->digest, v)
		   : reapi_digest_of(inlined->data, inlined->len, &item->digest);
	if (r != 0)
		return r;
	total = item->digest.size;
	for (size_t i = 0; i < run->n_items; i++)
		total += run->items[i].digest.size; /* each is below the limit */
	if (total > REX_OUTPUT_BYTES_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "the outputs are too large");
	to->max = MAX((size_t)item->digest.size, (size_t)1);
	run->n_items++;
	/* No bytes inline are either none, or not inline. */
	return inlined->len > 0 || item->digest.size == 0 ? take_bytes(item, inlined, v) : 0;
}

static bool is_output(const struct rex_run *run, const char *path)
{
	bool named = false;

	for (size_t i = 0; i < run->p.n_outputs; i++)
		named |= str_eq(run->p.outputs[i], path);
	for (size_t i = 0; i < run->result.n_outputs; i++)
		if (str_eq(run->result.outputs[i].path, path))
			return false;
	return named;
}

static int add_output(struct rex_run *run, const re_output_file *f, struct reapi_violation *v)
{
	struct rex_output *o = &run->result.outputs[run->result.n_outputs];

	if (!is_output(run, f->path))
		return reapi_violate(v, REAPI_INVALID, "there is an output that was not asked for");
	if (!f->digest)
		return reapi_violate(v, REAPI_INVALID, "there is an output without a digest");
	o->path = strdup(f->path);
	if (!o->path)
		return -ENOMEM;
	o->executable = f->is_executable;
	run->result.n_outputs++;
	return add_item(run, o->path, f->digest, &f->contents, &o->data, v);
}

/* What a compiler makes. */
static int check_kinds(const re_action_result *m, struct reapi_violation *v)
{
	if (m->n_output_directories > 0 || m->n_output_symlinks > 0 ||
		m->n_output_file_symlinks > 0 || m->n_output_directory_symlinks > 0)
		return reapi_violate(v, REAPI_INVALID, "outputs that are not files");
	if (m->n_output_files > REX_OUTPUTS_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "too many outputs");
	return 0;
}

static int add_items(struct rex_run *run, const re_action_result *m, struct reapi_violation *v)
{
	struct rex_result *res = &run->result;
	int r = check_kinds(m, v);

	if (r != 0)
		return r;
	res->outputs = calloc(MAX(m->n_output_files, (size_t)1), sizeof(*res->outputs));
	if (!res->outputs)
		return -ENOMEM;
	r = add_item(run, "stdout", m->stdout_digest, &m->stdout_raw, &res->out, v);
	if (r == 0)
		r = add_item(run, "stderr", m->stderr_digest, &m->stderr_raw, &res->err, v);
	for (size_t i = 0; r == 0 && i < m->n_output_files; i++)
		r = add_output(run, m->output_files[i], v);
	return r;
}

/* In ms; 0 where it is not told, or not sensible. */
static uint64_t between(const pb_timestamp *from, const pb_timestamp *to)
{
	__int128 ns;

	if (!from || !to)
		return 0;
	ns = ((__int128)to->seconds - from->seconds) * 1000000000 + to->nanos - from->nanos;
	return ns > 0 && ns / 1000000 <= INT64_MAX ? (uint64_t)(ns / 1000000) : 0;
}

/* What cannot be read is not told. */
static void take_lookups(struct rex_run *run, const re_executed_action_metadata *m)
{
	if (run->p.lookups)
		run->result.looked = reapi_lookups_find(&run->arena, m, &run->result.lookups);
}

static void take_times(struct rex_run *run, const re_executed_action_metadata *m)
{
	if (!m)
		return;
	run->result.queued_ms = between(m->queued_timestamp, m->worker_start_timestamp);
	run->result.run_ms =
		between(m->execution_start_timestamp, m->execution_completed_timestamp);
}

void rex_fetch_start(struct rex_run *run, const re_action_result *m)
{
	struct reapi_violation v;
	int r;

	if (!m) {
		rex_run_end(run, REX_GARBAGE, "there is no result, and no error");
		return;
	}
	run->fetching = true;
	run->gone = false;
	run->result.exit_code = m->exit_code;
	take_times(run, m->execution_metadata);
	take_lookups(run, m->execution_metadata);
	r = add_items(run, m, &v);
	/* All that is wanted of the message has been copied. */
	rex_execute_fini(run);
	if (r != 0)
		rex_run_refuse(run, r, &v);
	else
		go_on(run);
}
