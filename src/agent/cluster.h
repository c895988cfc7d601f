/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/rex.h"
#include "sched/hosts.h"

/*
 * Which hosts speak Remote Execution: one connection to each, shared by all jobs. A host that turned
 * out not to (an old distccd, one without --store) is not asked again for a while.
 */
enum { CLUSTER_MAX = HOSTS_MAX, CLUSTER_RETRY_MS = 600 * 1000 };

struct cluster_host;

struct cluster {
	struct cluster_host *v;
	size_t n, cap;
};

struct cluster_times {
	uint64_t resolve_ms, connect_ms, io_ms;
};

/* May this host be asked, as far as is known? */
bool cluster_may_ask(const struct cluster *c, const struct hosts_entry *e, uint64_t now_ms);
/* It does not. */
void cluster_refused(struct cluster *c, const struct hosts_entry *e, uint64_t now_ms);

/* Its connection, made when it is first needed. -ENOMEM, -E2BIG. */
int cluster_get(struct cluster *c, uv_loop_t *loop, const struct hosts_entry *e,
	const struct cluster_times *times, struct rex **ret) MUST_CHECK;

/* No run may be left; handles close in the loop's next turns. */
void cluster_fini(struct cluster *c);
