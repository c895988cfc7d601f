/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/probe.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { PROBE_MS = 10000, PROBE_MEMORY = 256 << 20, PROBE_PROCESSES = 16 };

static const unsigned namespaces[] = {ISOLATION_USER, ISOLATION_MOUNT, ISOLATION_PID, ISOLATION_NET,
	ISOLATION_IPC, ISOLATION_UTS, ISOLATION_CGROUPNS};

static int try(struct sandbox *s, unsigned set, enum sandbox_step *ret_step)
{
	static char program[] = "/nonexistent/program";
	static char *const argv[] = {program, NULL};
	static char *const envp[] = {NULL};
	static const char *const hosts[] = {SANDBOX_HOST_PATHS};
	/* Nothing is written. */
	const char *lower = access("/usr", X_OK) == 0 ? "/usr" : "/";
	const struct sandbox_plan plan = {
		.root = SANDBOX_ROOT_HOST,
		.host_paths = hosts,
		.n_host_paths = ARRAY_SIZE(hosts),
		.input = set & ISOLATION_OVERLAY ? lower : NULL,
		.argv = argv,
		.envp = envp,
		.fd_in = -1,
		.fd_out = -1,
		.fd_err = -1,
		.limits = {.wall_ms = PROBE_MS,
			.memory_bytes = PROBE_MEMORY,
			.processes = PROBE_PROCESSES,
			.cpu_percent = 100},
	};
	struct sandbox_run run = SANDBOX_RUN_INIT;
	struct sandbox_result result;
	struct pollfd fd;
	int r = probe_start(s, &plan, set, &run);

	if (r < 0)
		return r;
	fd = (struct pollfd){.fd = run.fd, .events = POLLIN};
	do {
		while (poll(&fd, 1, -1) < 0 && errno == EINTR)
			;
		r = sandbox_collect(s, &run, &result);
	} while (r == SANDBOX_RUNS);
	if (r == 0) {
		util_close(&result.tree_fd);
		*ret_step = result.step;
	}
	sandbox_end(s, &run);
	return r;
}

/* The kernel said no to all namespaces together: which of them is it? */
static int drop_refused_namespaces(struct sandbox *s, unsigned *set)
{
	unsigned user = *set & ISOLATION_USER, granted = 0;

	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
		enum sandbox_step step;
		int r;

		/* By itself, beside the user namespace that a user needs for the others. */
		if (!(*set & namespaces[i]) || namespaces[i] == ISOLATION_MOUNT)
			continue;
		r = try(s, user | namespaces[i], &step);
		if (r < 0)
			return r;
		if (step == SANDBOX_STEP_EXEC)
			granted |= namespaces[i];
		if (namespaces[i] == ISOLATION_USER)
			user = granted;
	}
	granted |= *set & ISOLATION_MOUNT;
	for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++)
		if (!(granted & namespaces[i]))
			*set &= ~namespaces[i];
	return 0;
}

/* What a job has to do without that did not get past this step. 0: nothing would help. */
static unsigned mechanism_of(enum sandbox_step step)
{
	switch (step) {
	case SANDBOX_STEP_IDS:
		return ISOLATION_USER;
	case SANDBOX_STEP_CGROUP:
		return ISOLATION_CGROUPS | ISOLATION_CGROUP_V2;
	case SANDBOX_STEP_OVERLAY:
		return ISOLATION_OVERLAY;
	case SANDBOX_STEP_PROC:
		return ISOLATION_PROC;
	case SANDBOX_STEP_NET:
		return ISOLATION_NET;
	case SANDBOX_STEP_HOSTNAME:
		return ISOLATION_UTS;
	case SANDBOX_STEP_FILTER:
		return ISOLATION_SECCOMP;
	case SANDBOX_STEP_CLONE:
	case SANDBOX_STEP_INPUT:
	case SANDBOX_STEP_SCRATCH:
	case SANDBOX_STEP_HOST:
	case SANDBOX_STEP_BIND:
	case SANDBOX_STEP_MASK:
	case SANDBOX_STEP_DEV:
	case SANDBOX_STEP_PIVOT:
		return ISOLATION_MOUNT | ISOLATION_OVERLAY | ISOLATION_PROC;
	default:
		return 0;
	}
}

int probe_isolation(struct sandbox *s, unsigned *set)
{
	unsigned have = *set;

	for (;;) {
		enum sandbox_step step;
		unsigned before = have;
		int r = try(s, have, &step);

		if (r < 0)
			return r;
		if (step == SANDBOX_STEP_EXEC || step == SANDBOX_STEP_CWD)
			break;
		if (step == SANDBOX_STEP_CLONE) {
			r = drop_refused_namespaces(s, &have);
			if (r < 0)
				return r;
		}
		if (have == before)
			have &= ~mechanism_of(step);
		if (have == before) {
			have = 0;
			break;
		}
	}
	if (!(have & ISOLATION_MOUNT))
		have &= ~(unsigned)(ISOLATION_OVERLAY | ISOLATION_PROC);
	*set = have;
	return 0;
}
