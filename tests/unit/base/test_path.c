/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/path.h"

static void parts(void **state)
{
	static const struct {
		const char *path, *base, *ext, *dir, *with_o;
	} cases[] = {
		{"x.c", "x.c", ".c", ".", "x.o"},
		{"a/x.c", "x.c", ".c", "a", "a/x.o"},
		{"/x.c", "x.c", ".c", "/", "/x.o"},
		{"//x.c", "x.c", ".c", "/", "//x.o"},
		{"a//b.d/x", "x", "", "a//b.d", "a//b.d/x.o"},
		{"a//x.c", "x.c", ".c", "a", "a//x.o"},
		{"a.b/x", "x", "", "a.b", "a.b/x.o"},
		{".rc", ".rc", "", ".", ".rc.o"},
		{"a/.rc", ".rc", "", "a", "a/.rc.o"},
		{".rc.c", ".rc.c", ".c", ".", ".rc.o"},
		{"x.tar.gz", "x.tar.gz", ".gz", ".", "x.tar.o"},
		{"x.", "x.", ".", ".", "x.o"},
		{"", "", "", ".", ".o"},
		{"/", "", "", "/", "/.o"},
		{"//", "", "", "/", "//.o"},
		{"a/", "", "", ".", "a/.o"},
		{"a/b//", "", "", "a", "a/b//.o"},
		{"/a/", "", "", "/", "/a/.o"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(util_free) char *dir = path_dir(cases[i].path);
		AUTO(util_free) char *with_o = path_with_ext(cases[i].path, ".o");

		print_message("\"%s\"\n", cases[i].path);
		assert_string_equal(path_base(cases[i].path), cases[i].base);
		assert_string_equal(path_ext(cases[i].path), cases[i].ext);
		assert_string_equal(dir, cases[i].dir);
		assert_string_equal(with_o, cases[i].with_o);
	}
}

static void joins(void **state)
{
	static const struct {
		const char *dir, *name, *joined;
	} cases[] = {
		{"a", "b", "a/b"},
		{"a/", "b", "a/b"},
		{"/", "b", "/b"},
		{"a", "/b", "/b"},
		{"", "b", "b"},
		{NULL, "b", "b"},
		{"a", "", "a/"},
		{"a", "../b", "a/../b"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(util_free) char *joined = path_join(cases[i].dir, cases[i].name);

		assert_string_equal(joined, cases[i].joined);
	}
}

static void relatives(void **state)
{
	static const struct {
		const char *from, *to, *relative;
	} cases[] = {
		{"/a", "/a/b", "b"},
		{"/a", "/b", "../b"},
		{"/a/b", "/a/bc", "../bc"},
		{"/a/bc", "/a/b", "../b"},
		{"/a/b/c", "/a/x/y", "../../x/y"},
		{"/a/b", "/", "../.."},
		{"/a/b", "/a", ".."},
		{"/a", "/a", "."},
		{"/", "/a/b", "a/b"},
		{"/", "/", "."},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(util_free) char *s = path_relative(cases[i].from, cases[i].to);

		assert_string_equal(s, cases[i].relative);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(joins),
		cmocka_unit_test(relatives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
