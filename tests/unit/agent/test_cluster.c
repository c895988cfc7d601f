/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/cluster.h"

static const struct hosts_entry entry = {.definition = (char *)"worker",
	.name = (char *)"worker",
	.instance = (char *)"",
	.port = 3632,
	.mode = HOSTS_MODE_TCP};

/* How long it is not asked, from now on. */
static uint64_t rest_of(const struct cluster *c, uint64_t now_ms)
{
	uint64_t ms = 0;

	while (!cluster_may_ask(c, &entry, now_ms + ms))
		ms += 1000;
	return ms;
}

static void who_says_nothing_rests_longer_each_time(void **state)
{
	struct cluster c = {.n = 0};
	uint64_t now = 1000, wanted = CLUSTER_MUTE_MS;

	assert_true(cluster_may_ask(&c, &entry, now));
	for (int i = 0; i < 10; i++) {
		cluster_rest_mute(&c, &entry, now);
		assert_int_equal(rest_of(&c, now), wanted);
		now += wanted;
		wanted = MIN(wanted * 2, (uint64_t)CLUSTER_RETRY_MS);
	}
	assert_int_equal(wanted, CLUSTER_RETRY_MS);
	/* It answers: all is forgotten. */
	cluster_rest_mute(&c, &entry, now);
	cluster_is_well(&c, &entry);
	assert_true(cluster_may_ask(&c, &entry, now));
	cluster_rest_mute(&c, &entry, now);
	assert_int_equal(rest_of(&c, now), CLUSTER_MUTE_MS);
	cluster_fini(&c);
}

static void entries_of_one_server_rest_together(void **state)
{
	struct cluster c = {.n = 0};
	struct hosts_entry same = entry, other = entry;

	same.definition = (char *)"worker/4";
	other.port = 3633;
	assert_true(cluster_rest(&c, &entry, 5000));
	assert_false(cluster_rest(&c, &entry, 6000));
	assert_false(cluster_may_ask(&c, &same, 5999));
	assert_true(cluster_may_ask(&c, &same, 6000));
	assert_true(cluster_may_ask(&c, &other, 0));
	cluster_rest_giving(&c, &entry, 9000);
	assert_false(cluster_may_give(&c, &entry, 8999));
	assert_true(cluster_may_give(&c, &entry, 9000));
	assert_true(cluster_may_ask(&c, &entry, 8999));
	cluster_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_says_nothing_rests_longer_each_time),
		cmocka_unit_test(entries_of_one_server_rest_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
