/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "scan/lexer.h"

enum {
	ALL = SCAN_MODE_LINE_COMMENTS | SCAN_MODE_TRIGRAPHS | SCAN_MODE_DIGRAPHS |
	      SCAN_MODE_RAW_STRINGS | SCAN_MODE_UNICODE_STRINGS | SCAN_MODE_UTF8_STRINGS |
	      SCAN_MODE_UTF8_CHARACTERS | SCAN_MODE_DIGIT_SEPARATORS | SCAN_MODE_USER_LITERALS |
	      SCAN_MODE_DOLLARS,
};

/* Each token is its spelling behind a letter of its kind; "|" between lines. */
static const struct {
	const char *name, *text;
	uint32_t mode;
	const char *tokens;
} cases[] = {
	{"names", "a _b1 $c", ALL, "na n_b1 n$c"},
	{"no dollars", "a$b", 0, "na o$ nb"},
	{"numbers", "1 .5e+3 0x1p-2u 1.2.3 1'0a", ALL, "01 0.5e+3 00x1p-2u 01.2.3 01'0a"},
	{"a separator is a quote in C", "1'0'", 0, "01 c'0'"},
	{"strings", "\"a\\\"b\" L\"x\" u8\"y\" U'z'", ALL, "s\"a\\\"b\" sL\"x\" su8\"y\" cU'z'"},
	{"no prefixes of C99", "u\"x\"", 0, "nu s\"x\""},
	{"an open quote ends with its line", "\"a\nb", ALL, "o\"a|nb"},
	{"user literals", "\"x\"_km 'c'd", ALL, "s\"x\"_km c'c'd"},
	{"spliced name", "a\\\nb", ALL, "nab"},
	{"splice with blanks", "a\\ \t\nb", ALL, "nab"},
	{"spliced by CR LF", "a\\\r\nb", ALL, "nab"},
	{"two splices", "a\\\n\\\nb", ALL, "nab"},
	{"spliced comment", "a /\\\n* b */ c /\\\n/ d\\\ne\nf", ALL, "na nc|nf"},
	{"trigraph splice", "a?\?/\nb", ALL, "nab"},
	{"no trigraphs", "a?\?/\nb", ALL & ~SCAN_MODE_TRIGRAPHS, "na p? p? p/|nb"},
	{"comments", "a/**/b // c\nd", ALL, "na nb|nd"},
	{"no line comments", "a//b", 0, "na p/ p/ nb"},
	{"comment over lines is one line", "a /*\n*/ b", ALL, "na nb"},
	{"open comment", "a /* b\n", ALL, "na"},
	{"raw string", "R\"(a)\" x", ALL, "sR\"(a)\" nx"},
	{"raw string with delimiter", "u8R\"x()\")x\"y", ALL, "su8R\"x()\")x\"y"},
	{"a splice in a raw string stays one", "R\"(a\\\nb)\" x", ALL, "sR\"(ab)\" nx"},
	{"raw string over lines", "R\"(a\nb)\" x", ALL, "sR\"(a\nb)\" nx"},
	{"raw string off", "R\"(a\" x", 0, "nR s\"(a\" nx"},
	{"bad delimiter", "R\"a b(\" x", ALL, "sR\"a b(\" nx"},
	{"punctuators", "a<<=b->c##d...e<=f", ALL, "na p<<= nb p-> nc p## nd p... ne p<= nf"},
	{"digraphs", "%:%: %: <: :>", ALL, "p%:%: p%: p<: p:>"},
	{"no digraphs", "%:", 0, "p% p:"},
	{"others", "@ `", ALL, "o@ o`"},
};

static char letter(uint8_t kind)
{
	return "en0scpho"[kind];
}

static void cut(const char *text, uint32_t mode, struct buf *out)
{
	AUTO(source_fini) struct source source = {0};
	struct intern names;
	struct lexer l;
	bool first = true;

	assert_int_equal(intern_init(&names), 0);
	assert_int_equal(source_clean(text, strlen(text), mode, &source), 0);
	lexer_init(&l, &source, &names, mode);
	for (;;) {
		struct token t;

		assert_int_equal(lexer_next(&l, &t), 0);
		if (t.kind == TOKEN_END) {
			if (!lexer_pass_line(&l) || l.p >= l.end)
				break;
			assert_int_equal(buf_append_char(out, '|'), 0);
			first = true;
			continue;
		}
		assert_int_equal(buf_printf(out, "%s%c%s", first ? "" : " ", letter(t.kind),
					 intern_text(&names, t.id)),
			0);
		first = false;
	}
	intern_fini(&names);
}

static void text_is_cut_into_tokens(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf out = BUF_INIT;

		cut(cases[i].text, cases[i].mode, &out);
		if (!str_eq(buf_str(&out), cases[i].tokens)) {
			fprintf(stderr, "%s\n", cases[i].name);
			assert_string_equal(buf_str(&out), cases[i].tokens);
		}
	}
}

/* The number of the line that the name "x" is on, on disk. */
static void lines_are_those_on_disk(void **state)
{
	static const struct {
		const char *text;
		uint32_t line;
	} lines[] = {
		{"x", 1},
		{"\nx", 2},
		{"a\\\nb x", 2},
		{"a\\\nb\nx", 3},
		{"\\\n\\\n\\\nx", 4},
		{"/*\n\\\n*/ x", 3},
		{"a\r\nx", 2},
		{"R\"(\n\n)\" x", 3},
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		AUTO(source_fini) struct source source = {0};
		const char *text = lines[i].text;
		struct intern names;
		struct lexer l;
		struct token t;

		assert_int_equal(intern_init(&names), 0);
		assert_int_equal(source_clean(text, strlen(text), ALL, &source), 0);
		lexer_init(&l, &source, &names, ALL);
		do {
			assert_int_equal(lexer_next(&l, &t), 0);
			if (t.kind == TOKEN_END)
				assert_true(lexer_pass_line(&l));
		} while (!str_eq(intern_text(&names, t.id), "x"));
		assert_int_equal(lexer_line_number(&l, l.start), lines[i].line);
		intern_fini(&names);
	}
}

static void one_token_is_one(void **state)
{
	static const struct {
		const char *text;
		int outcome;
	} all[] = {{"ab", 0}, {"12x", 0}, {"##", 0}, {"+=", 0}, {"+-", 1}, {"a b", 1}, {"", 1},
		{"//", 1}, {"/*", 1}, {"<<=", 0}, {"L'x'", 0}, {".x", 1}};
	struct intern names;

	assert_int_equal(intern_init(&names), 0);
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct token t;

		assert_int_equal(lexer_one_token(&names, ALL, all[i].text, strlen(all[i].text), &t),
			all[i].outcome);
	}
	intern_fini(&names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_cut_into_tokens),
		cmocka_unit_test(lines_are_those_on_disk),
		cmocka_unit_test(one_token_is_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
