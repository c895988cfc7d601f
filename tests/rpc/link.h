/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "rpc/session.h"

/*
 * Joins a session to a connected libuv stream: reads when the session wants to read, writes one
 * piece at a time, keeps the session's timer, and closes when the session has ended or the peer has
 * gone. One loop, one thread.
 *
 *	l = link_new(loop);
 *	uv_accept(server, link_stream(l));
 *	rpc_server_new(…, link_owner(l, …), …, &session);
 *	link_start(l, session, on_closed, data);
 *
 * The link frees the session, and itself behind on_closed.
 */
struct link;
typedef void (*link_closed_fn)(struct link *l, void *data);

int link_new(uv_loop_t *loop, struct link **ret) MUST_CHECK;
uv_stream_t *link_stream(struct link *l);
/* The owner to give to rpc_*_new; call_ended and its data are passed on. */
struct rpc_owner link_owner(struct link *l);
void link_start(struct link *l, struct rpc_session *s, link_closed_fn closed, void *data);
struct rpc_session *link_session(struct link *l);
/* The session's calls end from inside; it is freed a little later. Idempotent. */
void link_close(struct link *l);

/* The loop's clock, for the session. */
uint64_t link_now_ms(const struct link *l);
