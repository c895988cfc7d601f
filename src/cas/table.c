/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cas/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cas/store.h"

enum {
	CHUNK_BITS = 12,
	CHUNK = 1 << CHUNK_BITS,
	CHUNKS_MAX = CAS_ENTRIES_MAX >> CHUNK_BITS,
	BUCKETS_MIN = 1024,
	RADIX_BITS = 11,
	RADIX = 1 << RADIX_BITS,
};

uint64_t table_cost(uint64_t size)
{
	return (size + CAS_BLOCK - 1) / CAS_BLOCK * CAS_BLOCK + CAS_ENTRY_COST;
}

int table_init(struct table *t, uint64_t seed)
{
	*t = (struct table){.free = TABLE_NONE,
		.oldest = TABLE_NONE,
		.newest = TABLE_NONE,
		.seed = seed,
		.mask = BUCKETS_MIN - 1,
		.chunks = calloc(CHUNKS_MAX, sizeof(*t->chunks)),
		.buckets = calloc(BUCKETS_MIN, sizeof(*t->buckets))};
	if (t->chunks && t->buckets)
		return 0;
	table_fini(t);
	return -ENOMEM;
}

void table_fini(struct table *t)
{
	for (size_t i = 0; t->chunks && i < CHUNKS_MAX && t->chunks[i]; i++)
		free(t->chunks[i]);
	free(t->chunks);
	free(t->buckets);
	*t = (struct table){.n = 0};
}

struct table_entry *table_at(const struct table *t, uint32_t i)
{
	return &t->chunks[i >> CHUNK_BITS][i & (CHUNK - 1)];
}

static uint32_t bucket_of(const struct table *t, const uint8_t *hash, bool exec)
{
	uint64_t h;

	memcpy(&h, hash, sizeof(h));
	h = (h ^ t->seed) * 0xff51afd7ed558ccdULL;
	h = (h ^ (h >> 32) ^ exec) * 0xc4ceb9fe1a85ec53ULL;
	return (uint32_t)(h >> 32) & t->mask;
}

uint32_t table_find(const struct table *t, const uint8_t hash[CAS_HASH_SIZE], bool exec)
{
	for (uint32_t b = bucket_of(t, hash, exec); t->buckets[b]; b = (b + 1) & t->mask) {
		const struct table_entry *e = table_at(t, t->buckets[b] - 1);

		if (e->slot.exec == exec && memcmp(e->slot.digest.hash, hash, CAS_HASH_SIZE) == 0)
			return t->buckets[b] - 1;
	}
	return TABLE_NONE;
}

static void bucket_add(struct table *t, uint32_t i)
{
	const struct slot *s = &table_at(t, i)->slot;
	uint32_t b = bucket_of(t, s->digest.hash, s->exec);

	while (t->buckets[b])
		b = (b + 1) & t->mask;
	t->buckets[b] = i + 1;
}

/* Close the gap: whoever stands behind it and would rather stand in it moves up. */
static void bucket_remove(struct table *t, uint32_t i)
{
	const struct slot *s = &table_at(t, i)->slot;
	uint32_t gap = bucket_of(t, s->digest.hash, s->exec);

	while (t->buckets[gap] != i + 1)
		gap = (gap + 1) & t->mask;
	for (uint32_t b = (gap + 1) & t->mask; t->buckets[b]; b = (b + 1) & t->mask) {
		const struct slot *o = &table_at(t, t->buckets[b] - 1)->slot;
		uint32_t home = bucket_of(t, o->digest.hash, o->exec);

		if (((b - home) & t->mask) >= ((b - gap) & t->mask)) {
			t->buckets[gap] = t->buckets[b];
			gap = b;
		}
	}
	t->buckets[gap] = 0;
}

static int buckets_for_one_more(struct table *t)
{
	uint32_t *old = t->buckets, old_mask = t->mask;
	uint32_t *bigger;

	if (t->n < (t->mask + 1) / 2)
		return 0;
	bigger = calloc(2 * ((size_t)t->mask + 1), sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	t->buckets = bigger;
	t->mask = 2 * old_mask + 1;
	for (uint32_t b = 0; b <= old_mask; b++)
		if (old[b])
			bucket_add(t, old[b] - 1);
	free(old);
	return 0;
}

/* A number that nobody has. */
static int take_number(struct table *t, uint32_t *ret)
{
	struct table_entry **chunk = &t->chunks[t->end >> CHUNK_BITS];

	if (t->free != TABLE_NONE) {
		*ret = t->free;
		t->free = table_at(t, *ret)->newer;
		return 0;
	}
	if (t->end == CAS_ENTRIES_MAX)
		return -ENOSPC;
	if (!*chunk)
		*chunk = malloc(CHUNK * sizeof(**chunk));
	if (!*chunk)
		return -ENOMEM;
	*ret = t->end++;
	return 0;
}

static void give_number(struct table *t, uint32_t i)
{
	*table_at(t, i) = (struct table_entry){.newer = t->free};
	t->free = i;
}

static void order_append(struct table *t, uint32_t i)
{
	struct table_entry *e = table_at(t, i);

	e->older = t->newest;
	e->newer = TABLE_NONE;
	if (t->newest != TABLE_NONE)
		table_at(t, t->newest)->newer = i;
	else
		t->oldest = i;
	t->newest = i;
}

static void order_unlink(struct table *t, uint32_t i)
{
	struct table_entry *e = table_at(t, i);

	if (e->older != TABLE_NONE)
		table_at(t, e->older)->newer = e->newer;
	else
		t->oldest = e->newer;
	if (e->newer != TABLE_NONE)
		table_at(t, e->newer)->older = e->older;
	else
		t->newest = e->older;
}

int table_add(struct table *t, const struct slot *s, uint32_t *ret)
{
	int r = buckets_for_one_more(t);
	uint32_t i;

	if (r == 0)
		r = take_number(t, &i);
	if (r < 0)
		return r;
	*table_at(t, i) = (struct table_entry){.slot = *s, .flags = TABLE_LIVE};
	table_at(t, i)->slot.use = ++t->use;
	bucket_add(t, i);
	order_append(t, i);
	t->n++;
	t->cost += table_cost(s->digest.size);
	*ret = i;
	return 0;
}

void table_remove(struct table *t, uint32_t i)
{
	struct table_entry *e = table_at(t, i);

	bucket_remove(t, i);
	if (e->pins == 0)
		order_unlink(t, i);
	t->n--;
	t->cost -= table_cost(e->slot.digest.size);
	e->flags = TABLE_GONE;
}

void table_release(struct table *t, uint32_t i)
{
	struct table_entry *e = table_at(t, i);

	if (e->pins == 0)
		give_number(t, i);
	else
		e->flags |= TABLE_RELEASED;
}

void table_set_exec(struct table *t, uint32_t i, bool exec)
{
	bucket_remove(t, i);
	table_at(t, i)->slot.exec = exec;
	bucket_add(t, i);
}

void table_touch(struct table *t, uint32_t i)
{
	struct table_entry *e = table_at(t, i);

	e->slot.use = ++t->use;
	e->flags |= TABLE_DIRTY;
	if (e->pins > 0)
		return;
	order_unlink(t, i);
	order_append(t, i);
}

void table_pin(struct table *t, uint32_t i)
{
	struct table_entry *e = table_at(t, i);

	if (e->pins++ == 0) {
		t->n_pinned++;
		order_unlink(t, i);
	}
	e->slot.use = ++t->use;
	e->flags |= TABLE_DIRTY;
}

void table_unpin(struct table *t, uint32_t i)
{
	struct table_entry *e = table_at(t, i);

	if (--e->pins > 0)
		return;
	t->n_pinned--;
	if (e->flags & TABLE_LIVE) {
		e->slot.use = ++t->use;
		e->flags |= TABLE_DIRTY;
		order_append(t, i);
	} else if (e->flags & TABLE_RELEASED) {
		give_number(t, i);
	}
}

uint32_t table_oldest(const struct table *t)
{
	return t->oldest;
}

int table_place(struct table *t, const struct slot *s, bool *ret_placed)
{
	uint32_t i;
	int r;

	if (table_find(t, s->digest.hash, s->exec) != TABLE_NONE) {
		r = table_place_free(t);
		if (r == 0)
			*ret_placed = false;
		return r;
	}
	r = buckets_for_one_more(t);
	/* The chain of free numbers is not made before table_loaded: this is the next number. */
	if (r == 0)
		r = take_number(t, &i);
	if (r < 0)
		return r;
	*table_at(t, i) = (struct table_entry){.slot = *s, .flags = TABLE_LIVE};
	bucket_add(t, i);
	t->n++;
	t->cost += table_cost(s->digest.size);
	t->use = MAX(t->use, s->use);
	*ret_placed = true;
	return 0;
}

int table_place_free(struct table *t)
{
	uint32_t i;
	int r = take_number(t, &i);

	if (r == 0)
		*table_at(t, i) = (struct table_entry){.flags = 0};
	return r;
}

/* One pass of a radix sort of entry numbers by some bits of their last use. */
static void sort_pass(const struct table *t, const uint32_t *in, uint32_t *out, unsigned shift)
{
	uint32_t at[RADIX] = {0};
	uint32_t sum = 0;

	for (uint32_t k = 0; k < t->n; k++)
		at[(table_at(t, in[k])->slot.use >> shift) & (RADIX - 1)]++;
	for (size_t d = 0; d < RADIX; d++) {
		uint32_t count = at[d];

		at[d] = sum;
		sum += count;
	}
	for (uint32_t k = 0; k < t->n; k++)
		out[at[(table_at(t, in[k])->slot.use >> shift) & (RADIX - 1)]++] = in[k];
}

int table_loaded(struct table *t)
{
	AUTO(util_free) uint32_t *a = malloc(MAX(t->n, 1u) * sizeof(*a));
	AUTO(util_free) uint32_t *b = malloc(MAX(t->n, 1u) * sizeof(*b));
	uint32_t *in = a, *out = b, n = 0;

	if (!a || !b)
		return -ENOMEM;
	for (uint32_t i = t->end; i-- > 0;) {
		if (table_at(t, i)->flags & TABLE_LIVE)
			in[n++] = i;
		else
			give_number(t, i);
	}
	for (unsigned shift = 0; shift < 64 && t->use >> shift; shift += RADIX_BITS) {
		uint32_t *swap = in;

		sort_pass(t, in, out, shift);
		in = out;
		out = swap;
	}
	for (uint32_t k = 0; k < n; k++)
		order_append(t, in[k]);
	return 0;
}
