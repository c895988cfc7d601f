/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* Private to scan/facts*.c: a hash table from text to a number or a pointer; keys are copied. */

struct facts_slot {
	char *key; /* NULL: free */
	size_t len;
	uint64_t hash;
	union {
		long number;
		void *pointer;
	};
};

struct facts_map {
	struct facts_slot *slots;
	size_t n, size;
};

enum { FACTS_MAP_MAX = 1 << 17 }; /* entries */

void facts_map_fini(struct facts_map *m);
struct facts_slot *facts_map_get(const struct facts_map *m, const char *key, size_t len);

/* The entry of key, made with value 0 if there is none. -ENOMEM; -E2BIG past FACTS_MAP_MAX. */
int facts_map_put(
	struct facts_map *m, const char *key, size_t len, struct facts_slot **ret) MUST_CHECK;
