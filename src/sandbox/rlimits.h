/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "sandbox/plan.h"

/* The rlimits of a plan, soft and hard, for this process and what it will start. -errno. */
int rlimits_set(const struct sandbox_limits *l) MUST_CHECK;
