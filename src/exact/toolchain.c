/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Who knows which files a compiler reads? The compiler knows its programs and directories
 * (-print-prog-name and its like), the loader the shared libraries, the C library its locales. Each
 * is asked with the user's options and environment, and every path that comes back is walked as
 * the kernel would walk it, so that the links on the way are known too:
 *
 *	family_gcc.c, family_clang.c	what the compiler is asked
 *	libraries.c, elf_interpreter.c	what a program is loaded with
 *	locale.c			what messages need
 *	closure.c			the set of paths, and the walk
 *	options.c			what makes a difference to all this
 *
 * Where the user's environment or options make a compiler read what only they know (a plugin,
 * specs, preloaded libraries), there is no answer.
 */

#include "exact/toolchain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/env.h"
#include "base/path.h"
#include "exact/inquiry.h"

enum { KEY_MAX = 1 << 20 };

static void inquiry_fini(struct inquiry *i)
{
	options_fini(&i->options);
	closure_fini(&i->closure);
	strv_fini(&i->env);
	strv_fini(&i->known);
	strv_fini(&i->dirs);
	free(i->driver);
	free(i->libc_dir);
	free(i->reason);
}

static bool is_var(const char *entry, const char *name)
{
	return str_starts(entry, name) && entry[strlen(name)] == '=';
}

/* Answers in English, and no files written on the way. LIBRARY_PATH is only of use to linkers. */
static bool is_kept(const char *entry)
{
	static const char *const without[] = {"DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES",
		"GCC_EXTRA_DIAGNOSTIC_OUTPUT", "CC_PRINT_HEADERS", "CC_PRINT_HEADERS_FILE",
		"CC_PRINT_OPTIONS", "CC_PRINT_OPTIONS_FILE", "CC_PRINT_PROC_STAT",
		"CC_PRINT_PROC_STAT_FILE", "CC_PRINT_INTERNAL_STAT", "CC_PRINT_INTERNAL_STAT_FILE",
		"CC_LOG_DIAGNOSTICS", "CC_LOG_DIAGNOSTICS_FILE", "LC_ALL", "LANGUAGE", "GCC_COLORS",
		"LIBRARY_PATH"};

	for (size_t i = 0; i < ARRAY_SIZE(without); i++)
		if (is_var(entry, without[i]))
			return false;
	return true;
}

static int question_environment(char *const *envp, struct strv *ret)
{
	int r = strv_push(ret, "LC_ALL=C");

	for (; r == 0 && *envp; envp++)
		if (is_kept(*envp))
			r = strv_push(ret, *envp);
	return r;
}

static int check_request(struct inquiry *i)
{
	const struct cc_command *c = i->q->command;
	const char *variable = options_refused_variable(i->q->envp);

	if (*i->q->compiler != '/')
		return inquiry_unknown(i, "%s has no absolute path", i->q->compiler);
	if (c->kind != CC_KIND_COMPILE)
		return inquiry_unknown(i, "this is no compile");
	if (c->family != CC_FAMILY_GCC && c->family != CC_FAMILY_CLANG)
		return inquiry_unknown(i, "%s is no compiler that is known here", i->q->compiler);
	if (variable)
		return inquiry_unknown(i, "%s is set", variable);
	if (i->options.refused)
		return inquiry_unknown(i, "the option %s", i->options.refused);
	return 0;
}

static int find(struct inquiry *i)
{
	bool gcc = i->q->command->family == CC_FAMILY_GCC;
	int r = options_look(i->q->command, &i->options);

	if (r == 0)
		r = check_request(i);
	if (r == 0)
		r = question_environment(i->q->envp, &i->env);
	if (r == 0)
		r = inquiry_program(i, i->q->compiler, &i->driver);
	if (r == 0)
		r = gcc ? family_gcc_add(i) : family_clang_add(i);
	if (r == 0 && i->options.native)
		r = native_add(i);
	/* clang by itself knows no language but English; gcc and as do. */
	if (r == 0 && (gcc || i->options.external_assembler))
		r = locale_add(i);
	return r;
}

/* Where a program of this name would be found: all of PATH, and beside the compiler's own. */
static int watch_program(struct toolchain *t, const char *path, const char *name)
{
	int r = 0;

	for (const char *p = path; r == 0 && p && *p; p += *p == ':') {
		size_t n = strcspn(p, ":");

		if (*p == '/')
			r = strv_pushf(&t->also, "%.*s/%s", (int)n, p, name);
		p += n;
	}
	for (size_t i = 0; r == 0 && i < t->n; i++) {
		const char *at = t->entries[i].path, *base = path_base(at);

		if (t->entries[i].kind == TOOLCHAIN_FILE && str_starts(base, "cc1"))
			r = strv_pushf(&t->also, "%.*s%s", (int)(base - at), at, name);
	}
	return r;
}

static int watch(const struct toolchain_request *q, struct toolchain *t)
{
	static const char *const programs[] = {"as", "objcopy", "specs"};
	static const char *const files[] = {"/etc/ld.so.preload", "/etc/ld.so.cache"};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(programs); i++)
		r = watch_program(t, env_get(q->envp, "PATH"), programs[i]);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = strv_push(&t->also, files[i]);
	return r;
}

int toolchain_find(const struct toolchain_request *q, struct toolchain *ret, char **ret_reason)
{
	AUTO(inquiry_fini) struct inquiry i = {.q = q};
	int r = find(&i);

	if (r == 0)
		r = watch(q, &i.closure.toolchain);

	if (r == TOOLCHAIN_UNKNOWN)
		*ret_reason = TAKE_PTR(i.reason);
	if (r != 0)
		return r;
	*ret = i.closure.toolchain;
	i.closure = (struct closure)CLOSURE_INIT;
	return 0;
}

/* With its length, so that no value can look like two. */
static int key_value(struct buf *b, const char *name, const char *value)
{
	return buf_printf(b, "%s %zu %s\n", name, strlen(value), value);
}

static int key_environment(struct buf *b, char *const *envp)
{
	static const char *const names[] = {
		"LC_ALL", "LC_CTYPE", "LC_MESSAGES", "LANG", "LANGUAGE", "PATH", "LIBRARY_PATH"};
	const char *refused = options_refused_variable(envp);
	int r = refused ? key_value(b, "refused", refused) : 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(names); i++) {
		const char *value = env_get(envp, names[i]);

		if (value)
			r = key_value(b, names[i], value);
	}
	return r;
}

static int key_options(struct buf *b, const struct options *o)
{
	int r = o->refused ? key_value(b, "refused", o->refused) : 0;

	for (size_t i = 0; r == 0 && i < o->passed.n; i++)
		r = key_value(b, "option", o->passed.v[i]);
	return r;
}

/* Does a list like PATH have a part that begins at the current directory? */
static bool is_relative_list(const char *list)
{
	for (const char *p = list; p; p = strchr(p, ':')) {
		if (*p == ':')
			p++;
		if (*p != '/')
			return true;
	}
	return false;
}

int toolchain_key(const struct toolchain_request *q, struct buf *ret)
{
	AUTO(options_fini) struct options o = {.refused = NULL};
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(KEY_MAX);
	const struct cc_command *c = q->command;
	const char *path = env_get(q->envp, "PATH");
	const char *libraries = env_get(q->envp, "LIBRARY_PATH");
	int r = options_look(c, &o);

	if (r == 0)
		r = buf_printf(
			&b, "kind %d family %d assembly %d\n", c->kind, c->family, c->assembly);
	if (r == 0)
		r = key_value(&b, "language", cc_language_word(c->language));
	if (r == 0)
		r = key_value(&b, "compiler", q->compiler);
	if (r == 0)
		r = key_environment(&b, q->envp);
	if (r == 0)
		r = key_options(&b, &o);
	if (r == 0 && (o.relative || is_relative_list(path) || is_relative_list(libraries)))
		r = key_value(&b, "cwd", q->cwd);
	return r == 0 ? buf_append(ret, buf_str(&b), b.len) : r;
}
