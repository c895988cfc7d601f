/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cas/held.h"

int cas_lease_new(struct cas *c, struct cas_lease **ret)
{
	struct cas_lease *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->c = c;
	*ret = l;
	return 0;
}

int cas_lease_reserve(struct cas_lease *l)
{
	size_t cap = l->cap ? 2 * l->cap : 64;
	struct held *v;

	if (l->n < l->cap)
		return 0;
	if (l->n >= CAS_LEASE_MAX)
		return -E2BIG;
	v = realloc(l->v, cap * sizeof(*v));
	if (!v)
		return -ENOMEM;
	l->v = v;
	l->cap = cap;
	return 0;
}

void cas_lease_hold(struct cas_lease *l, const struct cas_ref *ref, bool linked)
{
	l->v[l->n++] = (struct held){.ref = *ref, .linked = linked};
}

/* Seen and trusted already, so that there is no need to open it. */
static bool is_known(struct cas *c, const struct cas_ref *ref)
{
	const struct table_entry *e = table_at(&c->table, ref->i);
	bool known;

	cas_lock(c);
	known = (e->flags & TABLE_LIVE) && (e->flags & TABLE_CHECKED) &&
		cas_is_trusted(c, &e->slot) && e->slot.digest.size == ref->digest.size;
	cas_unlock(c);
	return known;
}

static int add_once(struct cas_lease *l, const struct cas_digest *d)
{
	AUTO(util_close) int fd = -1;
	struct cas_ref ref;
	int r = cas_ref_get(l->c, d, false, &ref);

	if (r == 0 && !is_known(l->c, &ref)) {
		r = cas_ref_open(l->c, &ref, &fd);
		if (r != 0)
			cas_ref_put(l->c, &ref);
	}
	if (r == 0)
		cas_lease_hold(l, &ref, false);
	return r;
}

int cas_lease_add(struct cas_lease *l, const struct cas_digest *d)
{
	int r = cas_lease_reserve(l);

	if (r < 0)
		return r;
	r = CAS_MISSING;
	for (int i = 0; r == CAS_MISSING && i < CAS_REF_TRIES; i++)
		r = add_once(l, d);
	if (r >= 0)
		cas_count(l->c, r == 0);
	return r;
}

static int verify_one(struct cas *c, struct cas_ref *ref)
{
	AUTO(util_close) int fd = -1;
	char path[CAS_PATH_SIZE];
	struct stat st;
	int r = 0;

	cas_path(ref->digest.hash, ref->exec, path);
	cas_stripe_lock(c, ref->digest.hash);
	if (fstatat(c->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		!cas_entry_is_sure(c, ref->i, &st))
		r = cas_ref_open_locked(c, ref, &fd);
	cas_stripe_unlock(c, ref->digest.hash);
	return r;
}

int cas_lease_verify(struct cas_lease *l, size_t *ret_altered)
{
	size_t altered = 0;

	for (size_t k = 0; k < l->n; k++) {
		int r = l->v[k].linked ? verify_one(l->c, &l->v[k].ref) : 0;

		if (r < 0)
			return r;
		altered += r == CAS_MISSING;
	}
	*ret_altered = altered;
	return altered > 0 ? CAS_ALTERED : 0;
}

void cas_lease_removing(struct cas_lease *l)
{
	if (l->removing)
		return;
	l->removing = true;
	cas_lock(l->c);
	for (size_t k = 0; k < l->n; k++)
		if (l->v[k].linked)
			table_at(&l->c->table, l->v[k].ref.i)->removing++;
	cas_unlock(l->c);
}

/* The links are gone: from now on the ctime is what it is. */
static void removed(struct cas *c, const struct cas_ref *ref)
{
	cas_stripe_lock(c, ref->digest.hash);
	cas_entry_take_ctime(c, ref);
	cas_lock(c);
	table_at(&c->table, ref->i)->removing--;
	cas_unlock(c);
	cas_stripe_unlock(c, ref->digest.hash);
}

void cas_lease_free(struct cas_lease *l)
{
	if (!l)
		return;
	for (size_t k = 0; k < l->n; k++) {
		if (l->removing && l->v[k].linked)
			removed(l->c, &l->v[k].ref);
		cas_ref_put(l->c, &l->v[k].ref);
	}
	free(l->v);
	free(l);
}
