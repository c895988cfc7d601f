/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The plain way of a job to a server of Remote Execution: the text is an action's one file, and the
 * compiler is the server's own. Such a server has some compiler under the name, and nothing keeps it
 * from being another one: so both are asked what they are (--version) first, and a server whose
 * answer is not ours word by word is one that lacks the compiler. Three steps, each of which may
 * have to wait, and what is known is remembered by the agent:
 *
 *	ask ours → ask theirs → compile
 */

#include "agent/job_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/path.h"
#include "cc/extension.h"

static int step(struct job *j);

static void drop(struct job *j)
{
	text_action_fini(&j->text_action);
}

/* A step could not be begun. */
static void stuck(struct job *j)
{
	drop(j);
	job_give_host_back(j);
	job_go_local(j, "out-of-memory");
}

static const char *key_here(const struct job *j, char **ret)
{
	const char *compiler = j->request->compiler;
	struct stat st;

	if (stat(compiler, &st) < 0)
		st = (struct stat){.st_ino = 0};
	if (asprintf(ret, "%s %s %llx %llx %lld.%09ld", j->remote_name, compiler,
		    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino,
		    (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec) < 0)
		*ret = NULL;
	return *ret;
}

static const char *key_there(const struct job *j, char **ret)
{
	if (asprintf(ret, "%s on %s", j->remote_name, j->host->entry.definition) < 0)
		*ret = NULL;
	return *ret;
}

static int start(
	struct job *j, const struct text_action_params *p, bool skip_cache, rex_done_fn done)
{
	const struct cluster_times times = {.resolve_ms = j->settings.resolve_ms,
		.connect_ms = j->settings.connect_ms,
		.io_ms = j->settings.io_ms};
	struct rex_params params = {.skip_cache = skip_cache};
	struct rex *rex;
	int r;

	drop(j);
	r = text_action_make(p, &j->text_action);
	if (r == 0)
		r = cluster_get(&j->agent->texts, j->agent->loop, &j->host->entry, &times, &rex);
	if (r != 0)
		return r < 0 ? r : -EINVAL;
	params.action = j->text_action.digest;
	params.blobs = j->text_action.blobs;
	params.n_blobs = j->text_action.n_blobs;
	params.outputs = &j->text_action.output;
	params.n_outputs = p->output ? 1 : 0;
	return rex_start(rex, &params, done, j, &j->text_run);
}

/* True: there is a result. Else the job is on its way to another host, or home. */
static bool arrived(struct job *j, struct rex_result *res)
{
	j->text_run = NULL;
	drop(j);
	if (res->outcome == REX_DONE) {
		cluster_is_well(&j->agent->texts, &j->host->entry);
		return true;
	}
	job_server_failed(j, &j->agent->texts, res);
	return false;
}

/* ---- ours ---- */

static void on_own_version(void *data, struct preprocess_result *res)
{
	struct job *j = data;
	AUTO(util_free) char *key = NULL;
	bool known = res->status == 0 && res->text.len > 0 && key_here(j, &key) &&
		     versions_put(&j->agent->versions, key, res->text.data, res->text.len,
			     job_now_ms(j)) == 0;

	j->preprocess = NULL;
	preprocess_text_fini(&res->text);
	buf_fini(&res->err);
	if (!known || step(j) < 0)
		stuck(j);
}

/* By the name that it is called there, for it tells that too. */
static int ask_ours(struct job *j)
{
	char *const argv[] = {j->remote_name, (char *)"--version", NULL};

	return preprocess_start(j->agent->loop, &j->agent->warden, j->request->compiler, argv,
		j->request->envp, j->request->cwd, j->request->umask, on_own_version, j,
		&j->preprocess);
}

/* ---- theirs ---- */

static void on_their_version(void *data, struct rex_result *res)
{
	struct job *j = data;
	AUTO(util_free) char *key = NULL;

	if (!arrived(j, res))
		return;
	/* What failed is told by no text, which is not ours. */
	if (!key_there(j, &key) ||
		versions_put(&j->agent->versions, key, buf_str(&res->out),
			res->exit_code == 0 ? res->out.len : 0, job_now_ms(j)) < 0 ||
		step(j) < 0)
		stuck(j);
}

static int ask_theirs(struct job *j)
{
	char *const argv[] = {j->remote_name, (char *)"--version", NULL};
	const struct text_action_params p = {.argv = argv, .envp = j->request->envp};

	return start(j, &p, true, on_their_version);
}

static void is_another(struct job *j)
{
	struct fleet_host *host = j->host;

	job_say(j, LOG_LEVEL_WARNING, "compiler-missing",
		"%s does not have our %s: take the host off the list, or have the same compiler "
		"there",
		host->entry.definition, j->remote_name);
	job_answered(j, "", 0, 0);
	fleet_compiler_missing(host, j->remote_name, job_now_ms(j),
		MAX(j->settings.backoff_ms, (uint64_t)VERSIONS_KEPT_MS));
	job_wait_for_host(j);
}

/* ---- the compile ---- */

static void on_compiled(void *data, struct rex_result *res)
{
	struct job *j = data;
	struct wire_reply reply = {.status = W_EXITCODE(res->exit_code & 0xff, 0)};

	if (!arrived(j, res))
		return;
	if (res->exit_code == 0 && res->n_outputs != 1)
		reply.status = W_EXITCODE(1, 0);
	else if (res->exit_code == 0)
		reply.object = res->outputs[0].data;
	reply.err = res->err;
	reply.out = res->out;
	job_plain_replied(j, j->host, &reply,
		&(struct job_traffic){res->address, res->bytes_up, res->bytes_down});
}

/*
 * The last words are the source operand, -o and the object (cc/split.h). The operand has the source's
 * extension; here, where nobody changes it on the way, it needs that of its preprocessed form.
 */
static int name_text(struct strv *argv, enum cc_language language)
{
	enum cc_language form = cc_language_preprocessed(language);
	char **operand = &argv->v[argv->n - 3];
	char *name = path_with_ext(*operand, cc_language_extension(form));

	if (!name)
		return -ENOMEM;
	free(*operand);
	*operand = name;
	return 0;
}

static int compile(struct job *j, const char *version)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	struct text_action_params p = {.envp = j->request->envp,
		.text = j->text.data ? j->text.data : "",
		.text_len = j->text.len,
		.version = version};
	int r = strv_push_all(&argv, strv_argv(&j->remote_argv));

	if (r == 0)
		r = name_text(&argv, j->command.language);
	if (r < 0)
		return r;
	p.argv = strv_argv(&argv);
	p.input = argv.v[argv.n - 3];
	/* This one stays. */
	p.output = j->remote_argv.v[j->remote_argv.n - 1];
	return start(j, &p, false, on_compiled);
}

static int step(struct job *j)
{
	AUTO(util_free) char *here = NULL, *there = NULL;
	const char *ours, *theirs;

	if (!key_here(j, &here) || !key_there(j, &there))
		return -ENOMEM;
	ours = versions_find(&j->agent->versions, here, job_now_ms(j));
	theirs = versions_find(&j->agent->versions, there, job_now_ms(j));
	if (!ours)
		return ask_ours(j);
	if (!theirs)
		return ask_theirs(j);
	if (str_eq(ours, theirs)) {
		job_story(j, "compiler", "%s on %s says of itself what ours does", j->remote_name,
			j->host->entry.definition);
		return compile(j, ours);
	}
	is_another(j);
	return 0;
}

int job_text_send(struct job *j)
{
	return step(j);
}

void job_text_over(struct job *j)
{
	if (j->text_run)
		rex_cancel(TAKE_PTR(j->text_run));
	drop(j);
}
