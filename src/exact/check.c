/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The proof of each compile: what the compiler itself says that it read, against what the scanner
 * said before.
 *
 *	read, not foreseen	it cannot have been there: the root is not what we think
 *	foreseen, not read	another branch was taken, so that another one may have been missed
 *
 * A file that was only looked for, or held for one that had been read, may be listed or not: gcc
 * and clang differ. Names are compared as they are spelled first, and without links where that does
 * not decide.
 */

#include "exact/action.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "exact/depfile.h"

static int by_text(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

static int by_spelling(const void *key, const void *read)
{
	return strcmp(key, ((const struct exact_read *)read)->spelled);
}

static int fail(const char *what, const char *name, char **ret_reason)
{
	if (asprintf(ret_reason, "%s: %s", what, name) < 0) {
		*ret_reason = NULL;
		return -ENOMEM;
	}
	return EXACT_UNKNOWN;
}

/* Read under another name than foreseen? *real then has it. */
static bool is_foreseen_really(
	const struct exact_action *a, const char *name, struct strv *real, int *ret_error)
{
	AUTO(util_free) char *path = realpath(name, NULL);

	if (!path)
		return false;
	for (size_t i = 0; i < a->n_reads; i++) {
		if (str_eq(a->reads[i].real, path)) {
			*ret_error = strv_push(real, path);
			return true;
		}
	}
	return false;
}

/* Names that were read, absolute, sorted; and of those that are spelled otherwise, the real ones. */
static int match(const struct exact_action *a, const struct strv *names, struct strv *real,
	char **ret_reason)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->n; i++) {
		const char *name = names->v[i];

		if (bsearch(name, a->reads, a->n_reads, sizeof(*a->reads), by_spelling))
			continue;
		if (!is_foreseen_really(a, name, real, &r))
			return fail("it was read, and was not foreseen", name, ret_reason);
	}
	return r;
}

static bool is_listed(const char *spelled, const struct strv *names)
{
	return bsearch(&spelled, names->v, names->n, sizeof(*names->v), by_text);
}

/* One file by two names ("-include c.h" and "./c.h"): gcc lists the one. */
static bool is_listed_otherwise(
	const struct exact_action *a, const struct strv *names, const char *real)
{
	for (size_t i = 0; i < a->n_reads; i++)
		if (str_eq(a->reads[i].real, real) && is_listed(a->reads[i].spelled, names))
			return true;
	return false;
}

static int require(const struct exact_action *a, const struct strv *names, const struct strv *real,
	char **ret_reason)
{
	for (size_t i = 0; i < a->n_reads; i++) {
		const char *spelled = a->reads[i].spelled;

		if (!a->reads[i].required || is_listed(spelled, names) ||
			strv_has(real, a->reads[i].real) ||
			is_listed_otherwise(a, names, a->reads[i].real))
			continue;
		return fail("it was foreseen, and was not read", spelled, ret_reason);
	}
	return 0;
}

/* Names in a list, absolute. */
static int read_list(const struct buf *list, const char *cwd, struct strv *ret)
{
	AUTO(strv_fini) struct strv listed = STRV_INIT;
	int r = depfile_parse(buf_str(list), list->len, NULL, &listed);

	for (size_t i = 0; r == 0 && i < listed.n; i++) {
		char *path = depfile_path(cwd, listed.v[i]);

		r = path ? strv_push_take(ret, path) : -ENOMEM;
	}
	return r;
}

/*
 * The list has names of no file as well: what a .file says, and the text that the assembler was
 * given, which is gone by now.
 */
int exact_check_assembled(
	const struct exact_action *a, const char *cwd, const struct buf *list, char **ret_reason)
{
	AUTO(strv_fini) struct strv names = STRV_INIT;
	AUTO(strv_fini) struct strv real = STRV_INIT;
	AUTO(strv_fini) struct strv there = STRV_INIT;
	int r = read_list(list, cwd, &names);

	if (r == -EBADMSG)
		return fail("the assembler made no list", a->outputs.v[0], ret_reason);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		if (access(names.v[i], F_OK) == 0)
			r = strv_push(&there, names.v[i]);
	return r < 0 ? r : match(a, &there, &real, ret_reason);
}

int exact_check(
	const struct exact_action *a, const char *cwd, const struct buf *deps, char **ret_reason)
{
	AUTO(strv_fini) struct strv names = STRV_INIT;
	AUTO(strv_fini) struct strv real = STRV_INIT;
	int r = read_list(deps, cwd, &names);

	if (r == -EBADMSG)
		return fail("it is no list of dependencies", a->deps, ret_reason);
	if (r < 0)
		return r;
	if (names.n > 0)
		qsort(names.v, names.n, sizeof(*names.v), by_text);
	r = match(a, &names, &real, ret_reason);
	return r != 0 || !a->deps_all ? r : require(a, &names, &real, ret_reason);
}
