/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Poll handles and not libuv streams, because a stream that is not read does not notice its end,
 * and a client that goes away while it waits must be noticed: paused, the handle still asks for the
 * peer's hang-up. (distcc clients never close only one direction.)
 *
 * One descriptor has one poll handle, so when a reply does not fit into a socket's buffer the rest
 * is sent through a duplicate.
 */

#include "worker/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void lose(struct conn *c, int error)
{
	if (c->gone)
		return;
	c->gone = true;
	uv_poll_stop(&c->in);
	if (c->out_open)
		uv_poll_stop(&c->out);
	c->handlers->on_gone(c, error);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct conn *c = poll->data;
	ssize_t n;

	/*
	 * A reset. libuv has stopped the handle, so that what is still to be read would be the last
	 * that we hear of; and nobody waits for the answer.
	 */
	if (status < 0) {
		lose(c, -ECONNRESET);
		return;
	}
	if (c->paused) {
		if (events & UV_DISCONNECT)
			lose(c, 0);
		return;
	}
	n = read(c->fd_in, c->shared->scratch, c->shared->scratch_size);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		c->shared->bytes_in += (uint64_t)n;
		c->handlers->on_data(c, c->shared->scratch, (size_t)n);
		return;
	}
	lose(c, n < 0 ? -errno : 0);
}

static int watch_in(struct conn *c)
{
	return uv_poll_start(&c->in, c->paused ? UV_DISCONNECT : UV_READABLE, on_readable);
}

int conn_open(struct conn *c, struct conn_shared *shared, int fd_in, int fd_out,
	const struct conn_handlers *handlers)
{
	int r;

	*c = (struct conn){.handlers = handlers,
		.shared = shared,
		.fd_in = fd_in,
		.fd_out = fd_out,
		.pending = BUF_INIT_MAX(SIZE_MAX / 4)};
	c->in.data = c->out.data = c;
	r = uv_poll_init(shared->loop, &c->in, fd_in);
	if (r < 0) {
		util_close(&c->fd_in);
		if (fd_out != fd_in)
			util_close(&c->fd_out);
		return r;
	}
	c->handles = 1;
	return watch_in(c);
}

void conn_pause(struct conn *c, bool paused)
{
	if (c->paused == paused || c->gone)
		return;
	c->paused = paused;
	if (watch_in(c) < 0)
		lose(c, -ENOMEM);
}

static void on_writable(uv_poll_t *poll, int status, int events);

/* Write what goes; when it is all: say so. */
static int pump(struct conn *c)
{
	size_t before = c->at;

	while (c->at < c->pending.len) {
		ssize_t n = write(c->fd_out, c->pending.data + c->at, c->pending.len - c->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		c->at += (size_t)n;
	}
	c->shared->bytes_out += c->at - before;
	if (c->at > before)
		c->handlers->on_progress(c);
	return 0;
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
	struct conn *c = poll->data;
	int r;

	if (c->wants_room) {
		c->wants_room = false;
		uv_poll_stop(&c->out);
		c->handlers->on_room(c);
		return;
	}
	r = pump(c);
	if (r < 0) {
		lose(c, r);
	} else if (c->at == c->pending.len) {
		uv_poll_stop(&c->out);
		buf_fini(&c->pending);
		c->at = 0;
		c->handlers->on_written(c);
	}
}

static int watch_out(struct conn *c)
{
	int r;

	if (c->fd_out == c->fd_in) {
		c->fd_out = fcntl(c->fd_in, F_DUPFD_CLOEXEC, 0);
		if (c->fd_out < 0)
			return -errno;
	}
	if (!c->out_open) {
		r = uv_poll_init(c->shared->loop, &c->out, c->fd_out);
		if (r < 0)
			return r;
		c->out_open = true;
		c->handles++;
	}
	return uv_poll_start(&c->out, UV_WRITABLE, on_writable);
}

int conn_write(struct conn *c, struct buf *data)
{
	c->pending.len = data->len;
	c->pending.cap = data->cap;
	c->pending.data = buf_take(data);
	return watch_out(c);
}

ssize_t conn_try_write(struct conn *c, const void *data, size_t n)
{
	size_t at = 0;
	int r;

	if (c->gone)
		return -EPIPE;
	if (c->wants_room)
		return 0;
	while (at < n) {
		ssize_t m = write(c->fd_out, (const char *)data + at, n - at);

		if (m < 0 && errno == EINTR)
			continue;
		if (m < 0 && errno != EAGAIN)
			return -errno;
		if (m < 0)
			break;
		at += (size_t)m;
	}
	c->shared->bytes_out += at;
	if (at < n) {
		c->wants_room = true;
		r = watch_out(c);
		if (r < 0)
			return r;
	}
	return (ssize_t)at;
}

static void on_handle_closed(uv_handle_t *handle)
{
	struct conn *c = handle->data;

	if (--c->handles > 0)
		return;
	if (c->fd_out != c->fd_in)
		util_close(&c->fd_out);
	util_close(&c->fd_in);
	buf_fini(&c->pending);
	c->on_closed(c);
}

void conn_close(struct conn *c, void (*on_closed)(struct conn *c))
{
	c->gone = true;
	c->on_closed = on_closed;
	uv_close((uv_handle_t *)&c->in, on_handle_closed);
	if (c->out_open)
		uv_close((uv_handle_t *)&c->out, on_handle_closed);
}
