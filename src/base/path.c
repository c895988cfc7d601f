/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	char *s;

	if (name[0] == '/' || !dir || !*dir)
		return strdup(name);
	if (asprintf(&s, str_ends(dir, "/") ? "%s%s" : "%s/%s", dir, name) < 0)
		return NULL;
	return s;
}

char *path_dir(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	while (slash > path && slash[-1] == '/')
		slash--;
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

char *path_with_ext(const char *path, const char *ext)
{
	size_t stem = (size_t)(path_ext(path) - path);
	char *s;

	if (*path_ext(path) == '\0')
		stem = strlen(path);
	if (asprintf(&s, "%.*s%s", (int)stem, path, ext) < 0)
		return NULL;
	return s;
}
