/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/warden.h"
#include "sandbox/sandbox.h"

/*
 * One compiler that runs: in the sandbox, or as the leader of a process group that the warden
 * guards. The first ends with all that it started; of the second, processes that left the group
 * live on.
 *
 *	process_start ─► poll fd ─► process_collect ─► process_fini
 */
struct process {
	struct warden *warden;   /* of a group */
	struct sandbox *sandbox; /* or this; NULL: a group */
	struct sandbox_run run;
	pid_t pid; /* the leader's, or that of the sandbox's helper; 0: none */
	int fd;    /* polls readable when there may be something to collect */
};

#define PROCESS_INIT                              \
	{                                         \
		.run = SANDBOX_RUN_INIT, .fd = -1 \
	}

struct process_spec {
	const char *path; /* absolute */
	char *const *argv, *const *envp;
	const char *dir; /* where it is started, and all that it may write to */
	int fd_out, fd_err;
	int fd_keep;         /* inherited by a group; -1: none */
	uint64_t file_bytes; /* of each file that it writes */
};

/* -ENOENT, -EACCES, -ENOEXEC: no such program, as far as is known at once; -errno. */
int process_start_group(
	struct process *p, struct warden *w, const struct process_spec *spec) MUST_CHECK;
int process_start_sandboxed(struct process *p, struct sandbox *s, const struct sandbox_plan *base,
	const struct process_spec *spec) MUST_CHECK;

struct process_end {
	int status;  /* wait status */
	int missing; /* an errno: the program cannot be executed, and never was; 0: it ran */
	const char *trouble; /* why status says nothing of the program; NULL: it does */
};

/* 0: no process is left (of a group: that has not left it); PROCESS_RUNS: not yet. */
enum { PROCESS_RUNS = 1 };
int process_collect(struct process *p, struct process_end *ret) MUST_CHECK;

/* The end is still to be collected. A group is asked first (SIGTERM), and may take its time. */
void process_stop(struct process *p);
void process_kill(struct process *p);
void process_abandon(struct process *p); /* killed, and nothing is to be collected */

/* fd is closed: it is to be polled no more. */
void process_fini(struct process *p);
