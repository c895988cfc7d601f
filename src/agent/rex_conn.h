/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/rex_run.h"
#include "base/list.h"
#include "rpc/session.h"

/* One connection of a rex: dialled, greeted, asked for its capabilities, then open for calls. */

enum rex_conn_state {
	REX_CONN_DIALLING,
	REX_CONN_GREETING, /* until we know what the server offers */
	REX_CONN_READY,
};

struct rex_conn {
	struct list node; /* of the rex's conns */
	struct rex *rex;
	enum rex_conn_state state;
	struct list runs; /* that have a call on it */
	struct dial *dial;
	int fd;
	struct tls *tls;  /* NULL: without */
	struct buf plain; /* what TLS made of what came */
	struct rpc_session *rpc;
	struct rpc_call *call; /* GetCapabilities */
	bool answered;         /* it has been */
	bool greeted;          /* SETTINGS came: this is HTTP/2 */
	uint8_t head[9];       /* what came first: a frame's head */
	size_t n_head;
	bool deaf;                /* a write failed: reading tells why */
	bool full;                /* the socket takes no more for now */
	uint64_t moved_ms;        /* when something last moved, PINGs aside */
	enum rex_outcome verdict; /* REX_DONE: none */
	char detail[REX_DETAIL_MAX];
	uv_poll_t poll;
	uv_timer_t timer; /* the session's */
	uv_timer_t watch; /* the I/O time-out's */
	unsigned handles;
	bool closing;
};

/* A new one becomes r->conn. -ENOMEM, -errno. */
int rex_conn_open(struct rex *r) MUST_CHECK;
/* May calls be made on it? */
bool rex_conn_ready(const struct rex_conn *c);
/* Write what there is to write, and set the timers. Not from inside callbacks of calls. */
void rex_conn_settle(struct rex_conn *c);
/* A call has been made on it. */
void rex_conn_watch(struct rex_conn *c);
/* No calls may be left. Not from inside callbacks of calls. */
void rex_conn_close(struct rex_conn *c);
/* Has it broken, so that calls end because of that and of nothing else? */
bool rex_conn_broken(const struct rex_conn *c);
/* What that is for those who used it. */
enum rex_outcome rex_conn_outcome(const struct rex_conn *c, const char **ret_detail);
