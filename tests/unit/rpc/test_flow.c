/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Who does not read, at either end, stops the other and makes nobody hold more than the limits. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"

static char data[1 << 20];

static void start(struct pair *p)
{
	assert_int_equal(pair_start(p, NULL, NULL), 0);
}

/* Send until it is full, n bytes each; how many were taken. */
static unsigned send_until_full(struct rpc_call *call, size_t n)
{
	unsigned count = 0;

	while (!rpc_call_full(call)) {
		assert_true(rpc_call_send(call, data, n) >= 0);
		count++;
	}
	assert_int_equal(rpc_call_send(call, data, n), -ENOBUFS);
	return count;
}

/* A handler that does not consume: what it was not told stays with the client. */
static void slow_handler(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};
	unsigned sent = 0;

	start(&p);
	served.pause_after = 1;
	assert_int_equal(pair_call(&p, "/t.T/Sink", &seen), 0);
	for (int i = 0; i < 10; i++) {
		if (!rpc_call_full(seen.call))
			sent += send_until_full(seen.call, 10000);
		pair_run(&p);
	}
	assert_int_equal(served.messages, 1);
	assert_true(rpc_session_held(p.server) < RPC_STREAM_WINDOW_LARGE * 3);
	assert_true(rpc_session_held(p.client) < RPC_CALL_QUEUE + RPC_STREAM_WINDOW_LARGE);
	assert_true(sent * 10000 < RPC_CALL_QUEUE + 3 * RPC_STREAM_WINDOW_LARGE);

	/* One by one, then all of them. */
	rpc_call_resume(served.call);
	pair_run(&p);
	assert_int_equal(served.messages, 2);
	served.pause_after = 0;
	rpc_call_half_close(seen.call);
	pair_run(&p);
	assert_int_equal(served.messages, 2);
	rpc_call_resume(served.call);
	pair_run(&p);
	assert_int_equal(served.messages, sent);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.status, RPC_OK);
	assert_true(rpc_session_held(p.server) < 200000);
	pair_stop(&p);
}

/* A client that does not read its messages stops the server's handler. */
static void slow_client_handler(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {.pause_after = 3};

	start(&p);
	assert_int_equal(pair_call(&p, "/t.T/Source", &seen), 0);
	pair_run(&p);
	assert_int_equal(seen.messages, 3);
	assert_true(served.messages < 50);
	assert_int_equal(seen.ends, 0);
	for (unsigned i = 4; i <= 10; i++) {
		rpc_call_resume(seen.call);
		pair_run(&p);
		assert_int_equal(seen.messages, i);
	}
	seen.pause_after = 0;
	rpc_call_resume(seen.call);
	pair_run(&p);
	assert_int_equal(seen.messages, 100);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.status, RPC_OK);
	assert_int_equal(served.ends, 1);
	assert_true(served.writables > 0);
	pair_stop(&p);
}

/* The end comes after the messages, and they after resume, even if the stream is long closed. */
static void end_waits_for_reader(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {.pause_after = 1};

	start(&p);
	assert_int_equal(pair_call(&p, "/t.T/Echo", &seen), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(rpc_call_send(seen.call, data, 100), 0);
	rpc_call_half_close(seen.call);
	pair_run(&p);
	assert_int_equal(served.ends, 1);
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(seen.messages, i);
		assert_int_equal(seen.ends, i == 5);
		if (i < 5)
			rpc_call_resume(seen.call);
		pair_run(&p);
	}
	assert_int_equal(seen.status, RPC_OK);
	assert_int_equal(rpc_session_calls(p.client), 0);

	/* Cancelled while it waits. */
	seen.messages = seen.ends = 0;
	assert_int_equal(pair_call(&p, "/t.T/Echo", &seen), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(rpc_call_send(seen.call, data, 100), 0);
	rpc_call_half_close(seen.call);
	pair_run(&p);
	rpc_call_cancel(seen.call);
	pair_run(&p);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.status, RPC_CANCELLED);
	pair_stop(&p);
}

/* A connection that the client does not read from at all. */
static void slow_socket(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	p.to_client_blocked = true;
	assert_int_equal(pair_call(&p, "/t.T/Source", &seen), 0);
	pair_run(&p);
	assert_true(served.messages < 15);
	assert_true(rpc_session_held(p.server) < RPC_CALL_QUEUE + 300000);
	p.to_client_blocked = false;
	pair_run(&p);
	assert_int_equal(seen.messages, 100);
	assert_int_equal(seen.status, RPC_OK);
	pair_stop(&p);
}

/* Many streams of a slow reader share one bound. */
static void session_queue(void **state)
{
	struct rpc_limits limits = {.session_queue = 1 << 20};
	struct pair p = {.chunk = 0};
	struct seen seen[20] = {{0}};
	struct rpc_call *calls[20];
	size_t full = 0;

	assert_int_equal(pair_start(&p, NULL, &limits), 0);
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		assert_int_equal(pair_call(&p, "/t.T/Hold", &seen[i]), 0);
		pair_run(&p);
		calls[i] = served.call;
	}
	p.to_client_blocked = true;
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		int r = rpc_call_send(calls[i], data, 200000);

		assert_int_equal(r, i < 5 ? 0 : RPC_CALL_FULL);
		full += r == RPC_CALL_FULL;
	}
	assert_int_equal(served.writables, 0);
	p.to_client_blocked = false;
	pair_run(&p);
	assert_int_equal(served.writables, full);
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		assert_int_equal(seen[i].messages, 1);
		assert_int_equal(rpc_call_send(calls[i], data, 1), 0);
	}
	pair_stop(&p);
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		assert_int_equal(seen[i].ends, 1);
		assert_int_equal(seen[i].status, RPC_UNAVAILABLE);
		seen_fini(&seen[i]);
	}
}

/* More large messages at once than there is room for: they take turns, and all arrive. */
static void inbound_room(void **state)
{
	enum { N = 40, SIZE = 900000 };
	struct rpc_limits limits = {.message_max = 1 << 20, .inbound_max = 2 << 20};
	struct pair p = {.chunk = 16384};
	struct seen seen[N] = {{0}};
	size_t most = 0;

	assert_int_equal(pair_start(&p, NULL, &limits), 0);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(pair_call(&p, "/t.T/Sink", &seen[i]), 0);
		assert_true(rpc_call_send(seen[i].call, data, SIZE) >= 0);
	}
	/* Small ones pass in spite of the crowd. */
	for (int turn = 0; turn < 4000; turn++) {
		const void *bytes;
		size_t n;

		assert_int_equal(rpc_session_output(p.client, p.now_ms, &bytes, &n), 0);
		assert_int_equal(rpc_session_feed(p.server, bytes, n, p.now_ms), 0);
		rpc_session_consumed(p.client, n);
		assert_int_equal(rpc_session_output(p.server, p.now_ms, &bytes, &n), 0);
		assert_int_equal(rpc_session_feed(p.client, bytes, n, p.now_ms), 0);
		rpc_session_consumed(p.server, n);
		most = MAX(most, rpc_session_held(p.server));
	}
	assert_int_equal(served.messages, N);
	/* Two messages (their buffers double), windows of those that wait, and what is fixed. */
	assert_true(most < 2 * (2 << 20) + N * RPC_STREAM_WINDOW + 1000000);
	for (size_t i = 0; i < N; i++)
		rpc_call_half_close(seen[i].call);
	pair_run(&p);
	for (size_t i = 0; i < N; i++) {
		assert_int_equal(seen[i].ends, 1);
		assert_int_equal(seen[i].status, RPC_OK);
		seen_fini(&seen[i]);
	}
	pair_stop(&p);
}

/* Those who wait in line and go away, or stop reading, do not hold up who is behind them. */
static void line_moves_on(void **state)
{
	struct rpc_limits limits = {.message_max = 1 << 20, .inbound_max = 1 << 20};
	struct pair p = {.chunk = 0};
	struct seen seen[4] = {{0}};
	struct rpc_call *calls[4];

	assert_int_equal(pair_start(&p, NULL, &limits), 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(pair_call(&p, "/t.T/Hold", &seen[i]), 0);
		pair_run(&p);
		calls[i] = served.call;
	}
	/* The first has room, and its message is held up by its own client. */
	p.to_client_blocked = true;
	assert_int_equal(rpc_call_send(seen[0].call, data, 1000000), 0);
	pair_run(&p);
	for (size_t i = 1; i < 4; i++) {
		assert_int_equal(rpc_call_send(seen[i].call, data, 500000), 0);
		pair_run(&p);
	}
	assert_int_equal(served.messages, 0);
	rpc_call_pause(calls[1]);
	rpc_call_cancel(calls[2]);
	p.to_client_blocked = false;
	pair_run(&p);
	assert_int_equal(served.messages, 2); /* of the first and the last */
	rpc_call_resume(calls[1]);
	pair_run(&p);
	assert_int_equal(served.messages, 3);
	pair_stop(&p);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(seen[i].ends, 1);
		seen_fini(&seen[i]);
	}
}

/* The large windows are a few; they come back when calls end. */
static void large_windows(void **state)
{
	enum { N = RPC_LARGE_STREAMS + 10 };
	struct pair p = {.chunk = 0};
	struct seen *seen = calloc(N, sizeof(*seen));
	struct rpc_call **calls = calloc(N, sizeof(struct rpc_call *));

	assert_non_null(seen);
	assert_non_null(calls);
	start(&p);
	for (int round = 0; round < 2; round++) {
		served.pause_after = 0;
		served.messages = 0;
		for (size_t i = 0; i < N; i++) {
			assert_int_equal(pair_call(&p, "/t.T/Hold", &seen[i]), 0);
			assert_int_equal(rpc_call_send(seen[i].call, data, 20000), 0);
			pair_run(&p);
			calls[i] = served.call;
			rpc_call_pause(calls[i]);
		}
		for (size_t i = 0; i < N; i++)
			send_until_full(seen[i].call, 50000);
		pair_run(&p);
		assert_int_equal(served.messages, N);
		assert_true(rpc_session_held(p.server) <
			    (size_t)RPC_LARGE_STREAMS * 2 * RPC_STREAM_WINDOW_LARGE +
				    N * 3 * RPC_STREAM_WINDOW);
		for (size_t i = 0; i < N; i++)
			rpc_call_cancel(seen[i].call);
		pair_run(&p);
		assert_int_equal(rpc_session_calls(p.server), 0);
		assert_true(rpc_session_held(p.server) < 1000000);
	}
	pair_stop(&p);
	for (size_t i = 0; i < N; i++)
		seen_fini(&seen[i]);
	free(seen);
	free(calls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slow_handler),
		cmocka_unit_test(slow_client_handler),
		cmocka_unit_test(end_waits_for_reader),
		cmocka_unit_test(slow_socket),
		cmocka_unit_test(session_queue),
		cmocka_unit_test(inbound_room),
		cmocka_unit_test(line_moves_on),
		cmocka_unit_test(large_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
