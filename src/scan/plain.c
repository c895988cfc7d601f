/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <strings.h>

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
static int assembler_file(struct reduce *r, enum op_kind kind, const char *p)
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
	return e < 0 ? e : reduce_add(r, kind, id);
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

/*
 * Behind a quote: "x"_km is one token where there are such, and _km no word of its own. To clang
 * only with the '_', or if it is one of the standard's, which are no words to us either way.
 */
static void user_suffix(struct lexer *l)
{
	if ((l->mode & SCAN_MODE_USER_LITERALS) && (l->p[-1] == '"' || l->p[-1] == '\'') &&
		(!(l->mode & SCAN_MODE_CLANG) || *l->p == '_'))
		l->p = lexer_behind_name(l, l->p);
}

/* What an assembler's own macros begin with, which may put together what is looked for here. */
static bool is_macro_word(const char *p, size_t n)
{
	static const char *const words[] = {"macro", "altmacro", "irp", "irpc"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (n == strlen(words[i]) && strncasecmp(p, words[i], n) == 0)
			return true;
	return false;
}

/*
 * ".incbin", ".include", as the assembler knows them: in any case. In C it takes a # to make a
 * string of it, and a blank behind to make sense.
 */
static int dotted(struct reduce *r, const char *p, size_t n)
{
	const struct lexer *l = &r->lexer;
	bool incbin = n == 6 && strncasecmp(p, "incbin", n) == 0;

	if ((r->mode & SCAN_MODE_ASM) && !r->said_assembler && is_macro_word(p, n)) {
		r->said_assembler = true;
		return reduce_add(r, OP_ASSEMBLER, 0);
	}
	if (!incbin && !(n == 7 && strncasecmp(p, "include", n) == 0))
		return 0;
	if (r->mode & SCAN_MODE_ASM)
		return assembler_file(r, incbin ? OP_INCBIN : OP_ASM_INCLUDE, l->p);
	p = l->p;
	while (*p == ' ' || *p == '\t')
		p++;
	if (*p == '"' || (incbin && p > l->p && *p != '='))
		return reduce_unknown(r, ".incbin or .include in text");
	return 0;
}

static int word(struct reduce *r, const char *line_start)
{
	struct lexer *l = &r->lexer;
	const char *p = l->p;
	bool raw;
	size_t n;
	int e = 0;

	l->p = lexer_behind_name(l, p);
	if (l->p == p) {
		l->p++;
		return 0;
	}
	n = (size_t)(l->p - p);
	if (*l->p == '"' && is_string_prefix(r, p, n, &raw)) {
		const char *quote = l->p;

		l->p = lexer_behind_raw_string(l, quote);
		e = reduce_text_string(r, quote, (size_t)(l->p - quote));
		user_suffix(l);
		return e;
	}
	if (p > l->source->text && p[-1] == '.' &&
		((*p | 32) == 'i' || ((r->mode & SCAN_MODE_ASM) && strchr("mMaA", *p))))
		return dotted(r, p, n);
	if (strchr("_opGDT", *p)) {
		if (n == 7 && memcmp(p, "_Pragma", 7) == 0)
			e = reduce_pragma_operator(r, l->p);
		else
			e = reduce_text_name(r, p, n);
	} else if (p == line_start && (r->mode & SCAN_MODE_MODULES) && module_line(l, p, n)) {
		e = reduce_unknown(r, "a module's import or export");
	}
	return e;
}

/*
 * clang takes many a blank beyond ASCII for a blank, but not in skipped groups: what looks like a
 * directive behind one is one, or is none.
 */
static int odd_directive(struct reduce *r)
{
	const struct lexer *l = &r->lexer;
	const char *p = l->p;

	if (!(*p & 0x80) || !(r->mode & SCAN_MODE_CLANG))
		return 0;
	while (p < l->end && ((*p & 0x80) || *p == ' ' || *p == '\t'))
		p++;
	if (*p != '#' && !(p[0] == '%' && p[1] == ':'))
		return 0;
	return reduce_unknown(r, "a directive behind an unusual character");
}

int reduce_plain(struct reduce *r)
{
	struct lexer *l = &r->lexer;
	const char *start = l->p;
	int e;

	r->line = lexer_line_number(l, l->p);
	e = odd_directive(r);
	while (e == 0) {
		const char *p = l->p;
		unsigned c = class_of(*p);

		if ((c & LEXER_NAME_START) || (*p == '$' && (r->mode & SCAN_MODE_DOLLARS))) {
			e = word(r, start);
		} else if (c & LEXER_DIGIT) {
			l->p = lexer_behind_number(l, p);
		} else if (*p == '\n' || p >= l->end) {
			return 0;
		} else if (*p == '/' && (p[1] == '*' || p[1] == '/')) {
			if (!lexer_skip_white(l))
				l->p++;
		} else if (*p == '"') {
			l->p = lexer_behind_quote(l, p);
			e = reduce_text_string(r, p, (size_t)(l->p - p));
			user_suffix(l);
		} else if (*p == '\'') {
			l->p = lexer_behind_quote(l, p);
			user_suffix(l);
		} else {
			l->p++;
		}
	}
	return e;
}
