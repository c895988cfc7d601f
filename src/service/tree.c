/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * GetTree: a walk (walk.h), a page of it at a time.
 *
 *	on_message ─► job: a page of Directories, packed ─► sent ─┬─► (full: on_writable) ─► job …
 *	                                                           └─► over: status OK
 *
 * A page token says how many Directories of this root were passed, given or missing: a client whose
 * stream broke goes on there. Directories that are not there are left out, as the API has it; only
 * without the root there is no tree.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "reapi/message.h"
#include "service/digest.h"
#include "service/job.h"
#include "service/method.h"
#include "service/walk.h"

enum {
	PAGE_BYTES = SERVICE_CHUNK, /* after so many a page ends */
	PAGE_DIRECTORIES_MAX = 1 << 14,
	JOB_BYTES = 4 << 20,  /* read by one job, pages that are passed included */
	HOLD_BYTES = 1 << 20, /* what a walk counts for */
	TOKEN_SIZE = REAPI_HASH_HEX + 16,
};

struct tree {
	struct rpc_call *call; /* NULL: has ended */
	struct service *service;
	struct service_hold hold;
	struct service_job job;
	struct service_walk walk;
	struct cas_digest root;
	size_t page_size, skip;
	bool asked;
	/* Of the job. */
	struct buf page;
	bool root_missing;
	int outcome;
	struct reapi_violation violation;
};

static void free_if_over(struct tree *t)
{
	if (t->call || t->job.running)
		return;
	service_walk_fini(&t->walk);
	service_hold_fini(&t->hold);
	buf_fini(&t->page);
	free(t);
}

static void finish(struct tree *t, enum rpc_status status, const char *text)
{
	if (t->call)
		rpc_call_finish(t->call, status, text);
}

/* --- page tokens: HASH-NUMBER --- */

static void token_write(const struct tree *t, char ret[TOKEN_SIZE])
{
	char hex[CAS_HEX_SIZE];

	cas_hash_hex(t->root.hash, hex);
	snprintf(ret, TOKEN_SIZE, "%s-%zu", hex, t->walk.at);
}

static bool token_read(const struct tree *t, const char *token, size_t *ret)
{
	char hex[CAS_HEX_SIZE];
	uint64_t n;

	cas_hash_hex(t->root.hash, hex);
	if (!str_starts(token, hex) || token[REAPI_HASH_HEX] != '-' ||
		str_to_u64(token + REAPI_HASH_HEX + 1, SERVICE_WALK_MAX, &n) < 0)
		return false;
	*ret = (size_t)n;
	return true;
}

/* --- a page, in the pool --- */

static int pack_page(struct tree *t, re_get_tree_response *m)
{
	char token[TOKEN_SIZE];

	if (!service_walk_over(&t->walk)) {
		token_write(t, token);
		m->next_page_token = token;
	}
	return reapi_pack(&m->base, &t->page);
}

/* Nothing in t->page: all that was read was to be passed over. */
static int make_page(struct tree *t, struct reapi_arena *a)
{
	re_get_tree_response m = RE_INIT(GET_TREE_RESPONSE);
	size_t most = MIN(t->page_size, (size_t)PAGE_DIRECTORIES_MAX), bytes = 0, total = 0;

	m.directories = reapi_arena_calloc(a, most, sizeof(*m.directories));
	if (!m.directories)
		return -ENOMEM;
	while (!service_walk_over(&t->walk) && m.n_directories < most && bytes < PAGE_BYTES &&
		total < JOB_BYTES) {
		bool skipped = t->walk.at < t->skip;
		re_directory *d;
		size_t n = 0;
		int r = service_walk_next(&t->walk, t->service->cas, a, &d, &n, &t->violation);

		if (r == REAPI_MISSING && t->walk.at == 1)
			t->root_missing = true;
		if (r != 0 && (r != REAPI_MISSING || t->root_missing))
			return r;
		total += n + 1024;
		if (r == 0 && !skipped) {
			m.directories[m.n_directories++] = d;
			bytes += n;
		}
	}
	if (m.n_directories == 0 && !service_walk_over(&t->walk))
		return 0;
	return pack_page(t, &m);
}

static void page_work(struct service_job *j)
{
	struct tree *t = LIST_ENTRY(j, struct tree, job);
	struct reapi_arena a;

	reapi_arena_init(&a, SERVICE_DIRECTORY_MEMORY);
	buf_clear(&t->page);
	t->page.max = REAPI_MESSAGE_MAX;
	t->outcome = make_page(t, &a);
	reapi_arena_fini(&a);
}

static void page_done(struct service_job *j);

static void next_page(struct tree *t)
{
	int r = service_job_start(&t->job, t->service, page_work, page_done);

	if (r < 0)
		finish(t, RPC_RESOURCE_EXHAUSTED, strerror(-r));
}

static void fail(struct tree *t)
{
	enum rpc_status status = service_outcome_status(t->outcome, &t->violation);

	if (t->root_missing)
		finish(t, RPC_NOT_FOUND, "the root of the tree is not there");
	else
		finish(t, status, t->violation.text);
}

static void send_page(struct tree *t)
{
	bool is_last = service_walk_over(&t->walk);
	int r = t->page.len > 0 ? rpc_call_send_buf(t->call, &t->page) : 0;

	if (r < 0)
		finish(t, RPC_RESOURCE_EXHAUSTED, strerror(-r));
	else if (is_last)
		finish(t, RPC_OK, NULL);
	else if (r != RPC_CALL_FULL)
		next_page(t);
}

static void page_done(struct service_job *j)
{
	struct tree *t = LIST_ENTRY(j, struct tree, job);

	if (t->call && t->outcome != 0)
		fail(t);
	else if (t->call)
		send_page(t);
	free_if_over(t);
}

/* --- the call --- */

static void on_start(struct rpc_call *call, void *data)
{
	const struct service_binding *b = data;
	struct tree *t = calloc(1, sizeof(*t));

	rpc_call_set_data(call, t);
	if (!t) {
		rpc_call_finish(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	t->call = call;
	t->service = b->client->service;
	service_hold_start(&t->hold, b->client->out, call);
}

static enum rpc_status take_request(struct tree *t, const re_get_tree_request *q)
{
	struct reapi_violation *v = &t->violation;
	enum rpc_status status = service_instance_status(t->service, q->instance_name, v);
	int r;

	if (status != RPC_OK)
		return status;
	r = reapi_digest_function_check(q->digest_function, v);
	if (r == 0)
		r = service_digest_from_proto(q->root_digest, &t->root, v);
	if (r == 0 && q->page_size < 0)
		r = reapi_violate(v, REAPI_INVALID, "page_size is %d", q->page_size);
	if (r == 0 && *q->page_token && !token_read(t, q->page_token, &t->skip))
		r = reapi_violate(v, REAPI_INVALID, "the page token is not of this tree");
	if (r == 0)
		r = service_walk_init(&t->walk, &t->root);
	t->page_size = q->page_size > 0 ? (size_t)q->page_size : PAGE_DIRECTORIES_MAX;
	return r == 0 ? RPC_OK : service_outcome_status(r, v);
}

static void on_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct tree *t = data;
	re_get_tree_request *q;
	struct reapi_arena a;
	enum rpc_status status;
	int r;

	if (!t)
		return;
	if (t->asked) {
		finish(t, RPC_INVALID_ARGUMENT, "more than one request");
		return;
	}
	t->asked = true;
	service_hold_take(&t->hold, HOLD_BYTES);
	reapi_arena_init(&a, reapi_memory_for(message->len));
	r = reapi_unpack(
		&a, RE_TYPE(get_tree_request), message->data, message->len, &q, &t->violation);
	status = r == 0 ? take_request(t, q) : service_outcome_status(r, &t->violation);
	if (status == RPC_OK)
		next_page(t);
	else
		finish(t, status, t->violation.text);
	reapi_arena_fini(&a);
}

static void on_half_close(struct rpc_call *call, void *data)
{
	struct tree *t = data;

	if (t && !t->asked)
		finish(t, RPC_INVALID_ARGUMENT, "there is no message in the call");
}

static void on_writable(struct rpc_call *call, void *data)
{
	struct tree *t = data;

	if (!t->job.running)
		next_page(t);
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct tree *t = data;

	if (!t)
		return;
	t->call = NULL;
	service_hold_ended(&t->hold);
	free_if_over(t);
}

const struct rpc_handler service_tree_handler = {
	.on_start = on_start,
	.on_message = on_message,
	.on_half_close = on_half_close,
	.on_writable = on_writable,
	.on_end = on_end,
};
