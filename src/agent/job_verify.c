/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Exact compiles that are looked at more closely (agent/verify.h).
 *
 * What was doubted is not asked for again: the action until it is another one, and the file that
 * came out differently for as long as that is remembered.
 *
 * A compile that is done twice has a result from there or from the cache in hand, and is then
 * compiled here as if it were to be kept, so that what is in place in the end is what the compiler
 * made here, whatever comes of it:
 *
 *	compiled here ─► the same ─────────────────────────────► verified
 *	      │
 *	      └► it differs ─► is it the same action still? ─no─► nothing was proved
 *	                              │ yes
 *	                              └► compiled here again ─► differs from itself: nothing was proved
 *	                                        └► the same as before: the other one is wrong
 */

#include "agent/job_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/bundle.h"
#include "agent/result.h"
#include "base/path.h"

struct job_twice {
	struct rex_result there, first;
	bool again; /* first is what was made here, and it is made once more */
	char where[HISTORY_WHERE_MAX];
	char *difference;
};

void job_verify_over(struct job *j)
{
	struct job_twice *t = TAKE_PTR(j->twice);

	if (!t)
		return;
	rex_result_fini(&t->there);
	rex_result_fini(&t->first);
	free(t->difference);
	free(t);
}

/* ---- what was doubted before ---- */

static int64_t now_s(void)
{
	return (int64_t)time(NULL);
}

static int name_file(const struct job *j, struct reapi_digest *ret)
{
	AUTO(util_free) char *path = path_join(j->request->cwd, j->command.input);

	return path ? verify_file(path, j->request->compiler, ret) : -ENOMEM;
}

bool job_verify_keeps_here(struct job *j)
{
	struct reapi_digest file;

	if (!j->command.input || name_file(j, &file) < 0 ||
		!verify_is_doubted(j->agent->verify, &file, now_s()))
		return false;
	job_go_local(j, "verify-differed");
	return true;
}

bool job_verify_doubted(const struct job *j)
{
	return verify_is_doubted(j->agent->verify, &j->action.digest, now_s());
}

static void doubt_file(struct job *j)
{
	struct reapi_digest file;

	if (name_file(j, &file) == 0)
		verify_doubt(j->agent->verify, &file, job_source_name(j), now_s());
}

/* ---- one result ---- */

bool job_verify_wants_lookups(struct job *j)
{
	return j->action.unseen ||
	       sample_wants_lookups(&j->agent->sample, verify_clean(j->agent->verify, &j->facts));
}

static int check_lookups(struct job *j, const struct rex_result *res, char **ret_why)
{
	int r;

	if (!res->looked)
		return 0;
	r = exact_check_lookups(&j->action, j->request->cwd, &res->lookups, ret_why);
	if (r >= 0)
		verify_found(j->agent->verify, &j->facts,
			r > 0               ? SAMPLE_DOUBTED
			: res->lookups.part ? SAMPLE_NOT_TOLD
					    : SAMPLE_RIGHT);
	return r;
}

const char *job_verify_check(struct job *j, const struct rex_result *res)
{
	AUTO(util_free) char *why = NULL;
	int r;

	if (res->exit_code != 0)
		return "compile-failed";
	r = result_check(&j->action, res, j->request->cwd, &why);
	if (r == RESULT_INCOMPLETE)
		return "exact-incomplete";
	/* Not again, until it is another action: nobody there tells what this one needs. */
	if (j->action.unseen && (!res->looked || res->lookups.part)) {
		verify_doubt(j->agent->verify, &j->action.digest, job_source_name(j), now_s());
		return "exact-unseen";
	}
	if (r == 0)
		r = check_lookups(j, res, &why);
	if (r == 0)
		return NULL;
	if (r < 0)
		return "out-of-memory";
	job_say(j, LOG_LEVEL_WARNING, "exact-doubted", "%s was compiled on %s: %s",
		job_source_name(j), job_record(j)->where, why ? why : "");
	verify_doubt(j->agent->verify, &j->action.digest, job_source_name(j), now_s());
	return "exact-doubted";
}

/* ---- two of them ---- */

bool job_verify_begin(struct job *j, struct rex_result *res)
{
	struct job_twice *t;

	if (!sample_takes(&j->agent->sample, j->settings.verify))
		return false;
	t = calloc(1, sizeof(*t));
	if (!t)
		return false;
	t->there = *res;
	t->there.detail = t->there.address = "";
	res->outputs = NULL;
	res->n_outputs = 0;
	res->out = res->err = res->lookups.list = (struct buf)BUF_INIT;
	snprintf(t->where, sizeof(t->where), "%s", job_record(j)->where);
	j->twice = t;
	j->keep = true;
	job_go_local(j, "verify");
	return true;
}

/* With what was made here. One that failed is run once more by the user's own process. */
static void finish(struct job *j, const char *reason, bool keep)
{
	struct history_record *rec = job_record(j);

	rec->reason = reason;
	if (keep) {
		rec->remote = true;
		snprintf(rec->where, HISTORY_WHERE_MAX, "%s", j->twice->where);
	}
	if (j->here_result.exit_code == 0) {
		job_here_end(j, keep);
		return;
	}
	j->keep = false;
	job_exact_over(j);
	job_run_here(j);
}

static void unproved(struct job *j, const char *why)
{
	job_say(j, LOG_LEVEL_INFO, "not-compared", "%s: %s", job_source_name(j), why);
	finish(j, "verify", false);
}

/* NULL: it could not be written; that is said. */
static char *write_bundle(struct job *j)
{
	const struct job_twice *t = j->twice;
	const struct bundle b = {.action = &j->action,
		.source = job_source_name(j),
		.compiler = j->request->compiler,
		.cwd = j->request->cwd,
		.argv = j->request->argv + 1,
		.difference = t->difference,
		.where = t->where,
		.there = &t->there,
		.here = &j->here_result};
	const char *dir = verify_directory(j->agent->verify);
	AUTO(util_free) char *place = dir ? path_join(dir, "bundles") : NULL;
	char *path = NULL;
	int r = place ? bundle_write(place, &b, &path) : -ENOENT;

	if (r == BUNDLE_FULL)
		job_say(j, LOG_LEVEL_WARNING, "no-bundle", "there are %d in %s: remove some",
			BUNDLES_MAX, place);
	else if (r < 0)
		job_say(j, LOG_LEVEL_WARNING, "no-bundle", "%s: %s", place ? place : "",
			strerror(-r));
	return path;
}

static void report(struct job *j)
{
	AUTO(util_free) char *path = write_bundle(j);

	job_say(j, LOG_LEVEL_WARNING, "verify-differed",
		"%s compiled on %s is not what is compiled here: %s differs%s%s; from now on it is "
		"compiled here",
		job_source_name(j), j->twice->where, j->twice->difference,
		path ? "; all of it is in " : "", path ? path : "");
	doubt_file(j);
	finish(j, "verify-differed", false);
}

static void on_same_action(struct job *j, bool same)
{
	struct job_twice *t = j->twice;

	if (!same) {
		unproved(j, "its inputs have changed meanwhile");
		return;
	}
	t->first = j->here_result;
	j->here_result = (struct rex_result){.outcome = REX_DONE};
	t->again = true;
	job_here_forget(j);
	if (job_here_start(j) == 0)
		return;
	j->here_result = t->first;
	t->first = (struct rex_result){.outcome = REX_DONE};
	unproved(j, "it could not be compiled again");
}

static void compare(struct job *j)
{
	struct job_twice *t = j->twice;
	int r = result_difference(&j->action, &t->there, &j->here_result, &t->difference);

	if (r < 0)
		unproved(j, strerror(-r));
	else if (!t->difference)
		finish(j, "verified", true);
	else if (job_here_prepare_again(j, on_same_action) < 0)
		unproved(j, "out of memory");
}

static void compare_again(struct job *j)
{
	AUTO(util_free) char *with_itself = NULL;
	int r = result_difference(&j->action, &j->twice->first, &j->here_result, &with_itself);

	if (r < 0 || with_itself)
		unproved(j, "the compiler does not make the same twice");
	else
		report(j);
}

void job_verify_compiled(struct job *j, int status)
{
	j->here_result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	if (job_here_read(j) < 0 || j->contended)
		unproved(j, "what was made here could not be read");
	else if (j->twice->again)
		compare_again(j);
	else
		compare(j);
}
