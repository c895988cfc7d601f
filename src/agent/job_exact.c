/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The exact way of a job: its action is made (agent/prepare.h), a host that speaks Remote Execution
 * runs it (agent/rex.h), what the compiler says that it read is held against what was foreseen, and
 * only then are the outputs put in place (agent/result.h). Whether a result may be believed, and which
 * are looked at more closely, is in job_verify.c.
 *
 * Any step may fail, and the job then takes the plain way, or is compiled here. A compile that
 * failed there is done here again: what the compiler says here is what counts.
 */

#include "agent/job_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/rebased.h"
#include "agent/result.h"
#include "base/env.h"
#include "base/fs.h"
#include "base/path.h"
#include "exact/rebase.h"

void job_exact_over(struct job *j)
{
	inflight_failed(&j->flight);
	if (j->prepare)
		prepare_cancel(TAKE_PTR(j->prepare));
	if (j->lookup)
		caches_cancel(TAKE_PTR(j->lookup));
	if (j->run)
		rex_cancel(TAKE_PTR(j->run));
	if (j->here)
		preprocess_cancel(TAKE_PTR(j->here), NULL);
	job_here_forget(j);
	job_verify_over(j);
	if (j->exact)
		exact_action_fini(&j->action);
	j->exact = false;
	free(TAKE_PTR(j->blobs));
	if (j->tried)
		memset(j->tried, 0, j->n_fleet * sizeof(*j->tried));
}

/* A result as the user has it. */
struct shown {
	const struct rex_result *result; /* the one that came, or own */
	struct rex_result own;           /* with the base directory's real name in it */
};

static int show(struct job *j, const struct rex_result *res, struct shown *ret, char **ret_why)
{
	int r = j->action.base ? rebased(&j->action, res, REBASED_TO_USER, &ret->own, ret_why) : 0;

	ret->result = j->action.base ? &ret->own : res;
	return r;
}

/* ---- the action ---- */

static int take_action(struct job *j, struct exact_action *a)
{
	j->action = *a;
	j->exact = true;
	j->blobs = calloc(a->n_blobs, sizeof(*j->blobs));
	if (!j->blobs)
		return -ENOMEM;
	for (size_t i = 0; i < a->n_blobs; i++)
		j->blobs[i] = (struct rex_blob){.digest = a->blobs[i].digest,
			.data = a->blobs[i].data,
			.path = a->blobs[i].path};
	return 0;
}

static void pass_over_others(struct job *j)
{
	for (size_t i = 0; i < j->n_fleet; i++)
		if (!cluster_may_ask(&j->agent->cluster, &j->fleet[i]->entry, job_now_ms(j)))
			j->tried[i] = true;
}

static const char *accept_result(struct job *j, const struct rex_result *res, struct shown *ret);
static const char *publish(struct job *j, const struct rex_result *res);

/* Is it one of those that are compiled here too, to compare? Then j is on its way. */
static bool begin_twice(struct job *j, struct rex_result *res, struct shown *shown)
{
	return res && job_verify_begin(j, j->action.base ? &shown->own : res);
}

/*
 * On a terminal gcc makes links of some words, and moves what is wider than it; clang goes by
 * COLUMNS. Only the compiler itself, there, says it as it says it.
 */
bool job_exact_terminal_matters(const struct job *j, const struct buf *err)
{
	if (err->len == 0 || !(j->request->flags & IPC_TERMINAL))
		return false;
	return j->command.family == CC_FAMILY_GCC || env_get(j->request->envp, "COLUMNS");
}

/*
 * It was compiled before, or by another job: nothing has to be. owned: the same, where its buffers may
 * be taken; or NULL. False: it was no good, and the job goes on; else j may be gone.
 */
static bool use_known(struct job *j, const struct rex_result *known, struct rex_result *owned,
	const char *reason, const char *where)
{
	struct history_record *rec = job_record(j);
	struct shown shown = {.result = NULL};
	const char *why;

	if (job_exact_terminal_matters(j, &known->err)) {
		job_exact_over(j);
		job_go_local(j, "terminal");
		return true;
	}
	snprintf(rec->where, HISTORY_WHERE_MAX, "%s", where);
	why = accept_result(j, known, &shown);
	if (!why && begin_twice(j, owned, &shown))
		return true;
	if (!why)
		why = publish(j, shown.result);
	if (!why) {
		rec->remote = true;
		rec->reason = reason;
		inflight_done(&j->flight, known);
		job_end(j, 0, &shown.result->out, &shown.result->err);
	}
	rex_result_fini(&shown.own);
	return !why;
}

/* ---- other caches ---- */

static struct caches_params of_caches(const struct job *j)
{
	return (struct caches_params){.hosts = &j->hosts,
		.action = j->action.digest,
		.outputs = (const char *const *)strv_argv(&j->action.outputs),
		.n_outputs = j->action.outputs.n,
		.wait_ms = j->settings.cache_ms,
		.backoff_ms = j->settings.backoff_ms,
		.resolve_ms = j->settings.resolve_ms};
}

bool job_exact_may_keep(const struct job *j)
{
	return j->exact && !j->action.unseen &&
	       (j->agent->store ||
		       (j->cleared && caches_take(&j->agent->caches, &j->hosts, job_now_ms(j))));
}

void job_exact_give(struct job *j, const struct rex_result *res)
{
	const struct caches_params p = of_caches(j);

	if (j->cleared && caches_take(&j->agent->caches, &j->hosts, job_now_ms(j)))
		caches_give(&j->agent->caches, &p, res);
}

static void on_cache_failed(void *data, const struct hosts_entry *cache, const char *name,
	const char *text, const char *detail)
{
	job_say(data, LOG_LEVEL_WARNING, name, "%s: %s%s%s", cache->definition, text,
		*detail ? ": " : "", detail);
}

static const char *why_here(const struct job *j)
{
	return j->cleared ? j->local_reason : j->excluded ? "excluded" : "exclude-unsure";
}

/* Nobody has it: it is compiled. */
static void compile(struct job *j)
{
	pass_over_others(j);
	j->asked = j->n_fleet > 0 && j->cleared;
	j->keep = !j->asked && job_exact_may_keep(j);
	if (j->asked)
		job_wait_for_host(j);
	else
		job_go_local(j, why_here(j));
}

static void on_looked_up(void *data, const struct caches_answer *answer)
{
	struct job *j = data;
	struct agent *a = j->agent;
	const struct reapi_digest action = j->action.digest;
	struct history_record *rec = job_record(j);

	/* That one is compiled here, and nobody has checked what the cache gave. */
	bool unchecked = answer->result && job_exact_terminal_matters(j, &answer->result->err);

	j->lookup = NULL;
	rec->bytes_up += answer->bytes_up;
	rec->bytes_down += answer->bytes_down;
	if (!answer->result ||
		!use_known(j, answer->result, NULL, "cached", answer->from->definition))
		compile(j);
	else if (a->store && !unchecked)
		store_put(a->store, a->loop, &action, answer->result);
}

static void look_elsewhere(struct job *j)
{
	const struct caches_params p = of_caches(j);

	if (j->cleared && caches_look_up(&j->agent->caches, &p, on_looked_up, on_cache_failed, j,
				  &j->lookup) == 0)
		job_move(j, JOB_LOOKUP);
	else
		compile(j);
}

/* ---- identical compiles ---- */

void job_flight_told(
	struct inflight_member *m, enum inflight_word word, const struct rex_result *result)
{
	struct job *j = LIST_ENTRY(m, struct job, flight);

	job_record(j)->reason = "starting";
	job_announce(j);
	switch (word) {
	case INFLIGHT_RESULT:
		if (!use_known(j, result, NULL, "joined", "cache"))
			compile(j);
		break;
	case INFLIGHT_ALONE:
		compile(j);
		break;
	case INFLIGHT_LEAD:
		look_elsewhere(j);
		break;
	}
}

/* True: another job is at it. */
static bool join(struct job *j)
{
	if (!inflight_join(&j->agent->inflight, &j->flight, &j->action.digest))
		return false;
	job_record(j)->reason = "joined";
	snprintf(job_record(j)->where, HISTORY_WHERE_MAX, "-");
	job_move(j, JOB_JOINED);
	return true;
}

/* There is an action. */
static void on_action(struct job *j, struct rex_result *known)
{
	if (!known && !j->action.unseen && !job_verify_doubted(j) && join(j))
		return;
	job_announce(j);
	if (known && use_known(j, known, known, "cached", "cache"))
		return;
	if (j->n_fleet > 0 && job_verify_doubted(j)) {
		job_exact_over(j);
		job_go_local(j, "doubted-before");
		return;
	}
	if (j->action.unseen)
		compile(j);
	else
		look_elsewhere(j);
}

/* With DISTCC_EXCLUDE what is not known to may not. */
static void note_what_may_leave(struct job *j, const struct prepare_result *result)
{
	if (!j->settings.exclude)
		return;
	j->cleared = result->cleared && !result->excluded;
	if (!result->excluded)
		return;
	j->excluded = strdup(result->excluded);
	job_say(j, LOG_LEVEL_INFO, "excluded", "source=%s file=%s", job_source_name(j),
		result->excluded);
}

static void on_prepared(void *data, struct prepare_result *result)
{
	struct job *j = data;

	bool taken = result->outcome == 0 && take_action(j, &result->action) == 0;

	j->prepare = NULL;
	note_what_may_leave(j, result);
	job_record(j)->cpu_ms += (result->cpu_us + 500) / 1000;
	job_story_prepared(j, result);
	j->prepared_at = result->moment;
	if (result->hit && !taken)
		rex_result_fini(&result->known);
	if (taken) {
		j->facts = result->compiler;
		on_action(j, result->hit ? &result->known : NULL);
		if (result->hit)
			rex_result_fini(&result->known);
		return;
	}
	if (result->outcome == EXACT_UNKNOWN && !j->scan_only)
		job_say(j, LOG_LEVEL_INFO, "not-exact", "source=%s reason=%s", job_source_name(j),
			result->reason ? result->reason : "");
	job_exact_over(j);
	job_announce(j);
	if (j->n_fleet == 0)
		job_go_local(j, j->local_reason);
	else
		job_start_plain(j);
}

void job_exact_unwanted(struct job *j)
{
	struct fleet_host *host;

	memset(j->tried, 0, j->n_fleet * sizeof(*j->tried));
	if (job_exact_may_keep(j) && j->settings.fallback &&
		fleet_pick(j->fleet, j->n_fleet, j->tried, "", job_now_ms(j), &host) ==
			FLEET_NONE) {
		j->keep = true;
		job_go_local(j, j->local_reason ? j->local_reason : "hosts-resting");
		return;
	}
	job_exact_over(j);
	job_start_plain(j);
}

/* The base directory that the user wants keys to be independent of; NULL: none. */
static const char *base_directory(struct job *j)
{
	const char *dir = j->settings.basedir;

	if (!dir || !*dir || sources_has(&j->agent->not_based, j->request->cwd, j->command.input))
		return NULL;
	if (rebase_is_fit(dir))
		return dir;
	job_say(j, j->agent->basedir_told ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "bad-basedir",
		"DISTCC_BASEDIR is \"%s\": it has to be an absolute path without links, of "
		"letters, digits and \"/._-+@\"",
		dir);
	j->agent->basedir_told = true;
	return NULL;
}

int job_exact_prepare(struct job *j, uint64_t since, prepare_done_fn done)
{
	const struct prepare_params p = {.argv = j->request->argv,
		.envp = j->request->envp,
		.cwd = j->request->cwd,
		.compiler = j->request->compiler,
		.family = j->command.family,
		.base = base_directory(j),
		.colour = job_colour(j) == CC_COLOUR_ALWAYS,
		.absent = j->story.wanted,
		.since = since,
		.exclude = j->settings.exclude,
		.scan_only = j->scan_only};

	return prepare_start(j->agent->preparing, &p, done, j, &j->prepare);
}

/* One name of an output, however it is spelled: by its directory's inode. NULL: there is none. */
static char *one_name(const struct job *j, const char *output)
{
	AUTO(util_free) char *path = path_join(j->request->cwd, output);
	AUTO(util_free) char *dir = path ? path_dir(path) : NULL;
	struct stat st;
	char *name;

	if (!dir || stat(dir, &st) < 0 ||
		asprintf(&name, "%llx:%llx/%s", (unsigned long long)st.st_dev,
			(unsigned long long)st.st_ino, path_base(path)) < 0)
		return NULL;
	return name;
}

/* Two jobs that write the same file at once: whose bytes are there in the end is not known. */
void job_announce(struct job *j)
{
	if (!j->command.object || j->writes)
		return;
	j->writes = one_name(j, j->command.object);
	if (!j->writes) {
		j->contended = true;
		return;
	}
	LIST_FOR(pos, &j->agent->writing)
	{
		struct job *other = LIST_ENTRY(pos, struct job, writing);

		if (str_eq(other->writes, j->writes))
			j->contended = other->contended = true;
	}
	list_append(&j->agent->writing, &j->writing);
}

static bool has_acl(const char *path, const char *kind)
{
	return getxattr(path, kind, NULL, 0) >= 0;
}

/*
 * Compilers write into a file that is there (its mode, its other names, its being read-only stay),
 * and we replace it: that is the same only for a file like a new one. And new files are as we make
 * them only where their directory has no list of who may what.
 */
static bool is_like_new(const struct job *j, const char *name)
{
	AUTO(util_free) char *path = path_join(j->request->cwd, name);
	AUTO(util_free) char *dir = path ? path_dir(path) : NULL;
	struct stat st;

	if (!dir || has_acl(dir, "system.posix_acl_default"))
		return false;
	if (lstat(path, &st) < 0)
		return errno == ENOENT;
	return !has_acl(path, "system.posix_acl_access") && S_ISREG(st.st_mode) &&
	       st.st_nlink == 1 && st.st_uid == geteuid() &&
	       (st.st_mode & 07777) == (0666 & ~(mode_t)j->request->umask);
}

static bool outputs_are_like_new(const struct job *j)
{
	for (size_t i = 0; i < j->command.n_outputs; i++)
		if (!j->command.outputs[i].path || !is_like_new(j, j->command.outputs[i].path))
			return false;
	return true;
}

static bool wants_exact(const struct job *j)
{
	/* Without hosts it is a cache. */
	bool anybody = j->n_fleet == 0 && (j->agent->store || j->hosts.n_caches > 0);

	for (size_t i = 0; i < j->n_fleet; i++)
		anybody |= cluster_may_ask(&j->agent->cluster, &j->fleet[i]->entry, job_now_ms(j));
	return j->settings.exact && anybody && cc_command_is_exact(&j->command) &&
	       outputs_are_like_new(j);
}

bool job_exact_begin(struct job *j)
{
	bool exact = wants_exact(j);

	if (j->settings.exact && cc_command_is_exact(&j->command) && job_verify_keeps_here(j))
		return true;

	/* What may leave at all is asked for text, too. */
	j->scan_only = !exact;
	if (!exact && (j->cleared || j->n_fleet == 0 || j->command.reason != CC_REMOTE_OK))
		return false;
	if (job_exact_prepare(j, 0, on_prepared) < 0)
		return false;
	job_move(j, JOB_PREPARE);
	return true;
}

/* ---- a host ---- */

/* A result, and that is one to be used; *ret is to be given back in any case. NULL, or why it is not. */
static const char *accept_result(struct job *j, const struct rex_result *res, struct shown *ret)
{
	AUTO(util_free) char *why = NULL;
	int r;

	if (res->exit_code != 0)
		return "compile-failed";
	if (job_exact_terminal_matters(j, &res->err))
		return "terminal";
	r = show(j, res, ret, &why);
	if (r == 0)
		return job_verify_check(j, ret->result);
	job_say(j, LOG_LEVEL_INFO, "not-based", "%s: %s", job_source_name(j),
		why ? why : strerror(ENOMEM));
	sources_add(&j->agent->not_based, j->request->cwd, j->command.input);
	return "not-based";
}

/* One that was accepted: it is in its place, or the reason why it is not is given. */
static const char *publish(struct job *j, const struct rex_result *res)
{
	int r = result_publish(&j->action, res, j->request->cwd, j->request->umask);

	if (r == 0) {
		job_story_outputs(j, res);
		return NULL;
	}
	/* The compiler itself will say best what is wrong with that place. */
	job_say(j, LOG_LEVEL_INFO, "output-failed", "%s: %s", j->command.object, strerror(-r));
	return "output-failed";
}

static void done(struct job *j, struct rex_result *res)
{
	struct history_record *rec = job_record(j);
	struct shown shown = {.result = NULL};
	const char *reason = accept_result(j, res, &shown);
	const struct reapi_digest action = j->action.digest;
	const bool is_kept = !j->action.unseen;
	struct agent *a = j->agent;

	if (!reason && begin_twice(j, res, &shown))
		return;
	if (!reason)
		reason = publish(j, shown.result);
	if (!reason) {
		rec->remote = true;
		rec->reason = "exact";
		if (is_kept) {
			job_exact_give(j, res);
			inflight_done(&j->flight, res);
		}
		job_end(j, 0, &shown.result->out, &shown.result->err); /* j may be gone */
		rex_result_fini(&shown.own);
		if (is_kept && a->store)
			store_put(a->store, a->loop, &action, res);
		return;
	}
	job_say(j, LOG_LEVEL_INFO, reason, "%s on %s ended with status %d: running locally instead",
		job_source_name(j), rec->where, res->exit_code);
	rex_result_fini(&shown.own);
	if (j->action.base)
		sources_add(&j->agent->not_based, j->request->cwd, j->command.input);
	job_exact_over(j);
	job_go_local(j, reason);
}

static void machine_failed(struct job *j, struct fleet_host *host, const struct rex_result *res)
{
	job_machine_failed(j, host,
		&(struct job_failure){.name = rex_outcome_name(res->outcome),
			.text = rex_outcome_text(res->outcome),
			.detail = res->detail});
}

/* Not the machine's fault: it speaks something else, or does not want this. */
static void declined(
	struct job *j, struct cluster *c, struct fleet_host *host, const struct rex_result *res)
{
	bool never = res->outcome == REX_NOT_GRPC || res->outcome == REX_NOT_SERVED ||
		     res->outcome == REX_DENIED || res->outcome == REX_OTHER_ROOT;

	/* Of one that is in the list for that alone the user should know; text it may take. */
	if (never && host->entry.mode == HOSTS_MODE_REX && res->outcome != REX_OTHER_ROOT) {
		machine_failed(j, host, res);
		return;
	}
	job_say(j, LOG_LEVEL_INFO, rex_outcome_name(res->outcome), "%s: %s%s%s",
		host->entry.definition, rex_outcome_text(res->outcome), *res->detail ? ": " : "",
		res->detail);
	if (res->outcome == REX_NOT_GRPC)
		cluster_rest_mute(c, &host->entry, job_now_ms(j));
	else if (never)
		(void)cluster_rest(c, &host->entry, job_now_ms(j) + CLUSTER_RETRY_MS);
	j->local_reason = rex_outcome_name(res->outcome);
	job_pass_over(j, host);
	job_wait_for_host(j);
}

void job_server_failed(struct job *j, struct cluster *c, const struct rex_result *res)
{
	struct fleet_host *host = j->host;

	job_answered(j, res->address, res->bytes_up, res->bytes_down);
	switch (res->outcome) {
	case REX_UNRESOLVED:
	case REX_REFUSED:
	case REX_CONNECT_TIMEOUT:
	case REX_UNREACHABLE:
	case REX_DROPPED:
	case REX_TIMEOUT:
	case REX_SECRETS:
	case REX_TLS:
		machine_failed(j, host, res);
		return;
	default:
		declined(j, c, host, res);
	}
}

static void on_run_done(void *data, struct rex_result *res)
{
	struct job *j = data;
	struct fleet_host *host = j->host;

	j->run = NULL;
	job_story_answered(j, res);
	if (res->outcome != REX_DONE) {
		job_server_failed(j, &j->agent->cluster, res);
		return;
	}
	job_answered(j, res->address, res->bytes_up, res->bytes_down);
	fleet_succeeded(&j->agent->fleet, host, job_now_ms(j) - j->remote_started_ms);
	cluster_is_well(&j->agent->cluster, &host->entry);
	done(j, res);
}

int job_exact_start(struct job *j)
{
	const struct cluster_times times = {.resolve_ms = j->settings.resolve_ms,
		.connect_ms = j->settings.connect_ms,
		.io_ms = j->settings.io_ms};
	const struct rex_params p = {.action = j->action.digest,
		.blobs = j->blobs,
		.n_blobs = j->action.n_blobs,
		.outputs = (const char *const *)strv_argv(&j->action.outputs),
		.n_outputs = j->action.outputs.n,
		.lookups = job_verify_wants_lookups(j)};
	struct rex *rex;
	int r = cluster_get(&j->agent->cluster, j->agent->loop, &j->host->entry, &times, &rex);

	return r < 0 ? r : rex_start(rex, &p, on_run_done, j, &j->run);
}
