/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * The line markers of preprocessed text, # LINE "FILE" FLAGS: they name the files whose text it is
 * made of. (Not all: what only gave macros, by -imacros, is in no marker.)
 */

enum cc_markers_outcome {
	CC_MARKERS_NONE = 1, /* there is none, so that nothing is known */
	CC_MARKERS_ODD,      /* a name has an escape that we do not read */
	CC_MARKERS_ENOUGH,   /* for found: no more of them, and nothing is wrong */
};

/*
 * path: absolute, as it is spelled, from cwd on. enters: the file begins here. 0: go on; else an
 * outcome of found's own, beyond those above, or -errno.
 */
typedef int cc_markers_fn(void *arg, const char *path, bool enters);

/* 0; one of the above; what found said; -ENOMEM. Names that the compiler made up (<built-in>) are
 * passed over, and so is a name that is the last one's again. */
int cc_markers_each(
	const char *text, size_t n, const char *cwd, cc_markers_fn *found, void *arg) MUST_CHECK;
