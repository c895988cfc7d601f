/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/* Which mechanisms there are, and which of them this machine grants. A set of these bits. */
enum isolation {
	ISOLATION_USER = 1 << 0,     /* user namespace; as root, jobs are another user without it */
	ISOLATION_MOUNT = 1 << 1,    /* a root of the job's own, pivot_root */
	ISOLATION_PID = 1 << 2,      /* sees its own processes only; all end with the job */
	ISOLATION_NET = 1 << 3,      /* no network */
	ISOLATION_IPC = 1 << 4,      /* System V and POSIX queues of its own */
	ISOLATION_UTS = 1 << 5,      /* a fixed host name */
	ISOLATION_CGROUPNS = 1 << 6, /* does not see its place in the host's cgroups */
	ISOLATION_OVERLAY = 1 << 7,  /* read-only inputs under a writable tree of limited size */
	ISOLATION_PROC = 1 << 8,     /* /proc of its own; without it /proc is empty */
	ISOLATION_SECCOMP = 1 << 9,  /* dangerous system calls are refused */
	/* What a cgroup limits, of all processes of a job together. */
	ISOLATION_MEMORY = 1 << 10,
	ISOLATION_PIDS = 1 << 11,
	ISOLATION_CPU = 1 << 12,
	ISOLATION_CGROUP_V2 = 1 << 13, /* of which kind the three are */
};

#define ISOLATION_ALL ((1U << 14) - 1)
#define ISOLATION_CGROUPS (ISOLATION_MEMORY | ISOLATION_PIDS | ISOLATION_CPU)
/*
 * Without one of these no stranger's program is run: the worker takes text for its own compilers.
 * Without an overlay it takes SANDBOX_INPUT_PRIVATE, and what a job writes has no common limit.
 */
#define ISOLATION_NEEDED (ISOLATION_MOUNT | ISOLATION_PID | ISOLATION_NET | ISOLATION_IPC)

/* Whether jobs that bring their own programs can be run. */
bool isolation_suffices(unsigned set);

/* "user mount pid net ipc uts cgroupns overlay proc seccomp cgroup=v1:memory,pids"; "none";
 * "cgroup=no" where nothing limits all processes together. */
int isolation_print(unsigned set, struct buf *ret) MUST_CHECK;
