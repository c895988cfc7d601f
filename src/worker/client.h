/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/socket.h>

#include "base/list.h"
#include "worker/status.h"

/* What all peers have in common, whatever they speak: first in struct door, session and grpc. */

struct server;

enum { CLIENT_NAME_MAX = 80, CLIENT_WHO_MAX = 64 };

struct client {
	struct server *server;
	struct list link; /* of server->clients */
	struct sockaddr_storage peer;
	socklen_t peer_len; /* 0: none, it is at stdin */
	char name[CLIENT_NAME_MAX];
	enum metrics_protocol protocol; /* METRICS_UNKNOWN: at the door */
	uint64_t since_ms;
	char who[CLIENT_WHO_MAX]; /* whose certificate or token it showed; "" */
	/* What it has running or waiting, for the status page. False: nothing. May be NULL. */
	bool (*job)(const struct client *c, struct status_job *ret);
	size_t (*calls)(const struct client *c); /* under way; may be NULL */
	/* The daemon ends: go away. drain: after what is under way. More than once is fine. */
	void (*abort)(struct client *c, bool drain);
};

/* peer may be NULL. It is served from now on. */
void client_enter(struct client *c, struct server *s, enum metrics_protocol protocol,
	const struct sockaddr *peer, socklen_t len, void (*abort)(struct client *c, bool drain));
/* Nothing of it is left in the loop. */
void client_leave(struct client *c);

/* "1.2.3.4:5", "[::1]:5", "(stdin)". */
void client_peer_name(const struct sockaddr *peer, socklen_t len, char ret[CLIENT_NAME_MAX]);
