/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	channel ─ on_data ─► rpc_session_feed ─► admit ─► handlers of the services
 *	channel ◄─ settle ── rpc_session_output     (when woken, and when there is room)
 *
 * The session wakes us from inside anything; an idle handle then flushes in the next turn of the
 * loop, so that what many calls have to say goes out in one write. A session that ends, by drain, by
 * an error or by its peer, is freed from the loop and never from inside one of its callbacks.
 */

#include "worker/grpc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/client.h"
#include "worker/channel.h"
#include "worker/secrets.h"
#include "worker/server.h"

struct grpc {
	struct client client;
	struct channel channel;
	struct service_client services;
	struct rpc_session *rpc;
	uv_idle_t idle;
	uv_timer_t timer;
	unsigned handles; /* channel, idle and timer, while they are open */
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

static void on_channel_closed(struct channel *c)
{
	free_if_over(LIST_ENTRY(c, struct grpc, channel));
}

static void on_handle_closed(uv_handle_t *handle)
{
	free_if_over(handle->data);
}

static void end(struct grpc *g)
{
	int error = 0;
	const char *reason = rpc_session_reason(g->rpc, &error);
	const char *tls = channel_reason(&g->channel);

	if (g->closing)
		return;
	g->closing = true;
	log_event(error == -EPROTO ? LOG_LEVEL_WARNING : LOG_LEVEL_DEBUG, "grpc-ended",
		"client: %s errno=%d %s%s%s", g->client.name, -error, *tls ? "TLS: " : "", tls,
		*tls ? "" : reason);
	channel_close(&g->channel, on_channel_closed);
	uv_close((uv_handle_t *)&g->idle, on_handle_closed);
	uv_close((uv_handle_t *)&g->timer, on_handle_closed);
}

static void on_timer(uv_timer_t *timer);

/* After anything that the session was told. */
static void settle(struct grpc *g)
{
	const void *data;
	uint64_t next;
	size_t n;

	while (!g->closing) {
		ssize_t taken;

		if (rpc_session_output(g->rpc, now(g), &data, &n) < 0 || n == 0)
			break;
		taken = channel_try_write(&g->channel, data, n);
		if (taken < 0) {
			rpc_session_eof(g->rpc, (int)taken, now(g));
			break;
		}
		rpc_session_consumed(g->rpc, (size_t)taken);
		if ((size_t)taken < n)
			break; /* on_room comes back here; or the time is over before */
	}
	if (g->closing)
		return;
	if (rpc_session_ended(g->rpc)) {
		end(g);
		return;
	}
	channel_pause(&g->channel, !rpc_session_wants_read(g->rpc));
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

static void on_data(struct channel *c, const char *data, size_t n)
{
	struct grpc *g = LIST_ENTRY(c, struct grpc, channel);

	if (!*g->client.who)
		snprintf(g->client.who, sizeof(g->client.who), "%s", channel_peer(c));

	if (rpc_session_feed(g->rpc, data, n, now(g)) < 0)
		log_event(LOG_LEVEL_ERROR, "grpc-memory", "client: %s", g->client.name);
	settle(g);
}

static void on_gone(struct channel *c, int error)
{
	struct grpc *g = LIST_ENTRY(c, struct grpc, channel);

	rpc_session_eof(g->rpc, error, now(g));
	end(g);
}

static void on_room(struct channel *c)
{
	settle(LIST_ENTRY(c, struct grpc, channel));
}

static const struct channel_handlers handlers = {
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

static size_t count_calls(const struct client *c)
{
	return rpc_session_calls(LIST_ENTRY(c, struct grpc, client)->rpc);
}

static enum rpc_status admit(const struct rpc_metadata *m, const char **ret_text, void *data)
{
	struct grpc *g = data;
	const struct secrets *secrets = g->client.server->secrets;

	if (!secrets->has_tokens)
		return RPC_OK;
	if (tokens_check(&secrets->tokens, rpc_metadata_get(m, "authorization"), ret_text) != 0)
		return RPC_UNAUTHENTICATED;
	if (!*g->client.who)
		snprintf(g->client.who, sizeof(g->client.who), "%s", *ret_text);
	return RPC_OK;
}

static void on_call_ended(const struct rpc_call_stats *stats, void *data)
{
	struct grpc *g = data;

	metrics_rpc(stats, &g->client.server->report.metrics);
}

/* Connections of one address share their quotas; ports do not count. */
static uint64_t owner_of(const struct sockaddr *peer)
{
	return acl_address_key(peer);
}

/* What needs no loop; all of it, or nothing. */
static struct grpc *make(struct server *s, const struct sockaddr *peer)
{
	struct grpc *g = calloc(1, sizeof(*g));
	const struct rpc_owner owner = {
		.wake = wake, .admit = admit, .call_ended = on_call_ended, .data = g};

	if (!g)
		return NULL;
	if (service_client_init(&g->services, &s->service, owner_of(peer)) == 0) {
		if (rpc_server_new(g->services.methods, g->services.n_methods, NULL, &owner,
			    uv_now(&s->loop), &g->rpc) == 0)
			return g;
		service_client_fini(&g->services);
	}
	free(g);
	return NULL;
}

static int open_in(struct server *s, int fd_in, int fd_out, struct tls_context *tls,
	const struct sockaddr *peer, socklen_t peer_len)
{
	struct grpc *g = make(s, peer);
	int r;

	if (!g) {
		close(fd_in);
		if (fd_out != fd_in)
			close(fd_out);
		return -ENOMEM;
	}
	r = channel_open(&g->channel, &s->conns, fd_in, fd_out, tls, &handlers);
	if (r < 0) {
		rpc_session_free(g->rpc);
		service_client_fini(&g->services);
		free(g);
		return r;
	}
	uv_idle_init(&s->loop, &g->idle);
	uv_timer_init(&s->loop, &g->timer);
	g->idle.data = g->timer.data = g;
	g->handles = 3;
	g->client.calls = count_calls;
	client_enter(
		&g->client, s, tls ? METRICS_GRPC_TLS : METRICS_GRPC, peer, peer_len, on_abort);
	log_event(LOG_LEVEL_DEBUG, "grpc-open", "client: %s%s", g->client.name, tls ? " TLS" : "");
	settle(g);
	return 0;
}

int grpc_open(
	struct server *s, int fd_in, int fd_out, const struct sockaddr *peer, socklen_t peer_len)
{
	return open_in(s, fd_in, fd_out, NULL, peer, peer_len);
}

int grpc_open_tls(
	struct server *s, int fd_in, int fd_out, const struct sockaddr *peer, socklen_t peer_len)
{
	return open_in(s, fd_in, fd_out, s->secrets->tls, peer, peer_len);
}
