/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * ByteStream.Write: what has come while the pool wrote the last piece is the next piece.
 *
 *	on_message ─► pending ─┬─► job: (begin) write (finish) ─► done ─┬─► more pending: job …
 *	                       └─► (job runs: wait, or pause)            ├─► finished: answer
 *	                                                                 ├─► was there already: answer
 *	                                                                 └─► no: status
 *
 * Clients send pieces of 16 KiB, and wait for nothing until they have sent the last: so pieces
 * gather behind a job, at most SERVICE_CHUNK and one message; then the call is paused.
 *
 * A stream that ends without finish_write leaves its upload detached, and it may be resumed by its
 * name where it stands. One that begins at 0 all the same begins anew. One that begins where the
 * upload does not stand (the worker was started again, say) is ABORTED: that is what makes clients
 * ask by QueryWriteStatus, while INVALID_ARGUMENT would make them give up.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reapi/message.h"
#include "service/bytestream.h"
#include "service/job.h"

struct write {
	struct rpc_call *call; /* NULL: has ended */
	struct service *service;
	uint64_t owner;
	struct service_hold hold;
	struct service_job job;
	struct service_resource resource;
	struct buf name;      /* as in the first message; empty: none has come */
	struct buf pending;   /* up to the offset `next` */
	uint64_t first, next; /* offsets, as the client counts them */
	bool finish;          /* finish_write came */
	bool half_closed;
	bool answered;
	/* The job's while it runs. */
	struct cas_upload *upload;
	bool begun, last, lost;
	struct buf piece;
	uint64_t piece_at;
	uint64_t stands_at; /* lost: where the upload is */
	int outcome;
	struct reapi_violation violation;
};

static void detach(struct write *w)
{
	if (w->upload)
		cas_upload_detach(TAKE_PTR(w->upload), uv_now(w->service->loop));
}

static void free_if_over(struct write *w)
{
	if (w->call || w->job.running)
		return;
	detach(w);
	service_hold_fini(&w->hold);
	buf_fini(&w->name);
	buf_fini(&w->pending);
	buf_fini(&w->piece);
	free(w);
}

static void finish(struct write *w, enum rpc_status status, const char *text)
{
	if (w->call && !w->answered)
		rpc_call_finish(w->call, status, text);
	w->answered = true;
	/* At once: who is told to try again will. */
	if (!w->job.running)
		detach(w);
}

static void answer(struct write *w, int64_t committed)
{
	bs_write_response m = BS_INIT(WRITE_RESPONSE);
	AUTO(buf_fini) struct buf out = BUF_INIT;
	int r;

	m.committed_size = committed;
	r = reapi_pack(&m.base, &out);
	if (r == 0)
		r = rpc_call_send_buf(w->call, &out);
	if (r < 0)
		finish(w, RPC_RESOURCE_EXHAUSTED, strerror(-r));
	else
		finish(w, RPC_OK, NULL);
}

/* --- a piece, in the pool --- */

static int begin(struct write *w)
{
	const struct cas_upload_request q = {.owner = w->owner,
		.key = w->resource.key,
		.digest = w->resource.digest,
		.zstd = w->resource.zstd};
	struct cas *c = w->service->cas;
	int r = cas_upload_begin(c, &q, &w->upload);

	if (r == 0 && w->first == 0 && cas_upload_committed(w->upload) > 0) {
		cas_upload_abort(TAKE_PTR(w->upload));
		r = cas_upload_begin(c, &q, &w->upload);
	}
	if (r != 0)
		return r;
	w->begun = true;
	w->stands_at = cas_upload_committed(w->upload);
	w->lost = w->stands_at != w->first;
	return w->lost ? CAS_OFFSET : 0;
}

static int write_piece(struct write *w)
{
	int r = w->begun ? 0 : begin(w);

	if (r == 0)
		r = cas_upload_write(w->upload, w->piece_at, w->piece.data, w->piece.len);
	if (r == 0 && w->last)
		r = cas_upload_finish(TAKE_PTR(w->upload));
	return r;
}

static void piece_work(struct service_job *j)
{
	struct write *w = LIST_ENTRY(j, struct write, job);

	w->outcome = write_piece(w);
	/* An upload that failed cannot be resumed; one that is elsewhere than was thought can. */
	if (w->upload && w->outcome != 0 && (!w->lost || w->stands_at == 0))
		cas_upload_abort(TAKE_PTR(w->upload));
}

static void piece_done(struct service_job *j);

static void start_piece(struct write *w)
{
	struct buf empty = w->piece;
	int r;

	w->piece = w->pending;
	w->pending = empty;
	w->piece_at = w->next - w->piece.len;
	w->last = w->finish;
	r = service_job_start(&w->job, w->service, piece_work, piece_done);
	if (r < 0)
		finish(w, RPC_RESOURCE_EXHAUSTED, strerror(-r));
}

static void fail(struct write *w)
{
	char text[REAPI_VIOLATION_MAX], hex[CAS_HEX_SIZE];

	cas_hash_hex(w->resource.digest.hash, hex);
	if (w->lost) {
		snprintf(text, sizeof(text), "the upload of %s stands at %llu, not at %llu", hex,
			(unsigned long long)w->stands_at, (unsigned long long)w->first);
		finish(w, RPC_ABORTED, text);
		return;
	}
	snprintf(text, sizeof(text), "upload of %s: %s", hex,
		w->outcome < 0 ? strerror(-w->outcome) : cas_outcome_text(w->outcome));
	finish(w, service_cas_status(w->outcome), text);
}

/* No job runs, and the last one went well. */
static void go_on(struct write *w)
{
	if (w->pending.len > 0 || (w->finish && !w->last)) {
		start_piece(w);
	} else if (w->half_closed) {
		answer(w, (int64_t)w->next);
	}
}

static void piece_done(struct service_job *j)
{
	struct write *w = LIST_ENTRY(j, struct write, job);

	service_hold_give(&w->hold, w->piece.len);
	if (w->piece.cap > SERVICE_CHUNK)
		buf_fini(&w->piece);
	buf_clear(&w->piece);
	if (!w->call || w->answered) {
		detach(w);
		free_if_over(w);
		return;
	}
	if (w->outcome == CAS_PRESENT)
		answer(w, w->resource.zstd ? -1 : (int64_t)w->resource.digest.size);
	else if (w->outcome != 0)
		fail(w);
	else if (w->last)
		answer(w, (int64_t)w->next);
	else
		go_on(w);
	service_hold_pause(&w->hold, w->pending.len >= SERVICE_CHUNK);
}

/* --- the call --- */

static void on_start(struct rpc_call *call, void *data)
{
	const struct service_binding *b = data;
	struct write *w = calloc(1, sizeof(*w));

	rpc_call_set_data(call, w);
	if (!w) {
		rpc_call_finish(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	w->call = call;
	w->service = b->client->service;
	w->owner = b->client->owner;
	service_hold_start(&w->hold, b->client->in, call);
}

static enum rpc_status invalid(struct write *w, const char *text)
{
	snprintf(w->violation.text, sizeof(w->violation.text), "%s", text);
	return RPC_INVALID_ARGUMENT;
}

static enum rpc_status take_name(struct write *w, const bs_write_request *q)
{
	enum rpc_status status;

	if (w->name.len > 0) {
		if (*q->resource_name && !str_eq(q->resource_name, buf_str(&w->name)))
			return invalid(w, "the resource name has changed within the stream");
		return RPC_OK;
	}
	status = service_resource_parse(
		w->service, q->resource_name, REAPI_RESOURCE_WRITE, &w->resource, &w->violation);
	if (status != RPC_OK)
		return status;
	w->first = w->next = (uint64_t)q->write_offset;
	return buf_append_str(&w->name, q->resource_name) < 0 ? RPC_RESOURCE_EXHAUSTED : RPC_OK;
}

static enum rpc_status take_message(struct write *w, const bs_write_request *q)
{
	enum rpc_status status;

	if (w->finish)
		return invalid(w, "a message came behind finish_write");
	if (q->write_offset < 0)
		return invalid(w, "write_offset is negative");
	status = take_name(w, q);
	if (status != RPC_OK)
		return status;
	if ((uint64_t)q->write_offset != w->next)
		return invalid(w, "write_offset is not where the last message ended");
	w->pending.max = SERVICE_CHUNK + REAPI_MESSAGE_MAX;
	if (buf_append(&w->pending, q->data.data, q->data.len) < 0) {
		snprintf(w->violation.text, sizeof(w->violation.text), "out of memory");
		return RPC_RESOURCE_EXHAUSTED;
	}
	service_hold_take(&w->hold, q->data.len);
	w->next += q->data.len;
	w->finish = q->finish_write;
	return RPC_OK;
}

static void on_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct write *w = data;
	struct reapi_arena a;
	enum rpc_status status;
	bs_write_request *q;
	int r;

	if (!w || w->answered)
		return;
	reapi_arena_init(&a, reapi_memory_for(message->len));
	r = reapi_unpack(
		&a, BS_TYPE(write_request), message->data, message->len, &q, &w->violation);
	status = r == 0 ? take_message(w, q) : service_outcome_status(r, &w->violation);
	reapi_arena_fini(&a);
	if (status != RPC_OK)
		finish(w, status, w->violation.text);
	else if (!w->job.running)
		start_piece(w);
	if (!w->answered)
		service_hold_pause(&w->hold, w->pending.len >= SERVICE_CHUNK);
}

static void on_half_close(struct rpc_call *call, void *data)
{
	struct write *w = data;

	if (!w || w->answered)
		return;
	w->half_closed = true;
	if (w->name.len == 0)
		finish(w, RPC_INVALID_ARGUMENT, "there is no message in the call");
	else if (!w->job.running)
		go_on(w);
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct write *w = data;

	if (!w)
		return;
	w->call = NULL;
	service_hold_ended(&w->hold);
	free_if_over(w);
}

const struct rpc_handler service_write_handler = {
	.on_start = on_start,
	.on_message = on_message,
	.on_half_close = on_half_close,
	.on_end = on_end,
};
