/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>

#include "base/util.h"

/*
 * One client that speaks gRPC, in TLS or not: its connection joined to a session of rpc/ and to the
 * services. Where tokens are needed each call must bring one.
 */

struct server;

/* As session_open. */
int grpc_open(struct server *s, int fd_in, int fd_out, const struct sockaddr *peer,
	socklen_t peer_len) MUST_CHECK;
int grpc_open_tls(struct server *s, int fd_in, int fd_out, const struct sockaddr *peer,
	socklen_t peer_len) MUST_CHECK;
