/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Which directories were looked in? Look-ups of the same search whose names have the same before their last
 * '/' were so in the same ones: they share a head, which keeps these as long as nothing changes. A name
 * without a '/' is looked for right in the directories that are searched.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/unit.h"

enum {
	NO_HEAD = UINT32_MAX, /* of a name without a '/' */
	HEADS_MAX = 1 << 18,  /* past it all are forgotten */
};

struct head {
	/* The search, as of a look-up. */
	const struct scan_path *dir;
	uint64_t serial;
	uint32_t start;
	int32_t found;
	uint32_t name; /* of which it is the first len bytes */
	uint32_t len;

	uint32_t number; /* in lookup.head */
	uint64_t told;   /* the number of the call that was told of it last */
	bool watched;    /* all that the places go by */
	uint64_t generation;
	struct scan_path **places; /* directories that are there */
	size_t n_places, places_cap;
};

void looked_in_forget(struct scanner *s)
{
	for (uint32_t i = 0; i < s->n_heads; i++) {
		free(s->heads[i]->places);
		free(s->heads[i]);
	}
	free(s->heads);
	s->heads = NULL;
	s->n_heads = s->heads_cap = 0;
	hashset_fini(&s->heads_by_key);
}

/* What the name has before its last '/'. */
static size_t head_len(const struct scanner *s, const struct lookup *l)
{
	const char *name = intern_text(&s->names, l->name);
	const char *slash = memrchr(name, '/', intern_len(&s->names, l->name));

	return slash ? (size_t)(slash - name) : 0;
}

static void forget_all(struct scanner *s)
{
	for (uint32_t i = 0; i < s->n_lookups; i++)
		if (s->lookups[i])
			s->lookups[i]->head = 0;
	looked_in_forget(s);
}

struct wanted {
	const struct scanner *scanner;
	const struct lookup *lookup;
	size_t len;
};

static bool is_head_of(const void *item, const void *key)
{
	const struct wanted *w = key;
	const struct lookup *l = w->lookup;
	const struct head *h = item;
	const struct intern *names = &w->scanner->names;

	return h->dir == l->dir && h->serial == l->serial && h->start == l->start &&
	       h->found == l->found && h->len == w->len &&
	       memcmp(intern_text(names, h->name), intern_text(names, l->name), w->len) == 0;
}

static uint32_t hash_head(const struct wanted *w)
{
	const struct lookup *l = w->lookup;
	const struct {
		uint64_t dir, serial;
		uint32_t start, found;
		uint32_t text, len;
	} key = {(uintptr_t)l->dir, l->serial, l->start, (uint32_t)l->found,
		hashset_hash(intern_text(&w->scanner->names, l->name), w->len), (uint32_t)w->len};

	return hashset_hash(&key, sizeof(key));
}

static int head_new(struct scanner *s, const struct wanted *w, uint32_t hash, struct head **ret)
{
	const struct lookup *l = w->lookup;
	struct head *h;

	if (s->n_heads == s->heads_cap) {
		uint32_t cap = MAX(s->heads_cap * 2, 64u);
		struct head **v = reallocarray(s->heads, cap, sizeof(struct head *));

		if (!v)
			return -ENOMEM;
		s->heads = v;
		s->heads_cap = cap;
	}
	if (hashset_reserve(&s->heads_by_key) < 0)
		return -ENOMEM;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	*h = (struct head){.dir = l->dir,
		.serial = l->serial,
		.start = l->start,
		.found = l->found,
		.name = l->name,
		.len = (uint32_t)w->len,
		.number = s->n_heads + 1};
	s->heads[s->n_heads++] = h;
	hashset_add(&s->heads_by_key, hash, h);
	*ret = h;
	return 0;
}

/* *ret: NULL: it has none. */
static int head_of(struct scanner *s, struct lookup *l, struct head **ret)
{
	struct wanted w = {s, l, 0};
	uint32_t hash;
	int e = 0;

	*ret = NULL;
	if (l->head == NO_HEAD)
		return 0;
	if (l->head > 0) {
		*ret = s->heads[l->head - 1];
		return 0;
	}
	w.len = head_len(s, l);
	if (w.len == 0) {
		l->head = NO_HEAD;
		return 0;
	}
	hash = hash_head(&w);
	*ret = hashset_find(&s->heads_by_key, hash, is_head_of, &w);
	if (!*ret)
		e = head_new(s, &w, hash, ret);
	if (e == 0)
		l->head = (*ret)->number;
	return e;
}

static int add_place(struct head *h, struct scan_path *p)
{
	for (size_t i = 0; i < h->n_places; i++)
		if (h->places[i] == p)
			return 0;
	if (h->n_places == h->places_cap) {
		size_t cap = MAX(h->places_cap * 2, (size_t)4);
		struct scan_path **v = reallocarray(h->places, cap, sizeof(struct scan_path *));

		if (!v)
			return -ENOMEM;
		h->places = v;
		h->places_cap = cap;
	}
	h->places[h->n_places++] = p;
	return 0;
}

/* The directory that p is in, or the nearest above it that is there. */
static int nearest(
	struct scanner *s, const struct scan_path *p, struct scan_path **ret, bool *watched)
{
	struct scan_path *dir;
	size_t n = p->len;

	*ret = NULL;
	for (const char *slash; (slash = memrchr(p->path, '/', n)) && slash > p->path;) {
		int e;

		n = (size_t)(slash - p->path);
		e = scan_fs_path(&s->fs, "/", 1, p->path, n, &dir);
		if (e == 0)
			e = scan_fs_prove(&s->fs, dir);
		if (e < 0)
			return e;
		*watched = *watched && dir->watched;
		if (dir->kind == SCAN_DIRECTORY) {
			*ret = dir;
			return 0;
		}
	}
	return 0;
}

static int add_nearest(struct scanner *s, struct scan_path *p, bool last, void *arg)
{
	struct head *h = arg;
	struct scan_path *dir;
	int e = last ? 0 : nearest(s, p, &dir, &h->watched);

	return e < 0 || last || !dir ? e : add_place(h, dir);
}

static int find_places(struct scanner *s, struct head *h, const struct lookup *l)
{
	uint64_t generation = s->fs.generation; /* it may become another on the way */
	int e;

	h->n_places = 0;
	h->watched = true;
	h->generation = 0;
	e = lookup_each_candidate(s, l, add_nearest, h);
	if (e == 0)
		h->generation = generation;
	return e;
}

static int each_place(
	struct scanner *s, const struct lookup *l, struct head *h, scan_directory *found, void *arg)
{
	int e = 0;

	h->told = s->looked_in_calls;
	if (h->generation != s->fs.generation || !h->watched)
		e = find_places(s, h, l);
	for (size_t i = 0; i < h->n_places && e == 0; i++)
		e = found(arg, h->places[i]);
	return e;
}

static int each_near(struct scanner *s, struct scan_path *p, scan_directory *found, void *arg)
{
	struct scan_path *dir;
	bool watched = false;
	int e = scan_fs_prove(&s->fs, p);

	if (e < 0 || p->kind != SCAN_NONE)
		return e;
	e = nearest(s, p, &dir, &watched);
	return e < 0 || !dir ? e : found(arg, dir);
}

/* A precompiled header would lie beside a header that was looked for. */
int looked_in_each(struct scanner *s, scan_directory *found, void *arg)
{
	struct head *h;
	int e = 0;

	s->looked_in_calls++;
	if (s->n_heads > HEADS_MAX)
		forget_all(s);
	for (size_t i = 0; i < s->n_used && e == 0; i++) {
		e = head_of(s, s->used[i], &h);
		if (e == 0 && h && h->told != s->looked_in_calls)
			e = each_place(s, s->used[i], h, found, arg);
	}
	for (size_t i = 0; i < s->n_absent && e == 0; i++)
		e = each_near(s, s->absent[i], found, arg);
	for (size_t i = 0; s->search && i < s->search->n_relied && e == 0; i++)
		e = each_near(s, s->search->relied[i], found, arg);
	return e;
}
