/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>

#include "base/util.h"

/*
 * One port for all: a client that has just come is looked at until its first byte is there, which
 * is left unread, and is then handed to who speaks its protocol.
 *
 *	'D'	DIST…               the distcc protocol (worker/session.h)
 *	'P'	PRI * HTTP/2.0…     gRPC (worker/grpc.h)
 *	any other byte goes to the distcc protocol too, which says what is wrong with it
 */

struct server;

/* As session_open. */
int door_open(struct server *s, int fd_in, int fd_out, const struct sockaddr *peer,
	socklen_t peer_len) MUST_CHECK;
