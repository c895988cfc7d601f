/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * Sources that something was found out about, so that the same is not tried in vain the next time. A
 * table of hashes: two that collide may cost one of them the better way, and no more.
 */
enum { SOURCES_MAX = 8192 };

struct sources {
	uint64_t v[SOURCES_MAX]; /* 0: none */
};

bool sources_has(const struct sources *s, const char *cwd, const char *source);
void sources_add(struct sources *s, const char *cwd, const char *source);
