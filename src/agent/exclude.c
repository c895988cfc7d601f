/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/exclude.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cc/markers.h"

void exclude_fini(struct exclude *e)
{
	strv_fini(&e->patterns);
}

/* A path as a pattern that matches it alone. */
static char *literal(const char *path)
{
	char *text = malloc(2 * strlen(path) + 1), *to = text;

	for (; text && *path; path++) {
		if (strchr("*?[\\", *path))
			*to++ = '\\';
		*to++ = *path;
	}
	if (text)
		*to = '\0';
	return text;
}

/* Where a name leads to, if it is one. */
static int add_real(struct exclude *e, const char *pattern)
{
	AUTO(util_free) char *real = *pattern == '/' ? realpath(pattern, NULL) : NULL;
	char *as_pattern;

	if (!real || str_eq(real, pattern))
		return 0;
	as_pattern = literal(real);
	return as_pattern ? strv_push_take(&e->patterns, as_pattern) : -ENOMEM;
}

static int add(struct exclude *e, const char *from, size_t n)
{
	AUTO(util_free) char *pattern = NULL;
	int r;

	while (n > 1 && from[n - 1] == '/')
		n--;
	if (n == 0)
		return 0;
	pattern = strndup(from, n);
	if (!pattern)
		return -ENOMEM;
	r = *from == '/' || *from == '*' ? strv_push(&e->patterns, pattern)
					 : strv_pushf(&e->patterns, "*/%s", pattern);
	return r < 0 ? r : add_real(e, pattern);
}

int exclude_parse(const char *text, struct exclude *ret)
{
	struct exclude e = {.patterns = STRV_INIT};
	int r = 0;

	while (r == 0 && text && *text) {
		size_t n = strcspn(text, ":");

		r = add(&e, text, n);
		text += n + (text[n] == ':');
	}
	if (r < 0)
		exclude_fini(&e);
	else
		*ret = e;
	return r;
}

bool exclude_has(const struct exclude *e, const char *path)
{
	for (size_t i = 0; i < e->patterns.n; i++)
		if (fnmatch(e->patterns.v[i], path, FNM_LEADING_DIR) == 0)
			return true;
	return false;
}

bool exclude_has_file(const struct exclude *e, const char *path)
{
	AUTO(util_free) char *real = NULL;

	if (e->patterns.n == 0)
		return false;
	if (exclude_has(e, path))
		return true;
	real = realpath(path, NULL);
	return real && exclude_has(e, real);
}

struct search {
	const struct exclude *exclude;
	char *found;
};

static int on_marker(void *arg, const char *path, bool enters)
{
	struct search *s = arg;

	if (!exclude_has_file(s->exclude, path))
		return 0;
	s->found = strdup(path);
	return s->found ? EXCLUDE_FOUND : -ENOMEM;
}

int exclude_check_text(
	const struct exclude *e, const char *text, size_t n, const char *cwd, char **ret_path)
{
	struct search s = {.exclude = e};
	int r = cc_markers_each(text, n, cwd, on_marker, &s);

	if (r == EXCLUDE_FOUND)
		*ret_path = s.found;
	return r == CC_MARKERS_NONE || r == CC_MARKERS_ODD ? EXCLUDE_UNSURE : r;
}
