/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sched/fleet.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double EWMA_WEIGHT = 0.2;

void fleet_init(struct fleet *f)
{
	*f = (struct fleet){0};
}

void fleet_fini(struct fleet *f)
{
	for (size_t i = 0; i < f->n; i++) {
		hosts_entry_fini(&f->v[i]->entry);
		free(f->v[i]);
	}
	free(f->v);
	fleet_init(f);
}

int fleet_host(struct fleet *f, const struct hosts_entry *e, struct fleet_host **ret)
{
	struct fleet_host *h, **v;
	int r;

	for (size_t i = 0; i < f->n; i++) {
		if (str_eq(f->v[i]->entry.definition, e->definition)) {
			*ret = f->v[i];
			return 0;
		}
	}
	if (f->n >= HOSTS_MAX)
		return -E2BIG;
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	r = hosts_entry_copy(e, &h->entry);
	if (r < 0) {
		free(h);
		return r;
	}
	v = realloc(f->v, (f->n + 1) * sizeof(struct fleet_host *));
	if (!v) {
		hosts_entry_fini(&h->entry);
		free(h);
		return -ENOMEM;
	}
	f->v = v;
	h->index = (unsigned)f->n;
	f->v[f->n++] = h;
	*ret = h;
	return 0;
}

static bool lacks(const struct fleet_host *h, const char *compiler, uint64_t now_ms)
{
	for (size_t i = 0; i < FLEET_MISSING_MAX; i++)
		if (h->missing[i].until_ms > now_ms && str_eq(h->missing[i].name, compiler))
			return true;
	return false;
}

/* When a job given now would be done there, in units that compare between hosts. */
static double expected_end(const struct fleet_host *h, double typical_ms)
{
	double ms = h->job_ms > 0 ? h->job_ms : typical_ms;

	return (double)(h->in_use + 1) / h->entry.slots * ms;
}

static double typical(struct fleet_host *const *hosts, size_t n)
{
	double sum = 0;
	unsigned known = 0;

	for (size_t i = 0; i < n; i++) {
		sum += hosts[i]->job_ms;
		known += hosts[i]->job_ms > 0;
	}
	return known ? sum / known : 1;
}

enum fleet_verdict fleet_pick(struct fleet_host *const *hosts, size_t n, const bool *tried,
	const char *compiler, uint64_t now_ms, struct fleet_host **ret)
{
	double typical_ms = typical(hosts, n), best_end = 0;
	struct fleet_host *best = NULL;
	bool busy = false;

	for (size_t i = 0; i < n; i++) {
		struct fleet_host *h = hosts[i];
		double end;

		if (h->entry.down || tried[i] || h->backoff_until_ms > now_ms ||
			lacks(h, compiler, now_ms))
			continue;
		if (h->in_use >= h->entry.slots) {
			busy = true;
			continue;
		}
		end = expected_end(h, typical_ms);
		if (!best || end < best_end) {
			best = h;
			best_end = end;
		}
	}
	if (!best)
		return busy ? FLEET_BUSY : FLEET_NONE;
	*ret = best;
	return FLEET_CHOSEN;
}

void fleet_take(struct fleet_host *h)
{
	h->in_use++;
}

void fleet_give(struct fleet_host *h)
{
	assert(h->in_use > 0);
	h->in_use--;
}

static bool same_server(const struct fleet_host *a, const struct fleet_host *b)
{
	return a == b ||
	       (a->address[0] && str_eq(a->address, b->address) && a->entry.port == b->entry.port);
}

void fleet_succeeded(struct fleet *f, struct fleet_host *h, uint64_t wall_ms)
{
	double ms = MAX((double)wall_ms, 1.0);

	h->job_ms = h->job_ms > 0 ? h->job_ms + EWMA_WEIGHT * (ms - h->job_ms) : ms;
	h->well = true;
	h->jobs++;
	h->wall_ms += wall_ms;
	for (size_t i = 0; i < f->n; i++) {
		if (same_server(f->v[i], h)) {
			f->v[i]->backoff_until_ms = 0;
			f->v[i]->failure_logged = false;
		}
	}
}

void fleet_failed(struct fleet *f, struct fleet_host *h, uint64_t now_ms, uint64_t period_ms)
{
	h->failures++;
	for (size_t i = 0; period_ms > 0 && i < f->n; i++)
		if (same_server(f->v[i], h))
			f->v[i]->backoff_until_ms = now_ms + period_ms;
}

void fleet_no_answer(struct fleet *f, struct fleet_host *h, uint64_t now_ms, uint64_t period_ms)
{
	if (!h->well) {
		fleet_failed(f, h, now_ms, period_ms);
		return;
	}
	h->well = false;
	h->failures++;
}

void fleet_compiler_missing(
	struct fleet_host *h, const char *compiler, uint64_t now_ms, uint64_t period_ms)
{
	unsigned i = h->next_missing++ % FLEET_MISSING_MAX;

	h->failures++;
	snprintf(h->missing[i].name, sizeof(h->missing[i].name), "%s", compiler);
	h->missing[i].until_ms = now_ms + period_ms;
}
