/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int history_init(struct history *h)
{
	*h = (struct history){.v = calloc(HISTORY_MAX, sizeof(struct history_record))};
	return h->v ? 0 : -ENOMEM;
}

void history_fini(struct history *h)
{
	free(h->v);
	h->v = NULL;
}

uint64_t history_add(struct history *h)
{
	uint64_t id = ++h->last_id;

	h->v[id % HISTORY_MAX] = (struct history_record){
		.id = id, .running = true, .where = "local", .reason = "starting", .exit = -1};
	return id;
}

struct history_record *history_get(struct history *h, uint64_t id)
{
	struct history_record *r = &h->v[id % HISTORY_MAX];

	return r->id == id ? r : NULL;
}

void history_set_source(struct history_record *r, const char *source)
{
	size_t n = strlen(source);

	if (n >= sizeof(r->source))
		source += n - (sizeof(r->source) - 1);
	snprintf(r->source, sizeof(r->source), "%s", source);
	for (char *p = r->source; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = '?';
}

static int print_job(const struct history_record *r, uint64_t now_ms, struct buf *ret)
{
	char status[16] = "-";

	if (r->exit >= 0)
		snprintf(status, sizeof(status), "%d", r->exit);
	return buf_printf(ret, "%llu\t%s\t%s\t%s\t%s\t%llu\t%llu\t%llu\t%llu\t%s\n",
		(unsigned long long)r->id, r->running ? "running" : "done", r->where, r->reason,
		status, (unsigned long long)(r->running ? now_ms - r->start_ms : r->wall_ms),
		(unsigned long long)r->cpu_ms, (unsigned long long)r->bytes_up,
		(unsigned long long)r->bytes_down, r->source[0] ? r->source : "-");
}

static uint64_t first_id(const struct history *h)
{
	return h->last_id > HISTORY_MAX ? h->last_id - HISTORY_MAX + 1 : 1;
}

int history_print_jobs(const struct history *h, uint64_t now_ms, struct buf *ret)
{
	int r = buf_append_str(ret,
		"id\tstate\twhere\treason\texit\twall_ms\tcpu_ms\tbytes_up\tbytes_down\tsource\n");

	for (uint64_t id = first_id(h); r == 0 && id <= h->last_id; id++)
		r = print_job(&h->v[id % HISTORY_MAX], now_ms, ret);
	return r;
}

/* One line of the summary: jobs that share a place and a reason. */
struct group {
	const struct history_record *first;
	uint64_t jobs, failed, wall_ms, cpu_ms, up, down;
};

enum { GROUPS_MAX = 512 };

static struct group *group_of(struct group *v, size_t *n, const struct history_record *r)
{
	for (size_t i = 0; i < *n; i++)
		if (str_eq(v[i].first->where, r->where) && str_eq(v[i].first->reason, r->reason))
			return &v[i];
	if (*n == GROUPS_MAX)
		return NULL;
	v[*n] = (struct group){.first = r};
	return &v[(*n)++];
}

int history_print_stats(const struct history *h, struct buf *ret)
{
	AUTO(util_free) struct group *v = calloc(GROUPS_MAX, sizeof(*v));
	size_t n = 0;
	int r;

	if (!v)
		return -ENOMEM;
	for (uint64_t id = first_id(h); id <= h->last_id; id++) {
		const struct history_record *rec = &h->v[id % HISTORY_MAX];
		struct group *g = rec->running ? NULL : group_of(v, &n, rec);

		if (!g)
			continue;
		g->jobs++;
		g->failed += rec->exit > 0;
		g->wall_ms += rec->wall_ms;
		g->cpu_ms += rec->cpu_ms;
		g->up += rec->bytes_up;
		g->down += rec->bytes_down;
	}
	r = buf_printf(ret, "%-28s %-28s %6s %6s %10s %10s %10s %10s\n", "where", "why", "jobs",
		"failed", "mean ms", "cpp ms", "KiB up", "KiB down");
	for (size_t i = 0; r == 0 && i < n; i++)
		r = buf_printf(ret, "%-28s %-28s %6llu %6llu %10.1f %10.1f %10.1f %10.1f\n",
			v[i].first->where, v[i].first->reason, (unsigned long long)v[i].jobs,
			(unsigned long long)v[i].failed, (double)v[i].wall_ms / (double)v[i].jobs,
			(double)v[i].cpu_ms / (double)v[i].jobs, (double)v[i].up / 1024,
			(double)v[i].down / 1024);
	return r;
}
