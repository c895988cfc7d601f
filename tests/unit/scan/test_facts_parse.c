/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "failing.h"
#include "scan/facts.h"
#include "scan/facts_parse.h"

#define HEAD "# 0 \"<stdin>\"\n# 0 \"<built-in>\"\n#define A 1\n"
#define BODY "# 1 \"<stdin>\"\n"

static void test_output(void **state)
{
	static const struct {
		const char *text;
		size_t answers;
		const char *first; /* NULL: refused */
		bool preinclude;
	} cases[] = {
		{HEAD BODY "scan_begin_0 1 scan_end_0\n", 1, "1"},
		{HEAD BODY "   scan_begin_0   u8\"x\"  1 scan_end_0  \r\n\n", 1, "u8\"x\"1"},
		{HEAD BODY "#define u 1\n#undef u\nscan_begin_0 scan_end_0\n", 1, ""},
		{HEAD "# 1 \"/t/stdc-predef.h\" 1 3 4\n#define scan_preinclude 1\n"
		      "# 0 \"<command-line>\" 2\n#undef B\n" BODY "scan_begin_0 1 scan_end_0",
			1, "1", true},
		{HEAD "# 1 \"/t/./stdc-predef.h\" 1\n#define scan_preinclude 1\n" BODY
		      "scan_begin_0 1 scan_end_0",
			1, "1", true},
		/* too few, too many, out of order, not alone */
		{HEAD BODY "scan_begin_0 1 scan_end_0\n", 2},
		{HEAD BODY "scan_begin_0 1 scan_end_0\nscan_begin_1 1 scan_end_1\n", 1},
		{HEAD BODY "scan_begin_1 1 scan_end_1\n", 1},
		{HEAD BODY "scan_begin_0 1 scan_end_0 x\n", 1},
		{HEAD BODY "x scan_begin_0 1 scan_end_0\n", 1},
		{HEAD BODY "scan_begin_0 1 scan_end_1\n", 1},
		{HEAD BODY "scan_begin_0 scan_begin_0 1 scan_end_0\n", 1},
		{HEAD BODY "scan_begin_0 1 scan_end_0\nx\n", 1},
		{HEAD BODY "scan_begin_0 1\nscan_end_0\n", 1},
		/* text or definitions of another file, or in front of the first marker */
		{HEAD "int x;\n" BODY "scan_begin_0 1 scan_end_0\n", 1},
		{HEAD "# 1 \"/usr/include/stdc-predef.h\" 1 3 4\n#define X 1\n" BODY
		      "scan_begin_0 1 scan_end_0\n",
			1},
		{HEAD "# 1 \"/t/stdc-predef.h\" 1\n#define other 1\n" BODY
		      "scan_begin_0 1 scan_end_0\n",
			1},
		{"#define A 1\n" BODY "scan_begin_0 1 scan_end_0\n", 1},
		{"scan_begin_0 1 scan_end_0\n", 1},
		{"# 1 \"/t/x.h\"\nscan_begin_0 1 scan_end_0\n", 1},
		{"# 0 \"<built-in>\"\n#define 1 1\n" BODY "scan_begin_0 1 scan_end_0\n", 1},
		{"", 1},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct facts_output o;
		int r = facts_parse_output(
			cases[i].text, strlen(cases[i].text), "/t", cases[i].answers, &o);

		if (r != (cases[i].first ? 0 : FACTS_PARSE_BAD))
			fail_msg("%s", cases[i].text);
		if (r != 0)
			continue;
		assert_string_equal(o.answers.v[0], cases[i].first);
		assert_int_equal(o.preinclude, cases[i].preinclude);
		assert_int_equal(strncmp(buf_str(&o.predefined), "#define A 1\n", 12), 0);
		facts_output_fini(&o);
	}
}

#define START "#include \"...\" search starts here:\n"
#define ANGLE "#include <...> search starts here:\n"
#define END "End of search list.\n"

static void test_lists(void **state)
{
	static const struct {
		const char *text;
		const char *lists; /* NULL: refused; Q, B, M, C, S and each name */
	} cases[] = {
		{START ANGLE END, ""},
		{"gcc\nignoring nonexistent directory \"/a \"b\"\nignoring duplicate directory "
		 "\"c\"\n"
		 "  as it is a non-system directory that duplicates a system directory\n" START
		 " q\n" ANGLE " /x\n y z/\n" END "rest \" \n",
			"Qq B/x By z/ M/a \"b Mc "},
		{"Found candidate GCC installation: /g/12\n" START ANGLE " /t/.\n /x\n" END,
			"B/x C/g/12 S/t/. "},
		{START " /t\n" ANGLE " /t\n" END, "S/t "},
		{" \"/c\" -cc1 -fsanitize-system-ignorelist=/s/a.txt "
		 "\"-fsanitize-system-blacklist=/s s/b.txt\" -x c -\n" START ANGLE END,
			"A/s/a.txt A/s s/b.txt "},
		{" /c -cc1 -D \"-fsanitize-system-ignorelist=/a\\\"b\"\n" START ANGLE END, NULL},
		{" /c -cc1 -fsanitize-system-ignorelist=\n" START ANGLE END, NULL},
		{" /c -D-fsanitize-system-ignorelist=/a\n" START ANGLE END, ""},
		{START ANGLE " /x (framework directory)\n" END, NULL},
		{START ANGLE " /x (headermap)\n" END, NULL},
		{START ANGLE "/x\n" END, NULL},
		{START ANGLE " \n" END, NULL},
		{START ANGLE " /x\n", NULL},
		{ANGLE START END, NULL},
		{START END, NULL},
		{"", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct facts_lists l;
		int r = facts_parse_lists(cases[i].text, strlen(cases[i].text), "/t", &l);
		struct buf text = BUF_INIT;

		if (r != (cases[i].lists ? 0 : FACTS_PARSE_BAD))
			fail_msg("%s", cases[i].text);
		if (r != 0)
			continue;
		for (size_t k = 0; k < 6; k++) {
			const struct strv *lists[] = {&l.quote, &l.bracket, &l.missing,
				&l.candidates, &l.skipped, &l.also};

			for (size_t j = 0; j < lists[k]->n; j++)
				assert_int_equal(
					buf_printf(&text, "%c%s ", "QBMCSA"[k], lists[k] -> v[j]),
					0);
		}
		assert_string_equal(buf_str(&text), cases[i].lists);
		buf_fini(&text);
		facts_lists_fini(&l);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		long value;
	} cases[] = {{"0", true, 0}, {"1", true, 1}, {"201907L", true, 201907}, {"0x1F", true, 31},
		{"2UL", true, 2}, {"", false}, {"-1", false}, {"1x", false}, {"x", false},
		{"1ULLL", false}, {"99999999999999999999", false}, {"1 1", false}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		long v = 0;

		assert_int_equal(facts_parse_number(cases[i].text, &v), cases[i].ok);
		assert_int_equal(v, cases[i].value);
	}
}

static void test_error_lines(void **state)
{
	static const struct {
		const char *text;
		size_t line;
	} cases[] = {{"<stdin>:12:8: error: no", 12}, {"<stdin>:7: error: x", 7},
		{"<stdin>:12:8: warning: no", 0}, {"x.c:12:8: error: no", 0},
		{"<stdin>:x: error: no", 0}, {"<stdin>:99999999999999999999:1: error: no", 0},
		{"<stdin>:", 0}, {"", 0}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(facts_parse_error_line(cases[i].text, strlen(cases[i].text)),
			cases[i].line);
}

static void test_plain_questions(void **state)
{
	static const struct {
		enum scan_special special;
		const char *operand;
		bool plain;
	} cases[] = {
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "x", true},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "__x_1", true},
		{SCAN_SPECIAL_HAS_CPP_ATTRIBUTE, "gnu::x", true},
		{SCAN_SPECIAL_HAS_CPP_ATTRIBUTE, "gnu :: x", true},
		{SCAN_SPECIAL_HAS_CPP_ATTRIBUTE, "gnu::", false},
		{SCAN_SPECIAL_HAS_CPP_ATTRIBUTE, "gnu:x", false},
		{SCAN_SPECIAL_HAS_CPP_ATTRIBUTE, "::x", false},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "1", false},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "", false},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "x)", false},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "x\n", false},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "x/**/", false},
		{SCAN_SPECIAL_HAS_ATTRIBUTE, "\xc3\xa9", false},
		{SCAN_SPECIAL_HAS_WARNING, "\"-Wfoo=2\"", true},
		{SCAN_SPECIAL_HAS_WARNING, "\"foo\"", false},
		{SCAN_SPECIAL_HAS_WARNING, "\"-W\\\"", false},
		{SCAN_SPECIAL_HAS_WARNING, "x", false},
		{SCAN_SPECIAL_HAS_INCLUDE, "x", false},
		{SCAN_SPECIAL_COUNT, "x", false},
	};
	char longest[SCAN_QUESTION_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(scan_question_is_plain(cases[i].special, cases[i].operand,
					 strlen(cases[i].operand)),
			cases[i].plain);
	memset(longest, 'x', sizeof(longest));
	assert_true(scan_question_is_plain(SCAN_SPECIAL_HAS_BUILTIN, longest, SCAN_QUESTION_MAX));
	assert_false(scan_question_is_plain(SCAN_SPECIAL_HAS_BUILTIN, longest, sizeof(longest)));
}

static void test_memory_runs_out(void **state)
{
	static const char output[] = HEAD BODY "scan_begin_0 1 scan_end_0\n";
	static const char lists[] =
		"ignoring duplicate directory \"c\"\n" START " q\n" ANGLE " /x\n" END;

	for (unsigned n = 1; failing_start(n); n++) {
		struct facts_output o;
		struct facts_lists l;
		int r1 = facts_parse_output(output, sizeof(output) - 1, "/t", 1, &o);
		int r2 = facts_parse_lists(lists, sizeof(lists) - 1, "/t", &l);

		if (failing_stop())
			assert_true((r1 == -ENOMEM) != (r2 == -ENOMEM));
		if (r1 == 0)
			facts_output_fini(&o);
		if (r2 == 0)
			facts_lists_fini(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_error_lines),
		cmocka_unit_test(test_plain_questions),
		cmocka_unit_test(test_memory_runs_out),
	};

	return cmocka_run_group_tests_name("scan facts parse", tests, NULL, NULL);
}
