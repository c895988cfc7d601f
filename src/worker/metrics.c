/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Counting only: what is told is in metrics_print.c.
 *
 * Throughput is kept as a ring of steps of METRICS_STEP_S seconds, each with the jobs that ended in
 * it. The ring has one step more than is ever asked for, so the step under way never hides an old
 * one; steps in which nothing happened are cleared when the next job ends.
 */

#include "worker/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MS = 1000 };

static const double rpc_bounds[] = {
	0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300};
static const double job_bounds[] = {
	0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800};
static const double setup_bounds[] = {
	0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1, 5};

#define HISTOGRAM(bounds_) \
	((struct metrics_histogram){.bounds = (bounds_), .n = ARRAY_SIZE(bounds_)})

_Static_assert(ARRAY_SIZE(rpc_bounds) <= METRICS_BUCKETS_MAX, "buckets");
_Static_assert(ARRAY_SIZE(job_bounds) <= METRICS_BUCKETS_MAX, "buckets");
_Static_assert(ARRAY_SIZE(setup_bounds) <= METRICS_BUCKETS_MAX, "buckets");

static void observe(struct metrics_histogram *h, double seconds)
{
	size_t i = 0;

	while (i < h->n && seconds > h->bounds[i])
		i++;
	h->counts[i]++;
	h->sum += seconds;
}

int metrics_init(
	struct metrics *m, const struct rpc_method *methods, size_t n, uint64_t now_ms, int64_t at)
{
	if (n > METRICS_METHODS_MAX)
		return -E2BIG;
	*m = (struct metrics){.started_ms = now_ms,
		.started_at = at,
		.n_methods = n + 1,
		.job_seconds = HISTOGRAM(job_bounds),
		.wait_seconds = HISTOGRAM(job_bounds),
		.sandbox_seconds = HISTOGRAM(setup_bounds)};
	m->methods = calloc(n + 1, sizeof(*m->methods));
	if (!m->methods)
		return -ENOMEM;
	for (size_t i = 0; i <= n; i++) {
		m->methods[i].path = i < n ? methods[i].path : "other";
		m->methods[i].seconds = HISTOGRAM(rpc_bounds);
	}
	return 0;
}

void metrics_fini(struct metrics *m)
{
	free(m->methods);
	*m = (struct metrics){0};
}

/* ---- clients ---- */

void metrics_client_came(struct metrics *m)
{
	m->clients_open[METRICS_UNKNOWN]++;
}

void metrics_client_is(struct metrics *m, enum metrics_protocol p)
{
	m->clients_open[METRICS_UNKNOWN]--;
	m->clients_open[p]++;
	m->clients[p]++;
}

void metrics_client_gone(struct metrics *m, enum metrics_protocol p)
{
	m->clients_open[p]--;
	if (p == METRICS_UNKNOWN)
		m->clients[p]++;
}

/* ---- jobs ---- */

static uint64_t step_of(const struct metrics *m, uint64_t now_ms)
{
	return now_ms > m->started_ms ? (now_ms - m->started_ms) / (METRICS_STEP_S * MS) : 0;
}

static void count_recent(struct metrics *m, uint64_t now_ms)
{
	uint64_t step = MAX(step_of(m, now_ms), m->step_at);

	if (step - m->step_at >= METRICS_STEPS)
		memset(m->steps, 0, sizeof(m->steps));
	else
		for (uint64_t s = m->step_at + 1; s <= step; s++)
			m->steps[s % METRICS_STEPS] = 0;
	m->step_at = step;
	m->steps[step % METRICS_STEPS]++;
}

uint64_t metrics_recent(const struct metrics *m, unsigned seconds, uint64_t now_ms)
{
	uint64_t now = MAX(step_of(m, now_ms), m->step_at), sum = 0;
	uint64_t steps = MIN((seconds + METRICS_STEP_S - 1) / METRICS_STEP_S, METRICS_STEPS - 1);

	for (uint64_t i = 0; i <= steps && i <= now; i++) {
		uint64_t step = now - i;

		/* Later than the last job, or so old that a newer step has its place. */
		if (step <= m->step_at && m->step_at - step < METRICS_STEPS)
			sum += m->steps[step % METRICS_STEPS];
	}
	return sum;
}

void metrics_job(struct metrics *m, enum metrics_protocol p, enum metrics_outcome o,
	uint64_t run_ms, uint64_t now_ms)
{
	m->jobs[p][o]++;
	/* What did not run took no time, and is not throughput. */
	if (o == METRICS_JOB_REFUSED || o == METRICS_JOB_CACHED || o == METRICS_JOB_MERGED)
		return;
	observe(&m->job_seconds, (double)run_ms / MS);
	count_recent(m, now_ms);
}

uint64_t metrics_jobs(const struct metrics *m, enum metrics_outcome o)
{
	uint64_t sum = 0;

	for (size_t p = 0; p < METRICS_PROTOCOLS; p++)
		sum += m->jobs[p][o];
	return sum;
}

void metrics_waited(struct metrics *m, uint64_t ms)
{
	observe(&m->wait_seconds, (double)ms / MS);
}

void metrics_sandbox(struct metrics *m, uint64_t setup_ns)
{
	observe(&m->sandbox_seconds, (double)setup_ns / 1e9);
}

/* ---- calls ---- */

static int by_path(const void *path, const void *method)
{
	return strcmp(path, ((const struct metrics_method *)method)->path);
}

void metrics_rpc(const struct rpc_call_stats *stats, void *metrics)
{
	struct metrics *m = metrics;
	struct metrics_method *method = NULL;
	size_t n = m->n_methods - 1;

	if (stats->path)
		method = bsearch(stats->path, m->methods, n, sizeof(*m->methods), by_path);
	if (!method)
		method = &m->methods[n];
	method->calls[(unsigned)stats->status < RPC_STATUS_COUNT ? stats->status : RPC_UNKNOWN]++;
	method->bytes_in += stats->bytes_in;
	method->bytes_out += stats->bytes_out;
	observe(&method->seconds, (double)stats->duration_ms / MS);
}

/* ---- names ---- */

const char *metrics_protocol_name(enum metrics_protocol p)
{
	static const char *const names[METRICS_PROTOCOLS] = {
		[METRICS_DISTCC] = "distcc",
		[METRICS_GRPC] = "grpc",
		[METRICS_GRPC_TLS] = "grpc-tls",
		[METRICS_PAGES] = "pages",
		[METRICS_UNKNOWN] = "unknown",
	};

	return names[p];
}

const char *metrics_outcome_name(enum metrics_outcome o)
{
	static const char *const names[METRICS_OUTCOMES] = {
		[METRICS_JOB_OK] = "ok",
		[METRICS_JOB_EXITED] = "exited",
		[METRICS_JOB_KILLED] = "killed",
		[METRICS_JOB_TIMED_OUT] = "timed-out",
		[METRICS_JOB_CANCELLED] = "cancelled",
		[METRICS_JOB_REFUSED] = "refused",
		[METRICS_JOB_CACHED] = "cached",
		[METRICS_JOB_MERGED] = "merged",
		[METRICS_JOB_ERROR] = "error",
	};

	return names[o];
}
