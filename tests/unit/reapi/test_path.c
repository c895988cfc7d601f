/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reapi/path.h"

static void test_text(void **state)
{
	static const struct {
		const char *s;
		size_t n;
		bool valid;
	} cases[] = {
		{"", 0, true},
		{"plain", 5, true},
		{"\xc3\xa4", 2, true},
		{"\xe2\x82\xac", 3, true},
		{"\xf0\x9f\x98\x80", 4, true},
		{"\xf4\x8f\xbf\xbf", 4, true},      /* U+10FFFF */
		{"\xf4\x90\x80\x80", 4, false},     /* past it */
		{"a\0b", 3, false},                 /* NUL */
		{"\xc0\x80", 2, false},             /* NUL, overlong */
		{"\xc1\xbf", 2, false},             /* overlong */
		{"\xe0\x9f\xbf", 3, false},         /* overlong */
		{"\xf0\x8f\xbf\xbf", 4, false},     /* overlong */
		{"\xed\xa0\x80", 3, false},         /* a surrogate */
		{"\xed\xbf\xbf", 3, false},         /* a surrogate */
		{"\xee\x80\x80", 3, true},          /* behind them */
		{"\xc3", 1, false},                 /* cut off */
		{"\xe2\x82", 2, false},             /* cut off */
		{"\x80", 1, false},                 /* begins in the middle */
		{"\xc3\x41", 2, false},             /* no continuation */
		{"\xf8\x88\x80\x80\x80", 5, false}, /* five bytes */
		{"\xff", 1, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		/* Memory of just this size, so that a sanitizer sees a read too far. */
		char *exact = malloc(cases[i].n);

		assert_non_null(exact);
		memcpy(exact, cases[i].s, cases[i].n);
		if (reapi_text_valid(exact, cases[i].n) != cases[i].valid)
			fail_msg("case %zu", i);
		free(exact);
	}
}

static void test_paths(void **state)
{
	static const struct {
		const char *path;
		int outcome;
		const char *sentence;
	} cases[] = {
		{"a", 0, NULL},
		{"a/b.c", 0, NULL},
		{"usr/include/c++/12/..x/...", 0, NULL},
		{"\xc3\xa4/b", 0, NULL},
		{"", REAPI_INVALID, "it is empty"},
		{"/", REAPI_INVALID, "it is absolute: /"},
		{"/etc/passwd", REAPI_INVALID, "it is absolute: /etc/passwd"},
		{"a/", REAPI_INVALID, "it ends in '/': a/"},
		{"a//b", REAPI_INVALID, "it has an empty part: a//b"},
		{"..", REAPI_INVALID, "it has a \"..\" in it: .."},
		{"a/../b", REAPI_INVALID, "it has a \"..\" in it: a/../b"},
		{"a/..", REAPI_INVALID, "it has a \"..\" in it: a/.."},
		{".", REAPI_INVALID, "it has a part that is no name: ."},
		{"./a", REAPI_INVALID, "it has a part that is no name: ./a"},
		{"a/./b", REAPI_INVALID, "it has a part that is no name: a/./b"},
		{"a/\xff", REAPI_INVALID, "it has a part that is no name: a/\\xff"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reapi_violation v = {.text = ""};

		assert_int_equal(reapi_path_check("it", cases[i].path, &v), cases[i].outcome);
		assert_string_equal(v.text, cases[i].sentence ? cases[i].sentence : "");
	}
}

static void test_outputs(void **state)
{
	static const struct {
		const char *directory, *path;
		size_t kept;
		const char *rest;
		int outcome;
	} cases[] = {
		{"a/b", "c", 3, "c", 0},
		{"a/b", "../c", 1, "c", 0},
		{"a/b", "../../c/d", 0, "c/d", 0},
		{"a/b", "../../../c", 0, "../c", REAPI_INVALID},
		{"a/b", "..", 3, "..", REAPI_INVALID},
		{"a/b", "../", 1, "", REAPI_INVALID},
		{"a/b", "..c/d", 3, "..c/d", 0},
		{"a/b", "c/../d", 3, "c/../d", REAPI_INVALID},
		{"", "c", 0, "c", 0},
		{"", "../c", 0, "../c", REAPI_INVALID},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *directory = cases[i].directory, *path = cases[i].path;
		size_t kept;

		assert_string_equal(reapi_output_split(directory, path, &kept), cases[i].rest);
		assert_int_equal(kept, cases[i].kept);
		assert_int_equal(reapi_output_check("it", directory, path, NULL), cases[i].outcome);
	}
}

/* n bytes of "aaa/aaa/…". */
static char *path_of(size_t n, size_t name)
{
	char *s = malloc(n + 1);

	assert_non_null(s);
	for (size_t i = 0; i < n; i++)
		s[i] = i % (name + 1) == name ? '/' : 'a';
	s[n] = '\0';
	return s;
}

static void test_limits(void **state)
{
	static const struct {
		size_t n, name;
		int outcome;
	} cases[] = {
		{REAPI_NAME_MAX, REAPI_NAME_MAX, 0},
		{REAPI_NAME_MAX + 1, REAPI_NAME_MAX + 1, REAPI_TOO_BIG},
		{REAPI_PATH_MAX, 200, 0},
		{REAPI_PATH_MAX + 1, 200, REAPI_TOO_BIG},
		{2 * REAPI_PATH_DEPTH - 1, 1, 0},
		{2 * REAPI_PATH_DEPTH + 1, 1, REAPI_TOO_BIG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(util_free) char *path = path_of(cases[i].n, cases[i].name);
		struct reapi_violation v;

		assert_int_equal(reapi_path_check("it", path, &v), cases[i].outcome);
	}
}

static void test_names(void **state)
{
	struct reapi_violation v;

	assert_int_equal(reapi_name_check("it", "a", 1, &v), 0);
	assert_int_equal(reapi_name_check("it", "...", 3, &v), 0);
	assert_int_equal(reapi_name_check("it", "..a", 2, &v), REAPI_INVALID);
	assert_int_equal(reapi_name_check("it", ".", 1, &v), REAPI_INVALID);
	assert_int_equal(reapi_name_check("it", "", 0, &v), REAPI_INVALID);
	assert_int_equal(reapi_name_check("it", "a/b", 3, &v), REAPI_INVALID);
	assert_int_equal(reapi_name_check("it", "a\0b", 3, &v), REAPI_INVALID);
}

static void test_targets(void **state)
{
	AUTO(util_free) char *longest = path_of(REAPI_PATH_MAX, 100);
	AUTO(util_free) char *longer = path_of(REAPI_PATH_MAX + 1, 100);
	struct reapi_violation v;

	assert_int_equal(reapi_target_check("../../etc", &v), 0);
	assert_int_equal(reapi_target_check("/etc", &v), 0);
	assert_int_equal(reapi_target_check(longest, &v), 0);
	assert_int_equal(reapi_target_check(longer, &v), REAPI_TOO_BIG);
	assert_int_equal(reapi_target_check("", &v), REAPI_INVALID);
	assert_int_equal(reapi_target_check("\xfe", &v), REAPI_INVALID);
}

/* Wherever it is: text is looked at eight bytes at a time. */
static void test_one_bad_byte(void **state)
{
	static const char bad[] = {'\0', '\x80', '\xc3', '\xff'};

	for (size_t n = 1; n <= 40; n++) {
		AUTO(util_free) char *text = malloc(n); /* as long as it is, for sanitizers */

		assert_non_null(text);
		memset(text, '\x7f', n);
		assert_true(reapi_text_valid(text, n));
		memset(text, '\x01', n);
		assert_true(reapi_text_valid(text, n));
		for (size_t i = 0; i < n * ARRAY_SIZE(bad); i++) {
			text[i / ARRAY_SIZE(bad)] = bad[i % ARRAY_SIZE(bad)];
			assert_false(reapi_text_valid(text, n));
			text[i / ARRAY_SIZE(bad)] = '\x01';
		}
	}
}

static void test_sentences(void **state)
{
	AUTO(util_free) char *much = path_of(2000, 3000);
	struct reapi_violation v;

	assert_int_equal(reapi_violate(&v, REAPI_MISSING, "%s\n\x7f\x1b[0m", "\xc3\xa4"), 4);
	assert_string_equal(v.text, "\\xc3\\xa4\\x0a\\x7f\\x1b[0m");
	assert_int_equal(reapi_violate(&v, REAPI_INVALID, "%s", much), REAPI_INVALID);
	assert_true(strlen(v.text) < sizeof(v.text));
	assert_string_equal(v.text + strlen(v.text) - 4, "a...");
	memset(much, '\n', 2000);
	assert_int_equal(reapi_violate(&v, REAPI_INVALID, "%s", much), REAPI_INVALID);
	assert_true(strlen(v.text) < sizeof(v.text));
	assert_string_equal(v.text + strlen(v.text) - 7, "\\x0a...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_one_bad_byte),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_outputs),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_sentences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
