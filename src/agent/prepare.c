/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	prepare_start ─► waiting ─► in the thread pool ─► done
 *
 * The scanner, and what is remembered of toolchains, belong to whatever is in the pool: nothing else
 * touches them. One that is cancelled there comes to its end and is dropped.
 */

#include "agent/prepare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/exclude.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/path.h"
#include "cc/response.h"

enum { TEXT_MAX = 1 << 30 }; /* bytes of a source that is preprocessed already */

struct prepare_queue {
	uv_loop_t *loop;
	struct list waiting;
	struct prepare *running;
	uv_work_t work;
	char *facts, *known; /* databases; or NULL */
	struct store *store;
	struct scanner *scanner;
	struct toolchains *toolchains;
	struct exact_memory *memory;
};

struct prepare {
	struct list link;
	struct prepare_queue *queue;
	struct strv argv, envp;
	char *cwd, *compiler;
	enum cc_family family;
	bool colour, absent, cancelled;
	uint64_t since;
	prepare_done_fn done;
	void *data;
	struct prepare_result result;
	char *base;
	char *reason, *not_based;
	struct exclude exclude;
	bool scan_only;
	char *excluded;
};

int prepare_queue_new(
	uv_loop_t *loop, const char *dir, struct store *store, struct prepare_queue **ret)
{
	struct prepare_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->loop = loop;
	q->store = store;
	list_init(&q->waiting);
	if (dir && (asprintf(&q->facts, "%s/facts.sqlite", dir) < 0 ||
			   asprintf(&q->known, "%s/toolchains.sqlite", dir) < 0)) {
		free(q->facts);
		free(q);
		return -ENOMEM;
	}
	*ret = q;
	return 0;
}

void prepare_queue_free(struct prepare_queue *q)
{
	if (!q)
		return;
	exact_memory_free(q->memory);
	toolchains_free(q->toolchains);
	scanner_free(q->scanner);
	free(q->facts);
	free(q->known);
	free(q);
}

static void prepare_free(struct prepare *p)
{
	if (p->result.outcome == 0)
		exact_action_fini(&p->result.action);
	if (p->result.outcome == 0 && p->result.hit)
		rex_result_fini(&p->result.known);
	strv_fini(&p->argv);
	strv_fini(&p->envp);
	free(p->cwd);
	free(p->compiler);
	free(p->base);
	free(p->reason);
	free(p->not_based);
	free(p->excluded);
	exclude_fini(&p->exclude);
	free(p);
}

/* ---- in the pool ---- */

static uint64_t now_us(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int count_absent(void *arg, const struct scan_path *path)
{
	(void)path;
	++*(size_t *)arg;
	return 0;
}

static int note_scan(struct prepare *p, const struct scan_result *scan)
{
	struct prepare_facts *f = &p->result.facts;

	f->files = scan->n_files;
	f->scan_us = scan->scan_ns / 1000;
	for (size_t i = 0; i < scan->n_files; i++)
		f->bytes += scan->files[i].content ? scan->files[i].content->size : 0;
	return p->absent ? scanner_each_absent(p->queue->scanner, count_absent, &f->absent) : 0;
}

/* Where the place of the base directory matters, it is made as where it is. */
static int make_action(struct exact_params *params, struct prepare *p)
{
	int r;

	params->base = p->base;
	r = exact_action_make(params, &p->result.action, &p->reason);
	if (r != EXACT_UNKNOWN || !params->base)
		return r;
	p->not_based = TAKE_PTR(p->reason);
	params->base = NULL;
	return exact_action_make(params, &p->result.action, &p->reason);
}

/* 1: a file, or what was not there, has been another since. */
static int place_changed(struct prepare *p, const char *cwd, const char *name, uint64_t since)
{
	struct scanner *s = p->queue->scanner;
	struct scan_path *path;
	int r = scanner_file(s, cwd, name, &path);

	return r == -ENOMEM ? r : r < 0 ? 1 : scanner_path_changed_since(s, path, since);
}

/* A file of arguments, which the compiler reads again. One that names others is not followed. */
static int response_changed(struct prepare *p, const char *name, uint64_t since)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(CC_RESPONSE_BYTES_MAX);
	AUTO(util_free) char *path = path_join(p->cwd, name);
	int r = path ? fs_read_file(path, &text) : -ENOMEM;

	if (r < 0 || memchr(buf_str(&text), '@', text.len))
		return r == -ENOMEM ? r : 1;
	return place_changed(p, p->cwd, name, since);
}

static int arguments_changed(struct prepare *p, uint64_t since)
{
	int r = 0;

	for (size_t i = 1; r >= 0 && i < p->argv.n; i++) {
		if (p->argv.v[i][0] != '@')
			continue;
		r = response_changed(p, p->argv.v[i] + 1, since);
		p->result.changed |= r > 0;
	}
	return MIN(r, 0);
}

static int toolchain_changed(struct prepare *p, const struct toolchain *t)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->n; i++)
		r = place_changed(p, "/", t->entries[i].path, p->since);
	for (size_t i = 0; r == 0 && i < t->also.n; i++)
		r = place_changed(p, "/", t->also.v[i], p->since);
	return r;
}

/*
 * The same action before and after the compiler has run does not say that it was the same all the
 * while: a tree may be put aside and brought back.
 */
static int compare(struct prepare *p, const struct toolchain *t)
{
	int r;

	p->result.moment = scanner_moment(p->queue->scanner);
	/* The first time too: from then on they are watched. */
	r = arguments_changed(p, p->since ? p->since : p->result.moment);
	if (r < 0 || p->since == 0)
		return r;
	r = scanner_changed_since(p->queue->scanner, p->since);
	if (r == 0)
		r = place_changed(p, "/", p->cwd, p->since);
	if (r == 0)
		r = toolchain_changed(p, t);
	p->result.changed |= r > 0;
	return MIN(r, 0);
}

/* ---- what may leave ---- */

static int set_excluded(struct prepare *p, const char *path)
{
	p->excluded = strdup(path);
	return p->excluded ? 0 : -ENOMEM;
}

/* A source that is preprocessed already: what is in it was read before. */
static int look_into_text(struct prepare *p, const char *path)
{
	AUTO(buf_fini) struct buf text = BUF_INIT_MAX(TEXT_MAX);
	int r = fs_read_file(path, &text);

	if (r == 0)
		r = exclude_check_text(&p->exclude, buf_str(&text), text.len, p->cwd, &p->excluded);
	p->result.cleared = r == 0;
	return r == -ENOMEM ? r : 0;
}

/* What the compiler reads, and what it looks for and finds. */
static int clear(
	struct prepare *p, const struct cc_command *command, const struct scan_result *scan)
{
	p->result.cleared = true;
	if (p->exclude.patterns.n == 0)
		return 0;
	for (size_t i = 0; i < scan->n_files; i++) {
		if (!exclude_has_file(&p->exclude, scan->files[i].path->path))
			continue;
		p->result.cleared = false;
		return set_excluded(p, scan->files[i].path->path);
	}
	return cc_language_is_preprocessed(command->language)
		       ? look_into_text(p, scan->files[0].path->path)
		       : 0;
}

/* All that would be uploaded, the toolchain included. */
static int look_into_action(struct prepare *p, const struct exact_action *a)
{
	if (p->exclude.patterns.n == 0 || p->excluded)
		return 0;
	for (size_t i = 0; i < a->n_blobs; i++)
		if (a->blobs[i].path && exclude_has(&p->exclude, a->blobs[i].path))
			return set_excluded(p, a->blobs[i].path);
	return 0;
}

/* Which compiler it was, and what it said to the scanner. */
static int name_compiler(const struct scan_result *scan, const struct toolchains_found *found,
	struct reapi_digest *ret)
{
	AUTO(reapi_hasher_fini) struct reapi_hasher h = {0};
	int r = reapi_hasher_init(&h);

	if (r == 0)
		r = reapi_hasher_update(&h, found->identity->hash, sizeof(found->identity->hash));
	if (r == 0 && scan->facts)
		r = reapi_hasher_update(&h, scan->facts, strlen(scan->facts));
	return r == 0 ? reapi_hasher_finish(&h, ret) : r;
}

static int build(struct prepare *p, const struct cc_command *command)
{
	struct prepare_queue *q = p->queue;
	struct toolchains_found found;
	struct toolchain_request request = {.compiler = p->compiler,
		.command = command,
		.cwd = p->cwd,
		.envp = strv_argv(&p->envp)};
	struct exact_params params = {.memory = q->memory,
		.scanner = q->scanner,
		.command = command,
		.compiler = p->compiler,
		.cwd = p->cwd,
		.envp = strv_argv(&p->envp),
		.colour = p->colour};
	uint64_t begun;
	int r = scanner_scan(
		q->scanner, command, p->compiler, p->cwd, strv_argv(&p->envp), &params.scan);

	if (r == SCAN_UNKNOWN) {
		p->reason = strdup(params.scan->reason);
		return p->reason ? EXACT_UNKNOWN : -ENOMEM;
	}
	if (r == 0 && params.scan->rejected) {
		p->reason = strdup("the compiler will not accept it");
		return p->reason ? EXACT_UNKNOWN : -ENOMEM;
	}
	if (r == 0)
		r = clear(p, command, params.scan);
	if (r == 0 && p->scan_only)
		return EXACT_UNKNOWN;
	if (r == 0)
		r = note_scan(p, params.scan);
	begun = now_us(CLOCK_MONOTONIC);
	if (r == 0)
		r = toolchains_find(q->toolchains, q->scanner, &request, &found, &p->reason);
	p->result.facts.toolchain_us = now_us(CLOCK_MONOTONIC) - begun;
	if (r != 0)
		return r == TOOLCHAIN_UNKNOWN ? EXACT_UNKNOWN : r;
	params.toolchain = found.toolchain;
	p->result.facts.toolchain_from = found.from;
	p->result.facts.toolchain_files = found.toolchain->n;
	r = name_compiler(params.scan, &found, &p->result.compiler);
	if (r < 0)
		return r;
	r = make_action(&params, p);
	if (r == EXACT_UNKNOWN)
		toolchains_forget(q->toolchains);
	if (r != 0)
		return r;
	r = compare(p, params.toolchain);
	if (r == 0)
		r = look_into_action(p, &p->result.action);
	if (r < 0) {
		exact_action_fini(&p->result.action);
		return r;
	}
	/* Only asked for when the compiler has run. */
	if (p->since == 0 && q->store && !p->result.action.unseen)
		p->result.hit =
			store_get(q->store, &p->result.action.digest, &p->result.known) == 0;
	return r;
}

/* What is remembered; its databases are opened here because that blocks. */
static int open_memory(struct prepare_queue *q)
{
	int r = q->scanner ? 0 : scanner_new(q->facts, 0, &q->scanner);

	if (r == 0 && !q->memory)
		q->memory = exact_memory_new();
	if (r == 0 && !q->memory)
		r = -ENOMEM;
	return r < 0 || q->toolchains ? r : toolchains_new(q->known, &q->toolchains);
}

static int prepare(struct prepare *p)
{
	struct prepare_queue *q = p->queue;
	struct cc_command command;
	int r = open_memory(q);

	if (r == 0)
		r = cc_command_parse_as(
			p->family, strv_argv(&p->argv), p->cwd, strv_argv(&p->envp), &command);
	if (r < 0)
		return r;
	r = build(p, &command);
	cc_command_fini(&command);
	return r;
}

static void on_work(uv_work_t *work)
{
	struct prepare_queue *q = work->data;
	uint64_t begun = now_us(CLOCK_THREAD_CPUTIME_ID);

	q->running->result.outcome = prepare(q->running);
	q->running->result.cpu_us = now_us(CLOCK_THREAD_CPUTIME_ID) - begun;
}

/* ---- in the loop ---- */

static void run_next(struct prepare_queue *q);

static void on_worked(uv_work_t *work, int status)
{
	struct prepare_queue *q = work->data;
	struct prepare *p = TAKE_PTR(q->running);

	run_next(q);
	if (status < 0)
		p->result.outcome = -ECANCELED;
	p->result.reason = p->reason;
	p->result.not_based = p->not_based;
	p->result.excluded = p->excluded;
	if (!p->cancelled) {
		p->done(p->data, &p->result);
		p->result.outcome = -ECANCELED; /* its action has been taken */
	}
	prepare_free(p);
}

static void run_next(struct prepare_queue *q)
{
	if (q->running || list_empty(&q->waiting))
		return;
	q->running = LIST_ENTRY(q->waiting.next, struct prepare, link);
	list_unlink(&q->running->link);
	q->work.data = q;
	/* It fails only without a function to call. */
	(void)!uv_queue_work(q->loop, &q->work, on_work, on_worked);
}

int prepare_start(struct prepare_queue *q, const struct prepare_params *params,
	prepare_done_fn done, void *data, struct prepare **ret)
{
	struct prepare *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	*p = (struct prepare){.queue = q,
		.family = params->family,
		.colour = params->colour,
		.absent = params->absent,
		.since = params->since,
		.scan_only = params->scan_only,
		.done = done,
		.data = data,
		.cwd = strdup(params->cwd),
		.compiler = strdup(params->compiler),
		.base = params->base ? strdup(params->base) : NULL,
		.result = {.outcome = -ECANCELED}};
	r = p->cwd && p->compiler && (p->base || !params->base)
		    ? strv_push_all(&p->argv, params->argv)
		    : -ENOMEM;
	if (r == 0)
		r = strv_push_all(&p->envp, params->envp);
	if (r == 0)
		r = exclude_parse(params->exclude, &p->exclude);
	if (r < 0) {
		prepare_free(p);
		return r;
	}
	list_append(&q->waiting, &p->link);
	run_next(q);
	*ret = p;
	return 0;
}

void prepare_cancel(struct prepare *p)
{
	if (p->queue->running == p) {
		p->cancelled = true;
		return;
	}
	list_unlink(&p->link);
	prepare_free(p);
}
