/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The other proof of a compile, of a sample of them: what was looked for there and not found,
 * against this machine. A file that is here and was missed there makes the root another machine,
 * and what it made may be something else without any error: a later directory of the search path
 * has a header of that name too, or a __has_include said no.
 *
 * Not compared: what the compile itself makes, what each root has of its own (/proc, /dev, /sys), and
 * what is left out of a toolchain's closure because it does not matter there: the loader's index of
 * libraries, all of which are there; the time zone, which gmtime looks for too; what only links take
 * (crtfastmath.o with -ffast-math); and CUDA. A link that leads nowhere is there for who asks for the
 * link, and not for who follows it.
 */

#include "exact/action.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "exact/rebase.h"
#include "reapi/lookups.h"

static bool is_left_out(const char *path)
{
	static const char *const left_out[] = {"/proc", "/dev", "/sys", "/etc/ld.so.cache",
		"/etc/localtime", "/usr/local/cuda", "/usr/lib/cuda"};

	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++) {
		size_t n = strlen(left_out[i]);

		if (strncmp(path, left_out[i], n) == 0 && (path[n] == '/' || path[n] == '\0'))
			return true;
	}
	return false;
}

/* gcc's driver looks for these for a compile, too. */
static bool is_for_links(const char *path)
{
	return str_starts(path_base(path), "crt") && str_ends(path, ".o");
}

/* What is in the base directory here has another name there. */
static bool is_here(const struct exact_action *a, const struct reapi_lookup *l, struct stat *ret)
{
	AUTO(util_free) char *own = NULL;
	const char *path = l->path;

	if (a->base && rebase_is_below(path, REBASE_DIRECTORY))
		path = own = rebase_path(path, REBASE_DIRECTORY, a->base);
	return path && (l->link ? lstat(path, ret) : stat(path, ret)) == 0;
}

static int doubt(const char *what, const char *path, char **ret_reason)
{
	if (asprintf(ret_reason, "%s%s%s", what, *path ? ": " : "", path) >= 0)
		return EXACT_UNKNOWN;
	*ret_reason = NULL;
	return -ENOMEM;
}

int exact_check_lookups(const struct exact_action *a, const char *cwd,
	const struct reapi_lookups *lookups, char **ret_reason)
{
	struct reapi_lookups_reader reader;
	struct reapi_lookup l;
	struct stat st;
	int r;

	reapi_lookups_begin(&reader, lookups);
	while ((r = reapi_lookups_next(&reader, &l)) == 0)
		if (!is_left_out(l.path) && !is_for_links(l.path) && is_here(a, &l, &st) &&
			!exact_is_output(a, cwd, &st))
			return doubt("it was not found there, and is here", l.path, ret_reason);
	if (r == REAPI_LOOKUPS_END)
		return 0;
	return doubt("what it tells of its look-ups cannot be read", "", ret_reason);
}
