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

#include "worker/tokens.h"

static const char good[] = "# who may build\n"
			   "\n"
			   "0123456789abcdef\n"
			   "  alice \t ABCDEFGHIJKLMNOP-._~+/==\r\n"
			   "bob 0000000000000000";

static struct tokens parse(const char *text)
{
	struct tokens t;
	char *why = NULL;

	if (tokens_parse("f", text, strlen(text), &t, &why) != 0)
		fail_msg("%s", why);
	return t;
}

static void test_check(void **state)
{
	static const struct {
		const char *authorization;
		int r;
		const char *text;
	} cases[] = {
		{"Bearer 0123456789abcdef", 0, "line 3"},
		{"bearer   0123456789abcdef", 0, "line 3"},
		{"Bearer ABCDEFGHIJKLMNOP-._~+/==", 0, "alice"},
		{"BEARER 0000000000000000", 0, "bob"},
		{"Bearer 0123456789abcdeF", TOKENS_REFUSED, "the bearer token is not one of ours"},
		{"Bearer 0123456789abcde", TOKENS_REFUSED, "the bearer token is not one of ours"},
		{"Bearer 0123456789abcdef0", TOKENS_REFUSED, "the bearer token is not one of ours"},
		{"Bearer bob", TOKENS_REFUSED, "the bearer token is not one of ours"},
		{"Bearer bob 0000000000000000", TOKENS_REFUSED,
			"the authorization is not a bearer token"},
		{"Bearer", TOKENS_REFUSED, "the authorization is not a bearer token"},
		{"Bearer ", TOKENS_REFUSED, "the authorization is not a bearer token"},
		{"Bearer0123456789abcdef", TOKENS_REFUSED,
			"the authorization is not a bearer token"},
		{"Basic 0123456789abcdef", TOKENS_REFUSED,
			"the authorization is not a bearer token"},
		{"0123456789abcdef", TOKENS_REFUSED, "the authorization is not a bearer token"},
		{"", TOKENS_REFUSED, "the authorization is not a bearer token"},
		{NULL, TOKENS_REFUSED, "no bearer token was given"},
	};
	struct tokens t = parse(good);

	assert_int_equal(t.n, 3);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *text = NULL;

		if (tokens_check(&t, cases[i].authorization, &text) != cases[i].r)
			fail_msg("case %zu", i);
		assert_string_equal(text, cases[i].text);
	}
	tokens_fini(&t);
}

static void test_long(void **state)
{
	char text[2 * TOKENS_LENGTH_MAX] = "Bearer ";
	const size_t scheme = strlen(text);
	const char *who;
	struct tokens t;

	memset(text + scheme, 'x', sizeof(text) - scheme - 1);
	text[scheme + TOKENS_LENGTH_MAX] = '\0';
	t = parse(text + scheme);
	assert_int_equal(tokens_check(&t, text, &who), 0);
	text[scheme + TOKENS_LENGTH_MAX] = 'x';
	assert_int_equal(tokens_check(&t, text, &who), TOKENS_REFUSED);
	text[scheme + TOKENS_LENGTH_MAX] = ' ';
	assert_int_equal(tokens_check(&t, text, &who), TOKENS_REFUSED);
	tokens_fini(&t);
}

static void test_bad_text(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "f: there is no token in it"},
		{"# none\n\n", "f: there is no token in it"},
		{"short\n", "f: line 1: a token is 16 to 512 characters long"},
		{"0123456789abcdef\na 0123456789abcde\n", "f: line 2: a token is 16 to 512"},
		{"a b 0123456789abcdef\n", "f: line 1: expected TOKEN, or NAME TOKEN"},
		{"a: 0123456789abcdef\n", "f: line 1: a name is at most 64 letters"},
		{"0123456789abcdef\"\n", "f: line 1: a token has only letters"},
		{"0123456789\x01"
		 "abcdef\n",
			"f: line 1: a token has only letters"},
		{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
		 "0123456789abcdef",
			"f: line 1: a name is at most 64"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(util_free) char *why = NULL;
		struct tokens t;

		assert_int_equal(tokens_parse("f", cases[i].text, strlen(cases[i].text), &t, &why),
			TOKENS_BAD_FILE);
		if (strncmp(why, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("\"%s\", expected \"%s\"", why, cases[i].why);
		/* Not in a log, whatever is wrong with it. */
		assert_null(strstr(why, "0123456789"));
	}
}

static void test_too_many(void **state)
{
	AUTO(util_free) char *text = malloc((TOKENS_MAX + 1) * 17 + 1);
	AUTO(util_free) char *why = NULL;
	struct tokens t;
	size_t n = 0;

	for (int i = 0; i <= TOKENS_MAX; i++)
		n += (size_t)sprintf(text + n, "%016d\n", i);
	assert_int_equal(tokens_parse("f", text, n, &t, &why), TOKENS_BAD_FILE);
	assert_string_equal(why, "f: line 1025: more than 1024 tokens");
	util_free(&why);
	assert_int_equal(tokens_parse("f", text, n - 17, &t, &why), 0);
	assert_int_equal(t.n, TOKENS_MAX);
	tokens_fini(&t);
}

static void check_load(const char *path, const char *want)
{
	AUTO(util_free) char *why = NULL, *expected = NULL;
	struct tokens t;
	int r = tokens_load(path, &t, &why);

	if (!want) {
		assert_int_equal(r, 0);
		assert_int_equal(t.n, 3);
		tokens_fini(&t);
		return;
	}
	assert_int_equal(r, TOKENS_BAD_FILE);
	assert_true(asprintf(&expected, "%s: %s", path, want) > 0);
	if (strncmp(why, expected, strlen(expected)) != 0)
		fail_msg("%s", why);
}

static void test_files(void **state)
{
	static const mode_t open_modes[] = {0604, 0602, 0601, 0644};
	char path[] = "/tmp/test-tokens-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, good, sizeof(good) - 1), sizeof(good) - 1);
	assert_int_equal(fchmod(fd, 0600), 0);
	check_load(path, NULL);
	assert_int_equal(fchmod(fd, 0640), 0);
	check_load(path, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(open_modes); i++) {
		assert_int_equal(fchmod(fd, open_modes[i]), 0);
		check_load(path, "others can get at this token: chmod o-rwx /tmp/test-tokens-");
	}
	assert_int_equal(fchmod(fd, 0600), 0);
	assert_int_equal(ftruncate(fd, TOKENS_FILE_MAX + 1), 0);
	check_load(path, "too large");
	close(fd);
	assert_int_equal(unlink(path), 0);
	check_load(path, "No such file or directory");
	assert_int_equal(mkfifo(path, 0600), 0);
	check_load(path, "not a regular file");
	assert_int_equal(unlink(path), 0);
	check_load("/", "not a regular file");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_bad_text),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
