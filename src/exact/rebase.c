/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A list of dependencies is one rule of words, broken into lines, and with -MP a rule for each header
 * behind it. Measured with gcc 12 and clang 14:
 *
 *	gcc	a word that would end behind column 72 goes to a new line, which begins with a blank;
 *		several targets are words, too
 *	clang	a word that would end behind column 72 (75, and room for a backslash) goes to a new
 *		line, which begins with two blanks
 *
 * Only names between blanks count, as they are escaped; clang counts them unescaped, which is seen
 * and given up on where it makes a difference.
 */

#include "exact/rebase.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/path.h"

enum { GCC_COLUMNS = 72, CLANG_COLUMNS = 75, CLANG_ROOM = 3 };

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("/._-+@", c));
}

bool rebase_is_fit(const char *dir)
{
	if (dir[0] != '/' || !dir[1] || strstr(dir, "//") || strstr(dir, "/./") ||
		strstr(dir, "/../") || str_ends(dir, "/") || str_ends(dir, "/.") ||
		str_ends(dir, "/.."))
		return false;
	for (; *dir; dir++)
		if (!is_plain(*dir))
			return false;
	return true;
}

bool rebase_is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (!path[n] || path[n] == '/');
}

/* The next occurrence from at on, in text from start on, that is no part of a longer name. */
static const char *next(const char *start, const char *at, const char *end, const char *dir)
{
	size_t n = strlen(dir);

	for (; (at = memmem(at, (size_t)(end - at), dir, n)); at++) {
		bool begins = at == start || !is_plain(at[-1]);
		bool ends = at + n == end || at[n] == '/' || !is_plain(at[n]);

		if (begins && ends)
			return at;
	}
	return NULL;
}

bool rebase_occurs(const void *data, size_t n, const char *dir)
{
	/* Whatever is before or behind it: that is the safe side. */
	return memmem(data, n, dir, strlen(dir)) != NULL;
}

char *rebase_path(const char *path, const char *from, const char *to)
{
	char *p;

	if (asprintf(&p, "%s%s", to, path + strlen(from)) < 0)
		return NULL;
	return p;
}

int rebase_text(const void *data, size_t n, const char *from, const char *to, struct buf *ret)
{
	const char *at = data, *end = at + n, *found;
	int r = 0;

	while (r == 0 && (found = next(data, at, end, from))) {
		r = buf_append(ret, at, (size_t)(found - at));
		if (r == 0)
			r = buf_append_str(ret, to);
		at = found + strlen(from);
	}
	return r < 0 ? r : buf_append(ret, at, (size_t)(end - at));
}

/* ---- lists of dependencies ---- */

static bool starts_at(const char *text, size_t n, const char *with)
{
	return n >= strlen(with) && memcmp(text, with, strlen(with)) == 0;
}

/* The end of the first rule: a line end with no backslash before it. */
static size_t rule_length(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] == '\n' && (i == 0 || text[i - 1] != '\\'))
			return i;
	return n;
}

struct words {
	const char *at, *end;
};

/* The next word as it is escaped; false: none. */
static bool next_word(struct words *w, const char **ret, size_t *ret_n)
{
	for (;;) {
		while (w->at < w->end && *w->at == ' ')
			w->at++;
		if (!starts_at(w->at, (size_t)(w->end - w->at), "\\\n"))
			break;
		w->at += 2;
	}
	*ret = w->at;
	while (w->at < w->end && *w->at != ' ')
		w->at += *w->at == '\\' && w->at + 1 < w->end ? 2 : 1;
	*ret_n = (size_t)(w->at - *ret);
	return *ret_n > 0;
}

static int put_gcc(struct buf *to, size_t *column, size_t n)
{
	bool first = to->len == 0;
	int r = 0;

	if (*column > 0 && *column + n > GCC_COLUMNS) {
		r = buf_append_str(to, " \\\n");
		*column = 0;
	}
	if (r == 0 && !first) {
		r = buf_append_char(to, ' ');
		++*column;
	}
	*column += n;
	return r;
}

static int put_clang(struct buf *to, size_t *column, size_t n)
{
	int r = 0;

	if (to->len == 0) {
		*column = n;
		return 0;
	}
	if (*column + n + CLANG_ROOM > CLANG_COLUMNS) {
		r = buf_append_str(to, " \\\n ");
		*column = 2;
	}
	*column += n + 1;
	return r < 0 ? r : buf_append_char(to, ' ');
}

/* The first rule with its words changed, broken anew. from NULL: unchanged. */
static int break_rule(enum cc_family family, const char *text, size_t n, const char *from,
	const char *to, struct buf *ret)
{
	struct words w = {text, text + n};
	const char *word;
	size_t length, column = 0;
	int r = 0;

	while (r == 0 && next_word(&w, &word, &length)) {
		AUTO(buf_fini) struct buf changed = BUF_INIT;

		r = from ? rebase_text(word, length, from, to, &changed)
			 : buf_append(&changed, word, length);
		if (r == 0)
			r = family == CC_FAMILY_CLANG ? put_clang(ret, &column, changed.len)
						      : put_gcc(ret, &column, changed.len);
		if (r == 0)
			r = buf_append(ret, changed.data, changed.len);
	}
	return r;
}

int rebase_depfile(enum cc_family family, const char *text, size_t n, const char *from,
	const char *to, struct buf *ret)
{
	AUTO(buf_fini) struct buf same = BUF_INIT;
	AUTO(buf_fini) struct buf rule = BUF_INIT;
	size_t length = rule_length(text, n);
	int r = break_rule(family, text, length, NULL, NULL, &same);

	if (r < 0)
		return r;
	if (same.len != length || (length > 0 && memcmp(same.data, text, length) != 0))
		return REBASE_UNKNOWN;
	r = break_rule(family, text, length, from, to, &rule);
	if (r == 0)
		r = buf_append(ret, buf_str(&rule), rule.len);
	return r < 0 ? r : rebase_text(text + length, n - length, from, to, ret);
}
