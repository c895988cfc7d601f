/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "rpc/metadata.h"
#include "rpc/status.h"

/*
 * One gRPC call, at either end; unary calls and streams are the same thing here: messages go, and
 * messages come, until somebody ends it.
 *
 *	         rpc_call_send*, rpc_call_finish (server) or rpc_call_half_close (client)
 *	open ───────────────────────────────────────────────────────────────────────► ended
 *	         on_start, on_headers, on_message*, on_half_close, on_writable*, on_end
 *
 * A call belongs to its session. Its pointer is good until on_end has returned, which comes exactly
 * once for every call whose handler was told of it, whatever happens (the status was sent or came,
 * the peer reset the stream, the deadline passed, the connection or the session is gone), and is
 * the last callback.
 *
 * Callbacks come from inside the functions of the session (rpc_session_feed, _output, _tick, _eof,
 * _free) and never from inside a function of a call. Call functions may be used in callbacks and
 * between them; all of one session from one thread. No callback may free the session or feed it.
 */

struct rpc_call;
struct rpc_session;

/* How a call ended. What it points to is valid during on_end. */
struct rpc_end {
	enum rpc_status status;
	const char *message; /* never NULL */
	const void *details; /* grpc-status-details-bin, decoded; client only */
	size_t details_len;
	/* Server: the status of rpc_call_finish went out whole. Client: the server sent the status
	 * (if not, status is what we made of what happened). */
	bool complete;
	/* Client: the server has certainly not seen the call; it may be made again elsewhere. */
	bool unprocessed;
	const struct rpc_metadata *trailers; /* client; may be empty, never NULL */
};

/*
 * What the user of a call is told. Any of them may be NULL. data is what rpc_call_set_data set; on
 * the server it is the method's data until then.
 */
struct rpc_handler {
	/* Server: a request for the method has come; metadata and deadline can be read. */
	void (*on_start)(struct rpc_call *call, void *data);
	/* Client: the response's initial metadata have come (not in a trailers-only response). */
	void (*on_headers)(struct rpc_call *call, const struct rpc_metadata *m, void *data);
	/* A whole message. It may be taken (buf_take); what is left is freed or used again. */
	void (*on_message)(struct rpc_call *call, struct buf *message, void *data);
	/* Server: the client will send no more; all its messages have been told. */
	void (*on_half_close)(struct rpc_call *call, void *data);
	/* After rpc_call_send said RPC_CALL_FULL: there is room again. */
	void (*on_writable)(struct rpc_call *call, void *data);
	void (*on_end)(struct rpc_call *call, const struct rpc_end *end, void *data);
};

void rpc_call_set_data(struct rpc_call *call, void *data);
void *rpc_call_data(const struct rpc_call *call);
struct rpc_session *rpc_call_session(const struct rpc_call *call);

/* --- what came with it --- */

/* Server: the request's fields, pseudo-fields such as ":authority" included. Client: of the
 * response, empty until on_headers. */
const struct rpc_metadata *rpc_call_metadata(const struct rpc_call *call);
const char *rpc_call_path(const struct rpc_call *call); /* "/package.Service/Method" */
/* Absolute, on the owner's clock; UINT64_MAX: none. */
uint64_t rpc_call_deadline_ms(const struct rpc_call *call);

/* --- sending --- */

enum { RPC_CALL_FULL = 1 };

/*
 * Queue one message: a copy of data, or (send_buf) the buffer itself, which is emptied on success.
 * RPC_CALL_FULL: it was taken, and the next one may only be sent after on_writable.
 * -ENOBUFS: not taken, on_writable has not come yet. -EPIPE: the call is finished, half-closed or
 * ended for sending. -EMSGSIZE: longer than 4 GiB. -ENOMEM.
 */
int rpc_call_send(struct rpc_call *call, const void *data, size_t n) MUST_CHECK;
int rpc_call_send_buf(struct rpc_call *call, struct buf *message) MUST_CHECK;
bool rpc_call_full(const struct rpc_call *call);

/* Server: fields to go before the first message (no effect after it), and with the status. */
struct rpc_metadata *rpc_call_initial(struct rpc_call *call);
struct rpc_metadata *rpc_call_trailing(struct rpc_call *call);

/*
 * Server: the status, behind all that was queued; only the first counts, and none after the call
 * has ended. message may be NULL; it is cut to RPC_STATUS_MESSAGE_MAX. details (may be NULL):
 * a serialized google.rpc.Status, left out where longer than RPC_STATUS_DETAILS_MAX.
 * Messages of the peer that still come are dropped. on_end follows when the status has gone out.
 */
void rpc_call_finish(struct rpc_call *call, enum rpc_status status, const char *message);
void rpc_call_finish_details(struct rpc_call *call, enum rpc_status status, const char *message,
	const void *details, size_t details_len);

/* Client: no more messages will be sent. */
void rpc_call_half_close(struct rpc_call *call);

/* Reset the stream, whatever is queued; on_end follows with RPC_CANCELLED. Idempotent. */
void rpc_call_cancel(struct rpc_call *call);

/* --- receiving --- */

/*
 * No messages (and no on_half_close; client: no on_end of an orderly end) until resumed; the peer
 * is stopped by flow control. May be used inside on_message; neither nests.
 */
void rpc_call_pause(struct rpc_call *call);
void rpc_call_resume(struct rpc_call *call);
