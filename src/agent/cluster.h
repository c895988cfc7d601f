/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/rex.h"
#include "sched/hosts.h"

/*
 * Servers of Remote Execution, or of its caches: one connection to each, shared by all jobs. Two
 * entries of hosts lists that lead to the same server with the same files are one here. One that
 * turned out not to speak it (an old distccd, one without --store), or that failed, is not asked
 * again for a while.
 */
enum { CLUSTER_MAX = HOSTS_MAX, CLUSTER_RETRY_MS = 600 * 1000, CLUSTER_MUTE_MS = 5000 };

struct cluster_host;

struct cluster {
	struct cluster_host *v;
	size_t n, cap;
	bool caches; /* they need not execute */
	bool texts;  /* they execute on a machine of their own, whatever its root is */
};

struct cluster_times {
	uint64_t resolve_ms, connect_ms, io_ms;
};

/* May this host be asked, as far as is known? */
bool cluster_may_ask(const struct cluster *c, const struct hosts_entry *e, uint64_t now_ms);
/* Not until then. True: it was well before, so that this is worth a word. */
bool cluster_rest(struct cluster *c, const struct hosts_entry *e, uint64_t until_ms);
/*
 * It ended the connection before it said a word: an old distccd, or a network that broke. It rests
 * for CLUSTER_MUTE_MS, and twice as long each time that it does so again, up to CLUSTER_RETRY_MS.
 */
void cluster_rest_mute(struct cluster *c, const struct hosts_entry *e, uint64_t now_ms);
/* It answered. */
void cluster_is_well(struct cluster *c, const struct hosts_entry *e);

/* The same for giving it results, which not every cache takes from everybody. */
bool cluster_may_give(const struct cluster *c, const struct hosts_entry *e, uint64_t now_ms);
void cluster_rest_giving(struct cluster *c, const struct hosts_entry *e, uint64_t until_ms);

/* Its connection, made when it is first needed. -ENOMEM, -E2BIG. */
int cluster_get(struct cluster *c, uv_loop_t *loop, const struct hosts_entry *e,
	const struct cluster_times *times, struct rex **ret) MUST_CHECK;

/* No run may be left; handles close in the loop's next turns. */
void cluster_fini(struct cluster *c);
