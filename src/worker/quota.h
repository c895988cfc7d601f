/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * What all peers together may make us hold, in bytes. Each holder keeps its own count, and sets it
 * anew whenever what it holds has changed.
 */
struct quota {
	size_t max, used;
};

/* Hold n bytes instead of *held. False: that would be too much, and nothing has changed. */
static inline bool quota_set(struct quota *q, size_t *held, size_t n)
{
	if (n > *held && n - *held > q->max - q->used)
		return false;
	q->used = q->used - *held + n;
	*held = n;
	return true;
}
