/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/env.h"

static char *const envp[] = {(char *)"AB=long", (char *)"A=1", (char *)"EMPTY=", (char *)"NO",
	(char *)"OFF=0", (char *)"TRUE=true", (char *)"TEN=10", (char *)"MINUS=-1", (char *)"A=2",
	(char *)"EQ=x=y", NULL};

static void lookups(void **state)
{
	assert_string_equal(env_get(envp, "A"), "1");
	assert_string_equal(env_get(envp, "AB"), "long");
	assert_string_equal(env_get(envp, "EMPTY"), "");
	assert_string_equal(env_get(envp, "EQ"), "x=y");
	assert_null(env_get(envp, "NO"));
	assert_null(env_get(envp, "EMPT"));
	assert_null(env_get(NULL, "A"));
}

static void booleans(void **state)
{
	static const struct {
		const char *name;
		int value; /* -1: the default */
	} cases[] = {{"A", 1}, {"OFF", 0}, {"EMPTY", -1}, {"TRUE", -1}, {"TEN", -1}, {"NONE", -1}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (int otherwise = 0; otherwise < 2; otherwise++)
			assert_int_equal(env_bool(envp, cases[i].name, otherwise),
				cases[i].value < 0 ? otherwise : cases[i].value);
}

static void numbers(void **state)
{
	assert_int_equal(env_u64(envp, "TEN", 10, 3), 10);
	assert_int_equal(env_u64(envp, "TEN", 9, 3), 3);
	assert_int_equal(env_u64(envp, "MINUS", 9, 3), 3);
	assert_int_equal(env_u64(envp, "EMPTY", 9, 3), 3);
	assert_int_equal(env_u64(envp, "NONE", 9, 3), 3);
	assert_int_equal(env_u64(envp, "OFF", 9, 3), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookups),
		cmocka_unit_test(booleans),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
