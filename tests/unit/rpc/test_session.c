/* SPDX-License-Identifier: GPL-3.0-or-later */

/* The life of a connection: drain, keep-alive, ends of all kinds, and what the owner is told. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "raw.h"

static void start(struct pair *p)
{
	assert_int_equal(pair_start(p, NULL, NULL), 0);
}

static void hold(struct pair *p, struct seen *seen)
{
	assert_int_equal(pair_call(p, "/t.T/Hold", seen), 0);
	pair_run(p);
	assert_non_null(served.call);
}

static void unsorted_methods(void **state)
{
	static const struct rpc_handler none;
	static const struct rpc_method same[] = {{"/a", &none, NULL}, {"/a", &none, NULL}};
	struct rpc_session *s;

	assert_int_equal(rpc_server_new(same, 2, NULL, NULL, 0, &s), -EINVAL);
	assert_int_equal(rpc_server_new(same, 1, NULL, NULL, 0, &s), 0);
	rpc_session_free(s);
	assert_int_equal(rpc_server_new(NULL, 0, NULL, NULL, 0, &s), 0);
	rpc_session_free(s);
	rpc_session_free(NULL);
}

static void server_drains(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0}, late = {0};

	start(&p);
	hold(&p, &seen);
	rpc_session_drain(p.server, p.now_ms);
	rpc_session_drain(p.server, p.now_ms);
	pair_run(&p);
	assert_false(rpc_client_open(p.client));
	assert_int_equal(pair_call(&p, "/t.T/Hold", &late), -EPIPE);
	assert_false(rpc_session_ended(p.server));
	assert_int_equal(rpc_call_send(served.call, "x", 1), 0);
	rpc_call_finish(served.call, RPC_OK, NULL);
	pair_run(&p);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.status, RPC_OK);
	assert_int_equal(seen.messages, 1);
	assert_true(rpc_session_ended(p.server));
	assert_true(rpc_session_ended(p.client));
	assert_string_equal(rpc_session_reason(p.client, NULL), "");
	pair_stop(&p);
}

/* A call that is on its way when the server begins to drain is served. */
static void drain_crosses_call(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen first = {0}, seen = {0};
	AUTO(buf_fini) struct buf b = BUF_INIT;

	start(&p);
	hold(&p, &first);
	assert_int_equal(pair_call(&p, "/t.T/Echo", &seen), 0);
	assert_int_equal(rpc_call_send(seen.call, "x", 1), 0);
	rpc_call_half_close(seen.call);
	raw_output(p.client, &b, p.now_ms);
	rpc_session_drain(p.server, p.now_ms);
	p.to_server_blocked = true;
	pair_run(&p);
	assert_false(rpc_client_open(p.client));
	raw_feed(p.server, &b, p.now_ms);
	p.to_server_blocked = false;
	pair_run(&p);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.status, RPC_OK);
	pair_stop(&p);
	assert_int_equal(first.ends, 1);
}

/* The peer does not answer the PING: the final GOAWAY goes by time. */
static void drain_without_answer(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	hold(&p, &seen);
	p.to_server_blocked = true;
	rpc_session_drain(p.server, p.now_ms);
	pair_run(&p);
	assert_int_equal(rpc_session_next_ms(p.server), p.now_ms + RPC_DRAIN_NOTICE_MS);
	pair_tick(&p, RPC_DRAIN_NOTICE_MS);
	rpc_call_finish(served.call, RPC_OK, NULL);
	pair_run(&p);
	/* It still waits for the client's side of the stream, which it has asked to stop. */
	p.to_server_blocked = false;
	pair_run(&p);
	assert_int_equal(seen.status, RPC_OK);
	assert_true(rpc_session_ended(p.server));
	pair_stop(&p);
}

static void drain_idle(void **state)
{
	struct pair p = {.chunk = 0};

	start(&p);
	pair_run(&p);
	rpc_session_drain(p.server, p.now_ms);
	pair_run(&p);
	assert_true(rpc_session_ended(p.server));
	pair_stop(&p);
}

static void client_drains(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0}, late = {0};

	start(&p);
	hold(&p, &seen);
	rpc_session_drain(p.client, p.now_ms);
	assert_int_equal(pair_call(&p, "/t.T/Hold", &late), -EPIPE);
	pair_run(&p);
	assert_false(rpc_session_ended(p.client));
	rpc_call_finish(served.call, RPC_OK, NULL);
	pair_run(&p);
	assert_int_equal(seen.status, RPC_OK);
	assert_true(rpc_session_ended(p.client));
	assert_true(rpc_session_ended(p.server));
	pair_stop(&p);
}

/* Calls that the server has never seen may be made again. */
static void goaway_before_call(void **state)
{
	struct rpc_limits one = {.streams_max = 1};
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0}, waiting = {0};

	assert_int_equal(pair_start(&p, NULL, &one), 0);
	hold(&p, &seen);
	assert_int_equal(pair_call(&p, "/t.T/Hold", &waiting), 0);
	pair_run(&p);
	assert_int_equal(served.heads, 1);
	rpc_session_drain(p.server, p.now_ms);
	pair_run(&p);
	rpc_call_finish(served.call, RPC_OK, NULL);
	pair_run(&p);
	assert_int_equal(seen.status, RPC_OK);
	assert_int_equal(waiting.ends, 1);
	assert_int_equal(waiting.status, RPC_UNAVAILABLE);
	assert_true(waiting.unprocessed);
	pair_stop(&p);
}

static void keepalive(void **state)
{
	struct rpc_limits limits = {.keepalive_ms = 5000, .keepalive_timeout_ms = 1000};
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};
	int error;

	assert_int_equal(pair_start(&p, &limits, &limits), 0);
	hold(&p, &seen);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(rpc_session_next_ms(p.server), p.now_ms + 5000);
		assert_int_equal(rpc_session_next_ms(p.client), p.now_ms + 5000);
		pair_tick(&p, 5000);
		assert_int_equal(rpc_session_calls(p.client), 1);
	}
	/* The line is cut, which nobody says. */
	p.to_client_blocked = p.to_server_blocked = true;
	pair_tick(&p, 5000);
	pair_tick(&p, 999);
	assert_int_equal(seen.ends, 0);
	pair_tick(&p, 1);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.status, RPC_UNAVAILABLE);
	assert_int_equal(served.ends, 1);
	assert_string_equal(rpc_session_reason(p.server, &error), "no answer to a PING");
	assert_int_equal(error, -ETIMEDOUT);
	pair_stop(&p);
}

/* A client without calls does not ping; with it off nobody does. */
static void keepalive_off(void **state)
{
	struct rpc_limits never = {.keepalive_ms = RPC_NEVER};
	struct pair p = {.chunk = 0};

	assert_int_equal(pair_start(&p, NULL, &never), 0);
	pair_run(&p);
	assert_int_equal(rpc_session_next_ms(p.client), RPC_NEVER);
	assert_int_equal(rpc_session_next_ms(p.server), RPC_NEVER);
	pair_stop(&p);
}

static void connection_lost(void **state)
{
	struct pair p = {.chunk = 0};
	struct seen seen[3] = {{0}};
	int error;

	start(&p);
	for (int i = 0; i < 3; i++)
		hold(&p, &seen[i]);
	assert_int_equal(rpc_call_send(seen[0].call, "x", 1), 0);
	rpc_session_eof(p.client, -ECONNRESET, p.now_ms);
	rpc_session_eof(p.client, 0, p.now_ms);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(seen[i].ends, 1);
		assert_int_equal(seen[i].status, RPC_UNAVAILABLE);
		assert_false(seen[i].complete);
	}
	assert_true(rpc_session_ended(p.client));
	rpc_session_reason(p.client, &error);
	assert_int_equal(error, -ECONNRESET);
	rpc_session_eof(p.server, 0, p.now_ms);
	assert_int_equal(served.ends, 3);
	assert_int_equal(served.status, RPC_CANCELLED);
	assert_true(rpc_session_ended(p.server));
	pair_stop(&p);
	assert_int_equal(served.ends, 3);
	for (int i = 0; i < 3; i++)
		seen_fini(&seen[i]);
}

/* The owner is asked before the handler, and before it is said whether there is such a method. */
static void admitted_by_owner(void **state)
{
	static const char *const paths[] = {"/t.T/Hold", "/t.T/None"};
	struct pair p = {.chunk = 0};
	AUTO(rpc_metadata_fini) struct rpc_metadata token = RPC_METADATA_INIT;

	start(&p);
	p.refuses = true;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		AUTO(seen_fini) struct seen seen = {0};

		assert_int_equal(pair_call(&p, paths[i], &seen), 0);
		pair_run(&p);
		assert_null(served.call);
		assert_int_equal(seen.ends, 1);
		assert_int_equal(seen.status, RPC_UNAUTHENTICATED);
		assert_string_equal(seen.message, "no token");
	}
	assert_int_equal(rpc_metadata_add(&token, "x-token", "1"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		AUTO(seen_fini) struct seen seen = {0};

		assert_int_equal(pair_call_with(&p, paths[i], &token, RPC_NEVER, &seen), 0);
		pair_run(&p);
		assert_int_equal(served.call != NULL, i == 0);
		if (i == 0)
			rpc_call_finish(served.call, RPC_OK, NULL);
		pair_run(&p);
		assert_int_equal(seen.status, i == 0 ? RPC_OK : RPC_UNIMPLEMENTED);
	}
	pair_stop(&p);
}

static void closed_by_owner(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	hold(&p, &seen);
	p.server_wakes = 0;
	rpc_session_close(p.server, "over the quota");
	assert_int_equal(served.ends, 0);
	assert_int_equal(p.server_wakes, 1);
	pair_run(&p);
	assert_int_equal(served.ends, 1);
	assert_true(rpc_session_ended(p.server));
	/* The client's call may still be answered, as far as HTTP/2 goes, until the line is cut. */
	assert_int_equal(seen.ends, 0);
	rpc_session_eof(p.client, 0, p.now_ms);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.status, RPC_UNAVAILABLE);
	assert_true(rpc_session_ended(p.client));
	assert_string_equal(rpc_session_reason(p.server, NULL), "over the quota");
	pair_stop(&p);
}

/* A farewell that is not read holds nobody up. */
static void farewell_unread(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};
	const void *out;
	size_t n;

	start(&p);
	hold(&p, &seen);
	rpc_session_close(p.server, "bye");
	assert_int_equal(rpc_session_output(p.server, p.now_ms, &out, &n), 0);
	assert_true(n > 0);
	assert_int_equal(rpc_session_next_ms(p.server), p.now_ms + RPC_LINGER_MS);
	rpc_session_tick(p.server, p.now_ms + RPC_LINGER_MS - 1);
	assert_false(rpc_session_ended(p.server));
	rpc_session_tick(p.server, p.now_ms + RPC_LINGER_MS);
	assert_true(rpc_session_ended(p.server));
	assert_int_equal(rpc_session_next_ms(p.server), RPC_NEVER);
	/* Whoever is still writing may go on. */
	assert_memory_equal((const char *)out + n - 17, "\0\0\x08\x07", 4);
	rpc_session_consumed(p.server, n);
	assert_int_equal(rpc_session_output(p.server, p.now_ms, &out, &n), 0);
	assert_int_equal(n, 0);
	pair_stop(&p);
}

static void freed_with_calls(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0}, unsent = {0};

	start(&p);
	hold(&p, &seen);
	assert_int_equal(rpc_call_send(served.call, "x", 1), 0);
	assert_int_equal(pair_call(&p, "/t.T/Hold", &unsent), 0);
	pair_stop(&p);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(unsent.ends, 1);
	assert_int_equal(unsent.status, RPC_UNAVAILABLE);
	assert_true(unsent.unprocessed);
	assert_false(seen.unprocessed);
}

/* --- handlers that do more than they should --- */

static void end_and_start(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct seen *seen = data;

	seen->ends++;
	rpc_call_cancel(call);
	rpc_call_pause(call);
	rpc_call_resume(call);
	rpc_call_half_close(call);
	assert_int_equal(rpc_call_send(call, "x", 1), -EPIPE);
	/* A new call from the end of the last; not where the session is over. */
	if (seen->ends < 5)
		assert_int_equal(pair_call(seen->pair, "/t.T/Fail", seen), 0);
}

static void calls_from_end(void **state)
{
	static const struct rpc_handler again = {.on_end = end_and_start};
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {.pair = &p};
	struct rpc_call_params params = {
		.path = "/t.T/Fail",
		.authority = "a",
		.deadline_ms = RPC_NEVER,
		.handler = &again,
		.data = &seen,
	};
	struct rpc_call *call;

	start(&p);
	assert_int_equal(rpc_client_call(p.client, &params, p.now_ms, &call), 0);
	pair_run(&p);
	assert_int_equal(p.ended, 2);
	assert_int_equal(seen.ends, 2);
	pair_stop(&p);
}

static void wake_once(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	hold(&p, &seen);
	p.server_wakes = 0;
	for (int i = 0; i < 10; i++)
		assert_int_equal(rpc_call_send(served.call, "x", 1), 0);
	assert_int_equal(p.server_wakes, 1);
	assert_true(rpc_session_wants_write(p.server));
	pair_run(&p);
	assert_false(rpc_session_wants_write(p.server));
	assert_int_equal(seen.messages, 10);
	assert_int_equal(rpc_call_send(served.call, "x", 1), 0);
	assert_int_equal(p.server_wakes, 2);
	pair_stop(&p);
}

/* --- a server that keeps to no rule --- */

struct answer {
	const char *status, *type, *grpc_status; /* NULL: without */
	bool end;
	enum rpc_status expected;
};

static void answer(struct buf *b, const struct answer *a)
{
	AUTO(buf_fini) struct buf block = BUF_INIT;

	raw_field(&block, ":status", a->status);
	if (a->type)
		raw_field(&block, "content-type", a->type);
	if (a->grpc_status)
		raw_field(&block, "grpc-status", a->grpc_status);
	raw_frame(b, RAW_HEADERS, RAW_END_HEADERS | (a->end ? RAW_END_STREAM : 0), 1, block.data,
		block.len);
}

static void answers(void **state)
{
	static const struct answer cases[] = {
		{"200", "application/grpc", "0", true, RPC_OK},
		{"200", "application/grpc", "5", true, RPC_NOT_FOUND},
		{"200", "application/grpc", "99", true, RPC_UNKNOWN},
		{"200", "application/grpc", NULL, true, RPC_UNKNOWN},
		{"200", "text/html", NULL, false, RPC_UNKNOWN},
		{"404", "text/html", NULL, true, RPC_UNIMPLEMENTED},
		{"404", "text/html", NULL, false, RPC_UNIMPLEMENTED},
		{"401", NULL, NULL, true, RPC_UNAUTHENTICATED},
		{"503", NULL, NULL, true, RPC_UNAVAILABLE},
		{"503", NULL, "8", true, RPC_RESOURCE_EXHAUSTED},
		{"500", NULL, NULL, true, RPC_UNKNOWN},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pair p = {.chunk = 0};
		AUTO(seen_fini) struct seen seen = {0};
		AUTO(buf_fini) struct buf b = BUF_INIT;

		start(&p);
		assert_int_equal(pair_call(&p, "/t.T/Hold", &seen), 0);
		p.to_server_blocked = true;
		raw_output(p.client, &b, p.now_ms);
		buf_clear(&b);
		raw_frame(&b, RAW_SETTINGS, 0, 0, NULL, 0);
		answer(&b, &cases[i]);
		raw_feed(p.client, &b, p.now_ms);
		raw_output(p.client, &b, p.now_ms);
		assert_int_equal(seen.ends, 1);
		assert_int_equal(seen.status, cases[i].expected);
		assert_int_equal(rpc_session_calls(p.client), 0);
		assert_false(rpc_session_ended(p.client));
		pair_stop(&p);
	}
}

static void resets(void **state)
{
	static const struct {
		const char *code;
		enum rpc_status expected;
		bool unprocessed;
	} cases[] = {
		{"\0\0\0\0", RPC_UNKNOWN, false},
		{"\0\0\0\2", RPC_INTERNAL, false},
		{"\0\0\0\7", RPC_UNAVAILABLE, true},
		{"\0\0\0\x08", RPC_CANCELLED, false},
		{"\0\0\0\x0b", RPC_RESOURCE_EXHAUSTED, false},
		{"\0\0\0\x0c", RPC_PERMISSION_DENIED, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pair p = {.chunk = 0};
		AUTO(seen_fini) struct seen seen = {0};
		AUTO(buf_fini) struct buf b = BUF_INIT;

		start(&p);
		assert_int_equal(pair_call(&p, "/t.T/Hold", &seen), 0);
		raw_output(p.client, &b, p.now_ms);
		buf_clear(&b);
		raw_frame(&b, RAW_SETTINGS, 0, 0, NULL, 0);
		raw_frame(&b, RAW_RST_STREAM, 0, 1, cases[i].code, 4);
		raw_feed(p.client, &b, p.now_ms);
		assert_int_equal(seen.ends, 1);
		assert_int_equal(seen.status, cases[i].expected);
		assert_int_equal(seen.unprocessed, cases[i].unprocessed);
		pair_stop(&p);
	}
}

/* 1xx heads come before the one that counts; a message that is cut short is no success. */
static void informational_then_cut(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};
	AUTO(buf_fini) struct buf b = BUF_INIT;
	AUTO(buf_fini) struct buf block = BUF_INIT;

	start(&p);
	assert_int_equal(pair_call(&p, "/t.T/Hold", &seen), 0);
	raw_output(p.client, &b, p.now_ms);
	buf_clear(&b);
	raw_frame(&b, RAW_SETTINGS, 0, 0, NULL, 0);
	answer(&b, &(struct answer){.status = "103"});
	answer(&b, &(struct answer){.status = "200", .type = "application/grpc"});
	raw_frame(&b, RAW_DATA, 0, 1, "\0\0\0\0\1x\0\0\0\0\2y", 12);
	raw_field(&block, "grpc-status", "0");
	raw_frame(&b, RAW_HEADERS, RAW_END_HEADERS | RAW_END_STREAM, 1, block.data, block.len);
	raw_feed(p.client, &b, p.now_ms);
	raw_output(p.client, &b, p.now_ms);
	assert_int_equal(seen.heads, 1);
	assert_int_equal(seen.messages, 1);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.status, RPC_INTERNAL);
	pair_stop(&p);
}

static void goaway_with_reason(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};
	AUTO(buf_fini) struct buf b = BUF_INIT;

	start(&p);
	assert_int_equal(pair_call(&p, "/t.T/Hold", &seen), 0);
	raw_output(p.client, &b, p.now_ms);
	buf_clear(&b);
	raw_frame(&b, RAW_SETTINGS, 0, 0, NULL, 0);
	raw_frame(&b, RAW_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\x0btoo_many_pings\n", 23);
	raw_feed(p.client, &b, p.now_ms);
	raw_output(p.client, &b, p.now_ms);
	assert_int_equal(seen.ends, 1);
	assert_int_equal(seen.status, RPC_UNAVAILABLE);
	assert_true(seen.unprocessed);
	assert_true(rpc_session_ended(p.client));
	assert_string_equal(
		rpc_session_reason(p.client, NULL), "GOAWAY ENHANCE_YOUR_CALM: too_many_pings?");
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsorted_methods),
		cmocka_unit_test(server_drains),
		cmocka_unit_test(drain_crosses_call),
		cmocka_unit_test(drain_without_answer),
		cmocka_unit_test(drain_idle),
		cmocka_unit_test(client_drains),
		cmocka_unit_test(goaway_before_call),
		cmocka_unit_test(keepalive),
		cmocka_unit_test(keepalive_off),
		cmocka_unit_test(connection_lost),
		cmocka_unit_test(admitted_by_owner),
		cmocka_unit_test(closed_by_owner),
		cmocka_unit_test(farewell_unread),
		cmocka_unit_test(freed_with_calls),
		cmocka_unit_test(calls_from_end),
		cmocka_unit_test(wake_once),
		cmocka_unit_test(answers),
		cmocka_unit_test(resets),
		cmocka_unit_test(informational_then_cut),
		cmocka_unit_test(goaway_with_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
