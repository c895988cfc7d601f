/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/strv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strv_fini(struct strv *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct strv)STRV_INIT;
}

static int grow(struct strv *l)
{
	size_t cap;
	char **v;

	if (l->n >= STRV_MAX)
		return -E2BIG;
	if (l->n + 1 < l->cap)
		return 0;
	cap = MAX(l->cap * 2, (size_t)16);
	v = realloc(l->v, cap * sizeof(*v));
	if (!v)
		return -ENOMEM;
	l->v = v;
	l->cap = cap;
	return 0;
}

int strv_push_take(struct strv *l, char *s)
{
	int r = s ? grow(l) : -ENOMEM;

	if (r < 0) {
		free(s);
		return r;
	}
	l->v[l->n++] = s;
	l->v[l->n] = NULL;
	return 0;
}

int strv_push(struct strv *l, const char *s)
{
	return strv_push_take(l, strdup(s));
}

int strv_push_n(struct strv *l, const char *s, size_t n)
{
	return strv_push_take(l, strndup(s, n));
}

int strv_pushf(struct strv *l, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? -ENOMEM : strv_push_take(l, s);
}

int strv_push_all(struct strv *l, char *const *argv)
{
	size_t before = l->n;

	for (; argv && *argv; argv++) {
		int r = strv_push(l, *argv);

		if (r < 0) {
			while (l->n > before)
				free(l->v[--l->n]);
			if (l->v)
				l->v[l->n] = NULL;
			return r;
		}
	}
	return 0;
}

char *const *strv_argv(const struct strv *l)
{
	static char *const empty[] = {NULL};

	return l->v ? l->v : empty;
}

bool strv_has(const struct strv *l, const char *s)
{
	for (size_t i = 0; i < l->n; i++)
		if (str_eq(l->v[i], s))
			return true;
	return false;
}
