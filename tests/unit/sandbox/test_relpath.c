/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "place.h"
#include "sandbox/relpath.h"

static void knows_what_is_a_path(void **state)
{
	static const char *const good[] = {"a", "a/b", ".a", "..a", "a..", "...", "a/...", " ",
		"a/ /b", "\xff\xfe", "-", "a\nb"};
	static const char *const bad[] = {"", "/", "/a", "a/", "a//b", ".", "..", "a/.", "a/..",
		"./a", "../a", "a/../b", "a/./b", "//"};
	char deep[2 * RELPATH_DEPTH_MAX + 2], wide[RELPATH_NAME_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(relpath_is_valid(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(relpath_is_valid(bad[i]));
	for (size_t i = 0; i <= RELPATH_DEPTH_MAX; i++) {
		deep[2 * i] = 'a';
		deep[2 * i + 1] = i < RELPATH_DEPTH_MAX ? '/' : '\0';
	}
	assert_false(relpath_is_valid(deep));
	assert_true(relpath_is_valid(deep + 2));
	memset(wide, 'a', sizeof(wide));
	wide[sizeof(wide) - 1] = '\0';
	assert_false(relpath_is_valid(wide));
	assert_false(relpath_name_is_valid(wide));
	assert_true(relpath_is_valid(wide + 1));
	assert_true(relpath_name_is_valid(wide + 1));
}

static void knows_what_is_a_name(void **state)
{
	assert_true(relpath_name_is_valid("a"));
	assert_true(relpath_name_is_valid("..."));
	assert_false(relpath_name_is_valid(""));
	assert_false(relpath_name_is_valid("."));
	assert_false(relpath_name_is_valid(".."));
	assert_false(relpath_name_is_valid("a/b"));
}

static void opens_without_links(void **state)
{
	AUTO(util_close) int here = place_here();
	AUTO(util_close) int fd = -1;

	assert_int_equal(mkdir("d", 0755), 0);
	place_put("d/f", "x");
	assert_int_equal(symlink("d", "l"), 0);
	assert_int_equal(symlink("f", "d/l"), 0);
	assert_int_equal(symlink("/", "d/root"), 0);
	fd = relpath_open(here, "d/f", O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(relpath_open(here, "l/f", O_RDONLY), -ELOOP);
	assert_int_equal(relpath_open(here, "d/l", O_RDONLY), -ELOOP);
	assert_int_equal(relpath_open(here, "d/root/etc", O_RDONLY), -ELOOP);
	assert_int_equal(relpath_open(here, "../x", O_RDONLY), -EXDEV);
	assert_int_equal(relpath_open(here, "/etc", O_RDONLY), -EXDEV);
	assert_int_equal(relpath_open(here, "none", O_RDONLY), -ENOENT);
	assert_int_equal(relpath_open(here, "d/f/x", O_RDONLY), -ENOTDIR);
}

static void makes_directories(void **state)
{
	AUTO(util_close) int here = place_here();
	AUTO(util_close) int fd = relpath_make_dirs(here, "a/b/c");
	AUTO(util_close) int again = relpath_make_dirs(here, "a/b/c");
	struct stat st;

	assert_true(fd >= 0 && again >= 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	place_put("a/f", "");
	assert_int_equal(symlink("b", "a/l"), 0);
	assert_int_equal(relpath_make_dirs(here, "a/f"), -ENOTDIR);
	assert_int_equal(relpath_make_dirs(here, "a/f/x"), -ENOTDIR);
	assert_int_equal(relpath_make_dirs(here, "a/l/x"), -ELOOP);
	assert_int_equal(stat("a/b/x", &st), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_what_is_a_path),
		cmocka_unit_test(knows_what_is_a_name),
		cmocka_unit_test_setup_teardown(opens_without_links, place_enter, place_leave),
		cmocka_unit_test_setup_teardown(makes_directories, place_enter, place_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
