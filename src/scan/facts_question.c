/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"
#include "base/fs.h"
#include "base/path.h"
#include "scan/facts_parse.h"
#include "scan/facts_probe.h"
#include "scan/facts_run.h"
#include "scan/facts_store.h"
#include "scan/plan.h"

/*
 * The one run that finds out all but the answers by operand:
 *
 *	COMPILER -iquote TEMPORARY -isystem TEMPORARY/. KEY-OPTIONS -x LANGUAGE -E -dD -v -w -
 *
 * In the temporary directory lies a stdc-predef.h of ours that does nothing but to mark itself: it
 * tells whether the compiler looks for such a file, and keeps what the system's defines out of the
 * reply. The line markers tell predefined macros from ours. The search lists are in what -v prints;
 * the temporary directory is taken out of them. Under which of its two names it stands there tells
 * how paths are formed (scan_facts.first_name).
 */

static const char stdc_predef[] = "stdc-predef.h", predef_text[] = "#define scan_preinclude 1\n";

int facts_unknown(const struct scan_plan *plan, char **ret_reason, const char *fmt, ...)
{
	AUTO(util_free) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return asprintf(ret_reason, "%s: %s", plan->compiler, text) < 0 ? -ENOMEM
									: SCAN_FACTS_UNKNOWN;
}

int facts_args(const struct scan_plan *plan, struct strv *args)
{
	static const char *const last[] = {"-E", "-w", "-x"};
	int r = strv_push_all(
		args, strv_argv(plan->search_by_compiler ? &plan->search_args : &plan->key_args));

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(last); i++)
		r = strv_push(args, last[i]);
	if (r == 0)
		r = strv_push(args, cc_language_word(plan->language));
	return r;
}

/*
 * A directory with a stdc-predef.h of ours. Beside the database it is made once and stays; without
 * one each question has its own.
 */
struct marker {
	char *dir;
	char *system; /* the same by another name */
	bool stays;
};

static void remove_marker(const char *dir)
{
	AUTO(util_free) char *file = path_join(dir, stdc_predef);

	if (file)
		unlink(file);
	rmdir(dir);
}

static void marker_fini(struct marker *m)
{
	if (m->dir && !m->stays)
		remove_marker(m->dir);
	free(m->system);
	free(m->dir);
}

static int write_marker(const char *dir)
{
	AUTO(util_free) char *path = path_join(dir, stdc_predef);
	AUTO(util_close) int fd = -1;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fs_write_all(fd, predef_text, sizeof(predef_text) - 1);
}

/* A new one; name: with mkdtemp's XXXXXX. */
static int make_marker(char *name)
{
	int r;

	if (!mkdtemp(name))
		return -errno;
	r = write_marker(name);
	if (r < 0)
		remove_marker(name);
	return r;
}

/* All of it: a machine that lost its power may have left a file with nothing in it. */
static bool is_whole(const char *file)
{
	struct stat st;

	return stat(file, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == (off_t)(sizeof(predef_text) - 1);
}

/* It comes with its file in it: others may be making it, or asking with it, just now. */
static int keep_marker(const char *dir)
{
	AUTO(util_free) char *file = path_join(dir, stdc_predef);
	AUTO(util_free) char *name = NULL;
	int r;

	if (!file || asprintf(&name, "%s-XXXXXX", dir) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	if (is_whole(file))
		return 0;
	r = make_marker(name);
	if (r < 0 || rename(name, dir) == 0)
		return r;
	r = -errno;
	remove_marker(name);
	return is_whole(file) ? 0 : r;
}

static int temporary_marker(char **ret)
{
	const char *tmp = env_get(environ, "TMPDIR");
	AUTO(util_free)
	char *name = path_join(tmp && tmp[0] == '/' ? tmp : "/tmp", "distcc-facts-XXXXXX");
	int r = name ? make_marker(name) : -ENOMEM;

	if (r == 0)
		*ret = TAKE_PTR(name);
	return r;
}

static int marker_init(const struct scan_facts_store *s, struct marker *m)
{
	char *real;
	int r;

	if (s->marker && keep_marker(s->marker) == 0) {
		m->stays = true;
		m->dir = strdup(s->marker);
		r = m->dir ? 0 : -ENOMEM;
	} else {
		r = temporary_marker(&m->dir);
	}
	if (r < 0)
		return r;
	/* gcc prints the names of system headers without links. */
	real = realpath(m->dir, NULL);
	if (!real)
		return -errno;
	free(m->dir);
	m->dir = real;
	m->system = path_join(m->dir, ".");
	return m->system ? 0 : -ENOMEM;
}

static int rely_on_all(struct scan_facts *f, const char *cwd, const struct strv *paths, bool timed)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->n; i++)
		r = facts_rely(f, cwd, paths->v[i], timed);
	return r;
}

/* Another gcc beside the one that clang found would be another choice. */
static int rely_on_parents(struct scan_facts *f, const char *cwd, const struct strv *paths)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < paths->n; i++) {
		AUTO(util_free) char *dir = path_dir(paths->v[i]);

		r = dir ? facts_rely(f, cwd, dir, true) : -ENOMEM;
	}
	return r;
}

static int take_lists(const struct scan_plan *plan, struct scan_facts *f, struct facts_lists *l)
{
	int r = rely_on_all(f, plan->cwd, &l->missing, false);

	if (r == 0 && plan->search_by_compiler)
		r = rely_on_all(f, plan->cwd, &l->quote, false);
	if (r == 0 && plan->search_by_compiler)
		r = rely_on_all(f, plan->cwd, &l->bracket, false);
	if (r == 0)
		r = rely_on_parents(f, plan->cwd, &l->candidates);
	if (r == 0)
		r = rely_on_parents(f, plan->cwd, &l->also);
	if (r < 0)
		return r;
	f->private->quote = l->quote;
	f->private->bracket = l->bracket;
	f->private->missing = l->missing;
	f->private->also = l->also;
	l->quote = l->bracket = l->missing = l->also = (struct strv)STRV_INIT;
	return 0;
}

/* -pedantic-errors makes errors of what the probes try; the reply is whole all the same. */
static bool status_is_good(const struct scan_plan *plan, int status)
{
	bool pedantic = false;

	for (size_t i = 0; i < plan->key_args.n; i++)
		pedantic = pedantic || strstr(plan->key_args.v[i], "pedantic");
	return WIFEXITED(status) &&
	       (WEXITSTATUS(status) == 0 || (pedantic && WEXITSTATUS(status) == 1));
}

static int read_reply(const struct scan_plan *plan, const struct marker *m, size_t n_answers,
	const struct facts_reply *reply, struct scan_facts *f, char **ret_reason)
{
	AUTO(facts_output_fini) struct facts_output out = {.preinclude = false};
	AUTO(facts_lists_fini) struct facts_lists lists = {.quote = STRV_INIT};
	struct facts_probed probed;
	int r = facts_parse_output(buf_str(&reply->out), reply->out.len, m->dir, n_answers, &out);

	if (r == 0)
		r = facts_parse_lists(buf_str(&reply->err), reply->err.len, m->dir, &lists);
	/* A quote directory of the compiler's own would be something new. */
	if (r == 0 && (lists.skipped.n != 1 || (lists.quote.n > 0 && !plan->search_by_compiler)))
		r = FACTS_PARSE_BAD;
	if (r == 0 && !facts_probe_read(&out.answers, plan->family, plan->language, &probed))
		r = FACTS_PARSE_BAD;
	if (r == FACTS_PARSE_BAD)
		return facts_unknown(plan, ret_reason, "its answers cannot be read");
	if (r < 0)
		return r;
	if (memmem(buf_str(&out.predefined), out.predefined.len, "#define _MSC_VER ", 17))
		return facts_unknown(plan, ret_reason, "it finds headers by Microsoft's rules");
	r = take_lists(plan, f, &lists);
	if (r < 0)
		return r;
	f->mode = probed.mode;
	f->specials = probed.specials;
	f->expands = probed.expands;
	f->preinclude = out.preinclude;
	f->first_name = str_eq(lists.skipped.v[0], m->dir);
	f->search_default = !plan->search_by_compiler;
	f->predefined_len = out.predefined.len;
	f->private->predefined = buf_take(&out.predefined);
	return facts_publish(f);
}

int facts_question(struct scan_facts_store *s, const struct scan_plan *plan, struct scan_facts *f,
	char **ret_reason)
{
	AUTO(marker_fini) struct marker m = {.dir = NULL};
	AUTO(strv_fini) struct strv args = STRV_INIT;
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(facts_reply_fini) struct facts_reply reply = FACTS_REPLY_INIT;
	size_t n_answers;
	int r = marker_init(s, &m);

	if (r < 0 && r != -ENOMEM)
		return facts_unknown(plan, ret_reason, "no temporary directory: %s", strerror(-r));
	if (r == 0)
		r = facts_probe_text(&text, &n_answers);
	/* In front: a stdc-predef.h in a directory of the user's must not be found before ours. */
	if (r == 0)
		r = strv_push_all(&args,
			(char *[]){(char *)"-iquote", m.dir, (char *)"-isystem", m.system, NULL});
	if (r == 0)
		r = facts_args(plan, &args);
	if (r == 0)
		r = strv_push_all(
			&args, (char *[]){(char *)"-dD", (char *)"-v", (char *)"-", NULL});
	if (r < 0)
		return r;
	s->stats.runs++;
	r = facts_run(plan, &args, text.data, text.len, &reply);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return facts_unknown(plan, ret_reason, "it does not answer: %s", strerror(-r));
	if (!status_is_good(plan, reply.status))
		return facts_unknown(plan, ret_reason, "it refuses its options");
	return read_reply(plan, &m, n_answers, &reply, f, ret_reason);
}
