/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cas/inside.h"

/*
 * Finding blobs, and being sure of them. A blob is served from a descriptor whose file has the
 * identity (inode, size, mtime, ctime) that was recorded when its bytes were last known to be
 * right. That is one fstat. Where it has not, or nothing of the blob's epoch is trusted, the file
 * is hashed, once, under its stripe: good, and the new identity is recorded; bad, and it is gone.
 *
 * ctime is the field that nobody can set back, but a link made or removed moves it. Those we make
 * are recorded with the new ctime (materialise.c). While a lease removes links it may move at any
 * time: then, and only then, inode, size and mtime have to do.
 */

enum { HASH_TRIES = 3 };

enum verdict { SAME, SAME_BUT_CTIME, UNSURE };

/* Also takes note that it was seen. With the lock. */
static enum verdict compare(struct cas *c, struct table_entry *e, const struct stat *st)
{
	struct slot_identity id = slot_identity_of(st);
	enum verdict v = UNSURE;

	if (!S_ISREG(st->st_mode) || (uint64_t)st->st_size != e->slot.digest.size ||
		!cas_is_trusted(c, &e->slot) || !slot_identity_same_content(&id, &e->slot.id))
		return UNSURE;
	if (id.ctime_ns == e->slot.id.ctime_ns)
		v = SAME;
	else if (e->removing > 0)
		v = SAME_BUT_CTIME;
	if (v != UNSURE)
		e->flags |= TABLE_CHECKED;
	return v;
}

bool cas_entry_is_sure(struct cas *c, uint32_t i, const struct stat *st)
{
	enum verdict v;

	cas_lock(c);
	v = compare(c, table_at(&c->table, i), st);
	cas_unlock(c);
	return v != UNSURE;
}

void cas_entry_drop_locked(struct cas *c, uint32_t i)
{
	struct table_entry *e = table_at(&c->table, i);
	char path[CAS_PATH_SIZE];
	bool live;

	cas_lock(c);
	live = e->flags & TABLE_LIVE;
	if (live) {
		cas_path(e->slot.digest.hash, e->slot.exec, path);
		table_remove(&c->table, i);
	}
	cas_unlock(c);
	if (!live)
		return;
	cas_record_clear(c, i);
	unlinkat(c->root_fd, path, 0);
	cas_lock(c);
	table_release(&c->table, i);
	cas_unlock(c);
}

/* With the stripe: the file is what entry i says, as of this identity. */
static void record(struct cas *c, uint32_t i, const struct stat *st, bool resized)
{
	struct table_entry *e = table_at(&c->table, i);

	cas_lock(c);
	if (resized && (e->flags & TABLE_LIVE))
		c->table.cost +=
			table_cost((uint64_t)st->st_size) - table_cost(e->slot.digest.size);
	e->slot.digest.size = (uint64_t)st->st_size;
	e->slot.id = slot_identity_of(st);
	e->slot.epoch = c->state.epoch;
	e->flags |= TABLE_CHECKED;
	c->stats.verified++;
	cas_unlock(c);
	cas_record_write(c, i);
}

/* Its mode too: somebody may have made it writable. */
static int restore_mode(int fd, bool exec)
{
	struct stat st;
	mode_t mode = exec ? 0555 : 0444;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) < 0)
		return -errno;
	return 0;
}

/* Hash until the file stood still while it was hashed. 0 good, CAS_BAD_DIGEST. */
static int hash_stable(int fd, const uint8_t *hash, bool ctime_moves, struct stat *ret)
{
	for (int i = 0; i < HASH_TRIES; i++) {
		struct cas_digest d;
		struct slot_identity before, after;
		struct stat st;
		int r;

		if (fstat(fd, &st) < 0)
			return -errno;
		before = slot_identity_of(&st);
		r = cas_digest_of_fd(fd, &d);
		if (r < 0)
			return r;
		if (memcmp(d.hash, hash, CAS_HASH_SIZE) != 0)
			return CAS_BAD_DIGEST;
		if (fstat(fd, &st) < 0)
			return -errno;
		after = slot_identity_of(&st);
		if ((uint64_t)st.st_size == d.size &&
			(ctime_moves ? slot_identity_same_content(&before, &after)
				     : slot_identity_equal(&before, &after))) {
			*ret = st;
			return 0;
		}
	}
	return CAS_BAD_DIGEST;
}

static int verify_locked(struct cas *c, uint32_t i, int fd)
{
	uint8_t hash[CAS_HASH_SIZE];
	const struct table_entry *e = table_at(&c->table, i);
	bool exec, moves;
	struct stat st;
	int r;

	cas_lock(c);
	memcpy(hash, e->slot.digest.hash, sizeof(hash));
	exec = e->slot.exec;
	moves = e->removing > 0;
	cas_unlock(c);
	r = restore_mode(fd, exec);
	if (r == 0)
		r = hash_stable(fd, hash, moves, &st);
	if (r == 0) {
		record(c, i, &st, true);
	} else if (r == CAS_BAD_DIGEST) {
		char hex[CAS_HEX_SIZE];

		cas_hash_hex(hash, hex);
		log_event(LOG_LEVEL_WARNING, "store-bad-blob", "hash=%s removed", hex);
		cas_lock(c);
		c->stats.bad++;
		cas_unlock(c);
		cas_entry_drop_locked(c, i);
		r = CAS_MISSING;
	}
	return r;
}

static int open_entry(struct cas *c, uint32_t i, int *ret_fd)
{
	const struct table_entry *e = table_at(&c->table, i);
	char path[CAS_PATH_SIZE];
	bool live;
	int fd;

	cas_lock(c);
	live = e->flags & TABLE_LIVE;
	cas_path(e->slot.digest.hash, e->slot.exec, path);
	cas_unlock(c);
	if (!live)
		return CAS_MISSING;
	fd = openat(c->root_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? CAS_MISSING : -errno;
	*ret_fd = fd;
	return 0;
}

int cas_ref_open_locked(struct cas *c, struct cas_ref *r, int *ret_fd)
{
	AUTO(util_close) int fd = -1;
	struct stat st;
	int q = open_entry(c, r->i, &fd);

	if (q == CAS_MISSING)
		cas_entry_drop_locked(c, r->i);
	if (q != 0)
		return q;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		cas_entry_drop_locked(c, r->i);
		return CAS_MISSING;
	}
	if (!cas_entry_is_sure(c, r->i, &st))
		q = verify_locked(c, r->i, fd);
	if (q == 0)
		*ret_fd = TAKE_FD(fd);
	return q;
}

int cas_ref_check_size(struct cas *c, const struct cas_ref *r)
{
	bool same;

	cas_lock(c);
	same = table_at(&c->table, r->i)->slot.digest.size == r->digest.size;
	cas_unlock(c);
	return same ? 0 : CAS_MISSING;
}

int cas_ref_open(struct cas *c, struct cas_ref *r, int *ret_fd)
{
	AUTO(util_close) int fd = -1;
	struct stat st;
	int q = open_entry(c, r->i, &fd);

	if (q < 0)
		return q;
	if (q == 0 && fstat(fd, &st) < 0)
		return -errno;
	/* Missing or different may mean that somebody is at it just now: look again, alone. */
	if (q != 0 || !cas_entry_is_sure(c, r->i, &st)) {
		util_close(&fd);
		fd = -1;
		cas_stripe_lock(c, r->digest.hash);
		q = cas_ref_open_locked(c, r, &fd);
		cas_stripe_unlock(c, r->digest.hash);
	}
	if (q == 0)
		q = cas_ref_check_size(c, r);
	if (q == 0)
		*ret_fd = TAKE_FD(fd);
	return q;
}

/* With the lock. */
static bool pin_either(struct cas *c, const struct cas_digest *d, bool exec, struct cas_ref *ret)
{
	uint32_t i = table_find(&c->table, d->hash, exec);
	const struct table_entry *e;

	if (i == TABLE_NONE)
		i = table_find(&c->table, d->hash, !exec);
	if (i == TABLE_NONE)
		return false;
	e = table_at(&c->table, i);
	/* A size is only as good as its file. */
	if (e->slot.digest.size != d->size && (e->flags & TABLE_CHECKED) &&
		cas_is_trusted(c, &e->slot))
		return false;
	table_pin(&c->table, i);
	*ret = (struct cas_ref){.i = i, .digest = *d, .exec = e->slot.exec};
	return true;
}

/* A miss, once more: the file may be there while the search is not done; the empty one is made. */
static int find_elsewhere(struct cas *c, const struct cas_digest *d, bool exec, bool searching)
{
	int r = CAS_MISSING;

	if (searching)
		r = cas_adopt(c, d->hash, exec);
	if (searching && r == CAS_MISSING)
		r = cas_adopt(c, d->hash, !exec);
	if (r == CAS_MISSING && cas_digest_is_empty(d))
		r = cas_put(c, d, "");
	return r;
}

int cas_ref_get(struct cas *c, const struct cas_digest *d, bool exec, struct cas_ref *ret)
{
	bool found, searching;
	int r;

	cas_lock(c);
	found = pin_either(c, d, exec, ret);
	searching = c->search.active;
	cas_unlock(c);
	if (found)
		return 0;
	r = find_elsewhere(c, d, exec, searching);
	if (r != 0)
		return r;
	cas_lock(c);
	found = pin_either(c, d, exec, ret);
	cas_unlock(c);
	return found ? 0 : CAS_MISSING;
}

void cas_ref_put(struct cas *c, struct cas_ref *r)
{
	cas_lock(c);
	table_unpin(&c->table, r->i);
	cas_unlock(c);
}
