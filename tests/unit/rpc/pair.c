/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen served;

/* Bytes of a message that only a test with little memory may lose. */
static void keep(struct buf *to, const void *data, size_t n)
{
	buf_clear(to);
	if (buf_append(to, data, n) < 0)
		buf_clear(to);
}

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

/* --- the client's side --- */

static void client_headers(struct rpc_call *call, const struct rpc_metadata *m, void *data)
{
	struct seen *seen = data;

	seen->heads++;
	copy_text(seen->initial, sizeof(seen->initial), rpc_metadata_get(m, "x-initial"));
}

static void note_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct seen *seen = data;

	seen->messages++;
	seen->bytes += message->len;
	keep(&seen->last, message->data, message->len);
	if (seen->pause_after > 0 && seen->messages >= seen->pause_after)
		rpc_call_pause(call);
}

static void note_writable(struct rpc_call *call, void *data)
{
	struct seen *seen = data;

	seen->writables++;
}

static void note_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct seen *seen = data;

	seen->ends++;
	seen->call = NULL;
	seen->status = end->status;
	seen->complete = end->complete;
	seen->unprocessed = end->unprocessed;
	copy_text(seen->message, sizeof(seen->message), end->message);
	keep(&seen->details, end->details, end->details_len);
	copy_text(
		seen->trailer, sizeof(seen->trailer), rpc_metadata_get(end->trailers, "x-trailer"));
}

const struct rpc_handler seen_handler = {
	.on_headers = client_headers,
	.on_message = note_message,
	.on_writable = note_writable,
	.on_end = note_end,
};

/* --- the service --- */

static void serve_start(struct rpc_call *call, void *data)
{
	struct seen *seen = data;

	seen->call = call;
	seen->heads++;
}

static void note_half_close(struct rpc_call *call, void *data)
{
	struct seen *seen = data;

	seen->half_closes++;
}

static void echo_start(struct rpc_call *call, void *data)
{
	const char *value = rpc_metadata_get(rpc_call_metadata(call), "x-echo");

	serve_start(call, data);
	if (value && (rpc_metadata_add(rpc_call_initial(call), "x-initial", value) < 0 ||
			     rpc_metadata_add(rpc_call_trailing(call), "x-trailer", value) < 0))
		rpc_call_finish(call, RPC_INTERNAL, "no memory");
}

static void echo_message(struct rpc_call *call, struct buf *message, void *data)
{
	note_message(call, message, data);
	if (rpc_call_send_buf(call, message) < 0)
		rpc_call_finish(call, RPC_RESOURCE_EXHAUSTED, "cannot send");
}

static void echo_half_close(struct rpc_call *call, void *data)
{
	note_half_close(call, data);
	rpc_call_finish(call, RPC_OK, NULL);
}

static void fail_start(struct rpc_call *call, void *data)
{
	serve_start(call, data);
	if (rpc_metadata_add(rpc_call_trailing(call), "x-trailer", "t") < 0)
		rpc_call_cancel(call);
	rpc_call_finish_details(call, RPC_NOT_FOUND, "no such thing: 100% \xc3\xa4\n", "\0\1\2", 3);
}

static void sink_half_close(struct rpc_call *call, void *data)
{
	struct seen *seen = data;
	char text[32];

	note_half_close(call, data);
	snprintf(text, sizeof(text), "%zu", seen->bytes);
	if (rpc_call_send(call, text, strlen(text)) < 0)
		rpc_call_cancel(call);
	rpc_call_finish(call, RPC_OK, NULL);
}

enum { SOURCE_BYTES = 100000, SOURCE_MESSAGES = 100 };

static void source_send(struct rpc_call *call, void *data)
{
	static const char zeros[SOURCE_BYTES];
	struct seen *seen = data;

	while (!rpc_call_full(call) && seen->messages < SOURCE_MESSAGES) {
		if (rpc_call_send(call, zeros, sizeof(zeros)) < 0) {
			rpc_call_cancel(call);
			return;
		}
		seen->messages++;
	}
	if (seen->messages == SOURCE_MESSAGES)
		rpc_call_finish(call, RPC_OK, NULL);
}

static void source_start(struct rpc_call *call, void *data)
{
	serve_start(call, data);
	source_send(call, data);
}

static void source_writable(struct rpc_call *call, void *data)
{
	note_writable(call, data);
	source_send(call, data);
}

static const struct rpc_handler echo = {
	.on_start = echo_start,
	.on_message = echo_message,
	.on_half_close = echo_half_close,
	.on_writable = note_writable,
	.on_end = note_end,
};
static const struct rpc_handler fail = {.on_start = fail_start, .on_end = note_end};
static const struct rpc_handler hold = {
	.on_start = serve_start,
	.on_message = note_message,
	.on_half_close = note_half_close,
	.on_writable = note_writable,
	.on_end = note_end,
};
static const struct rpc_handler sink = {
	.on_start = serve_start,
	.on_message = note_message,
	.on_half_close = sink_half_close,
	.on_end = note_end,
};
static const struct rpc_handler source = {
	.on_start = source_start,
	.on_writable = source_writable,
	.on_end = note_end,
};

static const struct rpc_method methods[] = {
	{"/t.T/Echo", &echo, &served},
	{"/t.T/Fail", &fail, &served},
	{"/t.T/Hold", &hold, &served},
	{"/t.T/Sink", &sink, &served},
	{"/t.T/Source", &source, &served},
};

/* --- joining them --- */

static void client_wake(void *data)
{
	((struct pair *)data)->client_wakes++;
}

static void server_wake(void *data)
{
	((struct pair *)data)->server_wakes++;
}

static enum rpc_status admit(const struct rpc_metadata *m, const char **ret_text, void *data)
{
	*ret_text = "no token";
	return ((struct pair *)data)->refuses && !rpc_metadata_get(m, "x-token")
		       ? RPC_UNAUTHENTICATED
		       : RPC_OK;
}

static void call_ended(const struct rpc_call_stats *stats, void *data)
{
	struct pair *p = data;

	p->ended++;
	p->last = *stats;
	copy_text(p->last_path, sizeof(p->last_path), stats->path);
}

int pair_start(struct pair *p, const struct rpc_limits *client, const struct rpc_limits *server)
{
	struct rpc_owner owner = {
		.wake = server_wake, .admit = admit, .call_ended = call_ended, .data = p};
	size_t chunk = p->chunk;
	int r;

	memset(p, 0, sizeof(*p));
	p->chunk = chunk ? chunk : SIZE_MAX;
	p->now_ms = 1000000;
	seen_fini(&served);
	served = (struct seen){.pair = p};
	r = rpc_server_new(methods, ARRAY_SIZE(methods), server, &owner, p->now_ms, &p->server);
	if (r < 0)
		return r;
	owner = (struct rpc_owner){.wake = client_wake, .data = p};
	r = rpc_client_new(client, &owner, p->now_ms, &p->client);
	if (r < 0) {
		rpc_session_free(p->server);
		p->server = NULL;
	}
	return r;
}

void pair_stop(struct pair *p)
{
	rpc_session_free(TAKE_PTR(p->client));
	rpc_session_free(TAKE_PTR(p->server));
	seen_fini(&served);
}

/* Whether anything went from one to the other. */
static bool carry(struct pair *p, struct rpc_session *from, struct rpc_session *to)
{
	const void *data;
	size_t n;

	if (rpc_session_output(from, p->now_ms, &data, &n) < 0 || n == 0)
		return false;
	n = MIN(n, p->chunk);
	/* What is sent does not stay where it was. */
	char *copy = malloc(n);

	if (!copy)
		return false;
	memcpy(copy, data, n);
	rpc_session_consumed(from, n);
	if (rpc_session_feed(to, copy, n, p->now_ms) < 0)
		(void)0; /* it has ended, and says so */
	free(copy);
	return true;
}

void pair_run(struct pair *p)
{
	bool more = true;

	while (more) {
		more = false;
		if (!p->to_server_blocked)
			more |= carry(p, p->client, p->server);
		if (!p->to_client_blocked)
			more |= carry(p, p->server, p->client);
	}
}

void pair_tick(struct pair *p, uint64_t ms)
{
	p->now_ms += ms;
	rpc_session_tick(p->client, p->now_ms);
	rpc_session_tick(p->server, p->now_ms);
	pair_run(p);
}

int pair_call_with(struct pair *p, const char *path, const struct rpc_metadata *m,
	uint64_t deadline_ms, struct seen *seen)
{
	struct rpc_call_params params = {
		.path = path,
		.authority = "localhost:1",
		.metadata = m,
		.deadline_ms = deadline_ms,
		.handler = &seen_handler,
		.data = seen,
	};

	seen->pair = p;
	return rpc_client_call(p->client, &params, p->now_ms, &seen->call);
}

int pair_call(struct pair *p, const char *path, struct seen *seen)
{
	return pair_call_with(p, path, NULL, RPC_NEVER, seen);
}

void seen_fini(struct seen *seen)
{
	buf_fini(&seen->last);
	buf_fini(&seen->details);
}
