/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cas/inside.h"

/*
 * Room under the cap. What is in the store and what is on its way into it never count for more
 * than the cap, because room is taken before anything is written, from the least recently used.
 *
 * Eviction is in two steps: entries leave the index, many at once under the lock; then each loses
 * its record and its file, under its stripe. Between the two the blob may have come in again, under
 * another number: then the file is that one's, and stays.
 */

enum { BATCH = 64, EVICT_MIN = 4 << 20 };

struct victim {
	uint32_t i;
	uint8_t hash[CAS_HASH_SIZE];
	bool exec;
};

/* With the lock. The oldest that is not pinned leaves the index. */
static bool detach_oldest(struct cas *c, struct victim *ret)
{
	uint32_t i = table_oldest(&c->table);
	const struct slot *s;

	if (i == TABLE_NONE)
		return false;
	s = &table_at(&c->table, i)->slot;
	ret->i = i;
	ret->exec = s->exec;
	memcpy(ret->hash, s->digest.hash, CAS_HASH_SIZE);
	c->stats.evictions++;
	c->stats.evicted_bytes += s->digest.size;
	table_remove(&c->table, i);
	return true;
}

static void remove_victim(struct cas *c, const struct victim *v)
{
	char path[CAS_PATH_SIZE];
	bool back;

	cas_path(v->hash, v->exec, path);
	cas_stripe_lock(c, v->hash);
	cas_record_clear(c, v->i);
	cas_lock(c);
	back = table_find(&c->table, v->hash, v->exec) != TABLE_NONE;
	cas_unlock(c);
	/* If it will not go, the next search finds it again. */
	if (!back)
		unlinkat(c->root_fd, path, 0);
	cas_lock(c);
	table_release(&c->table, v->i);
	cas_unlock(c);
	cas_stripe_unlock(c, v->hash);
}

static bool is_over(const struct cas *c, uint64_t bytes, uint64_t files)
{
	return c->table.cost + c->reserved + bytes > c->options.max_bytes ||
	       c->table.n + c->n_temps + files > c->options.max_entries;
}

int cas_room_take(struct cas *c, uint64_t bytes, bool new_file)
{
	for (;;) {
		struct victim v[BATCH];
		size_t n = 0;
		bool over;

		cas_lock(c);
		while ((over = is_over(c, bytes, new_file)) && n < BATCH && detach_oldest(c, &v[n]))
			n++;
		if (!over) {
			c->reserved += bytes;
			c->n_temps += new_file;
		}
		cas_unlock(c);
		for (size_t k = 0; k < n; k++)
			remove_victim(c, &v[k]);
		if (!over)
			return 0;
		if (n == 0)
			return CAS_NO_SPACE;
	}
}

void cas_room_give(struct cas *c, uint64_t bytes, bool new_file)
{
	cas_lock(c);
	c->reserved -= bytes;
	c->n_temps -= new_file;
	cas_unlock(c);
}

bool cas_room_evict(struct cas *c, uint64_t bytes)
{
	uint64_t freed = 0;
	bool any = false;

	bytes = MAX(bytes, (uint64_t)EVICT_MIN);
	while (freed < bytes) {
		struct victim v[BATCH];
		size_t n = 0;

		cas_lock(c);
		while (freed < bytes && n < BATCH) {
			uint64_t before = c->table.cost;

			if (!detach_oldest(c, &v[n]))
				break;
			freed += before - c->table.cost;
			n++;
		}
		cas_unlock(c);
		for (size_t k = 0; k < n; k++)
			remove_victim(c, &v[k]);
		if (n == 0)
			break;
		any = true;
	}
	return any;
}

bool cas_room_trim(struct cas *c, size_t max)
{
	for (size_t done = 0;; done += BATCH) {
		struct victim v[BATCH];
		size_t n = 0;

		cas_lock(c);
		while (n < BATCH && is_over(c, 0, 0) && detach_oldest(c, &v[n]))
			n++;
		cas_unlock(c);
		for (size_t k = 0; k < n; k++)
			remove_victim(c, &v[k]);
		if (n < BATCH)
			return false;
		if (done >= max)
			return true;
	}
}
