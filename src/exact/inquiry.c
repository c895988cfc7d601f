/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/inquiry.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/child.h"
#include "base/env.h"
#include "base/path.h"
#include "cc/specs.h"
#include "exact/ask.h"
#include "exact/elf_interpreter.h"

int inquiry_unknown(struct inquiry *i, const char *fmt, ...)
{
	char *reason = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&reason, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	free(i->reason);
	i->reason = reason;
	return TOOLCHAIN_UNKNOWN;
}

static int ask_with(struct inquiry *i, const struct strv *options, const char *word,
	bool stderr_wanted, struct buf *ret)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	struct ask q = {
		.program = i->q->compiler, .cwd = i->q->cwd, .stderr_wanted = stderr_wanted};
	int r = strv_push(&argv, i->q->compiler);

	if (r == 0)
		r = strv_push_all(&argv, strv_argv(options));
	if (r == 0)
		r = strv_push(&argv, word);
	if (r < 0)
		return r;
	q.argv = strv_argv(&argv);
	q.envp = strv_argv(&i->env);
	r = ask(&q, ret);
	if (r == ASK_FAILED)
		return inquiry_unknown(i, "%s has no answer to %s", i->q->compiler, word);
	return r;
}

int inquiry_ask(struct inquiry *i, const char *word, bool stderr_wanted, struct buf *ret)
{
	return ask_with(i, &i->options.passed, word, stderr_wanted, ret);
}

static int ask_line(struct inquiry *i, const struct strv *options, const char *option,
	const char *name, char **ret)
{
	AUTO(buf_fini) struct buf said = BUF_INIT_MAX(ASK_OUTPUT_MAX);
	AUTO(buf_fini) struct buf word = BUF_INIT;
	int r = buf_printf(&word, "%s%s", option, name);

	if (r == 0)
		r = ask_with(i, options, word.data, false, &said);
	if (r != 0)
		return r;
	*ret = strndup(buf_str(&said), strcspn(buf_str(&said), "\n"));
	return *ret ? 0 : -ENOMEM;
}

int inquiry_ask_line(struct inquiry *i, const char *option, const char *name, char **ret)
{
	return ask_line(i, &i->options.passed, option, name, ret);
}

int inquiry_ask_specs(struct inquiry *i, const char *name, char **ret)
{
	AUTO(strv_fini) struct strv options = STRV_INIT;
	int r = cc_specs_question(&i->options.passed, &options);

	return r == 0 ? ask_line(i, &options, "-print-file-name=", name, ret) : r;
}

int inquiry_optional(struct inquiry *i, const char *path)
{
	AUTO(util_free) char *full = path_join(i->q->cwd, path);
	int r = full ? closure_add(&i->closure, full, NULL) : -ENOMEM;

	return r == CLOSURE_MISSING ? 0 : r;
}

int inquiry_optional_tree(struct inquiry *i, const char *path)
{
	AUTO(util_free) char *full = path_join(i->q->cwd, path);
	int r = full ? closure_add_tree(&i->closure, full) : -ENOMEM;

	return r == CLOSURE_MISSING ? 0 : r;
}

int inquiry_program(struct inquiry *i, const char *path, char **ret_real)
{
	AUTO(util_free) char *full = path_join(i->q->cwd, path);
	AUTO(util_free) char *real = NULL;
	AUTO(util_free) char *loader = NULL;
	int r = full ? closure_add(&i->closure, full, &real) : -ENOMEM;

	if (r == CLOSURE_MISSING)
		return inquiry_unknown(i, "there is no %s", full);
	if (r == 0 && !strv_has(&i->known, real)) {
		r = elf_file_interpreter(real, &loader);
		if (r == ELF_OTHER)
			return inquiry_unknown(i, "%s is no program of this machine", real);
		if (r == -EACCES || r == -ENOENT)
			return inquiry_unknown(i, "%s cannot be read", real);
		if (r == 0)
			r = strv_push(&i->known, real);
		if (r == 0 && loader)
			r = libraries_add(i, real, loader);
	}
	if (r == 0 && ret_real)
		*ret_real = TAKE_PTR(real);
	return r;
}

int inquiry_plugin(struct inquiry *i, const char *path)
{
	AUTO(util_free) char *full = path_join(i->q->cwd, path);
	AUTO(util_free) char *real = NULL;
	AUTO(util_free) char *loader = NULL;
	int r = full ? closure_add(&i->closure, full, &real) : -ENOMEM;

	if (r == CLOSURE_MISSING)
		return inquiry_unknown(i, "there is no %s", full);
	if (r == 0)
		r = elf_file_interpreter(i->driver, &loader);
	if (r == ELF_OTHER || (r == 0 && !loader))
		return inquiry_unknown(i, "%s loads no libraries", i->driver);
	return r == 0 ? libraries_add(i, real, loader) : r;
}

int inquiry_subprogram(struct inquiry *i, const char *name)
{
	AUTO(util_free) char *said = NULL;
	AUTO(util_free) char *path = NULL;
	int r = inquiry_ask_line(i, "-print-prog-name=", name, &said);

	if (r != 0)
		return r;
	/* A name that comes back as it was is searched in PATH when it is run. */
	r = child_find_program(said, env_get(i->q->envp, "PATH"), i->q->cwd, &path);
	if (r == -ENOENT)
		return inquiry_unknown(i, "%s has no %s", i->q->compiler, name);
	return r == 0 ? inquiry_program(i, path, NULL) : r;
}

/* A line "programs: =DIR:DIR". */
static int add_dirs(struct inquiry *i, char *list)
{
	char *save = NULL;
	int r = 0;

	for (char *dir = strtok_r(list, ":", &save); r == 0 && dir;
		dir = strtok_r(NULL, ":", &save)) {
		AUTO(util_free) char *full = path_join(i->q->cwd, dir);

		r = full ? strv_push(&i->dirs, full) : -ENOMEM;
		if (r == 0)
			r = inquiry_optional(i, full);
	}
	return r;
}

int inquiry_search_dirs(struct inquiry *i)
{
	AUTO(buf_fini) struct buf said = BUF_INIT_MAX(ASK_OUTPUT_MAX);
	char *save = NULL;
	int r = inquiry_ask(i, "-print-search-dirs", false, &said);

	for (char *line = r == 0 && said.data ? strtok_r(said.data, "\n", &save) : NULL;
		r == 0 && line; line = strtok_r(NULL, "\n", &save)) {
		char *list = strstr(line, ": ");

		if (list)
			r = add_dirs(i, list + (list[2] == '=' ? 3 : 2));
	}
	return r;
}
