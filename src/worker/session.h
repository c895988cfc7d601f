/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>

#include "base/list.h"
#include "sched/queue.h"

/* One client: a connection, the one request on it, and what is made of it. */

struct server;
struct session;

/*
 * The descriptors (equal for a socket) become the session's, also on error. peer may be NULL where
 * it has no address. -errno.
 */
int session_open(struct server *s, int fd_in, int fd_out, const struct sockaddr *peer,
	socklen_t peer_len) MUST_CHECK;

void session_granted(struct queue_waiter *w); /* its turn has come */
void session_abort(struct list *link);        /* the daemon ends */

enum { SESSION_PEER_NAME_MAX = 80 };
/* "10.0.0.7:4312", "[::1]:4312"; "(stdin)" where there is no address. */
void session_peer_name(const struct sockaddr *peer, socklen_t len, char ret[SESSION_PEER_NAME_MAX]);

/* Of the same address as peer. */
bool session_is_of(const struct list *link, const struct sockaddr *peer);
