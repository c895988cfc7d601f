/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Execution, and of google.longrunning.Operations what clients use with it.
 *
 *	Execute ─────► operation ─► lookup.c ─► run.c
 *	WaitExecution ─────┘
 *
 * A stream watches one operation and is sent what that is now, whenever it has changed: a client
 * that reads slowly misses stages in between and never the last. What is wrong with a request is
 * the call's status; what is wrong with an action is in ExecuteResponse.status, as the API wants it.
 */

#include "service/execution.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "reapi/lookups.h"
#include "reapi/message.h"
#include "reapi/resource.h"
#include "reapi/status.h"
#include "service/method.h"
#include "service/roots.h"
#include "service/run.h"

enum {
	MESSAGE_MEMORY = 256 << 10, /* of the arena that one Operation is made in */
	GATE_EXTRA = 32, /* actions that are read, or removed, while the slots are busy */
	REMOVALS = 2,    /* trees at once: unlinking sleeps, and the pool is small */
};

uint64_t execution_now_ms(const struct execution *e)
{
	return uv_now(e->service->loop);
}

static void on_timer(uv_timer_t *timer)
{
	struct execution *e = timer->data;

	operations_expire(&e->operations, execution_now_ms(e));
	execution_arm(e);
}

void execution_arm(struct execution *e)
{
	uint64_t next = operations_next_ms(&e->operations), now = execution_now_ms(e);

	if (e->stopping)
		return;
	if (next == UINT64_MAX)
		uv_timer_stop(&e->timer);
	else
		uv_timer_start(&e->timer, on_timer, next > now ? next - now : 0, 0);
}

void execution_over(struct execution *e, const struct service_over *over)
{
	if (e->service->over)
		e->service->over(over, e->service->over_data);
}

void execution_fail(struct execution *e, struct operation *o, struct fault *f)
{
	const struct results_answer from = {.fault = f};
	struct operation_answer *a = results_answer(&from);

	if (!a)
		a = operation_answer_ref(e->exhausted);
	e->stats.refused++;
	execution_over(e, &(struct service_over){.end = SERVICE_END_REFUSED});
	log_event(LOG_LEVEL_NOTICE, "action-refused", "status=%s %s", rpc_status_name(f->status),
		f->text);
	operation_finish(&e->operations, o, a, execution_now_ms(e));
	operation_answer_unref(a);
}

/* --- messages --- */

/* m, which lives in a, for what o is now. False: no memory. */
static bool describe(struct reapi_arena *a, const struct operation *o, lro_operation *m)
{
	static char url[] = "type.googleapis.com/build.bazel.remote.execution.v2.ExecuteResponse";
	re_execute_operation_metadata metadata = RE_INIT(EXECUTE_OPERATION_METADATA);
	struct reapi_digest_message digest;

	reapi_digest_to_proto(&o->action, &digest);
	metadata.stage = (int)operation_stage(o);
	metadata.action_digest = &digest.message;
	metadata.digest_function = RE_ENUM(DIGEST_FUNCTION__VALUE__SHA256);
	m->name = (char *)o->name;
	m->metadata = reapi_any_new(a, &metadata.base);
	if (!m->metadata || !o->answer)
		return m->metadata != NULL;
	m->response = reapi_arena_alloc(a, sizeof(*m->response));
	if (!m->response)
		return false;
	*m->response = (pb_any)PB_INIT(ANY);
	m->response->type_url = url;
	m->response->value = (ProtobufCBinaryData){.len = o->answer->n, .data = o->answer->data};
	m->result_case = LRO_ENUM(OPERATION__RESULT_RESPONSE);
	m->done = true;
	return true;
}

/* --- streams --- */

struct stream {
	struct operation_watcher watcher;
	struct execution *execution;
	uint64_t owner;
	struct rpc_call *call;
	bool asked; /* its message has come */
	bool stale; /* the operation has changed, and there was no room to say so */
};

static void send_state(struct stream *st)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf out = BUF_INIT_MAX(REAPI_MESSAGE_MAX);
	const struct operation *o = st->watcher.operation;
	lro_operation m = LRO_INIT(OPERATION);
	int r;

	if (rpc_call_full(st->call)) {
		st->stale = true;
		return;
	}
	st->stale = false;
	reapi_arena_init(&a, MESSAGE_MEMORY);
	r = describe(&a, o, &m) ? reapi_pack(&m.base, &out) : -ENOMEM;
	if (r == 0)
		r = rpc_call_send_buf(st->call, &out);
	/* The operation stays: the client asks for it again. */
	if (r < 0)
		rpc_call_finish(st->call, RPC_UNAVAILABLE, strerror(-r));
	else if (o->answer)
		rpc_call_finish(st->call, RPC_OK, NULL);
}

static void told(struct operation_watcher *w)
{
	send_state(LIST_ENTRY(w, struct stream, watcher));
}

static void on_start(struct rpc_call *call, void *data)
{
	const struct service_binding *b = data;
	struct stream *st = calloc(1, sizeof(*st));

	rpc_call_set_data(call, st);
	if (!st) {
		rpc_call_finish(call, RPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	list_init(&st->watcher.link);
	st->watcher.told = told;
	st->execution = b->client->service->execution;
	st->owner = b->client->owner;
	st->call = call;
}

static void on_half_close(struct rpc_call *call, void *data)
{
	const struct stream *st = data;

	if (st && !st->asked)
		rpc_call_finish(call, RPC_INVALID_ARGUMENT, "there is no message in the call");
}

static void on_writable(struct rpc_call *call, void *data)
{
	struct stream *st = data;

	if (st && st->stale && st->watcher.operation)
		send_state(st);
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct stream *st = data;

	if (!st)
		return;
	operation_unwatch(
		&st->execution->operations, &st->watcher, execution_now_ms(st->execution));
	execution_arm(st->execution);
	free(st);
}

/* The message of a stream, once. 0; the call has been finished: FAULT. */
static int take_message(struct stream *st, const struct buf *message, struct reapi_arena *a,
	const ProtobufCMessageDescriptor *type, void *ret)
{
	struct reapi_violation v;
	int r;

	if (st->asked) {
		rpc_call_finish(st->call, RPC_INVALID_ARGUMENT, "there is more than one message");
		return FAULT;
	}
	st->asked = true;
	reapi_arena_init(a, reapi_memory_for(message->len));
	r = reapi_unpack(a, type, message->data, message->len, ret, &v);
	if (r == 0)
		return 0;
	rpc_call_finish(st->call,
		r < 0 ? RPC_RESOURCE_EXHAUSTED : (enum rpc_status)reapi_status_code(r),
		r < 0 ? strerror(-r) : v.text);
	return FAULT;
}

static void watch(struct stream *st, struct operation *o)
{
	operation_watch(&st->execution->operations, o, &st->watcher);
	execution_arm(st->execution);
}

/* --- Execute --- */

/* What is wrong with the request itself. */
static int check_request(struct execution *e, const re_execute_request *q,
	struct reapi_digest *ret_digest, struct fault *f)
{
	const char *instance = e->service->instance;
	struct reapi_violation v;
	int r = reapi_instance_check(q->instance_name, &v);

	if (r == 0)
		r = reapi_digest_function_check(q->digest_function, &v);
	if (r == 0)
		r = reapi_digest_from_proto(q->action_digest, ret_digest, &v);
	if (r != 0)
		return fault_outcome(f, r, "the request", &v);
	if (instance && !str_eq(q->instance_name, instance)) {
		reapi_violate(
			&v, REAPI_INVALID, "there is no instance \"%s\" here", q->instance_name);
		return fault_set(f, RPC_NOT_FOUND, "%s", v.text);
	}
	if (e->stopping || !e->service->serving)
		return fault_set(f, RPC_UNAVAILABLE, "this worker is being stopped");
	return 0;
}

static int make_operation(struct execution *e, uint64_t owner, const struct reapi_digest *digest,
	struct operation **ret)
{
	uint8_t id[OPERATION_ID_SIZE];

	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return -EAGAIN;
	return operation_new(&e->operations, id, owner, digest, execution_now_ms(e), ret);
}

static bool wants_lookups(const struct rpc_call *call)
{
	const char *how = rpc_metadata_get(rpc_call_metadata(call), REAPI_LOOKUPS_HEADER);

	return how && str_eq(how, REAPI_LOOKUPS_REPORT);
}

static void execute_message(struct rpc_call *call, struct buf *message, void *data)
{
	AUTO(reapi_arena_fini) struct reapi_arena a = {.max = 0};
	struct fault f = {.status = RPC_OK};
	struct stream *st = data;
	struct execution *e;
	struct reapi_digest digest;
	struct operation *o;
	re_execute_request *q;
	int r = 0;

	if (!st || take_message(st, message, &a, RE_TYPE(execute_request), &q) != 0)
		return;
	e = st->execution;
	e->stats.requests++;
	if (check_request(e, q, &digest, &f) == 0)
		r = make_operation(e, st->owner, &digest, &o);
	if (r < 0)
		fault_set(&f, RPC_RESOURCE_EXHAUSTED, "%s",
			r == -EBUSY ? "one client has as many actions in hand as it may"
				    : "this worker has more actions in hand than it can");
	if (f.status == RPC_OK && lookup_start(e, o, q, wants_lookups(call)) < 0) {
		operation_finish(&e->operations, o, e->exhausted, execution_now_ms(e));
		fault_errno(&f, -ENOMEM, "the action");
	}
	if (f.status != RPC_OK) {
		rpc_call_finish(call, f.status, f.text);
		return;
	}
	watch(st, o);
}

/* --- WaitExecution --- */

static void wait_message(struct rpc_call *call, struct buf *message, void *data)
{
	AUTO(reapi_arena_fini) struct reapi_arena a = {.max = 0};
	struct stream *st = data;
	re_wait_execution_request *q;
	struct operation *o;

	if (!st || take_message(st, message, &a, RE_TYPE(wait_execution_request), &q) != 0)
		return;
	o = operation_find(&st->execution->operations, q->name);
	if (!o) {
		rpc_call_finish(call, RPC_NOT_FOUND, "there is no such operation, or no longer");
		return;
	}
	watch(st, o);
	send_state(st);
}

/* --- google.longrunning.Operations --- */

static struct operation *find(struct service_request *r, const char *name)
{
	struct operation *o = operation_find(&r->service->execution->operations, name);

	if (!o)
		service_fail(r, RPC_NOT_FOUND, "there is no such operation, or no longer");
	return o;
}

static void get_operation(struct service_request *r, const void *message)
{
	const lro_get_operation_request *q = message;
	lro_operation m = LRO_INIT(OPERATION);
	const struct operation *o = find(r, q->name);

	if (!o)
		return;
	if (describe(&r->arena, o, &m))
		service_reply(r, &m.base);
	else
		service_fail(r, RPC_RESOURCE_EXHAUSTED, "out of memory");
}

/* Only this one is cancelled: others that wait for the same action get it. */
static void cancel_operation(struct service_request *r, const void *message)
{
	const lro_cancel_operation_request *q = message;
	struct execution *e = r->service->execution;
	struct fault f = {.status = RPC_OK};
	struct operation *o = find(r, q->name);
	pb_empty m = PB_INIT(EMPTY);

	if (!o)
		return;
	fault_set(&f, RPC_CANCELLED, "the operation was cancelled");
	if (!o->answer)
		execution_fail(e, o, &f);
	execution_arm(e);
	service_reply(r, &m.base);
}

static const struct rpc_handler execute = {
	.on_start = on_start,
	.on_message = execute_message,
	.on_half_close = on_half_close,
	.on_writable = on_writable,
	.on_end = on_end,
};

static const struct rpc_handler wait_execution = {
	.on_start = on_start,
	.on_message = wait_message,
	.on_half_close = on_half_close,
	.on_writable = on_writable,
	.on_end = on_end,
};

const struct service_method service_execution_methods[] = {
	{"/build.bazel.remote.execution.v2.Execution/Execute", &execute, NULL, NULL},
	{"/build.bazel.remote.execution.v2.Execution/WaitExecution", &wait_execution, NULL, NULL},
	{"/google.longrunning.Operations/GetOperation", &service_unary,
		LRO_TYPE(get_operation_request), get_operation},
	{"/google.longrunning.Operations/CancelOperation", &service_unary,
		LRO_TYPE(cancel_operation_request), cancel_operation},
	{0},
};

/* --- the service --- */

static struct operation_answer *ready_made(enum rpc_status status, const char *text)
{
	struct fault f = {.status = RPC_OK};
	const struct results_answer from = {.fault = &f};

	fault_set(&f, status, "%s", text);
	return results_answer(&from);
}

static void free_execution(struct execution *e)
{
	operation_answer_unref(e->exhausted);
	operation_answer_unref(e->stopped);
	util_close(&e->trash_fd);
	free(e);
}

int service_init(struct service *s)
{
	struct operations_limits limits = operations_limits_default;
	struct execution *e = calloc(1, sizeof(*e));
	int r = 0;

	if (!e)
		return -ENOMEM;
	e->service = s;
	e->trash_fd = -1;
	e->exhausted = ready_made(RPC_RESOURCE_EXHAUSTED, "out of memory");
	e->stopped = ready_made(RPC_UNAVAILABLE, "this worker is being stopped");
	if (s->limits.grace_ms > 0)
		limits.grace_ms = s->limits.grace_ms;
	if (s->limits.keep_ms > 0)
		limits.keep_ms = s->limits.keep_ms;
	operations_init(&e->operations, &limits);
	queue_init(&e->gate, GATE_EXTRA + 2 * s->slots->slots);
	queue_init(&e->removals, REMOVALS);
	list_init(&e->runs);
	if (s->worker)
		snprintf(e->worker, sizeof(e->worker), "%s", s->worker);
	else if (gethostname(e->worker, sizeof(e->worker) - 1) < 0)
		r = -errno;
	if (!e->exhausted || !e->stopped)
		r = -ENOMEM;
	if (r == 0 && s->sandbox)
		r = roots_prepare(e);
	if (r < 0) {
		free_execution(e);
		return r;
	}
	uv_timer_init(s->loop, &e->timer);
	e->timer.data = e;
	uv_unref((uv_handle_t *)&e->timer);
	s->execution = e;
	return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct execution *e = handle->data;

	e->closed = true;
}

void service_stop(struct service *s)
{
	struct execution *e = s->execution;

	if (e->stopping)
		return;
	e->stopping = true;
	run_cancel_all(e);
	uv_close((uv_handle_t *)&e->timer, on_timer_closed);
}

bool service_idle(const struct service *s)
{
	const struct execution *e = s->execution;

	return e->closed && list_empty(&e->runs) && s->n_offloaded == 0;
}

void service_fini(struct service *s)
{
	struct execution *e = TAKE_PTR(s->execution);

	if (!e)
		return;
	operations_fini(&e->operations);
	free_execution(e);
}

void service_execution_stats(const struct service *s, struct service_execution_stats *ret)
{
	*ret = s->execution->stats;
	ret->operations = s->execution->operations.n;
}
