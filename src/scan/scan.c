/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/scan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "scan/unit.h"

/*
 * A scan: plan (what the command says) → changes are taken in → facts (what the compiler says) →
 * search list → the unit is run → what the unit asked of the compiler is asked, in one run, and the
 * unit run again, until nothing is open.
 */

int unit_unknown(struct scanner *s, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n, e;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	buf_clear(&s->reason);
	e = buf_append_str(&s->reason, text);
	free(text);
	return e < 0 ? e : UNIT_STOP;
}

static void drop_derived(void *derived)
{
	struct text *t = derived;

	while (t) {
		struct text *next = t->next;

		text_free(t);
		t = next;
	}
}

static void drop_synthetic(struct scanner *s)
{
	for (size_t i = 0; i < s->n_synthetic; i++) {
		free(s->synthetic[i].data);
		text_free(s->synthetic[i].text);
	}
	free(s->synthetic);
	s->synthetic = NULL;
	s->n_synthetic = 0;
}

static int make_specials(struct scanner *s)
{
	for (int i = 0; i < SCAN_SPECIAL_COUNT; i++) {
		const struct macro m = {.flags = MACRO_SPECIAL, .special = (uint8_t)i};
		const char *name = scan_special_names[i];
		int e = macro_table_add(&s->macros, &m, NULL, &s->specials[i]);

		if (e == 0)
			e = intern_add(&s->names, name, strlen(name), &s->special_ids[i]);
		if (e < 0)
			return e;
	}
	return unit_slots(s);
}

/* Names and macros, and all that is made of them. */
static int make_tables(struct scanner *s)
{
	int e = intern_init(&s->names);

	if (e == 0)
		e = macro_table_init(&s->macros);
	if (e == 0)
		e = text_maker_init(&s->maker, &s->names, &s->macros);
	return e < 0 ? e : make_specials(s);
}

static void drop_tables(struct scanner *s)
{
	drop_synthetic(s);
	macro_table_fini(&s->macros);
	intern_fini(&s->names);
	free(s->slots);
	free(s->busy);
	s->slots = NULL;
	s->busy = NULL;
	s->n_slots = 0;
}

int scanner_new(const char *db, unsigned fs_flags, struct scanner **ret)
{
	struct scanner *s = calloc(1, sizeof(*s));
	int e;

	if (!s)
		return -ENOMEM;
	e = scan_fs_init(&s->fs, fs_flags);
	if (e < 0) {
		free(s);
		return e;
	}
	s->fs_flags = fs_flags;
	s->fs.drop_derived = drop_derived;
	s->scratch.max = (size_t)16 << 20;
	e = scan_search_cache_new(&s->fs, &s->search_cache);
	if (e == 0)
		e = scan_facts_open(db, &s->facts_store);
	if (e == 0)
		e = make_tables(s);
	if (e < 0) {
		scanner_free(s);
		return e;
	}
	*ret = s;
	return 0;
}

static void clear_result(struct scanner *s)
{
	struct scan_result *r = &s->result;

	free(r->reason);
	*r = (struct scan_result){.files = r->files, .directories = r->directories};
}

static void drop_questions(struct scanner *s)
{
	for (size_t i = 0; i < s->n_questions; i++)
		free((char *)s->questions[i].operand);
	s->n_questions = 0;
}

void scanner_free(struct scanner *s)
{
	if (!s)
		return;
	clear_result(s);
	drop_questions(s);
	lookup_forget(s);
	scan_search_cache_free(s->search_cache);
	scan_fs_fini(&s->fs);
	scan_facts_close(s->facts_store);
	drop_tables(s);
	expand_arena_free(s);
	free(s->result.files);
	free(s->result.directories);
	free(s->contexts);
	free(s->args);
	free(s->used);
	free(s->absent);
	free(s->once_files);
	free(s->pushed);
	free(s->questions);
	buf_fini(&s->reason);
	buf_fini(&s->scratch);
	free(s);
}

/* Everything that was made of files is forgotten: the tables have grown too large. */
static int start_over(struct scanner *s)
{
	int e;

	lookup_forget(s);
	scan_search_cache_free(s->search_cache);
	s->search_cache = NULL;
	s->moments_before = scanner_moment(s);
	s->views++;
	scan_fs_fini(&s->fs);
	drop_tables(s);
	e = scan_fs_init(&s->fs, s->fs_flags);
	s->fs.drop_derived = drop_derived;
	if (e == 0)
		e = scan_search_cache_new(&s->fs, &s->search_cache);
	return e < 0 ? e : make_tables(s);
}

static int take_in_changes(struct scanner *s)
{
	int e;

	/* No cache: it could not be made the last time. */
	if (!s->search_cache || s->names.n > INTERN_MAX / 4 * 3 ||
		s->names.bytes > INTERN_BYTES_MAX / 4 * 3 ||
		s->macros.bytes > MACROS_BYTES_MAX / 4 * 3) {
		e = start_over(s);
		if (e < 0)
			return e;
	}
	if (s->n_synthetic > 256)
		drop_synthetic(s);
	e = scan_fs_refresh(&s->fs);
	if (e == SCAN_FS_EMPTIED) {
		s->views++;
		lookup_forget(s);
		drop_synthetic(s);
		scan_search_cache_clear(s->search_cache);
		e = 0;
	}
	return e;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void unit_begin(struct scanner *s)
{
	s->epoch++;
	if (s->epoch == 0) {
		memset(s->slots, 0, s->n_slots * sizeof(*s->slots));
		s->epoch = 1;
	}
	s->undefined = (uint64_t)s->epoch << 32;
	s->any_dirty = s->target_dirty = s->optimize_dirty = s->counter_in_text = s->pragma_macro =
		false;
	s->level_changed = s->pragma_words = s->provisional = s->once_seen = s->fatal = false;
	s->first_include = !s->clang;
	s->options_depth = 0;
	memset(s->once_bits, 0, sizeof(s->once_bits));
	s->counter = s->n_ops = s->n_expansions = s->n_tokens = 0;
	s->n_frames = s->n_pushed = 0;
	s->entered = NULL;
	s->n_used = s->n_once = s->n_absent = 0;
	s->n_pch = 0;
	s->result.n_files = 0;
	s->result.time_macros = s->result.timestamp = s->time_word = s->time_frame = false;
	s->result.assembler_text = s->result.rejected = false;
	buf_clear(&s->reason);
}

static int extra_input(struct scanner *s, const char *name)
{
	const char *cwd = s->plan->cwd;
	struct scan_path *path;
	struct file *f;
	int e = scan_fs_path(&s->fs, cwd, strlen(cwd), name, strlen(name), &path);

	if (e == 0)
		e = scan_fs_prove(&s->fs, path);
	if (e == 0 && path->kind != SCAN_FILE)
		e = unit_unknown(s, "%s is not a file", name);
	if (e == 0)
		e = lookup_file(s, path, &f);
	return e == 0 ? lookup_note(s, f, SCAN_FILE_EXTRA) : e;
}

/* One that may be there. */
static int optional_input(struct scanner *s, const char *name)
{
	const char *cwd = s->plan->cwd;
	struct scan_path *path;
	struct file *f;
	int e = scan_fs_path(&s->fs, cwd, strlen(cwd), name, strlen(name), &path);

	if (e == 0)
		e = scan_fs_prove(&s->fs, path);
	if (e == 0 && path->kind == SCAN_NONE)
		return lookup_note_absent(s, path);
	/* A directory is told from nothing by gcc, and looked into by clang. */
	if (e == 0 && path->kind != SCAN_FILE && (!s->clang || path->kind != SCAN_DIRECTORY))
		e = unit_unknown(s, "%s is not a file that can be read", name);
	if (e != 0 || path->kind == SCAN_DIRECTORY)
		return e;
	e = lookup_file(s, path, &f);
	return e == 0 ? lookup_note(s, f, SCAN_FILE_EXTRA) : e;
}

static int extra_inputs(struct scanner *s)
{
	const struct strv *named = &s->plan->extra_inputs;
	const struct strv *optional = &s->plan->optional_inputs;
	int e = 0;

	for (size_t i = 0; e == 0 && i < named->n; i++)
		e = extra_input(s, named->v[i]);
	for (size_t i = 0; e == 0 && i < optional->n; i++)
		e = optional_input(s, optional->v[i]);
	if (s->plan->preprocessed) /* there are no facts */
		return e;
	for (char **name = s->facts->also; e == 0 && *name; name++)
		e = extra_input(s, *name);
	return e;
}

static int source_file(struct scanner *s, struct file **ret)
{
	const struct scan_plan *p = s->plan;
	struct scan_path *path, *pch;
	int e = scan_fs_path(&s->fs, p->cwd, strlen(p->cwd), p->input, strlen(p->input), &path);

	if (e == 0)
		e = scan_fs_prove(&s->fs, path);
	if (e < 0)
		return e;
	if (path->kind != SCAN_FILE)
		return unit_unknown(s, "%s is not a file that can be read", p->input);
	if (!s->clang) {
		pch = lookup_suffixed(s, path, ".gch");
		e = pch ? scan_fs_prove(&s->fs, pch) : -ENOMEM;
		if (e == 0 && pch->kind != SCAN_NONE)
			e = unit_unknown(s, "a precompiled header: %s", pch->path);
		if (e != 0)
			return e;
	}
	return lookup_file(s, path, ret);
}

/* .i and .s: the source, and nothing else. */
static int run_plain(struct scanner *s)
{
	struct file *source;
	struct scan_content *c;
	char *data = NULL;
	int e = source_file(s, &source);

	if (e == 0)
		e = scan_fs_content(&s->fs, source->path, &c, &data);
	if (e == 0 && !data)
		e = scan_fs_reread(&s->fs, source->path, &data);
	if (e == 0 && (memmem(data, c->size, ".incbin", 7) || memmem(data, c->size, ".include", 8)))
		e = unit_unknown(s, ".incbin or .include in assembler text");
	free(data);
	if (e != 0)
		return e;
	source->content = c;
	e = lookup_note(s, source, SCAN_FILE_READ);
	return e != 0 ? e : extra_inputs(s);
}

static int ask(struct scanner *s)
{
	char *reason = NULL;
	int e = scan_facts_ask(
		s->facts_store, s->facts, s->plan, s->questions, s->n_questions, &reason);

	for (size_t i = 0; i < s->n_questions && e == 0; i++)
		if (s->questions[i].unanswerable)
			e = unit_unknown(s, "%s(%s) is an error to the compiler",
				scan_special_names[s->questions[i].special],
				s->questions[i].operand);
	if (e == SCAN_FACTS_UNKNOWN)
		e = unit_unknown(s, "%s", reason ? reason : "the compiler's answer");
	free(reason);
	drop_questions(s);
	return e;
}

static int run_rounds(struct scanner *s)
{
	int e;

	for (s->result.rounds = 1; s->result.rounds <= UNIT_ROUNDS_MAX; s->result.rounds++) {
		uint64_t start = now_ns();
		struct file *source;

		unit_begin(s);
		e = source_file(s, &source);
		if (e == 0)
			e = run_unit(s, source);
		expand_end(s);
		if (e == 0)
			e = extra_inputs(s);
		s->result.scan_ns = now_ns() - start;
		/* What was not known yet may have led astray. */
		if (s->n_questions == 0 || e < 0)
			return e;
		e = ask(s);
		if (e != 0)
			return e;
	}
	return unit_unknown(s, "the compiler had to be asked too often");
}

static int note_directories(struct scanner *s)
{
	struct scan_result *r = &s->result;

	if (s->search->n > s->directories_cap) {
		struct scan_path **v =
			reallocarray(r->directories, s->search->n, sizeof(struct scan_path *));

		if (!v)
			return -ENOMEM;
		r->directories = v;
		s->directories_cap = s->search->n;
	}
	for (size_t i = 0; i < s->search->n; i++)
		r->directories[i] = s->search->dirs[i].path;
	r->n_directories = s->search->n;
	for (size_t i = 0; i < s->search->n_relied; i++) {
		enum scan_kind kind = s->search->relied[i]->kind;

		r->odd_directories |= kind != SCAN_NONE && kind != SCAN_DIRECTORY;
	}
	return 0;
}

static int with_plan(struct scanner *s, struct scan_plan *plan)
{
	char *reason = NULL;
	uint64_t start = now_ns();
	int e;

	s->plan = plan;
	s->clang = plan->family == CC_FAMILY_CLANG;
	e = take_in_changes(s);
	if (e < 0)
		return e;
	s->search = NULL;
	if (plan->preprocessed) {
		unit_begin(s);
		return run_plain(s);
	}
	e = scan_facts_get(s->facts_store, plan, &s->facts, &reason);
	if (e == 0 && s->clang && strstr(s->facts->predefined, "#define _MSC_VER "))
		return unit_unknown(s, "headers are searched beside all that include them");
	if (e == 0)
		e = scan_search_get(s->search_cache, s->facts, plan, &s->search, &reason);
	if (e > 0)
		e = unit_unknown(s, "%s", reason ? reason : "the compiler's answer");
	free(reason);
	if (e != 0)
		return e;
	s->mode = s->facts->mode;
	s->result.facts = s->facts->key;
	s->result.prepare_ns = now_ns() - start;
	e = run_rounds(s);
	return e != 0 ? e : note_directories(s);
}

int scanner_scan(struct scanner *s, const struct cc_command *command, const char *compiler,
	const char *cwd, char *const *envp, const struct scan_result **ret)
{
	struct scan_plan plan;
	char *reason = NULL;
	int e;

	clear_result(s);
	e = scan_plan_init(&plan, command, compiler, cwd, envp, &reason);
	if (e < 0)
		return e;
	if (e > 0) {
		s->result.reason = reason;
		*ret = &s->result;
		return SCAN_UNKNOWN;
	}
	e = with_plan(s, &plan);
	/* A limit was met that has no reason of its own. */
	if (e == -E2BIG || e == -ENAMETOOLONG)
		e = unit_unknown(s, "a name, a path or a text is too long");
	s->plan = NULL;
	scan_plan_fini(&plan);
	if (e < 0)
		return e;
	*ret = &s->result;
	if (e == 0)
		return 0;
	s->result.reason = strdup(buf_str(&s->reason));
	return s->result.reason ? SCAN_UNKNOWN : -ENOMEM;
}

int scanner_changed(struct scanner *s)
{
	AUTO(util_free) struct scan_path **paths = NULL;
	size_t n = s->result.n_files;

	paths = calloc(n + 1, sizeof(struct scan_path *));
	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		paths[i] = s->result.files[i].path;
	return scan_fs_any_changed(&s->fs, paths, n);
}

uint64_t scanner_moment(const struct scanner *s)
{
	return s->moments_before + scan_fs_moment(&s->fs);
}

int scanner_path_changed_since(struct scanner *s, struct scan_path *path, uint64_t moment)
{
	return moment <= s->moments_before
		       ? 1
		       : scan_fs_changed_since(&s->fs, path, moment - s->moments_before);
}

struct since {
	struct scanner *scanner;
	uint64_t moment;
};

static int absent_since(void *arg, const struct scan_path *path)
{
	const struct since *since = arg;

	return scanner_path_changed_since(since->scanner, (struct scan_path *)path, since->moment);
}

int scanner_changed_since(struct scanner *s, uint64_t moment)
{
	struct since since = {s, moment};
	int e = 0;

	for (size_t i = 0; i < s->result.n_files && e == 0; i++)
		e = scanner_path_changed_since(s, s->result.files[i].path, moment);
	for (size_t i = 0; i < s->result.n_directories && e == 0; i++)
		e = scanner_path_changed_since(s, s->result.directories[i], moment);
	return e != 0 ? e : scanner_each_absent(s, absent_since, &since);
}

int scanner_each_absent(struct scanner *s, scan_absent *found, void *arg)
{
	return lookup_each_absent(s, found, arg);
}

int scanner_each_looked_in(struct scanner *s, scan_directory *found, void *arg)
{
	return looked_in_each(s, found, arg);
}

uint64_t scanner_views(const struct scanner *s)
{
	return s->views;
}

static const char *behind_dots(const char *p)
{
	while (p[0] == '/' && (p[1] == '/' || (p[1] == '.' && p[2] == '/')))
		p += p[1] == '/' ? 1 : 2;
	return p;
}

/* Its own path, but for "./": then there is neither a link nor a ".." on its way. */
static bool is_straight(struct scanner *s, struct scan_path *path)
{
	const char *a = path->path, *b;

	if (path->kind != SCAN_FILE && path->kind != SCAN_DIRECTORY)
		return false;
	b = scan_fs_real(&s->fs, path);
	if (!b)
		return false;
	if (strncmp(a, b, path->len + 1) == 0)
		return true;
	for (a = behind_dots(a); *a && *a == *b; a = behind_dots(a + 1))
		b++;
	return *a == *b;
}

int scanner_steps(struct scanner *s, struct scan_path *path, scan_fs_step *found, void *arg)
{
	return is_straight(s, path) ? 0 : scan_fs_steps(&s->fs, path, found, arg);
}

int scanner_each_step(struct scanner *s, scan_fs_step *found, void *arg)
{
	int e = 0;

	for (size_t i = 0; i < s->result.n_files && e == 0; i++)
		e = scanner_steps(s, s->result.files[i].path, found, arg);
	for (size_t i = 0; i < s->result.n_directories && e == 0; i++)
		e = scanner_steps(s, s->result.directories[i], found, arg);
	return e;
}

int scanner_file(struct scanner *s, const char *cwd, const char *path, struct scan_path **ret)
{
	struct scan_content *content;
	struct scan_path *p;
	int e = scan_fs_path(&s->fs, cwd, strlen(cwd), path, strlen(path), &p);

	if (e == 0)
		e = scan_fs_prove(&s->fs, p);
	if (e == 0 && p->kind == SCAN_FILE)
		e = scan_fs_content(&s->fs, p, &content, NULL);
	if (e == 0)
		*ret = p;
	return e;
}

const char *scanner_real(struct scanner *s, struct scan_path *path)
{
	return scan_fs_real(&s->fs, path);
}

struct scan_facts_stats scanner_facts_stats(const struct scanner *s)
{
	return scan_facts_stats(s->facts_store);
}

const struct scan_fs_stats *scanner_fs_stats(const struct scanner *s)
{
	return scan_fs_stats(&s->fs);
}
