/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/rebase.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exact/basedir.h"

static void test_fit(void **state)
{
	static const char *const good[] = {"/a", "/home/u/my-proj_1.0+x@y", "/a/.b", "/a/b..c"};
	static const char *const bad[] = {"", "/", "a", "a/b", "/a/", "/a//b", "/a/./b", "/a/../b",
		"/a/.", "/a/..", "/a b", "/a:b", "/a$b", "/a\\b", "/a\"b", "/\xc3\xa4", "/a=b"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!rebase_is_fit(good[i]))
			fail_msg("refused: %s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (rebase_is_fit(bad[i]))
			fail_msg("accepted: %s", bad[i]);
}

static void test_below(void **state)
{
	(void)state;
	assert_true(rebase_is_below("/a/b", "/a/b"));
	assert_true(rebase_is_below("/a/b/c", "/a/b"));
	assert_false(rebase_is_below("/a/bc", "/a/b"));
	assert_false(rebase_is_below("/a", "/a/b"));
	assert_true(rebase_occurs("x/a/bc", 6, "/a/b"));
	assert_false(rebase_occurs("x/a/", 4, "/a/b"));
}

static void test_text(void **state)
{
	static const struct {
		const char *text, *changed;
	} cases[] = {
		{"", ""},
		{"/a/b", "/long/er"},
		{"In /a/b/x.h:1: \"/a/b\"", "In /long/er/x.h:1: \"/long/er\""},
		{"/a/bc /a/b-d /a/b.c x/a/b /x/a/b", "/a/bc /a/b-d /a/b.c x/a/b /x/a/b"},
		{"/a/b/a/b/a/b", "/long/er/a/b/a/b"},
		{"/a/b:/a/b", "/long/er:/long/er"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf out = BUF_INIT;

		assert_int_equal(
			rebase_text(cases[i].text, strlen(cases[i].text), "/a/b", "/long/er", &out),
			0);
		assert_string_equal(buf_str(&out), cases[i].changed);
	}
}

/* As the compilers write them, in two places. */
static const char gcc_short[] = "x.o: x.c /b/aaaaaaaaaaaaaaaaaaa.h /b/bbbbbbbbbbbbbbbbbbbb.h \\\n"
				" /usr/include/stdio.h /b/c.h\n"
				"/b/aaaaaaaaaaaaaaaaaaa.h:\n"
				"/b/c.h:\n";
static const char gcc_long[] =
	"x.o: x.c /long/base/aaaaaaaaaaaaaaaaaaa.h \\\n"
	" /long/base/bbbbbbbbbbbbbbbbbbbb.h /usr/include/stdio.h /long/base/c.h\n"
	"/long/base/aaaaaaaaaaaaaaaaaaa.h:\n"
	"/long/base/c.h:\n";
static const char clang_short[] = "x.o: x.c /b/aaaaaaaaaaaaaaaaaaa.h /b/bbbbbbbbbbbbbbbbbbbb.h \\\n"
				  "  /usr/include/stdio.h /b/c.h\n";
static const char clang_long[] =
	"x.o: x.c /long/base/aaaaaaaaaaaaaaaaaaa.h \\\n"
	"  /long/base/bbbbbbbbbbbbbbbbbbbb.h /usr/include/stdio.h /long/base/c.h\n";

static void check_depfile(enum cc_family family, const char *text, const char *from, const char *to,
	const char *changed)
{
	AUTO(buf_fini) struct buf out = BUF_INIT;

	assert_int_equal(rebase_depfile(family, text, strlen(text), from, to, &out), 0);
	assert_string_equal(buf_str(&out), changed);
}

static void test_depfile(void **state)
{
	(void)state;
	check_depfile(CC_FAMILY_GCC, gcc_short, "/b", "/long/base", gcc_long);
	check_depfile(CC_FAMILY_GCC, gcc_long, "/long/base", "/b", gcc_short);
	check_depfile(CC_FAMILY_CLANG, clang_short, "/b", "/long/base", clang_long);
	check_depfile(CC_FAMILY_CLANG, clang_long, "/long/base", "/b", clang_short);
}

static void test_depfile_unknown(void **state)
{
	static const char *const odd[] = {
		"x.o:  x.c\n",     /* two blanks */
		"x.o: \\\n x.c\n", /* broken too early */
		"x.o: x.c \n",     /* a blank at the end */
		"x.o:\tx.c\n",     /* a tab, in front of a name that is changed with it */
		" x.o: x.c\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		AUTO(buf_fini) struct buf out = BUF_INIT;
		int r = rebase_depfile(
			CC_FAMILY_GCC, odd[i], strlen(odd[i]), "/b", "/long/base", &out);

		if (r != REBASE_UNKNOWN && !str_eq(buf_str(&out), odd[i]))
			fail_msg("changed: %s", odd[i]);
		if (i != 3 && r != REBASE_UNKNOWN)
			fail_msg("accepted: %s", odd[i]);
	}
}

static void test_arguments(void **state)
{
	static const struct {
		const char *before, *arg, *changed; /* NULL: not known */
	} cases[] = {
		{"", "-O2", "-O2"},
		{"-O2", "/b/x.c", "/.distcc-basedir/x.c"},
		{"-c", "/b/x.c", "/.distcc-basedir/x.c"},
		{"-I", "/b", "/.distcc-basedir"},
		{"", "-I/b/include", "-I/.distcc-basedir/include"},
		{"", "-isystem/b/i", "-isystem/.distcc-basedir/i"},
		{"-include", "/b/c.h", "/.distcc-basedir/c.h"},
		{"-o", "/b/x.o", "/.distcc-basedir/x.o"},
		{"", "-ffile-prefix-map=/b=.", "-ffile-prefix-map=/.distcc-basedir=."},
		{"", "-ffile-prefix-map=/b/=", "-ffile-prefix-map=/.distcc-basedir/="},
		{"", "-ffile-prefix-map=/b=/b", NULL},
		{"", "-ffile-prefix-map=/x=/b", NULL},
		{"", "-DROOT=\"/b\"", NULL},
		{"", "-I/x/b", NULL},
		{"", "-I/bc", NULL},
		{"-D", "ROOT=/b", NULL},
		{"", "-I/b/b/c", NULL},
		{"", "--sysroot=/b/root", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(strv_fini) struct strv out = STRV_INIT;
		int r = basedir_argument(cases[i].before, cases[i].arg, "/b", &out);

		if (r != (cases[i].changed ? 0 : EXACT_UNKNOWN))
			fail_msg("%s: %d", cases[i].arg, r);
		if (r == 0)
			assert_string_equal(out.v[0], cases[i].changed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_below),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_depfile),
		cmocka_unit_test(test_depfile_unknown),
		cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
