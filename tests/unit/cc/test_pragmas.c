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
#include "cc/pragmas.h"

static char cwd[] = "/tmp/cc-pragmas-XXXXXX";

static void write_file(const char *name, const char *text)
{
	AUTO(util_free) char *path = path_join(cwd, name);
	AUTO(util_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(cwd));
	write_file("x.c", "#include \"good.h\"\n");
	write_file("good.h", "#pragma once\n");
	write_file("bad.h", "#pragma push_macro(\"X\")\n");
	write_file("odd\"\\.h", "#pragma once\n");
	return 0;
}

static int teardown(void **state)
{
	return fs_remove_tree(cwd);
}

static bool check(struct cc_pragmas *p, const char *text)
{
	bool whole = false;

	assert_int_equal(cc_pragmas_check(p, text, strlen(text), cwd, &whole), 0);
	return whole;
}

static void test_check(void **state)
{
	static const struct {
		const char *text;
		bool whole;
	} rows[] = {
		{"# 0 \"x.c\"\n# 1 \"/cwd//\"\n# 0 \"<built-in>\"\nint x;\n", true},
		{"# 0 \"x.c\"\n# 1 \"good.h\" 1\nint x;\n# 2 \"x.c\" 2\n", true},
		{"# 0 \"x.c\"\n# 1 \"bad.h\" 1\nint x;\n# 2 \"x.c\" 2\n", false},
		{"# 0 \"x.c\"\n# 1 \"good.h\" 1 3 4\n# 1 \"bad.h\" 1 3\n", false},
		{"# 1 \"bad.h\"\n", false},
		{"# 0 \"x.c\"\n# 7 \"missing.y\"\n# 8 \"missing.y\" 2\n", true},
		{"# 0 \"x.c\"\n# 1 \"missing.h\" 1\n", false},
		{"# 0 \"x.c\"\n# 1 \"odd\\\"\\\\.h\" 1\n", true},
		{"# 0 \"x.c\"\n# 1 \"odd\\303\" 1\n", false},
		{"# 0 \"x.c\"\n# define X 1\n# 1 \"bad.h\" 1", true},
		{"int x;\n", false},
		{"", false},
	};
	struct cc_pragmas *p = cc_pragmas_new();

	assert_non_null(p);
	for (int again = 0; again < 2; again++)
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			if (check(p, rows[i].text) != rows[i].whole)
				fail_msg("%s", rows[i].text);
	cc_pragmas_free(p);
}

/* A file that changed is looked into anew. */
static void test_change(void **state)
{
	struct cc_pragmas *p = cc_pragmas_new();
	const char *text = "# 0 \"x.c\"\n# 1 \"change.h\" 1\n";

	assert_non_null(p);
	write_file("change.h", "#pragma once\n");
	assert_true(check(p, text));
	write_file("change.h", "#pragma message \"x\"\n");
	assert_false(check(p, text));
	write_file("change.h", "");
	assert_true(check(p, text));
	cc_pragmas_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_change),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
