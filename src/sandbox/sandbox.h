/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "sandbox/isolation.h"
#include "sandbox/plan.h"

/*
 * Runs jobs isolated, one small helper process (distcc-sandbox) for each. No call blocks for longer
 * than it takes to start a program, but sandbox_new and sandbox_free.
 *
 *	sandbox_new ─► sandbox_start ─► poll run->fd ─► sandbox_collect ─► outputs from result.tree_fd
 *	                    └─► sandbox_kill (any time)                         └─► sandbox_end
 *
 * Threads: a struct sandbox belongs to one thread at a time; the process may have others.
 * If this process dies, however it does, its jobs are killed.
 */
struct sandbox;

struct sandbox_config {
	const char *helper; /* path of distcc-sandbox; NULL: where it is installed */
	/*
	 * As root: who jobs are on the host, not 0. Inputs must be readable, and their directories
	 * writable, for this user (inputroot_options.owner). Otherwise jobs are this process's user.
	 */
	uid_t uid;
	gid_t gid;
	unsigned without; /* mechanisms not to use, of enum isolation: for tests and measurement */
};

/*
 * Tries every mechanism and makes ready what jobs share. Call it as the user that the daemon will
 * be, and where that is not root, sandbox_cgroup_prepare before, while it is.
 * 0 also where nothing can be isolated: ask sandbox_isolation. -ENOENT: no helper; -errno.
 */
int sandbox_new(const struct sandbox_config *c, struct sandbox **ret) MUST_CHECK;
void sandbox_free(struct sandbox *s); /* NULL is fine; waits for the helpers of ended jobs */

unsigned sandbox_isolation(const struct sandbox *s); /* a set of enum isolation */

/* Who owns what jobs write, on the host. */
void sandbox_owner(const struct sandbox *s, uid_t *ret_uid, gid_t *ret_gid);

/*
 * For a daemon that starts as root and drops to a user: a cgroup that this process is moved to and
 * that belongs to the user, where the host lets us. What fails shows later, in sandbox_isolation.
 */
void sandbox_cgroup_prepare(uid_t uid, gid_t gid);

/* One job. Embedded in the caller's; all fields are the sandbox's but fd. */
struct sandbox_run {
	int fd; /* polls readable when sandbox_collect has something; -1: none */
	pid_t pid;
	struct cgroup *cgroup;
	uint64_t cpu_s;
	bool killed, collected;
};

#define SANDBOX_RUN_INIT \
	{                \
		.fd = -1 \
	}

/*
 * 0: it runs, or will soon have failed (see result). -EINVAL, -E2BIG: the plan; -EPERM: what it
 * needs is not isolated here (isolation_suffices; an overlay); -errno: nothing was started.
 */
int sandbox_start(
	struct sandbox *s, const struct sandbox_plan *p, struct sandbox_run *ret) MUST_CHECK;

/* Where a job ended before its program ran. Names for people: sandbox_step_name. */
enum sandbox_step {
	SANDBOX_STEP_NONE,
	SANDBOX_STEP_HELPER, /* it was killed, or could not read the plan */
	SANDBOX_STEP_CLONE,
	SANDBOX_STEP_CGROUP,
	SANDBOX_STEP_IDS,
	SANDBOX_STEP_INPUT, /* the input tree, or a source of a bind, cannot be opened */
	SANDBOX_STEP_SCRATCH,
	SANDBOX_STEP_OVERLAY,
	SANDBOX_STEP_HOST,
	SANDBOX_STEP_BIND,
	SANDBOX_STEP_MASK,
	SANDBOX_STEP_DEV,
	SANDBOX_STEP_PROC,
	SANDBOX_STEP_PIVOT,
	SANDBOX_STEP_NET,
	SANDBOX_STEP_HOSTNAME,
	SANDBOX_STEP_LIMITS,
	SANDBOX_STEP_PRIVILEGES,
	SANDBOX_STEP_FILTER,
	/* From here on it is the job's own fault. */
	SANDBOX_STEP_CWD,
	SANDBOX_STEP_EXEC, /* -ENOENT: no such program (or no such interpreter) */
};

const char *sandbox_step_name(enum sandbox_step step);

/* The limit that ended it, as far as can be told: an exit status alone may be a shell's word. */
enum sandbox_limit {
	SANDBOX_LIMIT_NONE,
	SANDBOX_LIMIT_WALL,
	SANDBOX_LIMIT_CPU,
	SANDBOX_LIMIT_FILE,   /* file_bytes */
	SANDBOX_LIMIT_MEMORY, /* some process of it was killed for want of memory */
};

const char *sandbox_limit_name(enum sandbox_limit limit);

struct sandbox_result {
	enum sandbox_step step; /* not NONE: it never ran, and error (an errno) says why */
	int error;
	int status;  /* wait status of the program */
	bool killed; /* by sandbox_kill */
	enum sandbox_limit limit;
	uint64_t cpu_ns;      /* of all its processes */
	uint64_t max_rss;     /* bytes, of the largest one */
	uint64_t setup_ns;    /* until its program was started */
	uint64_t wall_ns;     /* from there to its end */
	uint64_t memory_peak; /* of all together, where a cgroup counts it; else 0 */
	/* O_PATH of the working tree (HOST) or root (INPUT) as the job left it; -1: none. It is the
	 * caller's to close, before sandbox_end. */
	int tree_fd;
};

/*
 * 0: it is over, no process of it is left, and ret is filled; once. SANDBOX_RUNS: not yet.
 * A helper that was killed is a result too (SANDBOX_STEP_HELPER).
 */
enum { SANDBOX_RUNS = 1 };
int sandbox_collect(
	struct sandbox *s, struct sandbox_run *run, struct sandbox_result *ret) MUST_CHECK;

/* Kill all of it. Idempotent, does not wait: the result still comes. */
void sandbox_kill(struct sandbox_run *run);

/*
 * Done with it (kills what still runs). The helper takes the job's mounts down after this, in its
 * own time; close tree_fd before, or that work is done here.
 */
void sandbox_end(struct sandbox *s, struct sandbox_run *run);
