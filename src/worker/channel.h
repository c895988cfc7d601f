/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "net/tls.h"
#include "worker/conn.h"

/* A byte stream to one peer, in TLS or as it is. */

struct channel;

/* As those of a conn. */
struct channel_handlers {
	void (*on_data)(struct channel *c, const char *data, size_t n);
	/* The peer is gone: 0, or -errno (-EPROTO: of TLS, see channel_reason). Once. */
	void (*on_gone)(struct channel *c, int error);
	/* After channel_try_write took less than it was given; with TLS also once it is ready. */
	void (*on_room)(struct channel *c);
};

struct channel {
	struct conn conn;
	const struct channel_handlers *handlers;
	struct tls *tls;  /* NULL: none */
	struct buf plain; /* what tls_feed gave */
	bool wants_room, gone;
	void (*on_closed)(struct channel *c);
};

/* As conn_open. tls: NULL for none. -ENOMEM. */
int channel_open(struct channel *c, struct conn_shared *shared, int fd_in, int fd_out,
	struct tls_context *tls, const struct channel_handlers *handlers) MUST_CHECK;
void channel_pause(struct channel *c, bool paused);

/* As conn_try_write. Before the handshake is over nothing goes. */
ssize_t channel_try_write(struct channel *c, const void *data, size_t n) MUST_CHECK;

/* Whom the peer's certificate is for; "". Once there was data. */
const char *channel_peer(const struct channel *c);
const char *channel_reason(const struct channel *c); /* what went wrong in TLS; "" */

void channel_close(struct channel *c, void (*on_closed)(struct channel *c));
