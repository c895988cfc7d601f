/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cc/split.h"
#include "cc/text_operator.h"

static const struct {
	const char *text;
	bool live;
} cases[] = {
	{"int x;\n", false},
	{"#define W1(m) _Pragma(#m)\n#define W(m) W1(GCC warning m)\nint x;\n", false},
	{"#define W1(m) _Pragma(#m)\n#define W(m) W1(GCC warning m)\nW(x) int y;\n", true},
	{"#define W1(m) _Pragma(#m)\n#undef W1\nint x;\n", false},
	{"#define W1(m) _Pragma(#m)\n/* W1 does a thing. */\n// and W1 here\nint x;\n", false},
	{"#define W1(m) _Pragma(#m)\nchar *s = \"/*\"; W1(x)\n", true},
	{"#define W1(m) _Pragma(#m)\nint W1x, xW1;\n", false},
	{"#define A \\\n _Pragma(\"x\")\n#  define B A\nint x = B;\n", true},
	{"#define A _Pragma(\"once\")\nint x;\n", true},
	{"#define A _Pragma(\"push_macro(\\\"x\\\")\")\nint x;\n", true},
	{"#define A _Pragma(\"GCC target(\\\"avx2\\\")\")\nint x;\n", true},
	{"_Pragma(\"GCC diagnostic push\") int x;\n", true},
	{"int x; /* _Pragma(\"once\") */\n", false},
	{"#define M __pragma(pack)\nM\n", true},
	{"_Pragma", true},
	{"#define _PragmaX 1\n", false},
};

static void test_cases(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool live = text_operator_live(cases[i].text, strlen(cases[i].text));

		if (live != cases[i].live)
			fail_msg("case %zu: %s", i, cases[i].text);
	}
}

static void test_the_scan_asks(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		unsigned found = cc_text_scan(cases[i].text, strlen(cases[i].text), true);

		if (((found & CC_TEXT_NEEDS_FULL) != 0) != cases[i].live)
			fail_msg("case %zu: %s", i, cases[i].text);
		assert_false(cc_text_scan(cases[i].text, strlen(cases[i].text), false) &
			     CC_TEXT_NEEDS_FULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_the_scan_asks),
	};

	return cmocka_run_group_tests_name("text_operator", tests, NULL, NULL);
}
