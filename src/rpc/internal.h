/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

/*
 * What the files of rpc/ share; nothing outside includes it.
 *
 * Who may call whom: nghttp2 calls callbacks.c; that feeds inbound.c, asks outbound.c, and tells
 * server.c or client.c of header blocks and closed streams. Those four change calls. Functions of
 * a call (rpc/call.h) only note what is wanted and put the call on the session's ready list;
 * rpc_session_run, at the end of each function of the session, does what was noted. So a handler is
 * never told anything from inside what it called, and a call is never freed under its feet.
 */

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "rpc/guard.h"
#include "rpc/session.h"

struct rpc_session {
	nghttp2_session *h2;
	bool server;
	const struct rpc_method *methods;
	size_t n_methods;
	struct rpc_limits limits;
	struct rpc_owner owner;

	struct list calls;   /* all, by rpc_call.in_session */
	struct list ready;   /* something was noted: rpc_session_run looks at them */
	struct list starved; /* wait for room in inbound_max, first come first served */
	struct list blocked; /* were told RPC_CALL_FULL */
	size_t n_calls;      /* not ended */
	size_t n_large;      /* streams with RPC_STREAM_WINDOW_LARGE */
	size_t promised;     /* bytes of messages under way, by their announced lengths */
	size_t queued;       /* bytes in all calls' outbound queues */
	size_t held_in;      /* memory of all calls' inbound buffers */
	size_t h2_memory;    /* what nghttp2 has allocated */

	struct buf out; /* what rpc_session_output gave, from out_at */
	size_t out_at;

	unsigned depth; /* inside how many functions of the session */
	bool woken;     /* wake was called, and no output since */

	uint64_t now_ms; /* as last told */
	uint64_t handshake_ms;
	uint64_t header_block_ms; /* when the header block under way is overdue; RPC_NEVER */
	uint64_t received_ms;     /* when bytes came last */
	uint64_t pinged_ms;       /* keep-alive PING without an answer since; RPC_NEVER */
	uint64_t calls_due_ms;    /* no call has an earlier deadline; RPC_NEVER */
	uint64_t linger_ms;       /* closed: when the farewell has had its time; RPC_NEVER */
	uint64_t drain_ms;        /* when the final GOAWAY is due; RPC_NEVER */
	bool draining, goaway_received;

	struct rpc_guard resets, pings, settings, empty_data, cheap;
	unsigned continuations; /* of the header block under way */

	bool failed; /* close as soon as rpc_session_run comes to it */
	bool closed; /* no more is read, and calls have been ended */
	bool mute;   /* nothing more can be written */
	int error;
	char reason[160];
};

/* A message of the queue: prefix and bytes. */
struct rpc_out;

enum rpc_inbound_state {
	RPC_INBOUND_PREFIX, /* five bytes: compressed flag, length */
	RPC_INBOUND_ADMIT,  /* the length is known; waits for room among the session's messages */
	RPC_INBOUND_BODY,
};

struct rpc_call {
	struct list in_session, ready, starved, blocked;
	struct rpc_session *s;
	const struct rpc_handler *handler; /* NULL: nobody, or nobody any more */
	const struct rpc_method *method;   /* server */
	char *path;                        /* client */
	void *data;
	int32_t stream;
	uint64_t started_ms, deadline_ms;
	struct rpc_metadata head;     /* server: of the request; client: of the response */
	struct rpc_metadata trailers; /* client */
	struct rpc_metadata initial, trailing;
	bool head_too_large;

	/* Its end. It is freed when it has ended and nghttp2 has closed its stream. */
	bool stream_open;
	bool ended; /* on_end was called, or there was nobody to tell */
	bool doomed;
	enum rpc_status doom_status;
	const char *doom_message; /* static */
	bool doom_reset;          /* server: by a reset, not by a status */
	bool closing;             /* client: the stream was closed, but messages are still unread */
	uint32_t close_code;

	/* inbound.c */
	enum rpc_inbound_state in_state;
	bool paused;
	bool peer_done;       /* END_STREAM came */
	bool half_close_told; /* … and all before it was told */
	bool large_window;
	uint8_t prefix[5];
	size_t prefix_len;
	size_t message_len;
	size_t promised; /* of s->promised */
	struct buf message;
	struct buf raw; /* came while nobody could take it, from raw_at */
	size_t raw_at;
	size_t held; /* of s->held_in */

	/* outbound.c */
	struct rpc_out *out_first, **out_last;
	size_t out_at; /* handed out of out_first, its prefix included */
	size_t queued;
	bool full;       /* RPC_CALL_FULL was said; on_writable is owed */
	bool head_sent;  /* the response's HEADERS were submitted */
	bool finishing;  /* no more is taken: server: a status is set; client: half-closed */
	bool end_queued; /* trailers or END_STREAM were submitted */
	bool complete;   /* … and sent */
	bool deferred;   /* nghttp2 waits for nghttp2_session_resume_data */
	enum rpc_status status;
	struct buf status_message; /* encoded */
	struct buf status_details; /* encoded */

	/* client.c */
	bool got_head, trailers_only;
	bool sent; /* the request's head was written */

	uint64_t messages_in, messages_out, bytes_in, bytes_out;
};

/* --- session.c --- */

/* Do all that was noted, and end calls where the connection has ended. */
void rpc_session_run(struct rpc_session *s);
/* Around each function that may tell somebody something; leave runs what was noted. */
void rpc_session_enter(struct rpc_session *s, uint64_t now_ms);
void rpc_session_leave(struct rpc_session *s);
/* Nothing more can be written. */
void rpc_session_mute(struct rpc_session *s);
void rpc_session_wake(struct rpc_session *s);
/* The peer did wrong, or memory is short: farewell, then the end. Only the first reason counts. */
void rpc_session_fail(struct rpc_session *s, int error, uint32_t h2_code, const char *reason);
void rpc_session_set_reason(struct rpc_session *s, int error, const char *text, size_t n);

/* --- callbacks.c --- */
int rpc_callbacks_install(nghttp2_session_callbacks **ret) MUST_CHECK;

/* --- call.c --- */
int rpc_call_new(struct rpc_session *s, struct rpc_call **ret) MUST_CHECK;
/* Forget it; only where nghttp2 does not know it, and nobody was told of it. */
void rpc_call_free(struct rpc_call *call);
void rpc_call_ready(struct rpc_call *call);
/* End it with this status, from the next rpc_session_run on; only the first doom counts. */
void rpc_call_doom(struct rpc_call *call, enum rpc_status status, const char *message, bool reset);
/* Tell on_end and the stats, once. May free the call. */
void rpc_call_end(struct rpc_call *call, const struct rpc_end *end);
/* nghttp2 has closed its stream. May free the call. */
void rpc_call_stream_closed(struct rpc_call *call, uint32_t code);
/* What rpc_session_run does for a call of the ready list. May free the call. */
void rpc_call_run(struct rpc_call *call);
void rpc_call_set_deadline(struct rpc_call *call, uint64_t deadline_ms);

/* --- inbound.c --- */
/* Negative: the session is to end. */
int rpc_inbound_data(struct rpc_call *call, const uint8_t *data, size_t n) MUST_CHECK;
void rpc_inbound_end_stream(struct rpc_call *call);
/* What was kept back, as far as it can be told now. */
void rpc_inbound_run(struct rpc_call *call);
/* Bytes are left that the handler has not been told. */
bool rpc_inbound_pending(const struct rpc_call *call);
/* The stream ended within a message. */
bool rpc_inbound_cut_short(const struct rpc_call *call);
/* Drop everything, also what is still to come. */
void rpc_inbound_drop(struct rpc_call *call);

/* --- outbound.c --- */
ssize_t rpc_outbound_read(nghttp2_session *h2, int32_t stream, uint8_t *buf, size_t length,
	uint32_t *flags, nghttp2_data_source *source, void *user_data);
void rpc_outbound_drop(struct rpc_call *call);
/* Let nghttp2 ask again. */
void rpc_outbound_resume(struct rpc_call *call);
/* Tell on_writable to those that have room again. */
void rpc_outbound_unblock(struct rpc_session *s);

/* --- server.c --- */
/* The request's header block is complete. */
void rpc_server_request(struct rpc_call *call);
/* Submit the response's head, so that messages may follow. 0, -ENOMEM. */
int rpc_server_head(struct rpc_call *call) MUST_CHECK;
/* Submit status and trailers, without a head before them if there was none. */
int rpc_server_trailers(struct rpc_call *call) MUST_CHECK;
/* Set the status without telling anybody. */
void rpc_server_finish(struct rpc_call *call, enum rpc_status status, const char *message,
	const void *details, size_t details_len);
void rpc_server_end(struct rpc_call *call);

/* --- client.c --- */
/* A header block of the response is complete. */
void rpc_client_response(struct rpc_call *call, bool end_stream);
/* The stream is closed and all was told: say how it went. */
void rpc_client_end(struct rpc_call *call);

/* --- fields.c --- */

enum { RPC_FIELDS_MAX = 2 * RPC_FIELDS_LIST_MAX + 16 }; /* two lists, and some of our own */

/* Fields to submit. Nothing is copied: what is added outlives the submission. */
struct rpc_fields {
	nghttp2_nv nv[RPC_FIELDS_MAX];
	size_t n;
};
void rpc_fields_add(struct rpc_fields *f, const char *name, const char *value, size_t value_len);
void rpc_fields_add_all(struct rpc_fields *f, const struct rpc_metadata *m);
/* "application/grpc", or with "+" or ";" and more behind it. */
bool rpc_content_type_ok(const char *value);
