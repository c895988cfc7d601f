/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "scan/facts.h"
#include "scan/facts_parse.h"
#include "scan/facts_probe.h"

/*
 * A compiler's reply: the first byte says how many answers are looked for, the rest is read as what
 * it writes to both its outputs. What is accepted has to be as it is promised: that many answers
 * without blanks or marks, definitions a line each, names without line breaks. An operand that is
 * accepted has nothing in it that could end its line or its parentheses.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_output(const char *text, size_t n, size_t n_answers)
{
	struct facts_output o;
	struct facts_probed probed;

	if (facts_parse_output(text, n, "/t", n_answers, &o) != 0)
		return;
	if (o.answers.n != n_answers)
		abort();
	for (size_t i = 0; i < o.answers.n; i++) {
		long v;

		if (strpbrk(o.answers.v[i], " \t\n") || strstr(o.answers.v[i], "scan_end_"))
			abort();
		if (facts_parse_number(o.answers.v[i], &v) && v < 0)
			abort();
	}
	for (const char *s = buf_str(&o.predefined); *s; s = strchr(s, '\n') + 1)
		if (!str_starts(s, "#define ") && !str_starts(s, "#undef "))
			abort();
	if (facts_probe_read(&o.answers, CC_FAMILY_CLANG, CC_LANGUAGE_C, &probed) &&
		!(probed.mode & SCAN_MODE_CLANG))
		abort();
	facts_output_fini(&o);
}

static void check_lists(const char *text, size_t n)
{
	struct facts_lists l;

	if (facts_parse_lists(text, n, "/t", &l) != 0)
		return;
	for (size_t i = 0; i < l.bracket.n; i++)
		if (!l.bracket.v[i][0] || strchr(l.bracket.v[i], '\n'))
			abort();
	facts_lists_fini(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size == 0)
		return 0;
	check_output(text, size - 1, data[0] % 80);
	check_lists(text, size - 1);
	if (facts_parse_error_line(text, size - 1) > FACTS_SUSPECTS_MAX)
		abort();
	if (scan_question_is_plain(SCAN_SPECIAL_HAS_ATTRIBUTE, text, size - 1) &&
		(memchr(text, ')', size - 1) || memchr(text, '\n', size - 1)))
		abort();
	return 0;
}
