/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A client session with four calls under way against whatever a server says. The first byte: bit 0
 * says that good SETTINGS come first, bit 1 that the calls do not read, the rest is the size of the
 * pieces. Every call must end once, with a status that is one.
 */

#include <stdlib.h>
#include <string.h>

#include "rpc/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CALLS = 4 };

static struct seen {
	unsigned ends;
	bool pausing;
} seen[CALLS];

static void on_message(struct rpc_call *call, struct buf *message, void *data)
{
	if (((struct seen *)data)->ends > 0)
		abort();
	if (((struct seen *)data)->pausing)
		rpc_call_pause(call);
	if (message->len > 0 && message->data[0] == 'c')
		rpc_call_cancel(call);
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	if (((struct seen *)data)->ends++ > 0 || !end->message || !end->trailers ||
		(unsigned)end->status >= RPC_STATUS_COUNT)
		abort();
}

static const struct rpc_handler handler = {.on_message = on_message, .on_end = on_end};

static void read_output(struct rpc_session *s)
{
	for (;;) {
		const void *out;
		size_t n;

		if (rpc_session_output(s, 1000, &out, &n) < 0)
			abort();
		if (n == 0)
			return;
		rpc_session_consumed(s, n);
	}
}

static void start_calls(struct rpc_session *s, bool pausing)
{
	struct rpc_call_params p = {
		.path = "/a.B/C",
		.authority = "a",
		.deadline_ms = RPC_NEVER,
		.handler = &handler,
	};

	for (int i = 0; i < CALLS; i++) {
		struct rpc_call *call;

		seen[i] = (struct seen){.pausing = pausing};
		p.data = &seen[i];
		if (rpc_client_call(s, &p, 1000, &call) < 0)
			abort();
		if (rpc_call_send(call, "hello", 5) < 0)
			abort();
		if (i % 2 == 0)
			rpc_call_half_close(call);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char settings[] = "\0\0\0\4\0\0\0\0\0";
	struct rpc_limits limits = {.message_max = 10000, .inbound_max = 20000};
	struct rpc_session *s;
	size_t piece;

	if (size < 1 || rpc_client_new(&limits, NULL, 1000, &s) < 0)
		return 0;
	start_calls(s, data[0] & 2);
	read_output(s);
	piece = (size_t)(data[0] >> 2) * 7 + 1;
	if ((data[0] & 1) && rpc_session_feed(s, settings, sizeof(settings) - 1, 1000) < 0)
		abort();
	for (size_t at = 1; at < size; at += piece) {
		if (rpc_session_feed(s, data + at, MIN(piece, size - at), 1000) < 0)
			abort();
		read_output(s);
	}
	rpc_session_free(s);
	for (int i = 0; i < CALLS; i++)
		if (seen[i].ends != 1)
			abort();
	return 0;
}
