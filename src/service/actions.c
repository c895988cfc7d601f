/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * ActionCache. What it keeps and when a result is whole is said in result.h and cas/ac.h. Clients
 * may store whatever they have, also failures: whom to believe is decided before a call comes here.
 */

#include <errno.h>

#include "cas/ac.h"
#include "reapi/status.h"
#include "service/digest.h"
#include "service/method.h"
#include "service/result.h"

static bool take_action(struct service_request *r, const char *instance, int function,
	const re_digest *action, struct cas_digest *ret)
{
	int e;

	if (!service_instance_ok(r, instance))
		return false;
	e = reapi_digest_function_check(function, &r->violation);
	if (e == 0)
		e = service_digest_from_proto(action, ret, &r->violation);
	if (e != 0)
		service_fail_outcome(r, e);
	return e == 0;
}

struct lookup {
	struct cas_digest action;
	struct service_inline want;
	re_action_result *result;
	int outcome;
};

static void get_work(struct service_request *r)
{
	struct lookup *l = r->state;

	l->outcome = service_result_get(
		r->service->ac, &l->action, &r->arena, &l->result, &r->violation);
	if (l->outcome == 0)
		service_result_inline(r->service->cas, &l->want, &r->arena, l->result);
}

static void get_done(struct service_request *r)
{
	struct lookup *l = r->state;

	if (l->outcome == REAPI_MISSING)
		service_fail(r, RPC_NOT_FOUND, r->violation.text);
	else if (l->outcome != 0)
		service_fail_outcome(r, l->outcome);
	else
		service_reply(r, &l->result->base);
}

static void get_run(struct service_request *r, const void *message)
{
	const re_get_action_result_request *q = message;
	struct cas_digest action;
	struct lookup *l;

	if (!take_action(r, q->instance_name, (int)q->digest_function, q->action_digest, &action))
		return;
	l = reapi_arena_calloc(&r->arena, 1, sizeof(*l));
	if (!l) {
		service_fail(r, RPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	l->action = action;
	l->want = (struct service_inline){.out = q->inline_stdout,
		.err = q->inline_stderr,
		.files = q->inline_output_files,
		.n_files = q->n_inline_output_files};
	r->state = l;
	service_offload(r, get_work, get_done);
}

struct update {
	struct cas_digest action;
	re_action_result *result;
	gr_status *missing; /* after REAPI_MISSING; NULL: no memory */
	int outcome;
};

static gr_status *missing_status(struct reapi_arena *a, const struct service_refs *refs)
{
	struct reapi_digest *v = reapi_arena_calloc(a, refs->n_missing, sizeof(*v));

	if (!v)
		return NULL;
	for (size_t i = 0; i < refs->n_missing; i++)
		v[i] = service_to_reapi(&refs->missing[i]);
	return reapi_status_new_missing(a, v, refs->n_missing);
}

static void update_work(struct service_request *r)
{
	struct service_refs refs = {.n = 0};
	struct update *u = r->state;

	u->outcome = service_result_put(
		r->service->cas, r->service->ac, &u->action, u->result, &refs, &r->violation);
	if (u->outcome == REAPI_MISSING)
		u->missing = missing_status(&r->arena, &refs);
	service_refs_fini(&refs);
}

static void update_done(struct service_request *r)
{
	struct update *u = r->state;

	if (u->outcome == 0)
		service_reply(r, &u->result->base);
	else if (u->missing)
		service_fail_status(r, u->missing);
	else
		service_fail_outcome(r, u->outcome);
}

static void update_run(struct service_request *r, const void *message)
{
	const re_update_action_result_request *q = message;
	struct cas_digest action;
	struct update *u;

	if (!take_action(r, q->instance_name, (int)q->digest_function, q->action_digest, &action))
		return;
	if (r->service->own_results) {
		service_fail(r, RPC_PERMISSION_DENIED,
			"only results of what was executed here are kept");
		return;
	}
	if (!q->action_result) {
		service_fail(r, RPC_INVALID_ARGUMENT, "there is no action_result");
		return;
	}
	u = reapi_arena_calloc(&r->arena, 1, sizeof(*u));
	if (!u) {
		service_fail(r, RPC_RESOURCE_EXHAUSTED, "out of memory");
		return;
	}
	*u = (struct update){.action = action, .result = q->action_result};
	r->state = u;
	service_offload(r, update_work, update_done);
}

#define ACTION_CACHE "/build.bazel.remote.execution.v2.ActionCache/"

const struct service_method service_actions_methods[] = {
	{ACTION_CACHE "GetActionResult", &service_unary, RE_TYPE(get_action_result_request),
		get_run},
	{ACTION_CACHE "UpdateActionResult", &service_unary, RE_TYPE(update_action_result_request),
		update_run},
	{0},
};
