/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Runs one command in the sandbox, for tests and measurements:
 *
 *	sandbox-tool isolation
 *	sandbox-tool build PARENT NAME <list     inputroot_build; lines of tab-separated fields:
 *	                                         dir PATH [MTIME] | link PATH TARGET [MTIME] |
 *	                                         file PATH BLOB DIGEST(hex) x|- [MTIME] | parent PATH
 *	sandbox-tool empty TRASH [PARENT NAME]   trash_put, then trash_empty until it is empty
 *	sandbox-tool run OPTION... -- PROGRAM ARGUMENT...
 *
 * The result of run is one line of JSON. Every program of the table in options below takes a value.
 */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "base/fs.h"
#include "base/strv.h"
#include "sandbox/inputroot.h"
#include "sandbox/outputs.h"
#include "sandbox/sandbox.h"
#include "sandbox/trash.h"

enum { ITEMS_MAX = 64, FIELDS = 6 };

struct tool {
	struct sandbox_config config;
	struct sandbox_plan plan;
	struct sandbox_bind binds[ITEMS_MAX];
	const char *masks[ITEMS_MAX], *hosts[ITEMS_MAX];
	struct strv env, outputs;
	const char *out, *err, *in;
	const char *lookups; /* the file for them */
	const char *kill_on; /* a fifo: kill the job when something was written to it */
	uint64_t repeat, drop;
	bool plain; /* no sandbox at all: what a program costs */
};

static void __attribute__((noreturn)) die(const char *what, int error)
{
	fprintf(stderr, "sandbox-tool: %s: %s\n", what, strerror(abs(error)));
	exit(2);
}

static uint64_t number(const char *text)
{
	uint64_t n;

	if (str_to_u64(text, UINT64_MAX, &n) < 0)
		die(text, EINVAL);
	return n;
}

static int open_file(const char *path, int flags)
{
	int fd = path ? open(path, flags | O_CLOEXEC, 0644) : -1;

	if (path && fd < 0)
		die(path, errno);
	return fd;
}

/* SOURCE:TARGET[:rw] */
static void add_bind(struct tool *t, char *text)
{
	struct sandbox_bind *b = &t->binds[t->plan.n_binds++];

	b->source = strsep(&text, ":");
	b->target = strsep(&text, ":");
	b->writable = text != NULL;
}

static bool set_limit(struct sandbox_limits *l, const char *name, const char *value)
{
	const struct {
		const char *name;
		uint64_t *field;
	} limits[] = {{"wall-ms", &l->wall_ms}, {"cpu-s", &l->cpu_s}, {"file", &l->file_bytes},
		{"scratch", &l->scratch_bytes}, {"files", &l->scratch_files},
		{"processes", &l->processes}, {"open-files", &l->open_files},
		{"address", &l->address_bytes}, {"stack", &l->stack_bytes},
		{"memory", &l->memory_bytes}, {"cpu-percent", &l->cpu_percent}};

	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		if (str_eq(limits[i].name, name)) {
			*limits[i].field = number(value);
			return true;
		}
	}
	return false;
}

static bool set_text(struct tool *t, const char *name, char *value)
{
	const struct {
		const char *name;
		const char **field;
	} texts[] = {{"helper", &t->config.helper}, {"input", &t->plan.input},
		{"cwd", &t->plan.cwd}, {"out", &t->out}, {"err", &t->err}, {"in", &t->in},
		{"lookups", &t->lookups}, {"kill-on", &t->kill_on}};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (str_eq(texts[i].name, name)) {
			*texts[i].field = value;
			return true;
		}
	}
	return false;
}

static void set_option(struct tool *t, const char *name, char *value)
{
	if (set_limit(&t->plan.limits, name, value) || set_text(t, name, value))
		return;
	if (str_eq(name, "root"))
		t->plan.root = str_eq(value, "host") ? SANDBOX_ROOT_HOST : SANDBOX_ROOT_INPUT;
	else if (str_eq(name, "private"))
		t->plan.inputs = number(value) ? SANDBOX_INPUT_PRIVATE : SANDBOX_INPUT_OVERLAY;
	else if (str_eq(name, "loopback"))
		t->plan.loopback = number(value);
	else if (str_eq(name, "bind"))
		add_bind(t, value);
	else if (str_eq(name, "mask"))
		t->masks[t->plan.n_masks++] = value;
	else if (str_eq(name, "host-path"))
		t->hosts[t->plan.n_host_paths++] = value;
	else if (str_eq(name, "without"))
		t->config.without = (unsigned)number(value);
	else if (str_eq(name, "uid"))
		t->config.uid = t->config.gid = (uid_t)number(value);
	else if (str_eq(name, "repeat"))
		t->repeat = number(value);
	else if (str_eq(name, "drop"))
		t->drop = number(value);
	else if (str_eq(name, "plain"))
		t->plain = number(value);
	else if (strv_push(str_eq(name, "env") ? &t->env : &t->outputs, value) < 0)
		die(name, ENOMEM);
}

static void parse(struct tool *t, int argc, char **argv)
{
	int i = 0;

	for (; i < argc && !str_eq(argv[i], "--"); i += 2) {
		if (i + 1 >= argc || !str_starts(argv[i], "--"))
			die(argv[i], EINVAL);
		set_option(t, argv[i] + 2, argv[i + 1]);
	}
	t->plan.argv = argv + MIN(i + 1, argc);
	t->plan.envp = strv_argv(&t->env);
	t->plan.binds = t->binds;
	t->plan.masks = t->masks;
	t->plan.host_paths = t->plan.n_host_paths ? t->hosts : NULL;
}

static int print_entry(void *ctx, const char *path, struct outputs_entry *e)
{
	static const char *const kinds[] = {"missing", "file", "directory", "symlink", "special"};
	AUTO(buf_fini) struct buf text = BUF_INIT;
	const char **before = ctx;

	printf("%s[\"%s\", \"%s\", %o, %llu", *before, path, kinds[e->kind], e->mode,
		(unsigned long long)e->size);
	if (e->kind == OUTPUTS_FILE && e->size <= 4096 && fs_read_fd(e->fd, &text) == 0) {
		printf(", \"");
		for (size_t i = 0; i < text.len; i++)
			printf("\\u%04x", (unsigned char)text.data[i]);
		printf("\"");
	}
	if (e->kind == OUTPUTS_SYMLINK)
		printf(", \"%s\"", e->target);
	printf("]");
	*before = ", ";
	return 0;
}

static void print_outputs(struct tool *t, int tree)
{
	const char *before = "";

	printf(", \"outputs\": [");
	for (size_t i = 0; tree >= 0 && i < t->outputs.n; i++) {
		AUTO(outputs_entry_fini) struct outputs_entry e = OUTPUTS_ENTRY_INIT;
		struct outputs_limits limits = OUTPUTS_LIMITS_DEFAULT;
		const char *path = t->outputs.v[i];
		int fd, r = outputs_open(tree, path, &e);

		if (r < 0) {
			printf("%s[\"%s\", \"error\", %d]", before, path, -r);
			before = ", ";
			continue;
		}
		fd = e.kind == OUTPUTS_DIRECTORY ? e.fd : -1;
		print_entry(&before, path, &e);
		r = fd >= 0 ? outputs_walk(fd, &limits, print_entry, &before) : 0;
		if (r < 0)
			printf(", [\"%s\", \"error\", %d]", path, -r);
	}
	printf("]");
}

static void print_result(struct tool *t, const struct sandbox_result *r)
{
	int status = r->status;

	printf("{\"step\": \"%s\", \"error\": \"%s\", \"exit\": %d, \"signal\": %d, "
	       "\"killed\": %s, \"limit\": \"%s\", \"setup_ms\": %.3f, \"wall_ms\": %.3f, "
	       "\"cpu_ms\": %.3f, \"maxrss_kb\": %llu, \"memory_peak\": %llu",
		sandbox_step_name(r->step), r->error ? strerrorname_np(r->error) : "",
		WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		WIFSIGNALED(status) ? WTERMSIG(status) : 0, r->killed ? "true" : "false",
		sandbox_limit_name(r->limit), (double)r->setup_ns / 1e6, (double)r->wall_ns / 1e6,
		(double)r->cpu_ns / 1e6, (unsigned long long)r->max_rss >> 10,
		(unsigned long long)r->memory_peak);
	print_outputs(t, r->tree_fd);
	printf("}\n");
}

static void run_job(struct tool *t, struct sandbox *s, struct sandbox_result *ret)
{
	struct sandbox_run run = SANDBOX_RUN_INIT;
	AUTO(util_close) int trigger = -1;
	int r = sandbox_start(s, &t->plan, &run);

	if (r < 0)
		die("sandbox_start", r);
	/* For writing too, so that the job's own closing is no end of file. */
	if (t->kill_on)
		trigger = open_file(t->kill_on, O_RDWR | O_NONBLOCK);
	do {
		struct pollfd fds[] = {
			{.fd = run.fd, .events = POLLIN}, {.fd = trigger, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0)
			die("poll", errno);
		if (fds[1].revents) {
			sandbox_kill(&run);
			util_close(&trigger);
		}
		r = sandbox_collect(s, &run, ret);
	} while (r == SANDBOX_RUNS);
	if (r < 0)
		die("sandbox_collect", r);
	if (t->repeat == 1)
		print_result(t, ret);
	util_close(&ret->tree_fd);
	sandbox_end(s, &run);
}

static void run_plain(struct tool *t)
{
	const struct child_spec spec = {.path = t->plan.argv[0],
		.argv = t->plan.argv,
		.envp = t->plan.envp,
		.fd_in = -1,
		.fd_out = -1,
		.fd_err = -1};
	pid_t pid;
	int r = child_spawn(&spec, &pid);

	if (r < 0)
		die("child_spawn", r);
	waitpid(pid, NULL, 0);
}

static double cpu_ms(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Many times the same; then what one of them cost. */
static int measure(struct tool *t, struct sandbox *s)
{
	double self = cpu_ms(RUSAGE_SELF), wall = now_ms(), n = (double)t->repeat, setup = 0;
	struct sandbox_result result = {.tree_fd = -1};
	double children = cpu_ms(RUSAGE_CHILDREN);

	for (uint64_t i = 0; i < t->repeat; i++) {
		if (t->plain)
			run_plain(t);
		else
			run_job(t, s, &result);
		if (result.step != SANDBOX_STEP_NONE || result.status != 0)
			die(sandbox_step_name(result.step), result.error);
		setup += (double)result.setup_ns / 1e6;
	}
	wall = now_ms() - wall;
	sandbox_free(s);
	printf("{\"wall_ms\": %.3f, \"setup_ms\": %.3f, \"self_cpu_ms\": %.3f, "
	       "\"children_cpu_ms\": %.3f}\n",
		wall / n, setup / n, (cpu_ms(RUSAGE_SELF) - self) / n,
		(cpu_ms(RUSAGE_CHILDREN) - children) / n);
	return 0;
}

/* As a daemon does that is started as root. */
static void drop_root(const struct tool *t)
{
	uid_t uid = (uid_t)t->drop;

	if (uid == 0)
		return;
	sandbox_cgroup_prepare(uid, uid);
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		die("drop", errno);
}

static int run(int argc, char **argv, bool isolation)
{
	struct tool t = {.plan = {.fd_in = -1, .fd_out = -1, .fd_err = -1}, .repeat = 1};
	AUTO(buf_fini) struct buf text = BUF_INIT;
	struct sandbox_result result;
	struct sandbox *s;
	int r;

	parse(&t, argc, argv);
	drop_root(&t);
	r = sandbox_new(&t.config, &s);
	if (r < 0)
		die("sandbox_new", r);
	if (isolation) {
		if (isolation_print(sandbox_isolation(s), &text) < 0)
			die("isolation", ENOMEM);
		printf("isolation: %s\n", buf_str(&text));
		sandbox_free(s);
		return 0;
	}
	t.plan.fd_in = open_file(t.in, O_RDONLY);
	t.plan.fd_out = open_file(t.out, O_WRONLY | O_CREAT | O_TRUNC);
	t.plan.fd_err = open_file(t.err, O_WRONLY | O_CREAT | O_TRUNC);
	t.plan.fd_lookups = open_file(t.lookups, O_WRONLY | O_CREAT | O_TRUNC);
	t.plan.lookups = t.plan.fd_lookups >= 0;
	if (t.repeat > 1)
		return measure(&t, s);
	run_job(&t, s, &result);
	sandbox_free(s);
	strv_fini(&t.env);
	strv_fini(&t.outputs);
	return 0;
}

/* A store is a folder of files here: a blob's name is its path. */
static int place(void *ctx, const struct inputroot_entry *e, int dir_fd, const char *name, bool own)
{
	AUTO(util_close) int fd = -1;

	if (!own && !e->has_mtime)
		return linkat(AT_FDCWD, e->blob, dir_fd, name, 0) < 0 ? -errno : 0;
	fd = open(e->blob, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : inputroot_copy(fd, dir_fd, name);
}

static uint8_t *unhex(const char *text)
{
	uint8_t *bytes = calloc(1, INPUTROOT_DIGEST_SIZE);

	for (size_t i = 0; bytes && i < INPUTROOT_DIGEST_SIZE && text[2 * i]; i++) {
		char two[3] = {text[2 * i], text[2 * i + 1], '\0'};

		bytes[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return bytes;
}

static bool parse_entry(char **f, size_t n, struct inputroot_entry *e)
{
	size_t time = str_eq(f[0], "dir") ? 2 : str_eq(f[0], "link") ? 3 : 5;

	*e = (struct inputroot_entry){.path = f[1]};
	if (str_eq(f[0], "link")) {
		e->kind = INPUTROOT_SYMLINK;
		e->target = f[2];
	} else if (str_eq(f[0], "file") && n >= 5) {
		e->kind = INPUTROOT_FILE;
		e->blob = f[2];
		e->digest = unhex(f[3]);
		e->executable = f[4][0] == 'x';
	} else if (!str_eq(f[0], "dir")) {
		return false;
	}
	e->has_mtime = n > time;
	if (e->has_mtime)
		e->mtime.tv_sec = (time_t)number(f[time]);
	return true;
}

static int build(const char *parent, const char *name)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(util_close) int fd = open_file(parent, O_RDONLY | O_DIRECTORY);
	struct inputroot_options options = {.uid = geteuid(), .gid = getegid()};
	const struct inputroot_source source = {.place = place};
	struct inputroot_entry *entries = calloc(100000, sizeof(*entries));
	const char **parents = calloc(100000, sizeof(*parents));
	size_t n = 0, n_parents = 0;
	char *rest, *line;
	double cpu, wall;
	int r = fs_read_fd(STDIN_FILENO, &text);

	if (r < 0 || !entries || !parents)
		die("stdin", ENOMEM);
	/* As root a job is somebody else, whose the directories have to be. */
	if (geteuid() == 0)
		options.uid = options.gid = 65534;
	rest = text.data;
	while ((line = strsep(&rest, "\n")) && n < 100000) {
		char *f[FIELDS] = {NULL};
		size_t fields = 0;

		while (line && fields < FIELDS)
			f[fields++] = strsep(&line, "\t");
		if (fields >= 2 && parse_entry(f, fields, &entries[n]))
			n++;
		else if (fields >= 2)
			parents[n_parents++] = f[1];
	}
	cpu = cpu_ms(RUSAGE_SELF);
	wall = now_ms();
	r = inputroot_build(fd, name, entries, n, parents, n_parents, &source, &options, NULL);
	printf("{\"result\": \"%s\", \"cpu_ms\": %.3f, \"wall_ms\": %.3f}\n",
		r < 0 ? strerrorname_np(-r) : "", cpu_ms(RUSAGE_SELF) - cpu, now_ms() - wall);
	for (size_t i = 0; i < n; i++)
		free((void *)entries[i].digest);
	free(entries);
	free(parents);
	return 0;
}

static int empty(const char *trash, const char *parent, const char *name)
{
	AUTO(util_close) int fd = open_file(trash, O_RDONLY | O_DIRECTORY);
	AUTO(util_close) int from = open_file(parent, O_RDONLY | O_DIRECTORY);
	double cpu = cpu_ms(RUSAGE_SELF), wall = now_ms(), put = 0;
	int r = parent ? trash_put(fd, from, name) : 0;

	put = now_ms() - wall;
	if (r == 0)
		do
			r = trash_empty(fd, 100);
		while (r == TRASH_MORE);
	printf("{\"result\": \"%s\", \"cpu_ms\": %.3f, \"wall_ms\": %.3f, \"put_ms\": %.3f}\n",
		r < 0 ? strerrorname_np(-r) : "", cpu_ms(RUSAGE_SELF) - cpu, now_ms() - wall, put);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 2 && str_eq(argv[1], "isolation"))
		return run(argc - 2, argv + 2, true);
	if (argc >= 3 && str_eq(argv[1], "run"))
		return run(argc - 2, argv + 2, false);
	if (argc == 4 && str_eq(argv[1], "build"))
		return build(argv[2], argv[3]);
	if (argc >= 3 && str_eq(argv[1], "empty"))
		return empty(argv[2], argc > 4 ? argv[3] : NULL, argc > 4 ? argv[4] : NULL);
	fprintf(stderr, "usage: sandbox-tool isolation|build|empty|run ...\n");
	return 2;
}
