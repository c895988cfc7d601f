/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "rpc/call.h"
#include "rpc/limits.h"

/*
 * One HTTP/2 connection that carries gRPC calls, as bytes in and bytes out: no socket, no clock, no
 * loop. Times are milliseconds of any one monotonic clock of the owner's.
 *
 * The owner, for one connection:
 *	bytes came           rpc_session_feed
 *	the peer closed      rpc_session_eof
 *	after any of these, and when wake was called:
 *	                     while rpc_session_output gives bytes: write them, rpc_session_consumed
 *	                     (one write under way at a time is the back-pressure)
 *	                     set the timer to rpc_session_next_ms; when it fires: rpc_session_tick
 *	                     stop reading while !rpc_session_wants_read
 *	                     close when rpc_session_ended and there is no more output
 */

struct rpc_session;

/* Server: the methods, sorted by path (strcmp); all of it outlives the session. */
struct rpc_method {
	const char *path;
	const struct rpc_handler *handler;
	void *data;
};

/* 0 in any member stands for the default of rpc/limits.h. */
struct rpc_limits {
	size_t message_max; /* of one received message */
	size_t inbound_max; /* at least message_max */
	size_t call_queue, session_queue;
	uint32_t streams_max;
	uint64_t keepalive_ms, keepalive_timeout_ms; /* keepalive_ms RPC_NEVER: no PING of ours */
};

#define RPC_NEVER UINT64_MAX

/* One line for a method's metrics, told when a call ended (also those refused without a handler).
 */
struct rpc_call_stats {
	const char *path; /* server: NULL unless it is a path of the table */
	enum rpc_status status;
	uint64_t duration_ms;
	uint64_t messages_in, messages_out;
	uint64_t bytes_in, bytes_out; /* of messages, with their prefixes */
};

/* What a session tells its owner. Each may be NULL. */
struct rpc_owner {
	/*
	 * There is something for rpc_session_output; told once until that is called, and not for
	 * what is noted inside a function of the session. It comes from inside functions of
	 * calls, so that it may only note it (start a timer of 0 ms, or so).
	 */
	void (*wake)(void *data);
	/*
	 * Server: may this call be? By the metadata that came with it, before its handler is told.
	 * RPC_OK; or the status it ends with, and a static text for the client.
	 */
	enum rpc_status (*admit)(
		const struct rpc_metadata *metadata, const char **ret_text, void *data);
	void (*call_ended)(const struct rpc_call_stats *stats, void *data);
	void *data;
};

/* limits and owner are copied; either may be NULL. -EINVAL: methods are not sorted. */
int rpc_server_new(const struct rpc_method *methods, size_t n_methods,
	const struct rpc_limits *limits, const struct rpc_owner *owner, uint64_t now_ms,
	struct rpc_session **ret) MUST_CHECK;
int rpc_client_new(const struct rpc_limits *limits, const struct rpc_owner *owner, uint64_t now_ms,
	struct rpc_session **ret) MUST_CHECK;

/* Ends all calls (on_end: server CANCELLED, client UNAVAILABLE). Takes NULL. Not in a callback. */
void rpc_session_free(struct rpc_session *s);

/*
 * Bytes came. 0, also where the peer did wrong: the session has then ended, and what is left for
 * output is the farewell. -ENOMEM: the same, for want of memory.
 */
int rpc_session_feed(struct rpc_session *s, const void *data, size_t n, uint64_t now_ms) MUST_CHECK;

/* The connection is gone (error: negative errno, 0 for an orderly end). Nothing more to output;
 * bytes that were given out stay readable until rpc_session_free. */
void rpc_session_eof(struct rpc_session *s, int error, uint64_t now_ms);

/*
 * The next bytes to write, *ret_n 0 if there are none: gathered, at most about RPC_OUTPUT_MAX.
 * They stay where they are, and the same is given again, until all of it was consumed.
 */
int rpc_session_output(
	struct rpc_session *s, uint64_t now_ms, const void **ret_data, size_t *ret_n) MUST_CHECK;
void rpc_session_consumed(struct rpc_session *s, size_t n);

/* When rpc_session_tick is due; RPC_NEVER. */
uint64_t rpc_session_next_ms(const struct rpc_session *s);
void rpc_session_tick(struct rpc_session *s, uint64_t now_ms);

/* False while the peer makes us queue answers and does not read them, and once ended. */
bool rpc_session_wants_read(const struct rpc_session *s);
bool rpc_session_wants_write(const struct rpc_session *s);

/*
 * No more new calls: GOAWAY with the largest stream id, after a round trip the final one; the
 * session ends when the last call has. Client: the same by refusing rpc_client_call.
 */
void rpc_session_drain(struct rpc_session *s, uint64_t now_ms);

/* End it now: GOAWAY with the reason as debug data; calls end at the next output, tick or feed. */
void rpc_session_close(struct rpc_session *s, const char *reason);

/* Nothing more can come of it: all is done and written, or the farewell was not taken within
 * RPC_LINGER_MS (the owner may then still be writing, and gives that up). */
bool rpc_session_ended(const struct rpc_session *s);
/* Why, for a log: static text or up to 128 bytes of the peer's GOAWAY; "" before. *ret_error (may
 * be NULL): negative errno (-EPROTO: peer did wrong, -ETIMEDOUT, -ENOMEM, -ECONNRESET), or 0. */
const char *rpc_session_reason(const struct rpc_session *s, int *ret_error);

size_t rpc_session_calls(const struct rpc_session *s);
/* Bytes this connection makes us hold: the session, messages in and out, HTTP/2 state. */
size_t rpc_session_held(const struct rpc_session *s);

/* --- client --- */

struct rpc_call_params {
	const char *path;                    /* "/package.Service/Method" */
	const char *authority;               /* "host:port" */
	bool tls;                            /* :scheme https */
	const struct rpc_metadata *metadata; /* NULL: none; copied */
	uint64_t deadline_ms;                /* absolute; RPC_NEVER */
	const struct rpc_handler *handler;   /* outlives the call */
	void *data;
};

/*
 * Start a call. No callback comes from inside. -EPIPE: the session takes no new calls (ended,
 * draining, GOAWAY came, or its stream ids are used up): make a new one; -EAGAIN:
 * RPC_CLIENT_CALLS_MAX are under way; -EINVAL: path, authority or metadata cannot be sent; -ENOMEM.
 */
int rpc_client_call(struct rpc_session *s, const struct rpc_call_params *p, uint64_t now_ms,
	struct rpc_call **ret) MUST_CHECK;
/* False: rpc_client_call would say -EPIPE. */
bool rpc_client_open(const struct rpc_session *s);
