/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/facts_run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fs.h"
#include "scan/plan.h"

enum { CHUNK = 1 << 16 };

void facts_reply_fini(struct facts_reply *r)
{
	buf_fini(&r->out);
	buf_fini(&r->err);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool is_var(const char *entry, const char *name)
{
	return str_starts(entry, name) && entry[strlen(name)] == '=';
}

static int question_environment(char *const *envp, struct strv *ret)
{
	static const char *const without[] = {"DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES",
		"GCC_EXTRA_DIAGNOSTIC_OUTPUT", "CC_PRINT_HEADERS", "CC_PRINT_HEADERS_FILE",
		"CC_PRINT_OPTIONS", "CC_PRINT_OPTIONS_FILE", "CC_PRINT_PROC_STAT",
		"CC_PRINT_PROC_STAT_FILE", "CC_PRINT_INTERNAL_STAT", "CC_PRINT_INTERNAL_STAT_FILE",
		"CC_LOG_DIAGNOSTICS", "CC_LOG_DIAGNOSTICS_FILE", "LC_ALL", "LANGUAGE",
		"GCC_COLORS"};
	int r = strv_push(ret, "LC_ALL=C");

	for (; r == 0 && *envp; envp++) {
		bool keep = true;

		for (size_t i = 0; keep && i < ARRAY_SIZE(without); i++)
			keep = !is_var(*envp, without[i]);
		if (keep)
			r = strv_push(ret, *envp);
	}
	return r;
}

static int text_file(const char *text, size_t n, int *ret_fd)
{
	AUTO(util_close) int fd = memfd_create("question", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = fs_write_all(fd, text, n);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* A pipe whose reading end does not block. */
static int stream(int *ret_read, int *ret_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0) {
		int r = -errno;

		close(fds[0]);
		close(fds[1]);
		return r;
	}
	*ret_read = fds[0];
	*ret_write = fds[1];
	return 0;
}

/* What is there to be read; *fd is closed and -1 at the end. */
static int drain(int *fd, struct buf *b)
{
	while (*fd >= 0) {
		ssize_t n;
		int r = buf_reserve(b, CHUNK);

		if (r < 0)
			return r;
		n = read(*fd, b->data + b->len, CHUNK);
		if (n > 0) {
			b->len += (size_t)n;
			b->data[b->len] = '\0';
		} else if (n == 0) {
			util_close(fd);
			*fd = -1;
		} else if (errno == EAGAIN) {
			return 0;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* Until the process has ended, or there is an error. */
static int converse(int pidfd, int *out, int *err, struct facts_reply *reply)
{
	int64_t deadline = now_ms() + FACTS_RUN_TIMEOUT_MS;
	bool ended = false;

	while (!ended) {
		struct pollfd p[] = {{pidfd, POLLIN, 0}, {*out, POLLIN, 0}, {*err, POLLIN, 0}};
		int64_t left = deadline - now_ms();
		int r;

		if (left <= 0)
			return -ETIMEDOUT;
		if (poll(p, ARRAY_SIZE(p), (int)left) < 0 && errno != EINTR)
			return -errno;
		/* Looked at first: what was written before the end is read below. */
		ended = p[0].revents;
		r = drain(out, &reply->out);
		if (r == 0)
			r = drain(err, &reply->err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The process is reaped in every case. */
static int attend(pid_t pid, int *out, int *err, struct facts_reply *reply)
{
	AUTO(util_close) int pidfd = -1;
	int r = child_pidfd(pid, &pidfd);

	if (r == 0)
		r = converse(pidfd, out, err, reply);
	child_kill_group(pid, SIGKILL);
	while (waitpid(pid, &reply->status, 0) < 0)
		if (errno != EINTR)
			return r < 0 ? r : -errno;
	return r;
}

int facts_run(const struct scan_plan *plan, const struct strv *args, const char *text,
	size_t text_len, struct facts_reply *ret)
{
	AUTO(util_close) int in = -1;
	AUTO(util_close) int out = -1;
	AUTO(util_close) int err = -1;
	AUTO(util_close) int child_out = -1;
	AUTO(util_close) int child_err = -1;
	AUTO(strv_fini) struct strv env = STRV_INIT;
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	struct child_spec spec = {.path = plan->compiler, .cwd = plan->cwd, .new_group = true};
	pid_t pid;
	int r = strv_push(&argv, plan->compiler);

	if (r == 0)
		r = strv_push_all(&argv, strv_argv(args));
	if (r == 0)
		r = question_environment(plan->envp, &env);
	if (r == 0)
		r = text_file(text, text_len, &in);
	if (r == 0)
		r = stream(&out, &child_out);
	if (r == 0)
		r = stream(&err, &child_err);
	if (r < 0)
		return r;
	spec.argv = strv_argv(&argv);
	spec.envp = strv_argv(&env);
	spec.fd_in = in;
	spec.fd_out = child_out;
	spec.fd_err = child_err;
	r = child_spawn(&spec, &pid);
	if (r < 0)
		return r;
	util_close(&child_out);
	util_close(&child_err);
	child_out = child_err = -1;
	return attend(pid, &out, &err, ret);
}
