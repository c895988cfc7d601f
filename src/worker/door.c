/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/client.h"
#include "worker/grpc.h"
#include "worker/server.h"
#include "worker/session.h"

/* A client that says nothing for so long after it has come had no reason to come. */
enum { DOOR_TIMEOUT_MS = 60 * 1000 };

struct door {
	struct client client;
	int fd_in, fd_out;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles;
	bool leaving;
	int (*to)(struct server *s, int fd_in, int fd_out, const struct sockaddr *peer,
		socklen_t peer_len);
};

static const struct sockaddr *peer_of(const struct client *c)
{
	return c->peer_len > 0 ? (const struct sockaddr *)&c->peer : NULL;
}

static void on_closed(uv_handle_t *handle)
{
	struct door *d = handle->data;
	int r = 0;

	if (--d->handles > 0)
		return;
	if (d->to && !d->client.server->ending) {
		r = d->to(d->client.server, d->fd_in, d->fd_out, peer_of(&d->client),
			d->client.peer_len);
	} else {
		close(d->fd_in);
		if (d->fd_out != d->fd_in)
			close(d->fd_out);
	}
	if (r < 0)
		log_event(LOG_LEVEL_ERROR, "client-failed", "client: %s errno=%d", d->client.name,
			-r);
	client_leave(&d->client);
	free(d);
}

/* to: who takes the descriptors; NULL: they are closed. */
static void leave(struct door *d, int (*to)(struct server *s, int fd_in, int fd_out,
					  const struct sockaddr *peer, socklen_t peer_len))
{
	if (d->leaving)
		return;
	d->leaving = true;
	d->to = to;
	uv_close((uv_handle_t *)&d->poll, on_closed);
	uv_close((uv_handle_t *)&d->timer, on_closed);
}

static void on_abort(struct client *c, bool drain)
{
	leave(LIST_ENTRY(c, struct door, client), NULL);
}

static void on_timeout(uv_timer_t *timer)
{
	struct door *d = timer->data;

	log_event(LOG_LEVEL_INFO, "client-silent", "client: %s", d->client.name);
	leave(d, NULL);
}

/* The first byte of a pipe, which stays in it. 1, 0 at its end, -1 as read has it. */
static ssize_t peek_pipe(int fd, char *ret)
{
	int copy[2];
	ssize_t n;

	if (pipe2(copy, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	n = tee(fd, copy[1], 1, SPLICE_F_NONBLOCK);
	if (n == 1)
		n = read(copy[0], ret, 1);
	util_close(&copy[0]);
	util_close(&copy[1]);
	return n;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct door *d = poll->data;
	char first = 0;
	ssize_t n = recv(d->fd_in, &first, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && errno == ENOTSOCK)
		n = peek_pipe(d->fd_in, &first);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* What cannot be peeked at, and what ends at once, is the session's to report. */
	leave(d,
		n == 1 && first == 'P' && d->client.server->service.cas ? grpc_open : session_open);
}

int door_open(
	struct server *s, int fd_in, int fd_out, const struct sockaddr *peer, socklen_t peer_len)
{
	struct door *d = calloc(1, sizeof(*d));
	int r = d ? uv_poll_init(&s->loop, &d->poll, fd_in) : -ENOMEM;

	if (r < 0) {
		free(d);
		/* A regular file cannot be polled, and need not be. */
		if (r == -EPERM)
			return session_open(s, fd_in, fd_out, peer, peer_len);
		close(fd_in);
		if (fd_out != fd_in)
			close(fd_out);
		return r;
	}
	d->fd_in = fd_in;
	d->fd_out = fd_out;
	uv_timer_init(&s->loop, &d->timer);
	d->poll.data = d->timer.data = d;
	d->handles = 2;
	client_enter(&d->client, s, peer, peer_len, on_abort);
	uv_timer_start(&d->timer, on_timeout, DOOR_TIMEOUT_MS, 0);
	r = uv_poll_start(&d->poll, UV_READABLE, on_readable);
	if (r < 0)
		leave(d, NULL);
	return 0;
}
