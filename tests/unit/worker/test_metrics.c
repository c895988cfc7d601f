/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "worker/metrics.h"

static const struct rpc_method methods[] = {
	{.path = "/a.A/Get"},
	{.path = "/a.A/\"quoted\"\\\n"},
	{.path = "/b.B/Put"},
};

static struct metrics make(void)
{
	struct metrics m;

	assert_int_equal(metrics_init(&m, methods, ARRAY_SIZE(methods), 1000, 1700000000), 0);
	return m;
}

static char *print(const struct metrics *m, const struct metrics_now *now)
{
	struct buf text = BUF_INIT_MAX(METRICS_TEXT_MAX);

	assert_int_equal(metrics_print(m, now, &text), 0);
	return buf_take(&text);
}

/* The text has this line. */
static void expect(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at++)
		if ((at == text || at[-1] == '\n') && at[n] == '\n')
			return;
	fail_msg("no line \"%s\" in:\n%s", line, text);
}

static const struct metrics_now nothing = {.now_ms = 3500, .version = "1.\"x\""};

/* ---- what is counted ---- */

static void test_rpcs(void **state)
{
	struct metrics m = make();
	AUTO(util_free) char *text = NULL;

	metrics_rpc(
		&(struct rpc_call_stats){
			.path = "/b.B/Put", .duration_ms = 7, .bytes_in = 10, .bytes_out = 1},
		&m);
	metrics_rpc(&(struct rpc_call_stats){.path = "/b.B/Put",
			    .status = RPC_NOT_FOUND,
			    .duration_ms = 400000,
			    .bytes_in = 5},
		&m);
	metrics_rpc(&(struct rpc_call_stats){.path = methods[1].path, .status = 99}, &m);
	metrics_rpc(&(struct rpc_call_stats){.path = NULL, .status = RPC_UNIMPLEMENTED}, &m);
	metrics_rpc(&(struct rpc_call_stats){.path = "/c.C/No", .status = RPC_UNIMPLEMENTED}, &m);
	text = print(&m, &nothing);
	expect(text, "# TYPE distccd_rpcs counter");
	expect(text, "distccd_rpcs_total{method=\"/b.B/Put\",status=\"OK\"} 1");
	expect(text, "distccd_rpcs_total{method=\"/b.B/Put\",status=\"NOT_FOUND\"} 1");
	expect(text,
		"distccd_rpcs_total{method=\"/a.A/\\\"quoted\\\"\\\\\\n\",status=\"UNKNOWN\"} 1");
	expect(text, "distccd_rpcs_total{method=\"other\",status=\"UNIMPLEMENTED\"} 2");
	expect(text, "distccd_rpc_received_bytes_total{method=\"/b.B/Put\"} 15");
	expect(text, "distccd_rpc_sent_bytes_total{method=\"/b.B/Put\"} 1");
	expect(text, "# TYPE distccd_rpc_seconds histogram");
	expect(text, "# UNIT distccd_rpc_seconds seconds");
	expect(text, "distccd_rpc_seconds_bucket{method=\"/b.B/Put\",le=\"0.005\"} 0");
	expect(text, "distccd_rpc_seconds_bucket{method=\"/b.B/Put\",le=\"0.01\"} 1");
	expect(text, "distccd_rpc_seconds_bucket{method=\"/b.B/Put\",le=\"300.0\"} 1");
	expect(text, "distccd_rpc_seconds_bucket{method=\"/b.B/Put\",le=\"+Inf\"} 2");
	expect(text, "distccd_rpc_seconds_count{method=\"/b.B/Put\"} 2");
	expect(text, "distccd_rpc_seconds_sum{method=\"/b.B/Put\"} 400.007");
	assert_null(strstr(text, "/a.A/Get"));
	metrics_fini(&m);
}

static void test_jobs_and_clients(void **state)
{
	struct metrics m = make();
	AUTO(util_free) char *text = NULL;

	metrics_client_came(&m);
	metrics_client_came(&m);
	metrics_client_came(&m);
	metrics_client_is(&m, METRICS_GRPC);
	metrics_client_is(&m, METRICS_DISTCC);
	metrics_client_gone(&m, METRICS_DISTCC);
	metrics_client_gone(&m, METRICS_UNKNOWN);
	m.clients_refused = 4;
	m.bytes_in = 123456789012;
	metrics_job(&m, METRICS_DISTCC, METRICS_JOB_OK, 30, 2000);
	metrics_job(&m, METRICS_GRPC, METRICS_JOB_EXITED, 1000, 2000);
	metrics_job(&m, METRICS_GRPC, METRICS_JOB_CACHED, 9999, 2000);
	metrics_sandbox(&m, 4200000);
	metrics_waited(&m, 0);
	assert_int_equal(metrics_jobs(&m, METRICS_JOB_OK), 1);
	text = print(&m, &nothing);
	expect(text, "distccd_clients_total{protocol=\"grpc\"} 1");
	expect(text, "distccd_clients_total{protocol=\"unknown\"} 1");
	expect(text, "distccd_clients_total{protocol=\"pages\"} 0");
	expect(text, "distccd_clients_open{protocol=\"grpc\"} 1");
	expect(text, "distccd_clients_open{protocol=\"distcc\"} 0");
	expect(text, "distccd_clients_open{protocol=\"unknown\"} 0");
	expect(text, "distccd_clients_refused_total 4");
	expect(text, "distccd_received_bytes_total 123456789012");
	expect(text, "distccd_jobs_total{protocol=\"distcc\",outcome=\"ok\"} 1");
	expect(text, "distccd_jobs_total{protocol=\"grpc\",outcome=\"cached\"} 1");
	expect(text, "distccd_jobs_total{protocol=\"grpc-tls\",outcome=\"error\"} 0");
	expect(text, "distccd_job_seconds_bucket{le=\"0.025\"} 0");
	expect(text, "distccd_job_seconds_bucket{le=\"0.05\"} 1");
	expect(text,
		"distccd_job_seconds_bucket{le=\"1.0\"} 2"); /* a bound belongs to its bucket */
	expect(text, "distccd_job_seconds_count 2");
	expect(text, "distccd_job_seconds_sum 1.03");
	expect(text, "distccd_sandbox_setup_seconds_bucket{le=\"0.003\"} 0");
	expect(text, "distccd_sandbox_setup_seconds_bucket{le=\"0.005\"} 1");
	expect(text, "distccd_slot_wait_seconds_sum 0.0");
	metrics_fini(&m);
}

static void test_now(void **state)
{
	struct cas_stats store = {.bytes = 1,
		.max_bytes = 2,
		.entries = 3,
		.hits = 4,
		.misses = 5,
		.evictions = 6,
		.evicted_bytes = 7};
	struct ac_stats actions = {.entries = 8, .hits = 9, .misses = 10, .incomplete = 11};
	struct metrics_now now = {.now_ms = 3500,
		.version = "1.\"x\"",
		.slots = 12,
		.slots_used = 13,
		.queue = 14,
		.draining = true,
		.memory_held = 15,
		.memory_max = 16,
		.store = &store,
		.actions = &actions};
	static const char *const lines[] = {"distccd_build_info{version=\"1.\\\"x\\\"\"} 1",
		"distccd_uptime_seconds 2.5", "distccd_draining 1", "distccd_slots 12",
		"distccd_slots_used 13", "distccd_queue_length 14", "distccd_held_bytes 15",
		"distccd_held_limit_bytes 16", "distccd_store_bytes 1",
		"distccd_store_limit_bytes 2", "distccd_store_entries 3",
		"distccd_store_hits_total 4", "distccd_store_misses_total 5",
		"distccd_store_evictions_total 6", "distccd_store_evicted_bytes_total 7",
		"distccd_action_cache_entries 8", "distccd_action_cache_hits_total 9",
		"distccd_action_cache_misses_total 10", "distccd_action_cache_incomplete_total 11"};
	struct metrics m = make();
	AUTO(util_free) char *text = print(&m, &now), *none = print(&m, &nothing);

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		expect(text, lines[i]);
	assert_string_equal(text + strlen(text) - 7, "\n# EOF\n");
	assert_null(strstr(none, "store"));
	assert_null(strstr(none, "action_cache"));
	metrics_fini(&m);
}

static void test_recent(void **state)
{
	struct metrics m = make();
	uint64_t t = 1000;

	/* One a second for 20 minutes: the step under way is there beside the whole ones. */
	for (int i = 0; i < 1200; i++, t += 1000)
		metrics_job(&m, METRICS_GRPC, METRICS_JOB_OK, 1, t);
	assert_in_range(metrics_recent(&m, 60, t), 60, 75);
	assert_in_range(metrics_recent(&m, 300, t), 300, 315);
	assert_in_range(metrics_recent(&m, 900, t), 900, 915);
	assert_in_range(metrics_recent(&m, 100000, t), 900, 915);
	/* Then none: they leave, without another job. */
	assert_in_range(metrics_recent(&m, 300, t + 120000), 180, 195);
	assert_int_equal(metrics_recent(&m, 60, t + 120000), 0);
	assert_int_equal(metrics_recent(&m, 900, t + 930000), 0);
	metrics_job(&m, METRICS_GRPC, METRICS_JOB_OK, 1, t + 120000);
	assert_int_equal(metrics_recent(&m, 60, t + 120000), 1);
	metrics_job(&m, METRICS_GRPC, METRICS_JOB_OK, 1, t + 10000000);
	assert_int_equal(metrics_recent(&m, 900, t + 10000000), 1);
	/* What did not run is not throughput; a clock that goes back does no harm. */
	metrics_job(&m, METRICS_GRPC, METRICS_JOB_MERGED, 1, t + 10000000);
	metrics_job(&m, METRICS_GRPC, METRICS_JOB_OK, 1, 0);
	assert_int_equal(metrics_recent(&m, 900, t + 10000000), 2);
	metrics_fini(&m);
}

static void test_limits(void **state)
{
	struct rpc_method many[METRICS_METHODS_MAX + 1] = {{.path = "x"}};
	struct buf small = BUF_INIT_MAX(100);
	struct metrics m;

	assert_int_equal(metrics_init(&m, many, ARRAY_SIZE(many), 0, 0), -E2BIG);
	m = make();
	assert_int_equal(metrics_print(&m, &nothing, &small), -E2BIG);
	buf_fini(&small);
	for (int i = 0; i < METRICS_PROTOCOLS; i++)
		assert_true(*metrics_protocol_name((enum metrics_protocol)i));
	for (int i = 0; i < METRICS_OUTCOMES; i++)
		assert_true(*metrics_outcome_name((enum metrics_outcome)i));
	metrics_fini(&m);
}

/* The longest there can be fits into METRICS_TEXT_MAX. */
static void test_largest(void **state)
{
	static char paths[METRICS_METHODS_MAX][120];
	struct rpc_method many[METRICS_METHODS_MAX];
	struct cas_stats store;
	struct ac_stats actions;
	struct metrics_now now = {
		.now_ms = UINT64_MAX, .version = "", .store = &store, .actions = &actions};
	struct metrics m;

	memset(&store, 0xff, sizeof(store));
	memset(&actions, 0xff, sizeof(actions));
	for (int i = 0; i < METRICS_METHODS_MAX; i++) {
		memset(paths[i], 'a', sizeof(paths[i]) - 1);
		paths[i][0] = (char)('!' + i);
		many[i] = (struct rpc_method){.path = paths[i]};
	}
	assert_int_equal(metrics_init(&m, many, METRICS_METHODS_MAX, 0, 0), 0);
	for (size_t i = 0; i < m.n_methods; i++)
		memset(m.methods[i].calls, 0xfe, sizeof(m.methods[i].calls));
	{
		AUTO(util_free) char *text = print(&m, &now);

		assert_true(strlen(text) > METRICS_TEXT_MAX / 4);
	}
	metrics_fini(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rpcs),
		cmocka_unit_test(test_jobs_and_clients),
		cmocka_unit_test(test_now),
		cmocka_unit_test(test_recent),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
