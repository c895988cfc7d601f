/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/cluster.h"

#include <errno.h>
#include <stdlib.h>

struct cluster_host {
	struct hosts_entry entry;
	struct rex *rex;                            /* NULL until needed */
	uint64_t not_until_ms, no_results_until_ms; /* 0: it may be asked, be given some */
	bool unwell;
	uint64_t mute_ms; /* the last rest of cluster_rest_mute; 0: none since it answered */
};

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && str_eq(a, b));
}

static bool same_server(const struct hosts_entry *a, const struct hosts_entry *b)
{
	return a->port == b->port && a->tls == b->tls && str_eq(a->name, b->name) &&
	       same(a->instance, b->instance) && same(a->files.ca, b->files.ca) &&
	       same(a->files.cert, b->files.cert) && same(a->files.key, b->files.key) &&
	       same(a->files.token, b->files.token);
}

static struct cluster_host *find(const struct cluster *c, const struct hosts_entry *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (same_server(&c->v[i].entry, e))
			return &c->v[i];
	return NULL;
}

static int find_or_add(struct cluster *c, const struct hosts_entry *e, struct cluster_host **ret)
{
	struct cluster_host *h = find(c, e);

	if (!h && c->n >= CLUSTER_MAX)
		return -E2BIG;
	if (!h && c->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 8;
		struct cluster_host *v = reallocarray(c->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		c->v = v;
		c->cap = cap;
	}
	if (!h) {
		h = &c->v[c->n];
		*h = (struct cluster_host){.rex = NULL};
		if (hosts_entry_copy(e, &h->entry) < 0)
			return -ENOMEM;
		c->n++;
	}
	*ret = h;
	return 0;
}

bool cluster_may_ask(const struct cluster *c, const struct hosts_entry *e, uint64_t now_ms)
{
	const struct cluster_host *h = find(c, e);

	return (e->mode == HOSTS_MODE_TCP || e->mode == HOSTS_MODE_REX) &&
	       (!h || h->not_until_ms <= now_ms);
}

bool cluster_rest(struct cluster *c, const struct hosts_entry *e, uint64_t until_ms)
{
	struct cluster_host *h;
	bool was_well;

	if (find_or_add(c, e, &h) < 0)
		return true;
	was_well = !h->unwell;
	h->unwell = true;
	h->not_until_ms = until_ms;
	return was_well;
}

void cluster_rest_mute(struct cluster *c, const struct hosts_entry *e, uint64_t now_ms)
{
	struct cluster_host *h;

	if (find_or_add(c, e, &h) < 0)
		return;
	h->mute_ms = h->mute_ms ? MIN(h->mute_ms * 2, (uint64_t)CLUSTER_RETRY_MS) : CLUSTER_MUTE_MS;
	h->not_until_ms = now_ms + h->mute_ms;
}

void cluster_is_well(struct cluster *c, const struct hosts_entry *e)
{
	struct cluster_host *h = find(c, e);

	if (h) {
		h->unwell = false;
		h->not_until_ms = h->mute_ms = 0;
	}
}

bool cluster_may_give(const struct cluster *c, const struct hosts_entry *e, uint64_t now_ms)
{
	const struct cluster_host *h = find(c, e);

	return !e->read_only && cluster_may_ask(c, e, now_ms) &&
	       (!h || h->no_results_until_ms <= now_ms);
}

void cluster_rest_giving(struct cluster *c, const struct hosts_entry *e, uint64_t until_ms)
{
	struct cluster_host *h;

	if (find_or_add(c, e, &h) == 0)
		h->no_results_until_ms = until_ms;
}

int cluster_get(struct cluster *c, uv_loop_t *loop, const struct hosts_entry *e,
	const struct cluster_times *times, struct rex **ret)
{
	struct cluster_host *h;
	int r = find_or_add(c, e, &h);

	if (r == 0 && !h->rex) {
		const struct rex_options o = {.host = e->name,
			.port = e->port,
			.instance = e->instance ? e->instance : "",
			.prove_root = !c->caches && !c->texts,
			.cache_only = c->caches,
			.tls = e->tls,
			.files = {e->files.ca, e->files.cert, e->files.key, e->files.token},
			.resolve_ms = times->resolve_ms,
			.connect_ms = times->connect_ms,
			.io_ms = times->io_ms};

		r = rex_new(loop, &o, &h->rex);
	}
	if (r == 0)
		*ret = h->rex;
	return r;
}

void cluster_fini(struct cluster *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->v[i].rex)
			rex_free(c->v[i].rex);
		hosts_entry_fini(&c->v[i].entry);
	}
	free(c->v);
	*c = (struct cluster){.n = 0};
}
