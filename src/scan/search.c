/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/search.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scan/facts_map.h"
#include "scan/search_merge.h"

/*
 * Lists by what they are made from: the facts, the working directory, and the directories that the
 * command names. An entry of the cache remembers of each directory that was looked at what it led
 * to; the list holds as long as that is so. As long as fs says that nothing has changed at all, and
 * watches every one of them, it is not even looked at.
 *
 * A directory's name is as the compiler spells it in front of what it finds there: gcc as it was
 * written, clang without one '/' at the end, and some versions by another name of the same
 * directory (search_merge.h).
 */

enum { LISTS_MAX = 4096 }; /* remembered; then all are forgotten */

struct relied {
	enum scan_kind kind;
	uint64_t dev, ino;
};

struct entry {
	struct scan_search search;
	struct relied *was; /* of search.relied */
	size_t relied_cap;
	struct strv names; /* which search.dirs point into */
	bool watched;      /* every one of relied */
};

struct scan_search_cache {
	struct scan_fs *fs;
	struct facts_map entries; /* struct entry */
	/* Equal lists have one number, whatever command and directory they come from: so their
	 * look-ups are shared. */
	struct facts_map numbers; /* serials, by the directories */
	uint64_t serial;
};

int scan_search_cache_new(struct scan_fs *fs, struct scan_search_cache **ret)
{
	struct scan_search_cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->fs = fs;
	*ret = c;
	return 0;
}

static void entry_free(struct entry *e)
{
	if (!e)
		return;
	free(e->search.dirs);
	free(e->search.relied);
	free(e->was);
	strv_fini(&e->names);
	free(e);
}

void scan_search_cache_clear(struct scan_search_cache *c)
{
	for (size_t i = 0; i < c->entries.size; i++)
		if (c->entries.slots[i].key)
			entry_free(c->entries.slots[i].pointer);
	facts_map_fini(&c->entries);
	facts_map_fini(&c->numbers);
}

void scan_search_cache_free(struct scan_search_cache *c)
{
	if (!c)
		return;
	scan_search_cache_clear(c);
	free(c);
}

static struct relied relied_of(const struct scan_path *p)
{
	struct relied r = {.kind = p->kind};

	if (p->kind == SCAN_DIRECTORY && p->inode) {
		r.dev = p->inode->dev;
		r.ino = p->inode->ino;
	}
	return r;
}

/* What a list is being made of. */
struct making {
	struct scan_fs *fs;
	const struct scan_facts *facts;
	const struct scan_plan *plan;
	struct entry *e;
	struct search_entry *found;
	size_t n, cap;
	char **reason; /* *reason set: unknown */
};

static int rely(struct making *m, struct scan_path *p)
{
	struct scan_search *s = &m->e->search;

	if (s->n_relied == m->e->relied_cap) {
		size_t cap = m->e->relied_cap ? m->e->relied_cap * 2 : 16;
		struct scan_path **paths = reallocarray(s->relied, cap, sizeof(*paths));
		struct relied *was;

		if (!paths)
			return -ENOMEM;
		s->relied = paths;
		was = reallocarray(m->e->was, cap, sizeof(*was));
		if (!was)
			return -ENOMEM;
		m->e->was = was;
		m->e->relied_cap = cap;
	}
	m->e->was[s->n_relied] = relied_of(p);
	s->relied[s->n_relied++] = p;
	m->e->watched = m->e->watched && p->watched;
	return 0;
}

static int unknown(struct making *m, const char *name)
{
	if (*m->reason)
		return 0;
	return asprintf(m->reason, "%s: it cannot be told whether this is a directory", name) < 0
		       ? -ENOMEM
		       : 0;
}

/* name is looked at, and relied on. A name that is too long is no directory to anyone. */
static int look(struct making *m, const char *name, struct scan_path **ret)
{
	struct scan_path *p;
	int r = scan_fs_path(m->fs, m->plan->cwd, strlen(m->plan->cwd), name, strlen(name), &p);

	if (r == -ENAMETOOLONG) {
		*ret = NULL;
		return 0;
	}
	if (r == 0)
		r = scan_fs_prove(m->fs, p);
	if (r == 0)
		r = rely(m, p);
	if (r < 0)
		return r;
	*ret = p;
	return p->kind == SCAN_UNREADABLE ? unknown(m, name) : 0;
}

/* The name as the compiler has it in the paths of what it finds there. */
static int spell(struct making *m, const char *name, const char **ret)
{
	size_t n = strlen(name);
	int r;

	if (m->plan->family == CC_FAMILY_CLANG && n > 1 && name[n - 1] == '/')
		n--;
	r = strv_push_n(&m->e->names, name, n);
	if (r == 0)
		*ret = m->e->names.v[m->e->names.n - 1];
	return r;
}

static int add(struct making *m, enum search_group group, bool system, const char *name)
{
	struct search_entry e = {.group = group, .dir.system = system, .given = name};
	struct scan_path *p;
	int r = look(m, name, &p);

	if (r < 0 || !p || p->kind != SCAN_DIRECTORY)
		return r;
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 32;
		struct search_entry *more = reallocarray(m->found, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		m->found = more;
		m->cap = cap;
	}
	r = spell(m, name, &e.dir.name);
	if (r < 0)
		return r;
	e.dir.path = p;
	e.dev = p->inode->dev;
	e.ino = p->inode->ino;
	m->found[m->n++] = e;
	return 0;
}

static int add_named(struct making *m, enum scan_dir_kind kind, enum search_group group)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->plan->n_dirs; i++)
		if (m->plan->dirs[i].kind == kind)
			r = add(m, group, group >= SEARCH_SYSTEM, m->plan->dirs[i].name);
	return r;
}

static int add_listed(struct making *m, char **names, enum search_group group, bool system)
{
	int r = 0;

	for (; r == 0 && *names; names++)
		r = add(m, group, system, *names);
	return r;
}

static int look_at_missing(struct making *m)
{
	struct scan_path *p;
	int r = 0;

	for (char **d = m->facts->missing; r == 0 && *d; d++)
		r = look(m, *d, &p);
	return r;
}

/* The last directory that the command names for a group, if it is there, is the last entry. */
static void mark_last(struct making *m, enum scan_dir_kind kind)
{
	const char *name = NULL;

	for (size_t i = 0; i < m->plan->n_dirs; i++)
		if (m->plan->dirs[i].kind == kind)
			name = m->plan->dirs[i].name;
	if (name && m->n > 0 && m->found[m->n - 1].given == name)
		m->found[m->n - 1].last = true;
}

/* The command's own and the compiler's, group by group. */
static int merge(struct making *m)
{
	int r = add_named(m, SCAN_DIR_QUOTE, SEARCH_QUOTE);

	if (r == 0)
		mark_last(m, SCAN_DIR_QUOTE);
	if (r == 0)
		r = add_named(m, SCAN_DIR_ANGLED, SEARCH_ANGLED);
	if (r == 0)
		mark_last(m, SCAN_DIR_ANGLED);
	if (r == 0)
		r = add_named(m, SCAN_DIR_SYSTEM, SEARCH_SYSTEM);
	if (r == 0)
		r = add_listed(m, m->facts->bracket, SEARCH_SYSTEM, true);
	if (r == 0)
		r = add_named(m, SCAN_DIR_AFTER, SEARCH_AFTER);
	if (r < 0)
		return r;
	if (m->facts->first_name)
		search_name_by_first(m->found, m->n);
	if (m->plan->family == CC_FAMILY_CLANG)
		search_merge_clang(m->found, &m->n, &m->e->search.n_quote);
	else
		search_merge_gcc(m->found, &m->n, &m->e->search.n_quote);
	return 0;
}

static bool is_user_dir(const struct scan_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_dirs; i++)
		if (plan->dirs[i].kind == SCAN_DIR_ANGLED && str_eq(plan->dirs[i].name, name))
			return true;
	return false;
}

/* The compiler's lists are all there is. */
static int adopt(struct making *m)
{
	int r = add_listed(m, m->facts->quote, SEARCH_QUOTE, false);

	m->e->search.n_quote = m->n;
	for (char **d = m->facts->bracket; r == 0 && *d; d++)
		r = add(m, SEARCH_ANGLED, !is_user_dir(m->plan, *d), *d);
	return r;
}

static int publish(struct making *m)
{
	struct scan_search *s = &m->e->search;

	s->dirs = calloc(m->n + 1, sizeof(*s->dirs));
	if (!s->dirs)
		return -ENOMEM;
	for (size_t i = 0; i < m->n; i++)
		s->dirs[i] = m->found[i].dir;
	s->n = m->n;
	return 0;
}

static int number(struct scan_search_cache *c, struct scan_search *s)
{
	AUTO(buf_fini) struct buf key = BUF_INIT;
	struct facts_slot *slot;
	int r = buf_printf(&key, "%zu", s->n_quote);

	for (size_t i = 0; r == 0 && i < s->n; i++) {
		const struct scan_search_dir *d = &s->dirs[i];

		r = buf_printf(&key, " %" PRIu32 " %d %s", d->path->id, d->system, d->name);
		if (r == 0)
			r = buf_append(&key, "", 1);
	}
	if (r == 0)
		r = facts_map_put(&c->numbers, key.data, key.len, &slot);
	if (r < 0)
		return r == -E2BIG ? -ENOMEM : r;
	if (slot->number == 0)
		slot->number = (long)++c->serial;
	s->serial = (uint64_t)slot->number;
	return 0;
}

static int make(struct scan_search_cache *c, const struct scan_facts *facts,
	const struct scan_plan *plan, struct entry **ret, char **ret_reason)
{
	char *reason = NULL;
	struct making m = {.fs = c->fs, .facts = facts, .plan = plan, .reason = &reason};
	int r = -ENOMEM;

	m.e = calloc(1, sizeof(*m.e));
	if (!m.e)
		return -ENOMEM;
	m.e->watched = true;
	r = facts->search_default ? merge(&m) : adopt(&m);
	if (r == 0)
		r = look_at_missing(&m);
	if (r == 0 && !reason)
		r = publish(&m);
	if (r == 0 && !reason)
		r = number(c, &m.e->search);
	free(m.found);
	if (r < 0 || reason) {
		entry_free(m.e);
		if (r < 0)
			free(reason);
		else
			*ret_reason = reason;
		return r < 0 ? r : SCAN_SEARCH_UNKNOWN;
	}
	*ret = m.e;
	return 0;
}

static void mark(struct scan_search_cache *c, struct entry *e)
{
	e->search.generation = c->fs->generation;
	e->search.epoch = c->fs->epoch;
}

/* 1: nothing that it relies on has changed. */
static int holds(struct scan_search_cache *c, struct entry *e)
{
	struct scan_search *s = &e->search;

	if (s->generation == c->fs->generation && (e->watched || s->epoch == c->fs->epoch))
		return 1;
	e->watched = true;
	for (size_t i = 0; i < s->n_relied; i++) {
		struct relied is;
		int r = scan_fs_prove(c->fs, s->relied[i]);

		if (r < 0)
			return r;
		is = relied_of(s->relied[i]);
		if (is.kind != e->was[i].kind || is.dev != e->was[i].dev || is.ino != e->was[i].ino)
			return 0;
		e->watched = e->watched && s->relied[i]->watched;
	}
	mark(c, e);
	return 1;
}

static int key_of(const struct scan_facts *facts, const struct scan_plan *plan, struct buf *ret)
{
	int r = buf_printf(ret, "%p\n%s\n%s\n", (const void *)facts, facts->key, plan->cwd);

	for (size_t i = 0; r == 0 && facts->search_default && i < plan->n_dirs; i++) {
		r = buf_printf(ret, "%d %s", (int)plan->dirs[i].kind, plan->dirs[i].name);
		if (r == 0)
			r = buf_append(ret, "", 1);
	}
	return r == -E2BIG ? -ENOMEM : r;
}

int scan_search_get(struct scan_search_cache *c, const struct scan_facts *facts,
	const struct scan_plan *plan, const struct scan_search **ret, char **ret_reason)
{
	AUTO(buf_fini) struct buf key = BUF_INIT;
	struct facts_slot *slot;
	struct entry *e;
	int r = key_of(facts, plan, &key);

	/* A command's list is worked out again and again where directories come and go. */
	if (r == 0 && (c->entries.n >= LISTS_MAX || c->numbers.n >= LISTS_MAX))
		scan_search_cache_clear(c);
	if (r == 0)
		r = facts_map_put(&c->entries, key.data, key.len, &slot);
	if (r < 0)
		return r;
	e = slot->pointer;
	r = e ? holds(c, e) : 0;
	if (r == 0) {
		entry_free(e);
		slot->pointer = NULL;
		r = make(c, facts, plan, &e, ret_reason);
		if (r != 0)
			return r;
		mark(c, e);
		slot->pointer = e;
	}
	if (r < 0)
		return r;
	*ret = &e->search;
	return 0;
}
