/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Everything comes to pump(): after bytes came, after a write was done, when the timer fires (which
 * is also how a wake is followed up, at a timeout of 0: never from inside the session).
 */

#include "link.h"

#include <errno.h>
#include <stdlib.h>

struct link {
	uv_tcp_t tcp;
	uv_timer_t timer;
	uv_write_t write;
	struct rpc_session *session;
	link_closed_fn closed;
	void *data;
	size_t write_len;
	bool writing, reading, closing;
	unsigned open_handles;
	char input[64 << 10];
};

static void pump(struct link *l);

static void on_handle_closed(uv_handle_t *h)
{
	struct link *l = h->data;

	if (--l->open_handles > 0)
		return;
	if (l->closed)
		l->closed(l, l->data);
	rpc_session_free(l->session);
	free(l);
}

void link_close(struct link *l)
{
	if (l->closing)
		return;
	l->closing = true;
	if (l->session)
		rpc_session_eof(l->session, 0, link_now_ms(l));
	uv_close((uv_handle_t *)&l->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&l->timer, on_handle_closed);
}

static void gone(struct link *l, int error)
{
	if (!l->closing)
		rpc_session_eof(l->session, error, link_now_ms(l));
	link_close(l);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct link *l = h->data;

	*buf = uv_buf_init(l->input, sizeof(l->input));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct link *l = stream->data;

	if (n == 0 || l->closing)
		return;
	if (n < 0) {
		gone(l, n == UV_EOF ? 0 : (int)n);
		return;
	}
	/* Where it fails the session has ended, which pump sees. */
	if (rpc_session_feed(l->session, buf->base, (size_t)n, link_now_ms(l)) < 0)
		rpc_session_close(l->session, "out of memory");
	pump(l);
}

static void on_written(uv_write_t *w, int status)
{
	struct link *l = w->data;

	l->writing = false;
	if (l->closing)
		return;
	if (status < 0) {
		gone(l, status);
		return;
	}
	rpc_session_consumed(l->session, l->write_len);
	pump(l);
}

/* False: the connection is gone, or there is nothing to write now. */
static bool write_some(struct link *l)
{
	const void *data;
	uv_buf_t buf;
	size_t n;
	int r;

	if (rpc_session_output(l->session, link_now_ms(l), &data, &n) < 0 || n == 0)
		return false;
	buf = uv_buf_init((char *)(uintptr_t)data, (unsigned)n);
	r = uv_try_write((uv_stream_t *)&l->tcp, &buf, 1);
	if (r > 0) {
		rpc_session_consumed(l->session, (size_t)r);
		return true;
	}
	if (r < 0 && r != UV_EAGAIN) {
		gone(l, r);
		return false;
	}
	l->write.data = l;
	l->write_len = n;
	r = uv_write(&l->write, (uv_stream_t *)&l->tcp, &buf, 1, on_written);
	if (r < 0)
		gone(l, r);
	else
		l->writing = true;
	return false;
}

static void on_timer(uv_timer_t *t)
{
	struct link *l = t->data;

	rpc_session_tick(l->session, link_now_ms(l));
	pump(l);
}

static void set_timer(struct link *l)
{
	uint64_t due = rpc_session_next_ms(l->session);
	uint64_t now = link_now_ms(l);

	if (due == RPC_NEVER)
		uv_timer_stop(&l->timer);
	else
		uv_timer_start(&l->timer, on_timer, due > now ? due - now : 0, 0);
}

static void set_reading(struct link *l)
{
	bool wanted = rpc_session_wants_read(l->session);

	if (wanted == l->reading)
		return;
	l->reading = wanted;
	if (!wanted)
		uv_read_stop((uv_stream_t *)&l->tcp);
	else if (uv_read_start((uv_stream_t *)&l->tcp, on_alloc, on_read) < 0)
		link_close(l);
}

static void pump(struct link *l)
{
	while (!l->closing && !l->writing && write_some(l))
		;
	if (l->closing)
		return;
	set_timer(l);
	set_reading(l);
	/* Also with a write under way, if nobody reads it. */
	if (rpc_session_ended(l->session))
		link_close(l);
}

static void on_wake(void *data)
{
	struct link *l = data;

	/* A write under way pumps when it is done. */
	if (!l->closing && l->session)
		uv_timer_start(&l->timer, on_timer, 0, 0);
}

int link_new(uv_loop_t *loop, struct link **ret)
{
	struct link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	uv_timer_init(loop, &l->timer);
	r = uv_tcp_init(loop, &l->tcp);
	if (r < 0) {
		free(l);
		return r;
	}
	l->open_handles = 2;
	l->tcp.data = l->timer.data = l;
	*ret = l;
	return 0;
}

uv_stream_t *link_stream(struct link *l)
{
	return (uv_stream_t *)&l->tcp;
}

struct rpc_owner link_owner(struct link *l)
{
	return (struct rpc_owner){.wake = on_wake, .data = l};
}

void link_start(struct link *l, struct rpc_session *s, link_closed_fn closed, void *data)
{
	l->session = s;
	l->closed = closed;
	l->data = data;
	uv_tcp_nodelay(&l->tcp, 1);
	pump(l);
}

struct rpc_session *link_session(struct link *l)
{
	return l->session;
}

uint64_t link_now_ms(const struct link *l)
{
	return uv_now(l->tcp.loop);
}
