/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The services alone, on a port of loopback, for tests:
 *
 *	service-server --store DIR [OPTION VALUE]…
 *
 * Prints "port N" when it serves; on SIGUSR1 a line "stats requests=… cached=… …"; on SIGTERM it
 * ends all calls and jobs, and says "idle" when nothing is left.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../rpc/link.h"
#include "base/log.h"
#include "cas/ac.h"
#include "cas/store.h"
#include "sandbox/sandbox.h"
#include "service/service.h"

enum { LINKS_MAX = 1024, STORE_BYTES = 1 << 30, CACHE_BYTES = 64 << 20 };

struct client {
	struct link *link;
	struct service_client services;
};

static struct {
	uv_loop_t loop;
	uv_tcp_t listener;
	uv_signal_t term, usr1;
	uv_timer_t ending;
	struct service service;
	struct queue slots;
	struct client *clients[LINKS_MAX];
	size_t n_clients;
	bool stopping;
} server;

static struct {
	const char *store, *helper, *instance;
	uint64_t size, slots, timeout_ms, scratch, sandbox, without, grace_ms, keep_ms;
	uint64_t owner; /* of all connections; 0: each its own */
} options = {.size = STORE_BYTES, .slots = 2, .sandbox = 1};

static void __attribute__((noreturn)) die(const char *what, int error)
{
	fprintf(stderr, "service-server: %s: %s\n", what, strerror(abs(error)));
	exit(2);
}

static void on_closed(struct link *l, void *data)
{
	struct client *c = data;

	for (size_t i = 0; i < server.n_clients; i++)
		if (server.clients[i] == c) {
			server.clients[i] = server.clients[--server.n_clients];
			break;
		}
	/* The link frees the session behind this, and its calls have ended before. */
	service_client_fini(&c->services);
	free(c);
}

static void on_connection(uv_stream_t *listener, int connection_status)
{
	static uint64_t owner;
	struct client *c = calloc(1, sizeof(*c));
	struct rpc_owner link_is;
	struct rpc_session *session;

	if (connection_status < 0 || !c || server.n_clients == LINKS_MAX ||
		link_new(&server.loop, &c->link) < 0 ||
		service_client_init(
			&c->services, &server.service, options.owner ? options.owner : ++owner) < 0)
		die("a connection", ENOMEM);
	link_is = link_owner(c->link);
	if (uv_accept(listener, link_stream(c->link)) < 0 ||
		rpc_server_new(c->services.methods, c->services.n_methods, NULL, &link_is,
			link_now_ms(c->link), &session) < 0)
		die("a connection", EIO);
	server.clients[server.n_clients++] = c;
	link_start(c->link, session, on_closed, c);
}

static void on_usr1(uv_signal_t *handle, int number)
{
	struct service_execution_stats s;

	service_execution_stats(&server.service, &s);
	printf("stats requests=%" PRIu64 " cached=%" PRIu64 " merged=%" PRIu64 " ran=%" PRIu64
	       " succeeded=%" PRIu64 " failed=%" PRIu64 " timed_out=%" PRIu64 " refused=%" PRIu64
	       " cancelled=%" PRIu64 " setup_ns=%" PRIu64 " input_ns=%" PRIu64 " wall_ns=%" PRIu64
	       " output_ns=%" PRIu64 " waiting=%zu executing=%zu operations=%zu\n",
		s.requests, s.cached, s.merged, s.ran, s.succeeded, s.failed, s.timed_out,
		s.refused, s.cancelled, s.setup_ns, s.input_ns, s.wall_ns, s.output_ns, s.waiting,
		s.executing, s.operations);
	fflush(stdout);
}

static void end_if_idle(uv_timer_t *timer)
{
	if (server.n_clients > 0 || !service_idle(&server.service))
		return;
	uv_close((uv_handle_t *)&server.ending, NULL);
	uv_close((uv_handle_t *)&server.usr1, NULL);
	uv_close((uv_handle_t *)&server.term, NULL);
}

static void on_term(uv_signal_t *handle, int number)
{
	if (server.stopping)
		return;
	server.stopping = true;
	server.service.serving = false;
	uv_close((uv_handle_t *)&server.listener, NULL);
	service_stop(&server.service);
	for (size_t i = 0; i < server.n_clients; i++)
		link_close(server.clients[i]->link);
	uv_ref((uv_handle_t *)&server.ending);
	uv_timer_start(&server.ending, end_if_idle, 0, 5);
}

static void parse(int argc, char **argv)
{
	const struct {
		const char *name;
		const char **text;
		uint64_t *number;
	} table[] = {{"--store", &options.store, NULL}, {"--helper", &options.helper, NULL},
		{"--instance", &options.instance, NULL}, {"--size", NULL, &options.size},
		{"--slots", NULL, &options.slots}, {"--timeout-ms", NULL, &options.timeout_ms},
		{"--scratch", NULL, &options.scratch}, {"--sandbox", NULL, &options.sandbox},
		{"--without", NULL, &options.without}, {"--grace-ms", NULL, &options.grace_ms},
		{"--keep-ms", NULL, &options.keep_ms}, {"--owner", NULL, &options.owner}};

	for (int i = 1; i < argc; i += 2) {
		size_t k = 0;

		while (k < ARRAY_SIZE(table) && !str_eq(argv[i], table[k].name))
			k++;
		if (k == ARRAY_SIZE(table) || !argv[i + 1])
			die(argv[i], EINVAL);
		if (table[k].text)
			*table[k].text = argv[i + 1];
		else if (str_to_u64(argv[i + 1], UINT64_MAX, table[k].number) < 0)
			die(argv[i], EINVAL);
	}
	if (!options.store)
		die("--store", EINVAL);
}

static void open_service(struct service *s)
{
	static char roots[4096];
	const struct cas_options store = {.root = options.store, .max_bytes = options.size};
	const struct sandbox_config config = {
		.helper = options.helper, .without = (unsigned)options.without};
	int r = cas_open(&store, &s->cas);

	if (r == 0)
		r = ac_open(s->cas, CACHE_BYTES, &s->ac);
	if (r == 0 && options.sandbox)
		r = sandbox_new(&config, &s->sandbox);
	if (r != 0)
		die("the store, or the sandbox", r);
	snprintf(roots, sizeof(roots), "%s/roots", options.store);
	if (mkdir(roots, 0711) < 0 && errno != EEXIST)
		die(roots, errno);
	s->roots_path = roots;
	s->roots_fd = open(roots, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	s->loop = &server.loop;
	s->slots = &server.slots;
	s->instance = options.instance;
	s->limits.timeout_ms = options.timeout_ms;
	s->limits.scratch_bytes = options.scratch;
	s->limits.grace_ms = options.grace_ms;
	s->limits.keep_ms = options.keep_ms;
	s->worker = "test-worker";
	s->serving = true;
	queue_init(&server.slots, (unsigned)options.slots);
	r = service_init(s);
	if (r < 0)
		die("service_init", r);
}

static void listen_on_loopback(void)
{
	struct sockaddr_in address;
	int size = sizeof(address);

	uv_ip4_addr("127.0.0.1", 0, &address);
	uv_tcp_init(&server.loop, &server.listener);
	if (uv_tcp_bind(&server.listener, (struct sockaddr *)&address, 0) < 0 ||
		uv_listen((uv_stream_t *)&server.listener, 1024, on_connection) < 0 ||
		uv_tcp_getsockname(&server.listener, (struct sockaddr *)&address, &size) < 0)
		die("listen", EIO);
	printf("port %u\n", ntohs(address.sin_port));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct service *s = &server.service;

	signal(SIGPIPE, SIG_IGN);
	log_init("service-server", LOG_LEVEL_NOTICE);
	parse(argc, argv);
	uv_loop_init(&server.loop);
	uv_signal_init(&server.loop, &server.term);
	uv_signal_init(&server.loop, &server.usr1);
	uv_timer_init(&server.loop, &server.ending);
	uv_unref((uv_handle_t *)&server.ending);
	if (uv_signal_start(&server.term, on_term, SIGTERM) < 0 ||
		uv_signal_start(&server.usr1, on_usr1, SIGUSR1) < 0)
		die("signals", EIO);
	open_service(s);
	listen_on_loopback();
	uv_run(&server.loop, UV_RUN_DEFAULT);
	service_fini(s);
	ac_close(s->ac);
	if (cas_close(s->cas) < 0)
		die("cas_close", EIO);
	sandbox_free(s->sandbox);
	uv_loop_close(&server.loop);
	printf("idle\n");
	return 0;
}
