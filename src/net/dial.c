/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	RESOLVING ──► CONNECTING ──► done
 *	    │             │  ▲ next address
 *	    └─────────────┴──┴──► done with a failure
 *
 * A dial lives until its timer has closed and its resolver request, which cannot always be
 * stopped, has come back; `done` is cleared when it has been called or must not be.
 */

#include "net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct address {
	struct sockaddr_storage addr;
	socklen_t len;
};

enum phase { STARTING, RESOLVING, CONNECTING };

struct dial {
	uv_loop_t *loop;
	char *host;
	uint16_t port;
	uint64_t resolve_ms, connect_ms;
	dial_done_fn done; /* NULL: finished or cancelled */
	void *data;

	enum phase phase;
	struct address v[DIAL_ADDRESSES_MAX];
	size_t n, at;
	struct attempt *attempt; /* on v[at]; NULL: none */
	struct dial_result result;

	uv_getaddrinfo_t resolver;
	uv_timer_t timer;
	bool timer_open;
	unsigned alive; /* the timer, and the resolver's request */
};

/* One address being tried; frees itself when its handle has closed. */
struct attempt {
	uv_poll_t poll;
	struct dial *dial;
	int fd;
};

struct cached {
	char *host;
	uint64_t until_ms;
	struct address v[DIAL_ADDRESSES_MAX];
	size_t n;
};

static struct cached cache[DIAL_CACHE_MAX];

static struct cached *cache_find(const char *host, uint64_t now_ms)
{
	for (size_t i = 0; i < DIAL_CACHE_MAX; i++)
		if (cache[i].host && cache[i].until_ms > now_ms && str_eq(cache[i].host, host))
			return &cache[i];
	return NULL;
}

static void cache_put(const struct dial *d, uint64_t now_ms)
{
	size_t at = 0;

	for (size_t i = 1; i < DIAL_CACHE_MAX; i++)
		if (cache[i].until_ms < cache[at].until_ms)
			at = i;
	free(cache[at].host);
	cache[at].host = strdup(d->host);
	cache[at].until_ms = now_ms + DIAL_CACHE_MS;
	cache[at].n = d->n;
	memcpy(cache[at].v, d->v, sizeof(d->v));
}

void dial_cache_clear(void)
{
	for (size_t i = 0; i < DIAL_CACHE_MAX; i++) {
		free(cache[i].host);
		cache[i] = (struct cached){0};
	}
}

static void drop(struct dial *d)
{
	if (--d->alive > 0)
		return;
	free(d->host);
	free(d);
}

static void on_timer_closed(uv_handle_t *h)
{
	drop(h->data);
}

static void on_attempt_closed(uv_handle_t *h)
{
	free(h->data);
}

/* Ends the attempt; its descriptor is returned, for closing or for handing on. */
static int end_attempt(struct dial *d)
{
	struct attempt *a = TAKE_PTR(d->attempt);
	int fd;

	if (!a)
		return -1;
	fd = a->fd;
	uv_poll_stop(&a->poll);
	uv_close((uv_handle_t *)&a->poll, on_attempt_closed);
	return fd;
}

static void close_timer(struct dial *d)
{
	if (d->timer_open) {
		d->timer_open = false;
		uv_close((uv_handle_t *)&d->timer, on_timer_closed);
	}
}

static void finish(struct dial *d, enum dial_outcome outcome, int error)
{
	dial_done_fn done = d->done;
	AUTO(util_close) int fd = end_attempt(d);

	d->done = NULL;
	d->result.outcome = outcome;
	d->result.error = error;
	d->result.fd = outcome == DIAL_CONNECTED ? TAKE_FD(fd) : -1;
	/* d itself stays until the loop has closed its timer. */
	close_timer(d);
	if (done)
		done(d->data, &d->result);
}

static enum dial_outcome classify(int error)
{
	switch (error) {
	case -ECONNREFUSED:
		return DIAL_REFUSED;
	case -ETIMEDOUT:
		return DIAL_TIMED_OUT;
	default:
		return DIAL_FAILED;
	}
}

static void on_writable(uv_poll_t *p, int status, int events);

/* A machine that vanishes while it owes us an answer is noticed within about half a minute. */
static void tune(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, 10},
		{IPPROTO_TCP, TCP_KEEPINTVL, 5},
		{IPPROTO_TCP, TCP_KEEPCNT, 4},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, 30000},
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

static int connect_one(struct dial *d, const struct address *to)
{
	AUTO(util_close)
	int fd = socket(to->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct attempt *a;
	int r;

	if (fd < 0)
		return -errno;
	tune(fd);
	if (connect(fd, (const struct sockaddr *)&to->addr, to->len) < 0 && errno != EINPROGRESS)
		return -errno;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	r = uv_poll_init(d->loop, &a->poll, fd);
	if (r < 0) {
		free(a);
		return r;
	}
	a->poll.data = a;
	a->dial = d;
	a->fd = TAKE_FD(fd);
	d->attempt = a;
	r = uv_poll_start(&a->poll, UV_WRITABLE, on_writable);
	if (r < 0)
		close(end_attempt(d));
	return r;
}

/* From v[at] on, until one address is being tried or none is left. */
static void try_addresses(struct dial *d, int error)
{
	for (; d->at < d->n; d->at++) {
		struct address *a = &d->v[d->at];

		if (a->addr.ss_family == AF_INET6)
			((struct sockaddr_in6 *)&a->addr)->sin6_port = htons(d->port);
		else
			((struct sockaddr_in *)&a->addr)->sin_port = htons(d->port);
		uv_ip_name(
			(struct sockaddr *)&a->addr, d->result.address, sizeof(d->result.address));
		error = connect_one(d, a);
		if (error == 0)
			return;
	}
	finish(d, classify(error), error);
}

static void next_address(struct dial *d, int error)
{
	int fd = end_attempt(d);

	util_close(&fd);
	d->at++;
	try_addresses(d, error);
}

static void on_writable(uv_poll_t *p, int status, int events)
{
	struct attempt *a = p->data;
	struct dial *d = a->dial;
	int error = 0;
	socklen_t len = sizeof(error);

	/* libuv tells of any error as EBADF: the socket knows better. */
	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (!error && status < 0)
		error = -status;
	if (error)
		next_address(d, -error);
	else
		finish(d, DIAL_CONNECTED, 0);
}

static void on_timer(uv_timer_t *t);

static void start_connecting(struct dial *d)
{
	d->phase = CONNECTING;
	/* Repeats: each address has as much time. */
	if (uv_timer_start(&d->timer, on_timer, d->connect_ms, d->connect_ms) < 0)
		finish(d, DIAL_FAILED, -EINVAL);
	else
		try_addresses(d, -EHOSTUNREACH);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct dial *d = req->data;
	bool wanted = d->done != NULL;

	for (struct addrinfo *a = res; a && d->n < DIAL_ADDRESSES_MAX; a = a->ai_next) {
		if ((a->ai_family != AF_INET && a->ai_family != AF_INET6) ||
			a->ai_addrlen > sizeof(d->v[0].addr))
			continue;
		memcpy(&d->v[d->n].addr, a->ai_addr, a->ai_addrlen);
		d->v[d->n++].len = a->ai_addrlen;
	}
	uv_freeaddrinfo(res);
	if (d->n > 0)
		cache_put(d, uv_now(d->loop));
	if (wanted && d->n == 0)
		finish(d, DIAL_UNRESOLVED, status < 0 ? status : UV_EAI_NONAME);
	else if (wanted)
		start_connecting(d);
	drop(d);
}

/* Numbers and remembered names: true, and v is filled. */
static bool known(struct dial *d)
{
	const struct cached *c;

	if (uv_ip4_addr(d->host, 0, (struct sockaddr_in *)&d->v[0].addr) == 0) {
		d->v[0].len = sizeof(struct sockaddr_in);
		d->n = 1;
	} else if (uv_ip6_addr(d->host, 0, (struct sockaddr_in6 *)&d->v[0].addr) == 0) {
		d->v[0].len = sizeof(struct sockaddr_in6);
		d->n = 1;
	} else if ((c = cache_find(d->host, uv_now(d->loop)))) {
		memcpy(d->v, c->v, sizeof(d->v));
		d->n = c->n;
	}
	return d->n > 0;
}

static void resolve(struct dial *d)
{
	static const struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG,
	};
	int r;

	d->phase = RESOLVING;
	if (known(d)) {
		start_connecting(d);
		return;
	}
	d->resolver.data = d;
	r = uv_getaddrinfo(d->loop, &d->resolver, on_resolved, d->host, NULL, &hints);
	if (r == 0) {
		d->alive++;
		r = uv_timer_start(&d->timer, on_timer, d->resolve_ms, 0);
	}
	if (r < 0)
		finish(d, DIAL_UNRESOLVED, r);
}

static void on_timer(uv_timer_t *t)
{
	struct dial *d = t->data;

	switch (d->phase) {
	case STARTING:
		resolve(d);
		break;
	case RESOLVING:
		finish(d, DIAL_UNRESOLVED, -ETIMEDOUT);
		break;
	case CONNECTING:
		next_address(d, -ETIMEDOUT);
		break;
	}
}

int dial_start(uv_loop_t *loop, const struct dial_params *p, dial_done_fn done, void *data,
	struct dial **ret)
{
	struct dial *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->loop = loop;
	d->host = strdup(p->host);
	d->port = p->port;
	d->resolve_ms = MAX(p->resolve_ms, UINT64_C(1));
	d->connect_ms = MAX(p->connect_ms, UINT64_C(1));
	d->done = done;
	d->data = data;
	if (!d->host || uv_timer_init(loop, &d->timer) < 0) {
		free(d->host);
		free(d);
		return -ENOMEM;
	}
	d->timer.data = d;
	d->timer_open = true;
	d->alive = 1;
	r = uv_timer_start(&d->timer, on_timer, 0, 0);
	if (r < 0) {
		d->done = NULL;
		close_timer(d);
		return r;
	}
	*ret = d;
	return 0;
}

void dial_cancel(struct dial *d)
{
	int fd = end_attempt(d);

	util_close(&fd);
	d->done = NULL;
	close_timer(d);
}
