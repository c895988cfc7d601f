/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * distcc-sandbox: one process for each job between the daemon and the job's namespaces.
 *
 *	daemon ─ posix_spawn ─► helper ─ clone3(namespaces) ─► init ─ vfork ─► the program
 *	   └─── socket ────────────┘ └─ shared page, socket pair ─┘
 *
 * Why a program and not a fork of the daemon: a fork copies the page tables of a daemon that may
 * have a million blobs in memory, and between fork and exec of a process with threads hardly
 * anything may be called. This one starts in half a millisecond, is linked with libc alone, and
 * may do as it likes. What is dear to make (the system call filter) comes ready with the plan.
 *
 * The helper stays outside of the namespaces. It kills the first process in them, and so all, when
 * time is up, when the daemon has closed its writing half (sandbox_kill), and when the daemon is
 * gone. When all have ended it sends one report. Then it waits until the daemon has closed the
 * socket, holding on to the job's tree: whoever lets go of an overlay last has to wait for the
 * kernel's readers (some milliseconds), and that should not be the daemon.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/util.h"
#include "sandbox/image.h"
#include "sandbox/init.h"

struct helper {
	struct image_job job;
	struct init_shared *shared;
	int daemon; /* socket to the daemon */
	int init;   /* our end of the pair; it has the other */
	pid_t pid;
	int pidfd;
	uint64_t begun_ns, deadline_ns; /* 0: none */
	struct image_report report;
	int tree; /* -1: none */
};

static int read_plan(struct helper *h, int fd)
{
	struct stat st;
	void *image;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size <= 0 || st.st_size > SANDBOX_PLAN_MAX)
		return -EBADMSG;
	image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (image == MAP_FAILED)
		return -errno;
	return image_decode(image, (size_t)st.st_size, &h->job);
}

static uint64_t clone_flags(unsigned mechanisms)
{
	static const struct {
		unsigned bit;
		uint64_t flag;
	} map[] = {
		{ISOLATION_USER, CLONE_NEWUSER},
		{ISOLATION_MOUNT, CLONE_NEWNS},
		{ISOLATION_PID, CLONE_NEWPID},
		{ISOLATION_NET, CLONE_NEWNET},
		{ISOLATION_IPC, CLONE_NEWIPC},
		{ISOLATION_UTS, CLONE_NEWUTS},
	};
	uint64_t flags = CLONE_PIDFD;

	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		if (mechanisms & map[i].bit)
			flags |= map[i].flag;
	return flags;
}

/* A child in new namespaces; with v2, born in its cgroup. 0 in the child. */
static long clone_init(struct helper *h)
{
	struct clone_args args = {
		.flags = clone_flags(h->job.mechanisms),
		.pidfd = (uint64_t)(uintptr_t)&h->pidfd,
		.exit_signal = SIGCHLD,
	};
	AUTO(util_close) int cgroup = -1;
	long pid;

	if (h->job.n_cgroups == 1 && (h->job.mechanisms & ISOLATION_CGROUP_V2)) {
		cgroup = open(h->job.cgroups[0], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (cgroup < 0)
			return -errno;
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	return pid < 0 ? -errno : pid;
}

static int write_file(const char *path, const char *text)
{
	AUTO(util_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -errno;
	return 0;
}

static int write_id_map(const struct helper *h, const char *file, unsigned id)
{
	char path[48], line[48];

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)h->pid, file);
	snprintf(line, sizeof(line), "%d %u 1\n", SANDBOX_UID, id);
	return write_file(path, line);
}

static int set_ids(const struct helper *h)
{
	char path[48];
	int r;

	if (!(h->job.mechanisms & ISOLATION_USER))
		return 0;
	/* A user may map a group only after giving up on changing them. */
	snprintf(path, sizeof(path), "/proc/%ld/setgroups", (long)h->pid);
	r = write_file(path, "deny");
	if (r == 0)
		r = write_id_map(h, "gid_map", h->job.gid);
	return r == 0 ? write_id_map(h, "uid_map", h->job.uid) : r;
}

static int set_cgroups(const struct helper *h)
{
	char pid[24];
	int r = 0;

	if (h->job.mechanisms & ISOLATION_CGROUP_V2)
		return 0;
	snprintf(pid, sizeof(pid), "%ld", (long)h->pid);
	for (size_t i = 0; r == 0 && i < h->job.n_cgroups; i++) {
		char path[SANDBOX_PATH_MAX];

		snprintf(path, sizeof(path), "%s/cgroup.procs", h->job.cgroups[i]);
		r = write_file(path, pid);
	}
	return r;
}

static int fail(struct helper *h, enum sandbox_step step, int error)
{
	h->report.step = step;
	h->report.error = -error;
	return error;
}

/* All of the child is up to init_run. */
static int start(struct helper *h)
{
	int pair[2], r;
	long pid;

	h->shared = mmap(NULL, sizeof(*h->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (h->shared == MAP_FAILED ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail(h, SANDBOX_STEP_HELPER, -errno);
	pid = clone_init(h);
	if (pid == 0) {
		close(pair[0]);
		close(h->daemon);
		init_run(&h->job, h->shared, pair[1]);
	}
	close(pair[1]);
	h->init = pair[0];
	/* Who reads the job's output waits for all writers to close it. */
	util_close_range(0, STDERR_FILENO, false);
	if (pid < 0)
		return fail(h, SANDBOX_STEP_CLONE, (int)pid);
	h->pid = (pid_t)pid;
	r = set_ids(h);
	if (r < 0)
		return fail(h, SANDBOX_STEP_IDS, r);
	r = set_cgroups(h);
	if (r < 0)
		return fail(h, SANDBOX_STEP_CGROUP, r);
	if (send(h->init, "g", 1, MSG_NOSIGNAL) < 0)
		return fail(h, SANDBOX_STEP_HELPER, -errno);
	return 0;
}

/* Milliseconds for poll, rounded up. */
static int time_left(const struct helper *h)
{
	uint64_t now = init_now_ns();

	if (h->deadline_ns == 0)
		return -1;
	if (now >= h->deadline_ns)
		return 0;
	return (int)MIN((h->deadline_ns - now) / 1000000 + 1, (uint64_t)3600000);
}

/* Until it has ended by itself, or is to be killed. */
static void wait_for_end(struct helper *h)
{
	struct pollfd fds[] = {{.fd = h->pidfd, .events = POLLIN},
		{.fd = h->daemon, .events = POLLIN | POLLRDHUP}};

	for (;;) {
		int n = poll(fds, 2, time_left(h));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || fds[0].revents || fds[1].revents)
			return;
		if (time_left(h) == 0) {
			h->report.timed_out = true;
			return;
		}
	}
}

static uint64_t ns_of(const struct timeval *tv)
{
	return (uint64_t)tv->tv_sec * 1000000000 + (uint64_t)tv->tv_usec * 1000;
}

static void reap(struct helper *h)
{
	struct rusage usage = {.ru_maxrss = 0};
	int status;

	if (h->pid <= 0)
		return;
	kill(h->pid, SIGKILL);
	/* Returns when every process of its namespace is gone: the kernel waits for them first. */
	while (wait4(h->pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	h->report.cpu_ns = ns_of(&usage.ru_utime) + ns_of(&usage.ru_stime);
	h->report.max_rss = (uint64_t)usage.ru_maxrss << 10;
}

static int receive_tree(int from)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.space = {0}};
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space)};
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(from, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static void fill_report(struct helper *h)
{
	const struct init_shared *s = h->shared;
	struct image_report *r = &h->report;

	if (r->step != SANDBOX_STEP_NONE || h->pid <= 0)
		return;
	r->step = (uint32_t)s->step;
	r->error = s->error;
	if (!s->started)
		r->setup_ns = init_now_ns() - h->begun_ns;
	else
		r->setup_ns = s->started_ns - h->begun_ns;
	if (s->started)
		r->wall_ns = (s->ended ? s->ended_ns : init_now_ns()) - s->started_ns;
	/* Init does not end before it has told what became of the program, but by being killed. */
	r->status = s->ended ? s->status : SIGKILL;
	r->timed_out = r->timed_out && !s->ended;
	h->tree = receive_tree(h->init);
}

static void send_report(struct helper *h)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.space = {0}};
	struct iovec iov = {.iov_base = &h->report, .iov_len = sizeof(h->report)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	h->report.size = sizeof(h->report);
	if (h->tree >= 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof(control.space);
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &h->tree, sizeof(int));
	}
	while (sendmsg(h->daemon, &msg, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

/* POLLHUP: both halves are closed, or the daemon is gone. */
static void wait_for_goodbye(struct helper *h)
{
	struct pollfd fd = {.fd = h->daemon};

	while (poll(&fd, 1, -1) < 0 && errno == EINTR)
		;
}

static int to_fd(const char *text)
{
	uint64_t n;

	return text && str_to_u64(text, INT32_MAX, &n) == 0 ? (int)n : -1;
}

int main(int argc, char **argv)
{
	struct helper h = {.init = -1, .pidfd = -1, .tree = -1, .begun_ns = init_now_ns()};
	int plan, r;

	if (argc != 3)
		return 2;
	plan = to_fd(argv[1]);
	h.daemon = to_fd(argv[2]);
	prctl(PR_SET_NAME, "distcc-sandbox");
	/* Only root may, and only root has to: what its groups can read is not a job's business. */
	if (geteuid() == 0 && setgroups(0, NULL) < 0)
		return 2;
	r = read_plan(&h, plan);
	if (r < 0)
		fail(&h, SANDBOX_STEP_HELPER, r);
	if (h.job.plan.limits.wall_ms > 0)
		h.deadline_ns = h.begun_ns + h.job.plan.limits.wall_ms * 1000000;
	if (r == 0 && start(&h) == 0)
		wait_for_end(&h);
	reap(&h);
	fill_report(&h);
	send_report(&h);
	wait_for_goodbye(&h);
	_exit(0);
}
