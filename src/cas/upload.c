/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cas/upload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cas/inside.h"
#include "cas/zstream.h"

/*
 * The list of uploads is the store's, under its lock: it is what quotas are counted over, and where
 * a detached upload is found again. All else in an upload belongs to whoever has it attached.
 */

enum { UNPACK_CHUNK = 1 << 15 }; /* on the stack */

struct cas_upload {
	struct list in_store;
	struct cas *c;
	struct cas_temp temp;
	struct cas_hasher hasher;
	struct zstream_reader *zstd; /* NULL: not compressed */
	struct cas_digest digest;
	uint64_t owner;
	_Atomic uint64_t committed; /* asked for by others, too */
	uint64_t detached_ms;
	bool attached;
	bool failed;
	char key[];
};

static struct cas_upload *upload_of(struct list *l)
{
	return LIST_ENTRY(l, struct cas_upload, in_store);
}

/* With the lock. */
static struct cas_upload *find(struct cas *c, uint64_t owner, const char *key)
{
	LIST_FOR(l, &c->uploads)
	{
		struct cas_upload *u = upload_of(l);

		if (u->owner == owner && str_eq(u->key, key))
			return u;
	}
	return NULL;
}

/* With the lock. */
static bool is_over_quota(struct cas *c, const struct cas_upload_request *q)
{
	uint64_t n = 0, bytes = 0;

	if (c->n_uploads >= CAS_UPLOADS_MAX)
		return true;
	LIST_FOR(l, &c->uploads)
	{
		if (upload_of(l)->owner != q->owner)
			continue;
		n++;
		bytes += upload_of(l)->digest.size;
	}
	return n >= c->options.owner_uploads || bytes > c->options.owner_bytes ||
	       q->digest.size > c->options.owner_bytes - bytes;
}

static void unlist(struct cas_upload *u)
{
	cas_lock(u->c);
	list_unlink(&u->in_store);
	u->c->n_uploads--;
	cas_unlock(u->c);
}

/* Already in no list, or never in one. */
static void upload_free(struct cas_upload *u)
{
	cas_temp_abort(&u->temp);
	cas_hasher_fini(&u->hasher);
	zstream_reader_free(u->zstd);
	free(u);
}

/* It is in the list from the start, so that quotas hold for many at once. */
static int enlist(struct cas *c, const struct cas_upload_request *q, struct cas_upload *u)
{
	bool over;

	cas_lock(c);
	over = is_over_quota(c, q) || find(c, q->owner, q->key);
	if (!over) {
		list_append(&c->uploads, &u->in_store);
		c->n_uploads++;
	}
	cas_unlock(c);
	return over ? CAS_QUOTA : 0;
}

static int begin_new(struct cas *c, const struct cas_upload_request *q, struct cas_upload **ret)
{
	size_t key_size = strlen(q->key) + 1;
	struct cas_upload *u = calloc(1, sizeof(*u) + key_size);
	int r;

	if (!u)
		return -ENOMEM;
	list_init(&u->in_store);
	u->c = c;
	u->digest = q->digest;
	u->owner = q->owner;
	u->attached = true;
	memcpy(u->key, q->key, key_size);
	r = enlist(c, q, u);
	if (r != 0) {
		free(u);
		return r;
	}
	r = cas_hasher_init(&u->hasher);
	if (r == 0 && q->zstd)
		r = zstream_reader_new(q->digest.size, &u->zstd);
	if (r == 0)
		r = cas_temp_open(c, q->digest.size, &u->temp);
	if (r != 0) {
		unlist(u);
		upload_free(u);
		return r;
	}
	*ret = u;
	return 0;
}

/* CAS_MISSING: there is none to resume. */
static int resume(struct cas *c, const struct cas_upload_request *q, struct cas_upload **ret)
{
	struct cas_upload *u;
	int r = 0;

	cas_lock(c);
	u = find(c, q->owner, q->key);
	if (!u)
		r = CAS_MISSING;
	else if (!cas_digest_equal(&u->digest, &q->digest) || (u->zstd != NULL) != q->zstd)
		r = -EINVAL;
	else if (u->attached)
		r = CAS_IN_USE;
	else
		u->attached = true;
	cas_unlock(c);
	if (r == 0)
		*ret = u;
	return r;
}

int cas_upload_begin(struct cas *c, const struct cas_upload_request *q, struct cas_upload **ret)
{
	int r;

	if (strlen(q->key) > CAS_UPLOAD_KEY_MAX)
		return -EINVAL;
	if (q->digest.size > c->options.max_blob)
		return CAS_TOO_LARGE;
	r = resume(c, q, ret);
	if (r != CAS_MISSING)
		return r;
	r = cas_has(c, &q->digest);
	if (r != CAS_MISSING)
		return r < 0 ? r : CAS_PRESENT;
	return begin_new(c, q, ret);
}

uint64_t cas_upload_committed(const struct cas_upload *u)
{
	return u->committed;
}

static int take(struct cas_upload *u, const void *data, size_t n)
{
	int r = cas_hasher_update(&u->hasher, data, n);

	if (r == 0)
		r = cas_temp_write(&u->temp, data, n);
	return r == -EFBIG ? CAS_TOO_LARGE : r;
}

static int take_compressed(struct cas_upload *u, const char *data, size_t n)
{
	char out[UNPACK_CHUNK];
	size_t used, got = sizeof(out);
	int r = 0;

	while (r == 0 && (n > 0 || got == sizeof(out))) {
		r = zstream_reader_feed(u->zstd, data, n, out, sizeof(out), &used, &got);
		if (r < 0)
			return CAS_BAD_STREAM;
		if (n > 0 && used == 0 && got == 0)
			return CAS_BAD_STREAM;
		data += used;
		n -= used;
		if (got > 0)
			r = take(u, out, got);
	}
	return r;
}

int cas_upload_write(struct cas_upload *u, uint64_t offset, const void *data, size_t n)
{
	int r;

	if (u->failed)
		return -EINVAL;
	if (offset != u->committed)
		return CAS_OFFSET;
	if (n == 0)
		return 0;
	if (!u->zstd && n > u->digest.size - u->committed)
		r = CAS_TOO_LARGE;
	else
		r = u->zstd ? take_compressed(u, data, n) : take(u, data, n);
	if (r == 0)
		u->committed += n;
	else
		u->failed = true;
	return r;
}

static int check(struct cas_upload *u)
{
	struct cas_digest actual;
	int r;

	if (u->failed)
		return -EINVAL;
	if (u->zstd && !zstream_reader_done(u->zstd))
		return CAS_BAD_STREAM;
	r = cas_hasher_final(&u->hasher, &actual);
	if (r == 0 && !cas_digest_equal(&actual, &u->digest))
		r = CAS_BAD_DIGEST;
	return r;
}

int cas_upload_finish(struct cas_upload *u)
{
	int r = check(u);

	unlist(u);
	if (r == 0)
		r = cas_temp_commit(&u->temp, &u->digest, false);
	upload_free(u);
	return r;
}

void cas_upload_abort(struct cas_upload *u)
{
	if (!u)
		return;
	unlist(u);
	upload_free(u);
}

void cas_upload_detach(struct cas_upload *u, uint64_t now_ms)
{
	struct cas *c = u->c;

	if (u->failed) {
		cas_upload_abort(u);
		return;
	}
	cas_lock(c);
	u->attached = false;
	u->detached_ms = now_ms;
	cas_unlock(c);
}

int cas_upload_query(struct cas *c, uint64_t owner, const char *key, uint64_t *ret_committed)
{
	struct cas_upload *u;

	cas_lock(c);
	u = find(c, owner, key);
	if (u)
		*ret_committed = u->committed;
	cas_unlock(c);
	return u ? 0 : CAS_MISSING;
}

size_t cas_upload_expire(struct cas *c, uint64_t now_ms, uint64_t max_idle_ms)
{
	struct list expired;
	size_t n = 0;

	list_init(&expired);
	cas_lock(c);
	LIST_FOR_SAFE(l, &c->uploads)
	{
		const struct cas_upload *u = upload_of(l);

		if (u->attached || now_ms < u->detached_ms || now_ms - u->detached_ms < max_idle_ms)
			continue;
		list_unlink(l);
		list_append(&expired, l);
		c->n_uploads--;
		n++;
	}
	cas_unlock(c);
	LIST_FOR_SAFE(l, &expired)
	upload_free(upload_of(l));
	return n;
}
