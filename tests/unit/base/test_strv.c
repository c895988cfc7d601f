/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strv.h"
#include "failing.h"

static void expect_list(const struct strv *l, const char *joined)
{
	char got[256] = "";

	for (char *const *a = strv_argv(l); *a; a++) {
		strcat(got, *a);
		strcat(got, "|");
	}
	assert_string_equal(got, joined);
}

static void pushes(void **state)
{
	static char *const more[] = {(char *)"e", (char *)"f", NULL};
	static char *const none[] = {NULL};
	AUTO(strv_fini) struct strv l = STRV_INIT;

	assert_non_null(strv_argv(&l));
	expect_list(&l, "");
	assert_int_equal(strv_push(&l, "a"), 0);
	assert_int_equal(strv_push_n(&l, "bcd", 2), 0);
	assert_int_equal(strv_push_n(&l, "bcd", 0), 0);
	assert_int_equal(strv_push_n(&l, "b", 9), 0);
	assert_int_equal(strv_push_take(&l, strdup("c")), 0);
	assert_int_equal(strv_pushf(&l, "-o%s", "x"), 0);
	assert_int_equal(strv_push_all(&l, more), 0);
	assert_int_equal(strv_push_all(&l, none), 0);
	assert_int_equal(strv_push_all(&l, NULL), 0);
	assert_int_equal(l.n, 8);
	expect_list(&l, "a|bc||b|c|-ox|e|f|");
	assert_true(strv_has(&l, "bc"));
	assert_true(strv_has(&l, ""));
	assert_false(strv_has(&l, "bcd"));
	strv_fini(&l);
	strv_fini(&l);
	expect_list(&l, "");
	assert_false(strv_has(&l, ""));
}

static void maximum(void **state)
{
	static char *const two[] = {(char *)"y", (char *)"z", NULL};
	AUTO(strv_fini) struct strv l = STRV_INIT;

	for (size_t i = 0; i < STRV_MAX - 1; i++)
		assert_int_equal(strv_push_n(&l, "", 0), 0);
	assert_int_equal(strv_push_all(&l, two), -E2BIG);
	assert_int_equal(l.n, STRV_MAX - 1);
	assert_null(l.v[l.n]);
	assert_int_equal(strv_push(&l, "x"), 0);
	assert_int_equal(strv_push(&l, "x"), -E2BIG);
	/* Freed all the same. */
	assert_int_equal(strv_push_take(&l, strdup("x")), -E2BIG);
	assert_int_equal(l.n, STRV_MAX);
	assert_null(l.v[l.n]);
}

static void out_of_memory(void **state)
{
	static char *const words[] = {(char *)"1", (char *)"2", (char *)"3", (char *)"4",
		(char *)"5", (char *)"6", (char *)"7", (char *)"8", (char *)"9", (char *)"10",
		(char *)"11", (char *)"12", (char *)"13", (char *)"14", (char *)"15", (char *)"16",
		(char *)"17", NULL};

	assert_int_equal(strv_push_take(&(struct strv)STRV_INIT, NULL), -ENOMEM);
	for (unsigned n = 1; failing_start(n); n++) {
		AUTO(strv_fini) struct strv l = STRV_INIT;
		int r = strv_pushf(&l, "%d", 0);
		size_t before = l.n;
		int all = strv_push_all(&l, words);
		bool failed = failing_stop();

		assert_true(r == 0 || r == -ENOMEM);
		assert_true(all == 0 || all == -ENOMEM);
		assert_int_equal(r == 0 && all == 0, !failed);
		/* All of them or none. */
		assert_int_equal(l.n, before + (all == 0 ? ARRAY_SIZE(words) - 1 : 0));
		assert_null(strv_argv(&l)[l.n]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pushes),
		cmocka_unit_test(maximum),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
