/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "exact/action.h"
#include "exact/rebase.h"

/*
 * May a compile be made as if its base directory were REBASE_DIRECTORY (exact/rebase.h), and give
 * what it gives where that is? It may where
 *
 *	the user has the compiler map the base directory's name away, in __FILE__ and in debug
 *	information (-ffile-prefix-map=BASE=...);
 *	no way leads into the base directory from outside, or out of it, but by absolute names;
 *	each argument that has its name is a path that we know the use of;
 *	nothing is written that could hold a trace of the name in another form: a hash, compressed
 *	sections, sizes (LTO, coverage, sanitizers, ...).
 *
 * What is written is looked at, too (agent/result).
 */

/* p->base is fit. 0; EXACT_UNKNOWN: no, *ret_reason; -errno. */
int basedir_check(const struct exact_params *p, char **ret_reason) MUST_CHECK;

/*
 * An argument as it is in the other place; before: the one in front of it, or "". 0; EXACT_UNKNOWN:
 * the name is in it, and what for is not known; -ENOMEM. Append to ret.
 */
int basedir_argument(
	const char *before, const char *arg, const char *base, struct strv *ret) MUST_CHECK;
