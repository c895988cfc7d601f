/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "base/buf.h"
#include "base/list.h"

/*
 * How a source gets into the file that the compiler reads: a fifo, while it still arrives, or a
 * regular file, written before the compiler starts.
 */

enum { FEED_BACKLOG = 1 << 20 }; /* what is pending over this should make the caller stop reading */

/* One per daemon: sees fifos being opened. */
struct feed_watch {
	int fd; /* inotify; -1: none, fifos cannot be used */
	uv_poll_t poll;
	struct list feeds;
};

int feed_watch_init(struct feed_watch *w, uv_loop_t *loop) MUST_CHECK;
void feed_watch_close(struct feed_watch *w); /* every feed is closed already */

struct feed {
	struct feed_watch *watch;
	void (*on_drained)(struct feed *f); /* nothing is pending any more */
	void (*on_closed)(struct feed *f);
	struct list link; /* of watch->feeds */
	int fd;           /* write end, or the regular file; -1: closed */
	int child_fd;     /* fifo: the read end that the compiler keeps open */
	bool is_fifo, ended, broken;
	int inotify_wd;
	unsigned opens;
	struct buf pending;
	size_t at; /* of pending, what is written already */
	uv_poll_t poll;
	bool poll_open, poll_closing;
};

void feed_init(struct feed *f, void (*on_drained)(struct feed *f));

/* path must not exist. -errno. In every case feed_close is to be called later. */
int feed_open_fifo(
	struct feed *f, struct feed_watch *w, uv_loop_t *loop, const char *path) MUST_CHECK;
int feed_open_file(struct feed *f, const char *path) MUST_CHECK;

/* The compiler has been started and has its own copy of child_fd. */
void feed_started(struct feed *f);

/* Take all of data (which is left empty). -ENOMEM, -E2BIG; for a file, -errno of writing. */
int feed_push(struct feed *f, struct buf *data) MUST_CHECK;
int feed_end(struct feed *f) MUST_CHECK; /* nothing more will be pushed; -errno as above */
size_t feed_backlog(const struct feed *f);

/*
 * The compiler has ended: was everything given to it, once? If a fifo was opened twice then what
 * read it the second time saw only a rest.
 */
enum feed_verdict { FEED_WHOLE, FEED_PART, FEED_TWICE };
enum feed_verdict feed_judge(struct feed *f);

/* True: on_closed will be called from the loop, once, when f may be freed; false: it may be now. */
bool feed_close(struct feed *f, void (*on_closed)(struct feed *f));
