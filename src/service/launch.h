/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "reapi/action.h"
#include "sandbox/sandbox.h"
#include "service/fault.h"
#include "service/service.h"

/*
 * From an action to a job of the sandbox, and from what came of that back to what is said of the
 * action.
 */

/*
 * Which root it wants, and how long it may take. Of platform properties only "distcc-root" (input
 * or host) and OSFamily mean something here; names that begin with "distcc-" and are not known are
 * refused, all others are for other kinds of workers. 0, FAULT.
 */
struct launch {
	enum sandbox_root root;
	uint64_t timeout_ms;
};
int launch_read(const struct service *s, const struct reapi_action *action,
	const struct reapi_command *command, struct launch *ret, struct fault *f) MUST_CHECK;

/* Whether jobs can be isolated here. 0, FAULT. */
int launch_isolated(const struct service *s, struct fault *f) MUST_CHECK;

struct launch_job {
	const struct launch *launch;
	const struct reapi_command *command;
	const char *input; /* absolute path of the input root */
	int out_fd, err_fd;
	int lookups_fd; /* for sandbox_plan.fd_lookups; -1: they are not wanted */
};
/* 0, FAULT. */
int launch_start(const struct service *s, const struct launch_job *job, struct sandbox_run *ret,
	struct fault *f) MUST_CHECK;

/* Whether there is a result to be had, whatever its exit code. 0, FAULT. */
int launch_judge(const struct sandbox_result *result, const struct reapi_command *command,
	struct fault *f) MUST_CHECK;

int launch_exit_code(const struct sandbox_result *result); /* as a shell tells it */
