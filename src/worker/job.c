/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * States and moves:
 *
 *	SPOOLING ──► RUNNING ──► STOPPING
 *	    │           │            │
 *	    └───────────┴────────────┴──► ENDING ──► OVER
 *
 *	SPOOLING  the source goes into a regular file; no compiler yet (with a fifo: not at all)
 *	RUNNING   the compiler runs, and is perhaps still being fed
 *	STOPPING  it was asked to end, and is killed when that does not help
 *	ENDING    no process is left; handles are being closed
 *	OVER      directory given back, on_over called
 *
 * Whoever waits for a job waits until its compiler is really gone.
 */

#include "worker/job.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "worker/exit.h"
#include "worker/process.h"

enum { READ_TWICE_MAX = 64, DRAIN_CHUNK = 1 << 16 };

/* Of a source while it is a fifo too. A client that gives its output this name gets no object. */
static const char copy_name[] = ".distccd-source";

enum job_state { SPOOLING, RUNNING, STOPPING, ENDING, OVER };

static const unsigned moves[] = {
	[SPOOLING] = 1 << RUNNING | 1 << ENDING,
	[RUNNING] = 1 << STOPPING | 1 << ENDING,
	[STOPPING] = 1 << ENDING,
	[ENDING] = 1 << OVER,
	[OVER] = 0,
};

/* What the compiler says on stdout or stderr. */
struct drain {
	struct job *job;
	int fd, child_fd;
	uv_poll_t poll;
	struct buf *to;
};

struct job {
	struct job_context *ctx;
	const struct job_handlers *handlers;
	void *data;
	enum job_state state;
	struct job_result result;
	struct jobdir dir;
	char *compiler, *source, *object;
	struct strv argv, envp;
	struct feed feed;
	struct drain out, err;
	struct process process;
	bool confined;
	uv_poll_t exit_poll;
	uv_timer_t lifetime, kill;
	unsigned handles; /* that are still open */
};

static void go(struct job *j, enum job_state to)
{
	assert(moves[j->state] & 1u << to);
	j->state = to;
}

void job_result_fini(struct job_result *r)
{
	buf_fini(&r->out);
	buf_fini(&r->err);
	buf_fini(&r->object);
}

pid_t job_pid(const struct job *j)
{
	return j->state == RUNNING || j->state == STOPPING ? j->process.pid : 0;
}

struct job_result *job_result(struct job *j)
{
	return &j->result;
}

size_t job_backlog(const struct job *j)
{
	return feed_backlog(&j->feed);
}

void job_free(struct job *j)
{
	if (!j)
		return;
	jobdir_release(&j->dir);
	job_result_fini(&j->result);
	util_free(&j->compiler);
	util_free(&j->source);
	util_free(&j->object);
	strv_fini(&j->argv);
	strv_fini(&j->envp);
	util_close(&j->out.fd);
	util_close(&j->out.child_fd);
	util_close(&j->err.fd);
	util_close(&j->err.child_fd);
	process_fini(&j->process);
	free(j);
}

/* ---- the end ---- */

static void one_closed(struct job *j)
{
	assert(j->handles > 0);
	if (--j->handles > 0)
		return;
	jobdir_release(&j->dir);
	go(j, OVER);
	j->handlers->on_over(j->data);
}

static void on_handle_closed(uv_handle_t *handle)
{
	one_closed(handle->data);
}

static void on_feed_closed(struct feed *f)
{
	one_closed(LIST_ENTRY(f, struct job, feed));
}

static void close_handle(struct job *j, void *handle)
{
	uv_handle_t *h = handle;

	/* Never made ones are zero. */
	if (h->type == UV_UNKNOWN_HANDLE || uv_is_closing(h))
		return;
	h->data = j;
	uv_close(h, on_handle_closed);
	j->handles++;
}

/* No process is left. The timers are always there, so on_over comes from the loop. */
static void end(struct job *j)
{
	go(j, ENDING);
	close_handle(j, &j->lifetime);
	close_handle(j, &j->kill);
	close_handle(j, &j->exit_poll);
	close_handle(j, &j->out.poll);
	close_handle(j, &j->err.poll);
	if (feed_close(&j->feed, on_feed_closed))
		j->handles++;
}

static void fail(struct job *j, const char *why)
{
	if (j->result.outcome != JOB_RAN)
		return;
	j->result.outcome = JOB_FAILED;
	j->result.error = why;
}

static void on_kill_time(uv_timer_t *timer)
{
	struct job *j = timer->data;

	if (j->state == STOPPING)
		process_kill(&j->process);
}

/* Whatever runs is to end; the result says already why. */
static void stop(struct job *j)
{
	if (j->state == SPOOLING) {
		end(j);
	} else if (j->state == RUNNING) {
		go(j, STOPPING);
		process_stop(&j->process);
		if (uv_timer_start(&j->kill, on_kill_time, JOB_KILL_MS, 0) < 0)
			process_kill(&j->process);
	}
}

static void stop_failed(struct job *j, const char *why)
{
	fail(j, why);
	stop(j);
}

void job_cancel(struct job *j)
{
	if (j->state != SPOOLING && j->state != RUNNING)
		return;
	j->result.outcome = JOB_CANCELLED;
	stop(j);
}

static void on_lifetime(uv_timer_t *timer)
{
	struct job *j = timer->data;

	if (j->state != RUNNING)
		return;
	j->result.outcome = JOB_TIMED_OUT;
	stop(j);
}

/* ---- what the compiler says ---- */

/* False: it said too much. */
static bool read_output(struct drain *d)
{
	for (;;) {
		ssize_t n;

		if (buf_reserve(d->to, DRAIN_CHUNK) < 0)
			return false;
		n = read(d->fd, d->to->data + d->to->len, DRAIN_CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		d->to->len += (size_t)n;
		d->to->data[d->to->len] = '\0';
	}
}

static void on_output(uv_poll_t *poll, int status, int events)
{
	struct drain *d = LIST_ENTRY(poll, struct drain, poll);

	if (status < 0 || (events & UV_DISCONNECT)) {
		/* Closed by the compiler; what is left is read when it has ended. */
		uv_poll_stop(poll);
		return;
	}
	if (!read_output(d)) {
		uv_poll_stop(poll);
		stop_failed(d->job, "the compiler says too much");
	}
}

static int open_drain(struct job *j, struct drain *d, struct buf *to)
{
	int fds[2], r;

	d->job = j;
	d->to = to;
	to->max = JOB_OUTPUT_MAX + DRAIN_CHUNK;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	d->fd = fds[0];
	d->child_fd = fds[1];
	r = uv_poll_init(j->ctx->loop, &d->poll, d->fd);
	return r < 0 ? r : uv_poll_start(&d->poll, UV_READABLE | UV_DISCONNECT, on_output);
}

/* ---- the compiler's end ---- */

static void remember_twice(struct job *j)
{
	struct strv *known = &j->ctx->read_twice;

	if (known->n >= READ_TWICE_MAX || strv_has(known, j->compiler) ||
		strv_push(known, j->compiler) < 0)
		return;
	log_event(LOG_LEVEL_WARNING, "fifo-read-twice",
		"%s reads its source more than once: it gets files from now on", j->compiler);
}

/*
 * Success is only what has seen the whole source, once, and left an object. A failure may well
 * have come before the end of the source.
 */
static void check_result(struct job *j)
{
	enum feed_verdict verdict = feed_judge(&j->feed);
	int r;

	if (verdict == FEED_TWICE) {
		remember_twice(j);
		fail(j, "the compiler read its source more than once");
	} else if (j->result.status != 0) {
		return;
	} else if (verdict == FEED_PART) {
		fail(j, "the compiler did not read all of its source");
	} else {
		j->result.object.max = JOB_OBJECT_MAX;
		r = jobdir_read(&j->dir, j->object, &j->result.object);
		if (r < 0)
			fail(j, r == -ENOENT ? "the compiler left no object"
					     : "the object cannot be read");
	}
}

/* What a shell would do with a program that is not there, as distcc 3.4 words it. */
static void report_missing(struct job *j, int error)
{
	j->result.status = WORKER_EXIT_COMPILER_MISSING << 8;
	if (buf_printf(&j->result.err, "distccd: failed to exec %s: %s\n", j->compiler,
		    error == ENOENT ? "No such file or directory" : "Permission denied") < 0)
		fail(j, "out of memory");
}

static void on_exit_seen(uv_poll_t *poll, int status, int events)
{
	struct job *j = poll->data;
	struct process_end over;

	if (process_collect(&j->process, &over) == PROCESS_RUNS)
		return;
	if (over.trouble)
		fail(j, over.trouble);
	j->result.status = over.status;
	if (over.missing)
		report_missing(j, over.missing);
	if (!read_output(&j->out) || !read_output(&j->err))
		fail(j, "the compiler says too much");
	if (j->result.outcome == JOB_RAN)
		check_result(j);
	end(j);
}

/* ---- the beginning ---- */

static int start_process(struct job *j)
{
	const struct process_spec spec = {.path = j->compiler,
		.argv = strv_argv(&j->argv),
		.envp = strv_argv(&j->envp),
		.dir = j->dir.path,
		.fd_out = j->out.child_fd,
		.fd_err = j->err.child_fd,
		.fd_keep = j->feed.child_fd,
		.file_bytes = JOB_OBJECT_MAX};
	struct confine *c = &j->ctx->confine;
	int r = confine_decide(c, j->compiler);

	if (r < 0)
		return r;
	j->confined = r == CONFINE_YES;
	if (j->confined)
		return process_start_sandboxed(&j->process, c->sandbox, &c->plan, &spec);
	return process_start_group(&j->process, &j->ctx->warden, &spec);
}

static int watch_exit(struct job *j)
{
	int r = uv_poll_init(j->ctx->loop, &j->exit_poll, j->process.fd);

	j->exit_poll.data = j;
	return r < 0 ? r : uv_poll_start(&j->exit_poll, UV_READABLE, on_exit_seen);
}

static int spawn(struct job *j)
{
	int r = start_process(j);

	util_close(&j->out.child_fd);
	util_close(&j->err.child_fd);
	/* What is in a sandbox inherits nothing: the read end of a fifo is ours to keep. */
	if (!j->confined)
		feed_started(&j->feed);
	if (r < 0)
		return r;
	r = watch_exit(j);
	if (r < 0) {
		process_abandon(&j->process);
		return r;
	}
	go(j, RUNNING);
	if (j->ctx->lifetime_ms > 0)
		return uv_timer_start(&j->lifetime, on_lifetime, j->ctx->lifetime_ms, 0);
	return 0;
}

/* Start it, or make the reason why not the result. Only when the state allows. */
static void spawn_or_end(struct job *j)
{
	int r = spawn(j);

	if (r == 0)
		return;
	log_event(LOG_LEVEL_ERROR, "job-spawn", "%s: errno=%d", j->compiler, -r);
	if (r == -ENOENT || r == -EACCES || r == -ENOEXEC)
		report_missing(j, -r);
	else
		fail(j, "the compiler cannot be started");
	if (j->state == RUNNING)
		stop(j);
	else
		end(j);
}

static void on_drained(struct feed *f)
{
	struct job *j = LIST_ENTRY(f, struct job, feed);

	j->handlers->on_drained(j->data);
}

static int open_feed(struct job *j, const struct job_spec *spec)
{
	AUTO(util_free) char *path = jobdir_file(&j->dir, j->source);
	AUTO(util_free) char *copy = jobdir_file(&j->dir, copy_name);
	bool fifo = spec->reads_once && !strv_has(&j->ctx->read_twice, j->compiler);

	if (!path || !copy)
		return -ENOMEM;
	if (fifo && j->ctx->watch.fd >= 0)
		return feed_open_fifo(&j->feed, &j->ctx->watch, j->ctx->loop, path, copy);
	return feed_open_file(&j->feed, path);
}

static int copy_spec(struct job *j, const struct job_spec *spec)
{
	int r;

	j->compiler = strdup(spec->compiler);
	j->source = strdup(spec->source);
	j->object = strdup(spec->object);
	if (!j->compiler || !j->source || !j->object)
		return -ENOMEM;
	r = strv_push(&j->argv, j->compiler);
	return r < 0 ? r : strv_push_all(&j->argv, spec->argv + 1);
}

static int set_up(struct job *j, const struct job_spec *spec)
{
	int r = copy_spec(j, spec);

	if (r == 0)
		r = jobdir_take(&j->dir, &j->ctx->dirs);
	if (r == 0)
		r = jobdir_environment(&j->dir, j->ctx->path, environ, &j->envp);
	if (r == 0)
		r = open_drain(j, &j->out, &j->result.out);
	if (r == 0)
		r = open_drain(j, &j->err, &j->result.err);
	if (r == 0 && spec->hide_dir)
		r = strv_pushf(&j->argv, "-fdebug-prefix-map=%s=%s", j->dir.path, j->ctx->dirs.tmp);
	return r < 0 ? r : open_feed(j, spec);
}

int job_start(struct job_context *ctx, const struct job_spec *spec,
	const struct job_handlers *handlers, void *data, struct job **ret)
{
	struct job *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return -ENOMEM;
	j->ctx = ctx;
	j->handlers = handlers;
	j->data = data;
	j->process = (struct process)PROCESS_INIT;
	j->out.fd = j->out.child_fd = j->err.fd = j->err.child_fd = -1;
	feed_init(&j->feed, on_drained);
	uv_timer_init(ctx->loop, &j->lifetime);
	uv_timer_init(ctx->loop, &j->kill);
	j->lifetime.data = j->kill.data = j;
	*ret = j;
	r = set_up(j, spec);
	if (r < 0) {
		log_event(LOG_LEVEL_ERROR, "job-directory", "in %s: errno=%d", ctx->dirs.tmp, -r);
		fail(j, "no place for the job's files");
		end(j);
	} else if (j->feed.is_fifo) {
		spawn_or_end(j);
	}
	return 0;
}

void job_push(struct job *j, struct buf *data)
{
	int r;

	if (j->state != SPOOLING && j->state != RUNNING) {
		buf_fini(data);
		return;
	}
	r = feed_push(&j->feed, data);
	if (r < 0)
		stop_failed(j, r == -ENOSPC ? "the disk is full" : "the source cannot be written");
}

void job_end_source(struct job *j)
{
	if (j->state != SPOOLING && j->state != RUNNING)
		return;
	if (feed_end(&j->feed) < 0)
		stop_failed(j, "the source cannot be written");
	else if (j->state == SPOOLING)
		spawn_or_end(j);
}
