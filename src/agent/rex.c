/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	rex_start ─► waiting ─► step: a call on a connection ─► over: the next step … ─► finished ─► done
 *	                ▲               │
 *	                └───────────────┘ no connection, or the server did not see the call
 *
 * A run is in one of three lists: waiting for a connection, among those with a call on one, or
 * finished. Whatever happens inside a callback of a call only moves it; all that must not happen
 * there (a connection made or settled, done) is left to the next turn of the loop.
 */

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rex_conn.h"
#include "agent/rex_proof.h"
#include "config.h"
#include "reapi/message.h"

static const struct {
	const char *name, *text;
} outcomes[] = {
	[REX_DONE] = {"rex", "answered"},
	[REX_MISSING] = {"rex-missing", "it has no such result"},
	[REX_UNRESOLVED] = {"rex-unresolved", "its name does not resolve"},
	[REX_REFUSED] = {"rex-refused", "connection refused"},
	[REX_CONNECT_TIMEOUT] = {"rex-connect-timeout", "no connection in time"},
	[REX_UNREACHABLE] = {"rex-unreachable", "cannot be reached"},
	[REX_NOT_GRPC] = {"rex-not-grpc", "it does not speak gRPC"},
	[REX_DROPPED] = {"rex-dropped", "the connection broke"},
	[REX_TIMEOUT] = {"rex-timeout", "no answer in time"},
	[REX_NOT_SERVED] = {"rex-not-served", "it does not serve Remote Execution"},
	[REX_OTHER_ROOT] = {"rex-other-root", "it takes preprocessed text only"},
	[REX_DENIED] = {"rex-denied", "it does not allow this client"},
	[REX_SECRETS] = {"rex-secrets", "a certificate, key or token cannot be used"},
	[REX_TLS] = {"rex-tls", "TLS failed"},
	[REX_BUSY] = {"rex-busy", "it has no room for now"},
	[REX_FAILED] = {"rex-failed", "it could not be done there"},
	[REX_GARBAGE] = {"rex-garbage", "what it answers is not the Remote Execution API"},
};

const char *rex_outcome_name(enum rex_outcome o)
{
	return outcomes[o].name;
}

const char *rex_outcome_text(enum rex_outcome o)
{
	return outcomes[o].text;
}

enum rex_outcome rex_outcome_of(enum rpc_status status)
{
	switch (status) {
	case RPC_UNIMPLEMENTED:
		return REX_NOT_SERVED;
	case RPC_UNAUTHENTICATED:
	case RPC_PERMISSION_DENIED:
		return REX_DENIED;
	case RPC_RESOURCE_EXHAUSTED:
	case RPC_UNAVAILABLE:
		return REX_BUSY;
	default:
		return REX_FAILED;
	}
}

static void make_printable(char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

void rex_describe(enum rpc_status status, const char *text, char ret[REX_DETAIL_MAX])
{
	snprintf(ret, REX_DETAIL_MAX, "%s%s%s", rpc_status_name(status), *text ? ": " : "", text);
	make_printable(ret);
}

/* --- the end of a run --- */

static void detach(struct rex_run *run)
{
	if (run->call) {
		rpc_call_set_data(run->call, NULL);
		rpc_call_cancel(TAKE_PTR(run->call));
	}
	list_unlink(&run->node);
}

void rex_result_fini(struct rex_result *res)
{
	buf_fini(&res->out);
	buf_fini(&res->err);
	for (size_t i = 0; i < res->n_outputs; i++) {
		free(res->outputs[i].path);
		buf_fini(&res->outputs[i].data);
	}
	free(TAKE_PTR(res->outputs));
	res->n_outputs = 0;
	res->exit_code = 0;
	res->cached = res->looked = false;
	buf_fini(&res->lookups.list);
}

static void run_free(struct rex_run *run)
{
	rex_upload_fini(run);
	rex_execute_fini(run);
	rex_fetch_fini(run);
	rex_result_fini(&run->result);
	run->rex->n_runs--;
	free(run);
}

void rex_run_end(struct rex_run *run, enum rex_outcome outcome, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(run->detail, sizeof(run->detail), fmt, ap);
	va_end(ap);
	make_printable(run->detail);
	detach(run);
	/* What has not been checked to the end is nobody's. */
	if (outcome != REX_DONE)
		rex_result_fini(&run->result);
	memcpy(run->address, run->rex->address, sizeof(run->address));
	run->result.outcome = outcome;
	run->result.detail = run->detail;
	run->result.address = run->address;
	list_append(&run->rex->finished, &run->node);
	rex_turn_soon(run->rex);
}

void rex_run_fail(struct rex_run *run, enum rpc_status status, const char *text)
{
	char detail[REX_DETAIL_MAX];

	rex_describe(status, text, detail);
	rex_run_end(run, rex_outcome_of(status), "%s", detail);
}

void rex_run_refuse(struct rex_run *run, int outcome, const struct reapi_violation *v)
{
	if (outcome < 0)
		rex_run_end(run, REX_FAILED, "%s", strerror(-outcome));
	else
		rex_run_end(run, REX_GARBAGE, "%s", v->text);
}

void rex_fail_waiting(struct rex *r, enum rex_outcome outcome, const char *detail)
{
	LIST_FOR_SAFE(pos, &r->waiting)
	rex_run_end(LIST_ENTRY(pos, struct rex_run, node), outcome, "%s", detail);
}

/* May it have its next call now? */
static bool is_admitted(const struct rex_run *run)
{
	const struct rex *r = run->rex;

	return r->root == REX_ROOT_INPUT || run->p.kind != REX_EXECUTE ||
	       rex_proof_is(r->proof, run);
}

void rex_fail_unproved(struct rex *r, enum rex_outcome outcome, const char *detail)
{
	LIST_FOR_SAFE(pos, &r->waiting)
	{
		struct rex_run *run = LIST_ENTRY(pos, struct rex_run, node);

		if (!is_admitted(run))
			rex_run_end(run, outcome, "%s", detail);
	}
}

/* --- calls --- */

/* Who we are; some servers take no call without it. */
static int tell_tool(struct rpc_metadata *m)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT;
	re_request_metadata request = RE_INIT(REQUEST_METADATA);
	re_tool_details tool = RE_INIT(TOOL_DETAILS);
	int r;

	tool.tool_name = (char *)"distcc";
	tool.tool_version = (char *)DISTCC_VERSION;
	request.tool_details = &tool;
	r = reapi_pack(&request.base, &bytes);
	if (r < 0)
		return r;
	return rpc_metadata_add_bin(
		m, "build.bazel.remote.execution.v2.requestmetadata-bin", bytes.data, bytes.len);
}

/* Made anew when the token is another. Without memory it is as it was. */
static void refresh_metadata(struct rex *r)
{
	struct rpc_metadata m = RPC_METADATA_INIT;
	const char *now;
	char *told;

	rex_secrets_refresh(&r->secrets, uv_now(r->loop));
	now = r->secrets.authorization;
	if (r->metadata.n > 0 && str_eq(now ? now : "", r->told ? r->told : ""))
		return;
	told = now ? strdup(now) : NULL;
	if ((now && !told) || tell_tool(&m) < 0 ||
		(now && rpc_metadata_add(&m, "authorization", now) < 0)) {
		free(told);
		rpc_metadata_fini(&m);
		return;
	}
	free(r->told);
	rpc_metadata_fini(&r->metadata);
	r->told = told;
	r->metadata = m;
}

void rex_call_params(struct rex *r, const char *path, const struct rpc_handler *call_handler,
	void *data, struct rpc_call_params *ret)
{
	refresh_metadata(r);
	*ret = (struct rpc_call_params){.path = path,
		.authority = r->authority,
		.tls = r->secrets.tls,
		.metadata = &r->metadata,
		.deadline_ms = RPC_NEVER,
		.handler = call_handler,
		.data = data};
}

static void wait_for_connection(struct rex_run *run)
{
	list_unlink(&run->node);
	list_append(&run->rex->waiting, &run->node);
	rex_turn_soon(run->rex);
}

void rex_run_next(struct rex_run *run, void (*step)(struct rex_run *run))
{
	struct rex_conn *c = run->rex->conn;

	run->step = step;
	if (c && rex_conn_ready(c) && is_admitted(run))
		step(run);
	else
		wait_for_connection(run);
}

static void on_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct rex_run *run = data;

	if (!run)
		return;
	run->since_ms = uv_now(run->rex->loop);
	run->result.bytes_down += message->len;
	if (run->answered && !run->stage->stream) {
		rex_run_end(run, REX_GARBAGE, "two answers to one question");
		return;
	}
	run->answered = true;
	run->stage->message(run, message);
}

static void on_writable(struct rpc_call *call, void *data)
{
	struct rex_run *run = data;

	if (!run)
		return;
	run->since_ms = uv_now(run->rex->loop);
	if (run->stage->writable)
		run->stage->writable(run);
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct rex_run *run = data;
	const char *detail;

	if (!run)
		return;
	run->call = NULL;
	list_unlink(&run->node);
	if (end->status == RPC_OK && run->answered) {
		run->again = false;
		run->stage->over(run);
	} else if (end->unprocessed && !run->again) {
		run->again = true;
		wait_for_connection(run);
	} else if (!end->complete && rex_conn_broken(run->conn)) {
		enum rex_outcome outcome = rex_conn_outcome(run->conn, &detail);

		rex_run_end(run, outcome, "%s", detail);
	} else if (run->stage->failed && (run->stage->stream || end->status != RPC_OK)) {
		run->stage->failed(run, end);
	} else if (end->status == RPC_OK) {
		rex_run_end(run, REX_GARBAGE, "no answer in an answer");
	} else {
		rex_run_fail(run, end->status, end->message);
	}
}

static const struct rpc_handler handler = {
	.on_message = on_message, .on_writable = on_writable, .on_end = on_end};

/* m is what p has, and this. */
static int ask_for_lookups(struct rpc_call_params *p, struct rpc_metadata *m)
{
	int r = rpc_metadata_add_all(m, p->metadata);

	if (r == 0)
		r = rpc_metadata_add(m, REAPI_LOOKUPS_HEADER, REAPI_LOOKUPS_REPORT);
	p->metadata = m;
	return r;
}

bool rex_run_open(struct rex_run *run, const struct rex_stage *stage)
{
	struct rex *rex = run->rex;
	struct rex_conn *c = rex->conn;
	AUTO(rpc_metadata_fini) struct rpc_metadata metadata = RPC_METADATA_INIT;
	struct rpc_call_params p;
	int r = 0;

	rex_call_params(rex, stage->path, &handler, run, &p);
	if (!c || !rex_conn_ready(c)) {
		wait_for_connection(run);
		return false;
	}
	if (stage->runs && run->p.lookups)
		r = ask_for_lookups(&p, &metadata);
	if (r == 0)
		r = rpc_client_call(c->rpc, &p, uv_now(rex->loop), &run->call);
	if (r == -EAGAIN)
		rex_run_end(run, REX_BUSY, "too many calls at once");
	else if (r == -EPIPE)
		wait_for_connection(run);
	else if (r < 0)
		rex_run_end(run, REX_FAILED, "%s", strerror(-r));
	if (r < 0)
		return false;
	list_unlink(&run->node);
	list_append(&c->runs, &run->node);
	run->stage = stage;
	run->conn = c;
	run->patient = stage->patient;
	run->answered = false;
	run->since_ms = uv_now(rex->loop);
	rex_conn_watch(c);
	return true;
}

int rex_run_send(struct rex_run *run, const ProtobufCMessage *m)
{
	AUTO(buf_fini) struct buf out = BUF_INIT_MAX(2 * (size_t)REX_BATCH_MAX);
	size_t n;
	int r = reapi_pack(m, &out);

	if (r < 0)
		return r;
	n = out.len;
	r = rpc_call_send_buf(run->call, &out);
	if (r >= 0)
		run->result.bytes_up += n;
	return r;
}

void rex_run_call(
	struct rex_run *run, const struct rex_stage *stage, const ProtobufCMessage *message)
{
	int r;

	if (!rex_run_open(run, stage))
		return;
	r = rex_run_send(run, message);
	if (r < 0)
		rex_run_end(run, REX_FAILED, "%s", strerror(-r));
	else
		rpc_call_half_close(run->call);
}

/* --- turns --- */

/* A connection for those who wait. False: there is none, and they have been told. */
static bool connect_to(struct rex *r)
{
	AUTO(util_free) char *why = NULL;
	int q = rex_secrets_read(&r->secrets, uv_now(r->loop), &why);

	if (q == REX_SECRETS_BAD) {
		rex_fail_waiting(r, REX_SECRETS, why);
		return false;
	}
	if (q == 0)
		q = rex_conn_open(r);
	if (q < 0)
		rex_fail_waiting(r, REX_UNREACHABLE, uv_strerror(q));
	return q == 0;
}

/* Where somebody waits for it; and what is known of it is told. */
static void prove(struct rex *r)
{
	bool wanted = false;
	int q;

	LIST_FOR(pos, &r->waiting)
	wanted |= !is_admitted(LIST_ENTRY(pos, struct rex_run, node));
	if (wanted && r->root == REX_ROOT_OTHER)
		rex_fail_unproved(r, REX_OTHER_ROOT, r->root_detail);
	if (!wanted || r->root != REX_ROOT_UNKNOWN)
		return;
	q = rex_proof_start(r);
	if (q < 0)
		rex_fail_unproved(r, REX_FAILED, strerror(-q));
}

static void step_waiting(struct rex *r)
{
	size_t n = 0;

	if (list_empty(&r->waiting))
		return;
	if (r->conn && r->conn->state == REX_CONN_READY && !rex_conn_ready(r->conn))
		r->conn = NULL; /* it closes when its last call has ended */
	if ((!r->conn && !connect_to(r)) || !rex_conn_ready(r->conn))
		return;
	prove(r);
	/* Those that come back wait for the next turn. */
	LIST_FOR(pos, &r->waiting)
	n++;
	for (; n > 0 && !list_empty(&r->waiting); n--) {
		struct rex_run *run = LIST_ENTRY(r->waiting.next, struct rex_run, node);

		list_unlink(&run->node);
		if (is_admitted(run))
			run->step(run);
		else
			list_append(&r->waiting, &run->node);
	}
}

static void on_turn(uv_idle_t *idle)
{
	struct rex *r = idle->data;

	uv_idle_stop(idle);
	step_waiting(r);
	LIST_FOR(pos, &r->conns)
	rex_conn_settle(LIST_ENTRY(pos, struct rex_conn, node));
	while (!list_empty(&r->finished)) {
		struct rex_run *run = LIST_ENTRY(r->finished.next, struct rex_run, node);

		list_unlink(&run->node);
		/* For done all is over: it may free r, which stays until its handles are closed. */
		run->rex->n_runs--;
		run->done(run->data, &run->result);
		run->rex->n_runs++;
		run_free(run);
	}
}

void rex_turn_soon(struct rex *r)
{
	if (!r->closing)
		uv_idle_start(&r->turn, on_turn);
}

/* --- what is public --- */

static bool write_authority(struct rex *r)
{
	bool six = strchr(r->host, ':') != NULL;
	int n = snprintf(r->authority, sizeof(r->authority), "%s%s%s:%u", six ? "[" : "", r->host,
		six ? "]" : "", r->port);

	return n >= 0 && (size_t)n < sizeof(r->authority);
}

int rex_new(uv_loop_t *loop, const struct rex_options *o, struct rex **ret)
{
	struct rex *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->loop = loop;
	r->host = strdup(o->host);
	r->instance = strdup(o->instance);
	r->port = o->port;
	r->cache_only = o->cache_only;
	r->prove_root = o->prove_root;
	r->resolve_ms = o->resolve_ms;
	r->connect_ms = o->connect_ms;
	r->io_ms = MAX(o->io_ms, UINT64_C(1));
	r->batch_max = REX_BATCH_MAX;
	list_init(&r->conns);
	list_init(&r->waiting);
	list_init(&r->finished);
	if (!r->host || !r->instance || rex_secrets_init(&r->secrets, o->tls, &o->files) < 0 ||
		!write_authority(r)) {
		int q = r->host && r->instance ? -EINVAL : -ENOMEM;

		rex_secrets_fini(&r->secrets);
		free(r->host);
		free(r->instance);
		free(r);
		return q;
	}
	uv_idle_init(loop, &r->turn);
	r->turn.data = r;
	r->handles = 1;
	*ret = r;
	return 0;
}

static void on_turn_closed(uv_handle_t *h)
{
	rex_unref(h->data);
}

void rex_free(struct rex *r)
{
	if (!r)
		return;
	rex_proof_free(TAKE_PTR(r->proof));
	assert(r->n_runs == 0);
	r->closing = true;
	LIST_FOR(pos, &r->conns)
	rex_conn_close(LIST_ENTRY(pos, struct rex_conn, node));
	uv_close((uv_handle_t *)&r->turn, on_turn_closed);
}

void rex_unref(struct rex *r)
{
	if (--r->handles > 0)
		return;
	rex_known_fini(&r->known);
	rex_compress_fini(&r->compress);
	rex_secrets_fini(&r->secrets);
	rpc_metadata_fini(&r->metadata);
	free(r->told);
	free(r->host);
	free(r->instance);
	free(r);
}

static void (*const first_steps[])(struct rex_run *run) = {
	[REX_EXECUTE] = rex_upload_start,
	[REX_LOOKUP] = rex_cache_lookup,
	[REX_STORE] = rex_cache_store,
};

int rex_start(struct rex *r, const struct rex_params *p, rex_done_fn done, void *data,
	struct rex_run **ret)
{
	struct rex_run *run;

	if (p->n_outputs > REX_OUTPUTS_MAX)
		return -EINVAL;
	run = calloc(1, sizeof(*run));
	if (!run)
		return -ENOMEM;
	run->rex = r;
	run->p = *p;
	run->done = done;
	run->data = data;
	run->fd = -1;
	run->step = first_steps[p->kind];
	run->result.out.max = run->result.err.max = REX_OUTPUT_BYTES_MAX;
	list_init(&run->node);
	list_append(&r->waiting, &run->node);
	r->n_runs++;
	rex_turn_soon(r);
	*ret = run;
	return 0;
}

bool rex_run_found(const struct rex_run *run)
{
	return run->fetching;
}

/* No answer is waited for, and the call ends with its connection at the latest. */
static const struct rpc_handler unheard = {.on_end = NULL};

void rex_run_tell(struct rex_run *run, const char *path, const ProtobufCMessage *message)
{
	AUTO(buf_fini) struct buf out = BUF_INIT;
	struct rpc_call_params p;
	struct rex_conn *c = run->rex->conn;
	struct rpc_call *call;

	rex_call_params(run->rex, path, &unheard, NULL, &p);
	if (!c || !rex_conn_ready(c) || reapi_pack(message, &out) < 0 ||
		rpc_client_call(c->rpc, &p, uv_now(run->rex->loop), &call) < 0)
		return;
	if (rpc_call_send_buf(call, &out) < 0)
		rpc_call_cancel(call);
	else
		rpc_call_half_close(call);
}

void rex_cancel(struct rex_run *run)
{
	rex_execute_cancel(run);
	detach(run);
	run_free(run);
}
