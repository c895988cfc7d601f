/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "scan/reduce.h"

/*
 * A line that is no directive. All that is wanted of it is where it ends (strings, comments, raw
 * strings and digit separators decide that) and whether one of the few words is in it that act
 * like a directive.
 */

static unsigned class_of(char c)
{
	return lexer_class[(unsigned char)c];
}

/* .incbin "x" and .include "x" of an assembler source; p is behind the word. */
static int assembler_file(struct reduce *r, const char *p)
{
	const char *behind;
	uint32_t id;
	int e;

	while (*p == ' ' || *p == '\t')
		p++;
	if (*p != '"')
		return reduce_unknown(r, ".incbin of something that is not a string");
	behind = lexer_behind_quote(&r->lexer, p);
	if (behind - p < 3 || behind[-1] != '"' || memchr(p, '\\', (size_t)(behind - p)))
		return reduce_unknown(r, ".incbin of something that is not a plain string");
	e = intern_add(r->maker->names, p + 1, (size_t)(behind - p - 2), &id);
	return e < 0 ? e : reduce_add(r, OP_INCBIN, id);
}

/* "import x;", "export module x;" … at the start of a line. */
static bool module_line(const struct lexer *l, const char *p, size_t n)
{
	const char *behind = p + n;

	if (n != 6 || (memcmp(p, "import", 6) != 0 && memcmp(p, "module", 6) != 0 &&
			      memcmp(p, "export", 6) != 0))
		return false;
	while (behind < l->end && (*behind == ' ' || *behind == '\t'))
		behind++;
	if (*p == 'e')
		return strncmp(behind, "import", 6) == 0 || strncmp(behind, "module", 6) == 0;
	return (class_of(*behind) & LEXER_NAME_START) || *behind == '<' || *behind == '"' ||
	       *behind == ':' || *behind == ';';
}

static bool is_string_prefix(const struct reduce *r, const char *p, size_t n, bool *ret_raw)
{
	static const char *const prefixes[] = {"R", "LR", "uR", "UR", "u8R"};

	*ret_raw = false;
	if (!(r->mode & SCAN_MODE_RAW_STRINGS) || n > 3 || p[n - 1] != 'R')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (strlen(prefixes[i]) == n && memcmp(prefixes[i], p, n) == 0)
			*ret_raw = true;
	return *ret_raw;
}

static int word(struct reduce *r, const char *line_start)
{
	struct lexer *l = &r->lexer;
	const char *p = l->p;
	bool raw;
	size_t n;
	int e = 0;

	while (class_of(*l->p) & LEXER_NAME)
		l->p++;
	n = (size_t)(l->p - p);
	if (*l->p == '"' && is_string_prefix(r, p, n, &raw)) {
		const char *quote = l->p;

		l->p = lexer_behind_raw_string(l, quote);
		return reduce_text_string(r, quote, (size_t)(l->p - quote));
	}
	if (*p == '_' || *p == 'o' || *p == 'p' || *p == 'G') {
		if (n == 7 && memcmp(p, "_Pragma", 7) == 0)
			e = reduce_pragma_operator(r, l->p);
		else
			e = reduce_text_name(r, p, n);
	} else if (p == line_start && (r->mode & SCAN_MODE_MODULES) && module_line(l, p, n)) {
		e = reduce_unknown(r, "a module's import or export");
	} else if ((r->mode & SCAN_MODE_ASM) && p > l->source->text && p[-1] == '.' &&
		   ((n == 6 && memcmp(p, "incbin", 6) == 0) ||
			   (n == 7 && memcmp(p, "include", 7) == 0))) {
		e = assembler_file(r, l->p);
	}
	return e;
}

static void number(struct lexer *l)
{
	for (;; l->p++) {
		if ((class_of(*l->p) & LEXER_NAME) || *l->p == '.')
			continue;
		if (*l->p == '\'' && (l->mode & SCAN_MODE_DIGIT_SEPARATORS) &&
			(class_of(l->p[1]) & LEXER_NAME))
			continue;
		return;
	}
}

int reduce_plain(struct reduce *r)
{
	struct lexer *l = &r->lexer;
	const char *start = l->p;
	int e = 0;

	r->line = lexer_line_number(l, l->p);
	while (e == 0) {
		const char *p = l->p;
		unsigned c = class_of(*p);

		if (c & LEXER_NAME_START) {
			e = word(r, start);
		} else if (c & LEXER_DIGIT) {
			number(l);
		} else if (*p == '\n' || p >= l->end) {
			return 0;
		} else if (*p == '/' && (p[1] == '*' || p[1] == '/')) {
			if (!lexer_skip_white(l))
				l->p++;
		} else if (*p == '"') {
			l->p = lexer_behind_quote(l, p);
			e = reduce_text_string(r, p, (size_t)(l->p - p));
		} else if (*p == '\'') {
			l->p = lexer_behind_quote(l, p);
		} else {
			l->p++;
		}
	}
	return e;
}
