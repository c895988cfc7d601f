/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A fifo, without waiting and without losing anything:
 *
 *   - Its read end is opened first (without blocking), so that its write end can be; the compiler
 *     inherits the read end and never looks at it. As long as any of the compiler's processes
 *     lives there is a reader, and when all are gone a write says EPIPE.
 *   - Opening a fifo to read blocks while nobody has it open to write. So the write end is kept,
 *     even when everything is written, until the compiler has opened it: inotify says when.
 *   - Compilers open their source again: gcc does to show the line of an error. A second look at a
 *     fifo would find nothing and wait for ever. So everything is also written to a regular file,
 *     which takes the fifo's name just before the write end is closed: whoever has read to the end
 *     and opens the name again finds the whole source.
 *   - Two who have the fifo open before its end each get a part. inotify says that too, and such a
 *     result is worth nothing.
 */

#include "worker/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

enum { PIPE_SIZE = 1 << 20 };

static void feed_write(struct feed *f);

/* ---- opens ---- */

static void count_event(struct feed_watch *w, const struct inotify_event *e)
{
	if (!(e->mask & IN_OPEN))
		return;
	LIST_FOR(pos, &w->feeds)
	{
		struct feed *f = LIST_ENTRY(pos, struct feed, link);

		if (f->inotify_wd == e->wd) {
			f->opens++;
			return;
		}
	}
}

static void read_events(struct feed_watch *w)
{
	char data[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(w->fd, data, sizeof(data))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(data + at);

			count_event(w, e);
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	}
}

static void on_events(uv_poll_t *poll, int status, int events)
{
	struct feed_watch *w = poll->data;

	read_events(w);
	LIST_FOR_SAFE(pos, &w->feeds)
	feed_write(LIST_ENTRY(pos, struct feed, link));
}

int feed_watch_init(struct feed_watch *w, uv_loop_t *loop)
{
	int r;

	*w = (struct feed_watch){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
	list_init(&w->feeds);
	if (w->fd < 0)
		return -errno;
	w->poll.data = w;
	r = uv_poll_init(loop, &w->poll, w->fd);
	if (r < 0) {
		util_close(&w->fd);
		return r;
	}
	return uv_poll_start(&w->poll, UV_READABLE, on_events);
}

static void on_watch_closed(uv_handle_t *handle)
{
	struct feed_watch *w = handle->data;

	util_close(&w->fd);
}

void feed_watch_close(struct feed_watch *w)
{
	if (w->fd >= 0 && !uv_is_closing((uv_handle_t *)&w->poll))
		uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

/* ---- one feed ---- */

void feed_init(struct feed *f, void (*on_drained)(struct feed *f))
{
	*f = (struct feed){.fd = -1,
		.child_fd = -1,
		.copy_fd = -1,
		.inotify_wd = -1,
		.on_drained = on_drained,
		.pending = BUF_INIT_MAX(SIZE_MAX / 4)};
	list_init(&f->link);
}

static int new_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

	return fd < 0 ? -errno : fd;
}

/* Both ends; see above. */
static int open_ends(struct feed *f)
{
	if (mkfifo(f->path, 0644) < 0)
		return -errno;
	f->child_fd = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (f->child_fd < 0)
		return -errno;
	f->fd = open(f->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (f->fd < 0)
		return -errno;
	/* A larger pipe wakes us less; where the user's share is used up the usual one will do. */
	fcntl(f->fd, F_SETPIPE_SZ, PIPE_SIZE);
	return 0;
}

int feed_open_fifo(struct feed *f, struct feed_watch *w, uv_loop_t *loop, const char *path,
	const char *copy_path)
{
	int r;

	if (w->fd < 0)
		return -ENOSYS;
	f->is_fifo = true;
	f->path = strdup(path);
	f->copy_path = strdup(copy_path);
	if (!f->path || !f->copy_path)
		return -ENOMEM;
	f->copy_fd = new_file(copy_path);
	if (f->copy_fd < 0)
		return f->copy_fd;
	r = open_ends(f);
	if (r < 0)
		return r;
	f->inotify_wd = inotify_add_watch(w->fd, path, IN_OPEN | IN_CLOSE_NOWRITE);
	if (f->inotify_wd < 0)
		return -errno;
	f->watch = w;
	list_append(&w->feeds, &f->link);
	f->poll.data = f;
	r = uv_poll_init(loop, &f->poll, f->fd);
	f->poll_open = r == 0;
	return r;
}

int feed_open_file(struct feed *f, const char *path)
{
	int fd = new_file(path);

	if (fd < 0)
		return fd;
	f->fd = fd;
	return 0;
}

void feed_started(struct feed *f)
{
	util_close(&f->child_fd);
}

size_t feed_backlog(const struct feed *f)
{
	return f->pending.len - f->at;
}

static void drop_pending(struct feed *f)
{
	buf_fini(&f->pending);
	f->at = 0;
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct feed *f = handle->data;

	f->poll_closing = false;
	util_close(&f->fd);
	if (f->on_closed)
		f->on_closed(f);
}

/* A poll handle ends before its descriptor does, or it would take away a later user of the number.
 */
static void close_write_end(struct feed *f)
{
	drop_pending(f);
	if (f->poll_open) {
		f->poll_open = false;
		f->poll_closing = true;
		uv_close((uv_handle_t *)&f->poll, on_poll_closed);
	} else if (!f->poll_closing) {
		util_close(&f->fd);
	}
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
	feed_write(poll->data);
}

/* 0: all is written; -EAGAIN; or another -errno. */
static int write_pending(struct feed *f)
{
	while (f->at < f->pending.len) {
		ssize_t n = write(f->fd, f->pending.data + f->at, f->pending.len - f->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		f->at += (size_t)n;
	}
	drop_pending(f);
	return 0;
}

/* The compiler has the fifo open, and everything is in it: what it opens from now on is the file.
 */
static void finish(struct feed *f)
{
	if (rename(f->copy_path, f->path) < 0)
		f->broken = true;
	close_write_end(f);
}

/* A fifo: write what there is, and see whether it may be closed. */
static void feed_write(struct feed *f)
{
	bool had = f->pending.len > 0;
	int r;

	if (!f->poll_open)
		return;
	r = write_pending(f);
	if (r == -EAGAIN && uv_poll_start(&f->poll, UV_WRITABLE, on_writable) == 0)
		return;
	if (r < 0) {
		/* EPIPE: the compiler did not want the rest. */
		f->broken = true;
		close_write_end(f);
	} else {
		uv_poll_stop(&f->poll);
		if (f->ended && f->opens > 0)
			finish(f);
	}
	if (had)
		f->on_drained(f);
}

static int append(struct feed *f, struct buf *data)
{
	int r;

	if (f->pending.len == 0) {
		drop_pending(f);
		f->pending.len = data->len;
		f->pending.cap = data->cap;
		f->pending.data = buf_take(data);
		return 0;
	}
	r = buf_append(&f->pending, data->data, data->len);
	buf_fini(data);
	return r;
}

int feed_push(struct feed *f, struct buf *data)
{
	int r;

	if (data->len == 0 || f->broken || f->fd < 0) {
		buf_fini(data);
		return 0;
	}
	if (!f->is_fifo) {
		r = fs_write_all(f->fd, data->data, data->len);
		buf_fini(data);
		return r;
	}
	r = fs_write_all(f->copy_fd, data->data, data->len);
	if (r == 0)
		r = append(f, data);
	/* Written from the loop, so that on_drained never comes from in here. */
	return r < 0 ? r : uv_poll_start(&f->poll, UV_WRITABLE, on_writable);
}

int feed_end(struct feed *f)
{
	int *file = f->is_fifo ? &f->copy_fd : &f->fd;

	f->ended = true;
	/* A full disk may only show here. */
	if (*file >= 0 && close(TAKE_FD(*file)) < 0)
		return -errno;
	return f->poll_open ? uv_poll_start(&f->poll, UV_WRITABLE, on_writable) : 0;
}

enum feed_verdict feed_judge(struct feed *f)
{
	if (!f->is_fifo)
		return f->ended ? FEED_WHOLE : FEED_PART;
	read_events(f->watch);
	if (f->opens > 1)
		return FEED_TWICE;
	return f->opens == 1 && f->ended && !f->broken && f->pending.len == 0 ? FEED_WHOLE
									      : FEED_PART;
}

bool feed_close(struct feed *f, void (*on_closed)(struct feed *f))
{
	f->on_closed = on_closed;
	list_unlink(&f->link);
	/* The watch goes with the file; a number is not given out again, so late events meet
	 * nobody.
	 */
	if (f->inotify_wd >= 0)
		inotify_rm_watch(f->watch->fd, f->inotify_wd);
	f->inotify_wd = -1;
	util_close(&f->child_fd);
	util_close(&f->copy_fd);
	util_free(&f->path);
	util_free(&f->copy_path);
	close_write_end(f);
	return f->poll_closing;
}
