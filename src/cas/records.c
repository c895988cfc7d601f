/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cas/inside.h"

/* The index file: read once at start, then written record by record. The format is in slot.c. */

enum { LOAD_RECORDS = 8192, SWEEP_BATCH = 64 };

static off_t record_at(uint32_t i)
{
	return (off_t)SLOT_SIZE * ((off_t)i + 1);
}

static bool write_record(struct cas *c, const uint8_t bytes[SLOT_SIZE], off_t at)
{
	ssize_t n;

	do {
		n = pwrite(c->index_fd, bytes, SLOT_SIZE, at);
	} while (n < 0 && errno == EINTR);
	if (n == SLOT_SIZE)
		return true;
	log_event(LOG_LEVEL_WARNING, "store-index-write-failed", "error=%s",
		n < 0 ? strerror(errno) : "short write");
	return false;
}

void cas_record_write(struct cas *c, uint32_t i)
{
	uint8_t bytes[SLOT_SIZE];
	struct table_entry *e;
	bool live;

	cas_lock(c);
	e = table_at(&c->table, i);
	live = e->flags & TABLE_LIVE;
	e->flags &= ~TABLE_DIRTY;
	slot_encode(&e->slot, bytes);
	cas_unlock(c);
	if (!live || write_record(c, bytes, record_at(i)))
		return;
	cas_lock(c);
	if (e->flags & TABLE_LIVE)
		e->flags |= TABLE_DIRTY;
	cas_unlock(c);
}

void cas_record_clear(struct cas *c, uint32_t i)
{
	static const uint8_t zeros[SLOT_SIZE];

	write_record(c, zeros, record_at(i));
}

static int load_record(struct cas *c, const uint8_t *bytes, uint32_t i, bool *whole)
{
	struct slot s;
	bool placed = true;
	int r;

	switch (slot_decode(bytes, &s)) {
	case SLOT_USED:
		r = table_place(&c->table, &s, &placed);
		break;
	case SLOT_TORN:
		placed = *whole = false;
		r = table_place_free(&c->table);
		break;
	default:
		r = table_place_free(&c->table);
		break;
	}
	if (r == 0 && !placed)
		cas_record_clear(c, i);
	return r;
}

static int load_records(struct cas *c, bool *whole)
{
	AUTO(util_free) uint8_t *bytes = malloc((size_t)LOAD_RECORDS * SLOT_SIZE);
	uint32_t i = 0;
	struct stat st;
	int q;

	if (!bytes)
		return -ENOMEM;
	if (fstat(c->index_fd, &st) < 0)
		return -errno;
	q = table_expect(&c->table,
		(uint32_t)MIN((uint64_t)st.st_size / SLOT_SIZE, (uint64_t)CAS_ENTRIES_MAX));
	if (q < 0)
		return q;
	while (i < CAS_ENTRIES_MAX) {
		ssize_t n =
			pread(c->index_fd, bytes, (size_t)LOAD_RECORDS * SLOT_SIZE, record_at(i));
		size_t records;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		records = MIN((size_t)n / SLOT_SIZE, (size_t)(CAS_ENTRIES_MAX - i));
		if (records == 0)
			break;
		for (size_t k = 0; k < records; k++, i++) {
			int r = load_record(c, bytes + k * SLOT_SIZE, i, whole);

			if (r < 0)
				return r;
		}
	}
	return table_loaded(&c->table);
}

static int create(struct cas *c)
{
	uint8_t header[SLOT_SIZE];

	c->index_fd = openat(
		c->root_fd, "index", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (c->index_fd < 0)
		return -errno;
	slot_encode_header(header);
	return write_record(c, header, 0) ? 0 : -EIO;
}

static int set_aside(struct cas *c)
{
	log_event(LOG_LEVEL_WARNING, "store-index-broken",
		"renamed to index.broken; blobs are searched for");
	util_close(&c->index_fd);
	if (renameat(c->root_fd, "index", c->root_fd, "index.broken") < 0)
		return -errno;
	return create(c);
}

int cas_records_open(struct cas *c, bool *ret_found_all)
{
	uint8_t header[SLOT_SIZE] = {0};
	uint32_t version;
	bool whole = true;
	int r;

	c->index_fd = openat(c->root_fd, "index", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (c->index_fd < 0 && errno == ENOENT) {
		*ret_found_all = false;
		return create(c);
	}
	if (c->index_fd < 0)
		return -errno;
	if (pread(c->index_fd, header, sizeof(header), 0) < 0)
		return -errno;
	r = slot_decode_header(header, &version);
	if (r == CAS_NEWER)
		log_event(LOG_LEVEL_ERROR, "store-newer",
			"index is version %u, this program knows %d", version, SLOT_VERSION);
	if (r == -EBADMSG) {
		whole = false;
		r = set_aside(c);
	} else if (r == 0) {
		r = load_records(c, &whole);
	}
	if (r == 0)
		*ret_found_all = whole;
	return r;
}

struct dirty {
	uint32_t i;
	uint8_t hash[CAS_HASH_SIZE];
};

static size_t collect(struct cas *c, size_t budget, struct dirty *v, size_t *ret_n)
{
	size_t looked = 0, n = 0;

	cas_lock(c);
	for (; looked < budget && c->sweep < c->table.end && n < SWEEP_BATCH; looked++) {
		uint32_t i = c->sweep++;
		const struct table_entry *e = table_at(&c->table, i);

		if ((e->flags & (TABLE_LIVE | TABLE_DIRTY)) != (TABLE_LIVE | TABLE_DIRTY))
			continue;
		v[n].i = i;
		memcpy(v[n++].hash, e->slot.digest.hash, CAS_HASH_SIZE);
	}
	if (c->sweep >= c->table.end)
		c->sweep = 0;
	cas_unlock(c);
	*ret_n = n;
	return looked;
}

static void write_if_same(struct cas *c, const struct dirty *d)
{
	bool same;

	cas_stripe_lock(c, d->hash);
	cas_lock(c);
	same = (table_at(&c->table, d->i)->flags & TABLE_LIVE) &&
	       memcmp(table_at(&c->table, d->i)->slot.digest.hash, d->hash, CAS_HASH_SIZE) == 0;
	cas_unlock(c);
	/* It cannot become another one now: that takes the stripe. */
	if (same)
		cas_record_write(c, d->i);
	cas_stripe_unlock(c, d->hash);
}

size_t cas_records_sweep(struct cas *c, size_t budget)
{
	struct dirty v[SWEEP_BATCH];
	size_t done = 0;

	while (done < budget) {
		size_t n, looked = collect(c, budget - done, v, &n);

		for (size_t k = 0; k < n; k++)
			write_if_same(c, &v[k]);
		done += looked;
		if (looked == 0 || c->sweep == 0)
			break;
	}
	return done;
}
