/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What nghttp2 tells us, turned into a step of a call or of the session, and the limits of how
 * often a peer may do what. A callback for received frames that finds the session failed stops
 * nghttp2 from reading on in what came with them.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rpc/internal.h"

static struct rpc_call *call_of(nghttp2_session *h2, int32_t stream)
{
	return stream ? nghttp2_session_get_stream_user_data(h2, stream) : NULL;
}

static int result(const struct rpc_session *s)
{
	return s->failed ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static void no_memory(struct rpc_session *s)
{
	rpc_session_fail(s, -ENOMEM, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

static void limit(struct rpc_session *s, struct rpc_guard *g, const char *what)
{
	if (!rpc_guard_take(g, s->now_ms))
		rpc_session_fail(s, -EPROTO, NGHTTP2_ENHANCE_YOUR_CALM, what);
}

static int on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *hd, void *user_data)
{
	struct rpc_session *s = user_data;

	if (hd->type == NGHTTP2_CONTINUATION) {
		if (++s->continuations > RPC_CONTINUATIONS_MAX)
			rpc_session_fail(s, -EPROTO, NGHTTP2_ENHANCE_YOUR_CALM,
				"too many CONTINUATION frames");
		return result(s);
	}
	s->continuations = 0;
	if (hd->type == NGHTTP2_WINDOW_UPDATE || hd->type == NGHTTP2_PRIORITY)
		limit(s, &s->cheap, "too many control frames");
	/* Of a stream that is no more, or will not be, nghttp2 does not tell the block's end. */
	if (hd->type == NGHTTP2_HEADERS && s->server && !s->draining &&
		hd->stream_id > nghttp2_session_get_last_proc_stream_id(h2))
		s->header_block_ms = s->now_ms + RPC_HEADER_BLOCK_MS;
	else
		s->header_block_ms = RPC_NEVER;
	return result(s);
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user_data)
{
	struct rpc_session *s = user_data;
	struct rpc_call *call;

	if (!s->server || frame->hd.type != NGHTTP2_HEADERS ||
		frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return result(s);
	if (rpc_call_new(s, &call) < 0) {
		no_memory(s);
		return result(s);
	}
	call->stream = frame->hd.stream_id;
	if (nghttp2_session_set_stream_user_data(h2, call->stream, call) == 0)
		call->stream_open = true;
	else
		rpc_call_free(call);
	return result(s);
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
	size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *user_data)
{
	struct rpc_session *s = user_data;
	struct rpc_call *call = call_of(h2, frame->hd.stream_id);
	struct rpc_metadata *m;
	int r;

	if (!call || call->head_too_large || frame->hd.type != NGHTTP2_HEADERS)
		return result(s);
	/* A request's trailers mean nothing in gRPC. */
	if (s->server && frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return result(s);
	m = call->got_head ? &call->trailers : &call->head;
	r = rpc_metadata_add_n(m, (const char *)name, name_len, (const char *)value, value_len);
	if (r == -E2BIG)
		call->head_too_large = true;
	else if (r < 0)
		no_memory(s);
	return result(s);
}

static void end_stream(struct rpc_call *call)
{
	rpc_inbound_end_stream(call);
	/* The server has said all; it need not hear the rest of us. */
	if (!call->s->server && !call->end_queued && !call->ended) {
		call->finishing = true;
		rpc_outbound_drop(call);
		rpc_call_ready(call);
	}
}

static void headers_received(struct rpc_session *s, struct rpc_call *call, const nghttp2_frame *f)
{
	bool end = f->hd.flags & NGHTTP2_FLAG_END_STREAM;

	s->header_block_ms = RPC_NEVER;
	if (!call)
		return;
	if (!s->server)
		rpc_client_response(call, end);
	else if (f->headers.cat == NGHTTP2_HCAT_REQUEST)
		rpc_server_request(call);
	if (end)
		end_stream(call);
}

static void data_received(struct rpc_session *s, struct rpc_call *call, const nghttp2_frame *f)
{
	if (f->hd.flags & NGHTTP2_FLAG_END_STREAM) {
		if (call)
			end_stream(call);
	} else if (f->hd.length == f->data.padlen) {
		limit(s, &s->empty_data, "too many empty DATA frames");
	}
}

static void ping_received(struct rpc_session *s, const nghttp2_frame *f)
{
	if (!(f->hd.flags & NGHTTP2_FLAG_ACK))
		limit(s, &s->pings, "too many PING frames");
	else if (s->drain_ms != RPC_NEVER)
		s->drain_ms = s->now_ms;
}

static void settings_received(struct rpc_session *s, const nghttp2_frame *f)
{
	s->handshake_ms = RPC_NEVER;
	if (!(f->hd.flags & NGHTTP2_FLAG_ACK))
		limit(s, &s->settings, "too many SETTINGS frames");
}

static void goaway_received(struct rpc_session *s, const nghttp2_goaway *f)
{
	char text[128];
	int n;

	s->goaway_received = true;
	if (f->error_code == NGHTTP2_NO_ERROR)
		return;
	n = snprintf(text, sizeof(text), "GOAWAY %s: %.*s", nghttp2_http2_strerror(f->error_code),
		(int)MIN(f->opaque_data_len, (size_t)96), (const char *)f->opaque_data);
	rpc_session_set_reason(s, 0, text, MIN((size_t)n, sizeof(text) - 1));
}

static int on_frame_recv(nghttp2_session *h2, const nghttp2_frame *frame, void *user_data)
{
	struct rpc_session *s = user_data;
	struct rpc_call *call = call_of(h2, frame->hd.stream_id);

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		headers_received(s, call, frame);
		break;
	case NGHTTP2_DATA:
		data_received(s, call, frame);
		break;
	case NGHTTP2_RST_STREAM:
		if (s->server && call && !call->complete)
			limit(s, &s->resets, "too many streams were reset");
		else
			limit(s, &s->cheap, "too many control frames");
		break;
	case NGHTTP2_SETTINGS:
		settings_received(s, frame);
		break;
	case NGHTTP2_PING:
		ping_received(s, frame);
		break;
	case NGHTTP2_GOAWAY:
		goaway_received(s, &frame->goaway);
		break;
	default:
		break;
	}
	return result(s);
}

static int on_data_chunk(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *data,
	size_t n, void *user_data)
{
	struct rpc_session *s = user_data;
	struct rpc_call *call = call_of(h2, stream);
	int r = nghttp2_session_consume_connection(h2, n) == NGHTTP2_ERR_NOMEM ? -ENOMEM : 0;

	if (r == 0 && call)
		r = rpc_inbound_data(call, data, n);
	if (r == -ENOMEM)
		no_memory(s);
	else if (r < 0)
		rpc_session_fail(s, -EPROTO, NGHTTP2_FLOW_CONTROL_ERROR, "flow control");
	return result(s);
}

static int on_stream_close(nghttp2_session *h2, int32_t stream, uint32_t code, void *user_data)
{
	struct rpc_call *call = call_of(h2, stream);

	if (call)
		rpc_call_stream_closed(call, code);
	return 0;
}

static int on_invalid_frame(
	nghttp2_session *h2, const nghttp2_frame *frame, int error, void *user_data)
{
	struct rpc_session *s = user_data;

	s->header_block_ms = RPC_NEVER;
	/* nghttp2 answers it by a reset: a peer that errs on purpose makes us work as one that
	 * resets does. */
	if (s->server)
		limit(s, &s->resets, "too many streams were reset");
	return result(s);
}

static void trailers_sent(struct rpc_session *s, struct rpc_call *call)
{
	call->complete = true;
	if (!call->peer_done && nghttp2_submit_rst_stream(s->h2, NGHTTP2_FLAG_NONE, call->stream,
					NGHTTP2_NO_ERROR) == NGHTTP2_ERR_NOMEM)
		no_memory(s);
}

static int on_frame_send(nghttp2_session *h2, const nghttp2_frame *frame, void *user_data)
{
	struct rpc_session *s = user_data;
	struct rpc_call *call;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		call = call_of(h2, frame->hd.stream_id);
		if (call && !s->server)
			call->sent = true;
		else if (call && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
			trailers_sent(s, call);
		break;
	case NGHTTP2_GOAWAY:
		if (frame->goaway.error_code != NGHTTP2_NO_ERROR) {
			const char *text = nghttp2_http2_strerror(frame->goaway.error_code);

			rpc_session_set_reason(s, -EPROTO, text, strlen(text));
		}
		break;
	default:
		break;
	}
	return 0;
}

int rpc_callbacks_install(nghttp2_session_callbacks **ret)
{
	nghttp2_session_callbacks *c;

	if (nghttp2_session_callbacks_new(&c) != 0)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(c, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
	nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(c, on_invalid_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
	*ret = c;
	return 0;
}
