/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "base/buf.h"

/*
 * A byte stream to one peer: a socket, or the two pipes that ssh and inetd give. Its end is seen
 * even while nothing is read from it.
 */

struct conn;
struct conn_handlers {
	void (*on_data)(struct conn *c, const char *data, size_t n);
	/* The peer is gone: 0, or -errno. Once; the conn is to be closed then. */
	void (*on_gone)(struct conn *c, int error);
	void (*on_progress)(struct conn *c); /* some bytes of the reply went out */
	void (*on_written)(struct conn *c);  /* all of what conn_write was given */
	void (*on_room)(struct conn *c);     /* after conn_try_write took less than it was given */
};

/* What the connections of a loop share. */
struct conn_shared {
	uv_loop_t *loop;
	char *scratch; /* to read into */
	size_t scratch_size;
	uint64_t bytes_in, bytes_out; /* of all of them */
};

struct conn {
	const struct conn_handlers *handlers;
	struct conn_shared *shared;
	int fd_in, fd_out;
	uv_poll_t in, out;
	bool out_open, paused, gone, wants_room;
	struct buf pending;
	size_t at;
	unsigned handles;
	void (*on_closed)(struct conn *c);
};

/*
 * fd_in and fd_out (the same for a socket) become the conn's, also on error. Reading starts at
 * once. -errno.
 */
int conn_open(struct conn *c, struct conn_shared *shared, int fd_in, int fd_out,
	const struct conn_handlers *handlers) MUST_CHECK;

/* Stop or go on reading. */
void conn_pause(struct conn *c, bool paused);

/* Send all of data, which is taken. Once per conn. -errno. */
int conn_write(struct conn *c, struct buf *data) MUST_CHECK;

/* Send what goes at once of n bytes, and say how much that was; on_room follows if it was not all.
 * Not together with conn_write. -errno: the peer is gone, and on_gone will not be called for it. */
ssize_t conn_try_write(struct conn *c, const void *data, size_t n) MUST_CHECK;

/* on_closed is called from the loop when c may be freed. */
void conn_close(struct conn *c, void (*on_closed)(struct conn *c));
