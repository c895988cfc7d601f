/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/basedir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/path.h"

static int unknown(char **ret_reason, const char *what, const char *name)
{
	if (asprintf(ret_reason, "DISTCC_BASEDIR: %s%s%s", what, *name ? ": " : "", name) < 0) {
		*ret_reason = NULL;
		return -ENOMEM;
	}
	return EXACT_UNKNOWN;
}

/* ---- arguments ---- */

/* Options whose value is a path, joined or as the next word. */
static const char *const with_path[] = {"-idirafter", "-imacros", "-include", "-iquote", "-isystem",
	"-I", "-MF", "-MQ", "-MT", "-o"};

static const char *const maps[] = {
	"-ffile-prefix-map=", "-fdebug-prefix-map=", "-fmacro-prefix-map="};

/* How many characters of arg are an option in front of a path. */
static size_t head_of(const char *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		if (str_starts(arg, maps[i]))
			return strlen(maps[i]);
	for (size_t i = 0; i < ARRAY_SIZE(with_path); i++)
		if (str_starts(arg, with_path[i]))
			return strlen(with_path[i]);
	return 0;
}

static bool takes_next(const char *arg)
{
	for (size_t i = 0; i < ARRAY_SIZE(with_path); i++)
		if (str_eq(arg, with_path[i]))
			return true;
	return false;
}

/* The value of a map is "OLD=NEW". */
static bool is_whole_path(const char *path, const char *base)
{
	size_t n = strlen(base);

	return strncmp(path, base, n) == 0 && (!path[n] || path[n] == '/' || path[n] == '=') &&
	       !rebase_occurs(path + n, strlen(path + n), base);
}

int basedir_argument(const char *before, const char *arg, const char *base, struct strv *ret)
{
	bool is_operand = arg[0] != '-' || takes_next(before);
	size_t head = is_operand ? 0 : head_of(arg);

	if (!rebase_occurs(arg, strlen(arg), base))
		return strv_push(ret, arg);
	/* The word behind an option that we do not know may mean anything. */
	if ((is_operand && before[0] == '-' && !takes_next(before) && arg[0] != '/') ||
		(!is_operand && head == 0) || !is_whole_path(arg + head, base))
		return EXACT_UNKNOWN;
	return strv_pushf(
		ret, "%.*s%s%s", (int)head, arg, REBASE_DIRECTORY, arg + head + strlen(base));
}

static bool maps_away(const struct cc_command *c, const char *option, const char *base)
{
	size_t n = strlen(option), m = strlen(base);

	for (size_t i = 1; i < c->n_args; i++) {
		const char *arg = c->args[i].text;

		if (strncmp(arg, option, n) == 0 && strncmp(arg + n, base, m) == 0 &&
			arg[n + m] == '=' && !rebase_occurs(arg + n + m, strlen(arg + n + m), base))
			return true;
	}
	return false;
}

/* What may leave a trace that cannot be seen in what is written. */
static const char *hiding_option(const struct cc_command *c)
{
	static const char *const hiding[] = {"-flto", "-gz", "-Wa,", "-Xassembler", "-Wp,",
		"-Xpreprocessor", "-Xclang", "-mllvm", "--coverage", "-coverage", "-fprofile",
		"-ftest-coverage", "-fauto-profile", "-fsanitize", "-fcs-profile", "-fcoverage",
		"-frandom-seed", "-funique-internal", "-fdebug-types-section", "-gsplit-dwarf",
		"-fplugin", "-fpass-plugin", "-fdump", "-fbasic-block", "-fxray", "-fcallgraph",
		"-fstack-usage", "-ftime-trace", "-save-temps", "--save-temps", "-fembed-bitcode",
		"-fsave-optimization-record", "-frecord", "-fmodule", "-fdebug-compilation-dir",
		"-ffile-compilation-dir", "-fcompare-debug", "-no-canonical-prefixes"};

	for (size_t i = 1; i < c->n_args; i++)
		for (size_t k = 0; k < ARRAY_SIZE(hiding); k++)
			if (str_starts(c->args[i].text, hiding[k]))
				return c->args[i].text;
	return NULL;
}

static int check_arguments(const struct exact_params *p, char **ret_reason)
{
	const struct cc_command *c = p->command;
	const char *hiding = hiding_option(c);
	bool all = maps_away(c, "-ffile-prefix-map=", p->base);

	if (hiding)
		return unknown(ret_reason, "what it does to names cannot be seen", hiding);
	if (!all && !maps_away(c, "-fmacro-prefix-map=", p->base))
		return unknown(ret_reason, "there is no -ffile-prefix-map= of it", "");
	if (!all && c->debug && !maps_away(c, "-fdebug-prefix-map=", p->base))
		return unknown(ret_reason, "there is no -fdebug-prefix-map= of it", "");
	for (size_t i = 0; i < c->n_outputs; i++)
		if (c->outputs[i].kind != CC_OUTPUT_OBJECT && c->outputs[i].kind != CC_OUTPUT_DEPS)
			return unknown(ret_reason, "it writes more than an object", "");
	return 0;
}

/* ---- ways ---- */

struct ways {
	const char *base;
	const char *bad; /* the first that leads in or out */
	bool link, up;   /* within the base: some link, some ".." */
};

/* Below base, does it stay there all the way? Outside, does it stay outside? As text. */
static bool keeps_its_side(struct ways *w, const char *path)
{
	bool inside = rebase_is_below(path, w->base);
	const char *p = inside ? path + strlen(w->base) : path;
	long depth = 0;

	for (; *p; p += strcspn(p, "/")) {
		p += strspn(p, "/");
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0) {
			w->up |= inside;
			depth--;
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			depth++;
		}
		if (depth < 0)
			return false;
		/* Outside, a name with ".." in it could come in by another way than its text. */
		if (!inside && n == 2 && memcmp(p, "..", 2) == 0 &&
			rebase_occurs(path, strlen(path), w->base))
			return false;
	}
	return true;
}

static void see(struct ways *w, const char *path)
{
	if (!w->bad && !keeps_its_side(w, path))
		w->bad = path;
}

static int see_absent(void *arg, const struct scan_path *path)
{
	see(arg, path->path);
	return 0;
}

/* Does a link lead to the other side, or may it? A relative target is taken as its text. */
static int changes_sides(const struct ways *w, const char *path, const char *target, bool *ret)
{
	AUTO(util_free) char *dir = path_dir(path);
	AUTO(util_free) char *to = dir ? path_join(dir, target) : NULL;
	bool into, around;

	if (!to)
		return -ENOMEM;
	into = rebase_is_below(to, w->base);
	around = !into && rebase_is_below(w->base, to);
	*ret = around || (into && !rebase_is_below(path, w->base)) ||
	       (*target != '/' && strstr(target, ".."));
	return 0;
}

/* Of links only those are let through that say where they lead, and stay on their side. */
static int see_step(void *arg, enum scan_step what, const char *path, const char *target)
{
	struct ways *w = arg;
	bool changes;
	int r;

	see(w, path);
	if (what != SCAN_STEP_LINK || w->bad)
		return 0;
	w->link |= rebase_is_below(path, w->base);
	r = changes_sides(w, path, target, &changes);
	if (r == 0 && changes)
		w->bad = path;
	return r;
}

static int see_place(struct ways *w, const struct exact_params *p, struct scan_path *path)
{
	const char *real;

	/* It has gone while it was looked at. */
	if (path->kind != SCAN_FILE && path->kind != SCAN_DIRECTORY) {
		w->bad = path->path;
		return 0;
	}
	real = scanner_real(p->scanner, path);
	if (!real)
		return -ENOMEM;
	see(w, path->path);
	if (!w->bad && rebase_is_below(path->path, w->base) != rebase_is_below(real, w->base))
		w->bad = path->path;
	return 0;
}

static int check_ways(const struct exact_params *p, char **ret_reason)
{
	const struct scan_result *scan = p->scan;
	struct ways w = {.base = p->base};
	int r = 0;

	for (size_t i = 0; r == 0 && i < scan->n_files; i++)
		r = see_place(&w, p, scan->files[i].path);
	for (size_t i = 0; r == 0 && i < scan->n_directories; i++)
		r = see_place(&w, p, scan->directories[i]);
	if (r == 0)
		r = scanner_each_absent(p->scanner, see_absent, &w);
	if (r == 0)
		r = scanner_each_step(p->scanner, see_step, &w);
	for (size_t i = 0; r == 0 && i < p->toolchain->n; i++)
		if (rebase_is_below(p->toolchain->entries[i].path, p->base))
			w.bad = p->toolchain->entries[i].path;
	if (r != 0)
		return r;
	if (w.bad)
		return unknown(ret_reason, "a way into it or out of it", w.bad);
	return w.link && w.up ? unknown(ret_reason, "links and \"..\" below it", "") : 0;
}

int basedir_check(const struct exact_params *p, char **ret_reason)
{
	int r = check_arguments(p, ret_reason);

	if (r == 0 && !rebase_is_below(p->cwd, p->base))
		r = unknown(ret_reason, "the working directory is not below it", p->cwd);
	for (char *const *e = p->envp; r == 0 && *e; e++)
		if (exact_keeps_variable(*e) && rebase_occurs(*e, strlen(*e), p->base))
			r = unknown(ret_reason, "its name is in a variable", *e);
	return r == 0 ? check_ways(p, ret_reason) : r;
}
