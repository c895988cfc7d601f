/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/exclude.h"
#include "base/fs.h"

static void test_patterns(void **state)
{
	static const struct {
		const char *patterns, *path;
		bool matches;
	} cases[] = {
		{NULL, "/a/b.h", false},
		{"", "/a/b.h", false},
		{":::", "/a/b.h", false},
		{"/a/b.h", "/a/b.h", true},
		{"/a/b.h", "/a/b.hh", false},
		{"/a/b.h", "/x/a/b.h", false},
		/* What is below a directory. */
		{"/a", "/a/b.h", true},
		{"/a/", "/a/b/c.h", true},
		{"/a", "/ab/c.h", false},
		{"/a/*/keys", "/a/b/c/keys/k.h", true},
		{"/", "/a", false},
		{"/*", "/a", true},
		/* A star is any text. */
		{"*.key", "/a/b.key", true},
		{"*.key", "/a/b.key.h", false},
		{"/a/*.h", "/a/b/c.h", true},
		{"/a/.*", "/a/.hidden/x", true},
		{"/a/*", "/a/.hidden/x", true},
		/* Anywhere. */
		{"secret.h", "/a/secret.h", true},
		{"secret.h", "/a/topsecret.h", false},
		{"keys", "/a/keys/b.h", true},
		{"b/c.h", "/a/b/c.h", true},
		{"b/c.h", "/ab/c.h", false},
		{"[ab].h", "/x/a.h", true},
		{"?.h", "/x/a.h", true},
		{"?.h", "/x/aa.h", false},
		/* Several, and with characters that are none. */
		{"/no:b.h:/other", "/a/b.h", true},
		{"/a/\\*.h", "/a/*.h", true},
		{"/a/\\*.h", "/a/b.h", false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct exclude e;

		print_message("%s on %s\n", cases[i].patterns ? cases[i].patterns : "(none)",
			cases[i].path);
		assert_int_equal(exclude_parse(cases[i].patterns, &e), 0);
		assert_int_equal(exclude_has(&e, cases[i].path), cases[i].matches);
		exclude_fini(&e);
	}
}

static void put(const char *dir, const char *name)
{
	AUTO(util_free) char *path = NULL;
	int fd;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static bool excluded(const char *dir, const char *pattern, const char *name)
{
	AUTO(util_free) char *text = NULL, *path = NULL;
	struct exclude e;
	bool has;

	assert_true(asprintf(&text, "%s/%s", dir, pattern) > 0);
	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	assert_int_equal(exclude_parse(text, &e), 0);
	has = exclude_has_file(&e, path);
	exclude_fini(&e);
	return has;
}

/* Links to an excluded file, and a pattern that is a link itself. */
static void test_links(void **state)
{
	char dir[] = "/tmp/test-exclude-XXXXXX";

	assert_non_null(mkdtemp(dir));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir("real", 0700), 0);
	assert_int_equal(mkdir("o*d", 0700), 0);
	assert_int_equal(symlink("real", "link"), 0);
	assert_int_equal(symlink("real/a.h", "alias.h"), 0);
	assert_int_equal(symlink("o*d", "star"), 0);
	put(dir, "real/a.h");
	put(dir, "other.h");
	assert_true(excluded(dir, "real", "alias.h"));
	assert_true(excluded(dir, "alias.h", "alias.h"));
	assert_true(excluded(dir, "link", "real/a.h"));
	assert_true(excluded(dir, "real", "other/../link/a.h") == false);
	assert_true(excluded(dir, "real", "link/../real/a.h"));
	assert_false(excluded(dir, "link", "other.h"));
	assert_true(excluded(dir, "star", "o*d/x.h"));
	assert_false(excluded(dir, "star", "ooo-d/x.h"));
	assert_false(excluded(dir, "none", "gone.h"));
	assert_true(excluded(dir, "gone.h", "gone.h"));
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(fs_remove_tree(dir), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
