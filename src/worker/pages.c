/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * libmicrohttpd without a thread and without a listening socket: its epoll descriptor is polled in
 * our loop, and MHD_run does what there is to do.
 *
 *	pages_add ─► MHD ─► on_request ─► page (made, or made a moment ago) ─► MHD ─► closed
 *	              ▲ epoll readable, MHD's time-out, a connection's deadline: turn()
 *
 * MHD's own time-out begins anew with each byte, so a client that sends one now and then would
 * stay. So each connection has a deadline for all of it, too; they are equally long, and the list
 * of connections is in the order of their deadlines. One whose time is over is shut down, and MHD
 * finds it at its end.
 */

#include "worker/pages.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/list.h"
#include "worker/metrics.h"
#include "worker/status.h"

enum { MS = 1000 };

struct page {
	struct MHD_Response *response; /* as it was made last; NULL */
	uint64_t made_ms;
};

struct pages {
	uv_loop_t *loop;
	struct pages_source source;
	struct MHD_Daemon *daemon;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned handles;
	struct list connections;
	size_t n_connections;
	size_t n_gone; /* which source.gone has not been told of */
	bool adding;
	struct page metrics, status;
	void (*on_closed)(void *data);
	void *closed_data;
};

struct connection {
	struct list link;
	int fd;
	uint64_t deadline_ms;
};

/* ---- answers ---- */

static bool add_header(struct MHD_Response *r, const char *name, const char *value)
{
	return MHD_add_response_header(r, name, value) == MHD_YES;
}

/* text is free'd, also on error. NULL: no memory. */
static struct MHD_Response *make_response(char *text, size_t n, const char *type)
{
	struct MHD_Response *r =
		text ? MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE) : NULL;

	if (!r) {
		free(text);
		return NULL;
	}
	if (!add_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type) ||
		!add_header(r, MHD_HTTP_HEADER_CONNECTION, "close") ||
		!add_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") ||
		!add_header(r, "X-Content-Type-Options", "nosniff") ||
		!add_header(r, "Content-Security-Policy",
			"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")) {
		MHD_destroy_response(r);
		return NULL;
	}
	return r;
}

static enum MHD_Result answer_text(
	struct MHD_Connection *c, unsigned status, const char *text, const char *allow)
{
	struct MHD_Response *r = make_response(strdup(text), strlen(text), "text/plain");
	enum MHD_Result queued = MHD_NO;

	if (!r)
		return MHD_NO;
	if (!allow || add_header(r, MHD_HTTP_HEADER_ALLOW, allow))
		queued = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return queued;
}

static void forget_page(struct page *page)
{
	if (page->response)
		MHD_destroy_response(page->response);
	page->response = NULL;
}

/* Make the page anew where it is not fresh. */
static int refresh(struct pages *p, struct page *page, size_t max, const char *type,
	int (*print)(struct buf *ret, void *data))
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(max);
	uint64_t now = uv_now(p->loop);
	size_t n;
	int r;

	if (page->response && now - page->made_ms < PAGES_FRESH_MS)
		return 0;
	forget_page(page);
	r = print(&text, p->source.data);
	if (r < 0)
		return r;
	n = text.len;
	page->response = make_response(buf_take(&text), n, type);
	page->made_ms = now;
	return page->response ? 0 : -ENOMEM;
}

static enum MHD_Result answer_page(struct pages *p, struct MHD_Connection *c, struct page *page,
	size_t max, const char *type, int (*print)(struct buf *ret, void *data))
{
	if (refresh(p, page, max, type, print) < 0)
		return answer_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "cannot be told now\n", NULL);
	return MHD_queue_response(c, MHD_HTTP_OK, page->response);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *c, const char *url,
	const char *method, const char *version, const char *body, size_t *body_size,
	void **request)
{
	struct pages *p = data;

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return answer_text(
			c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n", "GET, HEAD");
	if (str_eq(url, "/healthz")) {
		bool serving = p->source.serving(p->source.data);

		return answer_text(c, serving ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
			serving ? "serving\n" : "draining\n", NULL);
	}
	if (str_eq(url, "/metrics"))
		return answer_page(p, c, &p->metrics, METRICS_TEXT_MAX, METRICS_CONTENT_TYPE,
			p->source.metrics);
	if (str_eq(url, "/"))
		return answer_page(p, c, &p->status, STATUS_PAGE_MAX, "text/html; charset=utf-8",
			p->source.status);
	return answer_text(
		c, MHD_HTTP_NOT_FOUND, "not found: there are /, /metrics and /healthz\n", NULL);
}

/* ---- connections ---- */

static void on_notify(void *data, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode what)
{
	struct pages *p = data;
	struct connection *c = *context;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

		c = calloc(1, sizeof(*c));
		*context = c;
		p->n_connections++;
		if (!c)
			return; /* without a deadline of ours; MHD's time-out is left */
		c->fd = info->connect_fd;
		c->deadline_ms = uv_now(p->loop) + p->source.life_ms;
		list_append(&p->connections, &c->link);
		return;
	}
	p->n_connections--;
	if (c) {
		list_unlink(&c->link);
		free(c);
	}
	p->n_gone += !p->adding;
}

/* Outside of MHD, whose daemon gone may stop: nothing of p is touched after this. */
static void tell_gone(struct pages *p)
{
	const struct pages_source source = p->source;
	size_t n = p->n_gone;

	p->n_gone = 0;
	while (source.gone && n-- > 0)
		source.gone(source.data);
}

/* ---- the loop ---- */

static void on_timer(uv_timer_t *timer);

/* End those whose time is over; *wait becomes no longer than until the next one's is. */
static void check_deadlines(struct pages *p, uint64_t *wait)
{
	uint64_t now = uv_now(p->loop);

	LIST_FOR(pos, &p->connections)
	{
		struct connection *c = LIST_ENTRY(pos, struct connection, link);

		if (c->deadline_ms > now) {
			*wait = MIN(*wait, c->deadline_ms - now);
			return;
		}
		shutdown(c->fd, SHUT_RDWR);
	}
}

static void turn(struct pages *p)
{
	MHD_UNSIGNED_LONG_LONG mhd;
	uint64_t wait = UINT64_MAX;

	MHD_run(p->daemon);
	check_deadlines(p, &wait);
	if (MHD_get_timeout(p->daemon, &mhd) == MHD_YES)
		wait = MIN(wait, (uint64_t)mhd);
	if (wait == UINT64_MAX)
		uv_timer_stop(&p->timer);
	else
		(void)!uv_timer_start(&p->timer, on_timer, wait, 0); /* it is not closing */
	tell_gone(p);
}

static void on_timer(uv_timer_t *timer)
{
	turn(timer->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	turn(poll->data);
}

static struct MHD_Daemon *start(struct pages *p)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request,
		p, MHD_OPTION_CONNECTION_LIMIT, (unsigned)PAGES_CONNECTIONS_MAX,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)PAGES_CONNECTIONS_OF_PEER_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)MAX(p->source.life_ms / MS, (uint64_t)1),
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)PAGES_REQUEST_MAX,
		MHD_OPTION_NOTIFY_CONNECTION, on_notify, p, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
		MHD_OPTION_END);
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct pages *p = handle->data;

	if (--p->handles > 0)
		return;
	if (p->on_closed)
		p->on_closed(p->closed_data);
	free(p);
}

static int watch(struct pages *p)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(p->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int r = uv_timer_init(p->loop, &p->timer);

	p->timer.data = p->poll.data = p;
	if (r < 0)
		return r;
	p->handles = 1;
	r = info ? uv_poll_init(p->loop, &p->poll, info->epoll_fd) : -ENOTSUP;
	if (r < 0)
		return r;
	p->handles = 2;
	return uv_poll_start(&p->poll, UV_READABLE, on_ready);
}

int pages_new(uv_loop_t *loop, const struct pages_source *source, struct pages **ret)
{
	struct pages *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->loop = loop;
	p->source = *source;
	if (p->source.life_ms == 0)
		p->source.life_ms = PAGES_LIFE_MS;
	list_init(&p->connections);
	errno = ENOMEM;
	p->daemon = start(p);
	if (!p->daemon) {
		r = -errno;
		free(p);
		return r;
	}
	r = watch(p);
	if (r < 0) {
		pages_close(p, NULL, NULL);
		return r;
	}
	*ret = p;
	return 0;
}

int pages_add(struct pages *p, int fd, const struct sockaddr *peer, socklen_t len)
{
	enum MHD_Result added;
	int error;

	p->adding = true;
	errno = EIO;
	added = MHD_add_connection(p->daemon, fd, peer, len);
	error = errno;
	p->adding = false;
	if (added != MHD_YES)
		return error == ENFILE || error == EMFILE ? -EBUSY : -error;
	/* What the client has said already. */
	turn(p);
	return 0;
}

size_t pages_connections(const struct pages *p)
{
	return p ? p->n_connections : 0;
}

void pages_close(struct pages *p, void (*on_closed)(void *data), void *data)
{
	if (!p)
		return;
	p->on_closed = on_closed;
	p->closed_data = data;
	if (p->handles > 0)
		uv_close((uv_handle_t *)&p->timer, on_handle_closed);
	if (p->handles > 1)
		uv_close((uv_handle_t *)&p->poll, on_handle_closed);
	MHD_stop_daemon(p->daemon);
	forget_page(&p->metrics);
	forget_page(&p->status);
	tell_gone(p);
	if (p->handles == 0)
		free(p);
}
