/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The daemon's side: a plan becomes an image in a memory file, which a helper reads that is
 * started with the job's 0, 1 and 2 as its own; helper.c goes on from there. One socket for each
 * job says everything else:
 *
 *	helper ─► us	one report, when all of the job is gone; the job's tree is with it
 *	us ─► helper	our writing half closed: kill it; all closed: we are done
 *
 * A helper whose socket was closed still takes mounts down. It lingers in a list and is waited for
 * at the next occasion, so nobody blocks.
 */

#include "sandbox/sandbox.h"

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fs.h"
#include "sandbox/cgroup.h"
#include "sandbox/filter.h"
#include "sandbox/image.h"
#include "sandbox/probe.h"

enum { LINGERING_MAX = 4096, NOBODY = 65534 };

struct lingering {
	pid_t pid;
	struct cgroup *cgroup;
};

struct sandbox {
	char *helper;
	uid_t uid;
	gid_t gid;
	unsigned isolation, without;
	struct buf filter, filter_network, filter_lookups;
	struct cgroups cgroups;
	struct lingering lingering[LINGERING_MAX];
	size_t n_lingering;
};

static const char *const default_host_paths[] = {SANDBOX_HOST_PATHS};

static void cgroup_free(struct cgroup *g)
{
	if (g)
		cgroup_remove(g);
	free(g);
}

/* Wait for helpers that have ended, or (block) that will. */
static void reap_lingering(struct sandbox *s, bool block)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n_lingering; i++) {
		struct lingering *l = &s->lingering[i];
		pid_t got;

		do
			got = waitpid(l->pid, NULL, block ? 0 : WNOHANG);
		while (got < 0 && errno == EINTR);
		if (got == 0)
			s->lingering[kept++] = *l;
		else
			cgroup_free(l->cgroup);
	}
	s->n_lingering = kept;
}

static void linger(struct sandbox *s, pid_t pid, struct cgroup *cgroup)
{
	reap_lingering(s, false);
	/* So many that are not done yet: then it is time to wait for them. */
	if (s->n_lingering == LINGERING_MAX)
		reap_lingering(s, true);
	s->lingering[s->n_lingering++] = (struct lingering){.pid = pid, .cgroup = cgroup};
}

static int fill(struct sandbox *s, const struct sandbox_config *c)
{
	int r;

	s->helper = strdup(c->helper ? c->helper : DISTCC_SANDBOX_PATH);
	if (!s->helper)
		return -ENOMEM;
	if (access(s->helper, X_OK) < 0)
		return -errno;
	s->uid = geteuid() ? geteuid() : c->uid ? c->uid : NOBODY;
	s->gid = geteuid() ? getegid() : c->gid ? c->gid : NOBODY;
	s->without = c->without;
	s->isolation = ISOLATION_ALL & ~c->without;
	r = filter_make(false, &s->filter);
	if (r == 0)
		r = filter_make(true, &s->filter_network);
	if (r == 0)
		r = filter_make_lookups(&s->filter_lookups);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		s->isolation &= ~(unsigned)ISOLATION_SECCOMP;
	r = cgroups_open(&s->cgroups);
	/* Of the cgroup's bits those that it has; of the others all. */
	s->isolation &= ~(unsigned)(ISOLATION_CGROUPS | ISOLATION_CGROUP_V2) |
			cgroups_isolation(&s->cgroups);
	return r;
}

int sandbox_new(const struct sandbox_config *c, struct sandbox **ret)
{
	struct sandbox *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	r = fill(s, c);
	if (r == 0)
		r = probe_isolation(s, &s->isolation);
	if (r < 0)
		sandbox_free(s);
	else
		*ret = s;
	return r;
}

void sandbox_free(struct sandbox *s)
{
	if (!s)
		return;
	reap_lingering(s, true);
	cgroups_close(&s->cgroups);
	buf_fini(&s->filter);
	buf_fini(&s->filter_network);
	buf_fini(&s->filter_lookups);
	util_free(&s->helper);
	free(s);
}

unsigned sandbox_isolation(const struct sandbox *s)
{
	return s->isolation;
}

void sandbox_owner(const struct sandbox *s, uid_t *ret_uid, gid_t *ret_gid)
{
	*ret_uid = s->uid;
	*ret_gid = s->gid;
}

void sandbox_cgroup_prepare(uid_t uid, gid_t gid)
{
	cgroup_prepare(uid, gid);
}

/* Whether what the plan counts on is there; or was left out on purpose, by who measures. */
static bool is_granted(const struct sandbox *s, const struct sandbox_plan *p)
{
	unsigned needed = ISOLATION_NEEDED;

	if (p->input && p->inputs == SANDBOX_INPUT_OVERLAY)
		needed |= ISOLATION_OVERLAY;
	return (needed & ~(s->isolation | s->without)) == 0;
}

static void fill_job(struct sandbox *s, const struct sandbox_plan *p, unsigned mechanisms,
	const struct cgroup *cgroup, struct image_job *ret)
{
	const struct buf *filter = p->loopback ? &s->filter_network : &s->filter;
	struct image_job job = {.plan = *p,
		.mechanisms = mechanisms,
		.uid = s->uid,
		.gid = s->gid,
		.filter = filter->data,
		.filter_len = mechanisms & ISOLATION_SECCOMP ? filter->len : 0,
		.lookups_filter = s->filter_lookups.data,
		.lookups_filter_len =
			p->lookups && (mechanisms & ISOLATION_SECCOMP) ? s->filter_lookups.len : 0};
	struct sandbox_limits *l = &job.plan.limits;

	if (p->root == SANDBOX_ROOT_HOST && !p->host_paths) {
		job.plan.host_paths = default_host_paths;
		job.plan.n_host_paths = ARRAY_SIZE(default_host_paths);
	}
	if (l->scratch_bytes == 0)
		l->scratch_bytes = SANDBOX_SCRATCH_BYTES_DEFAULT;
	if (l->scratch_files == 0)
		l->scratch_files = SANDBOX_SCRATCH_FILES_DEFAULT;
	for (size_t i = 0; i < cgroup->n; i++)
		job.cgroups[job.n_cgroups++] = cgroup->dirs[i];
	*ret = job;
}

static int write_image(const struct image_job *job, int *ret_fd)
{
	AUTO(buf_fini) struct buf image = BUF_INIT_MAX(SANDBOX_PLAN_MAX);
	AUTO(util_close) int fd = -1;
	int r = image_encode(job, &image);

	if (r < 0)
		return r;
	fd = memfd_create("distcc-plan", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = fs_write_all(fd, image.data, image.len);
	if (r == 0)
		*ret_fd = TAKE_FD(fd);
	return r;
}

static int spawn(struct sandbox *s, const struct sandbox_plan *p, int image, int sock, pid_t *ret)
{
	char image_text[16], sock_text[16];
	char *argv[] = {s->helper, image_text, sock_text, NULL}, *envp[] = {NULL};
	const struct child_spec spec = {
		.path = s->helper,
		.argv = argv,
		.envp = envp,
		.fd_in = p->fd_in,
		.fd_out = p->fd_out,
		.fd_err = p->fd_err,
		.keep = {image, sock, p->fd_lookups},
		.n_keep = p->lookups ? 3 : 2,
		.new_group = true,
	};

	snprintf(image_text, sizeof(image_text), "%d", image);
	snprintf(sock_text, sizeof(sock_text), "%d", sock);
	return child_spawn(&spec, ret);
}

static int make_cgroup(struct sandbox *s, const struct sandbox_limits *l, struct cgroup **ret)
{
	/* As with the rlimit, the namespace's init counts and is not the job's. */
	const struct cgroup_limits limits = {.memory_bytes = l->memory_bytes,
		.processes = l->processes ? l->processes + 1 : 0,
		.cpu_percent = l->cpu_percent};
	struct cgroup *g = calloc(1, sizeof(*g));
	int r = 0;

	if (!g)
		return -ENOMEM;
	if (s->isolation & ISOLATION_CGROUPS)
		r = cgroup_make(&s->cgroups, &limits, g);
	if (r < 0)
		free(g);
	else
		*ret = g;
	return r;
}

int probe_start(struct sandbox *s, const struct sandbox_plan *p, unsigned mechanisms,
	struct sandbox_run *ret)
{
	AUTO(util_close) int image = -1;
	struct cgroup *cgroup = NULL;
	struct image_job job;
	int pair[2], r;
	pid_t pid = 0;

	r = make_cgroup(s, &p->limits, &cgroup);
	if (r < 0)
		return r;
	fill_job(s, p, mechanisms, cgroup, &job);
	r = write_image(&job, &image);
	if (r == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		r = -errno;
	if (r < 0) {
		cgroup_free(cgroup);
		return r;
	}
	r = spawn(s, p, image, pair[1], &pid);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		cgroup_free(cgroup);
		return r;
	}
	*ret = (struct sandbox_run){
		.fd = pair[0], .pid = pid, .cgroup = cgroup, .cpu_s = p->limits.cpu_s};
	return 0;
}

int sandbox_start(struct sandbox *s, const struct sandbox_plan *p, struct sandbox_run *ret)
{
	struct sandbox_plan plan = *p;
	int r = sandbox_plan_check(p);

	if (r < 0)
		return r;
	if (!is_granted(s, p))
		return -EPERM;
	reap_lingering(s, false);
	plan.limits.wall_ms = MIN(plan.limits.wall_ms, UINT64_MAX / 4 / 1000000);
	return probe_start(s, &plan, s->isolation, ret);
}

/* 0 and the report; SANDBOX_RUNS; -EPIPE: the helper is gone without one. */
static int receive(int from, struct image_report *ret, int *ret_tree)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.space = {0}};
	struct iovec iov = {.iov_base = ret, .iov_len = sizeof(*ret)};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space)};
	struct cmsghdr *c;
	ssize_t n = recvmsg(from, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return SANDBOX_RUNS;
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	*ret_tree = -1;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_tree, CMSG_DATA(c), sizeof(int));
	if (n == (ssize_t)sizeof(*ret) && ret->size == sizeof(*ret))
		return 0;
	util_close(ret_tree);
	return -EPIPE;
}

static enum sandbox_limit limit_of(const struct sandbox_run *run, const struct image_report *r,
	const struct cgroup_usage *usage)
{
	uint64_t cpu_s = r->cpu_ns / 1000000000;
	int signal = WIFSIGNALED(r->status) ? WTERMSIG(r->status) : 0;

	if (r->timed_out)
		return SANDBOX_LIMIT_WALL;
	if (usage->out_of_memory)
		return SANDBOX_LIMIT_MEMORY;
	if (signal == SIGXFSZ)
		return SANDBOX_LIMIT_FILE;
	if (signal == SIGXCPU ||
		(signal == SIGKILL && !run->killed && run->cpu_s > 0 && cpu_s >= run->cpu_s))
		return SANDBOX_LIMIT_CPU;
	return SANDBOX_LIMIT_NONE;
}

int sandbox_collect(struct sandbox *s, struct sandbox_run *run, struct sandbox_result *ret)
{
	struct image_report report = {.size = 0};
	struct cgroup_usage usage = {.memory_peak = 0};
	int tree = -1, r;

	if (run->fd < 0 || run->collected)
		return -EINVAL;
	r = receive(run->fd, &report, &tree);
	if (r == SANDBOX_RUNS)
		return r;
	if (r < 0)
		report = (struct image_report){.step = SANDBOX_STEP_HELPER, .error = -r};
	run->collected = true;
	cgroup_ask(run->cgroup, &usage);
	*ret = (struct sandbox_result){
		.step = (enum sandbox_step)report.step,
		.error = report.error,
		.status = report.status,
		.killed = run->killed && report.status == SIGKILL,
		.limit = limit_of(run, &report, &usage),
		.cpu_ns = report.cpu_ns,
		.max_rss = report.max_rss,
		.setup_ns = report.setup_ns,
		.wall_ns = report.wall_ns,
		.memory_peak = usage.memory_peak,
		.tree_fd = tree,
	};
	return 0;
}

void sandbox_kill(struct sandbox_run *run)
{
	if (run->fd < 0 || run->killed || run->collected)
		return;
	run->killed = true;
	shutdown(run->fd, SHUT_WR);
}

void sandbox_end(struct sandbox *s, struct sandbox_run *run)
{
	if (run->fd < 0)
		return;
	util_close(&run->fd);
	linger(s, run->pid, TAKE_PTR(run->cgroup));
	run->pid = 0;
}
