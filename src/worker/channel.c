/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	socket ─► on_data ─► tls_feed ─► plain ─► handlers->on_data
 *	socket ◄─ flush ◄─── tls_output ◄─ tls_write ◄─ channel_try_write
 *
 * What TLS has to say of its own (handshake, alerts) goes out after each piece that came in. No
 * more plaintext is taken while output waits for the socket, so that what waits is one piece.
 */

#include "worker/channel.h"

#include <errno.h>
#include <unistd.h>

#include "base/list.h"

enum { PIECE = 64 << 10 };

static struct channel *channel_of(struct conn *c)
{
	return LIST_ENTRY(c, struct channel, conn);
}

static void lose(struct channel *c, int error)
{
	if (c->gone)
		return;
	c->gone = true;
	c->handlers->on_gone(c, error);
}

/* 1: all output has gone; 0: some waits, on_room comes. -errno. */
static int flush(struct channel *c)
{
	const void *data;
	size_t n;

	for (;;) {
		ssize_t taken;

		tls_output(c->tls, &data, &n);
		if (n == 0)
			return 1;
		taken = conn_try_write(&c->conn, data, n);
		if (taken < 0)
			return (int)taken;
		tls_consumed(c->tls, (size_t)taken);
		if ((size_t)taken < n)
			return 0;
	}
}

static void tell_room(struct channel *c)
{
	if (!c->wants_room || c->gone || (c->tls && !tls_ready(c->tls)))
		return;
	c->wants_room = false;
	c->handlers->on_room(c);
}

/* Bytes of a session that has ended are nobody's: what was decrypted before is still told. */
static void feed(struct channel *c, const char *data, size_t n)
{
	int r, w;

	c->plain.len = 0;
	r = tls_feed(c->tls, data, n, &c->plain);
	w = flush(c);
	if (c->plain.len > 0)
		c->handlers->on_data(c, c->plain.data, c->plain.len);
	if (r == TLS_CLOSED)
		lose(c, 0);
	else if (r < 0 || w < 0)
		lose(c, r < 0 ? r : w);
	else if (w == 1)
		tell_room(c);
}

static void on_data(struct conn *conn, const char *data, size_t n)
{
	struct channel *c = channel_of(conn);

	if (c->gone)
		return;
	if (c->tls)
		feed(c, data, n);
	else
		c->handlers->on_data(c, data, n);
}

static void on_gone(struct conn *conn, int error)
{
	struct channel *c = channel_of(conn);

	lose(c, error == 0 && c->tls ? tls_eof(c->tls) : error);
}

static void on_room(struct conn *conn)
{
	struct channel *c = channel_of(conn);
	int r = c->tls ? flush(c) : 1;

	if (r < 0)
		lose(c, r);
	else if (r == 1)
		tell_room(c);
}

static const struct conn_handlers conn_handlers = {
	.on_data = on_data, .on_gone = on_gone, .on_room = on_room};

int channel_open(struct channel *c, struct conn_shared *shared, int fd_in, int fd_out,
	struct tls_context *tls, const struct channel_handlers *handlers)
{
	int r = 0;

	*c = (struct channel){.handlers = handlers, .plain = BUF_INIT_MAX(SIZE_MAX / 4)};
	if (tls)
		r = tls_new(tls, NULL, &c->tls);
	if (r < 0) {
		close(fd_in);
		if (fd_out != fd_in)
			close(fd_out);
		return r;
	}
	r = conn_open(&c->conn, shared, fd_in, fd_out, &conn_handlers);
	if (r < 0)
		tls_free(TAKE_PTR(c->tls));
	return r;
}

void channel_pause(struct channel *c, bool paused)
{
	conn_pause(&c->conn, paused);
}

static ssize_t write_tls(struct channel *c, const char *data, size_t n)
{
	size_t at = 0;
	int r = flush(c);

	while (r == 1 && at < n && tls_ready(c->tls)) {
		size_t piece = MIN(n - at, (size_t)PIECE);

		r = tls_write(c->tls, data + at, piece);
		if (r < 0)
			break;
		at += piece;
		r = flush(c);
	}
	if (r < 0)
		return r;
	c->wants_room = at < n;
	return (ssize_t)at;
}

ssize_t channel_try_write(struct channel *c, const void *data, size_t n)
{
	ssize_t taken;

	if (c->gone)
		return -EPIPE;
	if (c->tls)
		return write_tls(c, data, n);
	taken = conn_try_write(&c->conn, data, n);
	c->wants_room = taken >= 0 && (size_t)taken < n;
	return taken;
}

const char *channel_peer(const struct channel *c)
{
	return c->tls ? tls_peer(c->tls) : "";
}

const char *channel_reason(const struct channel *c)
{
	return c->tls ? tls_reason(c->tls) : "";
}

static void on_conn_closed(struct conn *conn)
{
	struct channel *c = channel_of(conn);

	tls_free(c->tls);
	buf_fini(&c->plain);
	c->on_closed(c);
}

void channel_close(struct channel *c, void (*on_closed)(struct channel *c))
{
	c->gone = true;
	c->on_closed = on_closed;
	if (c->tls) {
		tls_close(c->tls);
		/* What a peer that is gone does not hear is no loss. */
		(void)!flush(c);
	}
	conn_close(&c->conn, on_conn_closed);
}
