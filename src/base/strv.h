/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * A list of owned strings, NULL-terminated like argv, at most STRV_MAX of them.
 * v is NULL only before the first push: strv_argv() gives an empty argv then.
 */
struct strv {
	char **v;
	size_t n;
	size_t cap;
};

#define STRV_MAX ((size_t)1 << 20)
#define STRV_INIT         \
	{                 \
		.v = NULL \
	}

void strv_fini(struct strv *l); /* frees; l is empty and usable again */

/* All push functions: 0, -ENOMEM, or -E2BIG past STRV_MAX; the list is unchanged on error. */
int strv_push(struct strv *l, const char *s) MUST_CHECK;
int strv_push_n(struct strv *l, const char *s, size_t n) MUST_CHECK; /* first n bytes of s */
int strv_push_take(struct strv *l, char *s) MUST_CHECK; /* s is owned, or freed on error */
int strv_pushf(struct strv *l, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);
int strv_push_all(struct strv *l, char *const *argv) MUST_CHECK; /* a NULL-terminated array */

char *const *strv_argv(const struct strv *l);
bool strv_has(const struct strv *l, const char *s);
