/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/hashset.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 8 };

void hashset_fini(struct hashset *h)
{
	free(h->slots);
	*h = (struct hashset){0};
}

static void put(struct hashset *h, uint32_t hash, void *item)
{
	uint32_t i = hash & h->mask;

	while (h->slots[i].item)
		i = (i + 1) & h->mask;
	h->slots[i] = (struct hashset_slot){.item = item, .hash = hash};
}

int hashset_reserve(struct hashset *h)
{
	size_t size = h->slots ? (size_t)h->mask + 1 : 0;
	struct hashset old = *h;

	if (((size_t)h->n + 1) * 2 <= size)
		return 0;
	size = size ? size * 2 : FIRST_SLOTS;
	h->slots = size <= UINT32_MAX ? calloc(size, sizeof(*h->slots)) : NULL;
	if (!h->slots) {
		h->slots = old.slots;
		return -ENOMEM;
	}
	h->mask = (uint32_t)(size - 1);
	HASHSET_FOR(slot, &old)
	put(h, slot->hash, slot->item);
	free(old.slots);
	return 0;
}

void hashset_add(struct hashset *h, uint32_t hash, void *item)
{
	assert(h->slots && h->n <= h->mask / 2);
	put(h, hash, item);
	h->n++;
}

/* What follows in the same run is moved up where its own place allows, so that no gap stays. */
void hashset_remove(struct hashset *h, uint32_t hash, void *item)
{
	uint32_t hole = hash & h->mask, i;

	while (h->slots[hole].item != item) {
		assert(h->slots[hole].item);
		hole = (hole + 1) & h->mask;
	}
	for (i = (hole + 1) & h->mask; h->slots[i].item; i = (i + 1) & h->mask) {
		uint32_t home = h->slots[i].hash & h->mask;

		if (((i - home) & h->mask) >= ((i - hole) & h->mask)) {
			h->slots[hole] = h->slots[i];
			hole = i;
		}
	}
	h->slots[hole] = (struct hashset_slot){0};
	h->n--;
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint32_t hashset_hash(const void *data, size_t n)
{
	const uint64_t odd = 0x9e3779b97f4a7c15, prime = 0xd6e8feb86659fd93;
	const char *p = data;
	uint64_t h = n * odd + prime, word;

	for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = mix(h ^ word, odd);
	}
	word = 0;
	memcpy(&word, p, n);
	h = mix(mix(h ^ word, odd), prime);
	return (uint32_t)h ^ (uint32_t)(h >> 32);
}
