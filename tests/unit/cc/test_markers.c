/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cc/markers.h"

static int write_down(void *arg, const char *path, bool enters)
{
	struct buf *b = arg;

	assert_int_equal(buf_printf(b, "%s%s ", path, enters ? "+" : ""), 0);
	return strstr(path, "stop") ? 77 : strstr(path, "enough") ? CC_MARKERS_ENOUGH : 0;
}

static void test_markers(void **state)
{
	static const struct {
		const char *text, *told;
		int outcome;
	} cases[] = {
		{"", "", CC_MARKERS_NONE},
		{"int x;\n", "", CC_MARKERS_NONE},
		{"# 1 \"a.c\"\nint x;\n", "/w/a.c+ ", 0},
		/* Only whole lines count, and only such. */
		{"# 1 \"a.c\"", "", CC_MARKERS_NONE},
		{"#1 \"a.c\"\n#line 1 \"a.c\"\n# x \"a.c\"\n# 1\n", "", CC_MARKERS_NONE},
		{"# 0 \"a.c\"\n# 0 \"<built-in>\"\n# 1 \"/i/x.h\" 1 3 4\n# 2 \"a.c\" 2\n"
		 "# 7 \"a.c\"\n# 1 \"sub/../y z.h\" 1\n",
			"/w/a.c+ /i/x.h+ /w/a.c /w/sub/../y z.h+ ", 0},
		/* Entered twice: told twice. */
		{"# 1 \"a.c\"\n# 1 \"x.h\" 1\n# 1 \"x.h\" 1\n# 3 \"x.h\"\n",
			"/w/a.c+ /w/x.h+ /w/x.h+ ", 0},
		{"# 1 \"q\\\"uo\\\\te.h\"\n", "/w/q\"uo\\te.h+ ", 0},
		{"# 1 \"a.c\"\n# 1 \"tab\\t.h\" 1\n# 1 \"b.h\" 1\n", "/w/a.c+ ", CC_MARKERS_ODD},
		{"# 1 \"a.c\"\n# 1 \"stop\" 1\n# 1 \"b.h\" 1\n", "/w/a.c+ /w/stop+ ", 77},
		{"# 1 \"a.c\"\n# 1 \"enough\" 1\n# 1 \"b.h\" 1\n", "/w/a.c+ /w/enough+ ", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf told = BUF_INIT;

		print_message("%s\n", cases[i].text);
		assert_int_equal(cc_markers_each(cases[i].text, strlen(cases[i].text), "/w",
					 write_down, &told),
			cases[i].outcome);
		assert_string_equal(buf_str(&told), cases[i].told);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(test_markers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
