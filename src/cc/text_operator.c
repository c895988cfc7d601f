/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A work list of names: first those that are defined with _Pragma in their body, then those that
 * are defined with one of these in theirs, and so on. A name that occurs anywhere else than in a
 * #define is in use. What this cannot see is a name that is pasted together by ##, with an
 * operand that is none of the words below but becomes one by stringising.
 */

#include "cc/text_operator.h"

#include <string.h>

enum { NAMES_MAX = 64 };

struct name {
	const char *at;
	size_t len;
};

struct search {
	const char *text, *end;
	struct name v[NAMES_MAX];
	size_t n;
	bool overflow;
};

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* Start of the line that p is on, line splices joined. */
static const char *line_start(const struct search *s, const char *p)
{
	while (p > s->text && (p[-1] != '\n' || (p - 1 > s->text && p[-2] == '\\')))
		p--;
	return p;
}

static const char *line_end(const struct search *s, const char *p)
{
	for (;;) {
		const char *eol = memchr(p, '\n', (size_t)(s->end - p));

		if (!eol)
			return s->end;
		if (eol == s->text || eol[-1] != '\\')
			return eol;
		p = eol + 1;
	}
}

static const char *skip_blanks(const struct search *s, const char *p)
{
	while (p < s->end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

static bool is_word(const struct search *s, const char *p, const char *word, size_t n)
{
	return (size_t)(s->end - p) >= n && memcmp(p, word, n) == 0 &&
	       (p + n == s->end || !is_word_char(p[n])) && (p == s->text || !is_word_char(p[-1]));
}

/* If p is on the line of a directive of this name: what follows the name. */
static const char *directive(const struct search *s, const char *line, const char *name)
{
	const char *p = skip_blanks(s, line);

	if (p == s->end || *p != '#')
		return NULL;
	p = skip_blanks(s, p + 1);
	return is_word(s, p, name, strlen(name)) ? skip_blanks(s, p + strlen(name)) : NULL;
}

static struct name name_at(const struct search *s, const char *p)
{
	struct name name = {.at = p};

	while (p + name.len < s->end && is_word_char(p[name.len]))
		name.len++;
	return name;
}

static void add(struct search *s, struct name name)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].len == name.len && memcmp(s->v[i].at, name.at, name.len) == 0)
			return;
	if (s->n == NAMES_MAX || name.len == 0)
		s->overflow = true;
	else
		s->v[s->n++] = name;
}

static bool body_matters(const struct search *s, const char *from, const char *to)
{
	static const char *const words[] = {"once", "push_macro", "pop_macro", "target", "optimize",
		"poison", "system_header", "pch_preprocess", "dependency"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (memmem(from, (size_t)(to - from), words[i], strlen(words[i])))
			return true;
	return false;
}

static bool has_quote(const char *from, const char *to)
{
	return memchr(from, '"', (size_t)(to - from)) || memchr(from, '\'', (size_t)(to - from));
}

/*
 * Is p inside a comment? Only where nothing else can be meant: a comment that opens on a line with
 * a quote before it may be the inside of a string, and then this says no.
 */
static bool in_comment(const struct search *s, const char *p)
{
	const char *line = line_start(s, p);
	const char *slashes = memmem(line, (size_t)(p - line), "//", 2);

	if (slashes)
		return !has_quote(line, slashes);
	for (const char *q = p; q - s->text >= 2; q--) {
		if (q[-2] == '*' && q[-1] == '/')
			return false;
		if (q[-2] == '/' && q[-1] == '*')
			return !has_quote(line_start(s, q - 2), q - 2);
	}
	return false;
}

/* Every place of the word: in a #define's body its name joins the list; elsewhere, true. */
static bool used(struct search *s, const char *word, size_t n, bool is_operator)
{
	const char *p = s->text;

	while ((p = memmem(p, (size_t)(s->end - p), word, n))) {
		const char *at = p, *line, *name;

		p += n;
		if (!is_word(s, at, word, n) || in_comment(s, at))
			continue;
		line = line_start(s, at);
		if (directive(s, line, "undef"))
			continue;
		name = directive(s, line, "define");
		if (!name)
			return true;
		if (name == at)
			continue; /* its own definition */
		if (is_operator && body_matters(s, at, line_end(s, at)))
			return true;
		add(s, name_at(s, name));
	}
	return false;
}

bool text_operator_live(const char *text, size_t n)
{
	struct search s = {.text = text, .end = text + n};

	if (used(&s, "_Pragma", 7, true) || used(&s, "__pragma", 8, true))
		return true;
	for (size_t i = 0; i < s.n && !s.overflow; i++)
		if (used(&s, s.v[i].at, s.v[i].len, false))
			return true;
	return s.overflow;
}
