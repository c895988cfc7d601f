/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/sandbox.h"

static const char *const steps[] = {
	[SANDBOX_STEP_NONE] = "none",
	[SANDBOX_STEP_HELPER] = "helper",
	[SANDBOX_STEP_CLONE] = "clone",
	[SANDBOX_STEP_CGROUP] = "cgroup",
	[SANDBOX_STEP_IDS] = "ids",
	[SANDBOX_STEP_INPUT] = "input",
	[SANDBOX_STEP_SCRATCH] = "scratch",
	[SANDBOX_STEP_OVERLAY] = "overlay",
	[SANDBOX_STEP_HOST] = "host",
	[SANDBOX_STEP_BIND] = "bind",
	[SANDBOX_STEP_MASK] = "mask",
	[SANDBOX_STEP_DEV] = "dev",
	[SANDBOX_STEP_PROC] = "proc",
	[SANDBOX_STEP_PIVOT] = "pivot",
	[SANDBOX_STEP_NET] = "net",
	[SANDBOX_STEP_HOSTNAME] = "hostname",
	[SANDBOX_STEP_LIMITS] = "limits",
	[SANDBOX_STEP_PRIVILEGES] = "privileges",
	[SANDBOX_STEP_FILTER] = "filter",
	[SANDBOX_STEP_CWD] = "cwd",
	[SANDBOX_STEP_EXEC] = "exec",
};

static const char *const limits[] = {
	[SANDBOX_LIMIT_NONE] = "none",
	[SANDBOX_LIMIT_WALL] = "wall",
	[SANDBOX_LIMIT_CPU] = "cpu",
	[SANDBOX_LIMIT_FILE] = "file",
	[SANDBOX_LIMIT_MEMORY] = "memory",
};

const char *sandbox_step_name(enum sandbox_step step)
{
	return (size_t)step < ARRAY_SIZE(steps) ? steps[step] : "unknown";
}

const char *sandbox_limit_name(enum sandbox_limit limit)
{
	return (size_t)limit < ARRAY_SIZE(limits) ? limits[limit] : "unknown";
}
