/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * A set of pointers found by a 32-bit hash: open addressing, linear probing, at most half full, no
 * tombstones. Nothing in it is owned. It grows without limit of its own: whoever fills it has one.
 */
struct hashset_slot {
	void *item; /* NULL: free */
	uint32_t hash;
};

struct hashset {
	struct hashset_slot *slots; /* NULL until the first reserve */
	uint32_t mask;
	uint32_t n;
};

typedef bool hashset_same(const void *item, const void *key);

void hashset_fini(struct hashset *h); /* empty and usable again */

/* Room for one more, so that the next hashset_add cannot fail. */
int hashset_reserve(struct hashset *h) MUST_CHECK;
void hashset_add(struct hashset *h, uint32_t hash, void *item);    /* is not in it yet */
void hashset_remove(struct hashset *h, uint32_t hash, void *item); /* is in it */

/* The item of this hash for which same(item, key) holds, or NULL. */
static inline void *hashset_find(
	const struct hashset *h, uint32_t hash, hashset_same *same, const void *key)
{
	if (!h->slots)
		return NULL;
	for (uint32_t i = hash & h->mask; h->slots[i].item; i = (i + 1) & h->mask)
		if (h->slots[i].hash == hash && same(h->slots[i].item, key))
			return h->slots[i].item;
	return NULL;
}

/* Every item, in no order; the body must not add or remove. */
#define HASHSET_FOR(pos, h)                                                                      \
	for (struct hashset_slot *pos = (h)->slots; pos && pos <= (h)->slots + (h)->mask; pos++) \
		if (pos->item)

/* Of n bytes; not for keys that an enemy chooses. */
uint32_t hashset_hash(const void *data, size_t n);
