/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "cc/command.h"

/*
 * The same compile in two checkouts, at two places: what it reads, says and writes with the name of
 * the one directory in it, changed to have the name of the other. So its result can be kept under a
 * name that no checkout has, REBASE_DIRECTORY, and be used by all of them (DISTCC_BASEDIR).
 *
 * That the bytes come out as the compiler would have written them in the other place has to be
 * certain, and is where: paths are whole arguments; lists of dependencies are as their compiler breaks
 * lines, which is seen from breaking the lines of what it wrote once more; messages are not cut to a
 * width. What cannot be changed, an object, must not have the name in it at all.
 */

#define REBASE_DIRECTORY "/.distcc-basedir"

/* Can it be a base directory? Absolute, not "/", clean, and of characters that are never escaped. */
bool rebase_is_fit(const char *dir);

/* Is path dir itself, or below it? */
bool rebase_is_below(const char *path, const char *dir);

/* Does the name occur, as the whole of a path or the beginning of one? */
bool rebase_occurs(const void *data, size_t n, const char *dir);

/* A path at from or below it: at to. NULL: no memory. */
char *rebase_path(const char *path, const char *from, const char *to);

/* Every occurrence. Append. -ENOMEM, -E2BIG. */
int rebase_text(
	const void *data, size_t n, const char *from, const char *to, struct buf *ret) MUST_CHECK;

enum { REBASE_UNKNOWN = 1 };

/*
 * A list of dependencies as gcc or clang writes it (-MD, -MMD, with -MP too), whole. Append.
 * REBASE_UNKNOWN: its lines are not broken as we know it.
 */
int rebase_depfile(enum cc_family family, const char *text, size_t n, const char *from,
	const char *to, struct buf *ret) MUST_CHECK;
