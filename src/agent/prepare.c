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

#include "base/list.h"
#include "cc/compiler.h"

/* Toolchains remembered: compilers, times the option sets that matter. */
enum { TOOLCHAINS_MAX = 64 };

/* What was at a path that a toolchain depends on. */
struct place {
	const char *path; /* the toolchain's */
	enum scan_kind kind;
	char *real;       /* where it led; "": to nothing */
	uint64_t content; /* the serial of a file's; 0: of none */
};

struct known {
	struct buf key;
	struct toolchain toolchain;
	struct place *places; /* its entries that are files and links, and what it says also */
	size_t n_places;
};

struct prepare_queue {
	uv_loop_t *loop;
	struct list waiting;
	struct prepare *running;
	uv_work_t work;
	char *db;
	struct store *store;
	struct scanner *scanner;
	struct known known[TOOLCHAINS_MAX];
	size_t n_known, next_known;
};

struct prepare {
	struct list link;
	struct prepare_queue *queue;
	struct strv argv, envp;
	char *cwd, *compiler;
	bool colour, absent, cancelled;
	prepare_done_fn done;
	void *data;
	struct prepare_result result;
	char *reason;
};

int prepare_queue_new(
	uv_loop_t *loop, const char *db, struct store *store, struct prepare_queue **ret)
{
	struct prepare_queue *q = calloc(1, sizeof(*q));

	if (!q)
		return -ENOMEM;
	q->loop = loop;
	q->store = store;
	list_init(&q->waiting);
	q->db = db ? strdup(db) : NULL;
	if (db && !q->db) {
		free(q);
		return -ENOMEM;
	}
	*ret = q;
	return 0;
}

static void forget(struct known *k)
{
	buf_fini(&k->key);
	toolchain_fini(&k->toolchain);
	for (size_t i = 0; i < k->n_places; i++)
		free(k->places[i].real);
	free(k->places);
}

void prepare_queue_free(struct prepare_queue *q)
{
	if (!q)
		return;
	for (size_t i = 0; i < q->n_known; i++)
		forget(&q->known[i]);
	scanner_free(q->scanner);
	free(q->db);
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
	free(p->reason);
	free(p);
}

/* ---- in the pool ---- */

/* What is at p->path now; *ret_real is the scanner's. */
static int look(struct prepare_queue *q, struct place *p, const char **ret_real)
{
	struct scan_path *path;
	int r = scanner_file(q->scanner, "/", p->path, &path);

	if (r == -ENOMEM)
		return r;
	p->kind = r == 0 ? path->kind : SCAN_UNREADABLE;
	p->content = 0;
	*ret_real = "";
	if (r == 0 && (path->kind == SCAN_FILE || path->kind == SCAN_DIRECTORY))
		*ret_real = scanner_real(q->scanner, path);
	if (r == 0 && path->kind == SCAN_FILE)
		p->content = path->inode->content ? path->inode->content->serial : 0;
	return *ret_real ? 0 : -ENOMEM;
}

static int note_places(struct prepare_queue *q, struct known *k)
{
	const struct toolchain *t = &k->toolchain;
	int r = 0;

	k->places = calloc(t->n + t->also.n + 1, sizeof(*k->places));
	if (!k->places)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < t->n + t->also.n; i++) {
		struct place *p = &k->places[k->n_places++];
		const char *real;

		p->path = i < t->n ? t->entries[i].path : t->also.v[i - t->n];
		r = look(q, p, &real);
		if (r == 0)
			p->real = strdup(real);
		if (r == 0 && !p->real)
			r = -ENOMEM;
	}
	return r;
}

/*
 * Is everything as it was? A link that leads elsewhere (another version was chosen), a program that
 * was built anew, one of its name that would be found before it: each makes it another toolchain.
 */
static bool places_hold(struct prepare_queue *q, const struct known *k)
{
	for (size_t i = 0; i < k->n_places; i++) {
		struct place now = {.path = k->places[i].path};
		const char *real;

		if (look(q, &now, &real) < 0 || now.kind != k->places[i].kind ||
			now.content != k->places[i].content || !str_eq(real, k->places[i].real))
			return false;
	}
	return true;
}

static struct known *find_known(struct prepare_queue *q, const struct buf *key)
{
	for (size_t i = 0; i < q->n_known; i++)
		if (q->known[i].key.len == key->len &&
			memcmp(q->known[i].key.data, key->data, key->len) == 0)
			return &q->known[i];
	return NULL;
}

/* Takes what k has. */
static struct known *remember(struct prepare_queue *q, struct known *k)
{
	struct known *place = &q->known[q->next_known];

	if (q->n_known < TOOLCHAINS_MAX)
		q->n_known++;
	else
		forget(place);
	q->next_known = (q->next_known + 1) % TOOLCHAINS_MAX;
	*place = *k;
	return place;
}

static void forget_toolchains(struct prepare_queue *q)
{
	while (q->n_known > 0)
		forget(&q->known[--q->n_known]);
	q->next_known = 0;
}

/* *ret belongs to the queue, and is good until the next look-up. */
static int find_toolchain(struct prepare_queue *q, const struct toolchain_request *request,
	struct prepare_facts *facts, const struct toolchain **ret, char **ret_reason)
{
	struct known *k, fresh = {.key = BUF_INIT};
	int r = toolchain_key(request, &fresh.key);

	k = r == 0 ? find_known(q, &fresh.key) : NULL;
	if (k && places_hold(q, k)) {
		buf_fini(&fresh.key);
		*ret = &k->toolchain;
		return 0;
	}
	if (k)
		forget_toolchains(q);
	facts->toolchain_asked = true;
	if (r == 0)
		r = toolchain_find(request, &fresh.toolchain, ret_reason);
	if (r == 0)
		r = note_places(q, &fresh);
	if (r != 0) {
		forget(&fresh);
		return r;
	}
	*ret = &remember(q, &fresh)->toolchain;
	return 0;
}

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

static int build(struct prepare *p, const struct cc_command *command)
{
	struct prepare_queue *q = p->queue;
	struct toolchain_request request = {.compiler = p->compiler,
		.command = command,
		.cwd = p->cwd,
		.envp = strv_argv(&p->envp)};
	struct exact_params params = {.scanner = q->scanner,
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
		r = note_scan(p, params.scan);
	begun = now_us(CLOCK_MONOTONIC);
	if (r == 0)
		r = find_toolchain(q, &request, &p->result.facts, &params.toolchain, &p->reason);
	p->result.facts.toolchain_us = now_us(CLOCK_MONOTONIC) - begun;
	if (r != 0)
		return r == TOOLCHAIN_UNKNOWN ? EXACT_UNKNOWN : r;
	p->result.facts.toolchain_files = params.toolchain->n;
	r = exact_action_make(&params, &p->result.action, &p->reason);
	if (r == EXACT_UNKNOWN)
		forget_toolchains(q);
	if (r == 0 && q->store)
		p->result.hit =
			store_get(q->store, &p->result.action.digest, &p->result.known) == 0;
	return r;
}

static int prepare(struct prepare *p)
{
	struct prepare_queue *q = p->queue;
	struct cc_command command;
	int r = q->scanner ? 0 : scanner_new(q->db, 0, &q->scanner);

	if (r == 0)
		r = cc_command_parse_as(cc_compiler_family(p->argv.v[0], p->compiler),
			strv_argv(&p->argv), p->cwd, strv_argv(&p->envp), &command);
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
		.colour = params->colour,
		.absent = params->absent,
		.done = done,
		.data = data,
		.cwd = strdup(params->cwd),
		.compiler = strdup(params->compiler),
		.result = {.outcome = -ECANCELED}};
	r = p->cwd && p->compiler ? strv_push_all(&p->argv, params->argv) : -ENOMEM;
	if (r == 0)
		r = strv_push_all(&p->envp, params->envp);
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
