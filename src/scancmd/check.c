/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The command is the user's without what says where to write what, and with -fsyntax-only -MD. It
 * is never -M or -E, whose answers are others: gcc, for one, does not evaluate for -M what it
 * would not need. (.S has no -fsyntax-only: it is assembled.)
 *
 * The two compilers' dependency files differ by design: gcc lists what it read; clang lists too
 * what a __has_include found, and each name of a file that it did not read a second time. What
 * other parts of a compiler read (SCAN_FILE_EXTRA) may be listed or not.
 */

#include "scancmd/check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/child.h"
#include "base/env.h"
#include "base/fs.h"
#include "base/path.h"
#include "cc/options.h"
#include "exact/depfile.h"

static const char target[] = "scanned";

/* An option that writes, or that says where to; its value may be the next word. */
static bool is_output(const struct cc_command *c, const char *arg, bool *ret_separate)
{
	const char *value;
	const struct cc_option *o = cc_option_find(arg, c->family, &value, ret_separate);

	if (str_eq(arg, "-MJ")) {
		*ret_separate = true;
		return true;
	}
	if (!o)
		return str_starts(arg, "-MJ");
	switch (o->mean) {
	case CC_MEAN_DEPS:
	case CC_MEAN_DEPS_USER:
	case CC_MEAN_DEPS_FILE:
	case CC_MEAN_DEPS_TARGET:
	case CC_MEAN_DEPS_PHONY:
	case CC_MEAN_DEPS_MISSING:
	case CC_MEAN_OUTPUT:
	case CC_MEAN_OUTPUTS:
	case CC_MEAN_COVERAGE:
	case CC_MEAN_SPLIT_DWARF:
	case CC_MEAN_STACK_USAGE:
	case CC_MEAN_CALLGRAPH:
	case CC_MEAN_REMARKS:
	case CC_MEAN_TIME_TRACE:
	case CC_MEAN_SAVE_TEMPS:
	case CC_MEAN_OUTPUT_FILE:
		return true;
	default:
		return false;
	}
}

/* -Wp,WORD,… without its -M options. */
static int push_wp(const char *arg, struct strv *ret)
{
	AUTO(util_free) char *copy = strdup(arg);
	AUTO(buf_fini) struct buf kept = BUF_INIT;
	char *rest = copy, *word;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (word = strsep(&rest, ","))) {
		if (str_eq(word, "-MD") || str_eq(word, "-MMD") || str_eq(word, "-MF") ||
			str_eq(word, "-MT") || str_eq(word, "-MQ"))
			strsep(&rest, ",");
		else if (!str_eq(word, "-MP") && !str_eq(word, "-MG"))
			r = buf_printf(&kept, "%s%s", kept.len > 0 ? "," : "", word);
	}
	if (r < 0 || str_eq(buf_str(&kept), "-Wp"))
		return r;
	return strv_push(ret, buf_str(&kept));
}

static int push_kept(const struct cc_command *c, struct strv *ret)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_args; i++) {
		const struct cc_arg *a = &c->args[i];
		bool separate = false;

		if (i > 0 && (a->role == CC_ROLE_MODE || a->role == CC_ROLE_OUTPUT))
			continue;
		if (i > 0 && a->text[0] == '-' && is_output(c, a->text, &separate))
			i += separate ? 1 : 0;
		else if (str_starts(a->text, "-Wp,"))
			r = push_wp(a->text, ret);
		else
			r = strv_push(ret, a->text);
		/* The value of another option is kept, whatever it looks like. */
		if (r == 0 && separate && i + 1 < c->n_args && c->args[i].text == a->text)
			r = strv_push(ret, c->args[++i].text);
	}
	return r;
}

static int command_line(const struct cc_command *c, const char *dir, struct strv *ret)
{
	int r = push_kept(c, ret);

	if (r == 0 && c->language == CC_LANGUAGE_ASM_CPP) {
		r = strv_push(ret, "-c");
		if (r == 0)
			r = strv_pushf(ret, "-o%s/object", dir);
	} else if (r == 0) {
		r = strv_push(ret, "-fsyntax-only");
	}
	if (r == 0)
		r = strv_push(ret, "-MD");
	if (r == 0)
		r = strv_push(ret, "-MF");
	if (r == 0)
		r = strv_pushf(ret, "%s/deps", dir);
	if (r == 0)
		r = strv_push(ret, "-MT");
	return r < 0 ? r : strv_push(ret, target);
}

/* Without the variables that make a compiler write dependencies elsewhere. */
static int environment(char *const *envp, struct strv *ret)
{
	int r = 0;

	for (; r == 0 && *envp; envp++)
		if (!str_starts(*envp, "DEPENDENCIES_OUTPUT=") &&
			!str_starts(*envp, "SUNPRO_DEPENDENCIES="))
			r = strv_push(ret, *envp);
	return r;
}

/* *ret_status is the compiler's, as waitpid gives it; what it says goes to DIR/said. */
static int compile(const struct strv *args, const char *compiler, const char *cwd,
	char *const *envp, const char *dir, int *ret_status)
{
	AUTO(strv_fini) struct strv env = STRV_INIT;
	AUTO(util_free) char *said = path_join(dir, "said");
	AUTO(util_close) int fd = said ? open(said, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
	pid_t pid;
	int r = environment(envp, &env);

	if (r < 0)
		return r;
	r = child_spawn(
		&(struct child_spec){
			.path = compiler,
			.argv = strv_argv(args),
			.envp = strv_argv(&env),
			.cwd = cwd,
			.fd_in = -1,
			.fd_out = -1,
			.fd_err = fd,
		},
		&pid);
	if (r < 0)
		return r;
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int push_real(struct strv *l, const char *cwd, const char *path)
{
	AUTO(util_free) char *full = path_join(cwd, path);
	char *real;

	if (!full)
		return -ENOMEM;
	real = realpath(full, NULL);
	return strv_push_take(l, real ? real : TAKE_PTR(full));
}

static bool listed(enum cc_family family, enum scan_file_role role)
{
	if (role == SCAN_FILE_READ)
		return true;
	return family == CC_FAMILY_CLANG && (role == SCAN_FILE_PROBED || role == SCAN_FILE_MERGED);
}

/* What is in a and neither in b nor in pardoned; all are sorted. */
static int difference(
	const struct strv *a, const struct strv *b, const struct strv *pardoned, struct strv *ret)
{
	size_t j = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < a->n; i++) {
		while (j < b->n && strcmp(b->v[j], a->v[i]) < 0)
			j++;
		if ((j == b->n || !str_eq(b->v[j], a->v[i])) && !strv_has(pardoned, a->v[i]))
			r = strv_push(ret, a->v[i]);
	}
	return r;
}

static int compare(const struct cc_command *c, const char *cwd, const struct strv *deps,
	const struct report *p, struct check *ret)
{
	AUTO(strv_fini) struct strv compiler = STRV_INIT;
	AUTO(strv_fini) struct strv scan = STRV_INIT;
	AUTO(strv_fini) struct strv extra = STRV_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < deps->n; i++)
		r = push_real(&compiler, cwd, deps->v[i]);
	for (size_t i = 0; r == 0 && i < p->n_files; i++) {
		const struct scan_result_file *f = &p->files[i];

		if (listed(c->family, f->role))
			r = push_real(&scan, cwd, f->path->path);
		else if (f->role == SCAN_FILE_EXTRA)
			r = push_real(&extra, cwd, f->path->path);
	}
	if (r < 0)
		return r;
	report_sort(&compiler);
	report_sort(&scan);
	ret->n = compiler.n;
	r = difference(&compiler, &scan, &extra, &ret->missing);
	return r < 0 ? r : difference(&scan, &compiler, &extra, &ret->extra);
}

static int no_answer(struct check *c, const char *why)
{
	c->reason = strdup(why);
	return c->reason ? 0 : -ENOMEM;
}

/* The compiler's own words, where it failed. */
static void show_said(const char *dir)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(util_free) char *said = path_join(dir, "said");

	if (said && fs_read_file(said, &text) == 0)
		fputs(buf_str(&text), stderr);
}

static int dependencies(const char *dir, struct strv *ret)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(util_free) char *path = path_join(dir, "deps");
	int r = path ? fs_read_file(path, &text) : -ENOMEM;

	return r < 0 ? r : depfile_parse(buf_str(&text), text.len, target, ret);
}

static int run_in(const char *dir, const struct cc_command *c, const char *compiler,
	const char *cwd, char *const *envp, const struct report *p, struct check *ret)
{
	AUTO(strv_fini) struct strv args = STRV_INIT;
	AUTO(strv_fini) struct strv deps = STRV_INIT;
	int status = 0;
	int r = command_line(c, dir, &args);

	if (r == 0)
		r = compile(&args, compiler, cwd, envp, dir, &status);
	if (r < 0)
		return r;
	if (status != 0) {
		show_said(dir);
		return no_answer(ret, "the compiler does not accept the unit");
	}
	r = dependencies(dir, &deps);
	if (r == -ENOENT)
		return no_answer(ret, "the compiler writes no dependencies of it");
	if (r == -EBADMSG)
		return no_answer(ret, "the compiler's dependency file is not of the known form");
	return r < 0 ? r : compare(c, cwd, &deps, p, ret);
}

int check_run(const struct cc_command *c, const char *compiler, const char *cwd, char *const *envp,
	const struct report *p, struct check *ret)
{
	const char *tmp = env_get(envp, "TMPDIR");
	AUTO(util_free)
	char *dir = path_join(tmp && *tmp == '/' ? tmp : "/tmp", "distcc-scan-XXXXXX");
	struct check check = CHECK_INIT;
	int r, e;

	if (!dir)
		return -ENOMEM;
	if (!mkdtemp(dir))
		return -errno;
	r = run_in(dir, c, compiler, cwd, envp, p, &check);
	e = fs_remove_tree(dir);
	if (r == 0)
		r = e;
	if (r < 0) {
		check_fini(&check);
		return r;
	}
	*ret = check;
	return 0;
}

void check_fini(struct check *c)
{
	strv_fini(&c->missing);
	strv_fini(&c->extra);
	util_free(&c->reason);
}

bool check_equal(const struct check *c)
{
	return !c->reason && c->missing.n == 0 && c->extra.n == 0;
}
