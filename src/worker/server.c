/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * One loop, one thread: a client costs a connection and a running job a few descriptors; the work
 * is the compilers'. What takes the loop's time is moving bytes and, in version 2, LZO, which does
 * hundreds of megabytes in a second.
 *
 * When told to end, listeners are closed and clients told to come to an end: what is under way goes
 * on, for SERVER_DRAIN_MS. Then, or at a second signal, all is aborted, and the loop runs until
 * nothing is left in it: no compiler, no directory. A third signal finds its default action and ends
 * us at once; then the warden cleans up.
 */

#include "worker/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/env.h"
#include "base/log.h"
#include "worker/client.h"
#include "worker/door.h"
#include "worker/remote.h"
#include "worker/secrets.h"
#include "worker/systemd.h"

enum {
	ACCEPTS_AT_ONCE = 64,
	KEEPALIVE_S = 60,
	MEMORY_MIN = 64 << 20,
	IO_TIMEOUT_DEFAULT_S = 300,
	IO_TIMEOUT_MAX_S = 1 << 20,
	MS = 1000,
	JOB_USER = 65534, /* who jobs are where this process stays root */
};

static void server_end(struct server *s);

/* ---- clients ---- */

/* Why a client is not served, or NULL. */
static const char *objection(struct server *s, const struct sockaddr *peer)
{
	size_t same = 0;

	if (s->check_acl && !acl_allows(&s->options->allow, peer))
		return "address-not-allowed";
	LIST_FOR(pos, &s->clients)
	{
		const struct client *c = LIST_ENTRY(pos, struct client, link);

		same += acl_same_address((const struct sockaddr *)&c->peer, peer);
	}
	return same >= SERVER_CLIENTS_OF_PEER_MAX ? "too-many-connections" : NULL;
}

static void log_refusal(const char *why, const struct sockaddr *peer, socklen_t len)
{
	char name[CLIENT_NAME_MAX];

	client_peer_name(peer, len, name);
	log_event(LOG_LEVEL_WARNING, "client-refused", "client: %s reason=%s", name, why);
}

static void set_options(int fd)
{
	int on = 1, idle = KEEPALIVE_S;

	/* None of these decides whether we can serve. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static void take_client(struct server *s, int fd, const struct sockaddr *peer, socklen_t len)
{
	const char *why = objection(s, peer);
	int r;

	if (why) {
		s->report.metrics.clients_refused++;
		log_refusal(why, peer, len);
		close(fd);
		return;
	}
	set_options(fd);
	r = door_open(s, fd, fd, peer, len);
	if (r < 0)
		log_event(LOG_LEVEL_ERROR, "client-failed", "errno=%d", -r);
}

static void on_connection(uv_poll_t *poll, int status, int events);

static void set_accepting(struct server *s, bool accepting)
{
	if (s->accepting == accepting || s->draining || s->ending)
		return;
	s->accepting = accepting;
	for (size_t i = 0; i < s->n_listeners; i++) {
		if (accepting)
			uv_poll_start(&s->listeners[i].poll, UV_READABLE, on_connection);
		else
			uv_poll_stop(&s->listeners[i].poll);
	}
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct server_listener *l = poll->data;
	struct server *s = l->server;

	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int fd;

		if (s->n_clients >= SERVER_CLIENTS_MAX) {
			set_accepting(s, false);
			return;
		}
		fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0) {
			/* Out of descriptors: those who are here must go first. */
			if ((errno == EMFILE || errno == ENFILE) && s->n_clients > 0)
				set_accepting(s, false);
			return;
		}
		take_client(s, fd, (struct sockaddr *)&peer, len);
	}
}

void server_client_gone(struct server *s)
{
	bool alone = s->n_clients == 0 && pages_connections(s->report.pages) == 0;

	if (alone && (s->once || s->draining))
		server_end(s);
	else
		set_accepting(s, true);
	if (s->ending && s->n_clients == 0)
		feed_watch_close(&s->jobs.watch);
}

/* ---- the end ---- */

static void on_listener_closed(uv_handle_t *handle)
{
	struct server_listener *l = handle->data;

	util_close(&l->fd);
}

static void abort_clients(struct server *s, bool drain)
{
	LIST_FOR_SAFE(pos, &s->clients)
	{
		struct client *c = LIST_ENTRY(pos, struct client, link);

		c->abort(c, drain);
	}
}

static void close_listeners(struct server *s)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		uv_close((uv_handle_t *)&s->listeners[i].poll, on_listener_closed);
	s->n_listeners = 0;
}

static void close_parts(struct server *s)
{
	s->ending = true;
	close_listeners(s);
	remote_stop(s);
	report_stop(s);
}

static void server_end(struct server *s)
{
	if (s->ending)
		return;
	close_parts(s);
	for (size_t i = 0; i < ARRAY_SIZE(s->signals); i++)
		uv_close((uv_handle_t *)&s->signals[i], NULL);
	uv_close((uv_handle_t *)&s->lifetime, NULL);
	abort_clients(s, false);
}

static void end_now(struct server *s)
{
	bool idle = s->n_clients == 0 && !s->ending;

	server_end(s);
	if (idle)
		feed_watch_close(&s->jobs.watch);
}

static void on_drained(uv_timer_t *timer)
{
	log_event(LOG_LEVEL_WARNING, "server-end", "what is under way takes too long");
	end_now(timer->data);
}

/* Told once: come to an end. Told again: now. */
static void stop(struct server *s)
{
	if (s->draining) {
		end_now(s);
		return;
	}
	systemd_notify("STOPPING=1");
	close_listeners(s);
	s->draining = true;
	s->service.serving = false;
	abort_clients(s, true);
	if (s->n_clients == 0 && pages_connections(s->report.pages) == 0)
		end_now(s);
	else if (uv_timer_start(&s->lifetime, on_drained, SERVER_DRAIN_MS, 0) < 0)
		end_now(s);
}

static void on_signal(uv_signal_t *handle, int number)
{
	log_event(LOG_LEVEL_NOTICE, "server-end", "signal=%d", number);
	stop(handle->data);
}

static void on_lifetime(uv_timer_t *timer)
{
	log_event(LOG_LEVEL_NOTICE, "server-end", "the lifetime is over");
	stop(timer->data);
}

/* ---- the beginning ---- */

static int init_signals(struct server *s)
{
	static const int numbers[ARRAY_SIZE(s->signals)] = {SIGTERM, SIGINT, SIGHUP};
	int r = 0;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(numbers); i++) {
		r = uv_signal_init(&s->loop, &s->signals[i]);
		s->signals[i].data = s;
		if (r == 0)
			r = uv_signal_start(&s->signals[i], on_signal, numbers[i]);
	}
	return r;
}

static void set_limits(void)
{
	struct rlimit files, no_core = {0};

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	/* A compiler that crashes is the client's matter; its core would stay here. */
	setrlimit(RLIMIT_CORE, &no_core);
}

uint64_t server_job_memory(const struct server *s)
{
	return s->memory.max / 2 * 3;
}

/* A host that isolates nothing still compiles for distcc clients, and has a cache to offer. */
static void open_sandbox(struct server *s)
{
	const char *helper = env_get(environ, "DISTCC_SANDBOX");
	const struct sandbox_config c = {
		.helper = helper && *helper ? helper : NULL, .uid = JOB_USER, .gid = JOB_USER};
	AUTO(buf_fini) struct buf text = BUF_INIT;
	unsigned set;
	int r;

	if (!s->options->store && s->options->sandbox == CONFINE_NEVER)
		return;
	r = sandbox_new(&c, &s->sandbox);
	if (r < 0) {
		log_event(LOG_LEVEL_WARNING, "no-sandbox", "%s", strerror(-r));
		return;
	}
	set = sandbox_isolation(s->sandbox);
	if (isolation_print(set, &text) == 0)
		log_event(LOG_LEVEL_NOTICE, "isolation", "%s%s", buf_str(&text),
			isolation_suffices(set) ? "" : ": not enough for a sandbox");
}

static int init_confine(struct server *s)
{
	const struct confine_options o = {.mode = s->options->sandbox,
		.toolchains = &s->options->toolchains,
		.masks = s->secrets->files,
		.n_masks = s->secrets->n_files,
		.memory_bytes = server_job_memory(s)};
	struct jobdir_pool *dirs = &s->jobs.dirs;

	if (s->sandbox && geteuid() == 0) {
		dirs->given = true;
		sandbox_owner(s->sandbox, &dirs->uid, &dirs->gid);
	}
	return confine_init(&s->jobs.confine, s->sandbox, &s->policy, &o);
}

static int init_jobs(struct server *s)
{
	const char *tmp = env_get(environ, "TMPDIR");
	int r;

	s->jobs.loop = &s->loop;
	s->jobs.path = s->policy.path;
	s->jobs.lifetime_ms = s->options->job_lifetime_s * MS;
	s->jobs.dirs.warden = &s->jobs.warden;
	s->jobs.dirs.tmp = realpath(tmp && *tmp ? tmp : "/tmp", NULL);
	if (!s->jobs.dirs.tmp)
		return -errno;
	/* Without inotify every job gets its source as a file. */
	if (feed_watch_init(&s->jobs.watch, &s->loop) < 0)
		log_event(LOG_LEVEL_WARNING, "no-fifos", "inotify cannot be used");
	/* Who holds a sandbox sees for itself that we are gone, and takes it down in good order. */
	r = warden_start(false, &s->jobs.warden);
	return r < 0 ? r : init_confine(s);
}

static int init_loop(struct server *s)
{
	int r = uv_loop_init(&s->loop);

	if (r < 0)
		return r;
	s->has_loop = true;
	r = init_signals(s);
	if (r == 0)
		r = uv_timer_init(&s->loop, &s->lifetime);
	s->lifetime.data = s;
	if (r == 0 && s->options->lifetime_s > 0)
		r = uv_timer_start(&s->lifetime, on_lifetime, s->options->lifetime_s * MS, 0);
	return r;
}

int server_init(struct server *s, const struct options *o, const struct secrets *secrets)
{
	int r;

	*s = (struct server){
		.options = o, .secrets = secrets, .check_acl = true, .accepting = true};
	s->jobs.warden = (struct warden)WARDEN_INIT;
	s->jobs.watch.fd = s->service.roots_fd = -1;
	list_init(&s->clients);
	queue_init(&s->queue, (unsigned)o->jobs);
	s->memory.max = MAX((size_t)MEMORY_MIN,
		(size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) / 2);
	s->io_timeout_ms = MS * MAX(env_u64(environ, "DISTCC_IO_TIMEOUT", IO_TIMEOUT_MAX_S,
					    IO_TIMEOUT_DEFAULT_S),
					1);
	set_limits();
	r = compiler_policy_init(&s->policy, environ, o->insecure);
	if (r != 0)
		return r;
	s->conns = (struct conn_shared){.loop = &s->loop,
		.scratch = malloc(SERVER_SCRATCH),
		.scratch_size = SERVER_SCRATCH};
	r = s->conns.scratch ? init_loop(s) : -ENOMEM;
	if (r == 0) {
		open_sandbox(s);
		r = init_jobs(s);
	}
	if (r == 0)
		r = remote_open(s);
	if (r == 0)
		r = report_open(s);
	if (r < 0)
		server_fini(s);
	return r;
}

int server_listen(struct server *s, const int *fds, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n && i < SERVER_LISTENERS_MAX; i++) {
		struct server_listener *l = &s->listeners[i];

		*l = (struct server_listener){.server = s, .fd = fds[i]};
		r = uv_poll_init(&s->loop, &l->poll, l->fd);
		l->poll.data = l;
		if (r == 0) {
			s->n_listeners++;
			r = uv_poll_start(&l->poll, UV_READABLE, on_connection);
		}
	}
	return r;
}

int server_serve(struct server *s, int fd_in, int fd_out)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	const struct sockaddr *peer = NULL;
	const char *why = NULL;

	s->once = true;
	/* Whoever started us for this client has decided; only what was said here counts. */
	s->check_acl = s->options->allow_given;
	if (getpeername(fd_in, (struct sockaddr *)&ss, &len) == 0 && ss.ss_family != AF_UNIX) {
		peer = (struct sockaddr *)&ss;
		why = objection(s, peer);
		set_options(fd_in);
	}
	if (why) {
		log_refusal(why, peer, len);
		close(fd_in);
		close(fd_out);
		return -EACCES;
	}
	return door_open(s, fd_in, fd_out, peer, peer ? len : 0);
}

static void close_handle(uv_handle_t *handle, void *data)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* Also of a server that never ran, or that has only half begun. */
static int close_loop(struct server *s)
{
	if (!s->has_loop)
		return 0;
	s->has_loop = false;
	if (!s->ending) {
		close_parts(s);
		feed_watch_close(&s->jobs.watch);
		uv_walk(&s->loop, close_handle, NULL);
		uv_run(&s->loop, UV_RUN_DEFAULT);
	}
	return uv_loop_close(&s->loop);
}

int server_run(struct server *s)
{
	uv_run(&s->loop, UV_RUN_DEFAULT);
	jobdir_pool_fini(&s->jobs.dirs);
	warden_stop(&s->jobs.warden);
	return close_loop(s);
}

void server_fini(struct server *s)
{
	close_loop(s);
	remote_close(s);
	confine_fini(&s->jobs.confine);
	sandbox_free(s->sandbox);
	jobdir_pool_fini(&s->jobs.dirs);
	warden_stop(&s->jobs.warden);
	strv_fini(&s->jobs.read_twice);
	report_close(s);
	util_free(&s->conns.scratch);
	compiler_policy_fini(&s->policy);
}
