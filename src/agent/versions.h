/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * What compilers say of themselves (--version), here and on servers, remembered for a while: by a
 * key that says which compiler, and where.
 */
enum { VERSIONS_MAX = 64, VERSIONS_TEXT_MAX = 4096, VERSIONS_KEPT_MS = 600 * 1000 };

struct versions {
	struct version {
		char *key, *text; /* NULL: free */
		uint64_t until_ms;
	} v[VERSIONS_MAX];
	unsigned next; /* the one that is replaced next */
};

void versions_fini(struct versions *t);
const char *versions_find(const struct versions *t, const char *key, uint64_t now_ms);
/* What is too long is cut. -ENOMEM. */
int versions_put(struct versions *t, const char *key, const char *text, size_t n,
	uint64_t now_ms) MUST_CHECK;
