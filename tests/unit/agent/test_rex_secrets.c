/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/rex_secrets.h"

static void test_tokens(void **state)
{
	static const struct {
		const char *text, *token, *why;
	} cases[] = {
		{"abc", "abc"},
		{"  abc\t\r\n", "abc"},
		{"# for the builds\n\nA-z0.9_~+/==\n\n", "A-z0.9_~+/=="},
		{"", NULL, "no token"},
		{"\n#abc\n", NULL, "no token"},
		{"abc\nabc", NULL, "more than one line"},
		{"name abc", NULL, "no bearer token"},
		{"Bearer abc", NULL, "without"},
		{"a\001b", NULL, "no bearer token"},
		{"a\xc3\xa4", NULL, "no bearer token"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(util_free) char *got = NULL, *why = NULL;
		int r = rex_secrets_parse("/t", cases[i].text, strlen(cases[i].text), &got, &why);

		if (cases[i].token) {
			assert_int_equal(r, 0);
			assert_true(str_starts(got, "Bearer "));
			assert_string_equal(got + 7, cases[i].token);
		} else {
			assert_int_equal(r, REX_SECRETS_BAD);
			assert_true(str_starts(why, "/t: "));
			assert_non_null(strstr(why, cases[i].why));
			assert_null(strchr(why, '\n'));
		}
	}
}

/* A NUL is a character like any other that no token has; a long one is told by its length. */
static void test_odd_tokens(void **state)
{
	AUTO(util_free) char *got = NULL, *why = NULL;
	char text[REX_TOKEN_MAX + 1];

	assert_int_equal(rex_secrets_parse("/t", "a\0b", 3, &got, &why), REX_SECRETS_BAD);
	util_free(&why);
	memset(text, 'a', sizeof(text));
	assert_int_equal(rex_secrets_parse("/t", text, sizeof(text), &got, &why), REX_SECRETS_BAD);
	assert_non_null(strstr(why, "longer than"));
	assert_int_equal(rex_secrets_parse("/t", text, REX_TOKEN_MAX, &got, &why), 0);
}

static void put(const char *path, const char *text)
{
	AUTO(util_free) char *fresh = NULL;
	FILE *f;

	assert_true(asprintf(&fresh, "%s.new", path) > 0);
	f = fopen(fresh, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(fresh, 0600), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static void test_read_again_when_it_changes(void **state)
{
	char dir[] = "/tmp/test-rex-secrets-XXXXXX";
	AUTO(util_free) char *path = NULL, *why = NULL;
	struct rex_secrets s;
	uint64_t now = 5000;

	assert_non_null(mkdtemp(dir));
	assert_true(asprintf(&path, "%s/token", dir) > 0);
	assert_int_equal(
		rex_secrets_init(&s, false, &(struct rex_secrets_files){.token = path}), 0);
	assert_int_equal(rex_secrets_read(&s, now, &why), REX_SECRETS_BAD);
	put(path, "one");
	assert_int_equal(rex_secrets_read(&s, now, &why), 0);
	assert_string_equal(s.authorization, "Bearer one");
	put(path, "two");
	/* It has just been looked at. */
	rex_secrets_refresh(&s, now + REX_SECRETS_LOOK_MS - 1);
	assert_string_equal(s.authorization, "Bearer one");
	rex_secrets_refresh(&s, now += REX_SECRETS_LOOK_MS);
	assert_string_equal(s.authorization, "Bearer two");
	/* What is no good, or gone, changes nothing for those who are connected. */
	put(path, "no good");
	rex_secrets_refresh(&s, now += REX_SECRETS_LOOK_MS);
	assert_string_equal(s.authorization, "Bearer two");
	unlink(path);
	rex_secrets_refresh(&s, now += REX_SECRETS_LOOK_MS);
	assert_string_equal(s.authorization, "Bearer two");
	util_free(&why);
	assert_int_equal(rex_secrets_read(&s, now, &why), REX_SECRETS_BAD);
	put(path, "three");
	assert_int_equal(rex_secrets_read(&s, now, &why), 0);
	assert_string_equal(s.authorization, "Bearer three");
	rex_secrets_fini(&s);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_odd_tokens),
		cmocka_unit_test(test_read_again_when_it_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
