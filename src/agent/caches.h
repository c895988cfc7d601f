/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "agent/cluster.h"
#include "base/list.h"

/*
 * The cache= servers of hosts lists: results looked up in all of a list's at once, and put into
 * those that are not read-only.
 *
 * A cache never holds a job up for longer than a bounded time: it has wait_ms to say whether it has
 * a result, connection and all, and ten times that to hand it over. One that fails, or takes
 * longer, rests for the back-off period. What is put there is put beside the jobs, and dropped
 * where too much waits.
 */

enum {
	CACHES_GIVING_MAX = 8,       /* results that are under way to caches at once */
	CACHES_WAITING_MAX = 1000,   /* that wait for that */
	CACHES_BYTES_MAX = 64 << 20, /* of all of these */
	CACHES_FETCH_TIMES = 10,
};

struct caches {
	uv_loop_t *loop;
	struct cluster cluster;
	uv_idle_t turn;
	struct list giving, waiting; /* struct gift.link */
	size_t n_giving, n_waiting;
	uint64_t bytes;
};

void caches_init(struct caches *c, uv_loop_t *loop);
/* No look-up may be left; what has not been put yet is dropped. Handles close in the loop's next
 * turns. */
void caches_fini(struct caches *c);

struct caches_params {
	const struct hosts *hosts; /* these must outlive a look-up */
	struct reapi_digest action;
	const char *const *outputs; /* those of the Command */
	size_t n_outputs;
	uint64_t wait_ms, backoff_ms, resolve_ms;
};

struct caches_answer {
	struct rex_result *result; /* NULL: no cache has it; buffers may be taken */
	const struct hosts_entry *from;
	uint64_t bytes_up, bytes_down;
};

struct caches_lookup;
typedef void (*caches_done_fn)(void *data, const struct caches_answer *answer);
/* A cache that was well has failed; for a word to the user. */
typedef void (*caches_failed_fn)(void *data, const struct hosts_entry *cache, const char *name,
	const char *text, const char *detail);

enum { CACHES_NONE = 1 };

/*
 * done is called exactly once, from the loop, never from inside; not at all after cancel. failed
 * may come before it. CACHES_NONE: there is no cache to ask, or all of them rest; -errno.
 */
int caches_look_up(struct caches *c, const struct caches_params *p, caches_done_fn done,
	caches_failed_fn failed, void *data, struct caches_lookup **ret) MUST_CHECK;
void caches_cancel(struct caches_lookup *l);

/* Is there any that takes results? */
bool caches_take(const struct caches *c, const struct hosts *hosts, uint64_t now_ms);
/* Put a copy of r where results are taken, from the loop's next turn on. What fails is not there. */
void caches_give(struct caches *c, const struct caches_params *p, const struct rex_result *r);
