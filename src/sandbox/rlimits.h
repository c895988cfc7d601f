/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "sandbox/plan.h"

/* The rlimits of a plan, soft and hard, for this process and what it will start. -errno. */
int rlimits_set(const struct sandbox_limits *l) MUST_CHECK;

/* That of the address space, which the program has to keep and this process need not. */
int rlimits_set_last(const struct sandbox_limits *l) MUST_CHECK;
