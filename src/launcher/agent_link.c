/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Finding the agent, or starting it.
 *
 * Of many launchers that find none at the same moment, the one that gets the start lock looks
 * once more, starts an agent, and waits for the byte (or the end of file) on a pipe that the agent
 * was given; only then it lets go of the lock. The others queue for the lock in the kernel and
 * find an agent when they look again. Nobody sleeps or polls.
 */

#include "launcher/agent_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/child.h"
#include "base/env.h"
#include "base/fs.h"
#include "config.h"
#include "launcher/launcher.h"

static int peer_of(int fd, struct ucred *ret)
{
	socklen_t len = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret, &len) < 0 ? -errno : 0;
}

static int connect_once(struct ipc_place *place, int *ret_fd)
{
	struct sockaddr_un address;
	struct ucred peer;
	int r = ipc_place_address(place, &address);

	if (r < 0)
		return r;
	while (connect(place->stream, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	r = peer_of(place->stream, &peer);
	if (r == 0 && peer.uid != geteuid())
		r = -EPERM;
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(place->stream);
	return 0;
}

static bool readable_within(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r;

	do
		r = poll(&p, 1, ms);
	while (r < 0 && errno == EINTR);
	return r > 0;
}

int agent_link_process(int fd)
{
	struct ucred peer;
	int process;

	return peer_of(fd, &peer) < 0 || child_pidfd(peer.pid, &process) < 0 ? -1 : process;
}

void agent_link_await_end(int process)
{
	if (process >= 0 && !readable_within(process, AGENT_END_MS))
		launcher_say("Warning: the agent is still ending");
}

/* Starts an agent and waits until it listens, or is gone. */
static int start_agent(void)
{
	const char *path = env_get(environ, "DISTCC_AGENT");
	char option[32], *argv[] = {(char *)"distcc-agent", option, NULL};
	AUTO(util_close) int ready = -1;
	int fds[2], r;
	char byte;
	pid_t pid;

	if (!path || !*path)
		path = DISTCC_AGENT_PATH;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	ready = fds[0];
	/* Under the number it has: any other may be something of the user's (make's job server). */
	snprintf(option, sizeof(option), "--ready-fd=%d", fds[1]);
	r = child_spawn(
		&(struct child_spec){
			.path = path,
			.argv = argv,
			.envp = environ,
			.cwd = "/",
			.fd_in = -1,
			.fd_out = -1,
			.fd_err = -1,
			.keep = {fds[1]},
			.n_keep = 1,
		},
		&pid);
	close(fds[1]);
	if (r < 0)
		return r;
	if (!readable_within(ready, AGENT_START_MS))
		return -ETIMEDOUT;
	while (read(ready, &byte, 1) < 0 && errno == EINTR)
		;
	return 0;
}

int agent_link_open(bool start, int *ret_fd)
{
	const char *agent = env_get(environ, "DISTCC_AGENT");
	AUTO(ipc_place_close) struct ipc_place place = IPC_PLACE_INIT;
	AUTO(util_close) int lock = -1;
	int r;

	if (agent && str_eq(agent, "none"))
		return -ENOENT;
	r = ipc_place_name(environ, &place);
	if (r < 0)
		return r;
	/* Mostly an agent is there, and its directory needs no look. */
	if (!place.anybodys) {
		r = connect_once(&place, ret_fd);
		if (r == 0 || (!start && r != -ENAMETOOLONG))
			return r;
	}
	r = ipc_place_open(environ, &place);
	if (r < 0)
		return r;
	if (place.anybodys || !start) {
		r = connect_once(&place, ret_fd);
		if (r == 0 || !start)
			return r;
	}
	lock = openat(place.dir, place.start, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return -errno;
	while (flock(lock, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	r = connect_once(&place, ret_fd);
	if (r == 0)
		return 0;
	r = start_agent();
	if (r < 0)
		return r;
	return connect_once(&place, ret_fd);
}

static int send_all(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t w = send(fd, data, n, MSG_NOSIGNAL);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		data += w;
		n -= (size_t)w;
	}
	return 0;
}

int agent_link_send(int fd, const struct ipc_request *request)
{
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(IPC_BODY_MAX + 64);
	int r = ipc_request_write(request, &b);

	return r < 0 ? r : send_all(fd, b.data, b.len);
}

static int receive_exact(int fd, void *data, size_t n)
{
	char *p = data;

	while (n > 0) {
		ssize_t r = recv(fd, p, n, MSG_WAITALL);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (r == 0)
			return -ECONNRESET;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

static int receive_text(int fd, size_t n, struct buf *ret)
{
	int r;

	ret->max = IPC_REPLY_MAX;
	r = buf_reserve(ret, n);
	if (r == 0)
		r = receive_exact(fd, ret->data, n);
	if (r == 0) {
		ret->len = n;
		ret->data[n] = '\0';
	}
	return r;
}

int agent_link_receive(int fd, struct agent_answer *ret)
{
	struct agent_answer a = {.log = BUF_INIT};
	int r = receive_exact(fd, &a.head, sizeof(a.head));

	if (r == 0)
		r = ipc_reply_header_check(&a.head);
	if (r == 0 && a.head.log > 0)
		r = receive_text(fd, a.head.log, &a.log);
	if (r == 0 && a.head.out > 0)
		r = receive_text(fd, a.head.out, &a.out);
	if (r == 0 && a.head.err > 0)
		r = receive_text(fd, a.head.err, &a.err);
	if (r < 0) {
		agent_answer_fini(&a);
		return r;
	}
	*ret = a;
	return 0;
}

void agent_answer_fini(struct agent_answer *a)
{
	buf_fini(&a->log);
	buf_fini(&a->out);
	buf_fini(&a->err);
}
