/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/cluster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cluster_host {
	char *name;
	uint16_t port;
	struct rex *rex;       /* NULL until needed */
	uint64_t not_until_ms; /* 0: it may be asked */
};

static struct cluster_host *find(const struct cluster *c, const struct hosts_entry *e)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->v[i].port == e->port && str_eq(c->v[i].name, e->name))
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
		*h = (struct cluster_host){.name = strdup(e->name), .port = e->port};
		if (!h->name)
			return -ENOMEM;
		c->n++;
	}
	*ret = h;
	return 0;
}

bool cluster_may_ask(const struct cluster *c, const struct hosts_entry *e, uint64_t now_ms)
{
	const struct cluster_host *h = find(c, e);

	return e->mode == HOSTS_MODE_TCP && (!h || h->not_until_ms <= now_ms);
}

void cluster_refused(struct cluster *c, const struct hosts_entry *e, uint64_t now_ms)
{
	struct cluster_host *h;

	if (find_or_add(c, e, &h) == 0)
		h->not_until_ms = now_ms + CLUSTER_RETRY_MS;
}

int cluster_get(struct cluster *c, uv_loop_t *loop, const struct hosts_entry *e,
	const struct cluster_times *times, struct rex **ret)
{
	struct cluster_host *h;
	int r = find_or_add(c, e, &h);

	if (r == 0 && !h->rex) {
		const struct rex_options o = {.host = e->name,
			.port = e->port,
			.instance = "",
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
		free(c->v[i].name);
	}
	free(c->v);
	*c = (struct cluster){.n = 0};
}
