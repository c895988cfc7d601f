/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/facts_parse.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The output of "-E -dD" is one stream of lines: line markers (# 1 "file" flags), definitions, and
 * text. A marker says which file the lines behind it are of:
 *
 *	<built-in>, <command-line>, <command line>	predefined macros
 *	our stdc-predef.h				its mark
 *	<stdin>						our question: answers, and definitions
 *	any other					nothing may come from there
 *
 * clang indents what it prints as the source did, and both leave blank lines.
 */

enum where { IN_BUILTIN, IN_PREINCLUDE, IN_QUESTION, IN_OTHER };

struct lines {
	const char *p, *end;
};

/* The next line without blanks around it. */
static bool next_line(struct lines *l, const char **ret, size_t *ret_n)
{
	const char *nl, *s = l->p, *e;

	if (s == l->end)
		return false;
	nl = memchr(s, '\n', (size_t)(l->end - s));
	e = nl ? nl : l->end;
	l->p = nl ? nl + 1 : l->end;
	while (e > s && isspace((unsigned char)e[-1]))
		e--;
	while (s < e && isspace((unsigned char)*s))
		s++;
	*ret = s;
	*ret_n = (size_t)(e - s);
	return true;
}

static bool starts(const char *s, size_t n, const char *prefix)
{
	size_t k = strlen(prefix);

	return n >= k && memcmp(s, prefix, k) == 0;
}

static bool equals(const char *s, size_t n, const char *text)
{
	return n == strlen(text) && memcmp(s, text, n) == 0;
}

/* '# 12 "name" 1 3': true and the name. */
static bool marker(const char *s, size_t n, const char **ret_name, size_t *ret_n)
{
	size_t i = 2, end;

	if (!starts(s, n, "# "))
		return false;
	while (i < n && isdigit((unsigned char)s[i]))
		i++;
	if (i == 2 || i + 1 >= n || s[i] != ' ' || s[i + 1] != '"')
		return false;
	for (end = n; end > i + 2 && s[end - 1] != '"';)
		if (!strchr(" 1234", s[--end]))
			return false;
	if (end <= i + 2)
		return false;
	*ret_name = s + i + 2;
	*ret_n = end - 1 - (i + 2);
	return true;
}

/* DIR/stdc-predef.h or, not canonical, DIR/./stdc-predef.h */
static bool is_preinclude(const char *name, size_t n, const char *dir)
{
	size_t k = strlen(dir);

	return k > 0 && starts(name, n, dir) &&
	       (equals(name + k, n - k, "/stdc-predef.h") ||
		       equals(name + k, n - k, "/./stdc-predef.h"));
}

static enum where where_is(const char *name, size_t n, const char *dir)
{
	if (equals(name, n, "<built-in>") || equals(name, n, "<command-line>") ||
		equals(name, n, "<command line>"))
		return IN_BUILTIN;
	if (equals(name, n, "<stdin>"))
		return IN_QUESTION;
	if (is_preinclude(name, n, dir))
		return IN_PREINCLUDE;
	return IN_OTHER;
}

static bool is_definition(const char *s, size_t n)
{
	size_t i = starts(s, n, "#define ") ? 8 : starts(s, n, "#undef ") ? 7 : 0;

	return i > 0 && i < n &&
	       (isalpha((unsigned char)s[i]) || s[i] == '_' || s[i] == '$' ||
		       (unsigned char)s[i] >= 0x80);
}

/* "scan_begin_7 … scan_end_7", where 7 is the number of answers so far. */
static int take_answer(struct facts_output *o, const char *s, size_t n)
{
	char begin[40], end[40];
	size_t n_begin = (size_t)snprintf(begin, sizeof(begin), "scan_begin_%zu ", o->answers.n);
	size_t n_end = (size_t)snprintf(end, sizeof(end), "scan_end_%zu", o->answers.n);
	AUTO(util_free) char *text = NULL;
	size_t k = 0;

	if (!starts(s, n, begin) || n < n_begin + n_end || memcmp(s + n - n_end, end, n_end) != 0)
		return FACTS_PARSE_BAD;
	text = malloc(n + 1);
	if (!text)
		return -ENOMEM;
	for (size_t i = n_begin; i < n - n_end; i++)
		if (!isspace((unsigned char)s[i]))
			text[k++] = s[i];
	text[k] = '\0';
	if (strstr(text, "scan_begin_") || strstr(text, "scan_end_"))
		return FACTS_PARSE_BAD;
	return strv_push_take(&o->answers, TAKE_PTR(text));
}

static int take_line(struct facts_output *o, enum where where, const char *s, size_t n)
{
	int r;

	switch (where) {
	case IN_BUILTIN:
		if (!is_definition(s, n))
			return FACTS_PARSE_BAD;
		r = buf_append(&o->predefined, s, n);
		return r < 0 ? r : buf_append_char(&o->predefined, '\n');
	case IN_PREINCLUDE:
		if (!equals(s, n, "#define scan_preinclude 1"))
			return FACTS_PARSE_BAD;
		o->preinclude = true;
		return 0;
	case IN_QUESTION:
		return is_definition(s, n) ? 0 : take_answer(o, s, n);
	default:
		return FACTS_PARSE_BAD;
	}
}

int facts_parse_output(
	const char *text, size_t n, const char *dir, size_t n_answers, struct facts_output *ret)
{
	struct facts_output o = {.preinclude = false};
	struct lines l = {text, text + n};
	enum where where = IN_OTHER;
	const char *s, *name;
	size_t len, name_len;
	int r = n_answers <= FACTS_ANSWERS_MAX && !memchr(text, '\0', n) ? 0 : FACTS_PARSE_BAD;

	while (r == 0 && next_line(&l, &s, &len)) {
		if (len == 0)
			continue;
		if (marker(s, len, &name, &name_len))
			where = where_is(name, name_len, dir);
		else
			r = take_line(&o, where, s, len);
	}
	if (r == 0 && o.answers.n != n_answers)
		r = FACTS_PARSE_BAD;
	if (r != 0)
		facts_output_fini(&o);
	else
		*ret = o;
	return r == -E2BIG ? -ENOMEM : r;
}

void facts_output_fini(struct facts_output *o)
{
	buf_fini(&o->predefined);
	strv_fini(&o->answers);
}

/* skip, or skip + "/." */
static bool is_skipped(const char *s, size_t n, const char *skip)
{
	size_t k = strlen(skip);

	return k > 0 && starts(s, n, skip) &&
	       (n == k || (n == k + 2 && s[k] == '/' && s[k + 1] == '.'));
}

/* The text between the first quote and the last one of a line. */
static int take_quoted(struct strv *list, const char *s, size_t n, const char *skip)
{
	const char *open = memchr(s, '"', n), *close = memrchr(s, '"', n);

	if (!open || close == open || list->n == FACTS_DIRS_MAX)
		return FACTS_PARSE_BAD;
	if (is_skipped(open + 1, (size_t)(close - open - 1), skip))
		return 0;
	return strv_push_n(list, open + 1, (size_t)(close - open - 1));
}

static int take_dir(
	struct facts_lists *l, struct strv *list, const char *s, size_t n, const char *skip)
{
	if (n < 2 || s[0] != ' ' || list->n == FACTS_DIRS_MAX)
		return FACTS_PARSE_BAD;
	s++;
	n--;
	if (s[n - 1] == ')' &&
		(memmem(s, n, " (framework directory)", 22) || memmem(s, n, " (headermap)", 12)))
		return FACTS_PARSE_BAD;
	if (is_skipped(s, n, skip))
		return list == &l->bracket ? strv_push_n(&l->skipped, s, n) : 0;
	return strv_push_n(list, s, n);
}

static const char ignoring[] = "ignoring ", candidate[] = "Found candidate GCC installation: ";

static int take_list(struct strv *lists, const char *word, size_t n)
{
	static const char *const options[] = {
		"-fsanitize-system-ignorelist=", "-fsanitize-system-blacklist="};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		size_t k = strlen(options[i]);

		if (!starts(word, n, options[i]))
			continue;
		if (n == k || memchr(word, '\\', n) || lists->n == FACTS_DIRS_MAX)
			return FACTS_PARSE_BAD;
		return strv_push_n(lists, word + k, n - k);
	}
	return 0;
}

/* clang's own command: words, in quotes where they have to be. */
static int take_command(struct facts_lists *l, const char *s, size_t n)
{
	const char *end = s + n;
	int r = 0;

	while (r == 0 && s < end) {
		bool quoted = *s == '"';
		const char *word = s += quoted;

		while (s < end && *s != (quoted ? '"' : ' '))
			s += *s == '\\' && s + 1 < end ? 2 : 1;
		r = take_list(&l->also, word, (size_t)(s - word));
		s += s < end;
	}
	return r;
}

/* A line in front of the lists. */
static int take_preamble(struct facts_lists *l, const char *s, size_t n, const char *skip)
{
	if (starts(s, n, candidate))
		return l->candidates.n == FACTS_DIRS_MAX
			       ? FACTS_PARSE_BAD
			       : strv_push_n(&l->candidates, s + sizeof(candidate) - 1,
					 n - (sizeof(candidate) - 1));
	if (n > 0 && *s == ' ' && memmem(s, n, " -cc1 ", 6))
		return take_command(l, s, n);
	return starts(s, n, ignoring) && memchr(s, '"', n) ? take_quoted(&l->missing, s, n, skip)
							   : 0;
}

int facts_parse_lists(const char *text, size_t n, const char *skip, struct facts_lists *ret)
{
	struct facts_lists l = {.quote = STRV_INIT};
	enum { BEFORE, QUOTE, BRACKET, BEHIND } state = BEFORE;
	const char *end = text + n;
	int r = memchr(text, '\0', n) ? FACTS_PARSE_BAD : 0;

	for (const char *s = text, *nl; r == 0 && s < end && state != BEHIND; s = nl + 1) {
		size_t len;

		nl = memchr(s, '\n', (size_t)(end - s));
		if (!nl)
			break;
		len = (size_t)(nl - s);
		if (state == BEFORE && equals(s, len, "#include \"...\" search starts here:"))
			state = QUOTE;
		else if (state == BEFORE)
			r = take_preamble(&l, s, len, skip);
		else if (state == QUOTE && equals(s, len, "#include <...> search starts here:"))
			state = BRACKET;
		else if (state == BRACKET && equals(s, len, "End of search list."))
			state = BEHIND;
		else
			r = take_dir(&l, state == QUOTE ? &l.quote : &l.bracket, s, len, skip);
	}
	if (r == 0 && state != BEHIND)
		r = FACTS_PARSE_BAD;
	if (r != 0)
		facts_lists_fini(&l);
	else
		*ret = l;
	return r == -E2BIG ? -ENOMEM : r;
}

void facts_lists_fini(struct facts_lists *l)
{
	strv_fini(&l->quote);
	strv_fini(&l->bracket);
	strv_fini(&l->missing);
	strv_fini(&l->candidates);
	strv_fini(&l->skipped);
	strv_fini(&l->also);
}

bool facts_parse_number(const char *text, long *ret)
{
	char *end;
	long v;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	v = strtol(text, &end, 0);
	if (errno || strspn(end, "uUlL") != strlen(end) || strlen(end) > 3)
		return false;
	*ret = v;
	return true;
}

size_t facts_parse_error_line(const char *line, size_t n)
{
	size_t i = strlen("<stdin>:"), number = 0;

	if (!starts(line, n, "<stdin>:"))
		return 0;
	for (; i < n && isdigit((unsigned char)line[i]); i++) {
		number = number * 10 + (size_t)(line[i] - '0');
		if (number > FACTS_SUSPECTS_MAX)
			return 0;
	}
	return i < n && line[i] == ':' && memmem(line + i, n - i, "error: ", 7) ? number : 0;
}
