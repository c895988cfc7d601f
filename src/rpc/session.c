/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A connection: bytes to nghttp2, bytes from it, and time.
 *
 *	            drain                       last call has ended
 *	open ─────────────────► draining ───────────────────────────► closed
 *	 │  GOAWAY 2^31-1, round trip, GOAWAY last                       ▲
 *	 └─ peer did wrong, no memory, rpc_session_close, end of file ───┘
 *
 * Closed: nothing is read any more, and every call has been ended, by rpc_session_run and so never
 * from inside what a handler called. What is left to write is a GOAWAY that tells why.
 *
 * Each public function that may tell somebody something is between rpc_session_enter and
 * rpc_session_leave, which runs what was noted; a wake is owed only for what is noted outside of
 * them.
 */

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/internal.h"

enum { OUT_KEEP = 64 << 10 /* an idle session keeps no larger buffer for output */ };

/* --- nghttp2's memory: counted, since it is the peer that makes it grow --- */

static void *h2_malloc(size_t n, void *user_data)
{
	struct rpc_session *s = user_data;
	void *p = malloc(n);

	s->h2_memory += malloc_usable_size(p);
	return p;
}

static void h2_free(void *p, void *user_data)
{
	struct rpc_session *s = user_data;

	s->h2_memory -= malloc_usable_size(p);
	free(p);
}

static void *h2_calloc(size_t n, size_t size, void *user_data)
{
	struct rpc_session *s = user_data;
	void *p = calloc(n, size);

	s->h2_memory += malloc_usable_size(p);
	return p;
}

static void *h2_realloc(void *old, size_t n, void *user_data)
{
	struct rpc_session *s = user_data;
	size_t before = malloc_usable_size(old);
	void *p = realloc(old, n);

	if (p || n == 0)
		s->h2_memory = s->h2_memory - before + malloc_usable_size(p);
	return p;
}

/* --- making one --- */

static int new_options(nghttp2_option **ret)
{
	nghttp2_option *o;

	if (nghttp2_option_new(&o) != 0)
		return -ENOMEM;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_outbound_ack(o, RPC_OUTBOUND_ACKS_MAX);
	nghttp2_option_set_max_settings(o, RPC_SETTINGS_ENTRIES_MAX);
	nghttp2_option_set_max_reserved_remote_streams(o, 0);
#ifdef HAVE_NGHTTP2_RESET_LIMIT
	/* Ours takes the clock from the owner; nghttp2's own would read one. */
	nghttp2_option_set_stream_reset_rate_limit(o, UINT64_MAX, UINT64_MAX);
#endif
	*ret = o;
	return 0;
}

static int new_h2(struct rpc_session *s)
{
	nghttp2_mem mem = {s, h2_malloc, h2_free, h2_calloc, h2_realloc};
	nghttp2_session_callbacks *callbacks;
	nghttp2_option *options;
	int r;

	if (new_options(&options) < 0)
		return -ENOMEM;
	if (rpc_callbacks_install(&callbacks) < 0) {
		nghttp2_option_del(options);
		return -ENOMEM;
	}
	if (s->server)
		r = nghttp2_session_server_new3(&s->h2, callbacks, s, options, &mem);
	else
		r = nghttp2_session_client_new3(&s->h2, callbacks, s, options, &mem);
	nghttp2_session_callbacks_del(callbacks);
	nghttp2_option_del(options);
	return r == 0 ? 0 : -ENOMEM;
}

static int greet(struct rpc_session *s)
{
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
			s->server ? RPC_STREAM_WINDOW : RPC_STREAM_WINDOW_CLIENT},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, RPC_HEADER_LIST_MAX},
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, s->server ? s->limits.streams_max : 0},
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	};
	/* A server does not speak of push. */
	size_t n = ARRAY_SIZE(settings) - (s->server ? 1 : 0);

	if (nghttp2_submit_settings(s->h2, NGHTTP2_FLAG_NONE, settings, n) != 0)
		return -ENOMEM;
	if (nghttp2_session_set_local_window_size(
		    s->h2, NGHTTP2_FLAG_NONE, 0, RPC_CONNECTION_WINDOW) != 0)
		return -ENOMEM;
	return 0;
}

static void set_limits(struct rpc_limits *l, const struct rpc_limits *wanted)
{
	static const struct rpc_limits none;
	const struct rpc_limits *w = wanted ? wanted : &none;

	l->message_max = w->message_max ? w->message_max : RPC_MESSAGE_MAX;
	l->inbound_max = w->inbound_max ? w->inbound_max : RPC_INBOUND_MAX;
	l->inbound_max = MAX(l->inbound_max, l->message_max);
	l->call_queue = w->call_queue ? w->call_queue : RPC_CALL_QUEUE;
	l->session_queue = w->session_queue ? w->session_queue : RPC_SESSION_QUEUE;
	l->streams_max = w->streams_max ? w->streams_max : RPC_STREAMS_MAX;
	l->keepalive_ms = w->keepalive_ms ? w->keepalive_ms : RPC_KEEPALIVE_MS;
	l->keepalive_timeout_ms =
		w->keepalive_timeout_ms ? w->keepalive_timeout_ms : RPC_KEEPALIVE_TIMEOUT_MS;
}

static void init_guards(struct rpc_session *s)
{
	uint64_t now = s->now_ms;

	rpc_guard_init(&s->resets, RPC_RESETS_BURST, RPC_RESETS_PER_S, now);
	rpc_guard_init(&s->pings, RPC_PINGS_BURST, RPC_PINGS_PER_S, now);
	rpc_guard_init(&s->settings, RPC_SETTINGS_BURST, RPC_SETTINGS_PER_S, now);
	rpc_guard_init(&s->empty_data, RPC_EMPTY_DATA_BURST, RPC_EMPTY_DATA_PER_S, now);
	rpc_guard_init(&s->cheap, RPC_CHEAP_BURST, RPC_CHEAP_PER_S, now);
}

static int session_new(bool server, const struct rpc_limits *limits, const struct rpc_owner *owner,
	uint64_t now_ms, struct rpc_session **ret)
{
	struct rpc_session *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->server = server;
	if (owner)
		s->owner = *owner;
	set_limits(&s->limits, limits);
	list_init(&s->calls);
	list_init(&s->ready);
	list_init(&s->starved);
	list_init(&s->blocked);
	s->now_ms = s->received_ms = now_ms;
	s->handshake_ms = now_ms + RPC_HANDSHAKE_MS;
	s->header_block_ms = s->pinged_ms = s->calls_due_ms = s->drain_ms = RPC_NEVER;
	s->linger_ms = RPC_NEVER;
	init_guards(s);
	s->out.max = 2 * (size_t)RPC_OUTPUT_MAX;
	r = new_h2(s);
	if (r == 0)
		r = greet(s);
	if (r < 0) {
		rpc_session_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

int rpc_server_new(const struct rpc_method *methods, size_t n_methods,
	const struct rpc_limits *limits, const struct rpc_owner *owner, uint64_t now_ms,
	struct rpc_session **ret)
{
	struct rpc_session *s;
	int r;

	for (size_t i = 1; i < n_methods; i++)
		if (strcmp(methods[i - 1].path, methods[i].path) >= 0)
			return -EINVAL;
	r = session_new(true, limits, owner, now_ms, &s);
	if (r < 0)
		return r;
	s->methods = methods;
	s->n_methods = n_methods;
	*ret = s;
	return 0;
}

int rpc_client_new(const struct rpc_limits *limits, const struct rpc_owner *owner, uint64_t now_ms,
	struct rpc_session **ret)
{
	return session_new(false, limits, owner, now_ms, ret);
}

/* --- its end --- */

void rpc_session_set_reason(struct rpc_session *s, int error, const char *text, size_t n)
{
	if (s->error == 0)
		s->error = error;
	if (s->reason[0])
		return;
	n = MIN(n, sizeof(s->reason) - 1);
	for (size_t i = 0; i < n; i++)
		s->reason[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	s->reason[n] = '\0';
}

void rpc_session_fail(struct rpc_session *s, int error, uint32_t h2_code, const char *reason)
{
	size_t n = strnlen(reason, sizeof(s->reason) - 1);

	if (s->failed || s->closed)
		return;
	s->failed = true;
	rpc_session_set_reason(s, error, reason, n);
	/* Where this fails for want of memory, the connection just closes. */
	if (nghttp2_submit_goaway(s->h2, NGHTTP2_FLAG_NONE,
		    nghttp2_session_get_last_proc_stream_id(s->h2), h2_code,
		    (const uint8_t *)reason, n) != 0 ||
		nghttp2_session_terminate_session(s->h2, h2_code) != 0)
		s->mute = true;
	rpc_session_wake(s);
}

/* What was given out stays where it is: somebody may be writing it. */
void rpc_session_mute(struct rpc_session *s)
{
	s->mute = true;
	s->out_at = s->out.len;
}

void rpc_session_close(struct rpc_session *s, const char *reason)
{
	rpc_session_fail(s, 0, NGHTTP2_NO_ERROR, reason);
}

static void end_calls(struct rpc_session *s)
{
	s->closed = true;
	s->linger_ms = s->now_ms + RPC_LINGER_MS;
	LIST_FOR(pos, &s->calls)
	{
		struct rpc_call *call = LIST_ENTRY(pos, struct rpc_call, in_session);

		if (s->server)
			rpc_call_doom(call, RPC_CANCELLED, "the connection has ended", true);
		else
			rpc_call_doom(call, RPC_UNAVAILABLE, "the connection has ended", true);
	}
}

/* The final GOAWAY: the peer has had time to learn of the first. */
static void finish_drain(struct rpc_session *s)
{
	int r;

	s->drain_ms = RPC_NEVER;
	r = nghttp2_submit_goaway(s->h2, NGHTTP2_FLAG_NONE,
		nghttp2_session_get_last_proc_stream_id(s->h2), NGHTTP2_NO_ERROR, NULL, 0);
	if (r != 0)
		rpc_session_fail(s, -ENOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
	rpc_session_wake(s);
}

static void settle(struct rpc_session *s)
{
	if (s->drain_ms <= s->now_ms)
		finish_drain(s);
	if (s->draining && !s->server && s->n_calls == 0 && !s->closed)
		rpc_session_fail(s, 0, NGHTTP2_NO_ERROR, "drained");
	if (!s->closed && (s->failed || !nghttp2_session_want_read(s->h2)))
		end_calls(s);
}

void rpc_session_run(struct rpc_session *s)
{
	do {
		settle(s);
		while (!list_empty(&s->ready)) {
			struct rpc_call *call = LIST_ENTRY(s->ready.next, struct rpc_call, ready);

			list_unlink(&call->ready);
			rpc_call_run(call);
		}
		rpc_outbound_unblock(s);
	} while (!list_empty(&s->ready) || (s->failed && !s->closed));
}

void rpc_session_enter(struct rpc_session *s, uint64_t now_ms)
{
	/* From a callback it would run calls under the feet of whoever is telling one. */
	assert(s->depth == 0);
	s->depth++;
	s->now_ms = MAX(s->now_ms, now_ms);
}

void rpc_session_leave(struct rpc_session *s)
{
	rpc_session_run(s);
	s->depth--;
}

void rpc_session_wake(struct rpc_session *s)
{
	if (s->depth > 0 || s->woken)
		return;
	s->woken = true;
	if (s->owner.wake)
		s->owner.wake(s->owner.data);
}

void rpc_session_free(struct rpc_session *s)
{
	if (!s)
		return;
	rpc_session_enter(s, s->now_ms);
	end_calls(s);
	rpc_session_leave(s);
	LIST_FOR_SAFE(pos, &s->calls)
	rpc_call_free(LIST_ENTRY(pos, struct rpc_call, in_session));
	nghttp2_session_del(s->h2);
	buf_fini(&s->out);
	free(s);
}

void rpc_session_eof(struct rpc_session *s, int error, uint64_t now_ms)
{
	const char *text = error < 0 ? strerror(-error) : "end of file";

	rpc_session_enter(s, now_ms);
	rpc_session_set_reason(s, error, text, strlen(text));
	rpc_session_mute(s);
	if (!s->closed)
		end_calls(s);
	rpc_session_leave(s);
}

/* --- bytes --- */

int rpc_session_feed(struct rpc_session *s, const void *data, size_t n, uint64_t now_ms)
{
	ssize_t r;

	if (s->closed)
		return s->error == -ENOMEM ? -ENOMEM : 0;
	rpc_session_enter(s, now_ms);
	s->received_ms = s->now_ms;
	s->pinged_ms = RPC_NEVER;
	r = nghttp2_session_mem_recv(s->h2, data, n);
	if (r == NGHTTP2_ERR_NOMEM || r == NGHTTP2_ERR_CALLBACK_FAILURE)
		rpc_session_fail(s, -ENOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
	else if (r == NGHTTP2_ERR_FLOODED)
		rpc_session_fail(
			s, -EPROTO, NGHTTP2_ENHANCE_YOUR_CALM, "the peer sends and does not read");
	else if (r < 0)
		rpc_session_fail(s, -EPROTO, NGHTTP2_PROTOCOL_ERROR, nghttp2_strerror((int)r));
	rpc_session_leave(s);
	return s->error == -ENOMEM ? -ENOMEM : 0;
}

static int fill(struct rpc_session *s)
{
	while (!s->mute && s->out.len < RPC_OUTPUT_MAX) {
		const uint8_t *data;
		ssize_t n = nghttp2_session_mem_send(s->h2, &data);
		int r = 0;

		if (n == 0)
			return 0;
		if (n > 0)
			r = buf_append(&s->out, data, (size_t)n);
		if (n < 0 || r < 0) {
			/* What was made so far may end within a frame: no farewell. */
			rpc_session_fail(s, -ENOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
			s->mute = true;
			return -ENOMEM;
		}
	}
	return 0;
}

int rpc_session_output(struct rpc_session *s, uint64_t now_ms, const void **ret_data, size_t *ret_n)
{
	int r = 0;

	rpc_session_enter(s, now_ms);
	s->woken = false;
	if (s->out.len == s->out_at) {
		buf_clear(&s->out);
		s->out_at = 0;
		do {
			rpc_session_run(s);
			r = fill(s);
			/* A closed stream may have made a handler do more. */
			settle(s);
		} while (r == 0 && !s->mute && s->out.len == 0 && !list_empty(&s->ready));
	}
	rpc_session_leave(s);
	if (s->out.len == s->out_at && s->out.cap > OUT_KEEP)
		buf_fini(&s->out);
	if (r < 0)
		return r;
	*ret_data = s->out.data ? s->out.data + s->out_at : NULL;
	*ret_n = s->out.len - s->out_at;
	return 0;
}

void rpc_session_consumed(struct rpc_session *s, size_t n)
{
	s->out_at += MIN(n, s->out.len - s->out_at);
}

bool rpc_session_wants_read(const struct rpc_session *s)
{
	if (s->closed || s->failed)
		return false;
	/* A client's own waiting calls are in that queue too. */
	return !s->server ||
	       nghttp2_session_get_outbound_queue_size(s->h2) < RPC_OUTBOUND_FRAMES_MAX;
}

bool rpc_session_wants_write(const struct rpc_session *s)
{
	if (s->out.len > s->out_at || !list_empty(&s->ready))
		return true;
	return !s->mute && nghttp2_session_want_write(s->h2);
}

bool rpc_session_ended(const struct rpc_session *s)
{
	return s->closed && !rpc_session_wants_write(s);
}

const char *rpc_session_reason(const struct rpc_session *s, int *ret_error)
{
	if (ret_error)
		*ret_error = s->error;
	return s->reason;
}

size_t rpc_session_calls(const struct rpc_session *s)
{
	return s->n_calls;
}

size_t rpc_session_held(const struct rpc_session *s)
{
	return sizeof(*s) + s->h2_memory + s->held_in + s->queued + s->out.cap +
	       s->n_calls * sizeof(struct rpc_call);
}

void rpc_session_drain(struct rpc_session *s, uint64_t now_ms)
{
	static const uint8_t mark[8] = "drained";
	int r = 0;

	if (s->draining || s->closed || s->failed)
		return;
	s->now_ms = MAX(s->now_ms, now_ms);
	s->draining = true;
	if (s->server) {
		s->drain_ms = s->now_ms + RPC_DRAIN_NOTICE_MS;
		r = nghttp2_submit_shutdown_notice(s->h2);
		if (r == 0)
			r = nghttp2_submit_ping(s->h2, NGHTTP2_FLAG_NONE, mark);
	}
	if (r != 0)
		rpc_session_fail(s, -ENOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
	rpc_session_wake(s);
}
