/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/plan.h"

/*
 * Private to scan/plan.c: options with a file in some of their forms, and the counts of earlier runs
 * (profiles), whose names a compiler works out.
 */

struct plan_profile {
	bool used;        /* gcc's -fprofile-use and its like */
	struct strv dirs; /* where gcc may look for counts */
};

enum plan_profile_outcome {
	PLAN_PROFILE_UNKNOWN = 1, /* it may read anything */
};

/* An option of PLAN_PROFILE; *ret_key is set where it belongs to the key. 0, an outcome, -ENOMEM. */
int plan_profile_option(
	struct plan_profile *f, struct scan_plan *p, const char *arg, bool *ret_key) MUST_CHECK;
/* When all words are read. object: as named; NULL: none is made. -ENOMEM. */
int plan_profile_end(
	const struct plan_profile *f, struct scan_plan *p, const char *object) MUST_CHECK;
void plan_profile_fini(struct plan_profile *f);
