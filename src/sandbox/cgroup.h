/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/util.h"

/*
 * Control groups: what all processes of a job may use together. Version 2 where it has been
 * delegated to us, version 1 where only that can be written, none where neither.
 *
 *	v2	OURS/distccd        this process (no cgroup may have both members and limits)
 *		OURS/job-N          a job
 *	v1	OURS/distccd-PID/job-N, in the hierarchy of each controller
 *
 * OURS is the cgroup that the process was started in.
 */

enum cgroup_controller { CGROUP_MEMORY, CGROUP_PIDS, CGROUP_CPU, CGROUP_N };
enum { CGROUP_DIRS_MAX = CGROUP_N };

struct cgroups {
	bool v2;
	char *base[CGROUP_N]; /* NULL: not ours to limit. With v2 all that are not are the same */
	unsigned next;
};

#define CGROUPS_INIT                         \
	{                                    \
		.base = { NULL, NULL, NULL } \
	}

/* As root, before dropping to a user: make what cgroups_open will find, and give it away. */
void cgroup_prepare(uid_t uid, gid_t gid);

/* Whatever there is; nothing at all is fine too. -ENOMEM. */
int cgroups_open(struct cgroups *c) MUST_CHECK;
void cgroups_close(struct cgroups *c);               /* removes what is empty */
unsigned cgroups_isolation(const struct cgroups *c); /* of enum isolation */

struct cgroup_limits {
	uint64_t memory_bytes, processes, cpu_percent; /* 0: none */
};

/* One job's. */
struct cgroup {
	char *dirs[CGROUP_DIRS_MAX]; /* the first n; those in which its process is to be put */
	size_t n;
	enum cgroup_controller kind[CGROUP_DIRS_MAX]; /* v1: of each */
	bool v2;
};

int cgroup_make(
	struct cgroups *c, const struct cgroup_limits *limits, struct cgroup *ret) MUST_CHECK;

/* What became of it. */
struct cgroup_usage {
	bool out_of_memory;
	uint64_t memory_peak; /* 0: not known */
};
void cgroup_ask(const struct cgroup *g, struct cgroup_usage *ret);

/* Once its processes are gone. Idempotent. */
void cgroup_remove(struct cgroup *g);
