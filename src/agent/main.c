/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The agent's life: take the lock, listen, tell who started us, serve, and end when idle, when
 * told to, or when our executable has been replaced.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/client.h"
#include "agent/job.h"
#include "base/cpus.h"
#include "base/env.h"
#include "base/log.h"
#include "cc/pragmas.h"
#include "config.h"
#include "net/dial.h"

enum {
	IDLE_DEFAULT_MS = 600000,
	IDLE_FIRST_MS = 5000, /* at least: whoever started it is on his way */
	DRAIN_MS = 1,
	BACKLOG = 4096,
	UPKEEP_MS = 5000,
	DESCRIPTORS_WANTED = 65536
};

/* ---- what the parts share ---- */

void agent_dispatch(struct agent *a)
{
	struct slots_claim *claim;
	bool again = true;

	while (again) {
		again = false;
		a->slots.cpp_paused = a->hosts_queue_n > AGENT_TEXTS_SPARE + a->slots.capacity;
		while ((claim = slots_next(&a->slots))) {
			job_slot_granted(claim);
			again = true;
		}
		if (!a->hosts_changed)
			continue;
		a->hosts_changed = false;
		LIST_FOR_SAFE(l, &a->hosts_queue)
		again = job_try_host(l) || again;
	}
}

/* ---- coming and going ---- */

static int program_identity(struct agent *a)
{
	struct stat st;

	if (stat("/proc/self/exe", &st) < 0)
		return -errno;
	a->program.dev = st.st_dev;
	a->program.ino = st.st_ino;
	a->program.mtime_ns =
		(uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
	return 0;
}

/* The path by which we were started, taken before anybody could replace what is there. */
static char program_path[4096];

bool agent_outdated(const struct agent *a)
{
	struct stat st;

	if (!program_path[0])
		return false;
	if (stat(program_path, &st) < 0)
		return true;
	return st.st_dev != a->program.dev || st.st_ino != a->program.ino ||
	       (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec !=
		       a->program.mtime_ns;
}

void agent_stop(struct agent *a)
{
	agent_retire(a);
	LIST_FOR_SAFE(l, &a->clients)
	client_close(client_of_link(l));
	uv_stop(a->loop);
}

/*
 * The name goes first; who is in the queue behind it by then is still accepted, and told to start
 * another agent. We end when nobody is left, one turn of the loop later.
 */
void agent_retire(struct agent *a)
{
	if (a->retired)
		return;
	a->retired = true;
	log_event(LOG_LEVEL_INFO, "retire", "no new jobs are taken");
	unlinkat(a->place.dir, a->place.socket, 0);
	/* From here on another agent may take the name. */
	util_close(&a->lock);
}

static void on_idle(uv_timer_t *t)
{
	struct agent *a = t->data;

	if (!list_empty(&a->clients))
		return;
	if (a->retired) {
		uv_stop(a->loop);
		return;
	}
	agent_retire(a);
	uv_timer_start(&a->idle, on_idle, DRAIN_MS, 0);
}

void agent_client_came(struct agent *a)
{
	uv_timer_stop(&a->idle);
}

void agent_client_gone(struct agent *a)
{
	if (list_empty(&a->clients) && !uv_is_closing((uv_handle_t *)&a->idle))
		uv_timer_start(&a->idle, on_idle, a->retired ? DRAIN_MS : a->idle_ms, 0);
}

static void on_connection(uv_stream_t *s, int status)
{
	if (status == 0)
		client_accept(s->data);
}

static void on_signal(uv_signal_t *s, int signal)
{
	agent_stop(s->data);
}

static void on_prepare(uv_prepare_t *p)
{
	agent_dispatch(p->data);
}

/* ---- the start ---- */

static int take_lock(struct agent *a)
{
	a->lock = openat(
		a->place.dir, a->place.lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (a->lock < 0)
		return -errno;
	return flock(a->lock, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

static int listen_on_socket(struct agent *a)
{
	struct sockaddr_un address;
	int r = ipc_place_address(&a->place, &address);

	if (r < 0)
		return r;
	/* We hold the lock: what is left of this name belongs to an agent that is dead. */
	unlinkat(a->place.dir, a->place.socket, 0);
	if (bind(a->place.stream, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = uv_pipe_init(a->loop, &a->listener, 0);
	if (r == 0)
		r = uv_pipe_open(&a->listener, a->place.stream);
	if (r < 0)
		return r;
	TAKE_FD(a->place.stream);
	a->listener.data = a;
	return uv_listen((uv_stream_t *)&a->listener, BACKLOG, on_connection);
}

static void on_upkeep(uv_timer_t *t)
{
	struct agent *a = t->data;

	if (a->store)
		store_maintain(a->store, a->loop);
}

static int start_watching(struct agent *a)
{
	static const int signals[] = {SIGTERM, SIGINT};
	int r = uv_prepare_init(a->loop, &a->dispatcher);

	if (r == 0)
		r = uv_prepare_start(&a->dispatcher, on_prepare);
	if (r == 0)
		r = uv_timer_init(a->loop, &a->idle);
	if (r == 0)
		r = uv_timer_start(&a->idle, on_idle, MAX(a->idle_ms, (uint64_t)IDLE_FIRST_MS), 0);
	if (r == 0)
		r = uv_timer_init(a->loop, &a->upkeep);
	if (r == 0)
		r = uv_timer_start(&a->upkeep, on_upkeep, UPKEEP_MS, UPKEEP_MS);
	a->dispatcher.data = a->idle.data = a->upkeep.data = a;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(signals); i++) {
		r = uv_signal_init(a->loop, &a->signals[i]);
		if (r == 0)
			r = uv_signal_start(&a->signals[i], on_signal, signals[i]);
		a->signals[i].data = a;
	}
	return r;
}

/* The compilers' answers are kept beside the socket. */
static int open_preparing(struct agent *a)
{
	char dir[64];

	snprintf(dir, sizeof(dir), "/proc/self/fd/%d", a->place.dir);
	return prepare_queue_new(a->loop, dir, a->store, &a->preparing);
}

/* What is remembered of doubts is kept with the results, and is forgotten with them. */
static int open_verify(struct agent *a)
{
	AUTO(util_free) char *cache = NULL;
	AUTO(util_free) char *dir = NULL;
	uint64_t seed = uv_hrtime();
	int r = store_directory(environ, &cache);

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		log_event(LOG_LEVEL_INFO, "no-entropy", "%s", strerror(errno));
	sample_init(&a->sample, seed);
	if (r == 0 && cache && asprintf(&dir, "%s/verify", cache) < 0) {
		dir = NULL;
		r = -ENOMEM;
	}
	return r < 0 ? r : verify_open(dir, &a->verify);
}

static int init(struct agent *a)
{
	ssize_t n = readlink("/proc/self/exe", program_path, sizeof(program_path) - 1);
	int r = program_identity(a);

	program_path[MAX(n, 0)] = '\0';
	if (r < 0)
		return r;
	a->idle_ms = env_seconds_ms(environ, "DISTCC_AGENT_IDLE", IDLE_DEFAULT_MS);
	list_init(&a->clients);
	list_init(&a->hosts_queue);
	list_init(&a->writing);
	slots_init(&a->slots, cpus_usable());
	fleet_init(&a->fleet);
	caches_init(&a->caches, a->loop);
	a->texts.texts = true;
	inflight_init(&a->inflight);
	/* Who loses the race for the lock ends here, and has nothing to give back. */
	r = ipc_place_name(environ, &a->place);
	if (r == 0)
		r = ipc_place_open(environ, &a->place);
	if (r == 0)
		r = take_lock(a);
	if (r < 0)
		return r;
	a->pragmas = cc_pragmas_new();
	if (!a->pragmas)
		return -ENOMEM;
	r = store_open(environ, &a->store);
	if (r == 0)
		r = open_verify(a);
	if (r == 0)
		r = open_preparing(a);
	if (r == 0)
		r = history_init(&a->history);
	if (r == 0)
		r = warden_start(true, &a->warden);
	if (r == 0)
		r = listen_on_socket(a);
	return r < 0 ? r : start_watching(a);
}

static void fini(struct agent *a)
{
	/* Handles close, cancelled preprocessors are reaped, their files removed. */
	uv_prepare_stop(&a->dispatcher);
	uv_close((uv_handle_t *)&a->dispatcher, NULL);
	uv_close((uv_handle_t *)&a->idle, NULL);
	uv_close((uv_handle_t *)&a->upkeep, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(a->signals); i++)
		uv_close((uv_handle_t *)&a->signals[i], NULL);
	uv_close((uv_handle_t *)&a->listener, NULL);
	cluster_fini(&a->cluster);
	cluster_fini(&a->texts);
	versions_fini(&a->versions);
	caches_fini(&a->caches);
	uv_run(a->loop, UV_RUN_DEFAULT);
	uv_loop_close(a->loop);
	dial_cache_clear();
	fleet_fini(&a->fleet);
	history_fini(&a->history);
	compilers_fini(&a->compilers);
	cc_pragmas_free(a->pragmas);
	prepare_queue_free(a->preparing);
	store_close(a->store);
	verify_close(a->verify);
	warden_stop(&a->warden);
	util_close(&a->lock);
	ipc_place_close(&a->place);
}

static int usage(void)
{
	puts("Usage: distcc-agent [--ready-fd=N]\n"
	     "\n"
	     "One agent serves all of a user's compiles. distcc starts it; there is no need to.\n"
	     "\n"
	     "   --ready-fd=N  write a byte to this descriptor when it listens, and close it\n"
	     "   --help        show this text\n"
	     "   --version     show the version\n"
	     "\n"
	     "Environment: DISTCC_DIR, DISTCC_AGENT_IDLE (seconds), DISTCC_AGENT_LOG (a file).\n"
	     "distcc-agent(1) tells all.");
	return 0;
}

/* Every waiting launcher costs a descriptor or three. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)DESCRIPTORS_WANTED);
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_event(LOG_LEVEL_WARNING, "descriptors", "%s", strerror(errno));
}

static int background(void)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid > 0)
		_exit(0);
	setsid();
	return 0;
}

static void tell_ready(int fd)
{
	if (fd < 0)
		return;
	if (write(fd, "", 1) < 0) {
		/* Who started us is gone; others will come. */
	}
	close(fd);
}

int main(int argc, char **argv)
{
	const char *log = env_get(environ, "DISTCC_AGENT_LOG");
	static struct agent agent = {.lock = -1, .place = IPC_PLACE_INIT, .warden = WARDEN_INIT};
	uint64_t ready = 0;
	uv_loop_t loop;
	int r;

	log_init("distcc-agent", log ? LOG_LEVEL_DEBUG : LOG_LEVEL_NOTICE);
	for (int i = 1; i < argc; i++) {
		if (str_eq(argv[i], "--help"))
			return usage();
		if (str_eq(argv[i], "--version"))
			return puts("distcc-agent " DISTCC_VERSION) < 0;
		if (!str_starts(argv[i], "--ready-fd=") ||
			str_to_u64(argv[i] + 11, 1 << 20, &ready) < 0) {
			fprintf(stderr, "distcc-agent: unknown option \"%s\": see --help\n",
				argv[i]);
			return 101;
		}
	}
	/* Nothing of the build that happened to start us may stay open because of us. */
	if (ready > 0) {
		if (ready > 3)
			util_close_range(3, (unsigned)ready - 1, false);
		util_close_range((unsigned)ready + 1, ~0U, false);
		fcntl((int)ready, F_SETFD, FD_CLOEXEC);
		if (background() < 0)
			return 100;
	}
	if (log && log_to_file(log) < 0)
		log_event(LOG_LEVEL_WARNING, "log-file", "cannot open %s", log);
	signal(SIGPIPE, SIG_IGN);
	umask(077);
	raise_descriptor_limit();
	if (uv_loop_init(&loop) < 0)
		return 100;
	agent.loop = &loop;
	r = init(&agent);
	if (r < 0) {
		/* Another agent has the name: that is as good. */
		if (r != -EWOULDBLOCK)
			log_event(LOG_LEVEL_ERROR, "start-failed", "%s", strerror(-r));
		/* Refuses where handles are open, which the end of the process closes too. */
		uv_loop_close(&loop);
		return r == -EWOULDBLOCK ? 0 : 100;
	}
	tell_ready(ready > 0 ? (int)ready : -1);
	log_event(LOG_LEVEL_INFO, "start", "version=%s slots=%u", DISTCC_VERSION,
		agent.slots.capacity);
	uv_run(&loop, UV_RUN_DEFAULT);
	fini(&agent);
	log_event(LOG_LEVEL_INFO, "end", "idle or told to");
	return 0;
}
