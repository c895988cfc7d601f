/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A compile that is run here by ourselves, and not by the launcher, so that what it makes can be
 * kept. It is kept only if what it read is what was foreseen, if the same action comes out again
 * when it has ended, and if nothing that matters has been another in between.
 */

#include "agent/job_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/rebased.h"
#include "agent/result.h"
#include "base/fs.h"
#include "base/path.h"

static void drop_list(struct job *j, char **list)
{
	if (!*list)
		return;
	unlink(*list);
	warden_release_path(&j->agent->warden, *list);
	util_free(list);
}

static void drop_lists(struct job *j)
{
	drop_list(j, &j->read_list);
	drop_list(j, &j->assembled_list);
}

void job_here_forget(struct job *j)
{
	drop_lists(j);
	free(TAKE_PTR(j->before));
	rex_result_fini(&j->here_result);
}

static int read_output(struct job *j, const char *name, struct rex_output *ret)
{
	AUTO(util_free) char *path = path_join(j->request->cwd, name);
	const char *from =
		j->action.deps_ours && str_eq(name, j->action.deps) ? j->read_list : path;

	ret->path = strdup(name);
	ret->data.max = REX_OUTPUT_BYTES_MAX;
	return ret->path && from ? fs_read_file(from, &ret->data) : -ENOMEM;
}

static void look_at(const struct job *j, const char *name, struct stat *ret)
{
	AUTO(util_free) char *path = path_join(j->request->cwd, name);

	if (!path || stat(path, ret) < 0)
		*ret = (struct stat){.st_ino = 0};
}

static int note_before(struct job *j)
{
	j->before = calloc(j->action.outputs.n + 1, sizeof(*j->before));
	if (!j->before)
		return -ENOMEM;
	for (size_t i = 0; i < j->action.outputs.n; i++)
		look_at(j, j->action.outputs.v[i], &j->before[i]);
	return 0;
}

/* What lay there before, and was not written, is no output of this compile. */
static bool is_old(const struct job *j, size_t i)
{
	const struct stat *was = &j->before[i];
	struct stat is;

	look_at(j, j->action.outputs.v[i], &is);
	return was->st_ino != 0 && was->st_ino == is.st_ino &&
	       was->st_ctim.tv_sec == is.st_ctim.tv_sec &&
	       was->st_ctim.tv_nsec == is.st_ctim.tv_nsec;
}

/* All outputs that it wrote. */
int job_here_read(struct job *j)
{
	struct rex_result *r = &j->here_result;

	r->outputs = calloc(j->action.outputs.n + 1, sizeof(*r->outputs));
	if (!r->outputs)
		return -ENOMEM;
	for (size_t i = 0; i < j->action.outputs.n; i++) {
		struct rex_output *o = &r->outputs[r->n_outputs];
		int e;

		if (is_old(j, i))
			continue;
		e = read_output(j, j->action.outputs.v[i], o);

		if (e == 0) {
			r->n_outputs++;
			continue;
		}
		free(o->path);
		buf_fini(&o->data);
		if (e != -ENOENT)
			return e;
	}
	return 0;
}

/* As it is kept. False: it cannot be. */
static bool make_kept(struct job *j, struct rex_result *ret)
{
	AUTO(util_free) char *why = NULL;
	int r;

	if (!j->action.base)
		return true;
	r = rebased(&j->action, &j->here_result, REBASED_TO_KEEP, ret, &why);
	if (r == 0)
		return true;
	sources_add(&j->agent->not_based, j->request->cwd, j->command.input);
	job_say(j, LOG_LEVEL_INFO, "not-kept", "%s: %s", job_source_name(j),
		why ? why : strerror(ENOMEM));
	return false;
}

void job_here_end(struct job *j, bool keep)
{
	struct reapi_digest action = j->action.digest;
	struct rex_result kept = {.outcome = REX_DONE};
	bool is_based = j->action.base, put = keep && !j->action.unseen && make_kept(j, &kept);
	struct rex_result result = j->here_result;
	struct agent *a = j->agent;

	j->here_result = (struct rex_result){.outcome = REX_DONE};
	drop_lists(j);
	if (put) {
		job_exact_give(j, is_based ? &kept : &result);
		inflight_done(&j->flight, is_based ? &kept : &result);
	}
	job_end(j, 0, &result.out, &result.err); /* j may be gone */
	if (put && a->store)
		store_put(a->store, a->loop, &action, is_based ? &kept : &result);
	rex_result_fini(&kept);
	rex_result_fini(&result);
}

static void on_prepared_again(void *data, struct prepare_result *result)
{
	struct job *j = data;
	bool same;

	j->prepare = NULL;
	same = result->outcome == 0 && !result->changed &&
	       reapi_digest_eq(&result->action.digest, &j->action.digest);
	if (result->outcome == 0)
		exact_action_fini(&result->action);
	j->prepared_again(j, same);
}

int job_here_prepare_again(struct job *j, void (*told)(struct job *j, bool same))
{
	j->prepared_again = told;
	return job_exact_prepare(j, j->prepared_at, on_prepared_again);
}

static void keep_if_same(struct job *j, bool same)
{
	if (!same)
		job_say(j, LOG_LEVEL_INFO, "not-kept", "%s: its inputs have changed meanwhile",
			job_source_name(j));
	job_here_end(j, same && !j->contended);
}

/* What its assembler read; only here can it read what is not in the action's root. */
static int check_assembled(const struct job *j, char **ret_reason)
{
	AUTO(buf_fini) struct buf list = BUF_INIT_MAX(REX_OUTPUT_BYTES_MAX);
	int r = j->assembled_list ? fs_read_file(j->assembled_list, &list) : 0;

	if (r < 0 || !j->assembled_list)
		return r;
	return exact_check_assembled(&j->action, j->request->cwd, &list, ret_reason);
}

/* Is what it made fit to be kept, as far as that can be told by now? */
static bool is_fit(struct job *j)
{
	AUTO(util_free) char *why = NULL;

	if (j->contended || job_here_read(j) < 0)
		return false;
	if (result_check(&j->action, &j->here_result, j->request->cwd, &why) == 0 &&
		check_assembled(j, &why) == 0)
		return true;
	job_say(j, LOG_LEVEL_INFO, "not-kept", "%s: %s", job_source_name(j), why ? why : "");
	return false;
}

static void on_compiled(void *data, struct preprocess_result *res)
{
	struct job *j = data;
	int r = buf_append(&j->here_result.out, res->text.data, res->text.len);

	j->here = NULL;
	j->here_result.outcome = REX_DONE;
	j->here_result.err = res->err;
	preprocess_text_fini(&res->text);
	if (r == 0 && j->twice && res->status >= 0) {
		job_verify_compiled(j, res->status);
		return;
	}
	/*
	 * What failed is run once more in the user's own process, with its limits, and is said there.
	 * So is what could not be told, or is told otherwise on a terminal.
	 */
	if (r < 0 || res->status != 0 || job_exact_terminal_matters(j, &j->here_result.err)) {
		j->keep = false;
		job_exact_over(j);
		job_run_here(j);
		return;
	}
	if (!is_fit(j) || job_here_prepare_again(j, keep_if_same) < 0)
		job_here_end(j, false);
}

static int name_list(struct job *j, char **ret)
{
	char name[] = "/tmp/distcc-read-XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	*ret = strdup(name);
	if (!*ret) {
		unlink(name);
		return -ENOMEM;
	}
	warden_guard_path(&j->agent->warden, *ret);
	return 0;
}

/* The user's command, and what makes the compiler and its assembler say what they read. */
static int command_here(struct job *j, struct strv *argv, struct strv *envp)
{
	int r = strv_push_all(envp, j->request->envp);

	if (r == 0)
		r = strv_push(argv, j->request->argv[0]);
	if (r == 0)
		r = strv_push_all(argv, j->request->argv + 1);
	if (r == 0 && job_colour(j) == CC_COLOUR_ALWAYS)
		r = strv_push(argv, j->command.family == CC_FAMILY_GCC
					    ? "-fdiagnostics-color=always"
					    : "-fcolor-diagnostics");
	if (r == 0 && j->action.deps_ours)
		r = name_list(j, &j->read_list);
	if (r == 0 && exact_assembler_lists(&j->command))
		r = name_list(j, &j->assembled_list);
	return r < 0 ? r
		     : exact_ask_for_lists(
			       &j->command, j->read_list, j->assembled_list, argv, envp);
}

int job_here_start(struct job *j)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	AUTO(strv_fini) struct strv envp = STRV_INIT;
	int r = command_here(j, &argv, &envp);

	if (r == 0)
		r = note_before(j);
	if (r == 0)
		r = preprocess_start(j->agent->loop, &j->agent->warden, j->request->compiler,
			strv_argv(&argv), strv_argv(&envp), j->request->cwd, j->request->umask,
			on_compiled, j, &j->here);
	if (r < 0)
		drop_lists(j);
	return r;
}
