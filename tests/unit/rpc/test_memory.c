/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Every allocation fails once, nghttp2's too: nothing crashes or leaks, and every call ends. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "failing.h"
#include "pair.h"

static char data[200000];

struct told {
	struct seen seen[4];
	unsigned started;
};

static void say(struct seen *seen)
{
	if (!seen->call)
		return;
	if (rpc_call_send(seen->call, data, sizeof(data)) < 0 ||
		rpc_call_send(seen->call, "x", 1) < 0)
		rpc_call_cancel(seen->call);
	else
		rpc_call_half_close(seen->call);
}

/* One of everything. */
static void work(struct pair *p, struct told *t)
{
	static const char *const paths[] = {"/t.T/Echo", "/t.T/Fail", "/t.T/Hold", "/t.T/Sink"};
	AUTO(rpc_metadata_fini) struct rpc_metadata m = RPC_METADATA_INIT;

	if (rpc_metadata_add(&m, "x-echo", "v") < 0 ||
		rpc_metadata_add_bin(&m, "x-e-bin", "v", 1) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (pair_call_with(p, paths[i], &m, p->now_ms + 1000, &t->seen[i]) < 0)
			continue;
		t->started++;
		if (i != 2)
			say(&t->seen[i]);
		pair_run(p);
	}
	pair_tick(p, 1000);
	rpc_session_drain(p->server, p->now_ms);
	pair_run(p);
}

static void every_allocation(void **state)
{
	unsigned n;

	for (n = 1; failing_start(n); n++) {
		struct pair p = {.chunk = 0};
		struct told t = {.started = 0};
		unsigned ends = 0;
		bool failed;

		if (pair_start(&p, NULL, NULL) == 0)
			work(&p, &t);
		failed = failing_stop();
		pair_stop(&p);
		for (size_t i = 0; i < ARRAY_SIZE(t.seen); i++) {
			ends += t.seen[i].ends;
			assert_true(t.seen[i].ends <= 1);
			if (!failed)
				assert_int_equal(t.seen[i].ends, 1);
			seen_fini(&t.seen[i]);
		}
		assert_int_equal(ends, t.started);
		if (failed)
			continue;
		assert_int_equal(t.seen[0].status, RPC_OK);
		assert_int_equal(t.seen[1].status, RPC_NOT_FOUND);
		assert_int_equal(t.seen[2].status, RPC_DEADLINE_EXCEEDED);
		assert_int_equal(t.seen[3].status, RPC_OK);
	}
	assert_true(n > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
