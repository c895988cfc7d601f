/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What is the server's alone: judging a request's header block, and the response's two.
 *
 *	request   HEADERS (POST, :path, content-type, grpc-timeout …), DATA*, END_STREAM
 *	response  HEADERS (200, content-type), DATA*, HEADERS (grpc-status, grpc-message …)
 *	or        HEADERS (200, content-type, grpc-status, grpc-message …), when nothing was sent
 *
 * A request that is no gRPC is refused in HTTP's words (405, 415), one that cannot be served in
 * gRPC's. A client that is still sending when it has its status is told to stop by a reset without
 * an error (RFC 9113, 8.1).
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rpc/internal.h"
#include "rpc/text.h"

static const struct rpc_method *find_method(const struct rpc_session *s, const char *path)
{
	size_t low = 0, high = s->n_methods;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(path, s->methods[mid].path);

		if (order == 0)
			return &s->methods[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static int submit_response(struct rpc_call *call, const struct rpc_fields *f, bool more)
{
	nghttp2_data_provider provider = {.source.ptr = call, .read_callback = rpc_outbound_read};
	int r = nghttp2_submit_response(
		call->s->h2, call->stream, f->nv, f->n, more ? &provider : NULL);

	if (r == NGHTTP2_ERR_NOMEM)
		return -ENOMEM;
	if (r != 0)
		return -EPIPE;
	call->head_sent = true;
	rpc_session_wake(call->s);
	return 0;
}

static void add_head(struct rpc_fields *f, const struct rpc_call *call)
{
	rpc_fields_add(f, ":status", "200", 3);
	rpc_fields_add(f, "content-type", "application/grpc", 16);
	rpc_fields_add(f, "grpc-accept-encoding", "identity", 8);
	rpc_fields_add_all(f, &call->initial);
}

int rpc_server_head(struct rpc_call *call)
{
	struct rpc_fields f;

	f.n = 0;
	add_head(&f, call);
	return submit_response(call, &f, true);
}

static void add_status(struct rpc_fields *f, const struct rpc_call *call, char number[8])
{
	int n = snprintf(number, 8, "%u", (unsigned)call->status);

	rpc_fields_add(f, "grpc-status", number, (size_t)n);
	if (call->status_message.len > 0)
		rpc_fields_add(
			f, "grpc-message", call->status_message.data, call->status_message.len);
	if (call->status_details.len > 0)
		rpc_fields_add(f, "grpc-status-details-bin", call->status_details.data,
			call->status_details.len);
	rpc_fields_add_all(f, &call->trailing);
}

int rpc_server_trailers(struct rpc_call *call)
{
	struct rpc_fields f;
	char number[8];
	int r;

	if (call->end_queued)
		return 0;
	f.n = 0;
	if (!call->head_sent) {
		add_head(&f, call);
		add_status(&f, call, number);
		r = submit_response(call, &f, false);
	} else {
		add_status(&f, call, number);
		r = nghttp2_submit_trailer(call->s->h2, call->stream, f.nv, f.n);
		r = r == NGHTTP2_ERR_NOMEM ? -ENOMEM : r != 0 ? -EPIPE : 0;
	}
	if (r < 0)
		return r;
	call->end_queued = true;
	rpc_session_wake(call->s);
	return 0;
}

/* As much of the text as is RPC_STATUS_MESSAGE_MAX when encoded, and no torn %XX. */
static int encode_message(struct rpc_call *call, const char *message)
{
	size_t n = strnlen(message, RPC_STATUS_MESSAGE_MAX);
	struct buf *b = &call->status_message;
	int r = rpc_percent_encode(message, n, b);

	if (r < 0 || b->len <= RPC_STATUS_MESSAGE_MAX)
		return r;
	b->len = RPC_STATUS_MESSAGE_MAX;
	while (b->data[b->len - 1] == '%' || b->data[b->len - 2] == '%' ||
		b->data[b->len - 1] == ' ')
		b->len--;
	b->data[b->len] = '\0';
	return 0;
}

void rpc_server_finish(struct rpc_call *call, enum rpc_status status, const char *message,
	const void *details, size_t details_len)
{
	int r = 0;

	if (call->finishing)
		return;
	call->finishing = true;
	call->status = status;
	if (message)
		r = encode_message(call, message);
	if (r == 0 && details_len > 0 && details_len <= RPC_STATUS_DETAILS_MAX)
		r = rpc_base64_encode(details, details_len, &call->status_details);
	/* Behind queued messages they go when the last of these has been handed out. */
	if (r == 0 && !call->out_first)
		r = rpc_server_trailers(call);
	if (r == -ENOMEM)
		rpc_session_fail(call->s, r, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

void rpc_call_finish_details(struct rpc_call *call, enum rpc_status status, const char *message,
	const void *details, size_t details_len)
{
	if (!call->s->server || call->ended || call->doomed || !call->stream_open)
		return;
	rpc_server_finish(call, status, message, details, details_len);
	/* What came and was not told is dropped, but not under the feet of who is told now. */
	rpc_call_ready(call);
}

void rpc_call_finish(struct rpc_call *call, enum rpc_status status, const char *message)
{
	rpc_call_finish_details(call, status, message, NULL, 0);
}

void rpc_server_end(struct rpc_call *call)
{
	static const struct rpc_metadata none = RPC_METADATA_INIT;
	struct rpc_end end = {
		.status = RPC_CANCELLED,
		.message = "cancelled by the client",
		.trailers = &none,
	};

	if (call->doomed) {
		end.status = call->doom_status;
		end.message = call->doom_message;
	} else if (call->complete) {
		end.status = call->status;
		end.message = "";
		end.complete = true;
	}
	rpc_call_end(call, &end);
}

/* --- the request --- */

/* In HTTP's words; grpc-status is for those who look only at that. */
static void refuse_http(struct rpc_call *call, const char *code, const char *message)
{
	struct rpc_fields f;
	int r;

	call->finishing = true;
	call->end_queued = true;
	call->status = RPC_INTERNAL;
	f.n = 0;
	rpc_fields_add(&f, ":status", code, strlen(code));
	if (str_eq(code, "405"))
		rpc_fields_add(&f, "allow", "POST", 4);
	rpc_fields_add(&f, "grpc-status", "13", 2);
	rpc_fields_add(&f, "grpc-message", message, strlen(message));
	r = submit_response(call, &f, false);
	if (r == -ENOMEM)
		rpc_session_fail(call->s, r, NGHTTP2_INTERNAL_ERROR, "out of memory");
}

static bool encoding_ok(const char *encoding)
{
	return !encoding || str_eq(encoding, "identity");
}

static bool set_timeout(struct rpc_call *call)
{
	const char *text = rpc_metadata_get(&call->head, "grpc-timeout");
	uint64_t ms;

	if (!text)
		return true;
	if (rpc_timeout_parse(text, &ms) < 0)
		return false;
	rpc_call_set_deadline(call, call->s->now_ms + ms);
	return true;
}

/* Who owns the session has a say. */
static bool admitted(struct rpc_call *call)
{
	const struct rpc_owner *owner = &call->s->owner;
	const char *text = "";
	enum rpc_status status =
		owner->admit ? owner->admit(&call->head, &text, owner->data) : RPC_OK;

	if (status != RPC_OK)
		rpc_server_finish(call, status, text, NULL, 0);
	return status == RPC_OK;
}

/* True: it is gRPC, and for a method that we have. */
static bool judge(struct rpc_call *call)
{
	const char *method = rpc_metadata_get(&call->head, ":method");
	const char *path = rpc_metadata_get(&call->head, ":path");

	if (call->head_too_large) {
		rpc_server_finish(
			call, RPC_RESOURCE_EXHAUSTED, "header list is too large", NULL, 0);
	} else if (!str_eq(method ? method : "", "POST")) {
		refuse_http(call, "405", "the method of gRPC is POST");
	} else if (!rpc_content_type_ok(rpc_metadata_get(&call->head, "content-type"))) {
		refuse_http(call, "415", "the content-type of gRPC is application/grpc");
	} else if (!admitted(call)) {
		return false;
	} else if (!(call->method = find_method(call->s, path ? path : ""))) {
		rpc_server_finish(call, RPC_UNIMPLEMENTED, "unknown method", NULL, 0);
	} else if (!encoding_ok(rpc_metadata_get(&call->head, "grpc-encoding"))) {
		rpc_server_finish(
			call, RPC_UNIMPLEMENTED, "compressed messages are not supported", NULL, 0);
	} else if (!set_timeout(call)) {
		rpc_server_finish(call, RPC_INTERNAL, "grpc-timeout is not valid", NULL, 0);
	} else {
		return true;
	}
	return false;
}

void rpc_server_request(struct rpc_call *call)
{
	if (!judge(call))
		return;
	call->handler = call->method->handler;
	call->data = call->method->data;
	if (call->handler->on_start)
		call->handler->on_start(call, call->data);
}
