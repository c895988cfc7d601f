/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/rex_run.h"

/*
 * Is a server's input root the root directory of what it executes?
 *
 * The API does not say it, and many servers run commands in a directory of their own machine: there
 * a compile would find the server's compiler and the server's headers at the names that were meant
 * for ours, and succeed. So, before the first action, a program is executed that is nowhere but in
 * its input root: our own loader, under a name that no machine has. A distccd says by itself, in the
 * headers of its capabilities, that it honours "distcc-root", and is not asked.
 */

#define REX_PROOF_HEADER "distcc-root"

struct rex_proof;

/* Of r, whose connection is ready. r->root says what came of it, and then those who wait are told.
 * -errno: it could not be begun. */
int rex_proof_start(struct rex *r) MUST_CHECK;
/* One that has not ended is given up. NULL is fine. */
void rex_proof_free(struct rex_proof *p);
bool rex_proof_is(const struct rex_proof *p, const struct rex_run *run);
