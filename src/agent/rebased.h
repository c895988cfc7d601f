/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/rex.h"
#include "exact/action.h"

/*
 * The result of an action that was made as if its base directory were REBASE_DIRECTORY
 * (exact/basedir.h): as it is kept, with that name in it, and as the user has it, with the real one.
 */
enum rebased_way {
	REBASED_TO_USER,
	REBASED_TO_KEEP,
};

enum { REBASED_DOUBTED = 1 }; /* a name is where it cannot be changed: *ret_reason */

/* *ret is a copy, for rex_result_fini. 0, REBASED_DOUBTED, -errno. */
int rebased(const struct exact_action *a, const struct rex_result *r, enum rebased_way way,
	struct rex_result *ret, char **ret_reason) MUST_CHECK;
