/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * States and moves:
 *
 *	WAITING ──► READING ──► QUEUED ──► BUILDING ──► RUNNING ──► COLLECTING
 *	   │           │           │           │           │            │
 *	   │           └───────────┴───────────┴───────────┴────────────┤
 *	   │                                                            ▼
 *	   └────────────────────────────────────────────► OVER ◄──── REMOVING
 *
 *	WAITING     for the gate, which bounds how many actions hold memory and disk
 *	READING     Command and tree are read, and held in the store (pool)
 *	QUEUED      waits for a slot
 *	BUILDING    the input root is made (pool)
 *	RUNNING     there is a job in the sandbox
 *	COLLECTING  outputs go to the store, the result to the action cache (pool)
 *	REMOVING    answered; what is on disk is removed, few at a time (pool)
 *	OVER        freed as soon as the poll handle is closed
 *
 * Invariants: the gate is held from READING to OVER, a slot from BUILDING to the end of COLLECTING;
 * while something of a run is in the pool the loop touches only `cancelled` and `asked`; the
 * operations have been finished, or have all gone, when REMOVING or OVER begins.
 *
 * A run that is cancelled is past answering. Work in the pool is not interrupted; what would follow
 * it is left out.
 */

#include "service/run.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "service/digest.h"
#include "service/execution.h"
#include "service/launch.h"
#include "service/looked.h"
#include "service/result.h"
#include "service/roots.h"

enum { NAME_SIZE = 32, SHOWN_HASH = 12 };

enum run_state { WAITING, READING, QUEUED, BUILDING, RUNNING, COLLECTING, REMOVING, OVER };

static const unsigned moves[] = {
	[WAITING] = 1 << READING | 1 << OVER,
	[READING] = 1 << QUEUED | 1 << REMOVING,
	[QUEUED] = 1 << BUILDING | 1 << REMOVING,
	[BUILDING] = 1 << RUNNING | 1 << REMOVING,
	[RUNNING] = 1 << COLLECTING | 1 << REMOVING,
	[COLLECTING] = 1 << REMOVING,
	[REMOVING] = 1 << OVER,
	[OVER] = 0,
};

struct times {
	struct timespec queued, start, inputs, built, begun, ended, collected;
};

struct run {
	struct operation_task task;
	struct execution *execution;
	struct list link; /* of execution->runs */
	enum run_state state;
	bool cancelled, polling, has_gate, has_slot;
	bool has_result, verified;
	struct queue_waiter gate, slot, removal;
	uv_work_t work;
	void (*done)(struct run *r); /* in the loop, after work */
	uv_poll_t poll;
	struct reapi_arena arena; /* action's */
	struct reapi_action action;
	struct results_asked asked, answered; /* by clients; of them what the answer looks at */
	struct launch launch;
	struct inputs inputs;
	char name[NAME_SIZE]; /* in roots; "": nothing is there */
	struct sandbox_run job;
	struct sandbox_result result;
	int out_fd, err_fd, lookups_fd;
	struct fault fault;
	struct results results;
	struct operation_answer *answer;
	struct times times;
};

static void go(struct run *r, enum run_state to)
{
	assert(moves[r->state] & 1u << to);
	r->state = to;
}

static struct service *service(const struct run *r)
{
	return r->execution->service;
}

static struct timespec now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return t;
}

static void in_loop(uv_work_t *work, int status)
{
	struct run *r = work->data;

	service(r)->n_offloaded--;
	r->done(r);
}

static void offload(struct run *r, uv_work_cb in_pool, void (*done)(struct run *r))
{
	int e;

	r->work.data = r;
	r->done = done;
	service(r)->n_offloaded++;
	/* It fails for want of a callback only. */
	e = uv_queue_work(service(r)->loop, &r->work, in_pool, in_loop);
	assert(e == 0);
}

/* --- the end --- */

static void free_if_over(struct run *r)
{
	struct execution *e = r->execution;

	if (r->state != OVER || r->polling)
		return;
	list_unlink(&r->link);
	if (r->has_gate)
		queue_release(&e->gate);
	inputs_fini(&r->inputs);
	results_fini(&r->results);
	results_asked_fini(&r->asked);
	results_asked_fini(&r->answered);
	reapi_arena_fini(&r->arena);
	fault_fini(&r->fault);
	operation_answer_unref(r->answer);
	free(r);
	queue_grant(&e->gate);
}

static void on_removed(struct run *r)
{
	struct execution *e = r->execution;

	go(r, OVER);
	queue_release(&e->removals);
	free_if_over(r);
	queue_grant(&e->removals);
}

static void remove_in_pool(uv_work_t *work)
{
	struct run *r = work->data;

	if (r->name[0] != '\0') {
		/* Blobs that were altered are dropped, also where there is no result to discard. */
		if (!r->verified && inputs_verify(&r->inputs, &r->fault) != 0)
			log_event(LOG_LEVEL_WARNING, "inputs-altered", "%s", r->fault.text);
		cas_lease_removing(r->inputs.lease);
		roots_remove(r->execution, r->name);
	}
	inputs_fini(&r->inputs);
}

static void removal_granted(struct queue_waiter *w)
{
	struct run *r = LIST_ENTRY(w, struct run, removal);

	offload(r, remove_in_pool, on_removed);
}

static void give_slot_back(struct run *r)
{
	struct queue *slots = service(r)->slots;

	if (!r->has_slot)
		return;
	r->has_slot = false;
	r->execution->stats.executing--;
	queue_release(slots);
	queue_grant(slots);
}

/* The operations are answered, or have gone; what is left is to clean up. */
static void clean_up(struct run *r)
{
	struct execution *e = r->execution;

	go(r, REMOVING);
	util_close(&r->out_fd);
	util_close(&r->err_fd);
	util_close(&r->lookups_fd);
	util_close(&r->result.tree_fd);
	sandbox_end(service(r)->sandbox, &r->job);
	give_slot_back(r);
	queue_wait(&e->removals, &r->removal);
	queue_grant(&e->removals);
}

static void log_outcome(const struct run *r)
{
	char hex[REAPI_HASH_HEX + 1];
	const char *program =
		r->inputs.command.n_arguments > 0 ? r->inputs.command.arguments[0] : "-";

	reapi_digest_hex(&r->task.action, hex);
	if (r->fault.status != RPC_OK)
		log_event(LOG_LEVEL_NOTICE, "action-done", "action=%.*s program=%s status=%s %s",
			SHOWN_HASH, hex, program, rpc_status_name(r->fault.status), r->fault.text);
	else
		log_event(LOG_LEVEL_NOTICE, "action-done",
			"action=%.*s program=%s exit=%d setup_us=%" PRIu64 " wall_us=%" PRIu64,
			SHOWN_HASH, hex, program, launch_exit_code(&r->result),
			r->result.setup_ns / 1000, r->result.wall_ns / 1000);
}

static enum service_end end_of(const struct run *r)
{
	switch (r->fault.status) {
	case RPC_OK:
		if (WIFSIGNALED(r->result.status) || r->result.limit != SANDBOX_LIMIT_NONE)
			return SERVICE_END_KILLED;
		return launch_exit_code(&r->result) == 0 ? SERVICE_END_OK : SERVICE_END_EXITED;
	case RPC_DEADLINE_EXCEEDED:
		return SERVICE_END_TIMED_OUT;
	case RPC_INVALID_ARGUMENT:
	case RPC_FAILED_PRECONDITION:
	case RPC_NOT_FOUND:
		return SERVICE_END_REFUSED;
	default:
		return SERVICE_END_ERROR;
	}
}

static uint64_t ms_between(const struct timespec *from, const struct timespec *to)
{
	int64_t ms = (int64_t)(to->tv_sec - from->tv_sec) * 1000 +
		     (to->tv_nsec - from->tv_nsec) / 1000000;

	return ms > 0 ? (uint64_t)ms : 0; /* the clock may have been set */
}

static void tell_over(const struct run *r, enum service_end end)
{
	struct service_over over = {.end = end};
	const struct timespec t = now();

	if (r->times.start.tv_sec != 0) {
		over.ran = r->times.begun.tv_sec != 0;
		over.wait_ms = ms_between(&r->times.queued, &r->times.start);
		over.run_ms = ms_between(&r->times.start, &t);
		over.setup_ns = r->result.setup_ns;
	}
	execution_over(r->execution, &over);
}

static void count(struct run *r)
{
	struct service_execution_stats *stats = &r->execution->stats;

	tell_over(r, end_of(r));
	if (r->fault.status == RPC_OK && launch_exit_code(&r->result) == 0)
		stats->succeeded++;
	else if (r->fault.status == RPC_OK)
		stats->failed++;
	else if (r->fault.status == RPC_DEADLINE_EXCEEDED)
		stats->timed_out++;
	else
		stats->refused++;
}

/* With r->answer, or else with the fault alone. */
static void answer(struct run *r)
{
	struct execution *e = r->execution;
	const struct results_answer from = {.fault = &r->fault};

	if (!r->cancelled) {
		log_outcome(r);
		count(r);
	}
	if (!r->answer && r->fault.status != RPC_OK)
		r->answer = results_answer(&from);
	if (!r->answer)
		r->answer = operation_answer_ref(e->exhausted);
	operation_task_finish(&e->operations, &r->task, r->answer, execution_now_ms(e));
	execution_arm(e);
}

static void finish(struct run *r)
{
	answer(r);
	clean_up(r);
}

/* --- the job --- */

static pb_timestamp stamp(const struct timespec *t)
{
	pb_timestamp m = PB_INIT(TIMESTAMP);

	m.seconds = t->tv_sec;
	m.nanos = (int32_t)t->tv_nsec;
	return m;
}

static void keep_result(struct run *r)
{
	const struct cas_digest action = service_to_cas(&r->task.action);
	struct service_refs refs = {.n = 0};
	struct reapi_violation v;
	int e = service_result_put(
		service(r)->cas, service(r)->ac, &action, &r->results.message, &refs, &v);

	if (e != 0)
		log_event(
			LOG_LEVEL_WARNING, "result-not-kept", "%s", e < 0 ? strerror(-e) : v.text);
	service_refs_fini(&refs);
}

/* NULL: there is none. */
static pb_any *lookups(struct run *r)
{
	struct reapi_lookups found = {.part = false};
	pb_any *any = NULL;
	int e = r->lookups_fd >= 0 ? looked_read(r->lookups_fd, &found) : LOOKED_NOT;

	if (e == 0)
		any = reapi_lookups_to_any(&r->results.arena, &found);
	else if (e < 0)
		log_event(LOG_LEVEL_WARNING, "lookups-not-told", "%s", strerror(-e));
	buf_fini(&found.list);
	return any;
}

/* The result is complete but for when it came about; keep it, and make the answer. */
static void conclude(struct run *r)
{
	re_executed_action_metadata m = RE_INIT(EXECUTED_ACTION_METADATA);
	pb_any *auxiliary = lookups(r);
	const struct timespec collected = now();
	pb_timestamp queued = stamp(&r->times.queued), start = stamp(&r->times.start);
	pb_timestamp inputs = stamp(&r->times.inputs), built = stamp(&r->times.built);
	pb_timestamp begun = stamp(&r->times.begun), ended = stamp(&r->times.ended);
	pb_timestamp done = stamp(&collected);
	const struct results_answer from = {
		.results = r->has_result ? &r->results : NULL, .fault = &r->fault};

	r->times.collected = collected;
	m.worker = r->execution->worker;
	m.queued_timestamp = &queued;
	m.worker_start_timestamp = &start;
	m.input_fetch_start_timestamp = &inputs;
	m.input_fetch_completed_timestamp = &built;
	m.execution_start_timestamp = &begun;
	m.execution_completed_timestamp = &ended;
	m.output_upload_start_timestamp = &ended;
	m.output_upload_completed_timestamp = m.worker_completed_timestamp = &done;
	m.auxiliary_metadata = &auxiliary;
	m.n_auxiliary_metadata = auxiliary != NULL;
	r->results.message.execution_metadata = &m;
	if (r->fault.status == RPC_OK && r->results.message.exit_code == 0 &&
		!r->action.do_not_cache && service(r)->ac)
		keep_result(r);
	results_inline(&r->results, service(r)->cas, &r->answered);
	r->answer = results_answer(&from);
	r->results.message.execution_metadata = NULL;
}

static void collect_in_pool(uv_work_t *work)
{
	struct run *r = work->data;
	const struct results_job job = {
		.cas = service(r)->cas,
		.inputs = &r->inputs,
		.tree_fd = r->has_result ? r->result.tree_fd : -1,
		.out_fd = r->out_fd,
		.err_fd = r->err_fd,
		.exit_code = r->result.step == SANDBOX_STEP_NONE ? launch_exit_code(&r->result) : 0,
		.output_bytes = service(r)->limits.output_bytes,
	};

	/* Of a job that was stopped: what it said until then. */
	if (r->has_result || r->fault.status == RPC_DEADLINE_EXCEEDED)
		r->has_result = results_collect(&r->results, &job, &r->fault) == 0;
	if (inputs_verify(&r->inputs, &r->fault) != 0)
		r->has_result = false;
	r->verified = true;
	conclude(r);
}

static void on_collected(struct run *r)
{
	struct service_execution_stats *stats = &r->execution->stats;
	const struct times *t = &r->times;

	stats->output_ns += (uint64_t)((t->collected.tv_sec - t->ended.tv_sec) * 1000000000 +
				       t->collected.tv_nsec - t->ended.tv_nsec);
	finish(r);
}

static void on_poll_closed(uv_handle_t *handle)
{
	struct run *r = handle->data;

	r->polling = false;
	free_if_over(r);
}

static void on_job_over(struct run *r)
{
	struct service_execution_stats *stats = &r->execution->stats;

	r->times.ended = now();
	stats->setup_ns += r->result.setup_ns;
	stats->wall_ns += r->result.wall_ns;
	uv_close((uv_handle_t *)&r->poll, on_poll_closed);
	if (r->cancelled) {
		clean_up(r);
		return;
	}
	go(r, COLLECTING);
	r->has_result = launch_judge(&r->result, &r->inputs.command, &r->fault) == 0;
	r->answered = r->asked;
	r->asked = (struct results_asked){.out = false};
	offload(r, collect_in_pool, on_collected);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct run *r = poll->data;
	int e = sandbox_collect(service(r)->sandbox, &r->job, &r->result);

	if (e == SANDBOX_RUNS)
		return;
	if (e < 0)
		r->result = (struct sandbox_result){
			.step = SANDBOX_STEP_HELPER, .error = -e, .tree_fd = -1};
	on_job_over(r);
}

/* The job's socket is watched. False: there is a fault. */
static bool watch_job(struct run *r)
{
	int e = uv_poll_init(service(r)->loop, &r->poll, r->job.fd);

	if (e < 0) {
		fault_errno(&r->fault, e, "a job cannot be watched");
		return false;
	}
	r->poll.data = r;
	r->polling = true;
	e = uv_poll_start(&r->poll, UV_READABLE | UV_DISCONNECT, on_readable);
	if (e < 0) {
		fault_errno(&r->fault, e, "a job cannot be watched");
		uv_close((uv_handle_t *)&r->poll, on_poll_closed);
		return false;
	}
	return true;
}

/* --- the input root --- */

static void on_built(struct run *r)
{
	AUTO(util_free) char *input = NULL;
	struct launch_job job = {.launch = &r->launch,
		.command = &r->inputs.command,
		.out_fd = r->out_fd,
		.err_fd = r->err_fd,
		.lookups_fd = -1};
	const struct times *t = &r->times;

	r->execution->stats.input_ns +=
		(uint64_t)((t->built.tv_sec - t->inputs.tv_sec) * 1000000000 + t->built.tv_nsec -
			   t->inputs.tv_nsec);
	if (r->cancelled) {
		clean_up(r);
		return;
	}
	if (r->fault.status == RPC_OK &&
		asprintf(&input, "%s/%s/root", service(r)->roots_path, r->name) < 0) {
		input = NULL;
		fault_errno(&r->fault, -ENOMEM, "the input root");
	}
	job.input = input;
	if (r->asked.lookups) {
		/* Without it the job is run all the same, and nothing is told. */
		r->lookups_fd = memfd_create("distcc-lookups", MFD_CLOEXEC);
		job.lookups_fd = r->lookups_fd;
	}
	r->times.begun = now();
	if (r->fault.status != RPC_OK || launch_start(service(r), &job, &r->job, &r->fault) != 0 ||
		!watch_job(r)) {
		finish(r);
		return;
	}
	r->execution->stats.ran++;
	go(r, RUNNING);
}

/* A file without a name, on the disk of the roots where that can be. */
static int unnamed(int dir_fd, struct fault *f, int *ret_fd)
{
	int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT))
		fd = memfd_create("distcc-output", MFD_CLOEXEC);
	if (fd < 0)
		return fault_errno(f, errno, "the job's output");
	*ret_fd = fd;
	return 0;
}

static void build_in_pool(uv_work_t *work)
{
	struct run *r = work->data;
	struct service *s = service(r);
	AUTO(util_close) int dir = -1;
	struct inputs_place at = {
		.name = "root", .private = !(sandbox_isolation(s->sandbox) & ISOLATION_OVERLAY)};
	int e = 0;

	sandbox_owner(s->sandbox, &at.uid, &at.gid);
	if (mkdirat(s->roots_fd, r->name, 0711) < 0)
		e = -errno;
	dir = e == 0 ? openat(s->roots_fd, r->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir < 0) {
		fault_errno(&r->fault, e ? e : -errno, "the input root");
		return;
	}
	at.dir_fd = dir;
	if (unnamed(dir, &r->fault, &r->out_fd) == 0 && unnamed(dir, &r->fault, &r->err_fd) == 0)
		e = inputs_build(&r->inputs, &at, &r->fault);
	r->times.built = now();
}

static void slot_granted(struct queue_waiter *w)
{
	struct run *r = LIST_ENTRY(w, struct run, slot);
	struct execution *e = r->execution;

	go(r, BUILDING);
	r->has_slot = true;
	e->stats.waiting--;
	e->stats.executing++;
	r->times.start = r->times.inputs = now();
	snprintf(r->name, sizeof(r->name), "run-%" PRIu64, e->next_name++);
	operation_task_stage(&r->task, OPERATION_EXECUTING);
	offload(r, build_in_pool, on_built);
}

/* --- what there is to do --- */

static void read_in_pool(uv_work_t *work)
{
	struct run *r = work->data;

	if (inputs_read(&r->inputs, service(r)->cas, &r->action, &r->fault) != 0 ||
		launch_read(service(r), &r->action, &r->inputs.command, &r->launch, &r->fault) != 0)
		assert(r->fault.status != RPC_OK);
}

static void on_read(struct run *r)
{
	struct execution *e = r->execution;

	if (r->cancelled || r->fault.status != RPC_OK) {
		e->stats.waiting--;
		if (!r->cancelled)
			answer(r);
		clean_up(r);
		return;
	}
	go(r, QUEUED);
	queue_wait(service(r)->slots, &r->slot);
	queue_grant(service(r)->slots);
	/* Where there is a slot, the first that is told is that it is carried out. */
	if (r->state == QUEUED)
		operation_task_stage(&r->task, OPERATION_QUEUED);
}

static void gate_granted(struct queue_waiter *w)
{
	struct run *r = LIST_ENTRY(w, struct run, gate);

	go(r, READING);
	r->has_gate = true;
	offload(r, read_in_pool, on_read);
}

/* --- cancelled --- */

static void cancel(struct run *r)
{
	struct execution *e = r->execution;

	if (r->cancelled)
		return;
	r->cancelled = true;
	e->stats.cancelled++;
	tell_over(r, SERVICE_END_CANCELLED);
	switch (r->state) {
	case WAITING:
		e->stats.waiting--;
		queue_cancel(&r->gate);
		go(r, OVER);
		free_if_over(r);
		break;
	case QUEUED:
		e->stats.waiting--;
		queue_cancel(&r->slot);
		clean_up(r);
		break;
	case RUNNING:
		sandbox_kill(&r->job);
		break;
	case READING:
	case BUILDING:
	case COLLECTING:
	case REMOVING:
	case OVER:
		break;
	}
}

static void abandoned(struct operation_task *task)
{
	cancel(LIST_ENTRY(task, struct run, task));
}

void run_cancel_all(struct execution *e)
{
	LIST_FOR_SAFE(at, &e->runs)
	{
		struct run *r = LIST_ENTRY(at, struct run, link);

		operation_task_finish(&e->operations, &r->task, e->stopped, execution_now_ms(e));
		cancel(r);
	}
}

/* --- what is under way --- */

static const char *first_output(const struct reapi_command *c)
{
	return c->n_outputs > 0 ? c->outputs[0].path : "";
}

void service_each_running(const struct service *s,
	bool (*each)(const struct service_running *job, void *data), void *data)
{
	const struct timespec t = now();

	LIST_FOR(at, &s->execution->runs)
	{
		const struct run *r = LIST_ENTRY(at, struct run, link);
		struct service_running job = {.program = "", .output = ""};

		if (r->state >= REMOVING || r->cancelled)
			continue;
		/* Before that it is the pool's. */
		if (r->state >= QUEUED) {
			job.program = r->inputs.command.arguments[0];
			job.output = first_output(&r->inputs.command);
			job.input_bytes = r->inputs.plan.file_bytes;
		}
		if (r->state == RUNNING)
			job.pid = r->job.pid;
		job.age_ms = ms_between(&r->times.queued, &t);
		if (!each(&job, data))
			return;
	}
}

/* --- the beginning --- */

int run_new(struct execution *e, const struct reapi_digest *digest,
	const struct reapi_action *action, struct reapi_arena *arena, struct operation_task **ret)
{
	struct run *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->execution = e;
	r->action = *action;
	r->arena = *arena;
	reapi_arena_init(arena, 0);
	r->out_fd = r->err_fd = r->lookups_fd = r->result.tree_fd = -1;
	r->job = (struct sandbox_run)SANDBOX_RUN_INIT;
	inputs_init(&r->inputs);
	results_init(&r->results);
	queue_waiter_init(&r->gate, gate_granted);
	queue_waiter_init(&r->slot, slot_granted);
	queue_waiter_init(&r->removal, removal_granted);
	list_init(&r->link);
	list_append(&e->runs, &r->link);
	operation_task_init(&e->operations, &r->task, digest, !action->do_not_cache, abandoned);
	*ret = &r->task;
	return 0;
}

void run_start(struct operation_task *task)
{
	struct run *r = LIST_ENTRY(task, struct run, task);
	struct execution *e = r->execution;

	r->times.queued = now();
	e->stats.waiting++;
	queue_wait(&e->gate, &r->gate);
	queue_grant(&e->gate);
	if (r->state == WAITING)
		operation_task_stage(&r->task, OPERATION_QUEUED);
}

void run_ask(struct operation_task *task, const struct results_asked *asked)
{
	struct run *r = LIST_ENTRY(task, struct run, task);

	r->asked.out = r->asked.out || asked->out;
	r->asked.err = r->asked.err || asked->err;
	/* Of one that runs by then nothing is known. */
	r->asked.lookups = r->asked.lookups || asked->lookups;
	results_ask_files(&r->asked, asked->files.v, asked->files.n);
}
