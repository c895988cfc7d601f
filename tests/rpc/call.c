/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * A gRPC client of plain bytes, for tests: PORT /METHOD and
 *
 *	--count=N       so many calls at once (1)
 *	--connections=N over so many connections (1)
 *	--message=TEXT  a message to send; again for more
 *	--size=N        a message of N bytes
 *	--deadline=MS   from now
 *	--meta=K=V      a field; V of a -bin name is hexadecimal
 *	--cancel-at=N   cancel when the Nth message has come
 *	--open          no half-close
 *	--pause         stop reading for 100 ms behind each message
 *	--repeat=N      each call is made again, until N were made (bench)
 *	--quiet         only the totals
 *
 * Prints "head K=V" for fields named x-…, "message LENGTH TEXT" (32 bytes of it), and for each call
 * "end STATUS complete=B unprocessed=B details=HEX trailer=X text", and "total OK OTHER BYTES".
 */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link.h"
#include "peer.h"
#include "rpc/text.h"

enum { MESSAGES_MAX = 64 };

static struct {
	const char *path;
	struct buf messages[MESSAGES_MAX];
	size_t n_messages;
	struct rpc_metadata metadata;
	uint64_t deadline_ms;
	unsigned long count, connections, cancel_at, repeat;
	bool open, pause, quiet;

	struct link *links[PEER_LINKS_MAX];
	uv_connect_t connects[PEER_LINKS_MAX];
	unsigned long started, under_way, ok, other, bytes;
} run;

struct made {
	struct link *link;
	struct rpc_call *call;
	unsigned long messages;
	size_t next; /* to send */
	uv_timer_t timer;
};

static void start_call(struct link *l);

static void on_timer_closed(uv_handle_t *h)
{
	free(h->data);
}

static void send_more(struct rpc_call *call, void *data)
{
	struct made *m = data;

	while (m->next < run.n_messages && !rpc_call_full(call)) {
		const struct buf *b = &run.messages[m->next++];

		if (rpc_call_send(call, b->data, b->len) < 0)
			rpc_call_cancel(call);
	}
	if (m->next == run.n_messages && !run.open)
		rpc_call_half_close(call);
}

static void on_headers(struct rpc_call *call, const struct rpc_metadata *m, void *data)
{
	for (size_t i = 0; !run.quiet && i < m->n; i++)
		if (str_starts(rpc_metadata_name(m, i), "x-"))
			printf("head %s=%s\n", rpc_metadata_name(m, i), rpc_metadata_value(m, i));
}

static void on_pause_over(uv_timer_t *t)
{
	struct made *m = t->data;

	if (m->call)
		rpc_call_resume(m->call);
}

static void on_message(struct rpc_call *call, struct buf *message, void *data)
{
	struct made *m = data;

	m->messages++;
	run.bytes += message->len;
	if (!run.quiet)
		printf("message %zu %.32s\n", message->len, buf_str(message));
	if (m->messages == run.cancel_at)
		rpc_call_cancel(call);
	if (run.pause) {
		rpc_call_pause(call);
		uv_timer_start(&m->timer, on_pause_over, 100, 0);
	}
}

static void print_end(const struct rpc_end *end)
{
	const char *trailer = rpc_metadata_get(end->trailers, "x-trailer");
	const uint8_t *details = end->details;

	printf("end %s complete=%d unprocessed=%d details=", rpc_status_name(end->status),
		end->complete, end->unprocessed);
	for (size_t i = 0; i < end->details_len; i++)
		printf("%02x", details[i]);
	printf(" trailer=%s %s\n", trailer ? trailer : "", end->message);
}

static void on_end(struct rpc_call *call, const struct rpc_end *end, void *data)
{
	struct made *m = data;
	struct link *l = m->link;

	m->call = NULL;
	run.under_way--;
	if (end->status == RPC_OK)
		run.ok++;
	else
		run.other++;
	if (!run.quiet)
		print_end(end);
	uv_close((uv_handle_t *)&m->timer, on_timer_closed);
	if (run.started < run.repeat)
		start_call(l);
	if (run.under_way == 0)
		for (unsigned long i = 0; i < run.connections; i++)
			if (run.links[i])
				rpc_session_drain(
					link_session(run.links[i]), link_now_ms(run.links[i]));
}

static const struct rpc_handler handler = {
	.on_headers = on_headers,
	.on_message = on_message,
	.on_writable = send_more,
	.on_end = on_end,
};

static void start_call(struct link *l)
{
	struct rpc_call_params params = {
		.path = run.path,
		.authority = "localhost",
		.metadata = &run.metadata,
		.deadline_ms =
			run.deadline_ms == RPC_NEVER ? RPC_NEVER : link_now_ms(l) + run.deadline_ms,
		.handler = &handler,
	};
	struct made *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		abort();
	m->link = l;
	uv_timer_init(link_stream(l)->loop, &m->timer);
	m->timer.data = m;
	params.data = m;
	r = rpc_client_call(link_session(l), &params, link_now_ms(l), &m->call);
	if (r < 0) {
		printf("start %s\n", strerror(-r));
		run.other++;
		run.started++;
		uv_close((uv_handle_t *)&m->timer, on_timer_closed);
		return;
	}
	run.started++;
	run.under_way++;
	send_more(m->call, m);
}

static void on_closed(struct link *l, void *data)
{
	*(struct link **)data = NULL;
	if (!run.quiet)
		printf("closed %s\n", rpc_session_reason(link_session(l), NULL));
}

static void on_connect(uv_connect_t *c, int status)
{
	size_t i = (size_t)(c - run.connects);
	struct link *l = run.links[i];
	struct rpc_owner owner = link_owner(l);
	struct rpc_session *s;

	if (status < 0 || rpc_client_new(NULL, &owner, link_now_ms(l), &s) < 0) {
		printf("connect %s\n", status < 0 ? uv_strerror(status) : "no memory");
		link_close(l);
		run.links[i] = NULL;
		run.other++;
		return;
	}
	link_start(l, s, on_closed, &run.links[i]);
	for (unsigned long k = i; k < run.count; k += run.connections)
		start_call(l);
}

static void add_message(const char *text, size_t n)
{
	struct buf *b = &run.messages[run.n_messages];

	if (run.n_messages == MESSAGES_MAX || buf_reserve(b, n) < 0)
		exit(2);
	if (text)
		memcpy(b->data, text, n);
	else
		memset(b->data, 'x', n);
	b->len = n;
	run.n_messages++;
}

static void add_meta(char *text)
{
	char *value = strchr(text, '=');
	AUTO(buf_fini) struct buf bytes = BUF_INIT;
	int r = 0;

	if (!value)
		exit(2);
	*value++ = '\0';
	if (!str_ends(text, "-bin")) {
		r = rpc_metadata_add(&run.metadata, text, value);
	} else {
		for (; r == 0 && value[0] && value[1]; value += 2) {
			char digits[3] = {value[0], value[1], '\0'};

			r = buf_append_char(&bytes, (char)strtoul(digits, NULL, 16));
		}
		if (r == 0)
			r = rpc_metadata_add_bin(&run.metadata, text, bytes.data, bytes.len);
	}
	if (r < 0)
		exit(2);
}

static const struct option options[] = {
	{"count", 1, NULL, 'n'},
	{"connections", 1, NULL, 'c'},
	{"message", 1, NULL, 'm'},
	{"size", 1, NULL, 's'},
	{"deadline", 1, NULL, 'd'},
	{"meta", 1, NULL, 'k'},
	{"cancel-at", 1, NULL, 'x'},
	{"open", 0, NULL, 'o'},
	{"pause", 0, NULL, 'p'},
	{"repeat", 1, NULL, 'r'},
	{"quiet", 0, NULL, 'q'},
	{NULL, 0, NULL, 0},
};

static void parse(int argc, char **argv)
{
	int c;

	run.deadline_ms = RPC_NEVER;
	run.count = run.connections = 1;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		unsigned long n = optarg ? strtoul(optarg, NULL, 10) : 0;

		switch (c) {
		case 'n':
			run.count = n;
			break;
		case 'c':
			run.connections = MIN(MAX(n, 1UL), (unsigned long)PEER_LINKS_MAX);
			break;
		case 'm':
			add_message(optarg, strlen(optarg));
			break;
		case 's':
			add_message(NULL, n);
			break;
		case 'd':
			run.deadline_ms = n;
			break;
		case 'k':
			add_meta(optarg);
			break;
		case 'x':
			run.cancel_at = n;
			break;
		case 'o':
			run.open = true;
			break;
		case 'p':
			run.pause = true;
			break;
		case 'r':
			run.repeat = n;
			break;
		case 'q':
			run.quiet = true;
			break;
		default:
			exit(2);
		}
	}
}

int peer_call(uv_loop_t *loop, int argc, char **argv)
{
	struct sockaddr_in address;

	parse(argc, argv);
	if (argc - optind != 2)
		return 2;
	uv_ip4_addr("127.0.0.1", atoi(argv[optind]), &address);
	run.path = argv[optind + 1];
	for (unsigned long i = 0; i < run.connections; i++)
		if (link_new(loop, &run.links[i]) < 0 ||
			uv_tcp_connect(&run.connects[i], (uv_tcp_t *)link_stream(run.links[i]),
				(struct sockaddr *)&address, on_connect) < 0)
			return 2;
	uv_run(loop, UV_RUN_DEFAULT);
	printf("total %lu %lu %lu\n", run.ok, run.other, run.bytes);
	for (size_t i = 0; i < run.n_messages; i++)
		buf_fini(&run.messages[i]);
	rpc_metadata_fini(&run.metadata);
	return run.other == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
