/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "agent/versions.h"

static void remembers_for_a_while(void **state)
{
	struct versions t = {.next = 0};

	assert_null(versions_find(&t, "gcc", 0));
	assert_int_equal(versions_put(&t, "gcc", "gcc 12\nmore", 6, 1000), 0);
	assert_string_equal(versions_find(&t, "gcc", 1000), "gcc 12");
	assert_string_equal(versions_find(&t, "gcc", 999 + VERSIONS_KEPT_MS), "gcc 12");
	assert_null(versions_find(&t, "gcc", 1000 + VERSIONS_KEPT_MS));
	assert_null(versions_find(&t, "gcc-12", 1000));
	/* What is put last counts; no text is one too. */
	assert_int_equal(versions_put(&t, "gcc", "", 0, 2000 + VERSIONS_KEPT_MS), 0);
	assert_string_equal(versions_find(&t, "gcc", 2001 + VERSIONS_KEPT_MS), "");
	versions_fini(&t);
}

static void has_limits(void **state)
{
	static char text[VERSIONS_TEXT_MAX + 1];
	struct versions t = {.next = 0};

	memset(text, 'x', sizeof(text));
	assert_int_equal(versions_put(&t, "first", text, sizeof(text), 0), 0);
	assert_int_equal(strlen(versions_find(&t, "first", 1)), VERSIONS_TEXT_MAX);
	for (int i = 1; i <= VERSIONS_MAX; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%d", i);
		assert_non_null(i == VERSIONS_MAX ? "" : versions_find(&t, "first", 1));
		assert_int_equal(versions_put(&t, key, key, strlen(key), 0), 0);
	}
	assert_null(versions_find(&t, "first", 1));
	assert_string_equal(versions_find(&t, "1", 1), "1");
	versions_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remembers_for_a_while),
		cmocka_unit_test(has_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
