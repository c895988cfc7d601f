/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sched/fleet.h"

enum { HOSTS = 4 };

struct setup {
	struct fleet fleet;
	struct hosts hosts;
	struct fleet_host *v[HOSTS];
	bool tried[HOSTS];
	size_t n;
};

static void init(struct setup *s, const char *text)
{
	AUTO(buf_fini) struct buf error = BUF_INIT;

	memset(s, 0, sizeof(*s));
	fleet_init(&s->fleet);
	assert_int_equal(hosts_parse(text, &s->hosts, &error), 0);
	for (; s->n < s->hosts.n; s->n++)
		assert_int_equal(fleet_host(&s->fleet, &s->hosts.v[s->n], &s->v[s->n]), 0);
}

static void fini(struct setup *s)
{
	hosts_fini(&s->hosts);
	fleet_fini(&s->fleet);
}

static enum fleet_verdict pick(struct setup *s, uint64_t now, struct fleet_host **ret)
{
	return fleet_pick(s->v, s->n, s->tried, "gcc-12", now, ret);
}

static void test_same_definition_is_same_host(void **state)
{
	struct setup s;
	struct fleet_host *again;

	init(&s, "a/2 b/2");
	assert_int_equal(fleet_host(&s.fleet, &s.hosts.v[0], &again), 0);
	assert_ptr_equal(again, s.v[0]);
	assert_int_equal(s.fleet.n, 2);
	fini(&s);
}

static void test_jobs_spread_by_load_and_list_order(void **state)
{
	static const size_t expected[] = {1, 0, 1, 1, 0, 1};
	struct fleet_host *h;
	struct setup s;

	init(&s, "a/2 b/4");
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(pick(&s, 0, &h), FLEET_CHOSEN);
		assert_ptr_equal(h, s.v[expected[i]]);
		fleet_take(h);
	}
	assert_int_equal(pick(&s, 0, &h), FLEET_BUSY);
	fleet_give(s.v[0]);
	assert_int_equal(pick(&s, 0, &h), FLEET_CHOSEN);
	assert_ptr_equal(h, s.v[0]);
	fini(&s);
}

static void test_a_faster_host_is_taken_first(void **state)
{
	struct fleet_host *h;
	struct setup s;

	init(&s, "slow/2 fast/2");
	fleet_succeeded(&s.fleet, s.v[0], 1000);
	fleet_succeeded(&s.fleet, s.v[1], 100);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pick(&s, 0, &h), FLEET_CHOSEN);
		assert_ptr_equal(h, s.v[1]);
		fleet_take(h);
	}
	assert_int_equal(pick(&s, 0, &h), FLEET_CHOSEN);
	assert_ptr_equal(h, s.v[0]);
	fini(&s);
}

static void test_back_off_is_by_address(void **state)
{
	struct fleet_host *h;
	struct setup s;

	init(&s, "a a.example b");
	strcpy(s.v[0]->address, "10.0.0.1");
	strcpy(s.v[1]->address, "10.0.0.1");
	strcpy(s.v[2]->address, "10.0.0.2");
	fleet_failed(&s.fleet, s.v[0], 1000, 60000);
	assert_int_equal(pick(&s, 1000, &h), FLEET_CHOSEN);
	assert_ptr_equal(h, s.v[2]);
	fleet_failed(&s.fleet, s.v[2], 1000, 60000);
	assert_int_equal(pick(&s, 60999, &h), FLEET_NONE);
	assert_int_equal(pick(&s, 61000, &h), FLEET_CHOSEN);
	fini(&s);
}

static void test_another_port_is_another_server(void **state)
{
	struct fleet_host *h;
	struct setup s;

	init(&s, "a:1 a:2");
	strcpy(s.v[0]->address, "10.0.0.1");
	strcpy(s.v[1]->address, "10.0.0.1");
	fleet_failed(&s.fleet, s.v[0], 0, 60000);
	assert_int_equal(pick(&s, 1, &h), FLEET_CHOSEN);
	assert_ptr_equal(h, s.v[1]);
	fleet_succeeded(&s.fleet, s.v[1], 5);
	s.tried[1] = true;
	assert_int_equal(pick(&s, 1, &h), FLEET_NONE);
	fini(&s);
}

static void test_unresolved_names_do_not_share_a_back_off(void **state)
{
	struct fleet_host *h;
	struct setup s;

	init(&s, "nowhere a");
	fleet_failed(&s.fleet, s.v[0], 0, 60000);
	assert_int_equal(pick(&s, 1, &h), FLEET_CHOSEN);
	assert_ptr_equal(h, s.v[1]);
	fini(&s);
}

static void test_success_ends_the_back_off(void **state)
{
	struct fleet_host *h;
	struct setup s;

	init(&s, "a");
	fleet_failed(&s.fleet, s.v[0], 0, 60000);
	assert_int_equal(pick(&s, 1, &h), FLEET_NONE);
	fleet_succeeded(&s.fleet, s.v[0], 5);
	assert_int_equal(pick(&s, 1, &h), FLEET_CHOSEN);
	fini(&s);
}

static void test_one_no_answer_speaks_against_the_job(void **state)
{
	struct fleet_host *h;
	struct setup s;

	init(&s, "a");
	fleet_succeeded(&s.fleet, s.v[0], 5);
	fleet_no_answer(&s.fleet, s.v[0], 0, 60000);
	assert_int_equal(pick(&s, 1, &h), FLEET_CHOSEN);
	fleet_no_answer(&s.fleet, s.v[0], 1, 60000);
	assert_int_equal(pick(&s, 2, &h), FLEET_NONE);
	fini(&s);
}

static void test_no_answer_from_the_first_rests_the_host(void **state)
{
	struct fleet_host *h;
	struct setup s;

	init(&s, "a");
	fleet_no_answer(&s.fleet, s.v[0], 0, 60000);
	assert_int_equal(pick(&s, 1, &h), FLEET_NONE);
	fini(&s);
}

static void test_period_zero_rests_nobody(void **state)
{
	struct fleet_host *h;
	struct setup s;

	init(&s, "a");
	fleet_failed(&s.fleet, s.v[0], 5, 0);
	assert_int_equal(pick(&s, 5, &h), FLEET_CHOSEN);
	fini(&s);
}

static void test_a_missing_compiler_rests_alone(void **state)
{
	struct fleet_host *h;
	struct setup s;

	init(&s, "a");
	fleet_compiler_missing(s.v[0], "gcc-12", 0, 60000);
	assert_int_equal(pick(&s, 1, &h), FLEET_NONE);
	assert_int_equal(fleet_pick(s.v, s.n, s.tried, "clang-14", 1, &h), FLEET_CHOSEN);
	assert_int_equal(pick(&s, 60000, &h), FLEET_CHOSEN);
	fini(&s);
}

/* More compilers than are remembered: the oldest is asked for again, nothing is overrun. */
static void test_missing_compilers_are_bounded(void **state)
{
	struct fleet_host *h;
	struct setup s;
	char name[FLEET_NAME_MAX];

	init(&s, "a");
	for (int i = 0; i <= FLEET_MISSING_MAX; i++) {
		snprintf(name, sizeof(name), "gcc-%d", i);
		fleet_compiler_missing(s.v[0], name, 0, 60000);
	}
	assert_int_equal(fleet_pick(s.v, s.n, s.tried, "gcc-0", 1, &h), FLEET_CHOSEN);
	assert_int_equal(fleet_pick(s.v, s.n, s.tried, "gcc-1", 1, &h), FLEET_NONE);
	fini(&s);
}

static void test_tried_and_down_are_passed_over(void **state)
{
	struct fleet_host *h;
	struct setup s;

	init(&s, "a,down b c");
	s.tried[1] = true;
	assert_int_equal(pick(&s, 0, &h), FLEET_CHOSEN);
	assert_ptr_equal(h, s.v[2]);
	s.tried[2] = true;
	assert_int_equal(pick(&s, 0, &h), FLEET_NONE);
	fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_definition_is_same_host),
		cmocka_unit_test(test_jobs_spread_by_load_and_list_order),
		cmocka_unit_test(test_a_faster_host_is_taken_first),
		cmocka_unit_test(test_back_off_is_by_address),
		cmocka_unit_test(test_another_port_is_another_server),
		cmocka_unit_test(test_unresolved_names_do_not_share_a_back_off),
		cmocka_unit_test(test_success_ends_the_back_off),
		cmocka_unit_test(test_one_no_answer_speaks_against_the_job),
		cmocka_unit_test(test_no_answer_from_the_first_rests_the_host),
		cmocka_unit_test(test_period_zero_rests_nobody),
		cmocka_unit_test(test_a_missing_compiler_rests_alone),
		cmocka_unit_test(test_missing_compilers_are_bounded),
		cmocka_unit_test(test_tried_and_down_are_passed_over),
	};

	return cmocka_run_group_tests_name("fleet", tests, NULL, NULL);
}
