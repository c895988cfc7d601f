/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cas/ac.h"
#include "cas/store.h"
#include "rpc/session.h"

/*
 * What a worker counts, and how it is told as OpenMetrics 1.0 text. All of it belongs to the thread
 * of the loop: counting is an addition, printing happens there too.
 *
 * What others count already (the store, the action cache, the queue) is not counted again: it comes
 * in struct metrics_now when metrics are printed. Cardinality is bounded: by the enumerations here,
 * and for RPCs by the method table; a call to anything else counts as method "other".
 */

enum metrics_protocol {
	METRICS_DISTCC,
	METRICS_GRPC,
	METRICS_GRPC_TLS,
	METRICS_PAGES,
	METRICS_UNKNOWN, /* gone, or hopeless, before it had said which */
	METRICS_PROTOCOLS,
};

/* How a job ended. */
enum metrics_outcome {
	METRICS_JOB_OK,        /* exit status 0 */
	METRICS_JOB_EXITED,    /* another exit status */
	METRICS_JOB_KILLED,    /* by a signal, or over a limit of memory or space */
	METRICS_JOB_TIMED_OUT, /* over a limit of time */
	METRICS_JOB_CANCELLED, /* its client went away, or said so */
	METRICS_JOB_REFUSED,   /* not run: not allowed, not understood, inputs missing */
	METRICS_JOB_CACHED,    /* not run: its result was in the action cache */
	METRICS_JOB_MERGED,    /* not run: the same action was already under way */
	METRICS_JOB_ERROR,     /* through a fault of ours */
	METRICS_OUTCOMES,
};

enum {
	METRICS_METHODS_MAX = 64,
	METRICS_BUCKETS_MAX = 20,
	METRICS_TEXT_MAX = 1 << 20,
	/* For throughput: jobs in the last minutes, in steps of this many seconds. */
	METRICS_STEP_S = 15,
	METRICS_STEPS = 61,
};

struct metrics_histogram {
	const double *bounds; /* seconds, rising */
	size_t n;
	uint64_t counts[METRICS_BUCKETS_MAX + 1]; /* the last: above all bounds */
	double sum;
};

struct metrics_method {
	const char *path; /* "/package.Service/Method"; "other" */
	uint64_t calls[RPC_STATUS_COUNT];
	uint64_t bytes_in, bytes_out;
	struct metrics_histogram seconds;
};

struct metrics {
	uint64_t started_ms;            /* on the loop's clock */
	int64_t started_at;             /* seconds since 1970 */
	struct metrics_method *methods; /* sorted; the last is "other" */
	size_t n_methods;
	uint64_t clients[METRICS_PROTOCOLS]; /* that came, ever */
	uint64_t clients_open[METRICS_PROTOCOLS];
	uint64_t clients_refused;
	uint64_t bytes_in, bytes_out; /* of all connections */
	uint64_t jobs[METRICS_PROTOCOLS][METRICS_OUTCOMES];
	struct metrics_histogram job_seconds, sandbox_seconds, wait_seconds;
	uint32_t steps[METRICS_STEPS];
	uint64_t step_at; /* number of the step that steps[step_at % METRICS_STEPS] counts */
};

/* methods: the table that sessions serve (sorted, its paths outlive m). now_ms: the loop's clock;
 * at: seconds since 1970. -ENOMEM; -E2BIG: over METRICS_METHODS_MAX. */
int metrics_init(struct metrics *m, const struct rpc_method *methods, size_t n, uint64_t now_ms,
	int64_t at) MUST_CHECK;
void metrics_fini(struct metrics *m);

/* --- counting --- */

/* A connection came, METRICS_UNKNOWN at first; now it is known what it is; it is gone. It counts as
 * come (metrics->clients) once it is known, or gone. */
void metrics_client_came(struct metrics *m);
void metrics_client_is(struct metrics *m, enum metrics_protocol p);
void metrics_client_gone(struct metrics *m, enum metrics_protocol p);

/* A job is over: where it ran, run_ms from its start to its end. */
void metrics_job(struct metrics *m, enum metrics_protocol p, enum metrics_outcome o,
	uint64_t run_ms, uint64_t now_ms);
void metrics_waited(struct metrics *m, uint64_t ms); /* for a slot */
void metrics_sandbox(struct metrics *m, uint64_t setup_ns);
/* To be struct rpc_owner's call_ended, with the struct metrics as data, or called from it. */
void metrics_rpc(const struct rpc_call_stats *stats, void *metrics);

/* Jobs that ended in the last seconds, at most 900. */
uint64_t metrics_recent(const struct metrics *m, unsigned seconds, uint64_t now_ms);
uint64_t metrics_jobs(const struct metrics *m, enum metrics_outcome o); /* of all protocols */

/* --- telling --- */

struct metrics_now {
	uint64_t now_ms;
	const char *version;
	unsigned slots, slots_used, queue;
	bool draining;
	uint64_t memory_held, memory_max; /* struct quota */
	const struct cas_stats *store;    /* NULL: there is none */
	const struct ac_stats *actions;   /* NULL: there is none */
};

#define METRICS_CONTENT_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Append all of it, "# EOF" included. -ENOMEM, -E2BIG. */
int metrics_print(
	const struct metrics *m, const struct metrics_now *now, struct buf *ret) MUST_CHECK;

/* "distcc", "grpc", …; "ok", "exited", … */
const char *metrics_protocol_name(enum metrics_protocol p);
const char *metrics_outcome_name(enum metrics_outcome o);
