/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/process.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/log.h"

/* Resource limits are inherited and cannot be set on the way: ours are other ones for a moment. */
static int spawn_limited(const struct child_spec *spec, uint64_t file_bytes, pid_t *ret_pid)
{
	struct rlimit old, limited;
	bool limit = getrlimit(RLIMIT_FSIZE, &old) == 0;
	int r;

	if (limit) {
		limited = old;
		limited.rlim_cur = MIN(old.rlim_cur, (rlim_t)file_bytes);
		limit = setrlimit(RLIMIT_FSIZE, &limited) == 0;
	}
	r = child_spawn(spec, ret_pid);
	if (limit)
		setrlimit(RLIMIT_FSIZE, &old);
	return r;
}

int process_start_group(struct process *p, struct warden *w, const struct process_spec *spec)
{
	const struct child_spec child = {.path = spec->path,
		.argv = spec->argv,
		.envp = spec->envp,
		.cwd = spec->dir,
		.fd_in = -1,
		.fd_out = spec->fd_out,
		.fd_err = spec->fd_err,
		.keep = {spec->fd_keep},
		.n_keep = spec->fd_keep >= 0 ? 1 : 0,
		.new_group = true};
	int r = spawn_limited(&child, spec->file_bytes, &p->pid);

	if (r < 0)
		return r;
	p->warden = w;
	warden_guard_group(w, p->pid);
	r = child_pidfd(p->pid, &p->fd);
	if (r < 0)
		process_abandon(p);
	return r;
}

int process_start_sandboxed(struct process *p, struct sandbox *s, const struct sandbox_plan *base,
	const struct process_spec *spec)
{
	AUTO(util_free) struct sandbox_bind *binds = calloc(base->n_binds + 1, sizeof(*binds));
	struct sandbox_plan plan = *base;
	int r;

	if (!binds)
		return -ENOMEM;
	/* The same place as out here: its name may be in what the compiler writes. */
	binds[0] =
		(struct sandbox_bind){.source = spec->dir, .target = spec->dir, .writable = true};
	plan.binds = binds;
	plan.n_binds = 1;
	for (size_t i = 0; i < base->n_binds; i++)
		if (access(base->binds[i].source, R_OK | X_OK) == 0)
			binds[plan.n_binds++] = base->binds[i];
	plan.argv = spec->argv;
	plan.envp = spec->envp;
	plan.cwd = spec->dir;
	plan.fd_in = -1;
	plan.fd_out = spec->fd_out;
	plan.fd_err = spec->fd_err;
	plan.limits.file_bytes = spec->file_bytes;
	r = sandbox_start(s, &plan, &p->run);
	if (r < 0)
		return r;
	p->sandbox = s;
	p->pid = p->run.pid;
	p->fd = p->run.fd;
	return 0;
}

static int collect_group(struct process *p, struct process_end *ret)
{
	int status;
	pid_t pid;

	/*
	 * Those of its group that it left behind. Before it is waited for: while its leader is a
	 * zombie, the group's number is still its own.
	 */
	child_kill_group(p->pid, SIGKILL);
	do
		pid = waitpid(p->pid, &status, 0);
	while (pid < 0 && errno == EINTR);
	warden_release_group(p->warden, p->pid);
	if (pid < 0)
		ret->trouble = "the compiler's status is lost";
	else
		ret->status = status & 0xffff;
	return 0;
}

static bool is_missing(int error)
{
	return error == ENOENT || error == EACCES || error == ENOEXEC;
}

static int collect_sandboxed(struct process *p, struct process_end *ret)
{
	struct sandbox_result result;
	int r = sandbox_collect(p->sandbox, &p->run, &result);

	if (r == SANDBOX_RUNS)
		return PROCESS_RUNS;
	if (r < 0) {
		ret->trouble = "the compiler's status is lost";
		return 0;
	}
	util_close(&result.tree_fd);
	ret->status = result.status & 0xffff;
	if (result.step == SANDBOX_STEP_EXEC && is_missing(result.error))
		ret->missing = result.error;
	else if (result.limit == SANDBOX_LIMIT_MEMORY)
		ret->trouble = "the compiler needs more memory than this worker allows";
	else if (result.step != SANDBOX_STEP_NONE)
		ret->trouble = "the compiler could not be put into its sandbox";
	if (result.step != SANDBOX_STEP_NONE && !ret->missing && !result.killed)
		log_event(LOG_LEVEL_ERROR, "job-sandbox", "%s: errno=%d",
			sandbox_step_name(result.step), result.error);
	return 0;
}

int process_collect(struct process *p, struct process_end *ret)
{
	*ret = (struct process_end){.status = 0};
	return p->sandbox ? collect_sandboxed(p, ret) : collect_group(p, ret);
}

void process_stop(struct process *p)
{
	if (p->sandbox)
		sandbox_kill(&p->run);
	else
		child_kill_group(p->pid, SIGTERM);
}

void process_kill(struct process *p)
{
	if (p->sandbox)
		sandbox_kill(&p->run);
	else
		child_kill_group(p->pid, SIGKILL);
}

void process_abandon(struct process *p)
{
	process_kill(p);
	if (p->sandbox)
		return; /* process_fini sees to the rest */
	waitpid(p->pid, NULL, 0);
	warden_release_group(p->warden, p->pid);
	p->pid = 0;
}

void process_fini(struct process *p)
{
	if (p->sandbox)
		sandbox_end(p->sandbox, &p->run);
	else
		util_close(&p->fd);
	p->fd = -1;
}
