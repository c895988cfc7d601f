/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"

static const size_t chunks[] = {1, 2, 3, 5, 9, 10, 64, 1000, 16384, SIZE_MAX};

static void start(struct pair *p)
{
	assert_int_equal(pair_start(p, NULL, NULL), 0);
}

/* Both sides were told the end once. */
static void check_ended(const struct seen *seen, enum rpc_status status)
{
	assert_int_equal(seen->ends, 1);
	assert_int_equal(seen->status, status);
	assert_null(seen->call);
}

static void unary_in_chunks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		struct pair p = {.chunk = chunks[i]};
		AUTO(seen_fini) struct seen seen = {0};

		start(&p);
		assert_int_equal(pair_call(&p, "/t.T/Echo", &seen), 0);
		assert_int_equal(rpc_call_send(seen.call, "hello", 5), 0);
		rpc_call_half_close(seen.call);
		assert_int_equal(rpc_call_send(seen.call, "x", 1), -EPIPE);
		assert_int_equal(seen.ends, 0);
		pair_run(&p);
		check_ended(&seen, RPC_OK);
		assert_true(seen.complete);
		assert_int_equal(seen.heads, 1);
		assert_int_equal(seen.messages, 1);
		assert_string_equal(buf_str(&seen.last), "hello");
		check_ended(&served, RPC_OK);
		assert_true(served.complete);
		assert_int_equal(served.half_closes, 1);
		assert_int_equal(p.ended, 1);
		assert_string_equal(p.last_path, "/t.T/Echo");
		assert_int_equal(p.last.bytes_in, 10);
		assert_int_equal(p.last.bytes_out, 10);
		assert_int_equal(rpc_session_calls(p.client), 0);
		assert_int_equal(rpc_session_calls(p.server), 0);
		pair_stop(&p);
		assert_int_equal(seen.ends, 1);
	}
}

/* Sizes around the frames, windows and limits. */
static void echo_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 16379, 16380, 16384, 65531, 65536, 70000, 1 << 20,
		(1 << 20) + 1, 4 << 20, RPC_MESSAGE_MAX};
	char *data = calloc(1, RPC_MESSAGE_MAX);

	assert_non_null(data);
	for (size_t i = 0; i < RPC_MESSAGE_MAX; i++)
		data[i] = (char)(i * 31 + i / 251);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct pair p = {.chunk = 4096};
		AUTO(seen_fini) struct seen seen = {0};
		int r;

		start(&p);
		assert_int_equal(pair_call(&p, "/t.T/Echo", &seen), 0);
		r = rpc_call_send(seen.call, data, sizes[i]);
		assert_int_equal(r, sizes[i] + 5 >= RPC_CALL_QUEUE ? RPC_CALL_FULL : 0);
		rpc_call_half_close(seen.call);
		pair_run(&p);
		check_ended(&seen, RPC_OK);
		assert_int_equal(seen.last.len, sizes[i]);
		if (sizes[i] > 0)
			assert_memory_equal(seen.last.data, data, sizes[i]);
		pair_stop(&p);
	}
	free(data);
}

static void too_large(void **state)
{
	struct rpc_limits small = {.message_max = 1000};
	AUTO(seen_fini) struct seen seen = {0};
	char data[2000] = {0};
	struct pair p = {.chunk = 0};

	/* At the server: the client learns it as the call's status, and the session goes on. */
	assert_int_equal(pair_start(&p, NULL, &small), 0);
	assert_int_equal(pair_call(&p, "/t.T/Echo", &seen), 0);
	assert_int_equal(rpc_call_send(seen.call, data, 1001), 0);
	pair_run(&p);
	check_ended(&seen, RPC_RESOURCE_EXHAUSTED);
	check_ended(&served, RPC_RESOURCE_EXHAUSTED);
	seen.ends = 0;
	assert_int_equal(pair_call(&p, "/t.T/Echo", &seen), 0);
	assert_int_equal(rpc_call_send(seen.call, data, 1000), 0);
	rpc_call_half_close(seen.call);
	pair_run(&p);
	check_ended(&seen, RPC_OK);
	pair_stop(&p);

	/* At the client: the server is told by a reset. */
	seen.ends = 0;
	assert_int_equal(pair_start(&p, &small, NULL), 0);
	assert_int_equal(pair_call(&p, "/t.T/Echo", &seen), 0);
	assert_int_equal(rpc_call_send(seen.call, data, 1001), 0);
	pair_run(&p);
	check_ended(&seen, RPC_RESOURCE_EXHAUSTED);
	check_ended(&served, RPC_CANCELLED);
	pair_stop(&p);
}

static void status_with_all(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		struct pair p = {.chunk = chunks[i]};
		AUTO(seen_fini) struct seen seen = {0};

		start(&p);
		assert_int_equal(pair_call(&p, "/t.T/Fail", &seen), 0);
		pair_run(&p);
		check_ended(&seen, RPC_NOT_FOUND);
		assert_true(seen.complete);
		assert_int_equal(seen.heads, 0);
		assert_string_equal(seen.message, "no such thing: 100% \xc3\xa4\n");
		assert_int_equal(seen.details.len, 3);
		assert_memory_equal(seen.details.data, "\0\1\2", 3);
		assert_string_equal(seen.trailer, "t");
		check_ended(&served, RPC_NOT_FOUND);
		pair_stop(&p);
	}
}

static void long_status(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};
	char text[2000], details[RPC_STATUS_DETAILS_MAX + 1];

	memset(text, '\xff', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memset(details, 7, sizeof(details));
	start(&p);
	assert_int_equal(pair_call(&p, "/t.T/Hold", &seen), 0);
	pair_run(&p);
	rpc_call_finish_details(served.call, RPC_ABORTED, text, details, RPC_STATUS_DETAILS_MAX);
	rpc_call_finish(served.call, RPC_OK, "only the first counts");
	pair_run(&p);
	check_ended(&seen, RPC_ABORTED);
	assert_int_equal(strlen(seen.message), RPC_STATUS_MESSAGE_MAX / 3);
	assert_int_equal(strspn(seen.message, "\xff"), RPC_STATUS_MESSAGE_MAX / 3);
	assert_int_equal(seen.details.len, RPC_STATUS_DETAILS_MAX);

	seen.ends = served.ends = 0;
	assert_int_equal(pair_call(&p, "/t.T/Hold", &seen), 0);
	pair_run(&p);
	rpc_call_finish_details(served.call, RPC_ABORTED, NULL, details, sizeof(details));
	pair_run(&p);
	check_ended(&seen, RPC_ABORTED);
	assert_int_equal(seen.details.len, 0);
	assert_string_equal(seen.message, "");
	pair_stop(&p);
}

static void metadata_both_ways(void **state)
{
	struct pair p = {.chunk = 1};
	AUTO(seen_fini) struct seen seen = {0};
	AUTO(rpc_metadata_fini) struct rpc_metadata m = RPC_METADATA_INIT;
	AUTO(buf_fini) struct buf bin = BUF_INIT;
	const struct rpc_metadata *got;

	assert_int_equal(rpc_metadata_add(&m, "x-echo", "once"), 0);
	assert_int_equal(rpc_metadata_add_bin(&m, "x-some-bin", "\0\xff", 2), 0);
	assert_int_equal(rpc_metadata_add(&m, "authorization", "Bearer t"), 0);
	start(&p);
	assert_int_equal(pair_call_with(&p, "/t.T/Echo", &m, p.now_ms + 5000, &seen), 0);
	pair_run(&p);
	got = rpc_call_metadata(served.call);
	assert_string_equal(rpc_metadata_get(got, ":authority"), "localhost:1");
	assert_string_equal(rpc_metadata_get(got, "authorization"), "Bearer t");
	assert_string_equal(rpc_metadata_get(got, "te"), "trailers");
	assert_int_equal(rpc_metadata_get_bin(got, "x-some-bin", &bin), 0);
	assert_int_equal(bin.len, 2);
	assert_memory_equal(bin.data, "\0\xff", 2);
	assert_string_equal(rpc_call_path(served.call), "/t.T/Echo");
	assert_int_equal(rpc_call_deadline_ms(served.call), p.now_ms + 5000);
	assert_int_equal(rpc_call_send(seen.call, "x", 1), 0);
	rpc_call_half_close(seen.call);
	pair_run(&p);
	check_ended(&seen, RPC_OK);
	assert_string_equal(seen.initial, "once");
	assert_string_equal(seen.trailer, "once");
	pair_stop(&p);
}

static void not_sendable(void **state)
{
	static const char *const paths[] = {"", "t.T/Echo", "/t.T/\n", "/ t"};
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		assert_int_equal(pair_call(&p, paths[i], &seen), -EINVAL);
	assert_int_equal(rpc_session_calls(p.client), 0);
	pair_run(&p);
	assert_int_equal(p.ended, 0);
	pair_stop(&p);
}

static void unknown_method(void **state)
{
	static const char *const paths[] = {"/", "/t.T/", "/t.T/Ech", "/t.T/Echoo", "/z", "/a.A/B"};
	struct pair p = {.chunk = 0};

	start(&p);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		AUTO(seen_fini) struct seen seen = {0};

		assert_int_equal(pair_call(&p, paths[i], &seen), 0);
		assert_int_equal(rpc_call_send(seen.call, "x", 1), 0);
		pair_run(&p);
		check_ended(&seen, RPC_UNIMPLEMENTED);
		assert_int_equal(p.last.status, RPC_UNIMPLEMENTED);
		assert_null(p.last.path);
	}
	assert_int_equal(rpc_session_calls(p.server), 0);
	pair_stop(&p);
}

static void client_cancels(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	assert_int_equal(pair_call(&p, "/t.T/Hold", &seen), 0);
	pair_run(&p);
	assert_non_null(served.call);
	p.client_wakes = 0;
	rpc_call_cancel(seen.call);
	rpc_call_cancel(seen.call);
	assert_int_equal(seen.ends, 0);
	assert_int_equal(p.client_wakes, 1);
	assert_int_equal(rpc_call_send(seen.call, "x", 1), -EPIPE);
	pair_run(&p);
	check_ended(&seen, RPC_CANCELLED);
	assert_false(seen.complete);
	check_ended(&served, RPC_CANCELLED);

	/* Before anything was sent: the server never learns of it. */
	seen.ends = 0;
	served.ends = 0;
	assert_int_equal(pair_call(&p, "/t.T/Hold", &seen), 0);
	rpc_call_cancel(seen.call);
	pair_run(&p);
	check_ended(&seen, RPC_CANCELLED);
	assert_int_equal(served.ends, 0);
	assert_int_equal(rpc_session_calls(p.client), 0);
	pair_stop(&p);
	assert_int_equal(seen.ends, 1);
}

static void server_cancels(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	assert_int_equal(pair_call(&p, "/t.T/Hold", &seen), 0);
	pair_run(&p);
	p.server_wakes = 0;
	rpc_call_cancel(served.call);
	rpc_call_finish(served.call, RPC_OK, NULL);
	rpc_call_cancel(served.call);
	assert_int_equal(served.ends, 0);
	assert_int_equal(p.server_wakes, 1);
	pair_run(&p);
	check_ended(&served, RPC_CANCELLED);
	check_ended(&seen, RPC_CANCELLED);
	pair_stop(&p);
}

/* The server answers before the client has sent all. */
static void early_status(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	assert_int_equal(pair_call(&p, "/t.T/Hold", &seen), 0);
	pair_run(&p);
	assert_int_equal(rpc_call_send(served.call, "part", 4), 0);
	rpc_call_finish(served.call, RPC_PERMISSION_DENIED, "no");
	pair_run(&p);
	check_ended(&seen, RPC_PERMISSION_DENIED);
	assert_int_equal(seen.messages, 1);
	check_ended(&served, RPC_PERMISSION_DENIED);
	assert_true(served.complete);
	assert_false(rpc_session_wants_write(p.client));
	pair_stop(&p);
}

static void client_deadline(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	/* The server's answer does not come in time. */
	assert_int_equal(pair_call_with(&p, "/t.T/Hold", NULL, p.now_ms + 100, &seen), 0);
	pair_run(&p);
	assert_int_equal(rpc_session_next_ms(p.client), p.now_ms + 100);
	p.to_client_blocked = true;
	pair_tick(&p, 99);
	assert_int_equal(seen.ends, 0);
	assert_int_equal(served.ends, 0);
	pair_tick(&p, 1);
	check_ended(&seen, RPC_DEADLINE_EXCEEDED);
	check_ended(&served, RPC_DEADLINE_EXCEEDED);
	p.to_client_blocked = false;
	pair_run(&p);
	assert_int_equal(rpc_session_calls(p.server), 0);

	/* It has passed already. */
	seen.ends = served.ends = 0;
	assert_int_equal(pair_call_with(&p, "/t.T/Hold", NULL, p.now_ms, &seen), 0);
	assert_int_equal(seen.ends, 0);
	pair_run(&p);
	check_ended(&seen, RPC_DEADLINE_EXCEEDED);
	assert_int_equal(served.ends, 0);
	pair_stop(&p);
}

/* The server ends it by itself, by a status that the client gets. */
static void server_deadline(void **state)
{
	struct pair p = {.chunk = 0};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	assert_int_equal(pair_call_with(&p, "/t.T/Hold", NULL, p.now_ms + 100, &seen), 0);
	pair_run(&p);
	assert_int_equal(rpc_session_next_ms(p.server), p.now_ms + 100);
	p.now_ms += 100;
	rpc_session_tick(p.server, p.now_ms);
	check_ended(&served, RPC_DEADLINE_EXCEEDED);
	pair_run(&p);
	check_ended(&seen, RPC_DEADLINE_EXCEEDED);
	assert_true(seen.complete);
	pair_stop(&p);
}

static void many_calls(void **state)
{
	enum { N = 3000 }; /* more than the server takes at once */
	struct pair p = {.chunk = 0};
	struct seen *seen = calloc(N, sizeof(*seen));

	assert_non_null(seen);
	start(&p);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(pair_call(&p, "/t.T/Echo", &seen[i]), 0);
		assert_int_equal(rpc_call_send(seen[i].call, &i, sizeof(i)), 0);
		rpc_call_half_close(seen[i].call);
	}
	pair_run(&p);
	for (unsigned i = 0; i < N; i++) {
		check_ended(&seen[i], RPC_OK);
		assert_int_equal(seen[i].last.len, sizeof(i));
		assert_memory_equal(seen[i].last.data, &i, sizeof(i));
		seen_fini(&seen[i]);
	}
	assert_int_equal(p.ended, N);
	free(seen);
	pair_stop(&p);
}

static void bidi_stream(void **state)
{
	struct pair p = {.chunk = 7};
	AUTO(seen_fini) struct seen seen = {0};

	start(&p);
	assert_int_equal(pair_call(&p, "/t.T/Echo", &seen), 0);
	for (unsigned i = 1; i <= 50; i++) {
		assert_int_equal(rpc_call_send(seen.call, &i, sizeof(i)), 0);
		pair_run(&p);
		assert_int_equal(seen.messages, i);
		assert_memory_equal(seen.last.data, &i, sizeof(i));
	}
	assert_int_equal(seen.ends, 0);
	rpc_call_half_close(seen.call);
	pair_run(&p);
	check_ended(&seen, RPC_OK);
	pair_stop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unary_in_chunks),
		cmocka_unit_test(echo_sizes),
		cmocka_unit_test(too_large),
		cmocka_unit_test(status_with_all),
		cmocka_unit_test(long_status),
		cmocka_unit_test(metadata_both_ways),
		cmocka_unit_test(not_sendable),
		cmocka_unit_test(unknown_method),
		cmocka_unit_test(client_cancels),
		cmocka_unit_test(server_cancels),
		cmocka_unit_test(early_status),
		cmocka_unit_test(client_deadline),
		cmocka_unit_test(server_deadline),
		cmocka_unit_test(many_calls),
		cmocka_unit_test(bidi_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
