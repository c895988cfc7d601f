/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"

enum { CHUNK = 1 << 14 };

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What is there to be read; *fd is closed and -1 at the end. */
static int drain(int *fd, struct buf *b)
{
	while (*fd >= 0) {
		int r = buf_reserve(b, CHUNK);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(*fd, b->data + b->len, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		b->len += (size_t)n;
		b->data[b->len] = '\0';
		if (n == 0) {
			util_close(fd);
			*fd = -1;
		}
	}
	return 0;
}

/* Until the program has ended, or there is an error. */
static int listen_to(int pidfd, int *out, struct buf *ret)
{
	int64_t deadline = now_ms() + ASK_TIMEOUT_MS;
	bool ended = false;
	int r = 0;

	while (r == 0 && !ended) {
		struct pollfd p[] = {{pidfd, POLLIN, 0}, {*out, POLLIN, 0}};
		int64_t left = deadline - now_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(p, ARRAY_SIZE(p), (int)left) < 0 && errno != EINTR)
			return -errno;
		/* Looked at first: what was written before the end is read below. */
		ended = p[0].revents;
		r = drain(out, ret);
	}
	return r;
}

/* The program is reaped in every case. */
static int attend(pid_t pid, int *out, struct buf *ret)
{
	AUTO(util_close) int pidfd = -1;
	int status = 0;
	int r = child_pidfd(pid, &pidfd);

	if (r == 0)
		r = listen_to(pidfd, out, ret);
	child_kill_group(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return r < 0 ? r : -errno;
	if (r == -ETIMEDOUT || r == -E2BIG)
		return ASK_FAILED;
	if (r == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		return ASK_FAILED;
	return r;
}

static bool is_no_start(int error)
{
	return error == ENOENT || error == EACCES || error == ENOEXEC || error == ENOTDIR ||
	       error == ELOOP || error == EPERM;
}

int ask(const struct ask *q, struct buf *ret)
{
	AUTO(util_close) int out = -1;
	AUTO(util_close) int child_out = -1;
	struct child_spec spec = {.path = q->program,
		.argv = q->argv,
		.envp = q->envp,
		.cwd = q->cwd,
		.fd_in = -1,
		.fd_out = -1,
		.fd_err = -1,
		.new_group = true};
	int fds[2];
	pid_t pid;
	int r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	out = fds[0];
	child_out = fds[1];
	if (fcntl(out, F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	*(q->stderr_wanted ? &spec.fd_err : &spec.fd_out) = child_out;
	r = child_spawn(&spec, &pid);
	if (r < 0)
		return is_no_start(-r) ? ASK_FAILED : r;
	util_close(&child_out);
	child_out = -1;
	return attend(pid, &out, ret);
}
