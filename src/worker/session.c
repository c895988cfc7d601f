/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * States and moves; from each, also to ENDED:
 *
 *	HEAD ──► QUEUED ──► COMPILING ──► FINISHING ──► REPLYING ──► ENDED
 *	  └─────────────────────────────────▲
 *	            (no such compiler)
 *
 *	HEAD       the command line is arriving
 *	QUEUED     it may run; it waits for a slot. Source may arrive up to SOURCE_MAX, then the
 *	           connection is not read until the turn comes (and an end behind so much unread
 *	           data is only seen then)
 *	COMPILING  there is a job. Source goes to it as it arrives (version 1), or as a whole
 *		   when it is complete (version 2: one block)
 *	FINISHING  the result is there; perhaps the client still sends source that nobody needs
 *	REPLYING   the reply is being sent
 *	ENDED      logged; the connection closes, a job that still ran is being killed
 *
 * Invariants: a slot is held from COMPILING until the job is over, even when the client is gone
 * sooner; a session is freed when its connection is closed and it has no job; nothing is answered
 * before the request is complete, and only one thing, ever.
 *
 * What distcc 3.4's clients make of our answers decides them. Closed without an answer: the host
 * is given up for a minute and the job goes to another; so that is for requests that we will not
 * take and for faults of our own. A status other than 0: the job is run again at home. So "no such
 * compiler" is answered in full (110, as distcc says it), because the command was in order and the
 * next try would fail as well.
 */

#include "worker/session.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "wire/distcc.h"
#include "worker/admit.h"
#include "worker/client.h"
#include "worker/conn.h"
#include "worker/exit.h"
#include "worker/server.h"

/* Source of a client that waits; the lower is for when much of the memory is in use already. */
enum { SOURCE_MAX = 16 << 20, SOURCE_MAX_TIGHT = 1 << 20 };

enum session_state { HEAD, QUEUED, COMPILING, FINISHING, REPLYING, ENDED };

static const unsigned moves[] = {
	[HEAD] = 1 << QUEUED | 1 << FINISHING | 1 << ENDED,
	[QUEUED] = 1 << COMPILING | 1 << ENDED,
	[COMPILING] = 1 << FINISHING | 1 << ENDED,
	[FINISHING] = 1 << REPLYING | 1 << ENDED,
	[REPLYING] = 1 << ENDED,
	[ENDED] = 0,
};

struct session {
	struct client client;
	enum session_state state;
	struct conn conn;
	struct wire_request_reader *reader;
	struct admit_command command;
	struct compiler compiler;
	struct queue_waiter waiter;
	struct job *job;
	bool source_ended;       /* the job was given all */
	struct wire_reply reply; /* in FINISHING */
	uv_timer_t silence;
	size_t held; /* of server->memory */
	uint64_t queued_ms, started_ms;
	unsigned handles; /* connection and timer, while they are open */
};

static void go(struct session *s, enum session_state to)
{
	assert(moves[s->state] & 1u << to);
	s->state = to;
}

static const struct wire_request *request(const struct session *s)
{
	return wire_request_get(s->reader);
}

/* ---- the end ---- */

static void free_if_over(struct session *s)
{
	struct server *server = s->client.server;

	if (s->handles > 0 || s->job)
		return;
	quota_set(&server->memory, &s->held, 0);
	wire_request_free(s->reader);
	wire_reply_fini(&s->reply);
	admit_command_fini(&s->command);
	compiler_fini(&s->compiler);
	client_leave(&s->client);
	free(s);
}

static void on_conn_closed(struct conn *c)
{
	struct session *s = LIST_ENTRY(c, struct session, conn);

	s->handles--;
	free_if_over(s);
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct session *s = handle->data;

	s->handles--;
	free_if_over(s);
}

/* Close without (further) answer. The caller has logged why. */
static void end(struct session *s)
{
	if (s->state == ENDED)
		return;
	if (s->state == QUEUED)
		queue_cancel(&s->waiter);
	go(s, ENDED);
	conn_close(&s->conn, on_conn_closed);
	uv_close((uv_handle_t *)&s->silence, on_timer_closed);
	if (s->job)
		job_cancel(s->job);
}

/* distcc 3.4's line for each job, with its words for the outcome. */
static void log_outcome(
	struct session *s, enum metrics_outcome outcome, const char *word, int status, int ret)
{
	struct server *server = s->client.server;
	uint64_t now = uv_now(&server->loop);
	uint64_t ran = s->started_ms ? now - s->started_ms : 0;

	/* Who came and asked for nothing is no job. */
	if (s->command.argv.n > 0 || outcome == METRICS_JOB_REFUSED)
		metrics_job(&server->report.metrics, METRICS_DISTCC, outcome, ran, now);
	log_event(LOG_LEVEL_NOTICE, "job-done",
		"client: %s %s exit:%d sig:%d core:%d ret:%d time:%dms %s %s", s->client.name, word,
		WEXITSTATUS(status), WTERMSIG(status), WCOREDUMP(status) != 0, ret, (int)ran,
		s->command.argv.n > 0 ? s->command.argv.v[0] : "(none)",
		s->command.shown ? s->command.shown : "(none)");
}

static void refuse(struct session *s, const char *reason, const char *detail)
{
	log_event(LOG_LEVEL_WARNING, "job-refused", "client: %s reason=%s %s", s->client.name,
		reason, detail);
	log_outcome(s, METRICS_JOB_REFUSED, "REJ_BAD_REQ", 0, WORKER_EXIT_PROTOCOL);
	end(s);
}

static void fail(struct session *s, const char *why)
{
	log_event(LOG_LEVEL_ERROR, "job-failed", "client: %s %s", s->client.name, why);
	log_outcome(s, METRICS_JOB_ERROR, "OTHER", 0, WORKER_EXIT_FAILED);
	end(s);
}

static void on_gone(struct conn *c, int error)
{
	struct session *s = LIST_ENTRY(c, struct session, conn);

	log_outcome(s, METRICS_JOB_CANCELLED, "CLI_DISCONN", 0, WORKER_EXIT_GONE);
	end(s);
}

static void on_silence(uv_timer_t *timer)
{
	struct session *s = timer->data;

	log_event(LOG_LEVEL_WARNING, "client-silent", "client: %s nothing for %d s", s->client.name,
		(int)(s->client.server->io_timeout_ms / 1000));
	log_outcome(s, METRICS_JOB_CANCELLED, "CLI_DISCONN", 0, WORKER_EXIT_TIMEOUT);
	end(s);
}

/* What is under way is over sooner than it could be waited for: the client compiles it itself. */
static void abort_session(struct client *c, bool drain)
{
	struct session *s = LIST_ENTRY(c, struct session, client);

	/* Who drains waits for jobs that run, and for answers that are on their way. */
	if (s->state == ENDED || (drain && s->state >= COMPILING))
		return;
	log_outcome(s, METRICS_JOB_CANCELLED, "OTHER", 0, WORKER_EXIT_GONE);
	end(s);
}

static bool describe_job(const struct client *c, struct status_job *ret)
{
	const struct session *s = LIST_ENTRY(c, struct session, client);

	if (s->state != QUEUED && !s->job)
		return false;
	*ret = (struct status_job){.source = s->command.shown,
		.client = c->name,
		.protocol = metrics_protocol_name(METRICS_DISTCC),
		.pid = s->job ? job_pid(s->job) : 0,
		.size = request(s)->source_len,
		.since_ms = s->job ? s->started_ms : s->queued_ms};
	return true;
}

/* ---- what it may hold ---- */

/* Bytes that we keep on its behalf. False: it was too much, and the session is ended. */
static bool account(struct session *s)
{
	size_t n = request(s)->source.cap + s->reply.object.cap + s->reply.err.cap +
		   s->reply.out.cap + s->conn.pending.cap;

	/* As it came, and as it will run. */
	for (size_t i = 0; i < request(s)->argv.n; i++)
		n += 2 * strlen(request(s)->argv.v[i]);
	if (s->job)
		n += job_backlog(s->job);
	if (quota_set(&s->client.server->memory, &s->held, n))
		return true;
	fail(s, "all clients together hold too much memory");
	return false;
}

static size_t source_max(const struct server *server)
{
	return server->memory.used > server->memory.max / 2 ? SOURCE_MAX_TIGHT : SOURCE_MAX;
}

/* Whether to read on, and how long to wait for it. */
static void set_flow(struct session *s)
{
	bool complete = request(s)->state == WIRE_REQUEST_DONE, pause = false;

	if (s->state == QUEUED)
		pause = request(s)->source.len >= source_max(s->client.server);
	else if (s->state == COMPILING)
		pause = job_backlog(s->job) >= FEED_BACKLOG;
	/* A complete request is still watched: what follows is the client's end. */
	conn_pause(&s->conn, pause && !complete);
	if (s->state == REPLYING || (!complete && !pause))
		uv_timer_start(&s->silence, on_silence, s->client.server->io_timeout_ms, 0);
	else
		uv_timer_stop(&s->silence);
}

/* ---- the reply ---- */

static void send_reply(struct session *s)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT_MAX(SIZE_MAX / 4);
	int r;

	go(s, REPLYING);
	r = wire_reply_write(request(s)->version, &s->reply, &bytes);
	if (r < 0) {
		fail(s, "the reply cannot be made");
		return;
	}
	buf_fini(&s->reply.object);
	buf_fini(&s->reply.err);
	buf_fini(&s->reply.out);
	r = conn_write(&s->conn, &bytes);
	if (r < 0) {
		fail(s, "the reply cannot be sent");
		return;
	}
	if (account(s))
		set_flow(s);
}

static void on_progress(struct conn *c)
{
	set_flow(LIST_ENTRY(c, struct session, conn));
}

static void on_written(struct conn *c)
{
	struct session *s = LIST_ENTRY(c, struct session, conn);
	int status = s->reply.status;

	log_outcome(s,
		status == 0           ? METRICS_JOB_OK
		: WIFSIGNALED(status) ? METRICS_JOB_KILLED
				      : METRICS_JOB_EXITED,
		status == 0 ? "COMPILE_OK" : "COMPILE_ERROR", status, 0);
	end(s);
}

/* ---- the job ---- */

static void advance(struct session *s);

static void move_buf(struct buf *to, struct buf *from)
{
	*to = *from;
	*from = (struct buf)BUF_INIT;
}

static void on_drained(void *data)
{
	advance(data);
}

/* What the job's end means to the client that is still there. */
static void take_result(struct session *s, struct job_result *result)
{
	switch (result->outcome) {
	case JOB_RAN:
		s->reply.status = result->status;
		move_buf(&s->reply.err, &result->err);
		move_buf(&s->reply.out, &result->out);
		move_buf(&s->reply.object, &result->object);
		go(s, FINISHING);
		break;
	case JOB_TIMED_OUT:
		log_outcome(s, METRICS_JOB_TIMED_OUT, "COMPILE_TIMEOUT", result->status,
			WORKER_EXIT_TIMEOUT);
		end(s);
		break;
	case JOB_CANCELLED:
	case JOB_FAILED:
		fail(s, result->error ? result->error : "cancelled");
		break;
	}
}

static void on_over(void *data)
{
	struct session *s = data;
	struct server *server = s->client.server;
	struct job *job = TAKE_PTR(s->job);

	queue_release(&server->queue);
	if (s->state != ENDED)
		take_result(s, job_result(job));
	job_free(job);
	if (s->state == ENDED)
		free_if_over(s);
	else if (account(s))
		advance(s);
	queue_grant(&server->queue);
}

static const struct job_handlers job_handlers = {.on_drained = on_drained, .on_over = on_over};

static void granted(struct queue_waiter *w)
{
	struct session *s = LIST_ENTRY(w, struct session, waiter);
	struct job_spec spec = {.compiler = s->compiler.path,
		.argv = strv_argv(&s->command.argv),
		.source = s->command.source,
		.object = s->command.object,
		.reads_once = s->compiler.is_driver,
		.hide_dir = s->command.debug && s->compiler.is_driver};

	go(s, COMPILING);
	s->started_ms = uv_now(&s->client.server->loop);
	metrics_waited(&s->client.server->report.metrics, s->started_ms - s->queued_ms);
	if (job_start(&s->client.server->jobs, &spec, &job_handlers, s, &s->job) < 0) {
		queue_release(&s->client.server->queue);
		fail(s, "out of memory");
		return;
	}
	log_event(LOG_LEVEL_INFO, "job-start", "client: %s %s %s", s->client.name, s->compiler.path,
		s->command.shown);
	advance(s);
}

/* ---- the request ---- */

static const char missing_format[] = "distccd: failed to exec %s: No such file or directory\n";

/* The command may run, but there is nothing to run it: an answer in full. */
static void answer_missing(struct session *s)
{
	const char *name = s->command.argv.v[0];

	log_event(LOG_LEVEL_WARNING, "compiler-missing", "client: %s %s", s->client.name, name);
	s->reply.status = WORKER_EXIT_COMPILER_MISSING << 8;
	go(s, FINISHING);
	if (buf_printf(&s->reply.err, missing_format, name) < 0)
		fail(s, "out of memory");
}

/* The command line is complete: may it run, and by what? */
static void take_command(struct session *s)
{
	AUTO(util_free) char *why = NULL;
	int r = admit_command(&request(s)->argv, &s->command, &why);

	if (r == ADMIT_REFUSED) {
		refuse(s, "arguments", why);
		return;
	}
	if (r == 0)
		r = compiler_find(&s->client.server->policy, s->command.argv.v[0], &s->compiler);
	switch (r) {
	case 0:
		go(s, QUEUED);
		s->queued_ms = uv_now(&s->client.server->loop);
		queue_wait(&s->client.server->queue, &s->waiter);
		queue_grant(&s->client.server->queue);
		break;
	case COMPILER_NOT_ALLOWED:
		refuse(s, "compiler-not-allowed", s->command.argv.v[0]);
		break;
	case COMPILER_NOT_FOUND:
		answer_missing(s);
		break;
	default:
		fail(s, "out of memory");
	}
}

/* Version 2: the block is complete; unpack it and hand it over. */
static void push_unpacked(struct session *s)
{
	struct buf *block = wire_request_source(s->reader);
	AUTO(buf_fini) struct buf source = BUF_INIT_MAX(WIRE_BODY_MAX);
	size_t room = s->client.server->memory.max - s->client.server->memory.used;
	int r = wire_decompress(block->data, block->len, MIN(room, (size_t)WIRE_BODY_MAX), &source);

	buf_fini(block);
	if (r == -EBADMSG) {
		refuse(s, "protocol", "the source is not an LZO block, or holds too much");
	} else if (r < 0) {
		fail(s, "out of memory");
	} else {
		job_push(s->job, &source);
		job_end_source(s->job);
	}
}

static void push_source(struct session *s)
{
	bool complete = request(s)->state == WIRE_REQUEST_DONE;

	if (s->source_ended)
		return;
	s->source_ended = complete;
	if (request(s)->version == WIRE_LZO) {
		if (complete)
			push_unpacked(s);
		return;
	}
	job_push(s->job, wire_request_source(s->reader));
	if (complete)
		job_end_source(s->job);
}

/* Do whatever the state and what has arrived allow. */
static void advance(struct session *s)
{
	if (s->state == HEAD && request(s)->state != WIRE_REQUEST_HEAD)
		take_command(s);
	if (s->state == COMPILING)
		push_source(s);
	if (s->state == FINISHING) {
		buf_fini(wire_request_source(s->reader));
		if (request(s)->state == WIRE_REQUEST_DONE)
			send_reply(s);
	}
	if (s->state != ENDED && account(s))
		set_flow(s);
}

static void on_data(struct conn *c, const char *data, size_t n)
{
	struct session *s = LIST_ENTRY(c, struct session, conn);
	size_t used = 0;
	int r = wire_request_feed(s->reader, data, n, &used);

	if (r == -EBADMSG)
		refuse(s, "protocol", request(s)->error);
	else if (r < 0)
		fail(s, "out of memory");
	else if (used < n)
		refuse(s, "protocol", "there are bytes behind the request");
	else
		advance(s);
}

/* ---- the beginning ---- */

static const struct conn_handlers conn_handlers = {.on_data = on_data,
	.on_gone = on_gone,
	.on_progress = on_progress,
	.on_written = on_written};

int session_open(struct server *server, int fd_in, int fd_out, const struct sockaddr *peer,
	socklen_t peer_len)
{
	struct session *s = calloc(1, sizeof(*s));
	int r = s ? wire_request_new(&s->reader) : -ENOMEM;

	if (r < 0) {
		free(s);
		close(fd_in);
		if (fd_out != fd_in)
			close(fd_out);
		return r;
	}
	queue_waiter_init(&s->waiter, granted);
	r = conn_open(&s->conn, &server->conns, fd_in, fd_out, &conn_handlers);
	if (r < 0) {
		wire_request_free(s->reader);
		free(s);
		return r;
	}
	uv_timer_init(&server->loop, &s->silence);
	s->silence.data = s;
	s->handles = 2;
	s->client.job = describe_job;
	client_enter(&s->client, server, METRICS_DISTCC, peer, peer_len, abort_session);
	set_flow(s);
	return 0;
}
