/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A server's action cache, by itself:
 *
 *	lookup	GetActionResult ─► its outputs are fetched; one that is not there is a miss
 *	store	the outputs are uploaded ─► UpdateActionResult
 */

#include <errno.h>

#include "agent/rex_record.h"
#include "agent/rex_run.h"
#include "reapi/message.h"

/* --- lookup --- */

static void on_found(struct rex_run *run, struct buf *message)
{
	struct reapi_violation v;
	re_action_result *m;
	int r;

	reapi_arena_fini(&run->arena);
	reapi_arena_init(&run->arena, reapi_memory_for(message->len));
	r = reapi_unpack(
		&run->arena, RE_TYPE(action_result), buf_str(message), message->len, &m, &v);
	if (r != 0)
		rex_run_refuse(run, r, &v);
	else
		run->found = m;
}

static void found(struct rex_run *run)
{
	run->result.cached = true;
	rex_fetch_start(run, run->found);
}

static void not_found(struct rex_run *run, const struct rpc_end *end)
{
	if (end->status == RPC_NOT_FOUND)
		rex_run_end(run, REX_MISSING, "%s", "");
	else
		rex_run_fail(run, end->status, end->message);
}

static const struct rex_stage looking = {
	.path = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult",
	.message = on_found,
	.over = found,
	.failed = not_found,
};

void rex_cache_lookup(struct rex_run *run)
{
	re_get_action_result_request m = RE_INIT(GET_ACTION_RESULT_REQUEST);
	struct reapi_digest_message digest;

	reapi_digest_to_proto(&run->p.action, &digest);
	m.instance_name = run->rex->instance;
	m.action_digest = &digest.message;
	m.inline_stdout = m.inline_stderr = true;
	m.inline_output_files = (char **)run->p.outputs;
	m.n_inline_output_files = run->p.n_outputs;
	rex_run_call(run, &looking, &m.base);
}

/* --- store --- */

static void on_updated(struct rex_run *run, struct buf *message)
{
}

static void updated(struct rex_run *run)
{
	rex_run_end(run, REX_DONE, "%s", "");
}

static const struct rex_stage updating = {
	.path = "/build.bazel.remote.execution.v2.ActionCache/UpdateActionResult",
	.message = on_updated,
	.over = updated,
};

void rex_cache_update(struct rex_run *run)
{
	re_update_action_result_request m = RE_INIT(UPDATE_ACTION_RESULT_REQUEST);
	struct reapi_digest_message digest;

	reapi_digest_to_proto(&run->p.action, &digest);
	m.instance_name = run->rex->instance;
	m.action_digest = &digest.message;
	m.action_result = (re_action_result *)&run->p.record->message;
	rex_run_call(run, &updating, &m.base);
}

void rex_cache_store(struct rex_run *run)
{
	if (run->rex->takes_results)
		rex_upload_start(run);
	else
		rex_run_end(run, REX_NOT_SERVED, "it takes no results");
}
