/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/path.h"
#include "cc/response.h"

/* words is NULL where we are unsure; they are joined by '|'. What gcc 12 and clang 14 agree on. */
static const struct {
	const char *text;
	const char *words;
} splits[] = {
	{"", ""},
	{" \n\t", ""},
	{"a b\tc\nd\r\ne", "a|b|c|d|e"},
	{"-DA='a b' -DB=\"c d\"", "-DA=a b|-DB=c d"},
	{"'a\\b' \"c\\\"d\" e\\ f g\\\\h", "ab|c\"d|e f|g\\h"},
	{"'a\\'b'", "a'b"},
	{"\"a'b\"x'c\"d'", "a'bxc\"d"},
	{"\"a\nb\"", "a\nb"},
	{"a#b #c", "a#b|#c"},
	{"@x", "@x"},
	{"''", NULL},
	{"a \"\"", NULL},
	{"'open", NULL},
	{"\"open\\\"", NULL},
	{"a\\\nb", NULL},
	{"a\\", NULL},
	{"a\fb", NULL},
	{"\xef\xbb\xbf-DA", NULL},
	{"\xff\xfe-", NULL},
};

static void test_split(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(splits); i++) {
		AUTO(strv_fini) struct strv words = STRV_INIT;
		AUTO(buf_fini) struct buf joined = BUF_INIT;
		int r = cc_response_split(splits[i].text, strlen(splits[i].text), &words);

		if (r != (splits[i].words ? 0 : CC_RESPONSE_UNSURE))
			fail_msg("%s: %d", splits[i].text, r);
		for (size_t k = 0; k < words.n; k++)
			assert_int_equal(buf_printf(&joined, "%s%s", k ? "|" : "", words.v[k]), 0);
		if (splits[i].words)
			assert_string_equal(buf_str(&joined), splits[i].words);
	}
	{
		AUTO(strv_fini) struct strv words = STRV_INIT;

		assert_int_equal(cc_response_split("a\0b", 3, &words), CC_RESPONSE_UNSURE);
	}
}

static void write_file(const char *dir, const char *name, const char *text)
{
	AUTO(util_free) char *path = path_join(dir, name);
	AUTO(util_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
}

/* 0 and the words in argv, or the file at fault. */
static void expect(const char *cwd, const char *arg, const char *words, const char *fault)
{
	AUTO(strv_fini) struct strv out = STRV_INIT;
	AUTO(buf_fini) struct buf joined = BUF_INIT;
	AUTO(util_free) char *file = NULL;
	char *argv[] = {(char *)"gcc", (char *)arg, NULL};
	int r = cc_response_expand(argv, cwd, &out, &file);

	assert_int_equal(r, fault ? CC_RESPONSE_UNSURE : 0);
	if (fault) {
		assert_string_equal(file, fault);
		return;
	}
	for (size_t i = 0; i < out.n; i++)
		assert_int_equal(buf_printf(&joined, "%s%s", i ? "|" : "", out.v[i]), 0);
	assert_string_equal(buf_str(&joined), words);
}

static void test_expand(void **state)
{
	char cwd[] = "/tmp/cc-response-XXXXXX";
	char name[16], text[32];

	assert_non_null(mkdtemp(cwd));
	write_file(cwd, "a", "-O2 @b -c");
	write_file(cwd, "b", "-DX @c");
	write_file(cwd, "c", "x.c");
	write_file(cwd, "loop1", "@loop2");
	write_file(cwd, "loop2", "-x @loop1");
	write_file(cwd, "twice", "@c @c");
	write_file(cwd, "bad", "'");
	write_file(cwd, "deep0", "end");
	for (int i = 1; i <= CC_RESPONSE_DEPTH_MAX; i++) {
		snprintf(name, sizeof(name), "deep%d", i);
		snprintf(text, sizeof(text), "@deep%d", i - 1);
		write_file(cwd, name, text);
	}
	expect(cwd, "plain", "gcc|plain", NULL);
	expect(cwd, "@a", "gcc|-O2|-DX|x.c|-c", NULL);
	expect(cwd, "@twice", "gcc|x.c|x.c", NULL);
	expect(cwd, "@loop1", NULL, "@loop1");
	expect(cwd, "@bad", NULL, "@bad");
	expect(cwd, "@missing", NULL, "@missing");
	expect(cwd, "@.", NULL, "@.");
	expect(cwd, "@/dev/null", NULL, "@/dev/null");
	snprintf(text, sizeof(text), "@deep%d", CC_RESPONSE_DEPTH_MAX - 1);
	expect(cwd, text, "gcc|end", NULL);
	snprintf(text, sizeof(text), "@deep%d", CC_RESPONSE_DEPTH_MAX);
	expect(cwd, text, NULL, "@deep0");
	assert_int_equal(fs_remove_tree(cwd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_expand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
