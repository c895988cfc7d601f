/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* Set lo up, in a network namespace of our own. -errno. */
int loopback_up(void) MUST_CHECK;
