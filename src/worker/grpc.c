/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	socket ─ on_data ─► rpc_session_feed ─► handlers of the services
 *	socket ◄─ flush ─── rpc_session_output     (when woken, and when the socket takes more)
 *
 * The session wakes us from inside anything; an idle handle then flushes in the next turn of the
 * loop, so that what many calls have to say goes out in one write. A session that ends, by drain, by
 * an error or by its peer, is freed from the loop and never from inside one of its callbacks.
 */

#include "worker/grpc.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/client.h"
#include "worker/conn.h"
#include "worker/server.h"

struct grpc {
	struct client client;
	struct conn conn;
	struct service_client services;
	struct rpc_session *rpc;
	uv_idle_t idle;
	uv_timer_t timer;
	unsigned handles; /* connection, idle and timer, while they are open */
	bool closing;
};

static uint64_t now(const struct grpc *g)
{
	return uv_now(&g->client.server->loop);
}

static void free_if_over(struct grpc *g)
{
	if (--g->handles > 0)
		return;
	rpc_session_free(g->rpc);
	service_client_fini(&g->services);
	client_leave(&g->client);
	free(g);
}

static void on_conn_closed(struct conn *c)
{
	free_if_over(LIST_ENTRY(c, struct grpc, conn));
}

static void on_handle_closed(uv_handle_t *handle)
{
	free_if_over(handle->data);
}

static void end(struct grpc *g)
{
	int error = 0;
	const char *reason = rpc_session_reason(g->rpc, &error);

	if (g->closing)
		return;
	g->closing = true;
	log_event(error == -EPROTO ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "grpc-ended",
		"client: %s errno=%d %s", g->client.name, -error, reason);
	conn_close(&g->conn, on_conn_closed);
	uv_close((uv_handle_t *)&g->idle, on_handle_closed);
	uv_close((uv_handle_t *)&g->timer, on_handle_closed);
}

static void on_timer(uv_timer_t *timer);

/* After anything that the session was told. */
static void settle(struct grpc *g)
{
	uint64_t next = rpc_session_next_ms(g->rpc);
	const void *data;
	size_t n;

	while (!g->closing) {
		ssize_t taken;

		if (rpc_session_output(g->rpc, now(g), &data, &n) < 0 || n == 0)
			break;
		taken = conn_try_write(&g->conn, data, n);
		if (taken < 0) {
			rpc_session_eof(g->rpc, (int)taken, now(g));
			break;
		}
		rpc_session_consumed(g->rpc, (size_t)taken);
		if ((size_t)taken < n)
			return; /* on_room comes back here */
	}
	if (g->closing)
		return;
	if (rpc_session_ended(g->rpc)) {
		end(g);
		return;
	}
	conn_pause(&g->conn, !rpc_session_wants_read(g->rpc));
	next = rpc_session_next_ms(g->rpc);
	if (next == RPC_NEVER)
		uv_timer_stop(&g->timer);
	else
		uv_timer_start(&g->timer, on_timer, next > now(g) ? next - now(g) : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct grpc *g = timer->data;

	rpc_session_tick(g->rpc, now(g));
	settle(g);
}

static void on_idle(uv_idle_t *idle)
{
	uv_idle_stop(idle);
	settle(idle->data);
}

static void wake(void *data)
{
	struct grpc *g = data;

	if (!g->closing)
		uv_idle_start(&g->idle, on_idle);
}

static void on_data(struct conn *c, const char *data, size_t n)
{
	struct grpc *g = LIST_ENTRY(c, struct grpc, conn);

	if (rpc_session_feed(g->rpc, data, n, now(g)) < 0)
		log_event(LOG_LEVEL_ERROR, "grpc-memory", "client: %s", g->client.name);
	settle(g);
}

static void on_gone(struct conn *c, int error)
{
	struct grpc *g = LIST_ENTRY(c, struct grpc, conn);

	rpc_session_eof(g->rpc, error, now(g));
	end(g);
}

static void on_room(struct conn *c)
{
	settle(LIST_ENTRY(c, struct grpc, conn));
}

static const struct conn_handlers handlers = {
	.on_data = on_data, .on_gone = on_gone, .on_room = on_room};

static void on_abort(struct client *c, bool drain)
{
	struct grpc *g = LIST_ENTRY(c, struct grpc, client);

	if (g->closing)
		return;
	if (drain)
		rpc_session_drain(g->rpc, now(g));
	else
		rpc_session_close(g->rpc, "the worker ends");
	wake(g);
}

/* Connections of one address share their quotas; ports do not count. */
static uint64_t owner_of(const struct client *c)
{
	return acl_address_key(c->peer_len > 0 ? (const struct sockaddr *)&c->peer : NULL);
}

int grpc_open(
	struct server *s, int fd_in, int fd_out, const struct sockaddr *peer, socklen_t peer_len)
{
	struct grpc *g = calloc(1, sizeof(*g));
	struct rpc_owner owner = {.wake = wake, .data = g};
	int r;

	if (!g) {
		close(fd_in);
		if (fd_out != fd_in)
			close(fd_out);
		return -ENOMEM;
	}
	client_enter(&g->client, s, peer, peer_len, on_abort);
	uv_idle_init(&s->loop, &g->idle);
	uv_timer_init(&s->loop, &g->timer);
	g->idle.data = g->timer.data = g;
	g->handles = 2;
	r = conn_open(&g->conn, &s->loop, fd_in, fd_out, &handlers, s->scratch, SERVER_SCRATCH);
	if (r == 0)
		g->handles = 3;
	if (r == 0)
		r = service_client_init(&g->services, &s->service, owner_of(&g->client));
	if (r == 0)
		r = rpc_server_new(
			g->services.methods, g->services.n_methods, NULL, &owner, now(g), &g->rpc);
	if (r < 0) {
		g->closing = true;
		if (g->handles == 3)
			conn_close(&g->conn, on_conn_closed);
		uv_close((uv_handle_t *)&g->idle, on_handle_closed);
		uv_close((uv_handle_t *)&g->timer, on_handle_closed);
		return r;
	}
	log_event(LOG_LEVEL_DEBUG, "grpc-open", "client: %s", g->client.name);
	settle(g);
	return 0;
}
