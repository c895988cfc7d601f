/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/rex.h"
#include "exact/action.h"

/*
 * A compile that came out differently there and here, as a directory that tells all of it and can
 * be sent to somebody:
 *
 *	README     what differed, when and where
 *	command    the Command of the action: arguments, environment, directory, outputs
 *	inputs     of each file that went in: SHA-256, size, path; equal ones once
 *	reproduce  a shell script: compiles again here, and compares with both
 *	here/, there/                      the outputs
 *	here.stderr, there.stderr, …       what was said
 *
 * Only what went into the action is in it: of the environment what is allowed to travel.
 */
enum {
	BUNDLES_MAX = 16, /* in one place: no more are written until some are removed */
	BUNDLE_BYTES_MAX =
		64 << 20, /* of outputs; what is over it is left out, and README says so */
};

struct bundle {
	const struct exact_action *action;
	const char *source, *compiler, *cwd;
	char *const *argv;      /* the user's command, argv[0] aside */
	const char *difference; /* result_difference's */
	const char *where;      /* who compiled there */
	const struct rex_result *there, *here;
};

/*
 * In place, which is made where it is missing, by the action's digest. One of this action that is
 * there already stays. *ret: its path, malloc'ed. 0; BUNDLE_FULL: there are too many; -errno.
 */
enum { BUNDLE_FULL = 1 };
int bundle_write(const char *place, const struct bundle *b, char **ret) MUST_CHECK;
