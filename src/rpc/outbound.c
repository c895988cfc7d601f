/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The queue of messages to the peer. nghttp2 asks for bytes when the windows and the connection
 * allow it; an empty queue says "later", and each new message wakes the stream up again.
 *
 * A sender that does not wait for a slow reader is stopped by RPC_CALL_FULL: a call holds at most
 * call_queue bytes and one message more, a session session_queue and one message more of each call.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/internal.h"

enum { PREFIX = 5 };

struct rpc_out {
	struct rpc_out *next;
	size_t n; /* without the prefix */
	char *data;
	bool owned; /* data is not the room behind this struct */
	uint8_t prefix[PREFIX];
	char room[];
};

static void out_free(struct rpc_out *o)
{
	if (o->owned)
		free(o->data);
	free(o);
}

static int out_new(size_t n, size_t room, struct rpc_out **ret)
{
	struct rpc_out *o = malloc(sizeof(*o) + room);

	if (!o)
		return -ENOMEM;
	o->next = NULL;
	o->n = n;
	o->data = o->room;
	o->owned = false;
	o->prefix[0] = 0;
	for (int i = 1; i < PREFIX; i++)
		o->prefix[i] = (uint8_t)(n >> (32 - 8 * i));
	*ret = o;
	return 0;
}

static void drop_first(struct rpc_call *call)
{
	struct rpc_out *o = call->out_first;

	call->out_first = o->next;
	if (!call->out_first)
		call->out_last = &call->out_first;
	call->out_at = 0;
	out_free(o);
}

void rpc_outbound_drop(struct rpc_call *call)
{
	while (call->out_first)
		drop_first(call);
	call->s->queued -= call->queued;
	call->queued = 0;
}

void rpc_outbound_resume(struct rpc_call *call)
{
	if (call->deferred) {
		call->deferred = false;
		if (nghttp2_session_resume_data(call->s->h2, call->stream) == NGHTTP2_ERR_NOMEM)
			rpc_session_fail(call->s, -ENOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
	}
	rpc_session_wake(call->s);
}

bool rpc_call_full(const struct rpc_call *call)
{
	return call->full;
}

static bool over(const struct rpc_call *call)
{
	const struct rpc_session *s = call->s;

	return call->queued >= s->limits.call_queue || s->queued >= s->limits.session_queue;
}

static int may_send(const struct rpc_call *call, size_t n)
{
	if (call->ended || call->doomed || call->finishing || !call->stream_open)
		return -EPIPE;
	if (call->full)
		return -ENOBUFS;
	return n > UINT32_MAX ? -EMSGSIZE : 0;
}

/* Takes o, on success only. */
static int enqueue(struct rpc_call *call, struct rpc_out *o)
{
	struct rpc_session *s = call->s;
	int r = s->server && !call->head_sent ? rpc_server_head(call) : 0;

	if (r < 0)
		return r;
	*call->out_last = o;
	call->out_last = &o->next;
	call->queued += PREFIX + o->n;
	s->queued += PREFIX + o->n;
	call->messages_out++;
	rpc_outbound_resume(call);
	if (!over(call))
		return 0;
	call->full = true;
	list_append(&s->blocked, &call->blocked);
	return RPC_CALL_FULL;
}

int rpc_call_send(struct rpc_call *call, const void *data, size_t n)
{
	struct rpc_out *o;
	int r = may_send(call, n);

	if (r == 0)
		r = out_new(n, n, &o);
	if (r < 0)
		return r;
	if (n > 0)
		memcpy(o->room, data, n);
	r = enqueue(call, o);
	if (r < 0)
		out_free(o);
	return r;
}

int rpc_call_send_buf(struct rpc_call *call, struct buf *message)
{
	struct rpc_out *o;
	int r = may_send(call, message->len);

	if (r == 0)
		r = out_new(message->len, 0, &o);
	if (r < 0)
		return r;
	o->data = message->data;
	r = enqueue(call, o);
	if (r < 0) {
		out_free(o);
		return r;
	}
	o->owned = true;
	(void)buf_take(message);
	return r;
}

/* Up to length bytes of the queue. */
static size_t copy_out(struct rpc_call *call, uint8_t *to, size_t length)
{
	size_t done = 0;

	while (done < length && call->out_first) {
		const struct rpc_out *o = call->out_first;
		bool in_prefix = call->out_at < PREFIX;
		size_t at = in_prefix ? call->out_at : call->out_at - PREFIX;
		size_t n = MIN((in_prefix ? PREFIX : o->n) - at, length - done);

		if (n > 0)
			memcpy(to + done, in_prefix ? (const char *)o->prefix + at : o->data + at,
				n);
		done += n;
		call->out_at += n;
		if (call->out_at == PREFIX + o->n)
			drop_first(call);
	}
	call->queued -= done;
	call->s->queued -= done;
	call->bytes_out += done;
	return done;
}

ssize_t rpc_outbound_read(nghttp2_session *h2, int32_t stream, uint8_t *buf, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
	struct rpc_call *call = source->ptr;
	size_t n = copy_out(call, buf, length);

	if (!call->out_first && call->finishing && !call->end_queued) {
		if (!call->s->server) {
			call->end_queued = true;
			*flags |= NGHTTP2_DATA_FLAG_EOF;
		} else {
			if (rpc_server_trailers(call) < 0)
				return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
			*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		}
		return (ssize_t)n;
	}
	if (n > 0)
		return (ssize_t)n;
	call->deferred = true;
	return NGHTTP2_ERR_DEFERRED;
}

void rpc_outbound_unblock(struct rpc_session *s)
{
	if (s->queued > s->limits.session_queue / 2)
		return;
	LIST_FOR_SAFE(pos, &s->blocked)
	{
		struct rpc_call *call = LIST_ENTRY(pos, struct rpc_call, blocked);

		if (call->queued > s->limits.call_queue / 2)
			continue;
		list_unlink(&call->blocked);
		call->full = false;
		if (!call->doomed && !call->finishing && call->handler &&
			call->handler->on_writable)
			call->handler->on_writable(call, call->data);
	}
}

void rpc_call_half_close(struct rpc_call *call)
{
	if (call->s->server || call->finishing || call->ended)
		return;
	call->finishing = true;
	if (call->stream_open)
		rpc_outbound_resume(call);
}
