/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	look-up	one GetActionResult at each cache; the first result ends it and cancels the others;
 *		when all have said no, or failed, or are late, there is none
 *	gift	waiting ─► giving ─► gone
 *
 * A late cache is cancelled and rests; its connection stays, and is its client's to give up.
 */

#include "agent/caches.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rex_record.h"
#include "base/log.h"

struct asked {
	struct caches_lookup *lookup;
	const struct hosts_entry *cache;
	struct rex_run *run; /* NULL: it has answered */
};

struct caches_lookup {
	struct caches *caches;
	struct caches_params p;
	caches_done_fn done;
	caches_failed_fn failed;
	void *data;
	struct asked asked[HOSTS_CACHES_MAX];
	size_t n, open;
	uint64_t bytes_up, bytes_down;
	uv_timer_t timer;
	bool late;
};

struct gift {
	struct list link;
	struct caches *caches;
	struct hosts_entry cache;
	struct rex *rex;
	struct reapi_digest action;
	uint64_t backoff_ms;
	struct rex_result result;
	struct rex_record record;
	uint64_t bytes;
	struct rex_run *run;
};

void caches_init(struct caches *c, uv_loop_t *loop)
{
	*c = (struct caches){.loop = loop, .cluster = {.caches = true}};
	uv_idle_init(loop, &c->turn);
	c->turn.data = c;
	list_init(&c->giving);
	list_init(&c->waiting);
}

static int get(struct caches *c, const struct caches_params *p, const struct hosts_entry *e,
	struct rex **ret)
{
	const struct cluster_times times = {.resolve_ms = MIN(p->resolve_ms, p->wait_ms),
		.connect_ms = p->wait_ms,
		.io_ms = p->wait_ms * CACHES_FETCH_TIMES};

	return cluster_get(&c->cluster, c->loop, e, &times, ret);
}

/* ---- look-ups ---- */

static void on_timer_closed(uv_handle_t *h)
{
	free(h->data);
}

static void cancel_all(struct caches_lookup *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->asked[i].run)
			rex_cancel(TAKE_PTR(l->asked[i].run));
	l->open = 0;
}

static void end(struct caches_lookup *l, struct rex_result *result, const struct hosts_entry *from)
{
	const struct caches_answer answer = {.result = result,
		.from = from,
		.bytes_up = l->bytes_up,
		.bytes_down = l->bytes_down};

	cancel_all(l);
	uv_close((uv_handle_t *)&l->timer, on_timer_closed);
	l->done(l->data, &answer);
}

static void fail(struct asked *a, const char *name, const char *text, const char *detail)
{
	struct caches_lookup *l = a->lookup;
	uint64_t until = uv_now(l->caches->loop) + l->p.backoff_ms;

	if (cluster_rest(&l->caches->cluster, a->cache, until))
		l->failed(l->data, a->cache, name, text, detail);
}

static void on_looked_up(void *data, struct rex_result *res)
{
	struct asked *a = data;
	struct caches_lookup *l = a->lookup;

	a->run = NULL;
	l->open--;
	l->bytes_up += res->bytes_up;
	l->bytes_down += res->bytes_down;
	if (res->outcome == REX_DONE || res->outcome == REX_MISSING)
		cluster_is_well(&l->caches->cluster, a->cache);
	else
		fail(a, rex_outcome_name(res->outcome), rex_outcome_text(res->outcome),
			res->detail);
	/* Of failures there is nothing to be had but at the place where they are repeated. */
	if (res->outcome == REX_DONE && res->exit_code == 0)
		end(l, res, a->cache);
	else if (l->open == 0)
		end(l, NULL, NULL);
}

static void on_late(uv_timer_t *t)
{
	struct caches_lookup *l = t->data;

	for (size_t i = 0; i < l->n; i++) {
		struct asked *a = &l->asked[i];

		if (!a->run || (!l->late && rex_run_found(a->run)))
			continue;
		rex_cancel(TAKE_PTR(a->run));
		l->open--;
		fail(a, "cache-late", "no answer in time", "");
	}
	if (l->open == 0) {
		end(l, NULL, NULL);
		return;
	}
	l->late = true;
	uv_timer_start(t, on_late, l->p.wait_ms * (CACHES_FETCH_TIMES - 1), 0);
}

static void ask(struct caches_lookup *l, const struct hosts_entry *e)
{
	const struct rex_params p = {.kind = REX_LOOKUP,
		.action = l->p.action,
		.outputs = l->p.outputs,
		.n_outputs = l->p.n_outputs};
	struct asked *a = &l->asked[l->n];
	struct rex *rex;

	*a = (struct asked){.lookup = l, .cache = e};
	if (get(l->caches, &l->p, e, &rex) == 0 &&
		rex_start(rex, &p, on_looked_up, a, &a->run) == 0) {
		l->n++;
		l->open++;
	}
}

int caches_look_up(struct caches *c, const struct caches_params *p, caches_done_fn done,
	caches_failed_fn failed, void *data, struct caches_lookup **ret)
{
	uint64_t now = uv_now(c->loop);
	struct caches_lookup *l;
	bool any = false;

	for (size_t i = 0; i < p->hosts->n_caches; i++)
		any |= cluster_may_ask(&c->cluster, &p->hosts->caches[i], now);
	if (!any)
		return CACHES_NONE;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct caches_lookup){
		.caches = c, .p = *p, .done = done, .failed = failed, .data = data};
	uv_timer_init(c->loop, &l->timer);
	l->timer.data = l;
	for (size_t i = 0; i < p->hosts->n_caches; i++)
		if (cluster_may_ask(&c->cluster, &p->hosts->caches[i], now))
			ask(l, &p->hosts->caches[i]);
	if (l->open == 0) {
		caches_cancel(l);
		return CACHES_NONE;
	}
	uv_timer_start(&l->timer, on_late, p->wait_ms, 0);
	*ret = l;
	return 0;
}

void caches_cancel(struct caches_lookup *l)
{
	cancel_all(l);
	uv_close((uv_handle_t *)&l->timer, on_timer_closed);
}

/* ---- gifts ---- */

static void on_turn(uv_idle_t *turn);

static void give_soon(struct caches *c)
{
	uv_idle_start(&c->turn, on_turn);
}

static void drop(struct gift *g)
{
	list_unlink(&g->link);
	g->caches->bytes -= g->bytes;
	hosts_entry_fini(&g->cache);
	rex_result_fini(&g->result);
	free(g);
}

/* What a cache does not take, it may still give. */
static void judge(struct gift *g, const struct rex_result *res)
{
	struct cluster *cluster = &g->caches->cluster;
	uint64_t now = uv_now(g->caches->loop);

	log_event(LOG_LEVEL_INFO, "cache-not-given", "%s: %s%s%s", g->cache.definition,
		rex_outcome_text(res->outcome), *res->detail ? ": " : "", res->detail);
	switch (res->outcome) {
	case REX_NOT_SERVED:
	case REX_DENIED:
		cluster_rest_giving(cluster, &g->cache, now + CLUSTER_RETRY_MS);
		break;
	case REX_BUSY:
	case REX_FAILED:
	case REX_GARBAGE:
		cluster_rest_giving(cluster, &g->cache, now + g->backoff_ms);
		break;
	default:
		(void)cluster_rest(cluster, &g->cache, now + g->backoff_ms);
	}
}

static void on_given(void *data, struct rex_result *res)
{
	struct gift *g = data;
	struct caches *c = g->caches;

	g->run = NULL;
	c->n_giving--;
	if (res->outcome != REX_DONE)
		judge(g, res);
	drop(g);
	give_soon(c);
}

static bool start(struct gift *g)
{
	struct rex_params p = {.kind = REX_STORE,
		.action = g->action,
		.blobs = g->record.blobs,
		.record = &g->record};

	if (rex_record_make(&g->result, &g->record) < 0)
		return false;
	p.n_blobs = g->record.n_blobs;
	return cluster_may_give(&g->caches->cluster, &g->cache, uv_now(g->caches->loop)) &&
	       rex_start(g->rex, &p, on_given, g, &g->run) == 0;
}

/* Their digests are made here, when the jobs have had their answers. */
static void on_turn(uv_idle_t *turn)
{
	struct caches *c = turn->data;

	uv_idle_stop(turn);
	while (c->n_giving < CACHES_GIVING_MAX && !list_empty(&c->waiting)) {
		struct gift *g = LIST_ENTRY(c->waiting.next, struct gift, link);

		c->n_waiting--;
		if (!start(g)) {
			drop(g);
			continue;
		}
		list_unlink(&g->link);
		list_append(&c->giving, &g->link);
		c->n_giving++;
	}
}

static uint64_t size_of(const struct rex_result *r)
{
	uint64_t n = sizeof(struct gift) + r->out.len + r->err.len;

	for (size_t i = 0; i < r->n_outputs; i++)
		n += r->outputs[i].data.len;
	return n;
}

static int copy_buf(const struct buf *from, struct buf *to)
{
	to->max = MAX(from->len, (size_t)1);
	return buf_append(to, from->data, from->len);
}

static int copy_result(const struct rex_result *from, struct rex_result *to)
{
	int r = copy_buf(&from->out, &to->out);

	if (r == 0)
		r = copy_buf(&from->err, &to->err);
	to->outputs = calloc(from->n_outputs + 1, sizeof(*to->outputs));
	if (!to->outputs)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < from->n_outputs; i++) {
		struct rex_output *o = &to->outputs[to->n_outputs++];

		o->executable = from->outputs[i].executable;
		o->path = strdup(from->outputs[i].path);
		r = o->path ? copy_buf(&from->outputs[i].data, &o->data) : -ENOMEM;
	}
	return r;
}

static int wrap(struct gift *g, const struct caches_params *p, const struct hosts_entry *e,
	const struct rex_result *r)
{
	int q = hosts_entry_copy(e, &g->cache);

	if (q == 0)
		q = copy_result(r, &g->result);
	return q < 0 ? q : get(g->caches, p, e, &g->rex);
}

bool caches_take(const struct caches *c, const struct hosts *hosts, uint64_t now_ms)
{
	for (size_t i = 0; i < hosts->n_caches; i++)
		if (cluster_may_give(&c->cluster, &hosts->caches[i], now_ms))
			return true;
	return false;
}

void caches_give(struct caches *c, const struct caches_params *p, const struct rex_result *r)
{
	uint64_t bytes = size_of(r), now = uv_now(c->loop);

	for (size_t i = 0; i < p->hosts->n_caches; i++) {
		const struct hosts_entry *e = &p->hosts->caches[i];
		struct gift *g;

		if (!cluster_may_give(&c->cluster, e, now))
			continue;
		if (c->n_waiting >= CACHES_WAITING_MAX || c->bytes + bytes > CACHES_BYTES_MAX) {
			log_event(LOG_LEVEL_INFO, "cache-not-given", "%s: too much waits for it",
				e->definition);
			continue;
		}
		g = calloc(1, sizeof(*g));
		if (!g)
			return;
		g->caches = c;
		g->action = p->action;
		g->backoff_ms = p->backoff_ms;
		g->bytes = bytes;
		c->bytes += bytes;
		list_init(&g->link);
		if (wrap(g, p, e, r) < 0) {
			drop(g);
			continue;
		}
		list_append(&c->waiting, &g->link);
		c->n_waiting++;
	}
	give_soon(c);
}

void caches_fini(struct caches *c)
{
	LIST_FOR_SAFE(pos, &c->giving)
	{
		struct gift *g = LIST_ENTRY(pos, struct gift, link);

		rex_cancel(TAKE_PTR(g->run));
		drop(g);
	}
	LIST_FOR_SAFE(pos, &c->waiting)
	drop(LIST_ENTRY(pos, struct gift, link));
	cluster_fini(&c->cluster);
	uv_close((uv_handle_t *)&c->turn, NULL);
}
