/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

struct execution;

/*
 * The directory of the jobs' input roots: one directory for each, and the trash. What an earlier
 * process left there goes to the trash at once and is removed in the pool. 0, -errno.
 */
int roots_prepare(struct execution *e) MUST_CHECK;

/* Remove roots/name with all that is in it. Slow; any thread. What cannot be removed goes to the
 * trash, and is logged. */
void roots_remove(struct execution *e, const char *name);
