/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The walk. Each distinct Directory is fetched, unpacked and checked once, in an arena of its own,
 * and is kept as the entries that it gives (names and targets move to the plan's arena); wherever it
 * occurs these are copied. So the time is bounded by the bytes of distinct Directories and by the
 * number of entries, and both have a limit: there is no tree that is cheap to send and dear to walk.
 *
 *	root ─► load ─► entries ─► for each directory among them: load, or copy what was loaded
 *
 * A Directory that is missing is noted and stands in the plan as an empty one, so that one walk
 * finds all that have to be uploaded.
 */

#include "reapi/plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reapi/message.h"

enum {
	PLAN_ARENA_FACTOR = 4, /* names and targets for bytes of Directories, rounding included */
	PLAN_DEPTH_MAX = 1024, /* whatever the caller's limit is: the walk recurses */
};

const struct reapi_plan_limits reapi_plan_limits_default = {
	.depth = 128,
	.entries = (size_t)1 << 20,
	.directory_bytes = (size_t)64 << 20,
	.file_bytes = (uint64_t)64 << 30,
};

/* A distinct Directory. */
struct source {
	struct reapi_digest digest;
	struct reapi_plan_entry *children; /* parent and end are not set */
	size_t n;
	struct reapi_props props;
};

struct walk {
	struct reapi_plan plan;
	size_t cap;
	struct reapi_plan_limits limits;
	reapi_plan_get *get;
	void *data;
	struct reapi_violation *v;
	struct reapi_arena scratch;
	size_t directory_bytes;
	struct source **table; /* open addressing, at most half full */
	size_t n_slots, n_sources;
};

void reapi_plan_fini(struct reapi_plan *p)
{
	reapi_arena_fini(&p->arena);
	free(p->entries);
	free(p->missing);
	*p = (struct reapi_plan){.n = 0};
}

static int out_of_memory(const struct reapi_arena *a, struct reapi_violation *v)
{
	if (!a->exhausted)
		return -ENOMEM;
	return reapi_violate(v, REAPI_TOO_BIG, "the names in the tree are too long");
}

/* The source of this digest, or where it belongs. */
static struct source **slot(const struct walk *w, const struct reapi_digest *digest)
{
	size_t i = reapi_digest_key(digest) & (w->n_slots - 1);

	while (w->table[i] && !reapi_digest_eq(&w->table[i]->digest, digest))
		i = (i + 1) & (w->n_slots - 1);
	return &w->table[i];
}

static int table_reserve(struct walk *w)
{
	size_t n_old = w->n_slots;
	struct source **old = w->table, **table;

	if ((w->n_sources + 1) * 2 <= w->n_slots)
		return 0;
	w->n_slots = MAX(n_old * 2, (size_t)64);
	table = calloc(w->n_slots, sizeof(*table));
	if (!table) {
		w->n_slots = n_old;
		return -ENOMEM;
	}
	w->table = table;
	for (size_t i = 0; i < n_old; i++)
		if (old[i])
			*slot(w, &old[i]->digest) = old[i];
	free(old);
	return 0;
}

static int note_missing(struct walk *w, const struct reapi_digest *digest)
{
	struct reapi_plan *p = &w->plan;

	if (!p->missing) {
		p->missing = calloc(REAPI_PLAN_MISSING_MAX, sizeof(*p->missing));
		if (!p->missing)
			return -ENOMEM;
	}
	if (p->n_missing < REAPI_PLAN_MISSING_MAX)
		p->missing[p->n_missing++] = *digest;
	return 0;
}

static char *keep(struct walk *w, const char *s)
{
	return reapi_arena_strndup(&w->plan.arena, s, strlen(s));
}

static void take_file(const re_file_node *f, struct reapi_plan_entry *e)
{
	e->kind = REAPI_PLAN_FILE;
	e->executable = f->is_executable;
	/* Checked before, as the others below. */
	if (reapi_digest_from_proto(f->digest, &e->digest, NULL) != 0 ||
		reapi_props_from_proto(f->node_properties, &e->props, NULL) != 0)
		abort();
}

static void take_directory(const re_directory_node *d, struct reapi_plan_entry *e)
{
	e->kind = REAPI_PLAN_DIRECTORY;
	if (reapi_digest_from_proto(d->digest, &e->digest, NULL) != 0)
		abort();
}

static void take_symlink(const re_symlink_node *s, struct reapi_plan_entry *e)
{
	e->kind = REAPI_PLAN_SYMLINK;
	if (reapi_props_from_proto(s->node_properties, &e->props, NULL) != 0)
		abort();
}

/* A checked Directory's children; n of them. */
static int take_children(struct walk *w, const re_directory *d, struct source *s)
{
	struct reapi_plan_entry *e = s->children;

	for (size_t i = 0; i < d->n_files; i++, e++) {
		take_file(d->files[i], e);
		e->name = keep(w, d->files[i]->name);
		if (!e->name)
			return out_of_memory(&w->plan.arena, w->v);
	}
	for (size_t i = 0; i < d->n_directories; i++, e++) {
		take_directory(d->directories[i], e);
		e->name = keep(w, d->directories[i]->name);
		if (!e->name)
			return out_of_memory(&w->plan.arena, w->v);
	}
	for (size_t i = 0; i < d->n_symlinks; i++, e++) {
		take_symlink(d->symlinks[i], e);
		e->name = keep(w, d->symlinks[i]->name);
		e->target = keep(w, d->symlinks[i]->target);
		if (!e->name || !e->target)
			return out_of_memory(&w->plan.arena, w->v);
	}
	return 0;
}

static int too_many(const struct walk *w)
{
	return reapi_violate(
		w->v, REAPI_TOO_BIG, "the tree has more than %zu entries", w->limits.entries);
}

/* Unpacked, checked, and taken over. */
static int parse(struct walk *w, const struct reapi_plan_bytes *bytes, struct source *s)
{
	re_directory *d;
	size_t n;
	int r;

	reapi_arena_reset(&w->scratch);
	w->scratch.max = reapi_memory_for(bytes->size);
	r = reapi_unpack(&w->scratch, RE_TYPE(directory), bytes->data, bytes->size, &d, w->v);
	if (r == 0)
		r = reapi_directory_check(d, w->v);
	if (r == 0)
		r = reapi_props_from_proto(d->node_properties, &s->props, w->v);
	if (r != 0)
		return r;
	n = d->n_files + d->n_directories + d->n_symlinks;
	if (n > w->limits.entries)
		return too_many(w);
	if (n == 0)
		return 0;
	s->children = calloc(n, sizeof(*s->children));
	if (!s->children)
		return -ENOMEM;
	s->n = n;
	return take_children(w, d, s);
}

static int fetch(struct walk *w, struct source *s)
{
	struct reapi_plan_bytes bytes = {.data = NULL};
	int r;

	if (reapi_digest_is_empty(&s->digest))
		return 0;
	if (s->digest.size > w->limits.directory_bytes - w->directory_bytes)
		return reapi_violate(w->v, REAPI_TOO_BIG,
			"the directories of the tree are more than %zu bytes",
			w->limits.directory_bytes);
	w->directory_bytes += s->digest.size;
	r = w->get(w->data, &s->digest, &bytes);
	if (r == REAPI_MISSING)
		return note_missing(w, &s->digest);
	if (r != 0)
		return r < 0 ? r : -EINVAL;
	if (bytes.size != s->digest.size)
		return reapi_violate(w->v, REAPI_INVALID, "it has not the size of its digest");
	return parse(w, &bytes, s);
}

/* The sentence of the violation, with the directory that it is about in front. */
static int with_path(struct walk *w, int outcome, const struct reapi_digest *digest, size_t entry)
{
	AUTO(buf_fini) struct buf path = BUF_INIT_MAX(REAPI_VIOLATION_MAX / 2);
	char hex[REAPI_HASH_HEX + 1];
	struct reapi_violation inner;

	if (!w->v || outcome <= 0)
		return outcome;
	inner = *w->v;
	reapi_digest_hex(digest, hex);
	if (reapi_plan_path(&w->plan, entry, &path) < 0)
		buf_clear(&path);
	return reapi_violate(w->v, (enum reapi_outcome)outcome, "directory \"%s\" (%.12s...): %s",
		buf_str(&path), hex, inner.text);
}

/* What the directory at this entry is made of. */
static int load(struct walk *w, size_t entry, const struct source **ret)
{
	struct reapi_digest digest = w->plan.entries[entry].digest;
	struct source **at, *s;
	int r = table_reserve(w);

	if (r < 0)
		return r;
	at = slot(w, &digest);
	if (!*at) {
		s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		s->digest = digest;
		*at = s;
		w->n_sources++;
		r = fetch(w, s);
		if (r != 0)
			return with_path(w, r, &digest, entry);
	}
	*ret = *at;
	return 0;
}

static int append(struct walk *w, const struct reapi_plan_entry *e, size_t parent)
{
	struct reapi_plan *p = &w->plan;

	if (p->n >= w->limits.entries)
		return too_many(w);
	if (p->n >= w->cap) {
		size_t cap = MAX(w->cap * 2, (size_t)64);
		struct reapi_plan_entry *entries = realloc(p->entries, cap * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		p->entries = entries;
		w->cap = cap;
	}
	if (e->kind == REAPI_PLAN_FILE &&
		(__builtin_add_overflow(p->file_bytes, e->digest.size, &p->file_bytes) ||
			p->file_bytes > w->limits.file_bytes))
		return reapi_violate(w->v, REAPI_TOO_BIG,
			"the files of the tree are more than %llu bytes",
			(unsigned long long)w->limits.file_bytes);
	p->entries[p->n] = *e;
	p->entries[p->n].parent = (uint32_t)parent;
	p->entries[p->n].end = (uint32_t)p->n + 1;
	p->n++;
	p->n_directories += e->kind == REAPI_PLAN_DIRECTORY;
	return 0;
}

/* All that is below entry, a directory. Depth is bounded by the limit, and that by ours. */
static int expand(struct walk *w, size_t entry, size_t depth)
{
	const struct source *s = NULL;
	int r;

	if (depth > w->limits.depth)
		return reapi_violate(w->v, REAPI_TOO_BIG,
			"the tree is more than %zu directories deep", w->limits.depth);
	r = load(w, entry, &s);
	if (r != 0 || !s)
		return r;
	w->plan.entries[entry].props = s->props;
	for (size_t i = 0; i < s->n; i++) {
		size_t at = w->plan.n;

		r = append(w, &s->children[i], entry);
		if (r == 0 && s->children[i].kind == REAPI_PLAN_DIRECTORY)
			r = expand(w, at, depth + 1);
		if (r != 0)
			return r;
	}
	w->plan.entries[entry].end = (uint32_t)w->plan.n;
	return 0;
}

static void walk_fini(struct walk *w)
{
	for (size_t i = 0; i < w->n_slots; i++)
		if (w->table[i]) {
			free(w->table[i]->children);
			free(w->table[i]);
		}
	free(w->table);
	reapi_arena_fini(&w->scratch);
	reapi_plan_fini(&w->plan);
}

int reapi_plan_walk(const struct reapi_digest *root, reapi_plan_get *get, void *data,
	const struct reapi_plan_limits *limits, struct reapi_plan *ret, struct reapi_violation *v)
{
	AUTO(walk_fini) struct walk w = {.get = get, .data = data, .v = v};
	struct reapi_plan_entry top = {.kind = REAPI_PLAN_DIRECTORY, .name = "", .digest = *root};
	int r;

	w.limits = limits ? *limits : reapi_plan_limits_default;
	w.limits.depth = MIN(w.limits.depth, (size_t)PLAN_DEPTH_MAX);
	w.limits.entries = MIN(w.limits.entries, (size_t)UINT32_MAX);
	reapi_arena_init(&w.scratch, 0);
	/* Rounding makes most of it: a name of one byte takes sixteen. */
	reapi_arena_init(&w.plan.arena, w.limits.directory_bytes > SIZE_MAX / PLAN_ARENA_FACTOR
						? SIZE_MAX
						: w.limits.directory_bytes * PLAN_ARENA_FACTOR);
	*ret = (struct reapi_plan){.n = 0};
	r = append(&w, &top, 0);
	if (r == 0)
		r = expand(&w, 0, 1);
	if (r != 0)
		return r;
	w.plan.n_distinct = w.n_sources;
	*ret = w.plan;
	w.plan = (struct reapi_plan){.n = 0};
	if (ret->n_missing > 0)
		return reapi_violate(v, REAPI_MISSING, "%zu directories of the tree are missing",
			ret->n_missing);
	return 0;
}

int reapi_plan_path(const struct reapi_plan *p, size_t i, struct buf *ret)
{
	size_t n = 0, before = ret->len;
	char *at;
	int r;

	for (size_t k = i; k != 0; k = p->entries[k].parent)
		n += strlen(p->entries[k].name) + 1;
	if (n == 0)
		return 0;
	r = buf_reserve(ret, n);
	if (r < 0)
		return r;
	ret->len = before + n - 1;
	at = ret->data + ret->len;
	*at = '\0';
	for (size_t k = i; k != 0; k = p->entries[k].parent) {
		size_t len = strlen(p->entries[k].name);

		at -= len;
		memcpy(at, p->entries[k].name, len);
		if (p->entries[k].parent != 0)
			*--at = '/';
	}
	return 0;
}
