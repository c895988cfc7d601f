/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"
#include "sandbox/isolation.h"

enum { TEXT_MAX = 1 << 20 };

static const char *const controller_names[CGROUP_N] = {"memory", "pids", "cpu"};
static const unsigned controller_bits[CGROUP_N] = {ISOLATION_MEMORY, ISOLATION_PIDS, ISOLATION_CPU};

static int write_text(const char *dir, const char *file, const char *text)
{
	AUTO(util_free) char *path = path_join(dir, file);
	AUTO(util_close) int fd = -1;

	if (!path)
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int write_number(const char *dir, const char *file, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)n);
	return write_text(dir, file, text);
}

/* "" where it cannot be read. */
static char *read_text(const char *dir, const char *file)
{
	AUTO(util_free) char *path = path_join(dir, file);
	struct buf b = BUF_INIT_MAX(TEXT_MAX);

	if (path && fs_read_file(path, &b) < 0)
		buf_clear(&b);
	return b.data ? buf_take(&b) : strdup("");
}

/* Is word one of the list, whose separators are sep? */
static bool has_word(const char *list, const char *sep, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p; p += strspn(p, sep)) {
		size_t len = strcspn(p, sep);

		if (len == n && strncmp(p, word, n) == 0)
			return true;
		p += len;
	}
	return false;
}

/*
 * Our own cgroup's path in the hierarchy of a v1 controller, or in v2's (NULL), from
 * /proc/self/cgroup: "4:cpu,cpuacct:/user.slice". NULL: there is none.
 */
static char *own_path(const char *text, const char *controller)
{
	for (const char *line = text; *line; line = strchrnul(line, '\n')) {
		const char *list, *path;
		char copy[256];

		line += *line == '\n';
		list = strchr(line, ':');
		path = list ? strchr(list + 1, ':') : NULL;
		if (!path || (size_t)(path - list) >= sizeof(copy))
			continue;
		snprintf(copy, sizeof(copy), "%.*s", (int)(path - list - 1), list + 1);
		if (controller ? has_word(copy, ",", controller) : copy[0] == '\0')
			return strndup(path + 1, strcspn(path + 1, "\n"));
	}
	return NULL;
}

/*
 * Where that hierarchy is mounted, from /proc/self/mountinfo:
 * "31 23 0:27 ROOT POINT opts [fields] - cgroup source super-opts". malloc'ed, as is *ret_root.
 */
static char *mount_point(const char *text, const char *controller, char **ret_root)
{
	for (const char *line = text; *line; line = strchrnul(line, '\n')) {
		char root[1024], point[1024], type[32], options[1024];
		const char *dash;

		line += *line == '\n';
		dash = strstr(line, " - ");
		if (!dash || dash > strchrnul(line, '\n') ||
			sscanf(line, "%*d %*d %*s %1023s %1023s", root, point) != 2 ||
			sscanf(dash, " - %31s %*s %1023s", type, options) != 2)
			continue;
		if (controller ? str_eq(type, "cgroup") && has_word(options, ",", controller)
			       : str_eq(type, "cgroup2")) {
			*ret_root = strdup(root);
			return strdup(point);
		}
	}
	return NULL;
}

/* The directory of our own cgroup, or NULL. */
static char *own_dir(const char *controller)
{
	AUTO(util_free) char *groups = read_text("/proc/self", "cgroup");
	AUTO(util_free) char *mounts = read_text("/proc/self", "mountinfo");
	AUTO(util_free) char *path = groups ? own_path(groups, controller) : NULL;
	AUTO(util_free) char *root = NULL;
	AUTO(util_free) char *point = mounts ? mount_point(mounts, controller, &root) : NULL;
	const char *rest = path;
	char *dir;

	if (!path || !point || !root)
		return NULL;
	/* In a container the mount may show a part of the hierarchy only. */
	if (!str_eq(root, "/") && str_starts(path, root))
		rest = path + strlen(root);
	rest += strspn(rest, "/");
	dir = *rest ? path_join(point, rest) : strdup(point);
	if (dir && access(dir, F_OK) < 0)
		util_free(&dir);
	return dir;
}

static void give_away(const char *dir, uid_t uid, gid_t gid)
{
	static const char *const files[] = {
		"cgroup.procs", "cgroup.threads", "cgroup.subtree_control", "tasks"};

	if (chown(dir, uid, gid) < 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		AUTO(util_free) char *path = path_join(dir, files[i]);

		if (path && chown(path, uid, gid) < 0) {
			/* It is of the other version. */
		}
	}
}

/* Jobs' directories that a daemon left which was killed. They are empty: its helpers ended too. */
static void remove_stale(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (str_starts(e->d_name, "job-"))
			unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
}

static void remove_stale_daemons(const char *own)
{
	DIR *d = opendir(own);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		AUTO(util_free) char *path = NULL;
		uint64_t pid;

		if (!str_starts(e->d_name, "distccd-") ||
			str_to_u64(e->d_name + strlen("distccd-"), INT32_MAX, &pid) < 0 ||
			(kill((pid_t)pid, 0) == 0 || errno != ESRCH))
			continue;
		path = path_join(own, e->d_name);
		if (path) {
			remove_stale(path);
			rmdir(path);
		}
	}
	if (d)
		closedir(d);
}

/* This daemon's directory below its own cgroup; NULL where it is not there and cannot be made. */
static char *v1_make_base(enum cgroup_controller c)
{
	AUTO(util_free) char *own = own_dir(controller_names[c]);
	char *base;

	if (!own)
		return NULL;
	remove_stale_daemons(own);
	if (asprintf(&base, "%s/distccd-%ld", own, (long)getpid()) < 0)
		return NULL;
	if (mkdir(base, 0755) < 0 && errno != EEXIST)
		util_free(&base);
	return base;
}

/*
 * A cgroup with members cannot share out its controllers: we move into one below it. Whether that
 * leaves it without members is known only by trying.
 */
static int v2_enable(const char *own)
{
	AUTO(util_free) char *inner = path_join(own, "distccd");
	AUTO(util_free) char *there = read_text(own, "cgroup.controllers");
	bool made;
	int r = -ENOENT;

	if (!inner || !there)
		return -ENOMEM;
	if (!has_word(there, " \n", "memory") && !has_word(there, " \n", "pids"))
		return -ENOENT;
	made = mkdir(inner, 0755) == 0;
	if (!made && errno != EEXIST)
		return -errno;
	r = write_text(inner, "cgroup.procs", "0");
	for (int i = 0; r == 0 && i < CGROUP_N; i++) {
		char word[16];

		snprintf(word, sizeof(word), "+%s", controller_names[i]);
		if (has_word(there, " \n", controller_names[i]))
			r = write_text(own, "cgroup.subtree_control", word);
	}
	if (r < 0 && made) {
		if (write_text(own, "cgroup.procs", "0") == 0)
			rmdir(inner);
	}
	return r;
}

/* The v2 cgroup that jobs' are made in, where it is set up; NULL. */
static char *v2_base(void)
{
	char *own = own_dir(NULL);

	if (own && str_eq(path_base(own), "distccd"))
		*strrchr(own, '/') = '\0';
	return own;
}

void cgroup_prepare(uid_t uid, gid_t gid)
{
	AUTO(util_free) char *own = v2_base();

	if (own && v2_enable(own) == 0) {
		AUTO(util_free) char *inner = path_join(own, "distccd");

		give_away(own, uid, gid);
		if (inner)
			give_away(inner, uid, gid);
		return;
	}
	for (int i = 0; i < CGROUP_N; i++) {
		AUTO(util_free) char *base = v1_make_base((enum cgroup_controller)i);

		if (base)
			give_away(base, uid, gid);
	}
}

static bool open_v2(struct cgroups *c)
{
	AUTO(util_free) char *own = v2_base();
	AUTO(util_free) char *shared = NULL;

	if (!own || access(own, W_OK) < 0 || v2_enable(own) < 0)
		return false;
	shared = read_text(own, "cgroup.subtree_control");
	for (int i = 0; shared && i < CGROUP_N; i++)
		if (has_word(shared, " \n", controller_names[i]))
			c->base[i] = strdup(own);
	c->v2 = true;
	remove_stale(own);
	return cgroups_isolation(c) != 0;
}

int cgroups_open(struct cgroups *c)
{
	*c = (struct cgroups)CGROUPS_INIT;
	if (open_v2(c))
		return 0;
	cgroups_close(c);
	for (int i = 0; i < CGROUP_N; i++) {
		AUTO(util_free) char *base = v1_make_base((enum cgroup_controller)i);

		if (base && access(base, W_OK) == 0)
			c->base[i] = TAKE_PTR(base);
	}
	return 0;
}

void cgroups_close(struct cgroups *c)
{
	for (int i = 0; i < CGROUP_N; i++) {
		if (c->base[i] && !c->v2)
			rmdir(c->base[i]);
		util_free(&c->base[i]);
	}
	c->v2 = false;
}

unsigned cgroups_isolation(const struct cgroups *c)
{
	unsigned set = 0;

	for (int i = 0; i < CGROUP_N; i++)
		if (c->base[i])
			set |= controller_bits[i];
	return set != 0 && c->v2 ? set | ISOLATION_CGROUP_V2 : set;
}

/* Whether there is a limit to set at all: a cgroup that limits nothing is not worth making. */
static bool is_wanted(const struct cgroup_limits *l, enum cgroup_controller c)
{
	return c == CGROUP_MEMORY ? l->memory_bytes > 0
	       : c == CGROUP_PIDS ? l->processes > 0
				  : l->cpu_percent > 0;
}

static int limit_memory(const char *dir, uint64_t bytes, bool v2)
{
	int r = write_number(dir, v2 ? "memory.max" : "memory.limit_in_bytes", bytes);

	/* Without this the rest of a job's memory goes to swap. Not every kernel counts swap. */
	if (r == 0 && v2)
		(void)!write_text(dir, "memory.swap.max", "0");
	else if (r == 0)
		(void)!write_number(dir, "memory.memsw.limit_in_bytes", bytes);
	return r;
}

static int limit_cpu(const char *dir, uint64_t percent, bool v2)
{
	enum { PERIOD_US = 100000 };
	char text[48];

	percent = MIN(percent, (uint64_t)100000);
	if (!v2)
		return write_number(dir, "cpu.cfs_quota_us", percent * PERIOD_US / 100);
	snprintf(text, sizeof(text), "%llu %d", (unsigned long long)percent * PERIOD_US / 100,
		PERIOD_US);
	return write_text(dir, "cpu.max", text);
}

static int set_limit(
	const char *dir, const struct cgroup_limits *l, enum cgroup_controller c, bool v2)
{
	switch (c) {
	case CGROUP_MEMORY:
		return limit_memory(dir, l->memory_bytes, v2);
	case CGROUP_PIDS:
		return write_number(dir, "pids.max", l->processes);
	default:
		return limit_cpu(dir, l->cpu_percent, v2);
	}
}

/* The job's directory for one controller: with v2 there is one for all. */
static int make_dir(struct cgroups *c, enum cgroup_controller kind, struct cgroup *g)
{
	char *dir;

	if (c->v2 && g->n > 0)
		return 0;
	if (asprintf(&dir, "%s/job-%u", c->base[kind], c->next) < 0)
		return -ENOMEM;
	if (mkdir(dir, 0755) < 0) {
		int r = -errno;

		free(dir);
		return r;
	}
	g->kind[g->n] = kind;
	g->dirs[g->n++] = dir;
	return 0;
}

int cgroup_make(struct cgroups *c, const struct cgroup_limits *limits, struct cgroup *ret)
{
	struct cgroup g = {.v2 = c->v2};
	int r = 0;

	c->next++;
	for (int i = 0; r == 0 && i < CGROUP_N; i++) {
		enum cgroup_controller kind = (enum cgroup_controller)i;

		if (!c->base[i] || !is_wanted(limits, kind))
			continue;
		r = make_dir(c, kind, &g);
		if (r == 0)
			r = set_limit(g.dirs[g.n - 1], limits, kind, c->v2);
	}
	if (r < 0)
		cgroup_remove(&g);
	else
		*ret = g;
	return r;
}

/* The number behind a word at a line's start, as in "oom_kill 3"; 0. */
static uint64_t number_of(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; *p; p = strchrnul(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, word, n) == 0 && p[n] == ' ')
			return strtoull(p + n + 1, NULL, 10);
	}
	return 0;
}

void cgroup_ask(const struct cgroup *g, struct cgroup_usage *ret)
{
	*ret = (struct cgroup_usage){.memory_peak = 0};
	for (size_t i = 0; i < g->n; i++) {
		AUTO(util_free) char *events = NULL;
		AUTO(util_free) char *peak = NULL;

		if (!g->v2 && g->kind[i] != CGROUP_MEMORY)
			continue;
		events = read_text(g->dirs[i], g->v2 ? "memory.events" : "memory.oom_control");
		peak = read_text(g->dirs[i], g->v2 ? "memory.peak" : "memory.max_usage_in_bytes");
		ret->out_of_memory = events && number_of(events, "oom_kill") > 0;
		ret->memory_peak = peak ? strtoull(peak, NULL, 10) : 0;
	}
}

void cgroup_remove(struct cgroup *g)
{
	for (size_t i = 0; i < g->n; i++) {
		rmdir(g->dirs[i]);
		util_free(&g->dirs[i]);
	}
	g->n = 0;
}
