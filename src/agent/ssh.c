/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/ssh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/child.h"
#include "base/env.h"
#include "base/strv.h"

/* Waits for an ssh that has nobody else to. */
struct reaper {
	uv_poll_t poll;
	int pidfd;
	pid_t pid;
};

static void on_closed(uv_handle_t *h)
{
	struct reaper *r = h->data;

	util_close(&r->pidfd);
	free(r);
}

static void on_ended(uv_poll_t *p, int status, int events)
{
	struct reaper *r = p->data;

	if (waitpid(r->pid, NULL, WNOHANG) == 0)
		return;
	uv_poll_stop(p);
	uv_close((uv_handle_t *)p, on_closed);
}

static int reap_later(uv_loop_t *loop, pid_t pid)
{
	struct reaper *r = calloc(1, sizeof(*r));
	int q;

	if (!r)
		return -ENOMEM;
	r->pid = pid;
	r->poll.data = r;
	q = child_pidfd(pid, &r->pidfd);
	if (q < 0) {
		free(r);
		return q;
	}
	q = uv_poll_init(loop, &r->poll, r->pidfd);
	if (q < 0) {
		on_closed((uv_handle_t *)&r->poll);
		return q;
	}
	/* The loop does not stay alive for an ssh. */
	uv_unref((uv_handle_t *)&r->poll);
	return uv_poll_start(&r->poll, UV_READABLE, on_ended);
}

static int make_argv(const struct hosts_entry *host, char *const *envp, struct strv *ret)
{
	const char *ssh = env_get(envp, "DISTCC_SSH");
	int r = 0;

	for (const char *p = ssh && *ssh ? ssh : "ssh"; r == 0 && *p && ret->n < SSH_WORDS_MAX;) {
		size_t n = strcspn(p, " ");

		if (n > 0)
			r = strv_push_n(ret, p, n);
		p += n + strspn(p + n, " ");
	}
	if (r == 0 && host->user) {
		r = strv_push(ret, "-l");
		if (r == 0)
			r = strv_push(ret, host->user);
	}
	if (r == 0)
		r = strv_push(ret, host->name);
	if (r == 0)
		r = strv_push(ret, host->command ? host->command : "distccd");
	if (r == 0)
		r = strv_push(ret, "--inetd");
	if (r == 0)
		r = strv_push(ret, "--enable-tcp-insecure");
	return r;
}

int ssh_start(uv_loop_t *loop, const struct hosts_entry *host, char *const *envp, int *ret_fd)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	AUTO(util_free) char *path = NULL;
	AUTO(util_close) int ours = -1, theirs = -1;
	int fds[2], r;
	pid_t pid;

	r = make_argv(host, envp, &argv);
	/* A name that ssh would take for an option is no host. */
	if (r == 0 && (argv.n == 0 || host->name[0] == '-'))
		r = -EINVAL;
	if (r == 0)
		r = child_find_program(argv.v[0], env_get(envp, "PATH"), NULL, &path);
	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	ours = fds[0];
	theirs = fds[1];
	r = child_spawn(
		&(struct child_spec){
			.path = path,
			.argv = strv_argv(&argv),
			.envp = envp,
			.fd_in = theirs,
			.fd_out = theirs,
			.fd_err = -1,
			.new_group = true,
		},
		&pid);
	if (r == 0)
		r = reap_later(loop, pid);
	if (r == 0)
		*ret_fd = TAKE_FD(ours);
	return r;
}
