/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * From DATA frames to messages, and the peer's leave to send more.
 *
 *	        five bytes                  room for it                 all of it
 *	PREFIX ────────────► ADMIT (length) ────────────► BODY (bytes) ───────────► on_message, PREFIX
 *
 * The connection's credit is given back as bytes come. A stream's is given back when its bytes have
 * gone into a message; those that came while the handler was paused, or while the session had no
 * room for another large message (ADMIT), are kept raw, and their credit with them. So what a call
 * can make us hold is its window, and one message; what a session can is: RPC_STREAM_WINDOW
 * (of a client: RPC_STREAM_WINDOW_CLIENT) for each stream, RPC_STREAM_WINDOW_LARGE for
 * RPC_LARGE_STREAMS of them, inbound_max of large messages and RPC_MESSAGE_SMALL for each small one.
 *
 * A call that waits in ADMIT holds no room, and those that have room never wait, so all go on:
 * nothing deadlocks.
 */

#include <errno.h>
#include <string.h>

#include "rpc/internal.h"

enum { MESSAGE_KEEP = 64 << 10 /* a buffer larger than this is not kept for the next message */ };

static void account(struct rpc_call *call)
{
	size_t held = call->raw.cap + call->message.cap;

	call->s->held_in = call->s->held_in - call->held + held;
	call->held = held;
}

/* There may be room for the first in line. */
static void wake_next(struct rpc_session *s)
{
	if (!list_empty(&s->starved))
		rpc_call_ready(LIST_ENTRY(s->starved.next, struct rpc_call, starved));
}

static void release(struct rpc_call *call)
{
	if (call->promised == 0)
		return;
	call->s->promised -= call->promised;
	call->promised = 0;
	wake_next(call->s);
}

static bool dropping(const struct rpc_call *call)
{
	return call->ended || call->doomed || (call->s->server && call->finishing);
}

static bool can_take(const struct rpc_call *call)
{
	return !call->paused && !dropping(call) && list_empty(&call->starved);
}

/* The stream's credit for n bytes; a stream that is gone needs none. */
static void give_credit(struct rpc_call *call, size_t n)
{
	if (n > 0 && call->stream_open &&
		nghttp2_session_consume_stream(call->s->h2, call->stream, n) == NGHTTP2_ERR_NOMEM)
		rpc_session_fail(call->s, -ENOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

static void grow_window(struct rpc_call *call)
{
	struct rpc_session *s = call->s;
	size_t enough = s->server ? RPC_MESSAGE_SMALL : RPC_STREAM_WINDOW_CLIENT / 2;

	if (call->large_window || !call->stream_open || call->peer_done ||
		call->bytes_in + call->promised < enough || s->n_large >= RPC_LARGE_STREAMS)
		return;
	if (nghttp2_session_set_local_window_size(
		    s->h2, NGHTTP2_FLAG_NONE, call->stream, RPC_STREAM_WINDOW_LARGE) == 0) {
		call->large_window = true;
		s->n_large++;
	}
}

static void read_prefix(struct rpc_call *call, const uint8_t **data, size_t *n)
{
	const uint8_t *p = call->prefix;
	size_t take = MIN(sizeof(call->prefix) - call->prefix_len, *n);

	memcpy(call->prefix + call->prefix_len, *data, take);
	call->prefix_len += take;
	*data += take;
	*n -= take;
	if (call->prefix_len < sizeof(call->prefix))
		return;
	call->message_len = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
	if (p[0] != 0)
		rpc_call_doom(call, p[0] == 1 ? RPC_UNIMPLEMENTED : RPC_INTERNAL,
			"compressed messages are not supported", false);
	else if (call->message_len > call->s->limits.message_max)
		rpc_call_doom(
			call, RPC_RESOURCE_EXHAUSTED, "message is larger than the limit", false);
	else
		call->in_state = RPC_INBOUND_ADMIT;
}

static bool has_room(const struct rpc_call *call)
{
	return call->message_len <= call->s->limits.inbound_max - call->s->promised;
}

static void admit(struct rpc_call *call)
{
	struct rpc_session *s = call->s;

	if (call->message_len > RPC_MESSAGE_SMALL) {
		if (!has_room(call)) {
			list_append(&s->starved, &call->starved);
			return;
		}
		call->promised = call->message_len;
		s->promised += call->promised;
	}
	call->in_state = RPC_INBOUND_BODY;
}

static void deliver(struct rpc_call *call)
{
	release(call);
	call->in_state = RPC_INBOUND_PREFIX;
	call->prefix_len = 0;
	call->messages_in++;
	call->bytes_in += sizeof(call->prefix) + call->message_len;
	if (call->handler && call->handler->on_message)
		call->handler->on_message(call, &call->message, call->data);
	if (call->message.cap > MESSAGE_KEEP)
		buf_fini(&call->message);
	else
		buf_clear(&call->message);
}

static int read_body(struct rpc_call *call, const uint8_t **data, size_t *n)
{
	enum { AHEAD = 8 };
	size_t left = call->message_len - call->message.len, take = MIN(left, *n);
	int r;

	/* A message that is here whole takes what it needs; memory for others comes with bytes. */
	r = buf_reserve(&call->message, MIN(left, take * AHEAD));
	if (r == 0)
		r = buf_append(&call->message, *data, take);
	if (r < 0)
		return r;
	*data += take;
	*n -= take;
	if (call->message.len == call->message_len)
		deliver(call);
	return 0;
}

/* As much as can be told now; the rest is left. */
static int take(struct rpc_call *call, const uint8_t **data, size_t *n)
{
	size_t before = *n;
	int r = 0;

	while (r == 0 && can_take(call)) {
		if (call->in_state == RPC_INBOUND_ADMIT)
			admit(call);
		else if (call->in_state == RPC_INBOUND_BODY && call->message_len == 0)
			deliver(call);
		else if (*n == 0)
			break;
		else if (call->in_state == RPC_INBOUND_PREFIX)
			read_prefix(call, data, n);
		else
			r = read_body(call, data, n);
	}
	give_credit(call, before - *n);
	grow_window(call);
	return r;
}

static int keep_raw(struct rpc_call *call, const uint8_t *data, size_t n)
{
	if (n == 0)
		return 0;
	if (call->raw_at > 0) {
		buf_consume(&call->raw, call->raw_at);
		call->raw_at = 0;
	}
	return buf_append(&call->raw, data, n);
}

int rpc_inbound_data(struct rpc_call *call, const uint8_t *data, size_t n)
{
	int r = 0;

	if (call->raw.len == call->raw_at)
		r = take(call, &data, &n);
	if (dropping(call))
		give_credit(call, n);
	else if (r == 0)
		r = keep_raw(call, data, n);
	account(call);
	return r;
}

bool rpc_inbound_pending(const struct rpc_call *call)
{
	return call->raw.len > call->raw_at || call->in_state == RPC_INBOUND_ADMIT;
}

bool rpc_inbound_cut_short(const struct rpc_call *call)
{
	return call->prefix_len > 0;
}

static void tell_half_close(struct rpc_call *call)
{
	if (!call->peer_done || call->half_close_told || !can_take(call) ||
		rpc_inbound_pending(call))
		return;
	call->half_close_told = true;
	if (!call->s->server)
		return;
	if (rpc_inbound_cut_short(call))
		rpc_call_doom(call, RPC_INTERNAL, "the last message is cut short", false);
	else if (call->handler && call->handler->on_half_close)
		call->handler->on_half_close(call, call->data);
}

void rpc_inbound_end_stream(struct rpc_call *call)
{
	call->peer_done = true;
	tell_half_close(call);
}

/* Leave the line; the place behind is not kept for one who does not read. */
static void leave_line(struct rpc_call *call)
{
	if (list_empty(&call->starved))
		return;
	list_unlink(&call->starved);
	wake_next(call->s);
}

void rpc_inbound_run(struct rpc_call *call)
{
	const uint8_t *data = (const uint8_t *)buf_str(&call->raw) + call->raw_at;
	size_t n = call->raw.len - call->raw_at;
	int r;

	if (dropping(call)) {
		rpc_inbound_drop(call);
		return;
	}
	if (!list_empty(&call->starved) && !call->paused && !has_room(call))
		return;
	leave_line(call);
	if (call->paused)
		return;
	r = take(call, &data, &n);
	if (r < 0) {
		rpc_session_fail(call->s, r, NGHTTP2_INTERNAL_ERROR, "out of memory");
		return;
	}
	call->raw_at = call->raw.len - n;
	if (n == 0) {
		buf_fini(&call->raw);
		call->raw_at = 0;
	}
	account(call);
	tell_half_close(call);
}

void rpc_inbound_drop(struct rpc_call *call)
{
	size_t n = call->raw.len - call->raw_at;

	leave_line(call);
	release(call);
	buf_fini(&call->raw);
	buf_fini(&call->message);
	call->raw_at = 0;
	account(call);
	give_credit(call, n);
}

void rpc_call_pause(struct rpc_call *call)
{
	call->paused = true;
}

void rpc_call_resume(struct rpc_call *call)
{
	if (!call->paused)
		return;
	call->paused = false;
	rpc_call_ready(call);
}
