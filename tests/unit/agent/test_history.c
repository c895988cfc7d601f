/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/history.h"

static void test_a_job_is_a_line(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct history_record *r;
	struct history h;

	assert_int_equal(history_init(&h), 0);
	r = history_get(&h, history_add(&h));
	r->running = false;
	r->reason = "remote";
	snprintf(r->where, sizeof(r->where), "a:1/2");
	r->exit = 0;
	r->wall_ms = 12;
	r->cpu_ms = 3;
	r->bytes_up = 100;
	r->bytes_down = 50;
	history_set_source(r, "x\ty.c");
	history_get(&h, history_add(&h))->start_ms = 1000;
	assert_int_equal(history_print_jobs(&h, 1005, &b), 0);
	assert_string_equal(buf_str(&b),
		"id\tstate\twhere\treason\texit\twall_ms\tcpu_ms\tbytes_up\tbytes_down\tsource\n"
		"1\tdone\ta:1/2\tremote\t0\t12\t3\t100\t50\tx?y.c\n"
		"2\trunning\tlocal\tstarting\t-\t5\t0\t0\t0\t-\n");
	history_fini(&h);
}

static void test_the_oldest_is_overwritten(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct history h;

	assert_int_equal(history_init(&h), 0);
	for (int i = 0; i <= HISTORY_MAX; i++)
		history_add(&h);
	assert_null(history_get(&h, 1));
	assert_non_null(history_get(&h, 2));
	assert_int_equal(history_print_jobs(&h, 0, &b), 0);
	assert_non_null(strstr(buf_str(&b), "\n2\t"));
	assert_null(strstr(buf_str(&b), "\n1\t"));
	history_fini(&h);
}

static void test_a_long_source_keeps_its_end(void **state)
{
	char name[HISTORY_SOURCE_MAX * 2];
	struct history_record r = {0};

	memset(name, 'a', sizeof(name));
	strcpy(name + sizeof(name) - 5, "/x.c");
	history_set_source(&r, name);
	assert_int_equal(strlen(r.source), HISTORY_SOURCE_MAX - 1);
	assert_string_equal(r.source + strlen(r.source) - 4, "/x.c");
}

static void test_the_summary_adds_up(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct history h;

	assert_int_equal(history_init(&h), 0);
	for (int i = 0; i < 3; i++) {
		struct history_record *r = history_get(&h, history_add(&h));

		r->running = false;
		r->reason = "remote";
		r->exit = i == 0;
		r->wall_ms = 10;
		snprintf(r->where, sizeof(r->where), "h");
	}
	assert_int_equal(history_print_stats(&h, &b), 0);
	assert_non_null(strstr(buf_str(&b), "remote"));
	assert_non_null(strstr(buf_str(&b), "     3      1       10.0"));
	history_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_job_is_a_line),
		cmocka_unit_test(test_the_oldest_is_overwritten),
		cmocka_unit_test(test_a_long_source_keeps_its_end),
		cmocka_unit_test(test_the_summary_adds_up),
	};

	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
