/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "place.h"
#include "sandbox/trash.h"

static unsigned count(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static int open_trash(void)
{
	int fd;

	assert_int_equal(mkdir("trash", 0700), 0);
	fd = open("trash", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void removes_bit_by_bit(void **state)
{
	AUTO(util_close) int trash = open_trash();
	AUTO(util_close) int here = place_here();
	unsigned calls = 1;
	int r;

	assert_int_equal(mkdir("t", 0755), 0);
	for (int i = 0; i < 50; i++) {
		char name[16];

		snprintf(name, sizeof(name), "t/%d", i);
		place_put(name, "x");
	}
	assert_int_equal(trash_put(trash, here, "t"), 0);
	assert_int_equal(trash_put(trash, here, "t"), 0);
	assert_int_equal(access("t", F_OK), -1);
	assert_int_equal(count("trash"), 1);
	while ((r = trash_empty(trash, 10)) == TRASH_MORE)
		calls++;
	assert_int_equal(r, 0);
	assert_int_equal(count("trash"), 0);
	assert_in_range(calls, 5, 12);
}

/* Deeper than the recursion goes, and without permissions. */
static void removes_the_deep_and_the_shut(void **state)
{
	AUTO(util_close) int trash = open_trash();
	AUTO(util_close) int here = place_here();
	int r;

	assert_int_equal(mkdir("t", 0755), 0);
	assert_int_equal(chdir("t"), 0);
	place_put("outside", "x");
	assert_int_equal(symlink("..", "link"), 0);
	for (int i = 0; i < 80; i++) {
		assert_int_equal(mkdir("d", 0755), 0);
		assert_int_equal(chdir("d"), 0);
	}
	place_put("f", "x");
	assert_int_equal(mkdir("shut", 0755), 0);
	place_put("shut/f", "x");
	assert_int_equal(chmod("shut", 0), 0);
	assert_int_equal(chdir(*state), 0);
	assert_int_equal(chmod("t", 0), 0);
	assert_int_equal(trash_put(trash, here, "t"), 0);
	while ((r = trash_empty(trash, 100)) == TRASH_MORE)
		;
	assert_int_equal(r, 0);
	assert_int_equal(count("trash"), 0);
	assert_int_equal(count("."), 1);
}

static void takes_what_is_not_there(void **state)
{
	AUTO(util_close) int trash = open_trash();
	AUTO(util_close) int here = place_here();

	assert_int_equal(trash_put(trash, here, "none"), 0);
	assert_int_equal(trash_empty(trash, 100), 0);
	place_put("f", "x");
	assert_int_equal(trash_put(trash, here, "f"), 0);
	assert_int_equal(trash_empty(trash, 0), TRASH_MORE);
	assert_int_equal(trash_empty(trash, 100), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(removes_bit_by_bit, place_enter, place_leave),
		cmocka_unit_test_setup_teardown(
			removes_the_deep_and_the_shut, place_enter, place_leave),
		cmocka_unit_test_setup_teardown(takes_what_is_not_there, place_enter, place_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
