/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/story.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { MS = 1000000 };

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void test_not_wanted(void **state)
{
	struct story s = {.wanted = false};

	(void)state;
	story_add(&s, 5, "scan", "text");
	story_end(&s, 5, "end", "text");
	assert_string_equal(buf_str(&s.text), "");
	story_fini(&s);
}

static void test_lines(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, 7 * MS);
	story_add(&s, 7 * MS, "command", "gcc -c x.c");
	story_end(&s, 1240 * MS, "end", "a\tb\nc\x1b");
	assert_string_equal(buf_str(&s.text), "      0.0 ms  command     gcc -c x.c\n"
					      "   1233.0 ms  end         a?b?c?\n");
	/* It has ended. */
	story_add(&s, 1240 * MS, "more", "");
	assert_int_equal(count_lines(buf_str(&s.text)), 2);
	story_fini(&s);
}

static void test_long_lines(void **state)
{
	struct story s;
	char text[5000];

	(void)state;
	memset(text, 'm', sizeof(text));
	memcpy(text, "first", 5);
	strcpy(text + sizeof(text) - 5, "last");
	story_begin(&s, 0);
	story_end(&s, 0, "command", text);
	assert_int_equal(count_lines(buf_str(&s.text)), 1);
	assert_true(s.text.len <= STORY_COLUMNS_MAX + 1);
	assert_non_null(strstr(buf_str(&s.text), "command     first"));
	assert_non_null(strstr(buf_str(&s.text), "m ... m"));
	assert_non_null(strstr(buf_str(&s.text), "last\n"));
	story_fini(&s);
}

static void test_many_lines(void **state)
{
	struct story s;

	(void)state;
	story_begin(&s, 0);
	for (int i = 0; i < 50; i++)
		story_add(&s, 0, "host", "one");
	story_end(&s, 0, "end", "it is over");
	assert_int_equal(count_lines(buf_str(&s.text)), STORY_LINES_MAX);
	assert_non_null(strstr(buf_str(&s.text), "and 16 lines more"));
	assert_non_null(strstr(buf_str(&s.text), "end         it is over\n"));
	story_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_wanted),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
