/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "failing.h"

static void appends(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;

	assert_string_equal(buf_str(&b), "");
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_int_equal(buf_append_str(&b, "ab"), 0);
	assert_int_equal(buf_append_char(&b, 'c'), 0);
	assert_int_equal(buf_append(&b, "\0d", 2), 0);
	assert_int_equal(buf_printf(&b, "%d-%s", 42, "x"), 0);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.data, "abc\0d42-x", 10);
	buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(buf_str(&b), "");
	buf_fini(&b);
	buf_fini(&b);
	assert_null(b.data);
}

static void grows(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;

	for (unsigned i = 0; i < 10000; i++) {
		assert_int_equal(buf_append_char(&b, (char)('a' + i % 26)), 0);
		assert_int_equal(b.data[b.len], '\0');
	}
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(b.data[i], 'a' + i % 26);
	assert_true(b.cap < 40000);
}

/* Whether there is room for it or not. */
static void prints(void **state)
{
	for (int width = 1; width < 200; width++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;

		for (int i = 0; i < 40; i++)
			assert_int_equal(buf_printf(&b, "%*d", width, i % 10), 0);
		assert_int_equal(b.len, 40 * width);
		assert_int_equal(strlen(b.data), b.len);
		for (int i = 0; i < 40; i++)
			assert_int_equal(b.data[(i + 1) * width - 1], '0' + i % 10);
	}
}

/* Whatever would pass the maximum changes nothing; what reaches it just fits. */
static void maximum(void **state)
{
	static const size_t maxima[] = {1, 10, 63, 64, 65, 1000};

	for (size_t i = 0; i < ARRAY_SIZE(maxima); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT_MAX(maxima[i]);

		assert_int_equal(buf_reserve(&b, maxima[i] + 1), -E2BIG);
		assert_int_equal(buf_reserve(&b, SIZE_MAX), -E2BIG);
		for (size_t n = 0; n < maxima[i]; n++)
			assert_int_equal(buf_append_char(&b, 'x'), 0);
		assert_int_equal(buf_append_char(&b, 'y'), -E2BIG);
		assert_int_equal(buf_append_str(&b, "yy"), -E2BIG);
		assert_int_equal(buf_printf(&b, "%d", 1), -E2BIG);
		assert_int_equal(buf_append(&b, "y", SIZE_MAX), -E2BIG);
		assert_int_equal(buf_reserve(&b, 0), 0);
		assert_int_equal(b.len, maxima[i]);
		assert_int_equal(strlen(b.data), maxima[i]);
	}
}

static void maximum_without_limit(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(SIZE_MAX);

	assert_int_equal(buf_append_str(&b, "abc"), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -E2BIG);
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 3), -E2BIG);
	assert_string_equal(b.data, "abc");
}

static void consumes(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;

	buf_consume(&b, 0);
	assert_int_equal(buf_append_str(&b, "abcdef"), 0);
	buf_consume(&b, 0);
	buf_consume(&b, 2);
	assert_string_equal(b.data, "cdef");
	assert_int_equal(b.len, 4);
	buf_consume(&b, 4);
	assert_string_equal(b.data, "");
	assert_int_equal(b.len, 0);
}

static void hands_over(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(100);
	char *s;

	assert_null(buf_take(&b));
	assert_int_equal(buf_append_str(&b, ""), 0);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	assert_int_equal(buf_append_str(&b, "text"), 0);
	s = buf_take(&b);
	assert_string_equal(s, "text");
	free(s);
	assert_null(b.data);
	assert_int_equal(b.max, 100);
}

static void out_of_memory(void **state)
{
	char big[300];
	unsigned n;

	memset(big, 'x', sizeof(big));
	for (n = 1; failing_start(n); n++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		int first = buf_append_str(&b, "abc");
		int second = buf_append(&b, big, sizeof(big));
		bool failed = failing_stop();

		assert_true(first == 0 || first == -ENOMEM);
		assert_true(second == 0 || second == -ENOMEM);
		assert_int_equal(first == 0 && second == 0, !failed);
		assert_int_equal(b.len, (first == 0 ? 3 : 0) + (second == 0 ? sizeof(big) : 0));
		assert_int_equal(strlen(buf_str(&b)), b.len);
	}
	assert_int_equal(n, 4);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends),
		cmocka_unit_test(grows),
		cmocka_unit_test(prints),
		cmocka_unit_test(maximum),
		cmocka_unit_test(maximum_without_limit),
		cmocka_unit_test(consumes),
		cmocka_unit_test(hands_over),
		cmocka_unit_test(out_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
