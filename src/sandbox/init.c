/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/init.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/util.h"
#include "sandbox/rlimits.h"
#include "sandbox/lookups.h"
#include "sandbox/loopback.h"
#include "sandbox/mountfd.h"
#include "sandbox/privileges.h"
#include "sandbox/tree.h"

uint64_t init_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

struct init {
	const struct image_job *job;
	struct init_shared *shared;
	int to;
	struct tree tree;
	enum sandbox_step step;
	struct lookups *lookups; /* NULL: nobody wants to know */
};

static bool wants_lookups(const struct image_job *job)
{
	return job->plan.lookups && job->lookups_filter_len > 0;
}

static int load_filter(const struct image_job *job)
{
	if (job->filter_len == 0 || !(job->mechanisms & ISOLATION_SECCOMP))
		return 0;
	return privileges_filter(job->filter, job->filter_len);
}

static int wait_for_go(struct init *in)
{
	char go;

	return recv(in->to, &go, 1, 0) == 1 ? 0 : -EPIPE;
}

/* Whoever it is on the host, it is this one here. Without a user namespace: the host's number. */
static int become(struct init *in)
{
	if (in->job->mechanisms & ISOLATION_USER)
		return privileges_become(SANDBOX_UID, SANDBOX_UID);
	return geteuid() == 0 ? privileges_become(in->job->uid, in->job->gid) : 0;
}

static int build_tree(struct init *in)
{
	bool mounts = in->job->mechanisms & ISOLATION_MOUNT;
	int r = 0;

	/* The cgroup that it begins in is its root in there: so not before it has been moved. */
	in->step = SANDBOX_STEP_CLONE;
	if ((in->job->mechanisms & ISOLATION_CGROUPNS) && unshare(CLONE_NEWCGROUP) < 0)
		return -errno;
	in->step = SANDBOX_STEP_PIVOT;
	if (mounts)
		r = mountfd_isolate();
	if (r == 0 && mounts)
		r = tree_open(&in->tree, in->job, &in->step);
	if (r < 0)
		return r;
	in->step = SANDBOX_STEP_IDS;
	r = become(in);
	if (r == 0 && mounts)
		r = tree_build(&in->tree, &in->step);
	if (r < 0)
		return r;
	in->step = SANDBOX_STEP_PIVOT;
	return mounts ? mountfd_pivot(in->tree.root) : 0;
}

static int set_up_kernel_things(struct init *in)
{
	unsigned have = in->job->mechanisms;
	int r = 0;

	in->step = SANDBOX_STEP_NET;
	if (in->job->plan.loopback && (have & ISOLATION_NET))
		r = loopback_up();
	if (r < 0)
		return r;
	in->step = SANDBOX_STEP_HOSTNAME;
	if ((have & ISOLATION_UTS) &&
		(sethostname(SANDBOX_HOSTNAME, strlen(SANDBOX_HOSTNAME)) < 0 ||
			setdomainname("", 0) < 0))
		return -errno;
	in->step = SANDBOX_STEP_LIMITS;
	return rlimits_set(&in->job->plan.limits);
}

/* The tree, for when the job has ended: it cannot be opened from outside of its namespace. */
static int send_tree(struct init *in)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.space = {0}};
	char byte = 't';
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space)};

	if (!(in->job->mechanisms & ISOLATION_MOUNT))
		return 0;
	control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.head), &in->tree.work, sizeof(int));
	return sendmsg(in->to, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* It must not outlive the helper, which may have gone before we asked to be told. */
static int die_with_helper(struct init *in)
{
	char byte;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	if (recv(in->to, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		return -EPIPE;
	return 0;
}

static int confine(struct init *in)
{
	int r;

	in->step = SANDBOX_STEP_PRIVILEGES;
	r = privileges_drop();
	/* Changing users has taken it back, so it is the last thing to do. */
	if (r == 0)
		r = die_with_helper(in);
	if (r < 0)
		return r;
	in->step = SANDBOX_STEP_FILTER;
	/* The filter refuses ptrace: who is to trace the job leaves it to the job's process. */
	return wants_lookups(in->job) ? lookups_new(&in->lookups) : load_filter(in->job);
}

static int enter_cwd(struct init *in)
{
	const struct sandbox_plan *p = &in->job->plan;
	bool host = p->root == SANDBOX_ROOT_HOST;
	const char *top = host ? SANDBOX_WORK_DIR : "/";

	in->step = SANDBOX_STEP_CWD;
	if (!(in->job->mechanisms & ISOLATION_MOUNT))
		top = p->input ? p->input : "/";
	if (chdir(top) < 0 || (p->cwd && *p->cwd && chdir(p->cwd) < 0))
		return -errno;
	return 0;
}

/* execvp for another environment's PATH, without memory of its own: it runs in a vfork's child. */
static int exec_program(const struct sandbox_plan *p)
{
	const char *name = p->argv[0], *path = env_get(p->envp, "PATH");
	int error = ENOENT;

	if (strchr(name, '/')) {
		execve(name, p->argv, p->envp);
		return errno;
	}
	for (path = path ? path : "/usr/bin:/bin"; path; path = strchr(path, ':')) {
		char full[SANDBOX_PATH_MAX];
		int n;

		path += *path == ':';
		n = (int)strcspn(path, ":");
		n = snprintf(full, sizeof(full), "%.*s%s%s", n, path, n > 0 ? "/" : "./", name);
		if (n < 0 || (size_t)n >= sizeof(full))
			continue;
		execve(full, p->argv, p->envp);
		if (errno != ENOENT && errno != ENOTDIR)
			error = errno;
	}
	return error;
}

static void __attribute__((noreturn)) become_job(const struct image_job *job, volatile int *error)
{
	int r = rlimits_set_last(&job->plan.limits);

	setsid();
	*error = r < 0 ? -r : exec_program(&job->plan);
	_exit(127);
}

/* A job whose look-ups are told. It tells the error in memory that it shares. */
static void __attribute__((noreturn))
become_traced_job(const struct image_job *job, struct init_shared *shared)
{
	int r = 0;

	/* Its tracer has no privileges, and reads the names of programs that it looks for. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		r = -errno;
	if (lookups_begin_job() && r == 0)
		r = privileges_filter(job->lookups_filter, job->lookups_filter_len);
	if (r == 0)
		r = load_filter(job);
	if (r < 0) {
		shared->exec_error = -r;
		_exit(127);
	}
	become_job(job, &shared->exec_error);
}

static int start_traced(struct init *in, pid_t *ret_pid)
{
	/* Not vfork, whose child could not be waited for before it is another program. */
	pid_t pid = fork();

	if (pid == 0)
		become_traced_job(in->job, in->shared);
	if (pid < 0)
		return -errno;
	*ret_pid = pid;
	return lookups_watch(in->lookups, pid);
}

static int start(struct init *in, pid_t *ret_pid)
{
	pid_t pid;
	int r;

	in->step = SANDBOX_STEP_EXEC;
	umask(022);
	/* Whatever is open here but 0 to 2 was not meant for the job. */
	r = util_close_range(STDERR_FILENO + 1, ~0U, true);
	if (r < 0)
		return r;
	if (in->lookups)
		return start_traced(in, ret_pid);
	pid = vfork();
	if (pid == 0)
		become_job(in->job, &in->shared->exec_error);
	if (pid < 0)
		return -errno;
	*ret_pid = pid;
	/* Where this libc's vfork is a fork, reap_until finds it. */
	return -in->shared->exec_error;
}

/* Without a namespace of its own for processes, what the program has left is found by its group. */
static void kill_rest(struct init *in, pid_t pid)
{
	if (!(in->job->mechanisms & ISOLATION_PID))
		kill(-pid, SIGKILL);
}

static void reap_until(struct init *in, pid_t pid)
{
	int status;

	for (;;) {
		pid_t got = waitpid(-1, &status, in->lookups ? __WALL : 0);

		if (got > 0 && in->lookups && WIFSTOPPED(status)) {
			lookups_stopped(in->lookups, got, status);
			continue;
		}
		if (got == pid)
			break;
		if (got > 0 && in->lookups)
			lookups_gone(in->lookups, got);
		if (got < 0 && errno != EINTR)
			return;
	}
	if (in->shared->exec_error) {
		in->shared->step = SANDBOX_STEP_EXEC;
		in->shared->error = in->shared->exec_error;
		return;
	}
	in->shared->ended_ns = init_now_ns();
	in->shared->status = status;
	in->shared->ended = true;
	kill_rest(in, pid);
}

void init_run(const struct image_job *job, struct init_shared *shared, int to)
{
	struct init in = {.job = job, .shared = shared, .to = to};
	pid_t pid = 0;
	int r = wait_for_go(&in);

	/* A helper that is gone needs no word of why. */
	if (r < 0)
		_exit(1);
	r = build_tree(&in);
	if (r == 0)
		r = set_up_kernel_things(&in);
	if (r == 0)
		r = send_tree(&in);
	if (r == 0)
		r = confine(&in);
	if (r == 0)
		r = enter_cwd(&in);
	if (r == 0)
		r = start(&in, &pid);
	if (r < 0) {
		shared->step = in.step;
		shared->error = -r;
		_exit(1);
	}
	shared->started_ns = init_now_ns();
	shared->started = true;
	util_close_range(0, STDERR_FILENO, false);
	reap_until(&in, pid);
	/* Without it nothing is known of the job's look-ups, which is no fault of the job. */
	if (in.lookups && lookups_write(in.lookups, job->plan.fd_lookups) < 0)
		(void)!ftruncate(job->plan.fd_lookups, 0);
	_exit(0);
}
