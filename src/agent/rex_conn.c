/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	DIALLING ─► GREETING ─► READY ─► closing
 *	    └───────────┴──────────┴────────▲
 *
 * A connection that ends before it was ready ends all runs that wait for one: they would only fail
 * in the same way. After that it ends those that have calls on it, by way of these calls; a run
 * between two calls just gets the next connection. One that got GOAWAY, or that has been given up,
 * is no longer the rex's connection, and closes when its last call has ended.
 *
 * With TLS its session lies between socket and gRPC; what gRPC has to say waits until it is ready.
 *
 * The server of another protocol is told by what comes first: every HTTP/2 server begins with
 * SETTINGS. nghttp2 takes nothing else either, but does not say that this was what it minded.
 *
 * Two clocks watch over silence. The session's own PINGs tell whether the other end lives, which is
 * all that can be asked while it executes something. Where it owes us an answer, or room to send,
 * something has to move within the I/O time-out; to see that PINGs are no movement, pieces as small
 * as these do not count.
 */

#include "agent/rex_conn.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/rex_proof.h"
#include "reapi/message.h"

enum {
	STIR_MAX = 64,       /* a PING, its answer, an acknowledgement: no more than this */
	SEAL_MAX = 64 << 10, /* plaintext that is sealed before its output is written */
	WATCHES = 4,         /* looks at the clock within one I/O time-out */
	WATCH_MS_MIN = 5,
};

static uint64_t now(const struct rex_conn *c)
{
	return uv_now(c->rex->loop);
}

/* --- its end --- */

static void on_handle_closed(uv_handle_t *h)
{
	struct rex_conn *c = h->data;
	struct rex *r = c->rex;

	if (--c->handles > 0)
		return;
	list_unlink(&c->node);
	rpc_session_free(c->rpc);
	tls_free(c->tls);
	buf_fini(&c->plain);
	util_close(&c->fd);
	free(c);
	rex_unref(r);
}

bool rex_conn_broken(const struct rex_conn *c)
{
	return !rpc_session_wants_read(c->rpc);
}

enum rex_outcome rex_conn_outcome(const struct rex_conn *c, const char **ret_detail)
{
	int error = 0;

	*ret_detail = c->rpc && !*c->detail ? rpc_session_reason(c->rpc, &error) : c->detail;
	if (c->verdict != REX_DONE)
		return c->verdict;
	if (error == -ETIMEDOUT)
		return REX_TIMEOUT;
	if (c->greeted)
		return REX_DROPPED;
	return c->tls && !tls_ready(c->tls) ? REX_TLS : REX_NOT_GRPC;
}

static void set_verdict(struct rex_conn *c, enum rex_outcome outcome, const char *detail)
{
	if (c->verdict != REX_DONE)
		return;
	c->verdict = outcome;
	snprintf(c->detail, sizeof(c->detail), "%s", detail);
}

/* No more calls on it; those who wait for it need not. */
static void retire(struct rex_conn *c)
{
	struct rex *r = c->rex;
	enum rex_outcome outcome;
	const char *detail;

	if (r->conn != c)
		return;
	r->conn = NULL;
	if (c->state != REX_CONN_READY) {
		outcome = rex_conn_outcome(c, &detail);
		rex_fail_waiting(r, outcome, detail);
	}
	rex_turn_soon(r);
}

/* That nothing more comes from us, if it goes out at once. */
static void say_goodbye(struct rex_conn *c)
{
	const void *data;
	size_t n;

	if (!c->tls)
		return;
	tls_close(c->tls);
	tls_output(c->tls, &data, &n);
	if (n > 0 && !c->deaf && send(c->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		c->deaf = true;
}

static void end(struct rex_conn *c, int error)
{
	if (c->closing)
		return;
	c->closing = true;
	say_goodbye(c);
	if (c->dial)
		dial_cancel(TAKE_PTR(c->dial));
	if (c->rpc)
		rpc_session_eof(c->rpc, error, now(c));
	retire(c);
	if (c->fd >= 0)
		uv_close((uv_handle_t *)&c->poll, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
	uv_close((uv_handle_t *)&c->watch, on_handle_closed);
}

void rex_conn_close(struct rex_conn *c)
{
	end(c, 0);
}

/* Also from inside callbacks: it ends when it is settled. */
static void give_up(struct rex_conn *c, enum rex_outcome outcome, const char *detail)
{
	set_verdict(c, outcome, detail);
	retire(c);
	rpc_session_close(c->rpc, "given up");
}

/* --- bytes --- */

static void on_poll(uv_poll_t *p, int status, int events);

static int poll_for(struct rex_conn *c, bool full)
{
	c->full = full;
	return uv_poll_start(&c->poll, UV_READABLE | (full ? UV_WRITABLE : 0), on_poll);
}

static void on_timer(uv_timer_t *t)
{
	struct rex_conn *c = t->data;

	rpc_session_tick(c->rpc, now(c));
	rex_conn_settle(c);
}

static void set_timer(struct rex_conn *c)
{
	uint64_t next = rpc_session_next_ms(c->rpc);

	if (next == RPC_NEVER)
		uv_timer_stop(&c->timer);
	else
		uv_timer_start(&c->timer, on_timer, next > now(c) ? next - now(c) : 0, 0);
}

/* Into the socket: how much it took, 0 where it is full. -errno: it cannot go on. */
static ssize_t write_out(struct rex_conn *c, const void *data, size_t n)
{
	ssize_t m;

	do
		m = send(c->fd, data, n, MSG_NOSIGNAL);
	while (m < 0 && errno == EINTR);
	if (m >= 0)
		return m;
	if (errno == EAGAIN)
		return poll_for(c, true);
	if (errno != EPIPE && errno != ECONNRESET)
		return -errno;
	/* What the peer said before it closed may be there to be read. */
	c->deaf = true;
	return 0;
}

/* What TLS has to say. */
static int flush(struct rex_conn *c)
{
	const void *data;
	size_t n;

	while (!c->full && !c->deaf) {
		ssize_t m;

		tls_output(c->tls, &data, &n);
		m = n > 0 ? write_out(c, data, n) : 0;
		if (m <= 0)
			return (int)m;
		tls_consumed(c->tls, (size_t)m);
	}
	return 0;
}

/* A piece of what gRPC has to say, sealed, and as much as the socket takes of it. */
static ssize_t seal(struct rex_conn *c, const void *data, size_t n)
{
	int r = flush(c);

	if (r < 0 || c->full || c->deaf || !tls_ready(c->tls))
		return r;
	n = MIN(n, (size_t)SEAL_MAX);
	r = tls_write(c->tls, data, n);
	if (r == 0)
		r = flush(c);
	return r < 0 ? r : (ssize_t)n;
}

/* -errno: it cannot go on. */
static int write_some(struct rex_conn *c)
{
	const void *data;
	size_t n;
	ssize_t m = 1;

	if (c->tls)
		m = flush(c) < 0 ? -EPIPE : 1;
	while (m > 0 && !c->full && !c->deaf) {
		if (rpc_session_output(c->rpc, now(c), &data, &n) < 0 || n == 0)
			return 0;
		m = c->tls ? seal(c, data, n) : write_out(c, data, n);
		if (m > 0)
			rpc_session_consumed(c->rpc, (size_t)m);
		if (m > STIR_MAX)
			c->moved_ms = now(c);
	}
	return m < 0 ? (int)m : 0;
}

void rex_conn_settle(struct rex_conn *c)
{
	int r;

	if (c->closing || !c->rpc)
		return;
	r = write_some(c);
	if (r < 0)
		end(c, r);
	else if (rpc_session_ended(c->rpc) || (c->deaf && rex_conn_broken(c)))
		end(c, 0);
	else
		set_timer(c);
}

static void look_at_head(struct rex_conn *c, const void *data, size_t n)
{
	static const uint8_t settings[] = {4, 0, 0, 0, 0, 0}; /* its type, no flags, stream 0 */
	size_t take = MIN(n, sizeof(c->head) - c->n_head);

	if (take == 0)
		return;
	memcpy(c->head + c->n_head, data, take);
	c->n_head += take;
	c->greeted = c->n_head == sizeof(c->head) &&
		     memcmp(c->head + 3, settings, sizeof(settings)) == 0;
}

static void feed(struct rex_conn *c, const void *data, size_t n)
{
	look_at_head(c, data, n);
	if (n > STIR_MAX)
		c->moved_ms = now(c);
	/* Where it fails for want of memory the session has ended, which settling sees. */
	(void)!rpc_session_feed(c->rpc, data, n, now(c));
}

/* False: it has ended. Before it was ready that is TLS's failure, whatever the cause. */
static bool feed_tls(struct rex_conn *c, const void *data, size_t n)
{
	bool was_ready = tls_ready(c->tls);
	int r;

	c->plain.len = 0;
	r = tls_feed(c->tls, data, n, &c->plain);
	if (!was_ready)
		c->moved_ms = now(c);
	if (c->plain.len > 0)
		feed(c, c->plain.data, c->plain.len);
	if (r == 0)
		return true;
	/* A server refuses a client's certificate when we are through already. */
	if (r < 0 && !c->greeted)
		set_verdict(c, REX_TLS, tls_reason(c->tls));
	end(c, r < 0 ? r : 0);
	return false;
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct rex_conn *c = p->data;

	/* An error shows in reading; libuv has stopped the handle because of it. */
	if ((status < 0 || (events & UV_WRITABLE)) && poll_for(c, false) < 0) {
		end(c, -ENOMEM);
		return;
	}
	if (status < 0 || (events & UV_READABLE)) {
		ssize_t n = read(c->fd, c->rex->scratch, sizeof(c->rex->scratch));

		if (n > 0 && c->tls && !feed_tls(c, c->rex->scratch, (size_t)n))
			return;
		if (n > 0 && !c->tls)
			feed(c, c->rex->scratch, (size_t)n);
		if (n == 0) {
			end(c, c->tls ? tls_eof(c->tls) : 0);
			return;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			end(c, -errno);
			return;
		}
	}
	rex_conn_settle(c);
}

/* --- silence --- */

static bool is_due(const struct rex_conn *c, uint64_t since_ms)
{
	return now(c) - MAX(since_ms, c->moved_ms) >= c->rex->io_ms;
}

static void on_watch(uv_timer_t *t)
{
	struct rex_conn *c = t->data;
	bool stuck = c->state == REX_CONN_GREETING && is_due(c, 0);

	if (c->state == REX_CONN_READY && list_empty(&c->runs)) {
		uv_timer_stop(t);
		return;
	}
	if (stuck)
		give_up(c, REX_TIMEOUT, "");
	LIST_FOR_SAFE(pos, &c->runs)
	{
		struct rex_run *run = LIST_ENTRY(pos, struct rex_run, node);

		if (run->patient || !is_due(c, run->since_ms))
			continue;
		rex_run_end(run, REX_TIMEOUT, "%s", "");
		stuck = true;
	}
	/* Those that are left have a PING to tell how it is. */
	if (stuck) {
		retire(c);
		rpc_session_drain(c->rpc, now(c));
	}
	rex_conn_settle(c);
}

void rex_conn_watch(struct rex_conn *c)
{
	uint64_t every = MAX(c->rex->io_ms / WATCHES, (uint64_t)WATCH_MS_MIN);

	if (!c->closing && !uv_is_active((uv_handle_t *)&c->watch))
		uv_timer_start(&c->watch, on_watch, every, every);
}

/* --- what the server offers --- */

static bool has_sha256(
	const Build__Bazel__Remote__Execution__V2__DigestFunction__Value *functions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (functions[i] == RE_ENUM(DIGEST_FUNCTION__VALUE__SHA256))
			return true;
	return false;
}

/* The list is newer than the field. */
static bool executes_sha256(const re_execution_capabilities *m)
{
	if (m->n_digest_functions > 0)
		return has_sha256(m->digest_functions, m->n_digest_functions);
	return m->digest_function == RE_ENUM(DIGEST_FUNCTION__VALUE__SHA256) ||
	       m->digest_function == RE_ENUM(DIGEST_FUNCTION__VALUE__UNKNOWN);
}

/* NULL: we can work with it. */
static const char *judge(const re_server_capabilities *m, bool cache_only)
{
	const re_cache_capabilities *cache = m->cache_capabilities;
	const re_execution_capabilities *execution = m->execution_capabilities;

	if (!cache_only && (!execution || !execution->exec_enabled))
		return "it does not execute";
	if (!cache || !has_sha256(cache->digest_functions, cache->n_digest_functions))
		return "it does not store by SHA-256";
	if (!cache_only && !executes_sha256(execution))
		return "it does not execute by SHA-256";
	return NULL;
}

static bool takes_zstd(const re_cache_capabilities *cache)
{
	for (size_t i = 0; i < cache->n_supported_batch_update_compressors; i++)
		if ((int)cache->supported_batch_update_compressors[i] ==
			(int)RE_ENUM(COMPRESSOR__VALUE__ZSTD))
			return true;
	return false;
}

static void on_message(struct rpc_call *call, struct buf *message, void *data)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	struct rex_conn *c = data;
	re_server_capabilities *m;
	const re_action_cache_update_capabilities *updates;
	struct reapi_violation v;
	const char *fault;
	int64_t max;
	int r;

	reapi_arena_init(&a, reapi_memory_for(message->len));
	r = reapi_unpack(&a, RE_TYPE(server_capabilities), buf_str(message), message->len, &m, &v);
	if (r != 0) {
		give_up(c, r < 0 ? REX_FAILED : REX_GARBAGE, r < 0 ? strerror(-r) : v.text);
		return;
	}
	fault = judge(m, c->rex->cache_only);
	if (fault) {
		give_up(c, REX_NOT_SERVED, fault);
		return;
	}
	updates = m->cache_capabilities->action_cache_update_capabilities;
	c->rex->takes_results = updates && updates->update_enabled;
	max = m->cache_capabilities->max_batch_total_size_bytes;
	c->rex->batch_max = max > 0 ? MIN((uint64_t)max, (uint64_t)REX_BATCH_MAX) : REX_BATCH_MAX;
	c->rex->takes_zstd = takes_zstd(m->cache_capabilities);
	c->answered = true;
}

/* It goes away before it has seen anything: those who wait may have another connection, once. */
static void move_on(struct rex_conn *c, const char *detail)
{
	LIST_FOR_SAFE(pos, &c->rex->waiting)
	{
		struct rex_run *run = LIST_ENTRY(pos, struct rex_run, node);

		if (run->again)
			rex_run_end(run, REX_BUSY, "%s", detail);
		run->again = true;
	}
	c->rex->conn = NULL;
	rex_turn_soon(c->rex);
	rpc_session_close(c->rpc, "given up");
}

static void on_end(struct rpc_call *call, const struct rpc_end *e, void *data)
{
	struct rex_conn *c = data;
	char detail[REX_DETAIL_MAX];

	c->call = NULL;
	if (c->verdict != REX_DONE)
		return;
	if (e->status == RPC_OK && c->answered) {
		c->state = REX_CONN_READY;
		rex_turn_soon(c->rex);
	} else if (e->status == RPC_OK) {
		give_up(c, REX_GARBAGE, "no capabilities in its answer");
	} else if (e->complete || !rex_conn_broken(c)) {
		rex_describe(e->status, e->message, detail);
		if (e->unprocessed && c->rex->conn == c)
			move_on(c, detail);
		else
			give_up(c, rex_outcome_of(e->status), detail);
	}
}

static void on_headers(struct rpc_call *call, const struct rpc_metadata *m, void *data)
{
	struct rex_conn *c = data;
	const char *root = rpc_metadata_get(m, REX_PROOF_HEADER);

	if (root && str_eq(root, "input"))
		c->rex->root = REX_ROOT_INPUT;
}

static const struct rpc_handler handler = {
	.on_headers = on_headers, .on_message = on_message, .on_end = on_end};

static int ask(struct rex_conn *c)
{
	AUTO(buf_fini) struct buf out = BUF_INIT;
	re_get_capabilities_request m = RE_INIT(GET_CAPABILITIES_REQUEST);
	struct rpc_call_params p;
	int r;

	rex_call_params(c->rex, "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities",
		&handler, c, &p);
	m.instance_name = c->rex->instance;
	r = reapi_pack(&m.base, &out);
	if (r == 0)
		r = rpc_client_call(c->rpc, &p, now(c), &c->call);
	if (r == 0)
		r = rpc_call_send_buf(c->call, &out);
	if (r < 0)
		return r;
	rpc_call_half_close(c->call);
	return 0;
}

/* --- its beginning --- */

static void on_wake(void *data)
{
	struct rex_conn *c = data;

	rex_turn_soon(c->rex);
}

static int talk(struct rex_conn *c, int fd)
{
	const struct rpc_owner owner = {.wake = on_wake, .data = c};
	const struct rpc_limits limits = {
		.keepalive_ms = MIN((uint64_t)RPC_KEEPALIVE_MS, c->rex->io_ms),
		.keepalive_timeout_ms = MIN((uint64_t)RPC_KEEPALIVE_TIMEOUT_MS, c->rex->io_ms),
	};
	int one = 1, r;

	/* Where it fails, it is slower. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	r = uv_poll_init(c->rex->loop, &c->poll, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	c->fd = fd;
	c->poll.data = c;
	c->handles++;
	c->state = REX_CONN_GREETING;
	c->moved_ms = now(c);
	rex_known_fini(&c->rex->known);
	/* It may be another server than the last. */
	if (!c->rex->proof)
		c->rex->root = c->rex->prove_root ? REX_ROOT_UNKNOWN : REX_ROOT_INPUT;
	c->plain.max = SIZE_MAX / 4;
	r = c->rex->secrets.tls ? tls_new(c->rex->secrets.context, c->rex->host, &c->tls) : 0;
	if (r == 0)
		r = rpc_client_new(&limits, &owner, now(c), &c->rpc);
	if (r == 0)
		r = ask(c);
	return r == 0 ? poll_for(c, false) : r;
}

static void on_dialled(void *data, const struct dial_result *d)
{
	static const enum rex_outcome as[] = {
		[DIAL_UNRESOLVED] = REX_UNRESOLVED,
		[DIAL_REFUSED] = REX_REFUSED,
		[DIAL_TIMED_OUT] = REX_CONNECT_TIMEOUT,
		[DIAL_FAILED] = REX_UNREACHABLE,
	};
	struct rex_conn *c = data;
	int r;

	c->dial = NULL;
	memcpy(c->rex->address, d->address, sizeof(c->rex->address));
	if (d->outcome != DIAL_CONNECTED) {
		/* Somebody took the connection, and threw it away before we looked. */
		set_verdict(c, d->error == -ECONNRESET ? REX_NOT_GRPC : as[d->outcome],
			d->error < 0 ? uv_strerror(d->error) : "");
		end(c, 0);
		return;
	}
	r = talk(c, d->fd);
	if (r < 0) {
		set_verdict(c, REX_FAILED, uv_strerror(r));
		end(c, 0);
		return;
	}
	rex_conn_watch(c);
	rex_conn_settle(c);
}

int rex_conn_open(struct rex *r)
{
	const struct dial_params p = {
		.host = r->host,
		.port = r->port,
		.resolve_ms = r->resolve_ms,
		.connect_ms = r->connect_ms,
	};
	struct rex_conn *c = calloc(1, sizeof(*c));
	int q;

	if (!c)
		return -ENOMEM;
	c->rex = r;
	c->fd = -1;
	list_init(&c->runs);
	q = dial_start(r->loop, &p, on_dialled, c, &c->dial);
	if (q < 0) {
		free(c);
		return q;
	}
	uv_timer_init(r->loop, &c->timer);
	uv_timer_init(r->loop, &c->watch);
	c->timer.data = c->watch.data = c;
	c->handles = 2;
	list_append(&r->conns, &c->node);
	r->handles++;
	r->conn = c;
	return 0;
}

bool rex_conn_ready(const struct rex_conn *c)
{
	return c->state == REX_CONN_READY && !c->closing && rpc_client_open(c->rpc);
}
