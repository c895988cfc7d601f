/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cas/slot.h"

/*
 * The index in memory: entries by number, which is also the number of their record in the file;
 * found by hash and kind; in order of use. No I/O and no locks.
 *
 *	free ─ table_add ─► live ─ table_remove ─► gone ─ table_release ─► free
 *
 * A live entry is found and counted. One that is gone is neither, but its number is not given to
 * another until it is released and nobody has it pinned. Pinned entries are in no order of use:
 * table_oldest never gives one.
 */

#define TABLE_NONE UINT32_MAX

enum table_flags {
	TABLE_LIVE = 1,
	TABLE_GONE = 2,
	TABLE_RELEASED = 4, /* gone, and only pins hold the number */
	TABLE_CHECKED = 8,  /* the file was seen to be there, by this process */
	TABLE_DIRTY = 16,   /* the record in the file is not what is here */
	TABLE_SEEN = 32,    /* by the search of the directories */
};

struct table_entry {
	struct slot slot;
	uint32_t older, newer; /* TABLE_NONE at the ends; `newer` also chains free numbers */
	uint32_t pins;
	uint32_t removing; /* leases whose links to it are being removed: its ctime moves */
	uint8_t flags;
};

struct table {
	struct table_entry **chunks;
	struct table_entry *block; /* the first of them, if it was known how many would come */
	size_t block_size;         /* bytes; 0: none */
	uint64_t *buckets; /* hash << 32 | number + 1; 0: none. Linear probing, at most half full */
	uint32_t mask;
	uint32_t end;  /* numbers from 0 to here have been used */
	uint32_t free; /* first of the chain */
	uint32_t oldest, newest;
	uint32_t n; /* live */
	uint32_t n_pinned;
	uint64_t cost; /* of all live */
	uint64_t use;  /* the latest */
	uint64_t seed; /* hashes are chosen by clients: their places are not */
};

/* What a file of this size counts for. */
uint64_t table_cost(uint64_t size);

int table_init(struct table *t, uint64_t seed) MUST_CHECK;
void table_fini(struct table *t);

struct table_entry *table_at(const struct table *t, uint32_t i);
uint32_t table_find(const struct table *t, const uint8_t hash[CAS_HASH_SIZE], bool exec);

/* s is not in it yet. The newest, whatever s->use. -ENOMEM, -ENOSPC (CAS_ENTRIES_MAX). */
int table_add(struct table *t, const struct slot *s, uint32_t *ret) MUST_CHECK;
void table_remove(struct table *t, uint32_t i);
void table_release(struct table *t, uint32_t i);
/* The same entry becomes the other kind's. */
void table_set_exec(struct table *t, uint32_t i, bool exec);

void table_touch(struct table *t, uint32_t i); /* used just now */
void table_pin(struct table *t, uint32_t i);   /* counts as use */
void table_unpin(struct table *t, uint32_t i);
uint32_t table_oldest(const struct table *t);

/* So many are going to come: saves time, no more. */
int table_expect(struct table *t, uint32_t entries) MUST_CHECK;

/*
 * Filling it from the file: every record in its order, then table_loaded once. place: false if it
 * is there already; the number is free then.
 */
int table_place(struct table *t, const struct slot *s, bool *ret_placed) MUST_CHECK;
int table_place_free(struct table *t) MUST_CHECK;
int table_loaded(struct table *t) MUST_CHECK;
