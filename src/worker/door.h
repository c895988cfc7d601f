/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>

#include "base/util.h"

/*
 * One port for all: a client that has just come is looked at until its first bytes say what it
 * speaks (worker/first.h). They are left unread, and it is handed to who speaks that.
 *
 *	DIST, and what is none of these   worker/session.h, which says what is wrong with it
 *	PRI * HTTP/2.0                    worker/grpc.h, where there is a store; once TLS is served
 *	                                  only from pipes (ssh) without it
 *	a TLS ClientHello                 worker/grpc.h, where there is a certificate
 *	GET, HEAD                         worker/pages.h
 */

struct server;

/* As session_open. */
int door_open(struct server *s, int fd_in, int fd_out, const struct sockaddr *peer,
	socklen_t peer_len) MUST_CHECK;
