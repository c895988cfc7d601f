/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "sandbox/sandbox.h"

/* sandbox.c's and probe.c's own: what does this machine let us do? */

/*
 * Start from what *set says might be there, and leave what is, by running jobs whose program does
 * not exist: where a job comes as far as that, everything before it works. -errno.
 */
int probe_isolation(struct sandbox *s, unsigned *set) MUST_CHECK;

/* sandbox_start without its checks, with these mechanisms only. */
int probe_start(struct sandbox *s, const struct sandbox_plan *p, unsigned mechanisms,
	struct sandbox_run *ret) MUST_CHECK;
