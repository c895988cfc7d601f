/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 *	DIALLING ──► TALKING ──► done
 *
 * The whole request is written at once (head, and the text straight from where it lies mapped),
 * and the answer is listened for from the first moment, since a server may close early. The I/O
 * timer starts anew with everything that moves. ssh hosts are dialled by starting ssh on a socket
 * pair; what follows is the same.
 */

#include "agent/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ssh.h"

struct remote {
	uv_loop_t *loop;
	const char *text;
	size_t text_len;
	uint64_t io_ms;
	remote_done_fn done; /* NULL: finished or cancelled */
	void *data;

	enum wire_version version;
	struct dial *dial; /* while dialling */
	int ssh_fd;        /* from ssh's start to its first use */
	char address[DIAL_ADDRESS_TEXT];
	struct buf head; /* the request's head, and the compressed text */
	struct wire_reply_reader *reader;
	char chunk[1 << 16];
	uint64_t bytes_up, bytes_down;

	uv_pipe_t stream; /* of any stream socket */
	uv_write_t write;
	uv_timer_t timer;
	bool stream_open, timer_open;
	unsigned alive;
};

static const struct {
	const char *name, *text;
} outcomes[] = {
	[REMOTE_REPLIED] = {"remote", "answered"},
	[REMOTE_UNRESOLVED] = {"host-unresolved", "its name does not resolve"},
	[REMOTE_REFUSED] = {"host-refused", "connection refused"},
	[REMOTE_CONNECT_TIMEOUT] = {"host-connect-timeout", "no connection in time"},
	[REMOTE_UNREACHABLE] = {"host-unreachable", "cannot be reached"},
	[REMOTE_NO_ANSWER] = {"host-no-answer", "server provided no answer: it may not allow this "
						"client or this compiler"},
	[REMOTE_DROPPED] = {"host-dropped", "the connection broke"},
	[REMOTE_TIMEOUT] = {"host-timeout", "no answer in time"},
	[REMOTE_GARBAGE] = {"host-garbage", "what it answers is not the distcc protocol"},
	[REMOTE_UNSUPPORTED] = {"host-unsupported", "this build cannot talk to it"},
};

const char *remote_outcome_name(enum remote_outcome o)
{
	return outcomes[o].name;
}

const char *remote_outcome_text(enum remote_outcome o)
{
	return outcomes[o].text;
}

static void on_closed(uv_handle_t *h)
{
	struct remote *r = h->data;

	if (--r->alive > 0)
		return;
	util_close(&r->ssh_fd);
	wire_reply_free(r->reader);
	buf_fini(&r->head);
	free(r);
}

static void close_all(struct remote *r)
{
	if (r->dial)
		dial_cancel(TAKE_PTR(r->dial));
	if (r->stream_open)
		uv_close((uv_handle_t *)&r->stream, on_closed);
	r->stream_open = false;
	if (r->timer_open)
		uv_close((uv_handle_t *)&r->timer, on_closed);
	r->timer_open = false;
}

static void finish(struct remote *r, enum remote_outcome outcome, const char *detail)
{
	remote_done_fn done = r->done;
	struct remote_result res = {
		.outcome = outcome,
		.detail = detail ? detail : "",
		.address = r->address,
		.reply = outcome == REMOTE_REPLIED ? wire_reply_get(r->reader) : NULL,
		.bytes_up = r->bytes_up,
		.bytes_down = r->bytes_down,
	};

	r->done = NULL;
	/* r lives on until the loop has closed its handles, and with it the reply. */
	close_all(r);
	if (done)
		done(r->data, &res);
}

static void on_timer(uv_timer_t *t)
{
	finish(t->data, REMOTE_TIMEOUT, NULL);
}

static void moved(struct remote *r)
{
	if (uv_timer_start(&r->timer, on_timer, r->io_ms, 0) < 0)
		finish(r, REMOTE_TIMEOUT, "no timer");
}

static void on_written(uv_write_t *w, int status)
{
	struct remote *r = w->data;

	/* A failed write shows in the reader too, and there it shows what was answered before. */
	if (r->done && status == 0)
		moved(r);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	struct remote *r = h->data;

	*buf = uv_buf_init(r->chunk, sizeof(r->chunk));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct remote *r = s->data;
	size_t used;
	int q;

	if (!r->done || n == 0)
		return;
	if (n < 0) {
		finish(r, r->bytes_down ? REMOTE_DROPPED : REMOTE_NO_ANSWER,
			n == UV_EOF ? NULL : uv_strerror((int)n));
		return;
	}
	r->bytes_down += (uint64_t)n;
	moved(r);
	q = wire_reply_feed(r->reader, buf->base, (size_t)n, &used);
	if (q < 0)
		finish(r, REMOTE_GARBAGE, wire_reply_error(r->reader));
	else if (wire_reply_done(r->reader))
		finish(r, REMOTE_REPLIED, NULL);
}

static void talk(struct remote *r, int fd)
{
	bool plain = r->version == WIRE_PLAIN;
	uv_buf_t bufs[2] = {
		uv_buf_init(r->head.data, (unsigned)r->head.len),
		uv_buf_init((char *)r->text, plain ? (unsigned)r->text_len : 0),
	};
	int q = uv_pipe_init(r->loop, &r->stream, 0);

	if (q < 0) {
		close(fd);
		finish(r, REMOTE_UNREACHABLE, uv_strerror(q));
		return;
	}
	r->stream.data = r;
	r->write.data = r;
	r->stream_open = true;
	r->alive++;
	q = uv_pipe_open(&r->stream, fd);
	if (q < 0)
		close(fd);
	else
		q = uv_read_start((uv_stream_t *)&r->stream, on_alloc, on_read);
	if (q == 0)
		q = uv_write(&r->write, (uv_stream_t *)&r->stream, bufs, bufs[1].len ? 2 : 1,
			on_written);
	if (q < 0) {
		finish(r, REMOTE_UNREACHABLE, uv_strerror(q));
		return;
	}
	r->bytes_up = bufs[0].len + bufs[1].len;
	moved(r);
}

static void on_dialled(void *data, const struct dial_result *d)
{
	static const enum remote_outcome as[] = {
		[DIAL_UNRESOLVED] = REMOTE_UNRESOLVED,
		[DIAL_REFUSED] = REMOTE_REFUSED,
		[DIAL_TIMED_OUT] = REMOTE_CONNECT_TIMEOUT,
		[DIAL_FAILED] = REMOTE_UNREACHABLE,
	};
	struct remote *r = data;

	r->dial = NULL;
	memcpy(r->address, d->address, sizeof(r->address));
	if (d->outcome == DIAL_CONNECTED)
		talk(r, d->fd);
	else
		finish(r, as[d->outcome], uv_strerror(d->error));
}

static int make_head(struct remote *r, char *const *argv)
{
	AUTO(buf_fini) struct buf packed = BUF_INIT_MAX(WIRE_BODY_MAX);
	int q;

	r->head.max = (size_t)WIRE_BODY_MAX + WIRE_ARGS_BYTES_MAX;
	if (r->version == WIRE_PLAIN)
		return wire_request_head(WIRE_PLAIN, argv, r->text_len, &r->head);
	q = r->text_len ? wire_compress(r->text, r->text_len, &packed) : 0;
	if (q == 0)
		q = wire_request_head(WIRE_LZO, argv, packed.len, &r->head);
	return q < 0 ? q : buf_append(&r->head, packed.data, packed.len);
}

/* ssh is there at once; a connection is never begun inside remote_start all the same. */
static void on_ssh_started(uv_timer_t *t)
{
	struct remote *r = t->data;

	talk(r, TAKE_FD(r->ssh_fd));
}

static int begin(struct remote *r, const struct remote_params *p)
{
	const struct dial_params d = {
		.host = p->host->name,
		.port = p->host->port,
		.resolve_ms = p->resolve_ms,
		.connect_ms = p->connect_ms,
	};
	int q;

	if (p->host->mode == HOSTS_MODE_TCP)
		return dial_start(r->loop, &d, on_dialled, r, &r->dial);
	q = ssh_start(r->loop, p->host, p->envp, &r->ssh_fd);
	return q < 0 ? q : uv_timer_start(&r->timer, on_ssh_started, 0, 0);
}

int remote_start(uv_loop_t *loop, const struct remote_params *p, remote_done_fn done, void *data,
	struct remote **ret)
{
	struct remote *r = calloc(1, sizeof(*r));
	int q;

	if (!r)
		return -ENOMEM;
	*r = (struct remote){
		.loop = loop,
		.text = p->text,
		.text_len = p->text_len,
		.io_ms = MAX(p->io_ms, UINT64_C(1)),
		.done = done,
		.data = data,
		.version = (p->host->lzo || p->host->cpp) && wire_lzo_available() ? WIRE_LZO
										  : WIRE_PLAIN,
		.ssh_fd = -1,
	};
	q = uv_timer_init(loop, &r->timer);
	if (q < 0) {
		free(r);
		return q;
	}
	r->timer.data = r;
	r->timer_open = true;
	r->alive = 1;
	q = wire_reply_new(r->version, &r->reader);
	if (q == 0)
		q = make_head(r, p->argv);
	if (q == 0)
		q = begin(r, p);
	if (q < 0) {
		remote_cancel(r);
		return q;
	}
	*ret = r;
	return 0;
}

void remote_cancel(struct remote *r)
{
	r->done = NULL;
	close_all(r);
}
