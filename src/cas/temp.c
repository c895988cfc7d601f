/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cas/inside.h"

/*
 * A file on its way in: written under tmp/, given its name when its bytes are known to be right.
 * Nothing is synced: see state.c for how what a lost machine may have lost is found out.
 */

enum { FULL_TRIES = 64 };

/*
 * Every blob's mtime, 2000-01-01. A clock may stand still for some milliseconds, so that a file
 * written to right after it was made would keep the mtime it had; one of this age never does.
 */
static const struct timespec blob_times[2] = {{.tv_sec = 946684800}, {.tv_sec = 946684800}};

static void temp_name(uint64_t serial, char ret[24])
{
	snprintf(ret, 24, "%llx", (unsigned long long)serial);
}

static bool is_full(int error)
{
	return error == ENOSPC || error == EDQUOT;
}

int cas_temp_open(struct cas *c, uint64_t size_max, struct cas_temp *ret)
{
	struct cas_temp t = {.c = c, .fd = -1, .size_max = size_max, .taken = CAS_ENTRY_COST};
	char name[24];
	int r = cas_room_take(c, t.taken, true);

	if (r != 0)
		return r;
	cas_lock(c);
	t.serial = c->temp_serial++;
	cas_unlock(c);
	temp_name(t.serial, name);
	for (int i = 0; i < FULL_TRIES; i++) {
		t.fd = openat(
			c->tmp_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (t.fd >= 0) {
			*ret = t;
			return 0;
		}
		if (!is_full(errno)) {
			r = -errno;
			break;
		}
		r = CAS_NO_SPACE;
		if (!cas_room_evict(c, 0))
			break;
	}
	cas_room_give(c, t.taken, true);
	return r;
}

/* Room for this many bytes in all. */
static int grow(struct cas_temp *t, uint64_t size)
{
	uint64_t step = (size + CAS_RESERVE_STEP - 1) / CAS_RESERVE_STEP * CAS_RESERVE_STEP;
	uint64_t cost = table_cost(MIN(MAX(step, size), MAX(t->size_max, size)));
	int r;

	if (cost <= t->taken)
		return 0;
	r = cas_room_take(t->c, cost - t->taken, false);
	if (r == 0)
		t->taken = cost;
	return r;
}

int cas_temp_write(struct cas_temp *t, const void *data, size_t n)
{
	const char *p = data;
	int r, tries = 0;

	if (n > t->size_max - t->written)
		return -EFBIG;
	r = grow(t, t->written + n);
	while (r == 0 && n > 0) {
		ssize_t w = pwrite(t->fd, p, n, (off_t)t->written);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && is_full(errno)) {
			if (++tries == FULL_TRIES || !cas_room_evict(t->c, n))
				return CAS_NO_SPACE;
			continue;
		}
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
		t->written += (uint64_t)w;
	}
	return r;
}

/* With the stripe: the file has its name; now its entry. */
static int enter(struct cas_temp *t, const struct cas_digest *d, bool exec, const struct stat *st)
{
	struct cas *c = t->c;
	struct slot s = {
		.digest = *d, .id = slot_identity_of(st), .epoch = c->state.epoch, .exec = exec};
	uint32_t i;
	int r = 0;

	cas_lock(c);
	i = table_find(&c->table, d->hash, exec);
	if (i == TABLE_NONE) {
		r = table_add(&c->table, &s, &i);
	} else {
		/* It was there, but nobody knew whether it was right. The size may have been wrong. */
		struct table_entry *e = table_at(&c->table, i);

		c->table.cost += table_cost(d->size) - table_cost(e->slot.digest.size);
		s.use = e->slot.use;
		e->slot = s;
	}
	if (r == 0) {
		table_at(&c->table, i)->flags |= TABLE_CHECKED;
		c->reserved -= t->taken;
		c->n_temps--;
		c->stats.inserts++;
		c->stats.inserted_bytes += d->size;
		t->taken = 0;
		t->c = NULL;
	}
	cas_unlock(c);
	if (r == 0)
		cas_record_write(c, i);
	return r;
}

static bool is_there(struct cas *c, const struct cas_digest *d, bool exec)
{
	const struct table_entry *e;
	uint32_t i;
	bool there = false;

	cas_lock(c);
	i = table_find(&c->table, d->hash, exec);
	if (i != TABLE_NONE) {
		e = table_at(&c->table, i);
		there = (e->flags & TABLE_CHECKED) && cas_is_trusted(c, &e->slot);
		if (there)
			table_touch(&c->table, i);
	}
	cas_unlock(c);
	return there;
}

/*
 * The directory that the blob goes into, before its stripe is held: on a full disk, blobs make way
 * for it. A store that holds little is not 256 directories.
 */
static int make_its_directory(struct cas *c, const struct cas_digest *d)
{
	char path[CAS_PATH_SIZE];
	int r = 0;

	if (c->made[d->hash[0]])
		return 0;
	cas_path(d->hash, false, path);
	path[CAS_DIR_LEN] = '\0';
	for (int i = 0; i < FULL_TRIES; i++) {
		r = cas_make_directory(c, path);
		if (r == 0)
			c->made[d->hash[0]] = true;
		if (r == 0 || !is_full(-r))
			return r;
		if (!cas_room_evict(c, 0))
			break;
	}
	return CAS_NO_SPACE;
}

static int name_it(struct cas_temp *t, const struct cas_digest *d, bool exec)
{
	struct cas *c = t->c;
	char name[24], path[CAS_PATH_SIZE];
	struct stat st;
	int r;

	temp_name(t->serial, name);
	cas_path(d->hash, exec, path);
	if (fchmod(t->fd, exec ? 0555 : 0444) < 0 || futimens(t->fd, blob_times) < 0 ||
		renameat(c->tmp_fd, name, c->root_fd, path) < 0)
		return -errno;
	r = fstat(t->fd, &st) < 0 ? -errno : enter(t, d, exec, &st);
	if (r < 0)
		unlinkat(c->root_fd, path, 0);
	return r;
}

int cas_temp_commit(struct cas_temp *t, const struct cas_digest *d, bool exec)
{
	struct cas *c = t->c;
	int r = make_its_directory(c, d);

	cas_stripe_lock(c, d->hash);
	if (r == 0 && !is_there(c, d, exec)) {
		r = name_it(t, d, exec);
		if (r == -ENOSPC || r == -EDQUOT)
			r = CAS_NO_SPACE;
	}
	cas_stripe_unlock(c, d->hash);
	if (t->c)
		cas_temp_abort(t);
	else
		util_close(&t->fd);
	return r;
}

void cas_temp_abort(struct cas_temp *t)
{
	char name[24];

	if (!t->c)
		return;
	temp_name(t->serial, name);
	unlinkat(t->c->tmp_fd, name, 0);
	util_close(&t->fd);
	cas_room_give(t->c, t->taken, true);
	t->c = NULL;
}
