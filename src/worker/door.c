/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/client.h"
#include "worker/first.h"
#include "worker/grpc.h"
#include "worker/secrets.h"
#include "worker/server.h"
#include "worker/session.h"

/* A client that says nothing for so long after it has come had no reason to come. */
enum { DOOR_TIMEOUT_MS = 60 * 1000 };

/* Who takes the descriptors: as session_open. */
typedef int open_fn(
	struct server *s, int fd_in, int fd_out, const struct sockaddr *peer, socklen_t peer_len);

struct door {
	struct client client;
	int fd_in, fd_out;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles;
	bool leaving;
	size_t seen; /* bytes that were looked at and fit several */
	open_fn *to;
};

static const struct sockaddr *peer_of(const struct client *c)
{
	return c->peer_len > 0 ? (const struct sockaddr *)&c->peer : NULL;
}

static void on_closed(uv_handle_t *handle)
{
	struct door *d = handle->data;
	struct server *s = d->client.server;
	int r = -ECONNABORTED;

	if (--d->handles > 0)
		return;
	if (d->to && !s->ending) {
		r = d->to(s, d->fd_in, d->fd_out, peer_of(&d->client), d->client.peer_len);
		if (r < 0)
			log_event(LOG_LEVEL_ERROR, "client-failed", "client: %s errno=%d",
				d->client.name, -r);
	} else {
		close(d->fd_in);
		if (d->fd_out != d->fd_in)
			close(d->fd_out);
	}
	if (r < 0)
		metrics_client_gone(&s->report.metrics, METRICS_UNKNOWN);
	client_leave(&d->client);
	free(d);
}

/* to: who takes the descriptors; NULL: they are closed. */
static void leave(struct door *d, open_fn *to)
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

/* ---- what it speaks ---- */

static int to_pages(
	struct server *s, int fd_in, int fd_out, const struct sockaddr *peer, socklen_t peer_len)
{
	int r = pages_add(s->report.pages, fd_in, peer, peer_len);

	if (r == 0)
		metrics_client_is(&s->report.metrics, METRICS_PAGES);
	return r;
}

static open_fn *refuse(const struct door *d, enum first_protocol p, const char *why)
{
	d->client.server->report.metrics.clients_refused++;
	log_event(LOG_LEVEL_WARNING, "client-refused", "client: %s protocol=%s reason=%s",
		d->client.name, first_name(p), why);
	return NULL;
}

static open_fn *speaker(const struct door *d, enum first_protocol p)
{
	const struct server *s = d->client.server;
	bool socket = peer_of(&d->client) != NULL;

	switch (p) {
	case FIRST_HTTP2:
		if (!s->service.cas)
			return refuse(d, p, "no-store");
		/* Who serves TLS does not want to be talked to without it; ssh has its own. */
		if (s->secrets->tls && socket)
			return refuse(d, p, "not-in-TLS");
		return grpc_open;
	case FIRST_TLS:
		if (!s->service.cas)
			return refuse(d, p, "no-store");
		return s->secrets->tls ? grpc_open_tls : refuse(d, p, "no-certificate");
	case FIRST_HTTP1:
		return s->report.pages && socket ? to_pages : refuse(d, p, "no-pages");
	case FIRST_DISTCC:
	case FIRST_UNKNOWN:
	case FIRST_MORE:
		break;
	}
	return session_open;
}

/* The first bytes of a pipe, which stay in it. As recv has it. */
static ssize_t peek_pipe(int fd, char *ret, size_t max)
{
	int copy[2];
	ssize_t n;

	if (pipe2(copy, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	n = tee(fd, copy[1], max, SPLICE_F_NONBLOCK);
	if (n > 0)
		n = read(copy[0], ret, (size_t)n);
	util_close(&copy[0]);
	util_close(&copy[1]);
	return n;
}

/* Poll wakes us when there are so many bytes, or no more will come. */
static bool wait_for(const struct door *d, size_t n)
{
	int low = (int)n;

	return setsockopt(d->fd_in, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)) == 0;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct door *d = poll->data;
	char first[FIRST_MAX];
	ssize_t n = recv(d->fd_in, first, sizeof(first), MSG_PEEK | MSG_DONTWAIT);
	enum first_protocol p;

	if (n < 0 && errno == ENOTSOCK)
		n = peek_pipe(d->fd_in, first, sizeof(first));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* What cannot be peeked at, and what ends at once, is the session's to report. */
	p = n > 0 ? first_look(first, (size_t)n) : FIRST_UNKNOWN;
	if (p == FIRST_MORE && (size_t)n > d->seen && wait_for(d, (size_t)n + 1)) {
		d->seen = (size_t)n;
		return;
	}
	/* A pipe cannot be told to wait for more, and whoever writes to it does not split words. */
	if (d->seen > 0)
		(void)wait_for(d, 1);
	leave(d, speaker(d, p));
}

int door_open(
	struct server *s, int fd_in, int fd_out, const struct sockaddr *peer, socklen_t peer_len)
{
	struct door *d = calloc(1, sizeof(*d));
	int r = d ? uv_poll_init(&s->loop, &d->poll, fd_in) : -ENOMEM;

	metrics_client_came(&s->report.metrics);
	if (r < 0) {
		free(d);
		/* A regular file cannot be polled, and need not be. */
		if (r == -EPERM) {
			r = session_open(s, fd_in, fd_out, peer, peer_len);
		} else {
			close(fd_in);
			if (fd_out != fd_in)
				close(fd_out);
		}
		if (r < 0)
			metrics_client_gone(&s->report.metrics, METRICS_UNKNOWN);
		return r;
	}
	d->fd_in = fd_in;
	d->fd_out = fd_out;
	uv_timer_init(&s->loop, &d->timer);
	d->poll.data = d->timer.data = d;
	d->handles = 2;
	client_enter(&d->client, s, METRICS_UNKNOWN, peer, peer_len, on_abort);
	uv_timer_start(&d->timer, on_timeout, DOOR_TIMEOUT_MS, 0);
	r = uv_poll_start(&d->poll, UV_READABLE, on_readable);
	if (r < 0)
		leave(d, NULL);
	return 0;
}
