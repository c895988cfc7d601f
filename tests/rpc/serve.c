/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A gRPC server of plain bytes, for tests: prints "port N", serves until SIGTERM, then drains.
 * SIGUSR1 drains the connections there are, and takes new ones.
 *
 *	/t.T/Unary, /t.T/Bidi  every message comes back
 *	/t.T/Lengths           at half-close, one message "messages bytes"
 *	/t.T/Stream            request "count size": so many messages of that size
 *	/t.T/Status            request "code text": that status; details are the request's bytes
 *	/t.T/Meta              a line "name=value" for each field of the request, -bin ones in hex;
 *	                       x-back-bin comes back as initial metadata and as trailer
 *	/t.T/Hold              no answer
 *	/t.T/Deaf              reads nothing
 *	/t.T/Counters          "calls ended cancelled held peak" of the server
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "peer.h"

struct served {
	unsigned long messages;
	unsigned long bytes;
	unsigned long left, size; /* Stream */
};

static struct {
	uv_tcp_t listener;
	uv_signal_t term, usr1;
	struct link *links[PEER_LINKS_MAX];
	size_t n_links;
	bool stopping;
	unsigned long calls, ended, cancelled, peak;
} server;

static void measure(void)
{
	unsigned long held = 0;

	for (size_t i = 0; i < server.n_links; i++)
		held += rpc_session_held(link_session(server.links[i]));
	server.peak = MAX(server.peak, held);
}

static void on_start(struct rpc_call *call, void *data)
{
	struct served *v = calloc(1, sizeof(*v));

	server.calls++;
	rpc_call_set_data(call, v);
	if (!v)
		rpc_call_finish(call, RPC_RESOURCE_EXHAUSTED, "no memory");
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	server.ended++;
	server.cancelled += !end->complete;
	free(data);
}

static void send_text(struct rpc_call *call, const char *text, size_t n)
{
	if (rpc_call_send(call, text, n) < 0)
		rpc_call_finish(call, RPC_INTERNAL, "cannot send");
}

/* --- Unary, Bidi: as many as there is room for --- */

static void echo_message(struct rpc_call *call, struct buf *message, void *data)
{
	int r = rpc_call_send_buf(call, message);

	measure();
	if (r < 0)
		rpc_call_finish(call, RPC_INTERNAL, "cannot send");
	else if (r == RPC_CALL_FULL)
		rpc_call_pause(call);
}

static void echo_writable(struct rpc_call *call, void *data)
{
	rpc_call_resume(call);
}

static void echo_half_close(struct rpc_call *call, void *data)
{
	rpc_call_finish(call, RPC_OK, NULL);
}

/* --- Lengths --- */

static void lengths_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct served *v = data;

	v->messages++;
	v->bytes += message->len;
	measure();
}

static void lengths_half_close(struct rpc_call *call, void *data)
{
	struct served *v = data;
	char text[64];
	int n = snprintf(text, sizeof(text), "%lu %lu", v->messages, v->bytes);

	send_text(call, text, (size_t)n);
	rpc_call_finish(call, RPC_OK, NULL);
}

/* --- Stream --- */

static void stream_more(struct rpc_call *call, void *data)
{
	struct served *v = data;

	while (v->left > 0 && !rpc_call_full(call)) {
		AUTO(buf_fini) struct buf b = BUF_INIT;

		if (buf_reserve(&b, v->size) < 0) {
			rpc_call_finish(call, RPC_RESOURCE_EXHAUSTED, "no memory");
			return;
		}
		memset(b.data, (int)('a' + v->left % 26), v->size);
		b.len = v->size;
		if (rpc_call_send_buf(call, &b) < 0)
			return;
		v->left--;
		measure();
	}
	if (v->left == 0)
		rpc_call_finish(call, RPC_OK, NULL);
}

static void stream_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct served *v = data;

	if (sscanf(buf_str(message), "%lu %lu", &v->left, &v->size) != 2)
		rpc_call_finish(call, RPC_INVALID_ARGUMENT, "count size");
	else
		stream_more(call, data);
}

/* --- Status, Meta, Counters --- */

static void status_message(struct rpc_call *call, struct buf *message, void *data)
{
	int at = 0;
	unsigned code = 0;

	if (sscanf(buf_str(message), "%u %n", &code, &at) < 1)
		code = RPC_INVALID_ARGUMENT;
	rpc_call_finish_details(
		call, (enum rpc_status)code, buf_str(message) + at, message->data, message->len);
}

static int describe(const struct rpc_metadata *m, struct buf *text)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < m->n; i++) {
		const char *name = rpc_metadata_name(m, i);
		AUTO(buf_fini) struct buf bytes = BUF_INIT;

		if (!str_ends(name, "-bin")) {
			r = buf_printf(text, "%s=%s\n", name, rpc_metadata_value(m, i));
			continue;
		}
		r = buf_printf(text, "%s=", name);
		if (r == 0)
			r = rpc_metadata_get_bin(m, name, &bytes);
		for (size_t k = 0; r == 0 && k < bytes.len; k++)
			r = buf_printf(text, "%02x", (uint8_t)bytes.data[k]);
		if (r == 0)
			r = buf_append_char(text, '\n');
	}
	return r;
}

static void meta_message(struct rpc_call *call, struct buf *message, void *data)
{
	const struct rpc_metadata *m = rpc_call_metadata(call);
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(buf_fini) struct buf back = BUF_INIT;
	int r = describe(m, &text);

	if (rpc_metadata_get_bin(m, "x-back-bin", &back) == 0) {
		r |= rpc_metadata_add_bin(
			rpc_call_initial(call), "x-back-bin", back.data, back.len);
		r |= rpc_metadata_add_bin(
			rpc_call_trailing(call), "x-back-bin", back.data, back.len);
	}
	if (r == 0)
		send_text(call, buf_str(&text), text.len);
	rpc_call_finish(call, r == 0 ? RPC_OK : RPC_INTERNAL, NULL);
}

static void counters_message(struct rpc_call *call, struct buf *message, void *data)
{
	unsigned long held = 0;
	char text[128];
	int n;

	for (size_t i = 0; i < server.n_links; i++)
		held += rpc_session_held(link_session(server.links[i]));
	n = snprintf(text, sizeof(text), "%lu %lu %lu %lu %lu", server.calls, server.ended,
		server.cancelled, held, server.peak);
	send_text(call, text, (size_t)n);
	rpc_call_finish(call, RPC_OK, NULL);
}

static void deaf_start(struct rpc_call *call, void *data)
{
	on_start(call, data);
	rpc_call_pause(call);
}

static const struct rpc_handler echo = {
	.on_start = on_start,
	.on_message = echo_message,
	.on_half_close = echo_half_close,
	.on_writable = echo_writable,
	.on_end = on_end,
};
static const struct rpc_handler counters = {
	.on_start = on_start, .on_message = counters_message, .on_end = on_end};
static const struct rpc_handler deaf = {.on_start = deaf_start, .on_end = on_end};
static const struct rpc_handler hold = {.on_start = on_start, .on_end = on_end};
static const struct rpc_handler lengths = {
	.on_start = on_start,
	.on_message = lengths_message,
	.on_half_close = lengths_half_close,
	.on_end = on_end,
};
static const struct rpc_handler meta = {
	.on_start = on_start, .on_message = meta_message, .on_end = on_end};
static const struct rpc_handler status = {
	.on_start = on_start, .on_message = status_message, .on_end = on_end};
static const struct rpc_handler stream = {
	.on_start = on_start,
	.on_message = stream_message,
	.on_writable = stream_more,
	.on_end = on_end,
};

static const struct rpc_method methods[] = {
	{"/t.T/Bidi", &echo, NULL},
	{"/t.T/Counters", &counters, NULL},
	{"/t.T/Deaf", &deaf, NULL},
	{"/t.T/Hold", &hold, NULL},
	{"/t.T/Lengths", &lengths, NULL},
	{"/t.T/Meta", &meta, NULL},
	{"/t.T/Status", &status, NULL},
	{"/t.T/Stream", &stream, NULL},
	{"/t.T/Unary", &echo, NULL},
};

/* --- connections --- */

static void end_if_done(void)
{
	if (!server.stopping || server.n_links > 0)
		return;
	uv_close((uv_handle_t *)&server.term, NULL);
	uv_close((uv_handle_t *)&server.usr1, NULL);
}

static void on_closed(struct link *l, void *data)
{
	const char *reason = rpc_session_reason(link_session(l), NULL);

	fprintf(stderr, "closed: %s\n", reason);
	for (size_t i = 0; i < server.n_links; i++)
		if (server.links[i] == l) {
			server.links[i] = server.links[--server.n_links];
			break;
		}
	end_if_done();
}

static void on_connection(uv_stream_t *listener, int connection_status)
{
	struct rpc_session *s;
	struct rpc_owner owner;
	struct link *l;

	if (connection_status < 0 || server.n_links == PEER_LINKS_MAX ||
		link_new(listener->loop, &l) < 0)
		return;
	owner = link_owner(l);
	if (uv_accept(listener, link_stream(l)) < 0 ||
		rpc_server_new(methods, ARRAY_SIZE(methods), NULL, &owner, link_now_ms(l), &s) <
			0) {
		link_close(l);
		return;
	}
	server.links[server.n_links++] = l;
	link_start(l, s, on_closed, NULL);
}

static void drain_all(uv_signal_t *handle, int number)
{
	for (size_t i = 0; i < server.n_links; i++)
		rpc_session_drain(link_session(server.links[i]), link_now_ms(server.links[i]));
}

static void on_term(uv_signal_t *handle, int number)
{
	if (server.stopping)
		return;
	server.stopping = true;
	uv_close((uv_handle_t *)&server.listener, NULL);
	drain_all(handle, number);
	end_if_done();
}

int peer_serve(uv_loop_t *loop)
{
	struct sockaddr_in address;
	int size = sizeof(address);

	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(loop, &server.listener);
	uv_signal_init(loop, &server.term);
	uv_signal_init(loop, &server.usr1);
	if (uv_tcp_bind(&server.listener, (struct sockaddr *)&address, 0) < 0 ||
		uv_listen((uv_stream_t *)&server.listener, 1024, on_connection) < 0 ||
		uv_tcp_getsockname(&server.listener, (struct sockaddr *)&address, &size) < 0 ||
		uv_signal_start(&server.term, on_term, SIGTERM) < 0 ||
		uv_signal_start(&server.usr1, drain_all, SIGUSR1) < 0)
		return EXIT_FAILURE;
	printf("port %u\n", ntohs(address.sin_port));
	fflush(stdout);
	uv_run(loop, UV_RUN_DEFAULT);
	return EXIT_SUCCESS;
}
