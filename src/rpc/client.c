/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What is the client's alone: starting calls, and making one status of whatever happened. The first
 * that applies counts:
 *	what we did ourselves (cancel, deadline, a message over the limit, the session's end);
 *	grpc-status in the trailers, or in the only header block;
 *	the HTTP status, where it is not 200;
 *	the code of the reset;
 *	none of these: UNKNOWN.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "rpc/internal.h"
#include "rpc/text.h"

bool rpc_client_open(const struct rpc_session *s)
{
	return !s->server && !s->closed && !s->draining && !s->goaway_received && s->error == 0 &&
	       nghttp2_session_check_request_allowed(s->h2);
}

static bool sendable(const struct rpc_call_params *p)
{
	return p->path && p->path[0] == '/' && p->authority && p->authority[0] &&
	       strlen(p->path) + strlen(p->authority) < RPC_HEADER_LIST_MAX / 2 &&
	       nghttp2_check_path((const uint8_t *)p->path, strlen(p->path)) &&
	       nghttp2_check_authority((const uint8_t *)p->authority, strlen(p->authority));
}

static int submit(struct rpc_call *call, const struct rpc_call_params *p)
{
	static const char agent[] = "distcc/" DISTCC_VERSION;
	nghttp2_data_provider provider = {.source.ptr = call, .read_callback = rpc_outbound_read};
	struct rpc_fields f;
	char timeout[RPC_TIMEOUT_TEXT];
	int32_t id;

	f.n = 0;
	rpc_fields_add(&f, ":method", "POST", 4);
	rpc_fields_add(&f, ":scheme", p->tls ? "https" : "http", p->tls ? 5 : 4);
	rpc_fields_add(&f, ":path", p->path, strlen(p->path));
	rpc_fields_add(&f, ":authority", p->authority, strlen(p->authority));
	rpc_fields_add(&f, "te", "trailers", 8);
	if (p->deadline_ms != RPC_NEVER) {
		rpc_timeout_format(p->deadline_ms - call->s->now_ms, timeout);
		rpc_fields_add(&f, "grpc-timeout", timeout, strlen(timeout));
	}
	rpc_fields_add(&f, "content-type", "application/grpc", 16);
	rpc_fields_add(&f, "grpc-accept-encoding", "identity", 8);
	rpc_fields_add(&f, "user-agent", agent, sizeof(agent) - 1);
	if (p->metadata)
		rpc_fields_add_all(&f, p->metadata);
	id = nghttp2_submit_request(call->s->h2, NULL, f.nv, f.n, &provider, call);
	if (id < 0)
		return id == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPIPE;
	call->stream = id;
	call->stream_open = true;
	call->head_sent = true;
	return 0;
}

int rpc_client_call(struct rpc_session *s, const struct rpc_call_params *p, uint64_t now_ms,
	struct rpc_call **ret)
{
	struct rpc_call *call;
	int r;

	if (!rpc_client_open(s))
		return -EPIPE;
	if (s->n_calls >= RPC_CLIENT_CALLS_MAX)
		return -EAGAIN;
	if (!sendable(p))
		return -EINVAL;
	s->now_ms = MAX(s->now_ms, now_ms);
	/* Silence counts from now on: nothing was expected before. */
	if (s->n_calls == 0)
		s->received_ms = s->now_ms;
	r = rpc_call_new(s, &call);
	if (r < 0)
		return r;
	call->path = strdup(p->path);
	r = call->path ? 0 : -ENOMEM;
	if (r == 0 && p->deadline_ms > s->now_ms)
		r = submit(call, p);
	if (r < 0) {
		rpc_call_free(call);
		return r;
	}
	call->handler = p->handler;
	call->data = p->data;
	rpc_call_set_deadline(call, p->deadline_ms);
	if (!call->stream_open)
		rpc_call_doom(call, RPC_DEADLINE_EXCEEDED, "the deadline has passed", true);
	rpc_session_wake(s);
	*ret = call;
	return 0;
}

/* --- the response --- */

static unsigned http_status(const struct rpc_metadata *m)
{
	const char *text = rpc_metadata_get(m, ":status");
	uint64_t n;

	return text && str_to_u64(text, 999, &n) == 0 ? (unsigned)n : 0;
}

/* A head that messages may follow. */
static void take_head(struct rpc_call *call)
{
	unsigned status = http_status(&call->head);
	const char *encoding = rpc_metadata_get(&call->head, "grpc-encoding");

	if (status != 200)
		rpc_call_doom(call, rpc_status_of_http(status), "the answer is not HTTP status 200",
			true);
	else if (!rpc_content_type_ok(rpc_metadata_get(&call->head, "content-type")))
		rpc_call_doom(call, RPC_UNKNOWN, "the answer's content-type is not gRPC's", true);
	else if (encoding && !str_eq(encoding, "identity"))
		rpc_call_doom(call, RPC_INTERNAL, "the answer is compressed, unasked for", true);
	else if (call->handler && call->handler->on_headers)
		call->handler->on_headers(call, &call->head, call->data);
}

void rpc_client_response(struct rpc_call *call, bool end_stream)
{
	unsigned status = http_status(&call->head);

	if (call->head_too_large) {
		rpc_call_doom(call, RPC_RESOURCE_EXHAUSTED, "header list is too large", true);
	} else if (call->got_head) {
		return;
	} else if (status >= 100 && status < 200) {
		rpc_metadata_clear(&call->head);
	} else {
		call->got_head = true;
		call->trailers_only = end_stream;
		if (!end_stream)
			take_head(call);
	}
}

static void take_status(
	struct rpc_end *end, const struct rpc_metadata *m, struct buf *message, struct buf *details)
{
	const char *status = rpc_metadata_get(m, "grpc-status");
	const char *text = rpc_metadata_get(m, "grpc-message");

	end->complete = true;
	end->status = rpc_status_parse(status);
	end->message = "";
	if (text && rpc_percent_decode(text, strlen(text), message) == 0)
		end->message = buf_str(message);
	if (rpc_metadata_get_bin(m, "grpc-status-details-bin", details) == 0) {
		end->details = buf_str(details);
		end->details_len = details->len;
	}
}

void rpc_client_end(struct rpc_call *call)
{
	AUTO(buf_fini) struct buf message = BUF_INIT_MAX(RPC_HEADER_LIST_MAX);
	AUTO(buf_fini) struct buf details = BUF_INIT_MAX(RPC_HEADER_LIST_MAX);
	const struct rpc_metadata *m = call->trailers_only ? &call->head : &call->trailers;
	unsigned http = http_status(&call->head);
	struct rpc_end end = {.status = RPC_UNKNOWN, .trailers = m};

	end.unprocessed =
		!call->got_head && (!call->sent || call->close_code == NGHTTP2_REFUSED_STREAM);
	if (call->doomed) {
		end.status = call->doom_status;
		end.message = call->doom_message;
	} else if (rpc_metadata_get(m, "grpc-status")) {
		take_status(&end, m, &message, &details);
		if (end.status == RPC_OK && rpc_inbound_cut_short(call)) {
			end.status = RPC_INTERNAL;
			end.message = "the last message is cut short";
		}
	} else if (call->got_head && http != 200) {
		end.status = rpc_status_of_http(http);
		end.message = "the answer is not HTTP status 200";
	} else if (!call->sent) {
		end.status = RPC_UNAVAILABLE;
		end.message = "the server takes no more calls on this connection";
	} else if (call->close_code != NGHTTP2_NO_ERROR) {
		end.status = rpc_status_of_reset(call->close_code);
		end.message = "the server reset the stream";
	} else {
		end.message = "the answer has no grpc-status";
	}
	rpc_call_end(call, &end);
}
