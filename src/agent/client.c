/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/client.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/job.h"
#include "config.h"

struct client {
	struct list link; /* agent.clients */
	struct agent *agent;
	uv_pipe_t pipe;
	uv_write_t write;
	struct buf reply;
	struct ipc_request_header head;
	size_t got; /* bytes of head and body together */
	char *body;
	bool parsed, closing, last; /* last: close when the reply is written */
	struct ipc_request request;
	struct job *job;
};

struct client *client_of_link(struct list *l)
{
	return LIST_ENTRY(l, struct client, link);
}

static void on_closed(uv_handle_t *h)
{
	struct client *c = h->data;
	struct agent *a = c->agent;

	list_unlink(&c->link);
	buf_fini(&c->reply);
	ipc_request_fini(&c->request);
	free(c->body);
	free(c);
	agent_client_gone(a);
}

void client_close(struct client *c)
{
	if (c->closing)
		return;
	c->closing = true;
	if (c->job)
		job_free(TAKE_PTR(c->job));
	uv_close((uv_handle_t *)&c->pipe, on_closed);
}

static void on_written(uv_write_t *w, int status)
{
	struct client *c = w->data;

	if (status < 0 || c->last)
		client_close(c);
}

static size_t length(const struct buf *part)
{
	return part ? part->len : 0;
}

static int add(struct buf *to, const struct buf *part)
{
	return part && part->len ? buf_append(to, part->data, part->len) : 0;
}

void client_send(struct client *c, const struct client_reply *p)
{
	struct ipc_reply_header h = {
		.magic = IPC_MAGIC,
		.type = (uint32_t)p->type,
		.status = (uint32_t)p->status,
		.log = (uint32_t)length(p->log),
		.out = (uint32_t)length(p->out),
		.err = (uint32_t)(length(p->err) + length(p->story)),
	};
	uv_buf_t buf;
	int r;

	c->reply.max = (size_t)IPC_REPLY_MAX * 2;
	r = buf_append(&c->reply, &h, sizeof(h));
	if (r == 0)
		r = add(&c->reply, p->log);
	if (r == 0)
		r = add(&c->reply, p->out);
	if (r == 0)
		r = add(&c->reply, p->err);
	if (r == 0)
		r = add(&c->reply, p->story);
	c->last = p->type != IPC_REPLY_LOCAL;
	if (r == 0) {
		buf = uv_buf_init(c->reply.data, (unsigned)c->reply.len);
		r = uv_write(&c->write, (uv_stream_t *)&c->pipe, &buf, 1, on_written);
	}
	/* Not even that: a launcher whose connection closes compiles by itself. */
	if (r < 0)
		client_close(c);
}

static void send_text(struct client *c, int (*print)(struct client *, struct buf *))
{
	AUTO(buf_fini) struct buf text = BUF_INIT;

	if (print(c, &text) < 0)
		client_close(c);
	else
		client_send(c, &(struct client_reply){.type = IPC_REPLY_DONE, .out = &text});
}

static int print_jobs(struct client *c, struct buf *ret)
{
	return history_print_jobs(&c->agent->history, uv_now(c->agent->loop), ret);
}

static int print_stats(struct client *c, struct buf *ret)
{
	return history_print_stats(&c->agent->history, ret);
}

static int print_pid(struct client *c, struct buf *ret)
{
	return buf_printf(ret, "%ld\n", (long)getpid());
}

static void run(struct client *c)
{
	if (c->agent->retired || !str_eq(c->request.version, DISTCC_VERSION) ||
		agent_outdated(c->agent)) {
		agent_retire(c->agent);
		client_send(c, &(struct client_reply){.type = IPC_REPLY_RETIRED});
		return;
	}
	c->job = job_new(c->agent, c, &c->request);
	if (!c->job)
		client_close(c);
	else
		job_start(c->job);
}

static void serve(struct client *c)
{
	switch (c->request.type) {
	case IPC_RUN:
		run(c);
		break;
	case IPC_JOBS:
		send_text(c, print_jobs);
		break;
	case IPC_STATS:
		send_text(c, print_stats);
		break;
	case IPC_PID:
		send_text(c, print_pid);
		break;
	case IPC_STOP:
		agent_stop(c->agent);
		break;
	}
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
	static char unwanted[64];
	struct client *c = h->data;
	size_t head = sizeof(c->head);

	if (c->got < head)
		*buf = uv_buf_init((char *)&c->head + c->got, (unsigned)(head - c->got));
	else if (!c->parsed)
		*buf = uv_buf_init(
			c->body + (c->got - head), (unsigned)(c->head.body - (c->got - head)));
	else
		*buf = uv_buf_init(unwanted, sizeof(unwanted));
}

static int head_complete(struct client *c)
{
	int r = ipc_request_header_check(&c->head);

	if (r < 0)
		return r;
	c->body = malloc(c->head.body);
	return c->body ? 0 : UV_ENOMEM;
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct client *c = s->data;
	int r = 0;

	if (c->closing || n == 0)
		return;
	/* Nothing may follow the request; what does is a program that is not ours. */
	if (n < 0 || c->parsed) {
		client_close(c);
		return;
	}
	c->got += (size_t)n;
	if (c->got == sizeof(c->head))
		r = head_complete(c);
	if (r == 0 && c->body && c->got == sizeof(c->head) + c->head.body) {
		r = ipc_request_parse(&c->head, c->body, &c->request);
		c->parsed = r == 0;
	}
	if (r < 0)
		client_close(c);
	else if (c->parsed)
		serve(c);
}

/* The directory is private to the user; this makes sure of it even where it is not. */
static bool is_ours(uv_pipe_t *pipe)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	uv_os_fd_t fd;

	return uv_fileno((uv_handle_t *)pipe, &fd) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid();
}

void client_accept(struct agent *a)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return;
	c->agent = a;
	list_init(&c->link);
	if (uv_pipe_init(a->loop, &c->pipe, 0) < 0) {
		free(c);
		return;
	}
	c->pipe.data = c;
	c->write.data = c;
	list_append(&a->clients, &c->link);
	agent_client_came(a);
	if (uv_accept((uv_stream_t *)&a->listener, (uv_stream_t *)&c->pipe) < 0 ||
		!is_ours(&c->pipe) || uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read) < 0)
		client_close(c);
}
