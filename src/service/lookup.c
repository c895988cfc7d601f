/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * What comes before a run, for each Execute alone: only when the Action has been read is it known
 * whether it may share a run with another (do_not_cache says that it may not), and an answer from
 * the action cache needs none. An Execute that must not be answered from the cache may still join a
 * run, for that is going to be carried out.
 *
 * The operation may be gone when the pool is done; so it is found again by its name.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "service/digest.h"
#include "service/execution.h"
#include "service/launch.h"
#include "service/result.h"
#include "service/run.h"

struct lookup {
	struct execution *execution;
	uv_work_t work;
	char name[OPERATION_NAME_SIZE];
	struct reapi_digest digest;
	bool skip_cache;
	struct results_asked asked;
	/* One of these is what came of it. */
	struct operation_answer *answer; /* a cached one */
	struct fault fault;
	struct reapi_action action; /* in the arena */
	struct reapi_arena arena;
};

static void free_lookup(struct lookup *l)
{
	results_asked_fini(&l->asked);
	operation_answer_unref(l->answer);
	fault_fini(&l->fault);
	reapi_arena_fini(&l->arena);
	free(l);
}

static void ask_cache(struct lookup *l)
{
	struct service *s = l->execution->service;
	struct cas_digest action = service_to_cas(&l->digest);
	struct results results;
	const struct results_answer from = {.results = &results, .cached = true};
	struct reapi_violation v;
	re_action_result *m;
	int r;

	results_init(&results);
	r = service_result_get(s->ac, &action, &results.arena, &m, &v);
	if (r == 0) {
		results.message = *m;
		results_inline(&results, s->cas, &l->asked);
		l->answer = results_answer(&from);
	} else if (r != REAPI_MISSING) {
		log_event(LOG_LEVEL_WARNING, "action-cache", "%s", r < 0 ? strerror(-r) : v.text);
	}
	results_fini(&results);
}

static void in_pool(uv_work_t *work)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(INPUTS_MESSAGE_MAX);
	struct lookup *l = work->data;
	struct service *s = l->execution->service;
	struct reapi_violation v;
	int r;

	if (!l->skip_cache && s->ac)
		ask_cache(l);
	if (l->answer || inputs_blob(s->cas, &l->digest, "the action", &bytes, &l->fault) != 0)
		return;
	r = reapi_action_parse(&l->arena, buf_str(&bytes), bytes.len, &l->action, &v);
	if (r != 0)
		fault_outcome(&l->fault, r, "the action", &v);
}

/* Carry it out, or have it carried out with another one. */
static void join(struct lookup *l, struct operation *o)
{
	struct execution *e = l->execution;
	struct operation_task *task =
		l->action.do_not_cache ? NULL : operation_task_find(&e->operations, &l->digest);
	bool merged = task != NULL;

	if (!merged && run_new(e, &l->digest, &l->action, &l->arena, &task) < 0) {
		fault_errno(&l->fault, -ENOMEM, "the action");
		execution_fail(e, o, &l->fault);
		return;
	}
	operation_join(o, task);
	run_ask(task, &l->asked);
	e->stats.merged += merged;
	if (merged)
		execution_over(e, &(struct service_over){.end = SERVICE_END_MERGED});
	else
		run_start(task);
}

static void in_loop(uv_work_t *work, int status)
{
	struct lookup *l = work->data;
	struct execution *e = l->execution;
	struct operation *o = operation_find(&e->operations, l->name);

	e->n_lookups--;
	e->service->n_offloaded--;
	if (!o || o->answer) {
		/* Nobody waits for it. */
	} else if (l->answer) {
		e->stats.cached++;
		execution_over(e, &(struct service_over){.end = SERVICE_END_CACHED});
		operation_finish(&e->operations, o, l->answer, execution_now_ms(e));
	} else if (e->stopping) {
		operation_finish(&e->operations, o, e->stopped, execution_now_ms(e));
	} else if (l->fault.status != RPC_OK || launch_isolated(e->service, &l->fault) != 0) {
		execution_fail(e, o, &l->fault);
	} else {
		join(l, o);
	}
	execution_arm(e);
	free_lookup(l);
}

int lookup_start(
	struct execution *e, struct operation *o, const re_execute_request *q, bool report_lookups)
{
	struct lookup *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->execution = e;
	l->digest = o->action;
	l->skip_cache = q->skip_cache_lookup;
	l->work.data = l;
	memcpy(l->name, o->name, sizeof(l->name));
	reapi_arena_init(&l->arena, INPUTS_MEMORY_MAX);
	l->asked.out = q->inline_stdout;
	l->asked.err = q->inline_stderr;
	l->asked.lookups = report_lookups;
	results_ask_files(&l->asked, q->inline_output_files, q->n_inline_output_files);
	r = uv_queue_work(e->service->loop, &l->work, in_pool, in_loop);
	if (r < 0) {
		free_lookup(l);
		return -ENOMEM;
	}
	e->n_lookups++;
	e->service->n_offloaded++;
	return 0;
}
