/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>

#include "base/util.h"

/* One client of the distcc protocol: a connection, the one request on it, and what comes of it. */

struct server;

/*
 * The descriptors (equal for a socket) become the session's, also on error. peer may be NULL where
 * it has no address. -errno.
 */
int session_open(struct server *s, int fd_in, int fd_out, const struct sockaddr *peer,
	socklen_t peer_len) MUST_CHECK;
