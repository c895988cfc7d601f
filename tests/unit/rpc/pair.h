/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "rpc/session.h"

/*
 * A client and a server session joined back to back, on a clock that only the test moves, and a
 * service that does what the path says. What a call was told is kept in a struct seen.
 */

struct pair {
	struct rpc_session *client, *server;
	uint64_t now_ms;
	size_t chunk;           /* bytes of one feed */
	bool to_client_blocked; /* the client does not read */
	bool to_server_blocked;
	unsigned client_wakes, server_wakes;
	bool refuses; /* the server: every call that does not bring x-token */
	/* Of all calls that ended at the server. */
	unsigned ended;
	struct rpc_call_stats last;
	char last_path[64];
};

struct seen {
	struct pair *pair;
	struct rpc_call *call; /* NULL once ended */
	unsigned heads, messages, half_closes, writables, ends;
	size_t bytes;
	struct buf last; /* message */
	enum rpc_status status;
	bool complete, unprocessed;
	char message[2048];
	struct buf details;
	char trailer[64];      /* x-trailer */
	char initial[64];      /* x-initial */
	unsigned pause_after;  /* pause when so many messages have come; 0: never */
	bool send_on_writable; /* one message of 100 kB */
};

extern const struct rpc_handler seen_handler; /* the client's */

/* What the server was told of the call under test (each method's data). */
extern struct seen served;

/*
 * Methods (server):
 *	/t.T/Echo      each message comes back; the status OK at half-close
 *	/t.T/Fail      status NOT_FOUND with message, details and trailer at the start
 *	/t.T/Hold      nothing, until the test does it by served.call
 *	/t.T/Sink      messages are counted; one message with the count at half-close
 *	/t.T/Source    messages of 100 kB as long as there is room, until 100 were sent
 */
int pair_start(struct pair *p, const struct rpc_limits *client,
	const struct rpc_limits *server) MUST_CHECK;
void pair_stop(struct pair *p);

/* Until neither has anything to say. */
void pair_run(struct pair *p);
void pair_tick(struct pair *p, uint64_t ms); /* move the clock, tick both, run */

int pair_call(struct pair *p, const char *path, struct seen *seen) MUST_CHECK;
int pair_call_with(struct pair *p, const char *path, const struct rpc_metadata *m,
	uint64_t deadline_ms, struct seen *seen) MUST_CHECK;
void seen_fini(struct seen *seen);
