/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *path_ext(const char *path)
{
	const char *base = path_base(path);
	const char *dot = strrchr(base, '.');

	return dot && dot != base ? dot : "";
}

char *path_join(const char *dir, const char *name)
{
	size_t n = dir && name[0] != '/' ? strlen(dir) : 0, len = strlen(name);
	bool slash = n > 0 && dir[n - 1] != '/';
	char *s = malloc(n + slash + len + 1);

	if (!s)
		return NULL;
	if (n > 0)
		memcpy(s, dir, n);
	if (slash)
		s[n++] = '/';
	memcpy(s + n, name, len + 1);
	return s;
}

char *path_dir(const char *path)
{
	size_t n = strlen(path);

	/* Off with slashes at the end, then the last name, then the slashes before it. */
	while (n > 0 && path[n - 1] == '/')
		n--;
	while (n > 0 && path[n - 1] != '/')
		n--;
	while (n > 0 && path[n - 1] == '/')
		n--;
	if (n > 0)
		return strndup(path, n);
	return strdup(path[0] == '/' ? "/" : ".");
}

char *path_with_ext(const char *path, const char *ext)
{
	int stem = (int)(strlen(path) - strlen(path_ext(path)));
	char *s;

	if (asprintf(&s, "%.*s%s", stem, path, ext) < 0)
		return NULL;
	return s;
}

/* How much of both is the same directories, without the "/" behind them. */
static size_t common(const char *a, const char *b)
{
	size_t n = 0;

	for (size_t i = 0;; i++) {
		bool a_ends = a[i] == '/' || !a[i], b_ends = b[i] == '/' || !b[i];

		if (a_ends && b_ends)
			n = i;
		if (!a[i] || a[i] != b[i])
			return n;
	}
}

char *path_relative(const char *from, const char *to)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	size_t n;
	int r = 0;

	from += str_eq(from, "/");
	n = common(from, to);
	for (const char *p = from + n; r == 0 && *p; p++)
		if (*p == '/')
			r = buf_append_str(&b, b.len > 0 ? "/.." : "..");
	to += n + (to[n] == '/');
	if (r == 0 && *to)
		r = buf_printf(&b, "%s%s", b.len > 0 ? "/" : "", to);
	if (r == 0 && b.len == 0)
		r = buf_append_str(&b, ".");
	return r == 0 ? buf_take(&b) : NULL;
}
