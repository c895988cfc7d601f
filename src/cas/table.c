/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cas/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cas/store.h"

enum {
	CHUNK_BITS = 12,
	CHUNK = 1 << CHUNK_BITS,
	CHUNKS_MAX = CAS_ENTRIES_MAX >> CHUNK_BITS,
	BUCKETS_MIN = 1024,
	RADIX_BITS = 11,
	RADIX = 1 << RADIX_BITS,
	CHUNK_SIZE = CHUNK * sizeof(struct table_entry),
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
	for (size_t i = t->block_size / CHUNK_SIZE; t->chunks && i < CHUNKS_MAX; i++)
		free(t->chunks[i]);
	if (t->block_size > 0)
		munmap(t->block, t->block_size);
	free(t->chunks);
	free(t->buckets);
	*t = (struct table){.n = 0};
}

struct table_entry *table_at(const struct table *t, uint32_t i)
{
	return &t->chunks[i >> CHUNK_BITS][i & (CHUNK - 1)];
}

/* The hash of a key is the upper half of its bucket, so that entries, which lie far apart in
 * memory, are looked at only if they are likely to be it. */
static uint32_t hash_of(const struct table *t, const uint8_t *hash, bool exec)
{
	uint64_t h;

	memcpy(&h, hash, sizeof(h));
	h = (h ^ t->seed) * 0xff51afd7ed558ccdULL;
	h = (h ^ (h >> 32) ^ exec) * 0xc4ceb9fe1a85ec53ULL;
	return (uint32_t)(h >> 32);
}

static uint32_t home_of(const struct table *t, uint64_t bucket)
{
	return (uint32_t)(bucket >> 32) & t->mask;
}

static uint32_t number_of(uint64_t bucket)
{
	return (uint32_t)bucket - 1;
}

uint32_t table_find(const struct table *t, const uint8_t hash[CAS_HASH_SIZE], bool exec)
{
	uint32_t h = hash_of(t, hash, exec);

	for (uint32_t b = h & t->mask; t->buckets[b]; b = (b + 1) & t->mask) {
		const struct table_entry *e;

		if (t->buckets[b] >> 32 != h)
			continue;
		e = table_at(t, number_of(t->buckets[b]));
		if (e->slot.exec == exec && memcmp(e->slot.digest.hash, hash, CAS_HASH_SIZE) == 0)
			return number_of(t->buckets[b]);
	}
	return TABLE_NONE;
}

static void bucket_put(struct table *t, uint64_t bucket)
{
	uint32_t b = home_of(t, bucket);

	while (t->buckets[b])
		b = (b + 1) & t->mask;
	t->buckets[b] = bucket;
}

static void bucket_add(struct table *t, uint32_t i)
{
	const struct slot *s = &table_at(t, i)->slot;

	bucket_put(t, (uint64_t)hash_of(t, s->digest.hash, s->exec) << 32 | (i + 1));
}

/* Close the gap: whoever stands behind it and would rather stand in it moves up. */
static void bucket_remove(struct table *t, uint32_t i)
{
	const struct slot *s = &table_at(t, i)->slot;
	uint32_t gap = hash_of(t, s->digest.hash, s->exec) & t->mask;

	while (number_of(t->buckets[gap]) != i)
		gap = (gap + 1) & t->mask;
	for (uint32_t b = (gap + 1) & t->mask; t->buckets[b]; b = (b + 1) & t->mask) {
		uint32_t home = home_of(t, t->buckets[b]);

		if (((b - home) & t->mask) >= ((b - gap) & t->mask)) {
			t->buckets[gap] = t->buckets[b];
			gap = b;
		}
	}
	t->buckets[gap] = 0;
}

static int grow_buckets(struct table *t, uint64_t n)
{
	uint64_t *old = t->buckets, *bigger = calloc(n, sizeof(*bigger));
	uint32_t old_mask = t->mask;

	if (!bigger)
		return -ENOMEM;
	t->buckets = bigger;
	t->mask = (uint32_t)n - 1;
	for (uint32_t b = 0; b <= old_mask; b++)
		if (old[b])
			bucket_put(t, old[b]);
	free(old);
	return 0;
}

static int buckets_for_one_more(struct table *t)
{
	uint64_t n = (uint64_t)t->mask + 1;

	return t->n < n / 2 ? 0 : grow_buckets(t, 2 * n);
}

/*
 * Entries in one piece, of large pages where the kernel gives them: touching each of 25,000 small
 * ones for the first time is most of what a start with a million entries would take.
 */
static void expect_entries(struct table *t, uint32_t entries)
{
	size_t chunks = entries >> CHUNK_BITS, size = chunks * CHUNK_SIZE;
	void *block;

	if (chunks == 0 || t->end > 0)
		return;
	block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (block == MAP_FAILED)
		return;
	if (madvise(block, size, MADV_HUGEPAGE) < 0) {
		/* Small ones, then. */
	}
	t->block = block;
	t->block_size = size;
	for (size_t i = 0; i < chunks; i++)
		t->chunks[i] = t->block + i * CHUNK;
}

int table_expect(struct table *t, uint32_t entries)
{
	uint64_t n = (uint64_t)t->mask + 1;

	entries = MIN(entries, (uint32_t)CAS_ENTRIES_MAX);
	while (n / 2 <= entries)
		n *= 2;
	expect_entries(t, entries);
	return n > (uint64_t)t->mask + 1 ? grow_buckets(t, n) : 0;
}

/* A number that nobody has. */
static int take_number(struct table *t, uint32_t *ret)
{
	struct table_entry **chunk;

	if (t->free != TABLE_NONE) {
		*ret = t->free;
		t->free = table_at(t, *ret)->newer;
		return 0;
	}
	if (t->end == CAS_ENTRIES_MAX)
		return -ENOSPC;
	chunk = &t->chunks[t->end >> CHUNK_BITS];
	if (!*chunk)
		*chunk = malloc(CHUNK_SIZE);
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
	uint32_t i = TABLE_NONE;

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
	uint32_t i = TABLE_NONE;
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
