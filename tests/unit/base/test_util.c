/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/util.h"

static void numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int result;
		uint64_t value;
	} cases[] = {
		{"0", 0, 0, 0},
		{"7", 7, 0, 7},
		{"8", 7, -ERANGE, 0},
		{"0042", 100, 0, 42},
		{"", 9, -EINVAL, 0},
		{" 1", 9, -EINVAL, 0},
		{"1 ", 9, -EINVAL, 0},
		{"+1", 9, -EINVAL, 0},
		{"-1", 9, -EINVAL, 0},
		{"0x1", 9, -EINVAL, 0},
		{"1.0", 9, -EINVAL, 0},
		{"4294967296", UINT32_MAX, -ERANGE, 0},
		{"18446744073709551615", UINT64_MAX, 0, UINT64_MAX},
		{"18446744073709551616", UINT64_MAX, -ERANGE, 0},
		{"99999999999999999999999", UINT64_MAX, -ERANGE, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t v = 77;

		print_message("\"%s\"\n", cases[i].text);
		assert_int_equal(str_to_u64(cases[i].text, cases[i].max, &v), cases[i].result);
		assert_int_equal(v, cases[i].result == 0 ? cases[i].value : 77);
	}
}

static void strings(void **state)
{
	assert_true(str_eq("a", "a"));
	assert_false(str_eq("a", "ab"));
	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("abc", ""));
	assert_false(str_starts("a", "ab"));
	assert_true(str_ends("abc", "bc"));
	assert_true(str_ends("abc", ""));
	assert_false(str_ends("c", "bc"));
}

static void ownership(void **state)
{
	char *p = malloc(1), *q;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), moved;

	q = TAKE_PTR(p);
	assert_null(p);
	util_free(&q);
	assert_null(q);
	util_free(&q);

	moved = TAKE_FD(fd);
	assert_int_equal(fd, -1);
	errno = E2BIG;
	util_close(&fd);
	fd = moved;
	util_close(&moved);
	assert_int_equal(moved, -1);
	assert_int_equal(errno, E2BIG);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(strings),
		cmocka_unit_test(ownership),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
