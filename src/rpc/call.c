/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The life of a call.
 *
 *	            doom (cancel, deadline, a message too large)
 *	open ──────────────────────► doomed ──────────┐
 *	 │                                             ▼
 *	 └─ nghttp2 closes the stream ─► (unread: closing) ─► ended ─► stream closed ─► freed
 *
 * Two things must have happened before a call's memory goes: it has ended, which its handler was
 * told, and nghttp2 has closed its stream, since until then nghttp2 holds a pointer to it. Either
 * may come first: a deadline ends a call at once, while its trailers wait for the peer to read; a
 * reset closes the stream first.
 */

#include <errno.h>
#include <stdlib.h>

#include "rpc/internal.h"

int rpc_call_new(struct rpc_session *s, struct rpc_call **ret)
{
	struct rpc_call *call = calloc(1, sizeof(*call));

	if (!call)
		return -ENOMEM;
	call->s = s;
	call->started_ms = s->now_ms;
	call->deadline_ms = RPC_NEVER;
	call->out_last = &call->out_first;
	call->raw.max = RPC_STREAM_WINDOW_LARGE + RPC_STREAM_WINDOW_CLIENT;
	call->message.max = s->limits.message_max;
	list_init(&call->ready);
	list_init(&call->starved);
	list_init(&call->blocked);
	list_append(&s->calls, &call->in_session);
	s->n_calls++;
	*ret = call;
	return 0;
}

void rpc_call_free(struct rpc_call *call)
{
	if (!call->ended)
		call->s->n_calls--;
	rpc_inbound_drop(call);
	rpc_outbound_drop(call);
	if (call->large_window)
		call->s->n_large--;
	list_unlink(&call->in_session);
	list_unlink(&call->ready);
	list_unlink(&call->blocked);
	rpc_metadata_fini(&call->head);
	rpc_metadata_fini(&call->trailers);
	rpc_metadata_fini(&call->initial);
	rpc_metadata_fini(&call->trailing);
	buf_fini(&call->status_message);
	buf_fini(&call->status_details);
	free(call->path);
	free(call);
}

void rpc_call_ready(struct rpc_call *call)
{
	if (list_empty(&call->ready))
		list_append(&call->s->ready, &call->ready);
	rpc_session_wake(call->s);
}

void rpc_call_set_deadline(struct rpc_call *call, uint64_t deadline_ms)
{
	call->deadline_ms = deadline_ms;
	call->s->calls_due_ms = MIN(call->s->calls_due_ms, deadline_ms);
}

void rpc_call_doom(struct rpc_call *call, enum rpc_status status, const char *message, bool reset)
{
	if (call->doomed || call->ended)
		return;
	call->doomed = true;
	call->doom_status = status;
	call->doom_message = message;
	call->doom_reset = reset;
	rpc_call_ready(call);
}

static void tell_stats(const struct rpc_call *call, enum rpc_status status)
{
	const struct rpc_session *s = call->s;
	struct rpc_call_stats stats = {
		.path = s->server ? (call->method ? call->method->path : NULL) : call->path,
		.status = status,
		.duration_ms = s->now_ms - MIN(call->started_ms, s->now_ms),
		.messages_in = call->messages_in,
		.messages_out = call->messages_out,
		.bytes_in = call->bytes_in,
		.bytes_out = call->bytes_out,
	};

	if (s->owner.call_ended)
		s->owner.call_ended(&stats, s->owner.data);
}

void rpc_call_end(struct rpc_call *call, const struct rpc_end *end)
{
	const struct rpc_handler *handler = call->handler;

	if (call->ended)
		return;
	call->ended = true;
	call->handler = NULL;
	call->s->n_calls--;
	list_unlink(&call->ready);
	list_unlink(&call->blocked);
	rpc_inbound_drop(call);
	tell_stats(call, end->status);
	if (handler && handler->on_end)
		handler->on_end(call, end, call->data);
	if (!call->stream_open)
		rpc_call_free(call);
}

static void end(struct rpc_call *call)
{
	if (call->s->server)
		rpc_server_end(call);
	else
		rpc_client_end(call);
}

void rpc_call_stream_closed(struct rpc_call *call, uint32_t code)
{
	call->stream_open = false;
	call->close_code = code;
	rpc_outbound_drop(call);
	if (call->ended)
		rpc_call_free(call);
	else if (!call->s->server && code == NGHTTP2_NO_ERROR && !call->doomed &&
		 rpc_inbound_pending(call))
		call->closing = true;
	else
		end(call);
}

/* The stream of a call that ends before its time: a status where one can still be sent. */
static void end_stream(struct rpc_call *call)
{
	struct rpc_session *s = call->s;
	bool reset = !s->server || call->doom_reset || call->finishing || call->out_first;
	int r;

	if (s->closed)
		return;
	if (!reset) {
		rpc_server_finish(call, call->doom_status, call->doom_message, NULL, 0);
		return;
	}
	rpc_outbound_drop(call);
	r = nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
	if (r != 0)
		rpc_session_fail(s, -ENOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

/* The server ended the call while we had more to send: nobody waits for that. */
static void stop_sending(struct rpc_call *call)
{
	if (call->s->server || !call->peer_done || call->end_queued || !call->stream_open)
		return;
	call->end_queued = true;
	if (nghttp2_submit_rst_stream(call->s->h2, NGHTTP2_FLAG_NONE, call->stream,
		    NGHTTP2_NO_ERROR) == NGHTTP2_ERR_NOMEM)
		rpc_session_fail(call->s, -ENOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

void rpc_call_run(struct rpc_call *call)
{
	if (call->doomed && !call->ended) {
		if (call->stream_open)
			end_stream(call);
		end(call);
		return;
	}
	stop_sending(call);
	rpc_inbound_run(call);
	if (call->doomed)
		rpc_call_ready(call);
	else if (call->closing && !rpc_inbound_pending(call))
		end(call);
}

void rpc_call_cancel(struct rpc_call *call)
{
	rpc_call_doom(call, RPC_CANCELLED, "cancelled", true);
}

void rpc_call_set_data(struct rpc_call *call, void *data)
{
	call->data = data;
}

void *rpc_call_data(const struct rpc_call *call)
{
	return call->data;
}

struct rpc_session *rpc_call_session(const struct rpc_call *call)
{
	return call->s;
}

const struct rpc_metadata *rpc_call_metadata(const struct rpc_call *call)
{
	return &call->head;
}

const char *rpc_call_path(const struct rpc_call *call)
{
	const char *path = call->path;

	if (!path && call->method)
		path = call->method->path;
	if (!path)
		path = rpc_metadata_get(&call->head, ":path");
	return path ? path : "";
}

uint64_t rpc_call_deadline_ms(const struct rpc_call *call)
{
	return call->deadline_ms;
}

struct rpc_metadata *rpc_call_initial(struct rpc_call *call)
{
	return &call->initial;
}

struct rpc_metadata *rpc_call_trailing(struct rpc_call *call)
{
	return &call->trailing;
}
