/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>
#include <strings.h>

#include "scan/reduce.h"

/*
 * Pragmas that change what is read, and the ways in which one can hide: _Pragma("…") in text, and a
 * _Pragma in a macro whose argument says what it is. The latter are not followed; where both such
 * a macro and text that could be its argument are live, the unit cannot be known (scan/run.c).
 */

static bool is_name(const struct token *t, uint32_t id)
{
	return t->kind == TOKEN_NAME && t->id == id;
}

static int once_per_stretch(struct reduce *r, bool *said, enum op_kind kind)
{
	if (*said)
		return 0;
	*said = !r->in_define; /* a macro's body is said before each #define */
	return reduce_add(r, kind, 0);
}

static bool same(const char *p, size_t n, const char *word)
{
	return n == strlen(word) && memcmp(p, word, n) == 0;
}

/* ("name") behind push_macro or pop_macro. */
static int macro_stack(struct reduce *r, enum op_kind kind, const struct token *t, uint32_t n)
{
	const struct intern *names = r->maker->names;
	const char *text;
	size_t len;
	uint32_t id;
	int e;

	/* clang expands macros here */
	for (uint32_t i = 0; i < MIN(n, 3u) && (r->mode & SCAN_MODE_CLANG); i++)
		if (t[i].kind == TOKEN_NAME)
			return reduce_unknown(r, "a name in push_macro");
	if (n < 3 || t[0].arg != '(' || t[1].kind != TOKEN_STRING || t[2].arg != ')')
		return 0; /* both compilers warn and do nothing */
	text = intern_text(names, t[1].id);
	len = intern_len(names, t[1].id);
	if (len < 3)
		return 0;
	/* gcc takes L"X" too, and what is in front of the first blank */
	if (*text != '"' || lexer_behind_name(&r->lexer, text + 1) != text + len - 1)
		return reduce_unknown(r, "push_macro of what is no plain name");
	e = intern_add(r->maker->names, text + 1, len - 2, &id);
	return e < 0 ? e : reduce_add(r, kind, id);
}

/* gcc forgets the macro, which another macro's body may still name; clang does not. */
static int poison(struct reduce *r, const struct token *t, uint32_t n)
{
	int e = 0;

	for (uint32_t i = 0; i < n && e == 0 && t[i].kind == TOKEN_NAME; i++)
		e = reduce_add(r, OP_UNDEF, t[i].id);
	return e;
}

static int gcc_pragma(struct reduce *r, const struct token *t, uint32_t n)
{
	const struct text_words *w = r->words;

	if (n == 0)
		return 0;
	if (is_name(t, w->system_header))
		return reduce_add(r, OP_SYSTEM_HEADER, 0);
	if (is_name(t, w->dependency))
		return reduce_unknown(r, "#pragma GCC dependency");
	if (is_name(t, w->pch_preprocess))
		return reduce_unknown(r, "#pragma GCC pch_preprocess");
	if (r->mode & (SCAN_MODE_CLANG | SCAN_MODE_LATE_OPTIONS))
		return 0;
	if (is_name(t, w->poison))
		return poison(r, t + 1, n - 1);
	if (is_name(t, w->target) && n == 4 && t[2].kind == TOKEN_STRING &&
		str_eq(intern_text(r->maker->names, t[2].id), "\"general-regs-only\""))
		return reduce_add(r, OP_TARGET, t[2].id);
	if (is_name(t, w->target) || is_name(t, w->optimize) || is_name(t, w->reset_options))
		return reduce_add(r, OP_TARGET, t->id);
	if (is_name(t, w->push_options))
		return reduce_add(r, OP_PUSH_OPTIONS, 0);
	if (is_name(t, w->pop_options))
		return reduce_add(r, OP_POP_OPTIONS, 0);
	return 0;
}

int reduce_pragma(struct reduce *r)
{
	const struct text_words *w = r->words;
	int e = reduce_collect(r);
	const struct token *t = r->scratch;
	uint32_t n = r->n_scratch;

	if (e < 0 || n == 0)
		return e;
	for (uint32_t i = 0; i < MIN(n, 3u); i++)
		if ((r->mode & SCAN_MODE_CLANG) && token_is_odd(r->maker->names, &t[i]))
			return reduce_unknown(r, "an unusual character in a #pragma");
	for (uint32_t i = 0; i < n && e == 0; i++)
		if (t[i].kind == TOKEN_NAME && t[i].id == w->counter)
			e = once_per_stretch(r, &r->said_counter, OP_COUNTER);
	if (e < 0)
		return e;
	if (is_name(t, w->once))
		return reduce_add(r, OP_ONCE, 0);
	if (is_name(t, w->push_macro))
		return macro_stack(r, OP_PUSH_MACRO, t + 1, n - 1);
	if (is_name(t, w->pop_macro))
		return macro_stack(r, OP_POP_MACRO, t + 1, n - 1);
	if (is_name(t, w->include_alias) && (r->mode & SCAN_MODE_MICROSOFT))
		return reduce_unknown(r, "#pragma include_alias");
	if (is_name(t, w->gcc))
		return gcc_pragma(r, t + 1, n - 1);
	if (is_name(t, w->clang) && n > 1 && is_name(&t[1], w->system_header))
		return reduce_add(r, OP_SYSTEM_HEADER, 0);
	if (is_name(t, w->clang) && n > 1 && is_name(&t[1], w->module))
		return reduce_unknown(r, "#pragma clang module");
	return 0;
}

/* Is [p, end) the word, as a whole, and not something longer? */
static bool begins(const char *p, const char *end, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 &&
	       (p + n == end || !(lexer_class[(unsigned char)p[n]] & LEXER_NAME));
}

static const char *behind_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* Does it, as a pragma, change which files are read? */
static bool dangerous(uint32_t mode, const char *p, size_t n)
{
	static const char *const behind_gcc[] = {"system_header", "dependency", "pch_preprocess",
		"target", "optimize", "push_options", "pop_options", "reset_options"};
	bool options = !(mode & (SCAN_MODE_CLANG | SCAN_MODE_LATE_OPTIONS));
	size_t n_behind = options ? ARRAY_SIZE(behind_gcc) : 3;
	const char *end = p + n;

	p = behind_blanks(p, end);
	/* With more behind it, too: that is warned of, and done all the same. */
	if (begins(p, end, "once") || begins(p, end, "push_macro") || begins(p, end, "pop_macro") ||
		begins(p, end, "clang module"))
		return true;
	if (!begins(p, end, "GCC"))
		return false;
	p = behind_blanks(p + 3, end);
	for (size_t i = 0; i < n_behind; i++)
		if (begins(p, end, behind_gcc[i]))
			return true;
	return false;
}

/* "STR(GCC diagnostic x)": whatever x is, it is about warnings. */
static bool says_diagnostic(const char *p, const char *end)
{
	while (p < end && (lexer_class[(unsigned char)*p] & LEXER_NAME))
		p++;
	if (p >= end || *p != '(')
		return false;
	p = behind_blanks(p + 1, end);
	if (begins(p, end, "GCC"))
		p += 3;
	else if (begins(p, end, "clang"))
		p += 5;
	else
		return false;
	return begins(behind_blanks(p, end), end, "diagnostic");
}

int reduce_pragma_operator(struct reduce *r, const char *p)
{
	const struct lexer *l = &r->lexer;
	const char *behind;

	while (p < l->end && (*p == ' ' || *p == '\t'))
		p++;
	if (*p == '(')
		for (p++; p < l->end && (*p == ' ' || *p == '\t');)
			p++;
	if (*p == 'L')
		p++;
	if (*p == '"') {
		behind = lexer_behind_quote(l, p);
		if (!dangerous(r->mode, p + 1, (size_t)(behind - p - 1)))
			return 0;
		return reduce_unknown(r, "_Pragma with an effect on the preprocessor");
	}
	if (r->in_define && says_diagnostic(p, l->end))
		return 0;
	if (r->in_define)
		return reduce_add(r, OP_PRAGMA_MACRO, 0);
	return reduce_unknown(r, "_Pragma of something that is not a string");
}

/* Behind "GCC": is it a pragma's word that could matter? */
static bool gcc_word_follows(const struct reduce *r, const char *p)
{
	const char *nl = memchr(p, '\n', (size_t)(r->lexer.end - p));
	char line[64] = "GCC ";
	size_t n = (size_t)((nl ? nl : r->lexer.end) - p);

	n = MIN(n, sizeof(line) - 5);
	memcpy(line + 4, p, n);
	return dangerous(r->mode, line, n + 4);
}

/* Stays where it is, whatever macros there are, and is no part of a parenthesis or a list. */
static bool is_kept(char c)
{
	return c && strchr(";:+-*<>=!?&|^~.[]{}", c);
}

static bool ends_argument(const struct reduce *r, const char *p)
{
	p = behind_blanks(p, r->lexer.end);
	return p == r->lexer.end || *p == ')' || *p == ',' || *p == '\n' || *p == '/';
}

/*
 * "(once;", ", once )", "(EMPTY once)": could an argument of a macro begin with it, that the macro
 * makes a pragma of? "int once = 0;" could not.
 */
static bool may_be_argument(const struct reduce *r, const char *p, const char *behind)
{
	char before = '\n';

	if (r->in_define) /* p is not in the text */
		return ends_argument(r, behind);
	while (p > r->lexer.source->text && strchr(" \t", p[-1]))
		p--;
	if (p > r->lexer.source->text)
		before = p[-1];
	if (is_kept(before))
		return false;
	return before == '(' || before == ',' || ends_argument(r, behind);
}

/* "once upon a time". (gcc takes that for once, and warns.) */
static bool is_prose(const char *p, const char *end)
{
	p = behind_blanks(p, end);
	if (!begins(p, end, "once"))
		return false;
	p = behind_blanks(p + 4, end);
	return p < end && !strchr("\"\n)/", *p);
}

/* __pragma(…), as _Pragma but without a string. behind: the word. */
static int microsoft_pragma(struct reduce *r, const char *behind)
{
	const char *end = r->lexer.end, *p = behind_blanks(behind, end), *nl;

	if (p < end && *p == '(')
		p++;
	nl = memchr(p, '\n', (size_t)(end - p));
	if (dangerous(r->mode, p, (size_t)((nl ? nl : end) - p)))
		return reduce_unknown(r, "__pragma with an effect on the preprocessor");
	p = behind_blanks(p, end);
	if (!r->in_define || begins(p, end, "warning") || begins(p, end, "pack") ||
		begins(p, end, "comment") || begins(p, end, "message"))
		return 0;
	return reduce_add(r, OP_PRAGMA_MACRO, 0);
}

static bool is_beginning(const char *p, size_t n, const char *name)
{
	return n <= strlen(name) && memcmp(p, name, n) == 0;
}

/* TIME, or TIME__, and its like. */
static bool is_time_word(const char *p, size_t n)
{
	static const char *const words[] = {"DATE__", "TIME__", "TIMESTAMP__"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		size_t whole = strlen(words[i]);

		if ((n == whole || n == whole - 2) && memcmp(p, words[i], n) == 0)
			return true;
	}
	return false;
}

/*
 * A name that tells the time; or its beginning, its word, or its underscores alone, which "##" may
 * put together. (Not looked for: a word that is itself in pieces; nor a beginning of one letter, since
 * glibc's math.h has "template <class __T>" for C++.)
 */
static int time_name(struct reduce *r, const char *p, size_t n, const char *behind)
{
	const char *word = p;

	if (n > 3 && *p == '_') {
		if (is_beginning(p, n, "__TIMESTAMP__"))
			return once_per_stretch(r, &r->said_timestamp, OP_TIMESTAMP);
		if (is_beginning(p, n, "__DATE__") || is_beginning(p, n, "__TIME__"))
			return once_per_stretch(r, &r->said_time, OP_TIME);
	}
	while (word < p + n && *word == '_' && word - p < 2)
		word++;
	n -= (size_t)(word - p);
	if (n == 0 && *behind_blanks(behind, r->lexer.end) != '(')
		return once_per_stretch(r, &r->said_time_frame, OP_TIME_FRAME);
	if (is_time_word(word, n))
		return once_per_stretch(r, &r->said_time_word, OP_TIME_WORD);
	return 0;
}

/* Is p in a string where an assembler's statement may begin? start: the string's first character. */
static bool at_statement(const char *p, const char *start)
{
	return p == start || strchr(" \t;:(", p[-1]) ||
	       (p - start > 1 && p[-2] == '\\' && strchr("nt", p[-1]));
}

/*
 * ".incbin", ".include", or the beginning of one from ".inc" on, which another string may go on; and
 * what begins an assembler's macro, which may make one.
 */
static bool is_include(const char *p, const char *end)
{
	static const struct {
		const char *word;
		size_t least;
	} words[] = {
		{".incbin", 4}, {".include", 4}, {".macro", 3}, {".irpc", 3}, {".altmacro", 4}};
	size_t n = 1;

	while (p + n < end && ((p[n] | 0x20) >= 'a' && (p[n] | 0x20) <= 'z'))
		n++;
	/* The whole of these has been looked at: assembler_read. */
	if ((n == 7 && str_starts(p, ".incbin")) || (n == 8 && str_starts(p, ".include")))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (n >= words[i].least && n <= strlen(words[i].word) &&
			strncasecmp(p, words[i].word, n) == 0)
			return true;
	return false;
}

/* The same with its dot escaped. */
static bool is_escaped_dot(const char *p, const char *end)
{
	static const char *const dots[] = {"\\x2e", "\\056", "\\56"};

	for (size_t i = 0; i < ARRAY_SIZE(dots); i++) {
		size_t n = strlen(dots[i]);

		if (p + n < end && strncasecmp(p, dots[i], n) == 0 && strchr("iI\\", p[n]))
			return true;
	}
	return false;
}

/* Might it be, with what stands beside it, what makes the assembler read a file? In any case. */
static bool hides_include(const char *quote, const char *end)
{
	for (const char *p = quote + 1; p < end; p++) {
		if (*p == '.' && at_statement(p, quote + 1) && is_include(p, end))
			return true;
		if (*p == '\\' && is_escaped_dot(p, end))
			return true;
	}
	return false;
}

int reduce_text_name(struct reduce *r, const char *p, size_t n)
{
	const char *behind = r->in_define ? r->lexer.p : p + n;

	switch (*p) {
	case '_':
		if (same(p, n, "__COUNTER__"))
			return once_per_stretch(r, &r->said_counter, OP_COUNTER);
		if ((r->mode & SCAN_MODE_MICROSOFT) && same(p, n, "__pragma"))
			return microsoft_pragma(r, behind);
		return time_name(r, p, n, behind);
	case 'D':
	case 'T':
		return time_name(r, p, n, behind);
	case 'o':
		if (!same(p, n, "once") || !may_be_argument(r, p, behind))
			return 0;
		break;
	case 'p':
		if (!same(p, n, "push_macro") && !same(p, n, "pop_macro"))
			return 0;
		break;
	case 'G':
		if (!same(p, n, "GCC") || !gcc_word_follows(r, behind))
			return 0;
		break;
	case 'i':
		/* in C it may come out as a string */
		if (!r->in_define || !same(p, n, "incbin"))
			return 0;
		return reduce_unknown(r, ".incbin in a macro");
	default:
		return 0;
	}
	return once_per_stretch(r, &r->said_words, OP_PRAGMA_WORDS);
}

/* A quote within a string, by itself or escaped. NULL: there is none at p. */
static const char *behind_inner_quote(const char *p, const char *end)
{
	p += p < end && *p == '\\';
	return p < end && *p == '"' ? p + 1 : NULL;
}

/* .incbin or .include at p, with the whole of a name behind it, or there is no telling. *ret_behind:
 * where to go on. */
static int assembler_read(struct reduce *r, const char *p, const char *end, const char **ret_behind)
{
	bool include = str_starts(p, ".include");
	const char *name = behind_blanks(p + (include ? 8 : 7), end), *behind;
	size_t n = 0;
	uint32_t id;
	int e;

	*ret_behind = end;
	name = behind_inner_quote(name, end);
	if (!name)
		return reduce_unknown(r, ".incbin or .include in assembler text");
	while (name + n < end && !strchr("\\\"%\n", name[n]))
		n++;
	behind = behind_inner_quote(name + n, end);
	if (n == 0 || !behind)
		return reduce_unknown(r, ".incbin or .include in assembler text");
	*ret_behind = behind;
	e = intern_add(r->maker->names, name, n, &id);
	return e < 0 ? e : reduce_add(r, include ? OP_ASM_INCLUDE : OP_INCBIN, id);
}

static const char *find_read(const char *p, const char *end)
{
	const char *incbin = memmem(p, (size_t)(end - p), ".incbin", 7);
	const char *include = memmem(p, (size_t)(end - p), ".include", 8);

	return !incbin || (include && include < incbin) ? include : incbin;
}

/* p: with its quotes and prefix. */
int reduce_text_string(struct reduce *r, const char *p, size_t n)
{
	const char *quote = memchr(p, '"', n), *end = p + n;
	const char *behind = r->in_define ? r->lexer.p : end;
	int e = 0;

	if (!quote || n < 4)
		return 0;
	for (const char *at = find_read(quote, end); e == 0 && at; at = find_read(at, end)) {
		if (!at_statement(at, quote + 1))
			return reduce_unknown(r, ".incbin or .include in assembler text");
		e = assembler_read(r, at, end, &at);
	}
	if (e < 0)
		return e;
	if (hides_include(quote, p + n))
		return once_per_stretch(r, &r->said_assembler, OP_ASSEMBLER);
	if (dangerous(r->mode, quote + 1, n - (size_t)(quote + 1 - p)) &&
		!is_prose(quote + 1, end) && may_be_argument(r, p, behind))
		return once_per_stretch(r, &r->said_words, OP_PRAGMA_WORDS);
	return 0;
}
