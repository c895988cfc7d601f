/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	Execute ─► Operation* ─► the last one has the ExecuteResponse ─► its outputs are fetched
 *	   │  broken off, with a name                  │
 *	   └─────────► WaitExecution, once ────────────┤
 *	                                               └─► blobs are missing: all is asked for anew
 *
 * What is wrong comes as the status of the call, as the error of the operation, or as the status of
 * the response, and means the same.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/rex_run.h"
#include "reapi/message.h"
#include "reapi/status.h"

void rex_execute_fini(struct rex_run *run)
{
	reapi_arena_fini(&run->arena);
	run->over = NULL;
	run->found = NULL;
}

static void upload_again(struct rex_run *run)
{
	if (run->rounds++ == REX_ROUNDS_MAX) {
		rex_run_end(run, REX_FAILED, "blobs that it said it has are missing");
		return;
	}
	rex_known_fini(&run->rex->known);
	rex_upload_start(run);
}

static void judge_status(struct rex_run *run, const struct reapi_status *s)
{
	if (s->code == GR_ENUM(CODE__FAILED_PRECONDITION) && s->n_missing > 0)
		upload_again(run);
	else
		rex_run_fail(run, (enum rpc_status)s->code, s->text);
}

static void judge_response(struct rex_run *run)
{
	re_execute_response *m;
	struct reapi_status s;
	struct reapi_violation v;
	int r = reapi_any_unpack(
		&run->arena, run->over->response, RE_TYPE(execute_response), &m, &v);

	if (r == 0 && m->status && m->status->code != GR_ENUM(CODE__OK)) {
		r = reapi_status_read(&run->arena, m->status, &s, &v);
		if (r == 0) {
			judge_status(run, &s);
			return;
		}
	}
	if (r != 0) {
		rex_run_refuse(run, r, &v);
		return;
	}
	run->result.cached = m->cached_result;
	rex_fetch_start(run, m->result);
}

static void judge(struct rex_run *run)
{
	struct reapi_status s;
	struct reapi_violation v;
	int r;

	if (run->over->result_case == LRO_ENUM(OPERATION__RESULT_RESPONSE)) {
		judge_response(run);
	} else if (run->over->result_case == LRO_ENUM(OPERATION__RESULT_ERROR)) {
		r = reapi_status_read(&run->arena, run->over->error, &s, &v);
		if (r != 0)
			rex_run_refuse(run, r, &v);
		else
			judge_status(run, &s);
	} else {
		rex_run_end(run, REX_GARBAGE, "an operation is done and has no result");
	}
}

/* --- the stream --- */

static void on_operation(struct rex_run *run, struct buf *message)
{
	lro_operation *m;
	struct reapi_violation v;
	int r;

	if (run->over) {
		rex_run_end(run, REX_GARBAGE, "an operation goes on after it was done");
		return;
	}
	/* Twice: for what is in it is unpacked in a second step. */
	reapi_arena_fini(&run->arena);
	reapi_arena_init(&run->arena, 2 * reapi_memory_for(message->len));
	r = reapi_unpack(&run->arena, LRO_TYPE(operation), buf_str(message), message->len, &m, &v);
	if (r != 0) {
		rex_run_refuse(run, r, &v);
		return;
	}
	if (strlen(m->name) < sizeof(run->operation))
		snprintf(run->operation, sizeof(run->operation), "%s", m->name);
	if (m->done) {
		run->over = m;
		/* The status of the call is all that is left. */
		run->patient = false;
	}
}

static void wait_execution(struct rex_run *run);

/* The stream is no more; what it was about may well go on. */
static void resume(struct rex_run *run, const struct rpc_end *end)
{
	if (*run->operation && !run->waited) {
		run->waited = true;
		rex_run_next(run, wait_execution);
	} else if (!end || end->status == RPC_OK) {
		rex_run_end(run, REX_GARBAGE, "the answer has no result");
	} else {
		rex_run_fail(run, end->status, end->message);
	}
}

static void over(struct rex_run *run)
{
	if (run->over)
		judge(run);
	else
		resume(run, NULL);
}

static void failed(struct rex_run *run, const struct rpc_end *end)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	struct reapi_status s = {.n_missing = 0};

	reapi_arena_init(&a, reapi_memory_for(end->details_len));
	if (run->over)
		judge(run);
	else if (end->status == RPC_FAILED_PRECONDITION && end->details &&
		 reapi_status_parse(&a, end->details, end->details_len, &s, NULL) == 0 &&
		 s.n_missing > 0)
		upload_again(run);
	else if (end->complete && end->status != RPC_OK)
		rex_run_fail(run, end->status, end->message);
	else
		resume(run, end);
}

static const struct rex_stage executing = {
	.path = "/build.bazel.remote.execution.v2.Execution/Execute",
	.patient = true,
	.stream = true,
	.runs = true,
	.message = on_operation,
	.over = over,
	.failed = failed,
};

static const struct rex_stage waiting = {
	.path = "/build.bazel.remote.execution.v2.Execution/WaitExecution",
	.patient = true,
	.stream = true,
	.message = on_operation,
	.over = over,
	.failed = failed,
};

static void execute(struct rex_run *run)
{
	re_execute_request m = RE_INIT(EXECUTE_REQUEST);
	struct reapi_digest_message digest;

	reapi_digest_to_proto(&run->p.action, &digest);
	m.instance_name = run->rex->instance;
	m.action_digest = &digest.message;
	m.skip_cache_lookup = run->p.skip_cache;
	m.inline_stdout = m.inline_stderr = true;
	m.inline_output_files = (char **)run->p.outputs;
	m.n_inline_output_files = run->p.n_outputs;
	rex_run_call(run, &executing, &m.base);
}

static void wait_execution(struct rex_run *run)
{
	re_wait_execution_request m = RE_INIT(WAIT_EXECUTION_REQUEST);

	m.name = run->operation;
	rex_run_call(run, &waiting, &m.base);
}

void rex_execute_start(struct rex_run *run)
{
	rex_execute_fini(run);
	run->operation[0] = '\0';
	run->waited = false;
	rex_run_next(run, execute);
}

void rex_execute_cancel(struct rex_run *run)
{
	lro_cancel_operation_request m = LRO_INIT(CANCEL_OPERATION_REQUEST);

	if (!*run->operation || !run->call || run->over)
		return;
	m.name = run->operation;
	rex_run_tell(run, "/google.longrunning.Operations/CancelOperation", &m.base);
}
