/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/rex.h"
#include "exact/action.h"

/*
 * What an exact compile brought back, put where the compiler would have put it: every file under a
 * name of its own first, and the object last of all, when all else is in its place.
 */

enum {
	RESULT_DOUBTED = 1, /* the compiler read other files than foreseen: *ret_reason */
	RESULT_INCOMPLETE,  /* no object, no list of what was read, or none of a file that is
			       written in any case */
};

/* Is it whole, and did the compiler read what was foreseen? 0, an outcome above, -ENOMEM. */
int result_check(const struct exact_action *a, const struct rex_result *r, const char *cwd,
	char **ret_reason) MUST_CHECK;

/* One that was checked. 0, -errno: writing failed. */
int result_publish(const struct exact_action *a, const struct rex_result *r, const char *cwd,
	unsigned umask) MUST_CHECK;

/*
 * In what do two results of one action differ, in order of interest? "the exit status", "the output
 * NAME", "what it says on stderr" …, malloc'ed; NULL: in nothing. What only we asked for is not
 * compared, nor what differs each time. -ENOMEM.
 */
int result_difference(const struct exact_action *a, const struct rex_result *x,
	const struct rex_result *y, char **ret) MUST_CHECK;
