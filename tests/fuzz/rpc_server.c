/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A server session against whatever comes. The first byte: bit 0 says that a good preface comes
 * first, bit 1 that the output is never read, bits 2-3 which handler pauses, the rest is the size
 * of the pieces. Every call must end once, and what is held must keep to the limits.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	unsigned started, ended;
	bool pausing;
} seen;

struct echo {
	bool half_closed, ended;
};

static void on_start(struct rpc_call *call, void *data)
{
	struct echo *e = calloc(1, sizeof(*e));

	if (!e)
		abort();
	seen.started++;
	rpc_call_set_data(call, e);
	if (rpc_metadata_get(rpc_call_metadata(call), "x-refuse"))
		rpc_call_finish(call, RPC_PERMISSION_DENIED, "refused");
}

static void on_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct echo *e = data;

	if (e->half_closed || e->ended)
		abort();
	if (message->len == 1 && message->data[0] == 'c')
		rpc_call_cancel(call);
	else if (rpc_call_send_buf(call, message) < 0)
		rpc_call_finish(call, RPC_RESOURCE_EXHAUSTED, NULL);
	if (seen.pausing)
		rpc_call_pause(call);
}

static void on_half_close(struct rpc_call *call, void *data)
{
	struct echo *e = data;

	if (e->half_closed || e->ended)
		abort();
	e->half_closed = true;
	rpc_call_finish(call, RPC_OK, "done");
}

static void on_writable(struct rpc_call *call, void *data)
{
	if (((struct echo *)data)->ended)
		abort();
	rpc_call_resume(call);
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct echo *e = data;

	if (e->ended || !end->message)
		abort();
	e->ended = true;
	seen.ended++;
	free(e);
}

static const struct rpc_handler echo = {
	on_start, NULL, on_message, on_half_close, on_writable, on_end};
static const struct rpc_method methods[] = {{"/a.B/C", &echo, NULL}, {"/e", &echo, NULL}};

static void read_output(struct rpc_session *s, uint64_t now_ms)
{
	for (;;) {
		const void *out;
		size_t n;

		if (rpc_session_output(s, now_ms, &out, &n) < 0)
			abort();
		if (n == 0)
			return;
		rpc_session_consumed(s, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	struct rpc_limits limits = {.message_max = 10000, .inbound_max = 20000, .call_queue = 5000};
	struct rpc_session *s;
	uint64_t now_ms = 1000;
	size_t piece;

	if (size < 1 || rpc_server_new(methods, ARRAY_SIZE(methods), &limits, NULL, now_ms, &s) < 0)
		return 0;
	memset(&seen, 0, sizeof(seen));
	seen.pausing = data[0] & 4;
	piece = (size_t)(data[0] >> 3) * 7 + 1;
	if ((data[0] & 1) && rpc_session_feed(s, preface, sizeof(preface) - 1, now_ms) < 0)
		abort();
	for (size_t at = 1; at < size; at += piece) {
		if (rpc_session_feed(s, data + at, MIN(piece, size - at), now_ms) < 0)
			abort();
		if (!(data[0] & 2))
			read_output(s, now_ms);
		if (rpc_session_next_ms(s) < now_ms + 20)
			rpc_session_tick(s, now_ms += 20);
		if (rpc_session_held(s) > (64 << 20))
			abort();
	}
	rpc_session_drain(s, now_ms);
	rpc_session_tick(s, now_ms + 5000);
	read_output(s, now_ms + 5000);
	rpc_session_free(s);
	if (seen.started != seen.ended)
		abort();
	return 0;
}
