/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/settings.h"

static void test_defaults(void **state)
{
	char *const env[] = {NULL};
	struct settings s;

	settings_read(env, &s);
	assert_true(s.fallback);
	assert_false(s.skip_local_retry);
	assert_int_equal(s.backoff_ms, 60000);
	assert_int_equal(s.io_ms, 300000);
	assert_int_equal(s.connect_ms, 4000);
	assert_int_equal(s.cache_ms, 2000);
	assert_int_equal(s.verify, 0);
	assert_true(s.exact);
	assert_int_equal(s.level, LOG_LEVEL_WARNING);
}

static void test_what_the_environment_says(void **state)
{
	char *const env[] = {(char *)"DISTCC_FALLBACK=0",
		(char *)"DISTCC_SKIP_LOCAL_RETRY=", (char *)"DISTCC_BACKOFF_PERIOD=0",
		(char *)"DISTCC_IO_TIMEOUT=2", (char *)"DISTCC_CONNECT_TIMEOUT=0.25",
		(char *)"DISTCC_CACHE_TIMEOUT=0.5", (char *)"DISTCC_VERIFY=1%",
		(char *)"DISTCC_VERBOSE=1", NULL};
	struct settings s;

	settings_read(env, &s);
	assert_false(s.fallback);
	assert_true(s.skip_local_retry);
	assert_int_equal(s.backoff_ms, 0);
	assert_int_equal(s.io_ms, 2000);
	assert_int_equal(s.connect_ms, 250);
	assert_int_equal(s.cache_ms, 500);
	assert_int_equal(s.verify, 10000);
	assert_int_equal(s.level, LOG_LEVEL_DEBUG);
}

static void test_what_is_no_number_is_the_default(void **state)
{
	static const char *const bad[] = {"DISTCC_IO_TIMEOUT=", "DISTCC_IO_TIMEOUT=-1",
		"DISTCC_IO_TIMEOUT=5s", "DISTCC_IO_TIMEOUT=1.2.3",
		"DISTCC_IO_TIMEOUT=99999999999999999999999"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *const env[] = {(char *)bad[i], (char *)"DISTCC_FALLBACK=no",
			(char *)"DISTCC_VERIFY=5", (char *)"DISTCC_LOG=/x", NULL};
		struct settings s;

		settings_read(env, &s);
		assert_int_equal(s.io_ms, 300000);
		assert_int_equal(s.verify, 0);
		assert_true(s.fallback);
		assert_int_equal(s.level, LOG_LEVEL_INFO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_what_the_environment_says),
		cmocka_unit_test(test_what_is_no_number_is_the_default),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
