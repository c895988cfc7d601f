/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/launch.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#include "base/buf.h"

enum { TIMEOUT_MS = 3600 * 1000, PROCESSES = 4096, OPEN_FILES = 4096, SIGNALLED = 128 };
#define FILE_BYTES ((uint64_t)1 << 30)

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
	return value ? value : otherwise;
}

static int take_property(const struct reapi_property *p, struct launch *l, struct fault *f)
{
	if (str_eq(p->name, "OSFamily") && strcasecmp(p->value, "linux") != 0)
		return fault_set(f, RPC_FAILED_PRECONDITION,
			"platform OSFamily=%.64s: this worker is a Linux machine", p->value);
	if (!str_starts(p->name, "distcc-"))
		return 0;
	if (!str_eq(p->name, "distcc-root"))
		return fault_set(f, RPC_FAILED_PRECONDITION,
			"platform %.64s: this worker does not know that property", p->name);
	if (str_eq(p->value, "input"))
		l->root = SANDBOX_ROOT_INPUT;
	else if (str_eq(p->value, "host"))
		l->root = SANDBOX_ROOT_HOST;
	else
		return fault_set(f, RPC_FAILED_PRECONDITION,
			"platform distcc-root=%.64s: it can be input or host", p->value);
	return 0;
}

int launch_read(const struct service *s, const struct reapi_action *action,
	const struct reapi_command *command, struct launch *ret, struct fault *f)
{
	bool own = action->has_platform;
	const struct reapi_property *p = own ? action->properties : command->properties;
	size_t n = own ? action->n_properties : command->n_properties;
	uint64_t max = or_default(s->limits.timeout_ms, TIMEOUT_MS);
	struct launch l = {.root = SANDBOX_ROOT_HOST, .timeout_ms = max};
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = take_property(&p[i], &l, f);
	if (r != 0)
		return r;
	if (action->timeout_ms > max)
		return fault_set(f, RPC_INVALID_ARGUMENT,
			"the timeout is longer than this worker's maximum of %llu s",
			(unsigned long long)(max / 1000));
	if (action->timeout_ms > 0)
		l.timeout_ms = action->timeout_ms;
	*ret = l;
	return 0;
}

int launch_isolated(const struct service *s, struct fault *f)
{
	AUTO(buf_fini) struct buf there = BUF_INIT;

	if (!s->sandbox)
		return fault_set(f, RPC_FAILED_PRECONDITION, "this worker runs no jobs");
	if (isolation_suffices(sandbox_isolation(s->sandbox)))
		return 0;
	if (isolation_print(sandbox_isolation(s->sandbox), &there) < 0)
		buf_clear(&there);
	return fault_set(f, RPC_FAILED_PRECONDITION,
		"this worker cannot isolate jobs that bring their own programs (it has: %s)",
		buf_str(&there));
}

int launch_start(const struct service *s, const struct launch_job *job, struct sandbox_run *ret,
	struct fault *f)
{
	const struct service_limits *l = &s->limits;
	bool overlay = sandbox_isolation(s->sandbox) & ISOLATION_OVERLAY;
	const char *dir = job->command->working_directory;
	const struct sandbox_plan plan = {
		.root = job->launch->root,
		.inputs = overlay ? SANDBOX_INPUT_OVERLAY : SANDBOX_INPUT_PRIVATE,
		.input = job->input,
		.masks = s->masks,
		.n_masks = job->launch->root == SANDBOX_ROOT_HOST ? s->n_masks : 0,
		.argv = job->command->arguments,
		.envp = job->command->environment,
		.cwd = *dir ? dir : NULL,
		.fd_in = -1,
		.fd_out = job->out_fd,
		.fd_err = job->err_fd,
		.lookups = job->lookups_fd >= 0,
		.fd_lookups = job->lookups_fd,
		.limits =
			{
				.wall_ms = job->launch->timeout_ms,
				.file_bytes = or_default(l->file_bytes, FILE_BYTES),
				.scratch_bytes = l->scratch_bytes,
				.scratch_files = l->scratch_files,
				.processes = or_default(l->processes, PROCESSES),
				.open_files = or_default(l->open_files, OPEN_FILES),
				.memory_bytes = l->memory_bytes,
			},
	};
	int r = sandbox_start(s->sandbox, &plan, ret);

	switch (r) {
	case 0:
		return 0;
	case -EPERM:
		return fault_set(f, RPC_FAILED_PRECONDITION,
			"this worker cannot isolate jobs that bring their own programs");
	case -EINVAL:
	case -E2BIG:
		return fault_set(f, RPC_INVALID_ARGUMENT,
			"the command cannot be run as it is: its arguments, environment or "
			"directory are too long");
	default:
		return fault_errno(f, r, "a job could not be started");
	}
}

static int judge_step(
	const struct sandbox_result *result, const struct reapi_command *command, struct fault *f)
{
	switch (result->step) {
	case SANDBOX_STEP_CWD:
		return fault_set(f, RPC_INVALID_ARGUMENT, "working directory %.256s: %s",
			command->working_directory, strerror(result->error));
	case SANDBOX_STEP_EXEC:
		if (result->error == ENOMEM || result->error == EAGAIN || result->error == E2BIG)
			return fault_errno(f, result->error, "the program could not be started");
		return fault_set(f, RPC_FAILED_PRECONDITION, "%.256s cannot be run here: %s",
			command->arguments[0], strerror(result->error));
	case SANDBOX_STEP_HELPER:
		return fault_set(f, RPC_UNAVAILABLE, "the job's keeper is gone");
	default:
		return fault_errno(f, result->error, sandbox_step_name(result->step));
	}
}

int launch_judge(
	const struct sandbox_result *result, const struct reapi_command *command, struct fault *f)
{
	if (result->step != SANDBOX_STEP_NONE)
		return judge_step(result, command, f);
	switch (result->limit) {
	case SANDBOX_LIMIT_NONE:
		return 0;
	case SANDBOX_LIMIT_WALL:
		return fault_set(f, RPC_DEADLINE_EXCEEDED, "the job took longer than its timeout");
	case SANDBOX_LIMIT_CPU:
		return fault_set(f, RPC_DEADLINE_EXCEEDED, "the job used up its processor time");
	case SANDBOX_LIMIT_FILE:
		return fault_set(f, RPC_RESOURCE_EXHAUSTED,
			"the job wrote a file larger than this worker allows");
	case SANDBOX_LIMIT_MEMORY:
		return fault_set(f, RPC_RESOURCE_EXHAUSTED,
			"the job needed more memory than this worker allows");
	}
	return fault_set(f, RPC_INTERNAL, "the job ended by an unknown limit");
}

int launch_exit_code(const struct sandbox_result *result)
{
	if (WIFEXITED(result->status))
		return WEXITSTATUS(result->status);
	return SIGNALLED + WTERMSIG(result->status);
}
