/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/agent.h"
#include "ipc/message.h"

/*
 * One launcher's connection. It brings a request, gets at most one reply, and lasts until the
 * launcher (or the compiler it became) closes it. Then its job ends, whatever it was doing.
 */
struct client;

/* Takes over an accepted connection of the agent's listener. */
void client_accept(struct agent *a);

/* The reply; called at most once. The texts are copied. */
struct client_reply {
	enum ipc_reply_type type;
	int status;
	const struct buf *log, *out, *err; /* NULL: none */
	const struct buf *story;           /* goes behind err; NULL: none */
};
void client_send(struct client *c, const struct client_reply *reply);

/* Close it now, job and all: the launcher compiles by itself. */
void client_close(struct client *c);

struct client *client_of_link(struct list *l);
