/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>
#include <uv.h>

#include "base/buf.h"

/*
 * Pages over HTTP/1.1, for people and for monitoring:
 *
 *	/healthz   200 "serving", or 503 "draining"
 *	/metrics   OpenMetrics text
 *	/          the status page
 *
 * libmicrohttpd reads requests and writes answers, on sockets that others have accepted, in the
 * thread of the loop (it gives us its epoll descriptor), so that what a page is made from needs no
 * locks. A connection has one request and PAGES_LIFE_MS for all of it; a page that was just made
 * is given again for PAGES_FRESH_MS.
 */

enum {
	PAGES_CONNECTIONS_MAX = 64,
	PAGES_CONNECTIONS_OF_PEER_MAX = 16,
	PAGES_LIFE_MS = 15000,
	PAGES_FRESH_MS = 1000,
	PAGES_REQUEST_MAX = 16 << 10, /* bytes of request and answer's header */
};

struct pages_source {
	/* Append the page. 0 or -errno (answered with 500). */
	int (*metrics)(struct buf *ret, void *data);
	int (*status)(struct buf *ret, void *data);
	bool (*serving)(void *data); /* false: draining */
	/* A connection that pages_add took is gone; it may close the pages. May be NULL. */
	void (*gone)(void *data);
	void *data;
	uint64_t life_ms; /* 0: PAGES_LIFE_MS */
};

struct pages;

/* source is copied. -ENOTSUP: built without libmicrohttpd; -ENOMEM, -errno. */
int pages_new(uv_loop_t *loop, const struct pages_source *source, struct pages **ret) MUST_CHECK;

/*
 * A client that is about to say "GET …": no byte of that has been read (look with MSG_PEEK). fd, a
 * socket that does not block, becomes the pages', also on error; its poll handle, if it had one,
 * is closed already. -EBUSY: too many; -errno. gone is called only if it was taken.
 */
int pages_add(struct pages *p, int fd, const struct sockaddr *peer, socklen_t len) MUST_CHECK;

size_t pages_connections(const struct pages *p); /* NULL: 0 */

/*
 * Connections are closed (gone is called for each, from inside). Not from inside metrics, status or
 * serving. on_closed (may be NULL) is called from the loop when p is gone. p may be NULL: then
 * nothing happens, and on_closed is not called.
 */
void pages_close(struct pages *p, void (*on_closed)(void *data), void *data);
