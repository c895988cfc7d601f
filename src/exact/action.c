/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The input root:
 *
 *	what the unit reads	scan_result.files, at their paths without links
 *	links, directories	those on the way of each path as the compiler spells it
 *	directories searched	they have to be there, or the compiler drops them from its list
 *	directories looked in	where nothing was found too: who meets a directory that is not there
 *				asks no more (clang), and so nobody could tell what it missed
 *	the toolchain		exact/toolchain.h
 *	the working directory	by its name without links, and by PWD's
 *
 * Identity of files: gcc takes two files of equal size, bytes and times (in seconds) for one where
 * #pragma once or #import is in play, and clang two names of one inode. In the input root each path
 * is a file of its own. For gcc the files that share bytes are given times that are equal where the
 * real ones are; for clang names of one inode are given up.
 */

#include "exact/action.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/env.h"
#include "base/path.h"
#include "exact/basedir.h"
#include "exact/depfile.h"
#include "reapi/action.h"
#include "reapi/path.h"

enum { TWIN_TIME = 1000000000 };

/* A file of the root, by its path without links. */
struct input {
	const char *real;
	uint32_t place; /* number in the memory */
	const struct scan_inode *inode;
	struct reapi_digest digest; /* as it is now: the view may find another later on */
	time_t mtime_s;
	bool executable;
	bool follows;  /* another one is before it of the same bytes, … */
	uint32_t next; /* … of which the next has this number + 1; 0: none */
};

struct maker {
	const struct exact_params *p;
	struct exact_memory *memory;
	struct reapi_tree *tree; /* its */
	struct exact_action *a;
	struct reapi_violation violation;
	const char *cwd; /* without links */
	struct input *inputs;
	size_t n, cap;
	struct buf name;
	char **reason;
};

static int unknown(struct maker *m, const char *what, const char *name)
{
	if (asprintf(m->reason, "%s%s%s", what, *name ? ": " : "", name) < 0) {
		*m->reason = NULL;
		return -ENOMEM;
	}
	return EXACT_UNKNOWN;
}

/* What a function of reapi/ says: what it will not have is not for us to send. */
static int refused(struct maker *m, int r, const char *path)
{
	if (r == 0 || r == REAPI_DUPLICATE)
		return 0;
	return r < 0 ? r : unknown(m, "it cannot be put into an input root", path);
}

/* Where a path of this machine is in the root; *own is what has to be freed. NULL: no memory. */
static const char *in_root(const struct maker *m, const char *path, char **own)
{
	*own = NULL;
	if (!m->p->base || !rebase_is_below(path, m->p->base))
		return path;
	*own = rebase_path(path, m->p->base, REBASE_DIRECTORY);
	return *own;
}

static int add_link(struct maker *m, const char *path, const char *target)
{
	AUTO(util_free) char *own = NULL;
	AUTO(util_free) char *own_target = NULL;
	const char *at = in_root(m, path, &own), *to = in_root(m, target, &own_target);

	if (!at || !to)
		return -ENOMEM;
	return refused(m, reapi_tree_add_symlink(m->tree, at + 1, to, NULL, &m->violation), path);
}

static int add_directory(struct maker *m, const char *path)
{
	AUTO(util_free) char *own = NULL;
	const char *at = in_root(m, path, &own);

	if (!at)
		return -ENOMEM;
	return refused(m, reapi_tree_add_directory(m->tree, at + 1, NULL, &m->violation), path);
}

static int add_step(void *arg, enum scan_step what, const char *path, const char *text)
{
	return what == SCAN_STEP_LINK ? add_link(arg, path, text) : add_directory(arg, path);
}

/* scanned: what the scanner read of it; NULL: it did not. */
static int add_input(struct maker *m, const struct scan_path *path, const struct exact_place *place,
	const struct scan_content *scanned, bool executable)
{
	const struct scan_content *content = path->inode ? path->inode->content : NULL;
	struct input *i;

	if (!content || (scanned && content != scanned))
		return unknown(m, "it changes while it is looked at", place->real);
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 512;
		struct input *v = reallocarray(m->inputs, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		m->inputs = v;
		m->cap = cap;
	}
	i = &m->inputs[m->n++];
	*i = (struct input){.real = place->real,
		.place = path->id,
		.inode = path->inode,
		.digest = {.size = content->size},
		.mtime_s = path->inode->mtime.tv_sec,
		.executable = executable};
	memcpy(i->digest.hash, content->digest, REAPI_HASH_SIZE);
	return 0;
}

/* ---- what goes in ---- */

/* A copy that lasts as long as the action. NULL: no memory. */
static const char *keep(struct maker *m, const char *text)
{
	return reapi_arena_strndup(&m->a->names, text, strlen(text));
}

/* There is room: one for each file of the scan. */
static int add_read(struct maker *m, const struct exact_place *place, bool required)
{
	struct exact_read *read = &m->a->reads[m->a->n_reads++];
	int r;

	*read = (struct exact_read){place->spelled, place->real, required};
	if (place->plain)
		return 0;
	r = depfile_path(m->p->cwd, place->spelled, &m->name);
	if (r < 0)
		return r;
	read->spelled = keep(m, buf_str(&m->name));
	return read->spelled ? 0 : -ENOMEM;
}

static int scanned_file(struct maker *m, const struct scan_result_file *f)
{
	const struct exact_place *place;
	struct scan_path *path = f->path;
	int r;

	/* What was only looked for has not been read yet. */
	if (!f->content) {
		r = scanner_file(m->p->scanner, "/", path->path, &path);
		if (r == -ENOMEM)
			return r;
		if (r < 0 || path->kind != SCAN_FILE)
			return unknown(m, "it cannot be read", f->path->path);
	}
	if (path->kind != SCAN_FILE)
		return unknown(m, "it changes while it is looked at", path->path);
	place = exact_memory_file(m->memory, m->p->scanner, path);
	if (!place)
		return -ENOMEM;
	/* The source itself is read in any case; SUNPRO_DEPENDENCIES leaves it out. */
	r = add_read(m, place, f->role == SCAN_FILE_READ && f != &m->p->scan->files[0]);
	if (r == 0)
		r = add_input(m, path, place, f->content, false);
	if (r == 0 && place->real != place->spelled)
		r = scanner_steps(m->p->scanner, path, add_step, m);
	return r;
}

static int toolchain_entry(struct maker *m, const struct toolchain_entry *e)
{
	const struct exact_place *place;
	struct scan_path *path;
	int r;

	if (e->kind == TOOLCHAIN_LINK)
		return add_link(m, e->path, e->target);
	if (e->kind == TOOLCHAIN_DIRECTORY)
		return add_directory(m, e->path);
	r = scanner_file(m->p->scanner, "/", e->path, &path);
	if (r == -ENOMEM)
		return r;
	if (r < 0 || path->kind != SCAN_FILE)
		return unknown(m, "a file of the compiler cannot be read", e->path);
	place = exact_memory_file(m->memory, m->p->scanner, path);
	return place ? add_input(m, path, place, NULL, e->executable) : -ENOMEM;
}

/* A directory by the name that is used, and by its own. */
static int place(struct maker *m, const char *name, const char **ret_real)
{
	struct scan_path *path;
	int r = scanner_file(m->p->scanner, "/", name, &path);

	if (r < 0)
		return r;
	if (path->kind != SCAN_DIRECTORY)
		return unknown(m, "it is no directory", name);
	*ret_real = scanner_real(m->p->scanner, path);
	if (!*ret_real)
		return -ENOMEM;
	r = add_directory(m, *ret_real);
	return r != 0 ? r : scanner_steps(m->p->scanner, path, add_step, m);
}

/* Where something was looked for in vain. */
static int looked_in(void *arg, struct scan_path *path)
{
	struct maker *m = arg;
	struct exact_place *known = exact_memory_place(m->memory, path);
	const char *real;

	if (!known)
		return -ENOMEM;
	if (known->round == m->memory->round)
		return 0;
	known->round = m->memory->round;
	return place(m, path->path, &real);
}

/* A directory that is searched, and what lies on the way to it. */
static int searched(struct maker *m, struct scan_path *path)
{
	const char *real;
	int r;

	if (path->kind != SCAN_DIRECTORY)
		return unknown(m, "it changes while it is looked at", path->path);
	real = scanner_real(m->p->scanner, path);
	r = real ? add_directory(m, real) : -ENOMEM;
	return r != 0 ? r : scanner_steps(m->p->scanner, path, add_step, m);
}

static int collect(struct maker *m)
{
	const struct scan_result *scan = m->p->scan;
	const struct toolchain *t = m->p->toolchain;
	int r;

	m->a->reads = calloc(scan->n_files + 1, sizeof(*m->a->reads));
	r = m->a->reads ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < scan->n_files; i++)
		r = scanned_file(m, &scan->files[i]);
	for (size_t i = 0; r == 0 && i < scan->n_directories; i++)
		r = searched(m, scan->directories[i]);
	if (r == 0)
		r = scanner_each_looked_in(m->p->scanner, looked_in, m);
	for (size_t i = 0; r == 0 && i < t->n; i++)
		r = toolchain_entry(m, &t->entries[i]);
	return r;
}

/* ---- files ---- */

static int by_path(const void *x, const void *y)
{
	const struct input *a = x, *b = y;

	return strcmp(a->real, b->real);
}

/* The number of the first of a run of equal files that has i's time. */
static size_t time_class(const struct input *run, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (run[k].mtime_s == run[i].mtime_s)
			return k;
	return i;
}

static int put_by_name(struct maker *m, const struct input *i, const struct reapi_props *props)
{
	struct exact_place *place = &m->memory->places[i->place];
	AUTO(util_free) char *own = NULL;
	const char *at = in_root(m, i->real, &own);
	int r;

	if (!at)
		return -ENOMEM;
	r = reapi_tree_add_file(m->tree, at + 1, &i->digest, i->executable, props, &m->violation);
	if (r == 0 && at == i->real && place->real == i->real)
		place->node = reapi_tree_node(m->tree, at + 1);
	return refused(m, r, i->real);
}

/* The path may have come to lead elsewhere since: then its place is not this one. */
static int put(struct maker *m, const struct input *i, const struct reapi_props *props)
{
	const struct exact_place *place = &m->memory->places[i->place];

	if (m->p->base || !place->node || place->real != i->real)
		return put_by_name(m, i, props);
	return refused(m,
		reapi_tree_add_file_at(
			m->tree, place->node, &i->digest, i->executable, props, &m->violation),
		i->real);
}

/* Files of equal bytes, n of them at distinct paths, sorted by these. */
static int put_run(struct maker *m, const struct input *run, size_t n)
{
	struct exact_action *a = m->a;
	int r = 0;

	if (!reapi_digest_is_empty(&run->digest))
		a->blobs[a->n_blobs++] =
			(struct exact_blob){.digest = run->digest, .path = run->real};
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct reapi_props props = {
			.has_mtime = true, .mtime_s = TWIN_TIME + (int64_t)time_class(run, i)};

		for (size_t k = 0; k < i && m->p->command->family == CC_FAMILY_CLANG; k++)
			if (run[k].inode == run[i].inode)
				return unknown(m, "two names of one file", run[i].real);
		r = put(m, &run[i], n > 1 ? &props : NULL);
	}
	return r;
}

/* A path once: as executable as anybody wants it. */
static size_t merge(struct input *run, size_t n)
{
	size_t kept = 0;

	qsort(run, n, sizeof(*run), by_path);
	for (size_t i = 0; i < n; i++) {
		if (kept > 0 && strcmp(run[kept - 1].real, run[i].real) == 0)
			run[kept - 1].executable |= run[i].executable;
		else
			run[kept++] = run[i];
	}
	return kept;
}

static const struct input *next_twin(const struct maker *m, const struct input *i)
{
	return i->next > 0 ? &m->inputs[i->next - 1] : NULL;
}

static int put_several(struct maker *m, const struct input *first)
{
	AUTO(util_free) struct input *run = NULL;
	size_t n = 0;

	for (const struct input *i = first; i; i = next_twin(m, i))
		n++;
	run = calloc(n, sizeof(*run));
	if (!run)
		return -ENOMEM;
	n = 0;
	for (const struct input *i = first; i; i = next_twin(m, i))
		run[n++] = *i;
	return put_run(m, run, merge(run, n));
}

/* The memory has room for all of them. */
static void find_twins(struct maker *m)
{
	struct exact_memory *memory = m->memory;

	for (uint32_t k = 0; k < m->n; k++) {
		struct input *i = &m->inputs[k], *first = NULL;
		size_t slot = reapi_digest_key(&i->digest) & (memory->n_twins - 1);

		while (!first && memory->twins[slot].round == memory->round) {
			first = &m->inputs[memory->twins[slot].number];
			if (!reapi_digest_eq(&first->digest, &i->digest)) {
				first = NULL;
				slot = (slot + 1) & (memory->n_twins - 1);
			}
		}
		if (!first) {
			memory->twins[slot] = (struct exact_twin){memory->round, k};
			continue;
		}
		i->follows = true;
		i->next = first->next;
		first->next = k + 1;
	}
}

static int put_files(struct maker *m)
{
	int r = 0;

	find_twins(m);
	m->a->blobs = calloc(m->n + 2, sizeof(*m->a->blobs));
	if (!m->a->blobs)
		return -ENOMEM;
	for (size_t k = 0; r == 0 && k < m->n; k++) {
		const struct input *i = &m->inputs[k];

		if (!i->follows)
			r = i->next > 0 ? put_several(m, i) : put_run(m, i, 1);
	}
	return r;
}

/* The tree is another action's before this one is over. */
static int put_directories(struct maker *m)
{
	struct exact_action *a = m->a;
	const struct reapi_tree_blob *blobs;
	struct exact_blob *v;
	size_t n, size = 0;
	int r = refused(m, reapi_tree_finish(m->tree, &m->violation), "");

	if (r != 0)
		return r;
	blobs = reapi_tree_blobs(m->tree, &n);
	v = reallocarray(a->blobs, a->n_blobs + n + 2, sizeof(*v));
	if (!v)
		return -ENOMEM;
	a->blobs = v;
	for (size_t i = 0; i < n; i++)
		size += blobs[i].size;
	a->directories.max = REAPI_TREE_BYTES_MAX;
	r = buf_reserve(&a->directories, size);
	for (size_t i = 0; r == 0 && i < n; i++) {
		a->blobs[a->n_blobs++] = (struct exact_blob){.digest = blobs[i].digest,
			.data = a->directories.data + a->directories.len};
		r = buf_append(&a->directories, blobs[i].data, blobs[i].size);
	}
	return r;
}

/* ---- the command ---- */

bool exact_keeps_variable(const char *variable)
{
	static const char *const kept[] = {"LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_MESSAGES",
		"SOURCE_DATE_EPOCH", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH",
		"OBJC_INCLUDE_PATH", "GCC_COLORS", "GCC_URLS", "TERM_URLS"};
	size_t n = strcspn(variable, "=");

	for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
		if (strlen(kept[i]) == n && strncmp(variable, kept[i], n) == 0)
			return true;
	return false;
}

/* Does a program of the toolchain lie in this directory? */
static bool has_program(const struct toolchain *t, const char *dir, size_t n)
{
	for (size_t i = 0; i < t->n; i++) {
		const char *path = t->entries[i].path;

		if (t->entries[i].kind != TOOLCHAIN_DIRECTORY && strncmp(path, dir, n) == 0 &&
			path[n] == '/' && !strchr(path + n + 1, '/'))
			return true;
	}
	return false;
}

static int add_path(struct maker *m, struct strv *envp)
{
	const char *path = env_get(m->p->envp, "PATH");
	AUTO(buf_fini) struct buf kept = BUF_INIT;
	int r = 0;

	for (const char *p = path; r == 0 && p && *p; p += *p == ':') {
		size_t n = strcspn(p, ":");

		if (*p == '/' && has_program(m->p->toolchain, p, n))
			r = buf_printf(&kept, "%s%.*s", kept.len ? ":" : "", (int)n, p);
		p += n;
	}
	return r < 0 ? r : strv_pushf(envp, "PATH=%s", kept.len ? buf_str(&kept) : "/usr/bin:/bin");
}

static int make_environment(struct maker *m, struct strv *envp)
{
	int r = add_path(m, envp);

	for (char *const *e = m->p->envp; r == 0 && *e; e++)
		if (exact_keeps_variable(*e))
			r = strv_push(envp, *e);
	/* By this name the compiler calls the directory in what it writes. */
	if (r == 0 && m->p->base && !str_eq(m->p->cwd, m->cwd))
		return unknown(m, "DISTCC_BASEDIR: a link leads to the working directory", "");
	if (r == 0 && !str_eq(m->p->cwd, m->cwd))
		r = strv_pushf(envp, "PWD=%s", m->p->cwd);
	return r;
}

static int add_argument(struct maker *m, size_t i, struct strv *argv)
{
	const struct cc_arg *args = m->p->command->args;
	int r;

	if (!m->p->base)
		return strv_push(argv, args[i].text);
	r = basedir_argument(args[i - 1].text, args[i].text, m->p->base, argv);
	return r == EXACT_UNKNOWN
		       ? unknown(m, "DISTCC_BASEDIR: its name is in an argument", args[i].text)
		       : r;
}

static int make_arguments(struct maker *m, struct strv *argv)
{
	const struct cc_command *c = m->p->command;
	int r = strv_push(argv, m->p->compiler);

	if (r == 0)
		r = strv_push_all(argv, strv_argv(&m->p->toolchain->native));
	for (size_t i = 1; r == 0 && i < c->n_args; i++)
		if (!native_is_said(c->args[i].text))
			r = add_argument(m, i, argv);
	/* Behind the user's "=auto". */
	if (r == 0 && m->p->colour)
		r = strv_push(argv, c->family == CC_FAMILY_GCC ? "-fdiagnostics-color=always"
							       : "-fcolor-diagnostics");
	return r;
}

/* The kernel's own, which are no part of an input root. */
static bool is_system(const char *dir)
{
	static const char *const system[] = {"/dev", "/proc", "/sys"};

	for (size_t i = 0; i < ARRAY_SIZE(system); i++) {
		size_t n = strlen(system[i]);

		if (str_starts(dir, system[i]) && (dir[n] == '/' || !dir[n]))
			return true;
	}
	return false;
}

/*
 * An output by its name from the working directory, "../" included; both without links. Its
 * directory has to be there, as it has to be for the compiler.
 */
static int add_output(struct maker *m, const char *path)
{
	AUTO(util_free) char *full = path ? path_join(m->p->cwd, path) : NULL;
	AUTO(util_free) char *dir = full ? path_dir(full) : NULL;
	AUTO(util_free) char *there = NULL;
	AUTO(util_free) char *name = NULL;
	const char *real;
	int r;

	if (!path)
		return unknown(m, "an output whose name is not known", "");
	r = dir ? place(m, dir, &real) : -ENOMEM;
	if (r != 0)
		return r;
	there = path_join(real, path_base(path));
	name = there ? path_relative(m->cwd, there) : NULL;
	if (!name)
		return -ENOMEM;
	if (m->p->base && !rebase_is_below(real, m->p->base))
		return unknown(m, "DISTCC_BASEDIR: an output outside of it", path);
	if (is_system(real) || reapi_output_check("an output", m->cwd + 1, name, NULL) != 0 ||
		m->a->outputs.n == EXACT_OUTPUTS_MAX - 1)
		return unknown(m, "an output that cannot be told to a server", path);
	for (size_t i = 0; i < m->a->outputs.n; i++)
		if (str_eq(m->a->outputs.v[i], name))
			return unknown(m, "two outputs are one file", path);
	return strv_push(&m->a->outputs, name);
}

/* Is the option said, by itself or within a -Wp,…? */
static bool says(const struct cc_command *c, const char *option)
{
	for (size_t i = 1; i < c->n_args; i++)
		if (str_eq(c->args[i].text, option) ||
			(str_starts(c->args[i].text, "-Wp,") && strstr(c->args[i].text, option)))
			return true;
	return false;
}

static bool says_start(const struct cc_command *c, const char *start)
{
	for (size_t i = 1; i < c->n_args; i++)
		if (str_starts(c->args[i].text, start))
			return true;
	return false;
}

/* gcc may remove the counts of an earlier program, which are in the way of the new notes. */
static int no_counts(struct maker *m, const char *notes)
{
	AUTO(util_free) char *counts = path_with_ext(notes, ".gcda");
	AUTO(util_free) char *path = counts ? path_join(m->p->cwd, counts) : NULL;
	struct stat st;

	if (!path)
		return -ENOMEM;
	return lstat(path, &st) == 0 ? unknown(m, "there are counts of an earlier program", counts)
				     : 0;
}

/* Does gcc write down its options, in the order in which they reach it? */
static bool records_order(const struct cc_command *c)
{
	static const char *const recording[] = {"-flto", "-frecord-gcc-switches", "-fverbose-asm"};

	if (c->family != CC_FAMILY_GCC)
		return false;
	for (size_t i = 1; i < c->n_args; i++)
		for (size_t k = 0; k < ARRAY_SIZE(recording); k++)
			if (str_starts(c->args[i].text, recording[k]))
				return true;
	return c->debug;
}

/* gcc (since 7) takes __DATE__ and __TIME__ from there; clang only in versions to come. */
static bool is_time_given(const struct maker *m)
{
	return m->p->command->family == CC_FAMILY_GCC && env_get(m->p->envp, "SOURCE_DATE_EPOCH");
}

/* What cannot be done exactly though the scanner knows all of it. */
static int check_command(struct maker *m)
{
	const struct cc_command *c = m->p->command;
	const char *pwd = env_get(m->p->envp, "PWD");

	/* The compiler writes it down, and to each process it is another directory. */
	if (pwd && str_starts(pwd, "/proc/"))
		return unknown(m, "PWD is no name of the directory", pwd);
	if (m->p->scan->timestamp || (m->p->scan->time_macros && !is_time_given(m)))
		return unknown(m, "its text names the time", "");
	if (m->p->scan->odd_directories)
		return unknown(m, "a search path leads to something that is no directory", "");
	/* No list of what was read is made of text that is preprocessed already. */
	if (cc_language_is_preprocessed(c->language) && c->language != CC_LANGUAGE_ASM)
		return unknown(m, "it is preprocessed already", "");
	if (m->p->toolchain->native.n > 0 && records_order(c))
		return unknown(m, "it records options, for the processor of this machine", "");
	/* Its assembler is not told what is told to its compiler. */
	if (m->p->toolchain->native.n > 0 && c->family == CC_FAMILY_CLANG &&
		c->language == CC_LANGUAGE_ASM_CPP)
		return unknown(m, "it assembles for the processor of this machine", "");
	/* We add to its command line. */
	if (c->family == CC_FAMILY_CLANG &&
		(says(c, "-grecord-gcc-switches") || says(c, "-grecord-command-line")))
		return unknown(m, "the command line is recorded", "");
	return 0;
}

static int find_outputs(struct maker *m)
{
	const struct cc_command *c = m->p->command;
	struct exact_action *a = m->a;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_outputs; i++) {
		a->certain |= (uint64_t)c->outputs[i].certain << i;
		a->varying |= (uint64_t)(c->outputs[i].kind == CC_OUTPUT_TIME_TRACE) << i;
		r = add_output(m, c->outputs[i].path);
		if (r == 0 && c->outputs[i].kind == CC_OUTPUT_GCNO)
			r = no_counts(m, c->outputs[i].path);
		/* Of what is only assembled it is not written. */
		if (r == 0 && c->outputs[i].kind == CC_OUTPUT_DEPS &&
			c->language != CC_LANGUAGE_ASM) {
			a->deps = strdup(a->outputs.v[a->outputs.n - 1]);
			a->deps_all = !says(c, "-MMD");
			r = a->deps ? 0 : -ENOMEM;
		}
	}
	if (r != 0 || a->deps)
		return r;
	a->deps_ours = a->deps_all = true;
	a->deps = strdup(".distcc-read");
	return a->deps ? strv_push(&a->outputs, a->deps) : -ENOMEM;
}

static const struct reapi_property properties[] = {{"OSFamily", "linux"}, {"distcc-root", "input"}};

static int make_command(struct maker *m, struct reapi_digest *ret)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	AUTO(strv_fini) struct strv envp = STRV_INIT;
	AUTO(util_free) char *own = NULL;
	const char *cwd = in_root(m, m->cwd, &own);
	AUTO(util_free)
	struct reapi_output *outputs = calloc(m->a->outputs.n + 1, sizeof(*outputs));
	struct reapi_command_spec spec = {.working_directory = cwd ? cwd + 1 : NULL,
		.outputs = outputs,
		.n_outputs = m->a->outputs.n,
		.properties = properties,
		.n_properties = ARRAY_SIZE(properties),
		.outputs_as = REAPI_OUTPUTS_NEW};
	int r = outputs && cwd ? make_arguments(m, &argv) : -ENOMEM;

	if (r == 0)
		r = make_environment(m, &envp);
	if (r == 0 && m->a->deps_ours)
		r = exact_ask_for_lists(m->p->command, m->a->deps, NULL, &argv, &envp);
	if (r != 0)
		return r;
	for (size_t i = 0; i < m->a->outputs.n; i++)
		outputs[i] = (struct reapi_output){REAPI_OUTPUT_ANY, m->a->outputs.v[i]};
	spec.arguments = strv_argv(&argv);
	spec.environment = strv_argv(&envp);
	return refused(m, reapi_command_make(&spec, &m->a->command, ret, &m->violation), "");
}

static int make_action(struct maker *m)
{
	struct exact_action *a = m->a;
	struct reapi_action_spec spec = {.input_root = *reapi_tree_root(m->tree),
		.properties = properties,
		.n_properties = ARRAY_SIZE(properties)};
	int r = make_command(m, &spec.command);

	if (r == 0)
		r = refused(m, reapi_action_make(&spec, &a->action, &a->digest, &m->violation), "");
	if (r != 0)
		return r;
	a->blobs[a->n_blobs++] =
		(struct exact_blob){.digest = spec.command, .data = buf_str(&a->command)};
	a->blobs[a->n_blobs++] =
		(struct exact_blob){.digest = a->digest, .data = buf_str(&a->action)};
	return 0;
}

static int begin(struct maker *m)
{
	int r = exact_memory_begin(
		m->memory, m->p->scanner, m->p->scan->n_files + m->p->toolchain->n);

	if (r < 0)
		return r;
	m->tree = m->memory->tree;
	m->a->shared = m->memory->names;
	m->a->shared->users++;
	return 0;
}

static int make(struct maker *m)
{
	int r = check_command(m);

	if (r == 0 && m->p->base)
		r = basedir_check(m->p, m->reason);
	if (r == 0 && m->p->base) {
		m->a->base = strdup(m->p->base);
		r = m->a->base ? 0 : -ENOMEM;
	}
	m->a->family = m->p->command->family;
	m->a->unseen = m->p->scan->assembler_text || says_start(m->p->command, "-fplugin=");
	if (r == 0)
		r = begin(m);
	if (r == 0)
		r = place(m, m->p->cwd, &m->cwd);
	if (r == 0)
		r = find_outputs(m);
	if (r == 0)
		r = collect(m);
	if (r == 0)
		r = put_files(m);
	if (r == 0)
		r = put_directories(m);
	if (r == 0)
		r = make_action(m);
	return r;
}

int exact_action_make(const struct exact_params *p, struct exact_action *ret, char **ret_reason)
{
	struct exact_action a = {.n_blobs = 0};
	struct maker m = {.p = p, .memory = p->memory, .a = &a, .reason = ret_reason};
	int r;

	reapi_arena_init(&a.names, REAPI_TREE_BYTES_MAX);
	r = make(&m);
	m.memory->spoilt |= r < 0;
	free(m.inputs);
	buf_fini(&m.name);
	if (r == 0)
		*ret = a;
	else
		exact_action_fini(&a);
	return r;
}

void exact_action_fini(struct exact_action *a)
{
	free(a->blobs);
	buf_fini(&a->directories);
	buf_fini(&a->command);
	buf_fini(&a->action);
	exact_names_unref(a->shared);
	reapi_arena_fini(&a->names);
	strv_fini(&a->outputs);
	free(a->reads);
	util_free(&a->deps);
	util_free(&a->base);
	*a = (struct exact_action){.n_blobs = 0};
}
