/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/path.h"
#include "scan/facts_store.h"
#include "scan/plan.h"

/*
 * The store: facts by key, in memory; below it the database, and below that the compiler.
 *
 *	scan_facts_get	key (facts_key.c) -> memory -> database (facts_db.c) -> run
 *			(facts_question.c: facts_run.c, facts_probe.c, facts_parse.c)
 *	scan_facts_ask	answers by operand, in the facts and the database -> run (facts_ask.c)
 *
 * Facts are never changed but for answers that are added. Where a directory that the compiler left
 * out has appeared, or one of a list that is the compiler's alone has changed, new facts take the
 * key, and the old ones stay until the store is closed, for whoever still has them.
 */

struct scan_facts *facts_new(void)
{
	struct scan_facts *f = calloc(1, sizeof(*f));

	if (f)
		f->private = calloc(1, sizeof(*f->private));
	if (f && !f->private) {
		free(f);
		return NULL;
	}
	return f;
}

void facts_free(struct scan_facts *f)
{
	struct facts_private *p;

	if (!f)
		return;
	p = f->private;
	free(p->key);
	free(p->predefined);
	strv_fini(&p->quote);
	strv_fini(&p->bracket);
	strv_fini(&p->missing);
	strv_fini(&p->also);
	for (size_t i = 0; i < p->n_relied; i++)
		free(p->relied[i].path);
	free(p->relied);
	facts_map_fini(&p->answers);
	free(p);
	free(f);
}

int facts_publish(struct scan_facts *f)
{
	struct facts_private *p = f->private;
	struct strv *lists[] = {&p->quote, &p->bracket, &p->missing, &p->also};

	if (!p->predefined) {
		p->predefined = strdup("");
		if (!p->predefined)
			return -ENOMEM;
	}
	/* Each has its NULL, also where it is empty. */
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (lists[i]->v)
			continue;
		lists[i]->v = calloc(1, sizeof(*lists[i]->v));
		if (!lists[i]->v)
			return -ENOMEM;
		lists[i]->cap = 1;
	}
	f->key = p->key;
	f->predefined = p->predefined;
	f->quote = p->quote.v;
	f->bracket = p->bracket.v;
	f->missing = p->missing.v;
	f->also = p->also.v;
	return 0;
}

static int look(const char *cwd, struct facts_relied *r)
{
	AUTO(util_free) char *path = path_join(cwd, r->path);
	struct stat st;

	if (!path)
		return -ENOMEM;
	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	r->dir = true;
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	if (r->timed)
		r->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
	return 0;
}

int facts_rely(struct scan_facts *f, const char *cwd, const char *path, bool timed)
{
	struct facts_private *p = f->private;
	struct facts_relied *more = reallocarray(p->relied, p->n_relied + 1, sizeof(*more));
	struct facts_relied relied = {.timed = timed};
	int r;

	if (!more)
		return -ENOMEM;
	p->relied = more;
	relied.path = strdup(path);
	if (!relied.path)
		return -ENOMEM;
	r = look(cwd, &relied);
	if (r < 0) {
		free(relied.path);
		return r;
	}
	p->relied[p->n_relied++] = relied;
	return 0;
}

bool facts_relied_holds(const struct scan_facts *f, const char *cwd)
{
	for (size_t i = 0; i < f->private->n_relied; i++) {
		const struct facts_relied *was = &f->private->relied[i];
		struct facts_relied is = {.path = was->path, .timed = was->timed};

		if (look(cwd, &is) < 0 || is.dir != was->dir || is.dev != was->dev ||
			is.ino != was->ino || is.mtime_ns != was->mtime_ns)
			return false;
	}
	return true;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void refusal_free(struct facts_refusal *x)
{
	if (x)
		free(x->reason);
	free(x);
}

/* SCAN_FACTS_UNKNOWN if it was refused not long ago, else 0. */
static int recall_refusal(const struct scan_facts_store *s, const char *key, char **ret_reason)
{
	const struct facts_slot *slot = facts_map_get(&s->refused, key, strlen(key));
	const struct facts_refusal *x = slot ? slot->pointer : NULL;

	if (!x || now_ms() >= x->until_ms)
		return 0;
	*ret_reason = strdup(x->reason);
	return *ret_reason ? SCAN_FACTS_UNKNOWN : -ENOMEM;
}

static void note_refusal(struct scan_facts_store *s, const char *key, const char *reason)
{
	struct facts_refusal *x = calloc(1, sizeof(*x));
	struct facts_slot *slot;

	if (x)
		x->reason = strdup(reason);
	if (!x || !x->reason || facts_map_put(&s->refused, key, strlen(key), &slot) < 0) {
		refusal_free(x);
		return;
	}
	x->until_ms = now_ms() + FACTS_REFUSAL_MS;
	refusal_free(slot->pointer);
	slot->pointer = x;
}

int scan_facts_open(const char *db, struct scan_facts_store **ret)
{
	struct scan_facts_store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = db ? facts_db_open(db, &s->db) : 0;
	if (r == 0 && db && asprintf(&s->marker, "%s-marker", db) < 0) {
		s->marker = NULL;
		r = -ENOMEM;
	}
	if (r < 0) {
		facts_db_close(s->db);
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void scan_facts_close(struct scan_facts_store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_all; i++)
		facts_free(s->all[i]);
	free(s->all);
	for (size_t i = 0; i < s->programs.size; i++)
		if (s->programs.slots[i].key)
			free(s->programs.slots[i].pointer);
	for (size_t i = 0; i < s->refused.size; i++)
		if (s->refused.slots[i].key)
			refusal_free(s->refused.slots[i].pointer);
	facts_map_fini(&s->refused);
	facts_map_fini(&s->programs);
	facts_map_fini(&s->by_key);
	facts_db_close(s->db);
	free(s->marker);
	free(s);
}

/* s owns f from here on, in success only. */
static int keep(struct scan_facts_store *s, struct scan_facts *f, struct facts_slot *slot)
{
	struct scan_facts **more = reallocarray(s->all, s->n_all + 1, sizeof(struct scan_facts *));

	if (!more)
		return -ENOMEM;
	s->all = more;
	s->all[s->n_all++] = f;
	slot->pointer = f;
	return 0;
}

static struct scan_facts *new_with_key(const char *key)
{
	struct scan_facts *f = facts_new();

	if (f)
		f->private->key = strdup(key);
	if (f && !f->private->key) {
		facts_free(f);
		return NULL;
	}
	return f;
}

/* From the database. 1: they are not there, or no longer true. */
static int load(struct scan_facts_store *s, const struct scan_plan *plan, const char *key,
	struct scan_facts **ret)
{
	struct scan_facts *f = new_with_key(key);
	int r = f ? facts_db_load(s->db, key, f) : -ENOMEM;

	if (r == 0 && !facts_relied_holds(f, plan->cwd))
		r = 1;
	if (r != 0) {
		facts_free(f);
		return r;
	}
	s->stats.from_disk++;
	*ret = f;
	return 0;
}

/* From the database or the compiler. */
static int fetch(struct scan_facts_store *s, const struct scan_plan *plan, const char *key,
	struct scan_facts **ret, char **ret_reason)
{
	struct scan_facts *f;
	int r = load(s, plan, key, ret);

	if (r != 1)
		return r;
	f = new_with_key(key);
	if (!f)
		return -ENOMEM;
	r = facts_question(s, plan, f, ret_reason);
	if (r != 0) {
		facts_free(f);
		return r;
	}
	facts_db_save(s->db, f);
	*ret = f;
	return 0;
}

int scan_facts_get(struct scan_facts_store *s, const struct scan_plan *plan,
	const struct scan_facts **ret, char **ret_reason)
{
	AUTO(util_free) char *key = NULL;
	struct scan_facts *f = NULL;
	struct facts_slot *slot;
	int r = facts_key(s, plan, &key, ret_reason);

	if (r == 0)
		r = facts_map_put(&s->by_key, key, strlen(key), &slot);
	if (r != 0)
		return r == -E2BIG ? -ENOMEM : r;
	if (slot->pointer && facts_relied_holds(slot->pointer, plan->cwd)) {
		*ret = slot->pointer;
		return 0;
	}
	if (s->n_all >= FACTS_MAX)
		return facts_unknown(plan, ret_reason, "too many ways to call it");
	r = recall_refusal(s, key, ret_reason);
	if (r == 0) {
		r = fetch(s, plan, key, &f, ret_reason);
		if (r == SCAN_FACTS_UNKNOWN)
			note_refusal(s, key, *ret_reason);
	}
	if (r != 0)
		return r == -E2BIG ? -ENOMEM : r;
	r = keep(s, f, slot);
	if (r < 0) {
		facts_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

struct scan_facts_stats scan_facts_stats(const struct scan_facts_store *s)
{
	return s->stats;
}
