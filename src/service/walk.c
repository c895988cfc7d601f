/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/walk.h"

#include <errno.h>
#include <stdlib.h>

#include "reapi/message.h"
#include "service/digest.h"

/*
 * The queue is also the set of what was met: a hash table of numbers in it. A directory that is in
 * a tree a million times is read once, so that small trees which unfold to large ones cost what
 * they are.
 */

enum { FIRST_CAP = 16 };

static size_t slot_of(const struct service_walk *w, const struct cas_digest *d)
{
	struct reapi_digest key = service_to_reapi(d);
	size_t i = (size_t)reapi_digest_key(&key) & (w->table_size - 1);

	while (w->table[i] != 0 && !cas_digest_equal(&w->queue[w->table[i] - 1], d))
		i = (i + 1) & (w->table_size - 1);
	return i;
}

static int grow(struct service_walk *w)
{
	size_t cap = w->cap ? w->cap * 2 : FIRST_CAP;
	struct cas_digest *queue = realloc(w->queue, cap * sizeof(*queue));
	uint32_t *table = calloc(cap * 2, sizeof(*table));

	if (queue)
		w->queue = queue;
	if (!queue || !table) {
		free(table);
		return -ENOMEM;
	}
	free(w->table);
	w->table = table;
	w->table_size = cap * 2;
	w->cap = cap;
	for (size_t i = 0; i < w->n; i++)
		w->table[slot_of(w, &w->queue[i])] = (uint32_t)i + 1;
	return 0;
}

static int meet(struct service_walk *w, const struct cas_digest *d, struct reapi_violation *v)
{
	size_t slot;
	int r = w->n == w->cap ? grow(w) : 0;

	if (r < 0)
		return r;
	slot = slot_of(w, d);
	if (w->table[slot] != 0)
		return 0;
	if (w->n == SERVICE_WALK_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "the tree has more than %d directories",
			SERVICE_WALK_MAX);
	w->queue[w->n++] = *d;
	w->table[slot] = (uint32_t)w->n;
	return 0;
}

int service_walk_init(struct service_walk *w, const struct cas_digest *root)
{
	int r;

	*w = (struct service_walk){.n = 0};
	r = meet(w, root, NULL);
	if (r < 0)
		service_walk_fini(w);
	return r;
}

void service_walk_fini(struct service_walk *w)
{
	free(w->queue);
	free(w->table);
	*w = (struct service_walk){.n = 0};
}

bool service_walk_over(const struct service_walk *w)
{
	return w->at == w->n;
}

static int read_directory(struct cas *c, const struct cas_digest *d, struct reapi_arena *a,
	re_directory **ret, struct reapi_violation *v)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(SERVICE_DIRECTORY_MAX + 1);
	int r;

	if (d->size > SERVICE_DIRECTORY_MAX)
		return reapi_violate(v, REAPI_TOO_BIG, "a directory of more than %d bytes",
			SERVICE_DIRECTORY_MAX);
	r = cas_blob_read(c, d, 0, d->size, &bytes);
	if (r == CAS_MISSING)
		return reapi_violate(v, REAPI_MISSING, "a directory is missing");
	if (r == 0)
		r = reapi_unpack(a, RE_TYPE(directory), buf_str(&bytes), bytes.len, ret, v);
	return r;
}

int service_walk_next(struct service_walk *w, struct cas *c, struct reapi_arena *a,
	re_directory **ret, size_t *ret_size, struct reapi_violation *v)
{
	struct cas_digest d = w->queue[w->at++];
	re_directory *m;
	int r = read_directory(c, &d, a, &m, v);

	for (size_t i = 0; r == 0 && i < m->n_directories; i++) {
		struct cas_digest child;

		r = service_digest_from_proto(m->directories[i]->digest, &child, v);
		if (r == 0)
			r = meet(w, &child, v);
	}
	if (r == 0) {
		*ret = m;
		*ret_size = (size_t)d.size;
	}
	return r;
}
