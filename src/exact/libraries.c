/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Shared libraries are what the program's own loader lists: it knows of run paths, of its default
 * directories, of its cache and of this processor, and we do not have to.
 *
 * The cache (/etc/ld.so.cache) changes with every package that is installed, and so would the
 * digest of every action. It is left out where the loader finds the same without it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "exact/ask.h"
#include "exact/inquiry.h"

#define HWCAPS "/glibc-hwcaps/"

/*
 * One line:	libc.so.6 => /lib/libc.so.6 (0x…)	/lib64/ld-linux-x86-64.so.2 (0x…)
 *		linux-vdso.so.1 (0x…)			libx.so => not found
 */
static int read_line(char *line, struct strv *ret, bool *ret_missing)
{
	char *path = strstr(line, " => ");
	char *address;

	path = path ? path + 4 : line + strspn(line, "\t ");
	if (str_starts(path, "not found"))
		*ret_missing = true;
	if (*path != '/')
		return 0;
	address = strstr(path, " (0x");
	return strv_push_n(ret, path, address ? (size_t)(address - path) : strlen(path));
}

/* *ret_complete: all of them were found. */
static int list(struct inquiry *i, const char *loader, const char *program, bool cache,
	struct strv *ret, bool *ret_complete)
{
	AUTO(buf_fini) struct buf said = BUF_INIT_MAX(ASK_OUTPUT_MAX);
	const char *argv[] = {loader, "--list", cache ? program : "--inhibit-cache",
		cache ? NULL : program, NULL};
	char *const envp[] = {NULL};
	struct ask q = {.program = loader, .argv = (char *const *)argv, .envp = envp, .cwd = "/"};
	char *save = NULL;
	bool missing = false;
	int r = ask(&q, &said);

	*ret_complete = false;
	if (r == ASK_FAILED)
		return 0;
	for (char *line = r == 0 && said.data ? strtok_r(said.data, "\n", &save) : NULL;
		r == 0 && line; line = strtok_r(NULL, "\n", &save))
		r = read_line(line, ret, &missing);
	*ret_complete = !missing;
	return r;
}

static bool is_same(const struct strv *a, const struct strv *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!str_eq(a->v[i], b->v[i]))
			return false;
	return true;
}

/* A library for processors like this one: the one for all, which another processor would take. */
static int add_for_all(struct inquiry *i, const char *path)
{
	const char *hwcaps = strstr(path, HWCAPS);
	const char *name = hwcaps ? strchr(hwcaps + strlen(HWCAPS), '/') : NULL;
	AUTO(buf_fini) struct buf plain = BUF_INIT;
	int r;

	if (!name)
		return 0;
	r = buf_append(&plain, path, (size_t)(hwcaps - path));
	if (r == 0)
		r = buf_append_str(&plain, name);
	return r == 0 ? inquiry_optional(i, plain.data) : r;
}

static int add(struct inquiry *i, const char *path)
{
	int r = closure_add(&i->closure, path, NULL);

	if (r == CLOSURE_MISSING)
		return inquiry_unknown(i, "there is no %s", path);
	if (r == 0)
		r = add_for_all(i, path);
	if (r == 0 && !i->libc_dir && str_starts(path_base(path), "libc.so")) {
		i->libc_dir = path_dir(path);
		if (!i->libc_dir)
			return -ENOMEM;
	}
	return r;
}

int libraries_add(struct inquiry *i, const char *program, const char *loader)
{
	AUTO(strv_fini) struct strv paths = STRV_INIT, without = STRV_INIT;
	bool complete, complete_without;
	int r;

	if (access("/etc/ld.so.preload", F_OK) == 0)
		return inquiry_unknown(i, "/etc/ld.so.preload is in force");
	r = add(i, loader);
	if (r == 0)
		r = list(i, loader, program, true, &paths, &complete);
	if (r == 0 && !complete)
		return inquiry_unknown(i, "%s does not list the libraries of %s", loader, program);
	if (r == 0)
		r = list(i, loader, program, false, &without, &complete_without);
	if (r == 0 && (!complete_without || !is_same(&paths, &without)))
		r = inquiry_optional(i, "/etc/ld.so.cache");
	for (size_t k = 0; r == 0 && k < paths.n; k++)
		r = add(i, paths.v[k]);
	return r;
}
