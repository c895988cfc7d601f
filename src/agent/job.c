/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/job_inside.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/path.h"
#include "cc/compiler.h"
#include "cc/wrapper.h"
#include "config.h"

/* distcc 3.4's exit code where nobody takes a job, and it may not be done here. */
enum { EXIT_NO_HOSTS = 116 };

/* With DISTCC_BACKOFF_PERIOD=0 a host is not rested; a job gives up after so many. */
enum { TRIES_WITHOUT_BACKOFF = 3, LOG_MAX = 1 << 16 };

static const bool moves[JOB_STATES][JOB_STATES] = {
	[JOB_NEW] = {[JOB_PREPARE] = true,
		[JOB_WAIT_CPP] = true,
		[JOB_WAIT_HOST] = true,
		[JOB_WAIT_LOCAL] = true,
		[JOB_ENDED] = true},
	[JOB_PREPARE] = {[JOB_JOINED] = true,
		[JOB_LOOKUP] = true,
		[JOB_WAIT_CPP] = true,
		[JOB_WAIT_HOST] = true,
		[JOB_WAIT_LOCAL] = true,
		[JOB_ENDED] = true},
	[JOB_JOINED] = {[JOB_LOOKUP] = true,
		[JOB_WAIT_HOST] = true,
		[JOB_WAIT_LOCAL] = true,
		[JOB_ENDED] = true},
	[JOB_LOOKUP] = {[JOB_WAIT_HOST] = true, [JOB_WAIT_LOCAL] = true, [JOB_ENDED] = true},
	[JOB_WAIT_CPP] = {[JOB_CPP] = true},
	[JOB_CPP] = {[JOB_WAIT_CPP] = true, [JOB_WAIT_HOST] = true, [JOB_WAIT_LOCAL] = true},
	[JOB_WAIT_HOST] = {[JOB_REMOTE] = true,
		[JOB_WAIT_CPP] = true,
		[JOB_WAIT_LOCAL] = true,
		[JOB_ENDED] = true},
	[JOB_REMOTE] = {[JOB_WAIT_HOST] = true,
		[JOB_WAIT_CPP] = true,
		[JOB_WAIT_LOCAL] = true,
		[JOB_ENDED] = true},
	[JOB_WAIT_LOCAL] = {[JOB_LOCAL] = true, [JOB_HERE] = true},
	[JOB_HERE] = {[JOB_LOCAL] = true, [JOB_ENDED] = true},
	[JOB_LOCAL] = {[JOB_ENDED] = true},
};

void job_move(struct job *j, enum job_state to)
{
	assert(moves[j->state][to]);
	j->state = to;
}

uint64_t job_now_ms(const struct job *j)
{
	return uv_now(j->agent->loop);
}

struct history_record *job_record(struct job *j)
{
	static struct history_record overwritten;
	struct history_record *r = history_get(&j->agent->history, j->record);

	return r ? r : &overwritten;
}

/* A line for the user, in distcc 3.4's frame, and for the agent's own log. */
void job_say(struct job *j, enum log_level level, const char *event, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (level > j->settings.level && !log_enabled(level) && !j->story.wanted)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	job_story(j, event, "%s", text);
	log_event(level, event, "job=%llu %s", (unsigned long long)j->record, text);
	j->log.max = LOG_MAX;
	if (level <= j->settings.level && !j->story.wanted &&
		buf_printf(&j->log, "distcc[%ld] (%s) %s%s\n", (long)getpid(), event,
			level == LOG_LEVEL_WARNING ? "Warning: "
			: level <= LOG_LEVEL_ERROR ? "ERROR: "
						   : "",
			text) < 0) {
		/* More than LOG_MAX to say about one job: enough was said. */
	}
}

const char *job_source_name(const struct job *j)
{
	return j->command.input ? j->command.input : "(no source)";
}

void job_drop_text(struct job *j)
{
	preprocess_text_fini(&j->text);
	buf_fini(&j->cpp_err);
	outputs_drop_deps(&j->outputs);
}

static void leave_queue(struct job *j)
{
	if (list_empty(&j->queue))
		return;
	list_unlink(&j->queue);
	j->agent->hosts_queue_n--;
}

void job_give_host_back(struct job *j)
{
	if (!j->host)
		return;
	fleet_give(TAKE_PTR(j->host));
	j->agent->hosts_changed = true;
}

/* ---- here ---- */

/*
 * A command that reads a pipe or writes one may be waiting for another that waits for a slot, so
 * it gets none and needs none; nor does one that compiles nothing (--version, -print-…).
 */
static bool runs_unslotted(const struct job *j)
{
	const struct cc_command *c = &j->command;
	bool output = false, input = false;

	for (size_t i = 1; i < c->n_args; i++) {
		if (str_eq(c->args[i].text, "-") || str_eq(c->args[i].text, "-o-"))
			return true;
		output = output || c->args[i].role == CC_ROLE_OUTPUT;
		input = input || c->args[i].role == CC_ROLE_INPUT;
	}
	return (c->kind == CC_KIND_PREPROCESS && !output) || (c->kind == CC_KIND_OTHER && !input);
}

void job_run_here(struct job *j)
{
	if (j->keep && job_here_start(j) == 0) {
		job_move(j, JOB_HERE);
		return;
	}
	/* Nobody sees what the compiler makes now. */
	inflight_failed(&j->flight);
	job_move(j, JOB_LOCAL);
	job_story_end(j);
	client_send(j->client,
		&(struct client_reply){
			.type = IPC_REPLY_LOCAL, .log = &j->log, .story = &j->story.text});
}

void job_go_local(struct job *j, const char *reason)
{
	leave_queue(j);
	slots_release(&j->agent->slots, &j->claim);
	job_drop_text(j);
	j->local_reason = reason;
	job_record(j)->reason = reason;
	job_record(j)->remote = false;
	snprintf(job_record(j)->where, HISTORY_WHERE_MAX, "local");
	job_say(j, LOG_LEVEL_INFO, "run-local", "source=%s reason=%s", job_source_name(j), reason);
	job_move(j, JOB_WAIT_LOCAL);
	if (runs_unslotted(j))
		job_run_here(j);
	else
		slots_wait(&j->agent->slots, &j->claim, SLOTS_COMPILE, j->hosts.local_slots);
}

/* The end of a job that was not run here. err may be NULL. */
void job_end(struct job *j, int status, const struct buf *out, const struct buf *err)
{
	struct history_record *r = job_record(j);

	leave_queue(j);
	slots_release(&j->agent->slots, &j->claim);
	job_move(j, JOB_ENDED);
	r->exit = status;
	job_story_end(j);
	job_drop_text(j);
	client_send(j->client, &(struct client_reply){
				       .type = IPC_REPLY_DONE,
				       .status = status,
				       .log = &j->log,
				       .out = out,
				       .err = err,
				       .story = &j->story.text,
			       });
}

/* No host can do it: here, or nowhere if the user has said so. */
void job_fall_back(struct job *j, const char *reason)
{
	if (j->settings.fallback) {
		job_go_local(j, reason);
		return;
	}
	job_record(j)->reason = reason;
	job_say(j, LOG_LEVEL_ERROR, "no-hosts",
		"failed to distribute %s and fallbacks are disabled (%s): set DISTCC_FALLBACK=1 to "
		"compile it here",
		job_source_name(j), reason);
	job_end(j, EXIT_NO_HOSTS, NULL, NULL);
}

void job_answered(struct job *j, const char *address, uint64_t up, uint64_t down)
{
	struct history_record *r = job_record(j);
	struct fleet_host *host = j->host;

	r->bytes_up += up;
	r->bytes_down += down;
	host->bytes_up += up;
	host->bytes_down += down;
	snprintf(host->address, sizeof(host->address), "%s", address);
	job_give_host_back(j);
}

void job_pass_over(struct job *j, const struct fleet_host *host)
{
	for (size_t i = 0; i < j->n_fleet; i++)
		if (j->fleet[i] == host)
			j->tried[i] = true;
}

void job_machine_failed(struct job *j, struct fleet_host *host, const struct job_failure *f)
{
	/* A host that never can is told once; one that has failed, once until it is well again. */
	enum log_level level = host->failure_logged ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;

	job_say(j, level, f->name, "failed to distribute %s to %s: %s%s%s", job_source_name(j),
		host->entry.definition, f->text, *f->detail ? ": " : "", f->detail);
	host->failure_logged = true;
	if (f->no_answer)
		fleet_no_answer(&j->agent->fleet, host, job_now_ms(j), j->settings.backoff_ms);
	else
		fleet_failed(&j->agent->fleet, host, job_now_ms(j), j->settings.backoff_ms);
	job_pass_over(j, host);
	j->local_reason = f->name;
	if (j->settings.backoff_ms == 0 && j->tries >= TRIES_WITHOUT_BACKOFF)
		job_fall_back(j, f->name);
	else
		job_wait_for_host(j);
}

bool job_try_host(struct list *queue_link)
{
	struct job *j = LIST_ENTRY(queue_link, struct job, queue);
	struct fleet_host *host;

	/* Who takes an exact compile needs no compiler of its own. */
	switch (fleet_pick(j->fleet, j->n_fleet, j->tried, j->exact ? "" : j->remote_name,
		job_now_ms(j), &host)) {
	case FLEET_BUSY:
		return false;
	case FLEET_NONE:
		if (j->exact) {
			leave_queue(j);
			slots_release(&j->agent->slots, &j->claim);
			job_exact_unwanted(j);
			return true;
		}
		if (j->local_too) {
			job_go_local(j, "localhost");
			return true;
		}
		if (j->settings.fallback && j->local_reason)
			job_say(j, LOG_LEVEL_INFO, "fall-back",
				"failed to distribute %s, running locally instead",
				job_source_name(j));
		job_fall_back(j, j->local_reason ? j->local_reason : "hosts-resting");
		return true;
	case FLEET_CHOSEN:
		break;
	}
	leave_queue(j);
	slots_release(&j->agent->slots, &j->claim);
	job_move(j, JOB_REMOTE);
	fleet_take(host);
	j->host = host;
	j->tries++;
	j->remote_started_ms = job_now_ms(j);
	snprintf(job_record(j)->where, HISTORY_WHERE_MAX, "%s", host->entry.definition);
	job_say(j, LOG_LEVEL_DEBUG, "send", "source=%s host=%s bytes=%zu", job_source_name(j),
		host->entry.definition, j->text.len);
	if ((j->exact ? job_exact_start(j) : job_plain_send(j)) < 0) {
		job_give_host_back(j);
		job_go_local(j, "out-of-memory");
	}
	return true;
}

void job_wait_for_host(struct job *j)
{
	snprintf(job_record(j)->where, HISTORY_WHERE_MAX, "-");
	job_move(j, JOB_WAIT_HOST);
	if (j->local_too && j->claim.state == SLOTS_IDLE)
		slots_wait(&j->agent->slots, &j->claim, SLOTS_COMPILE, j->local_limit);
	list_append(&j->agent->hosts_queue, &j->queue);
	j->agent->hosts_queue_n++;
	j->agent->hosts_changed = true;
}

/* ---- the preprocessor ---- */

enum cc_colour job_colour(const struct job *j)
{
	const char *gcc_colours = env_get(j->request->envp, "GCC_COLORS");

	if (j->command.colour_given || !(j->request->flags & IPC_STDERR_TTY))
		return CC_COLOUR_ASIS;
	/* Set but empty: gcc's way to be told no. */
	if (j->command.family == CC_FAMILY_GCC && gcc_colours && !*gcc_colours)
		return CC_COLOUR_ASIS;
	return CC_COLOUR_ALWAYS;
}

void job_slot_granted(struct slots_claim *claim)
{
	struct job *j = LIST_ENTRY(claim, struct job, claim);

	switch (j->state) {
	case JOB_WAIT_CPP:
		job_move(j, JOB_CPP);
		job_plain_granted(j);
		break;
	case JOB_WAIT_HOST:
		/* localhost was first. The text was made in vain, which costs less than waiting. */
		leave_queue(j);
		job_drop_text(j);
		job_move(j, JOB_WAIT_LOCAL);
		job_record(j)->reason = j->local_reason = "localhost";
		snprintf(job_record(j)->where, HISTORY_WHERE_MAX, "local");
		j->keep = job_exact_may_keep(j);
		job_run_here(j);
		break;
	case JOB_WAIT_LOCAL:
		job_run_here(j);
		break;
	default:
		assert(!"a slot for a job that asked for none");
	}
}

/* ---- the first step ---- */

static bool usable(const struct hosts_entry *e)
{
	return e->mode != HOSTS_MODE_LOCAL && !e->auth && !e->down;
}

static int enlist(struct job *j)
{
	j->fleet = calloc(j->hosts.n + 1, sizeof(struct fleet_host *));
	j->tried = calloc(j->hosts.n + 1, sizeof(*j->tried));
	if (!j->fleet || !j->tried)
		return -ENOMEM;
	for (size_t i = 0; i < j->hosts.n; i++) {
		const struct hosts_entry *e = &j->hosts.v[i];
		int r;

		if (e->mode == HOSTS_MODE_LOCAL) {
			j->local_too = true;
			j->local_limit = e->slots;
		}
		if (!usable(e))
			continue;
		r = fleet_host(&j->agent->fleet, e, &j->fleet[j->n_fleet]);
		if (r < 0)
			return r;
		j->n_fleet++;
	}
	return 0;
}

/* NULL, or why there is nobody to send it to. */
static const char *find_hosts(struct job *j)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(buf_fini) struct buf error = BUF_INIT;
	int r = hosts_find(j->request->envp, DISTCC_SYSCONFDIR, &text, &error);

	if (r == 0)
		r = hosts_parse(buf_str(&text), &j->hosts, &error);
	if (r == HOSTS_NONE)
		return "no-hosts";
	if (r == HOSTS_BAD) {
		job_say(j, LOG_LEVEL_WARNING, "bad-hosts", "%s", buf_str(&error));
		return "bad-hosts";
	}
	if (r == 0 && j->hosts.randomize)
		hosts_shuffle(&j->hosts, j->record);
	if (r < 0 || enlist(j) < 0)
		return "out-of-memory";
	if (j->n_fleet == 0)
		return j->local_too ? "localhost" : "no-hosts";
	return NULL;
}

static enum cc_family family_of(const struct ipc_request *q)
{
	return cc_compiler_registered(
		env_get(q->envp, "DISTCC_COMPILERS"), q->argv[0], q->compiler);
}

/* From here on a script that only calls a compiler is what it calls; here it is run as it is. */
static enum cc_family unwrap(struct job *j)
{
	const struct ipc_request *q = j->request;
	enum cc_family family = family_of(q);

	if (family != CC_FAMILY_UNKNOWN || cc_wrapper_unwrap(q->compiler, q->argv, q->cwd, q->envp,
						   &j->unwrapped_argv, &j->unwrapped_compiler) != 0)
		return family;
	j->unwrapped = *q;
	j->unwrapped.argv = strv_argv(&j->unwrapped_argv);
	j->unwrapped.compiler = j->unwrapped_compiler;
	j->request = &j->unwrapped;
	job_story(j, "script", "%s, which only calls a compiler", q->compiler);
	return family_of(j->request);
}

void job_start(struct job *j)
{
	enum cc_family family = unwrap(j);
	const char *reason;

	if (cc_command_parse_as(
		    family, j->request->argv, j->request->cwd, j->request->envp, &j->command) < 0) {
		job_go_local(j, "out-of-memory");
		return;
	}
	if (j->command.input)
		history_set_source(job_record(j), j->command.input);
	else
		history_set_source(job_record(j), path_base(j->request->argv[0]));
	/* The hosts list also says how much may run here. */
	reason = find_hosts(j);
	j->local_reason = reason;
	job_story_command(j);
	job_story_hosts(j);
	if (job_exact_begin(j))
		return;
	job_announce(j);
	if (reason && j->command.reason == CC_REMOTE_OK)
		job_go_local(j, reason);
	else
		job_start_plain(j);
}

struct job *job_new(struct agent *a, struct client *c, const struct ipc_request *request)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	*j = (struct job){
		.agent = a, .client = c, .request = request, .started_ms = uv_now(a->loop)};
	slots_claim_init(&j->claim);
	list_init(&j->queue);
	list_init(&j->writing);
	inflight_member_init(&j->flight, job_flight_told);
	settings_read(request->envp, &j->settings);
	j->cleared = !j->settings.exclude;
	j->record = history_add(&a->history);
	job_record(j)->start_ms = j->started_ms;
	job_story_begin(j);
	return j;
}

void job_free(struct job *j)
{
	struct history_record *r = job_record(j);

	if (j->preprocess)
		preprocess_cancel(TAKE_PTR(j->preprocess), outputs_take_deps_temp(&j->outputs));
	if (j->remote)
		remote_cancel(TAKE_PTR(j->remote));
	inflight_leave(&j->agent->inflight, &j->flight);
	job_exact_over(j);
	job_text_over(j);
	list_unlink(&j->writing);
	free(j->writes);
	free(j->excluded);
	job_give_host_back(j);
	leave_queue(j);
	slots_release(&j->agent->slots, &j->claim);
	job_drop_text(j);
	r->running = false;
	r->wall_ms = job_now_ms(j) - j->started_ms;
	if (j->state != JOB_ENDED && j->state != JOB_LOCAL)
		r->reason = "cancelled";
	outputs_fini(&j->outputs);
	hosts_fini(&j->hosts);
	cc_command_fini(&j->command);
	strv_fini(&j->remote_argv);
	strv_fini(&j->unwrapped_argv);
	free(j->unwrapped_compiler);
	buf_fini(&j->log);
	story_fini(&j->story);
	free(j->fleet);
	free(j->tried);
	free(j->remote_name);
	free(j);
}
