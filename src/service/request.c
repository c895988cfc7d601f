/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The life of a unary call:
 *
 *	on_start ─► on_message: unpacked, method->run ─┬─► service_reply, service_fail
 *	                                               └─► service_offload: work (pool) ─► done ─► …
 *
 * A request is freed when its call has ended and no work of it is in the pool. The one that ends
 * last does it. A client that goes away does not stop work in the pool, whose answer is dropped.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cas/store.h"
#include "reapi/message.h"
#include "reapi/resource.h"
#include "reapi/status.h"
#include "service/method.h"

static void free_if_over(struct service_request *r)
{
	if (r->call || r->offloaded)
		return;
	reapi_arena_fini(&r->arena);
	service_hold_fini(&r->hold);
	free(r);
}

static void on_start(struct rpc_call *call, void *data)
{
	const struct service_binding *b = data;
	struct service_request *r = calloc(1, sizeof(*r));

	if (!r) {
		rpc_call_set_data(call, NULL);
		rpc_call_finish(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	*r = (struct service_request){.client = b->client,
		.service = b->client->service,
		.owner = b->client->owner,
		.call = call,
		.method = b->method};
	service_hold_start(&r->hold, b->client->in, call);
	rpc_call_set_data(call, r);
}

static void on_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct service_request *r = data;
	void *m;
	int e;

	if (!r || r->answered)
		return;
	if (r->arena.max > 0) {
		service_fail(r, RPC_INVALID_ARGUMENT, "more than one message in a unary call");
		return;
	}
	service_hold_take(&r->hold, message->len);
	/* What is made of the answer comes on top: at most a batch. */
	reapi_arena_init(&r->arena, reapi_memory_for(message->len) + 4 * (size_t)SERVICE_BATCH_MAX);
	e = reapi_unpack(
		&r->arena, r->method->request, message->data, message->len, &m, &r->violation);
	if (e != 0)
		service_fail_outcome(r, e);
	else
		r->method->run(r, m);
}

static void on_half_close(struct rpc_call *call, void *data)
{
	struct service_request *r = data;

	if (r && r->arena.max == 0 && !r->answered)
		service_fail(r, RPC_INVALID_ARGUMENT, "there is no message in the call");
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct service_request *r = data;

	if (!r)
		return;
	r->call = NULL;
	r->client = NULL;
	service_hold_ended(&r->hold);
	free_if_over(r);
}

const struct rpc_handler service_unary = {
	.on_start = on_start,
	.on_message = on_message,
	.on_half_close = on_half_close,
	.on_end = on_end,
};

void service_fail(struct service_request *r, enum rpc_status status, const char *text)
{
	if (!r->answered && r->call)
		rpc_call_finish(r->call, status, text);
	r->answered = true;
}

void service_fail_status(struct service_request *r, const gr_status *s)
{
	AUTO(buf_fini) struct buf details = BUF_INIT;
	size_t n;

	if (r->answered || !r->call)
		return;
	/* Where it cannot be packed the text alone says it. */
	n = reapi_pack(&s->base, &details) == 0 ? details.len : 0;
	rpc_call_finish_details(
		r->call, (enum rpc_status)s->code, s->message, buf_str(&details), n);
	r->answered = true;
}

void service_reply(struct service_request *r, const ProtobufCMessage *m)
{
	AUTO(buf_fini) struct buf out = BUF_INIT_MAX(REAPI_MESSAGE_MAX);
	int e;

	if (r->answered || !r->call)
		return;
	e = reapi_pack(m, &out);
	/* It is held until the client has read it. */
	if (out.len > r->hold.held)
		service_hold_take(&r->hold, out.len - r->hold.held);
	if (e == 0)
		e = rpc_call_send_buf(r->call, &out);
	if (e < 0)
		service_fail(r, RPC_RESOURCE_EXHAUSTED, "the answer is too large");
	else
		service_fail(r, RPC_OK, NULL);
}

enum rpc_status service_outcome_status(int outcome, struct reapi_violation *v)
{
	if (outcome > 0)
		return (enum rpc_status)reapi_status_code((enum reapi_outcome)outcome);
	snprintf(v->text, sizeof(v->text), "%s", strerror(-outcome));
	return service_cas_status(outcome);
}

void service_fail_outcome(struct service_request *r, int outcome)
{
	enum rpc_status status = service_outcome_status(outcome, &r->violation);

	service_fail(r, status, r->violation.text);
}

enum rpc_status service_cas_status(int outcome)
{
	switch (outcome) {
	case 0:
	case CAS_PRESENT:
		return RPC_OK;
	case CAS_MISSING:
		return RPC_NOT_FOUND;
	case CAS_IN_USE:
		return RPC_ABORTED;
	case CAS_NO_SPACE:
	case CAS_QUOTA:
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return RPC_RESOURCE_EXHAUSTED;
	case CAS_BAD_DIGEST:
	case CAS_TOO_LARGE:
	case CAS_OFFSET:
	case CAS_BAD_STREAM:
	case -EINVAL:
		return RPC_INVALID_ARGUMENT;
	default:
		return RPC_INTERNAL;
	}
}

void service_fail_cas(struct service_request *r, int outcome, const char *what)
{
	char text[REAPI_VIOLATION_MAX];

	snprintf(text, sizeof(text), "%s: %s", what,
		outcome < 0 ? strerror(-outcome) : cas_outcome_text(outcome));
	service_fail(r, service_cas_status(outcome), text);
}

static void in_pool(uv_work_t *work)
{
	struct service_request *r = LIST_ENTRY(work, struct service_request, pool);

	r->work(r);
}

static void in_loop(uv_work_t *work, int status)
{
	struct service_request *r = LIST_ENTRY(work, struct service_request, pool);

	r->offloaded = false;
	r->service->n_offloaded--;
	if (r->call)
		r->done(r);
	/* done may have handed over more. */
	free_if_over(r);
}

void service_offload(struct service_request *r, void (*work)(struct service_request *r),
	void (*done)(struct service_request *r))
{
	int e;

	r->work = work;
	r->done = done;
	e = uv_queue_work(r->service->loop, &r->pool, in_pool, in_loop);
	if (e < 0) {
		service_fail(r, RPC_RESOURCE_EXHAUSTED, strerror(-e));
		return;
	}
	r->offloaded = true;
	r->service->n_offloaded++;
}

enum rpc_status service_instance_status(
	const struct service *s, const char *name, struct reapi_violation *v)
{
	int e = reapi_instance_check(name, v);

	if (e != 0)
		return service_outcome_status(e, v);
	if (!s->instance || str_eq(name, s->instance))
		return RPC_OK;
	snprintf(v->text, sizeof(v->text), "there is no instance \"%s\" here", name);
	return RPC_NOT_FOUND;
}

bool service_instance_ok(struct service_request *r, const char *name)
{
	enum rpc_status status = service_instance_status(r->service, name, &r->violation);

	if (status != RPC_OK)
		service_fail(r, status, r->violation.text);
	return status == RPC_OK;
}
