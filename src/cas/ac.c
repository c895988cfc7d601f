/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cas/ac.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "cas/ac_db.h"
#include "cas/inside.h"

/*
 * The action cache. Rows are kept by ac_db.c; here is what a hit is: a row that is whole, and all
 * of whose blobs are in the store, now. A row that lost a blob is dropped: the blob comes back only
 * with the action, and then so does the row.
 *
 * Uses are gathered in memory and written together, USES_MAX at most; a kill loses those.
 */

enum { USES_MAX = 256, EVICT_ROWS = 64 };

struct ac {
	struct cas *c;
	char *path;
	struct ac_db *db; /* NULL: it failed, and will not come back in this process */
	uint64_t max_bytes;
	uint64_t use; /* the latest */
	struct ac_db_use uses[USES_MAX];
	size_t n_uses;
	struct ac_stats stats;
	pthread_mutex_t lock;
};

/* Broken while it was in use: away with it, and a new one. */
static void start_anew(struct ac *a)
{
	ac_db_close(a->db);
	a->db = NULL;
	a->n_uses = 0;
	a->stats.entries = a->stats.bytes = 0;
	ac_db_set_aside(a->path);
	if (ac_db_open(a->path, &a->db) != 0)
		log_event(LOG_LEVEL_ERROR, "action-cache-off", "path=%s", a->path);
}

static int open_once(struct ac *a)
{
	int r = ac_db_open(a->path, &a->db);

	if (r == 0)
		r = ac_db_totals(a->db, &a->stats.entries, &a->stats.bytes, &a->use);
	return r;
}

static int open_db(struct ac *a)
{
	int r = open_once(a);

	if (r != -EBADMSG)
		return r;
	ac_db_close(a->db);
	a->db = NULL;
	ac_db_set_aside(a->path);
	return open_once(a);
}

int ac_open(struct cas *c, uint64_t max_bytes, struct ac **ret)
{
	struct ac *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->c = c;
	a->max_bytes = max_bytes;
	pthread_mutex_init(&a->lock, NULL);
	a->path = path_join(c->root, "actions.sqlite");
	r = a->path ? open_db(a) : -ENOMEM;
	if (r != 0) {
		ac_close(a);
		return r;
	}
	*ret = a;
	return 0;
}

static int flush_uses(struct ac *a)
{
	int r = 0;

	if (a->db && a->n_uses > 0)
		r = ac_db_use(a->db, a->uses, a->n_uses);
	a->n_uses = 0;
	return r;
}

void ac_close(struct ac *a)
{
	if (!a)
		return;
	if (flush_uses(a) < 0)
		log_event(LOG_LEVEL_WARNING, "action-cache-uses-lost", "path=%s", a->path);
	ac_db_close(a->db);
	pthread_mutex_destroy(&a->lock);
	free(a->path);
	free(a);
}

/* What the database answered: -EBADMSG is the end of it, all else passes. */
static int after(struct ac *a, int r)
{
	if (r == -EBADMSG) {
		start_anew(a);
		return CAS_MISSING;
	}
	return r;
}

static int lookup(struct ac *a, const struct cas_digest *action, struct ac_db_row *ret)
{
	int r;

	pthread_mutex_lock(&a->lock);
	r = a->db ? after(a, ac_db_get(a->db, action, ret)) : CAS_MISSING;
	if (r == 0) {
		a->uses[a->n_uses++] = (struct ac_db_use){.id = ret->id, .use = ++a->use};
		if (a->n_uses == USES_MAX) {
			int q = after(a, flush_uses(a));

			if (q < 0)
				log_event(LOG_LEVEL_WARNING, "action-cache-uses-lost", "path=%s",
					a->path);
		}
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

static int all_there(struct cas *c, const struct ac_db_row *row)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < row->refs.len / AC_DB_REF_SIZE; i++) {
		struct cas_digest d = ac_db_ref(row->refs.data + i * AC_DB_REF_SIZE);

		r = cas_has(c, &d);
	}
	return r;
}

static void count(struct ac *a, int r, bool incomplete)
{
	pthread_mutex_lock(&a->lock);
	a->stats.hits += r == 0;
	a->stats.misses += r == CAS_MISSING;
	a->stats.incomplete += incomplete;
	pthread_mutex_unlock(&a->lock);
}

/* The row of this id, if it is still that one. */
static int drop(struct ac *a, const struct cas_digest *action, int64_t id)
{
	uint64_t cost = 0;
	int r;

	pthread_mutex_lock(&a->lock);
	r = a->db ? after(a, ac_db_drop(a->db, action, id, &cost)) : CAS_MISSING;
	if (r == 0) {
		a->stats.entries--;
		a->stats.bytes -= cost;
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

int ac_get(struct ac *a, const struct cas_digest *action, struct buf *ret)
{
	struct ac_db_row row = AC_DB_ROW_INIT;
	bool incomplete = false;
	int r = lookup(a, action, &row);

	/* Not under the lock: it may hash. */
	if (r == 0) {
		r = all_there(a->c, &row);
		incomplete = r == CAS_MISSING;
	}
	if (r == 0)
		r = buf_append(ret, row.result.data, row.result.len);
	if (incomplete) {
		int q = drop(a, action, row.id);

		if (q < 0)
			r = q;
	}
	count(a, r, incomplete);
	ac_db_row_fini(&row);
	return r;
}

/* With the lock. Least recently used first, until this much more fits. */
static int make_room(struct ac *a, uint64_t bytes)
{
	int r = 0;

	if (a->stats.bytes + bytes > a->max_bytes)
		r = flush_uses(a);
	while (r == 0 && a->stats.bytes + bytes > a->max_bytes && a->stats.entries > 0) {
		uint64_t cost, n;

		r = ac_db_evict(
			a->db, EVICT_ROWS, a->stats.bytes + bytes - a->max_bytes, &n, &cost);
		if (r == 0 && n == 0)
			return -EBADMSG; /* it counts more than it has */
		if (r == 0) {
			a->stats.entries -= n;
			a->stats.bytes -= cost;
			a->stats.evictions += n;
		}
	}
	if (a->stats.entries == 0)
		a->stats.bytes = 0;
	return r;
}

static int put_locked(struct ac *a, const struct cas_digest *action, const void *result, size_t n,
	const struct buf *refs)
{
	uint64_t cost = ac_db_cost(n, refs->len), old = 0;
	int r;

	r = ac_db_drop(a->db, action, 0, &old);
	if (r < 0)
		return r;
	if (r == 0) {
		a->stats.entries--;
		a->stats.bytes -= old;
	}
	r = make_room(a, cost);
	if (r == 0)
		r = ac_db_put(a->db, action, ++a->use, result, n, refs);
	if (r == 0) {
		a->stats.entries++;
		a->stats.bytes += cost;
	}
	return r;
}

int ac_put(struct ac *a, const struct cas_digest *action, const void *result, size_t n,
	const struct cas_digest *refs, size_t n_refs)
{
	AUTO(buf_fini) struct buf packed = BUF_INIT;
	int r = 0;

	if (n > AC_RESULT_MAX || n_refs > AC_REFS_MAX ||
		ac_db_cost(n, n_refs * AC_DB_REF_SIZE) > a->max_bytes)
		return CAS_TOO_LARGE;
	for (size_t i = 0; r == 0 && i < n_refs; i++)
		r = ac_db_append_ref(&packed, &refs[i]);
	if (r < 0)
		return r;
	pthread_mutex_lock(&a->lock);
	r = a->db ? put_locked(a, action, result, n, &packed) : 0;
	if (r == -EBADMSG)
		start_anew(a);
	/* A full disk: blobs make way. */
	if (r == -EBADMSG || (r == -ENOSPC && cas_room_evict(a->c, n)))
		r = a->db ? put_locked(a, action, result, n, &packed) : 0;
	pthread_mutex_unlock(&a->lock);
	return r == -ENOSPC ? CAS_NO_SPACE : r;
}

int ac_drop(struct ac *a, const struct cas_digest *action)
{
	return drop(a, action, 0);
}

int ac_maintain(struct ac *a)
{
	int r;

	pthread_mutex_lock(&a->lock);
	r = after(a, flush_uses(a));
	pthread_mutex_unlock(&a->lock);
	return r < 0 ? r : 0;
}

void ac_stats(struct ac *a, struct ac_stats *ret)
{
	pthread_mutex_lock(&a->lock);
	*ret = a->stats;
	ret->max_bytes = a->max_bytes;
	pthread_mutex_unlock(&a->lock);
}
