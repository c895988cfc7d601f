/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>

#include "base/util.h"

/* One client that speaks gRPC: its connection joined to a session of rpc/ and to the services. */

struct server;

/* As session_open. */
int grpc_open(struct server *s, int fd_in, int fd_out, const struct sockaddr *peer,
	socklen_t peer_len) MUST_CHECK;
