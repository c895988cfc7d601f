/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The plain way of a job: preprocessed here, compiled from the text by a host that speaks the distcc
 * protocol, its object put in place. What the text has in it that this would spoil sends it back to be
 * preprocessed in full, or compiled here.
 */

#include "agent/job_inside.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/exclude.h"
#include "base/env.h"
#include "base/path.h"
#include "cc/compiler.h"
#include "cc/pragmas.h"

/* distcc 3.4's exit code of a server. */
enum { EXIT_COMPILER_MISSING = 110 };

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

void job_plain_replied(struct job *j, struct fleet_host *host, struct wire_reply *reply,
	const struct job_traffic *t)
{
	const char *reason;

	job_answered(j, t->address, t->up, t->down);
	fleet_succeeded(&j->agent->fleet, host, job_now_ms(j) - j->remote_started_ms);
	job_story(j, "answer", "%s: status 0x%x, sent %llu bytes, got %llu", t->address,
		(unsigned)reply->status, (unsigned long long)t->up, (unsigned long long)t->down);
	reason = retry_reason(j, reply->status);
	if (!reason) {
		replied(j, reply);
		return;
	}
	job_say(j, LOG_LEVEL_INFO, reason,
		"%s on %s ended with status 0x%x: running locally instead", job_source_name(j),
		host->entry.definition, (unsigned)reply->status);
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

static void on_remote_done(void *data, const struct remote_result *res)
{
	struct job *j = data;
	struct fleet_host *host = j->host;

	j->remote = NULL;
	if (res->outcome == REMOTE_REPLIED) {
		job_plain_replied(j, host, res->reply,
			&(struct job_traffic){res->address, res->bytes_up, res->bytes_down});
		return;
	}
	job_answered(j, res->address, res->bytes_up, res->bytes_down);
	job_machine_failed(j, host,
		&(struct job_failure){.name = remote_outcome_name(res->outcome),
			.text = remote_outcome_text(res->outcome),
			.detail = res->detail,
			.no_answer = res->outcome == REMOTE_NO_ANSWER});
}

int job_plain_send(struct job *j)
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

	if (j->host->entry.mode == HOSTS_MODE_REX)
		return job_text_send(j);
	return remote_start(j->agent->loop, &p, on_remote_done, j, &j->remote);
}

/* ---- the preprocessor ---- */

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
		job_drop_text(j);
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

/* A slot for the preprocessor was granted. */
void job_plain_granted(struct job *j)
{
	if (!needs_target(j))
		make_text(j);
	else if (ask_target(j) < 0)
		job_go_local(j, "preprocessor-not-started");
}

/* ---- the first step ---- */

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
		job_fall_back(j, j->local_reason ? j->local_reason : "hosts-resting");
	return verdict == FLEET_NONE || j->state != before;
}

/* Servers of Remote Execution that take no text. False: there is nobody else. */
static bool pass_over_servers(struct job *j)
{
	bool anybody = false;

	for (size_t i = 0; i < j->n_fleet; i++) {
		const struct hosts_entry *e = &j->fleet[i]->entry;

		j->tried[i] = e->mode == HOSTS_MODE_REX &&
			      !cluster_may_ask(&j->agent->texts, e, job_now_ms(j));
		anybody |= !j->tried[i];
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
			job_fall_back(j, j->local_reason ? j->local_reason : "hosts-resting");
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
