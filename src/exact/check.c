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
#include <sys/stat.h>

#include "base/path.h"
#include "exact/depfile.h"
#include "scan/hashset.h"

static int fail(const char *what, const char *name, char **ret_reason)
{
	if (asprintf(ret_reason, "%s: %s", what, name) < 0) {
		*ret_reason = NULL;
		return -ENOMEM;
	}
	return EXACT_UNKNOWN;
}

/* A list that is being read, against what was foreseen. */
struct reading {
	const struct exact_action *a;
	const char *cwd;
	bool assembled; /* the list has names of no file as well */
	struct buf name;
	size_t next;            /* of a->reads: compilers list files as they read them */
	bool *listed;           /* of each of them */
	struct hashset by_name; /* they; filled when the order does not hold */
	char **ret_reason;
};

static void reading_fini(struct reading *r)
{
	buf_fini(&r->name);
	free(r->listed);
	hashset_fini(&r->by_name);
}

static bool same_name(const void *item, const void *key)
{
	return str_eq(((const struct exact_read *)item)->spelled, key);
}

static uint32_t hash_name(const char *name)
{
	return hashset_hash(name, strlen(name));
}

static int fill_by_name(struct reading *r)
{
	const struct exact_action *a = r->a;

	for (size_t i = 0; i < a->n_reads; i++) {
		if (hashset_reserve(&r->by_name) < 0)
			return -ENOMEM;
		hashset_add(&r->by_name, hash_name(a->reads[i].spelled), &a->reads[i]);
	}
	return 0;
}

/* Nearly always it is the next one. */
static bool is_next(struct reading *r, const char *name)
{
	if (r->next >= r->a->n_reads || !str_eq(name, r->a->reads[r->next].spelled))
		return false;
	r->listed[r->next++] = true;
	return true;
}

static int find(struct reading *r, const char *name, bool *ret_found)
{
	const struct exact_action *a = r->a;
	const struct exact_read *at;
	int e;

	*ret_found = is_next(r, name);
	if (*ret_found)
		return 0;
	e = r->by_name.n > 0 ? 0 : fill_by_name(r);
	at = e < 0 ? NULL : hashset_find(&r->by_name, hash_name(name), same_name, name);
	if (!at)
		return e;
	r->listed[at - a->reads] = *ret_found = true;
	r->next = MAX(r->next, (size_t)(at - a->reads) + 1);
	return 0;
}

/* Read under another name than foreseen? */
static bool is_foreseen_really(struct reading *r, const char *name)
{
	AUTO(util_free) char *path = realpath(name, NULL);
	bool found = false;

	for (size_t i = 0; path && i < r->a->n_reads; i++) {
		if (str_eq(r->a->reads[i].real, path))
			r->listed[i] = found = true;
	}
	return found;
}

/*
 * The source's name, which gcc gives the assembler without its directories (.file): no file is read
 * by it, though there may be one of that name.
 */
static bool is_told(const struct reading *r, const char *name)
{
	const struct exact_action *a = r->a;

	return r->assembled && !a->unseen && a->n_reads > 0 &&
	       str_eq(name, path_base(a->reads[0].spelled));
}

bool exact_is_output(const struct exact_action *a, const char *cwd, const struct stat *st)
{
	for (size_t i = 0; i < a->outputs.n; i++) {
		AUTO(util_free) char *path = path_join(cwd, a->outputs.v[i]);
		struct stat is;

		if (path && stat(path, &is) == 0 && is.st_dev == st->st_dev &&
			is.st_ino == st->st_ino)
			return true;
	}
	return false;
}

/* The text that the assembler was given: it is gone by now, or it was to be kept. */
static bool is_its_text(const struct reading *r, const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 || exact_is_output(r->a, r->cwd, &st);
}

static int on_name(void *arg, const char *name)
{
	struct reading *r = arg;
	bool found = false;
	int e;

	if (is_next(r, name))
		return 0;
	e = depfile_path(r->cwd, name, &r->name);
	if (e == 0)
		e = find(r, buf_str(&r->name), &found);
	if (e < 0 || found || is_told(r, name) ||
		(r->assembled && is_its_text(r, buf_str(&r->name))))
		return e;
	return is_foreseen_really(r, buf_str(&r->name)) ? 0
							: fail("it was read, and was not foreseen",
								  buf_str(&r->name), r->ret_reason);
}

static int read_list(struct reading *r, const struct buf *list)
{
	r->listed = calloc(r->a->n_reads + 1, sizeof(*r->listed));
	return r->listed ? depfile_each(buf_str(list), list->len, NULL, on_name, r) : -ENOMEM;
}

/* One file by two names ("-include c.h" and "./c.h"): gcc lists the one. */
static bool is_listed_otherwise(const struct reading *r, const char *real)
{
	for (size_t i = 0; i < r->a->n_reads; i++)
		if (r->listed[i] && str_eq(r->a->reads[i].real, real))
			return true;
	return false;
}

static int require(const struct reading *r)
{
	for (size_t i = 0; i < r->a->n_reads; i++) {
		const struct exact_read *read = &r->a->reads[i];

		if (read->required && !r->listed[i] && !is_listed_otherwise(r, read->real))
			return fail(
				"it was foreseen, and was not read", read->spelled, r->ret_reason);
	}
	return 0;
}

/* The list has names of no file as well: what a .file says. */
int exact_check_assembled(
	const struct exact_action *a, const char *cwd, const struct buf *list, char **ret_reason)
{
	AUTO(reading_fini)
	struct reading r = {.a = a, .cwd = cwd, .assembled = true, .ret_reason = ret_reason};
	int e = read_list(&r, list);

	return e == -EBADMSG ? fail("the assembler made no list", a->outputs.v[0], ret_reason) : e;
}

int exact_check(
	const struct exact_action *a, const char *cwd, const struct buf *deps, char **ret_reason)
{
	AUTO(reading_fini) struct reading r = {.a = a, .cwd = cwd, .ret_reason = ret_reason};
	int e = read_list(&r, deps);

	if (e == -EBADMSG)
		return fail("it is no list of dependencies", a->deps, ret_reason);
	return e != 0 || !a->deps_all ? e : require(&r);
}
