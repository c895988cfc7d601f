/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cas/inside.h"

/* The plain calls: is it there, read it, put it, drop it. */

/* Known and seen: nothing to do but to say so. */
static bool has_quickly(struct cas *c, const struct cas_digest *d)
{
	bool has = false;

	cas_lock(c);
	for (int exec = 0; exec < 2 && !has; exec++) {
		uint32_t i = table_find(&c->table, d->hash, exec);
		const struct table_entry *e = i == TABLE_NONE ? NULL : table_at(&c->table, i);

		has = e && (e->flags & TABLE_CHECKED) && cas_is_trusted(c, &e->slot) &&
		      e->slot.digest.size == d->size;
		if (has) {
			table_touch(&c->table, i);
			c->stats.hits++;
		}
	}
	cas_unlock(c);
	return has;
}

static int blob_open(struct cas *c, const struct cas_digest *d, int *ret_fd)
{
	struct cas_ref ref;
	int r = CAS_MISSING;

	for (int i = 0; r == CAS_MISSING && i < CAS_REF_TRIES; i++) {
		r = cas_ref_get(c, d, false, &ref);
		if (r != 0)
			return r;
		r = cas_ref_open(c, &ref, ret_fd);
		cas_ref_put(c, &ref);
	}
	return r;
}

int cas_blob_open(struct cas *c, const struct cas_digest *d, int *ret_fd)
{
	int r = blob_open(c, d, ret_fd);

	if (r >= 0)
		cas_count(c, r == 0);
	return r;
}

int cas_has(struct cas *c, const struct cas_digest *d)
{
	AUTO(util_close) int fd = -1;

	if (cas_digest_is_empty(d) || has_quickly(c, d))
		return 0;
	return cas_blob_open(c, d, &fd);
}

int cas_blob_read(
	struct cas *c, const struct cas_digest *d, uint64_t offset, uint64_t limit, struct buf *ret)
{
	AUTO(util_close) int fd = -1;
	size_t before = ret->len;
	int r;

	if (offset > d->size)
		return -EINVAL;
	limit = MIN(limit, d->size - offset);
	if (limit == 0)
		return cas_has(c, d);
	r = cas_blob_open(c, d, &fd);
	if (r == 0)
		r = buf_reserve(ret, limit);
	while (r == 0 && limit > 0) {
		ssize_t n = pread(fd, ret->data + ret->len, limit, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			r = n < 0 ? -errno : -EIO;
			break;
		}
		ret->len += (size_t)n;
		offset += (uint64_t)n;
		limit -= (uint64_t)n;
	}
	if (r != 0)
		ret->len = before;
	if (ret->data)
		ret->data[ret->len] = '\0';
	return r;
}

/* Whether it is right to skip writing it: there, and known to be. */
static bool is_stored(struct cas *c, const struct cas_digest *d)
{
	AUTO(util_close) int fd = -1;
	struct cas_ref ref;
	bool stored;

	if (cas_ref_get(c, d, false, &ref) != 0)
		return false;
	stored = cas_ref_open(c, &ref, &fd) == 0;
	cas_ref_put(c, &ref);
	return stored;
}

static int write_new(struct cas *c, const struct cas_digest *d, const void *data)
{
	struct cas_temp t;
	int r = cas_temp_open(c, d->size, &t);

	if (r != 0)
		return r;
	r = cas_temp_write(&t, data, d->size);
	if (r == 0)
		return cas_temp_commit(&t, d, false);
	cas_temp_abort(&t);
	return r;
}

int cas_put(struct cas *c, const struct cas_digest *d, const void *data)
{
	struct cas_digest actual;
	int r;

	if (d->size > c->options.max_blob)
		return CAS_TOO_LARGE;
	r = cas_digest_of(data, d->size, &actual);
	if (r < 0)
		return r;
	return cas_digest_equal(d, &actual) ? cas_put_known(c, d, data) : CAS_BAD_DIGEST;
}

int cas_put_known(struct cas *c, const struct cas_digest *d, const void *data)
{
	if (d->size > c->options.max_blob)
		return CAS_TOO_LARGE;
	/* The empty blob is made here when it is asked for: no way back. */
	if (!cas_digest_is_empty(d) && is_stored(c, d))
		return 0;
	return write_new(c, d, data);
}

static int copy_in(struct cas_temp *t, int fd, uint64_t max, struct cas_digest *ret)
{
	AUTO(cas_hasher_fini) struct cas_hasher h = {.ctx = NULL};
	AUTO(util_free) char *chunk = malloc(CAS_WRITE_CHUNK);
	int r = chunk ? cas_hasher_init(&h) : -ENOMEM;

	while (r == 0) {
		ssize_t n = pread(fd, chunk, CAS_WRITE_CHUNK, (off_t)h.size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return cas_hasher_final(&h, ret);
		if ((uint64_t)n > max - h.size)
			return CAS_TOO_LARGE;
		r = cas_hasher_update(&h, chunk, (size_t)n);
		if (r == 0)
			r = cas_temp_write(t, chunk, (size_t)n);
	}
	return r;
}

int cas_put_fd(struct cas *c, int fd, uint64_t max, struct cas_digest *ret)
{
	struct cas_digest d;
	struct cas_temp t;
	int r;

	max = MIN(max, c->options.max_blob);
	r = cas_temp_open(c, max, &t);
	if (r != 0)
		return r;
	r = copy_in(&t, fd, max, &d);
	if (r != 0) {
		cas_temp_abort(&t);
		return r;
	}
	r = cas_temp_commit(&t, &d, false);
	if (r == 0)
		*ret = d;
	return r;
}

int cas_drop(struct cas *c, const struct cas_digest *d)
{
	int r = CAS_MISSING;

	cas_stripe_lock(c, d->hash);
	for (int exec = 0; exec < 2; exec++) {
		uint32_t i;

		cas_lock(c);
		i = table_find(&c->table, d->hash, exec);
		cas_unlock(c);
		if (i == TABLE_NONE)
			continue;
		cas_entry_drop_locked(c, i);
		r = 0;
	}
	cas_stripe_unlock(c, d->hash);
	return r;
}
