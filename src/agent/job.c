/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/job_inside.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/exclude.h"
#include "base/env.h"
#include "base/path.h"
#include "cc/compiler.h"
#include "cc/pragmas.h"
#include "cc/split.h"
#include "config.h"

/* Exit codes of distcc 3.4 that are the agent's to give. */
enum { EXIT_NO_HOSTS = 116, EXIT_COMPILER_MISSING = 110 };

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

static void drop_text(struct job *j)
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
	drop_text(j);
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
	drop_text(j);
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
static void fall_back(struct job *j, const char *reason)
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

/* ---- a host ---- */

static void replied(struct job *j, struct wire_reply *reply)
{
	AUTO(buf_fini)
	struct buf err = {.data = j->cpp_err.data, .len = j->cpp_err.len, .cap = j->cpp_err.cap};
	struct history_record *rec = job_record(j);
	int status = reply->status, r;

	j->cpp_err = (struct buf)BUF_INIT;
	err.max = WIRE_BODY_MAX;
	if (buf_append(&err, buf_str(&reply->err), reply->err.len) < 0) {
		job_go_local(j, "out-of-memory");
		return;
	}
	rec->remote = true;
	rec->reason = "remote";
	if (status != 0) {
		outputs_remove_object(&j->outputs);
		job_end(j, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
			&reply->out, &err);
		return;
	}
	r = outputs_publish(&j->outputs, &reply->object);
	if (r < 0) {
		/* The compiler itself will say best what is wrong with that place. */
		job_say(j, LOG_LEVEL_INFO, "output-failed", "%s: %s", j->command.object,
			strerror(-r));
		rec->remote = false;
		job_go_local(j, "output-failed");
		return;
	}
	job_end(j, 0, &reply->out, &err);
}

/*
 * A compiler that failed there gets its second, exact opinion here. One that was killed there
 * does too, unless fallbacks are disabled: then that is the result.
 */
static const char *retry_reason(const struct job *j, int status)
{
	if (status == 0)
		return NULL;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_COMPILER_MISSING)
		return "compiler-missing";
	if (WIFSIGNALED(status))
		return j->settings.fallback ? "compiler-killed" : NULL;
	return j->settings.skip_local_retry ? NULL : "compile-failed";
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
		fall_back(j, f->name);
	else
		job_wait_for_host(j);
}

static void on_remote_done(void *data, const struct remote_result *res)
{
	struct job *j = data;
	struct fleet_host *host = j->host;
	const char *reason;

	j->remote = NULL;
	job_answered(j, res->address, res->bytes_up, res->bytes_down);
	if (res->outcome != REMOTE_REPLIED) {
		job_machine_failed(j, host,
			&(struct job_failure){.name = remote_outcome_name(res->outcome),
				.text = remote_outcome_text(res->outcome),
				.detail = res->detail,
				.no_answer = res->outcome == REMOTE_NO_ANSWER});
		return;
	}
	fleet_succeeded(&j->agent->fleet, host, job_now_ms(j) - j->remote_started_ms);
	job_story(j, "answer", "%s: status 0x%x, sent %llu bytes, got %llu", res->address,
		(unsigned)res->reply->status, (unsigned long long)res->bytes_up,
		(unsigned long long)res->bytes_down);
	reason = retry_reason(j, res->reply->status);
	if (!reason) {
		replied(j, res->reply);
		return;
	}
	job_say(j, LOG_LEVEL_INFO, reason,
		"%s on %s ended with status 0x%x: running locally instead", job_source_name(j),
		host->entry.definition, (unsigned)res->reply->status);
	if (str_eq(reason, "compiler-missing")) {
		job_say(j, LOG_LEVEL_WARNING, reason,
			"%s has no %s: install it there, or take the host "
			"off the list",
			host->entry.definition, j->remote_name);
		fleet_compiler_missing(host, j->remote_name, job_now_ms(j),
			MAX(j->settings.backoff_ms, UINT64_C(1)));
		job_wait_for_host(j);
		return;
	}
	/* Whether the fault is the source's or the worker's is not told apart here, and need not
	 * be: what the compiler says and leaves behind here is what counts. */
	job_go_local(j, reason);
}

static int start_remote(struct job *j)
{
	const struct remote_params p = {
		.host = &j->host->entry,
		.text = j->text.data,
		.text_len = j->text.len,
		.argv = strv_argv(&j->remote_argv),
		.envp = j->request->envp,
		.resolve_ms = j->settings.resolve_ms,
		.connect_ms = j->settings.connect_ms,
		.io_ms = j->settings.io_ms,
	};

	if (j->exact)
		return job_exact_start(j);
	return remote_start(j->agent->loop, &p, on_remote_done, j, &j->remote);
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
		fall_back(j, j->local_reason ? j->local_reason : "hosts-resting");
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
	if (start_remote(j) < 0) {
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

/*
 * The text has the files in it that its markers name. The scan has cleared what it should be made of;
 * this is what it was made of, also where a header has changed meanwhile. NULL: it may leave.
 */
static const char *text_must_stay(struct job *j)
{
	AUTO(exclude_fini) struct exclude exclude = {.patterns = STRV_INIT};
	char *found;
	int r;

	if (!j->settings.exclude)
		return NULL;
	r = exclude_parse(j->settings.exclude, &exclude);
	if (r == 0)
		r = exclude_check_text(
			&exclude, j->text.data, j->text.len, j->request->cwd, &found);
	if (r == EXCLUDE_FOUND) {
		free(j->excluded);
		j->excluded = found;
		return "excluded";
	}
	return r == 0 ? NULL : "exclude-unsure";
}

/* The text is in hand. */
static void text_ready(struct job *j)
{
	const char *stays = text_must_stay(j);
	struct cc_split split = {
		.directives_only = j->directives_only,
		.colour = job_colour(j),
		.cwd = j->request->cwd,
		.target = compilers_target(&j->agent->compilers, j->request->compiler),
	};

	if (stays)
		job_go_local(j, stays);
	else if (cc_split_remote(&j->command, &split, j->remote_name, &j->remote_argv) < 0)
		job_go_local(j, "out-of-memory");
	else
		job_wait_for_host(j);
}

static void wait_for_cpp(struct job *j)
{
	job_move(j, JOB_WAIT_CPP);
	slots_wait(&j->agent->slots, &j->claim, SLOTS_CPP, j->hosts.local_cpp_slots);
}

static unsigned scan_text(const struct job *j)
{
	unsigned flags = cc_text_scan(j->text.data, j->text.len, j->directives_only);
	bool whole = false;

	if (j->directives_only && (cc_pragmas_check(j->agent->pragmas, j->text.data, j->text.len,
					   j->request->cwd, &whole) < 0 ||
					  !whole))
		flags |= CC_TEXT_NEEDS_FULL;
	return flags;
}

static void on_preprocessed(void *data, struct preprocess_result *res)
{
	struct job *j = data;
	unsigned flags;

	j->preprocess = NULL;
	job_record(j)->cpu_ms += (res->cpu_us + 500) / 1000;
	job_story(j, "preprocessed", "%zu bytes of text%s, %.1f ms of CPU", res->text.len,
		j->directives_only ? " with its macros in it" : "", (double)res->cpu_us / 1000);
	slots_release(&j->agent->slots, &j->claim);
	j->text = res->text;
	j->cpp_err = res->err;
	if (res->status != 0) {
		job_go_local(j, "preprocessor-failed");
		return;
	}
	flags = scan_text(j);
	if (flags & CC_TEXT_PRAGMA_TARGET) {
		job_go_local(j, "pragma-target");
	} else if (flags & CC_TEXT_INCBIN) {
		job_go_local(j, "incbin");
	} else if (flags & CC_TEXT_NOT_PLAIN) {
		job_go_local(j, "not-plain-text");
	} else if (flags & CC_TEXT_NEEDS_FULL) {
		sources_add(&j->agent->full_text, j->request->cwd, j->command.input);
		j->directives_only = false;
		drop_text(j);
		wait_for_cpp(j);
	} else {
		text_ready(j);
	}
}

static const char *deps_output(const struct job *j)
{
	for (size_t i = 0; i < j->command.n_outputs; i++)
		if (j->command.outputs[i].kind == CC_OUTPUT_DEPS)
			return j->command.outputs[i].path;
	return NULL;
}

static int start_cpp(struct job *j)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	struct cc_split split = {
		.directives_only = j->directives_only,
		.colour = job_colour(j),
		.cwd = j->request->cwd,
	};
	int r;

	split.deps_path = j->outputs.deps_temp;
	r = cc_split_cpp(&j->command, &split, &argv);
	if (r == 0)
		r = preprocess_start(j->agent->loop, &j->agent->warden, j->request->compiler,
			strv_argv(&argv), j->request->envp, j->request->cwd, j->request->umask,
			on_preprocessed, j, &j->preprocess);
	return r;
}

/* The source is preprocessed text already. */
static void take_text(struct job *j)
{
	AUTO(util_free) char *path = path_join(j->request->cwd, j->command.input);

	slots_release(&j->agent->slots, &j->claim);
	if (!path || preprocess_text_map(path, &j->text) < 0)
		job_go_local(j, "source-not-readable");
	else if (cc_text_scan(j->text.data, j->text.len, false) & CC_TEXT_INCBIN)
		job_go_local(j, "incbin");
	else
		text_ready(j);
}

static void make_text(struct job *j)
{
	if (cc_language_is_preprocessed(j->command.language))
		take_text(j);
	else if (start_cpp(j) < 0)
		job_go_local(j, "preprocessor-not-started");
}

/* clang builds for the machine it is on unless told: the worker's may be another kind. */
static bool needs_target(const struct job *j)
{
	return j->command.family == CC_FAMILY_CLANG &&
	       !compilers_target(&j->agent->compilers, j->request->compiler);
}

static void on_target(void *data, struct preprocess_result *res)
{
	struct job *j = data;
	AUTO(buf_fini) struct buf text = BUF_INIT;
	bool known =
		res->status == 0 && buf_append(&text, res->text.data, res->text.len) == 0 &&
		compilers_set_target(&j->agent->compilers, j->request->compiler, buf_str(&text));

	j->preprocess = NULL;
	preprocess_text_fini(&res->text);
	buf_fini(&res->err);
	if (!known)
		job_go_local(j, "compiler-target-unknown");
	else
		make_text(j);
}

static int ask_target(struct job *j)
{
	char *const argv[] = {j->request->argv[0], (char *)"-dumpmachine", NULL};

	return preprocess_start(j->agent->loop, &j->agent->warden, j->request->compiler, argv,
		j->request->envp, j->request->cwd, j->request->umask, on_target, j, &j->preprocess);
}

void job_slot_granted(struct slots_claim *claim)
{
	struct job *j = LIST_ENTRY(claim, struct job, claim);

	switch (j->state) {
	case JOB_WAIT_CPP:
		job_move(j, JOB_CPP);
		if (!needs_target(j))
			make_text(j);
		else if (ask_target(j) < 0)
			job_go_local(j, "preprocessor-not-started");
		break;
	case JOB_WAIT_HOST:
		/* localhost was first. The text was made in vain, which costs less than waiting. */
		leave_queue(j);
		drop_text(j);
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

/*
 * What can be known before a text is made: nobody to send it to; or localhost in the list, a
 * processor idle, and everybody else busy. True: the job is on its way.
 */
static bool decided_early(struct job *j)
{
	enum job_state before = j->state;
	struct fleet_host *host;
	enum fleet_verdict verdict =
		fleet_pick(j->fleet, j->n_fleet, j->tried, j->remote_name, job_now_ms(j), &host);

	if (verdict == FLEET_CHOSEN)
		return false;
	if (j->local_too && (verdict == FLEET_NONE || slots_free(&j->agent->slots)))
		job_go_local(j, "localhost");
	else if (verdict == FLEET_NONE)
		fall_back(j, "hosts-resting");
	return verdict == FLEET_NONE || j->state != before;
}

/* Servers of Remote Execution alone take no text. False: there is nobody else. */
static bool pass_over_servers(struct job *j)
{
	bool anybody = false;

	for (size_t i = 0; i < j->n_fleet; i++) {
		if (j->fleet[i]->entry.mode == HOSTS_MODE_REX)
			j->tried[i] = true;
		else
			anybody = true;
	}
	return anybody;
}

void job_start_plain(struct job *j)
{
	const char *path = env_get(j->request->envp, "PATH");

	if (j->command.reason != CC_REMOTE_OK) {
		job_go_local(j, cc_reason_name(j->command.reason));
		return;
	}
	if (!j->cleared) {
		job_go_local(j, j->excluded ? "excluded" : "exclude-unsure");
		return;
	}
	if (!pass_over_servers(j)) {
		/* That it cannot be exact is its own matter; that nobody took it is the hosts'. */
		if (j->asked)
			fall_back(j, j->local_reason ? j->local_reason : "hosts-resting");
		else
			job_go_local(j, "not-exact");
		return;
	}
	j->remote_name = compilers_remote_name(&j->agent->compilers, j->request->argv[0],
		j->request->compiler, path, j->settings.no_rewrite);
	if (!j->remote_name) {
		job_go_local(j, "compiler-not-nameable");
		return;
	}
	if (outputs_init(&j->agent->warden, j->request->cwd, j->command.object, deps_output(j),
		    j->request->umask, j->record, &j->outputs) < 0) {
		job_go_local(j, "output-not-regular");
		return;
	}
	if (decided_early(j))
		return;
	j->directives_only =
		j->command.directives_only &&
		cc_compiler_name_version(j->remote_name) >= CC_GCC_DIRECTIVES_ONLY_SINCE &&
		!sources_has(&j->agent->full_text, j->request->cwd, j->command.input);
	wait_for_cpp(j);
}

void job_start(struct job *j)
{
	const char *reason;

	if (cc_command_parse_as(
		    cc_compiler_registered(env_get(j->request->envp, "DISTCC_COMPILERS"),
			    j->request->argv[0], j->request->compiler),
		    j->request->argv, j->request->cwd, j->request->envp, &j->command) < 0) {
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
	list_unlink(&j->writing);
	free(j->writes);
	free(j->excluded);
	job_give_host_back(j);
	leave_queue(j);
	slots_release(&j->agent->slots, &j->claim);
	drop_text(j);
	r->running = false;
	r->wall_ms = job_now_ms(j) - j->started_ms;
	if (j->state != JOB_ENDED && j->state != JOB_LOCAL)
		r->reason = "cancelled";
	outputs_fini(&j->outputs);
	hosts_fini(&j->hosts);
	cc_command_fini(&j->command);
	strv_fini(&j->remote_argv);
	buf_fini(&j->log);
	story_fini(&j->story);
	free(j->fleet);
	free(j->tried);
	free(j->remote_name);
	free(j);
}
