/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/client.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "worker/server.h"

enum { HOST_MAX = 64 };

void client_peer_name(const struct sockaddr *peer, socklen_t len, char ret[CLIENT_NAME_MAX])
{
	bool v6 = peer && peer->sa_family == AF_INET6;
	char host[HOST_MAX], port[8];

	if (peer && getnameinfo(peer, len, host, sizeof(host), port, sizeof(port),
			    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
		snprintf(ret, CLIENT_NAME_MAX, "%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "",
			port);
	else
		snprintf(ret, CLIENT_NAME_MAX, "(stdin)");
}

void client_enter(struct client *c, struct server *s, enum metrics_protocol protocol,
	const struct sockaddr *peer, socklen_t len, void (*abort)(struct client *c, bool drain))
{
	c->server = s;
	c->protocol = protocol;
	c->since_ms = uv_now(&s->loop);
	c->abort = abort;
	if (peer && len <= sizeof(c->peer)) {
		memcpy(&c->peer, peer, len);
		c->peer_len = len;
	}
	client_peer_name(peer, len, c->name);
	list_append(&s->clients, &c->link);
	s->n_clients++;
	/* At the door it has been counted. */
	if (protocol != METRICS_UNKNOWN)
		metrics_client_is(&s->report.metrics, protocol);
}

void client_leave(struct client *c)
{
	list_unlink(&c->link);
	c->server->n_clients--;
	if (c->protocol != METRICS_UNKNOWN)
		metrics_client_gone(&c->server->report.metrics, c->protocol);
	server_client_gone(c->server);
}
