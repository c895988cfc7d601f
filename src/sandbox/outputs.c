/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/outputs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strv.h"
#include "sandbox/relpath.h"

void outputs_entry_fini(struct outputs_entry *e)
{
	util_close(&e->fd);
	util_free(&e->target);
}

/* What an O_PATH descriptor stands for. */
static int read_link(int fd, struct outputs_entry *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target));

	if (n < 0)
		return -errno;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	e->target = strndup(target, (size_t)n);
	e->kind = OUTPUTS_SYMLINK;
	return e->target ? 0 : -ENOMEM;
}

/*
 * Only what is known to be a file or a directory is opened: to open a device or a fifo is to do
 * something with it. Nothing can be exchanged in between, because the job is gone; were it not,
 * the second look would tell.
 */
static int open_known(int dir_fd, const char *name, const struct stat *st, struct outputs_entry *e)
{
	bool dir = S_ISDIR(st->st_mode);
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | (dir ? O_DIRECTORY : 0);
	struct stat now;

	e->fd = relpath_open(dir_fd, name, flags);
	if (e->fd < 0)
		return e->fd;
	if (fstat(e->fd, &now) < 0)
		return -errno;
	if (now.st_ino != st->st_ino || now.st_dev != st->st_dev ||
		(now.st_mode & S_IFMT) != (st->st_mode & S_IFMT))
		return -ESTALE;
	e->kind = dir ? OUTPUTS_DIRECTORY : OUTPUTS_FILE;
	e->size = dir ? 0 : (uint64_t)now.st_size;
	return 0;
}

/* A job's umask, or a chmod, is no reason not to see what it made: that is the owner's to read. */
static void make_readable(int dir_fd, const char *name, const struct stat *st)
{
	mode_t needed = S_ISDIR(st->st_mode) ? 0500 : 0400;

	if ((st->st_mode & needed) != needed &&
		fchmodat(dir_fd, name, (st->st_mode & 07777) | needed, 0) < 0) {
		/* Then opening it says what is wrong. */
	}
}

/* An entry of an open directory, by one name; or the path of one below it. */
static int look_at(int dir_fd, const char *path, struct outputs_entry *ret)
{
	AUTO(outputs_entry_fini) struct outputs_entry e = OUTPUTS_ENTRY_INIT;
	AUTO(util_close) int at = relpath_open(dir_fd, path, O_PATH | O_NOFOLLOW);
	struct stat st;
	int r = 0;

	if (at < 0)
		return at;
	if (fstat(at, &st) < 0)
		return -errno;
	e.mode = st.st_mode & 07777;
	e.mtime = st.st_mtim;
	if (S_ISLNK(st.st_mode))
		r = read_link(at, &e);
	else if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		e.kind = OUTPUTS_SPECIAL;
	else
		r = open_known(dir_fd, path, &st, &e);
	if (r < 0)
		return r;
	*ret = e;
	e = (struct outputs_entry)OUTPUTS_ENTRY_INIT;
	return 0;
}

int outputs_open(int tree_fd, const char *path, struct outputs_entry *ret)
{
	AUTO(util_free) char *above = NULL;
	AUTO(util_close) int dir = -1;
	char *name;
	struct stat st;
	int r;

	if (*path && !relpath_is_valid(path))
		return -EINVAL;
	if (!*path)
		return look_at(tree_fd, "", ret);
	above = strdup(path);
	if (!above)
		return -ENOMEM;
	name = strrchr(above, '/');
	if (name)
		*name++ = '\0';
	dir = relpath_open(tree_fd, name ? above : "", O_PATH | O_DIRECTORY);
	r = dir < 0 ? dir : 0;
	name = name ? name : above;
	if (r == 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		make_readable(dir, name, &st);
	if (r == 0)
		r = look_at(dir, name, ret);
	if (r == -ENOENT || r == -ENOTDIR) {
		*ret = (struct outputs_entry){.kind = OUTPUTS_MISSING, .fd = -1};
		r = 0;
	}
	return r;
}

struct walk {
	struct outputs_limits *limits;
	int (*visit)(void *ctx, const char *path, struct outputs_entry *entry);
	void *ctx;
	char path[RELPATH_MAX];
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each name counts before it is kept: a directory of a billion entries is not read to its end. */
static int read_names(struct walk *w, int fd, struct strv *ret)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = again < 0 ? NULL : fdopendir(again);
	struct dirent *e;

	if (!d) {
		r = -errno;
		util_close(&again);
		return r;
	}
	while (r == 0 && (e = readdir(d))) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (w->limits->entries == 0)
			r = -E2BIG;
		else
			w->limits->entries--;
		if (r == 0)
			r = strv_push(ret, e->d_name);
	}
	closedir(d);
	if (r == 0 && ret->n > 1)
		qsort(ret->v, ret->n, sizeof(*ret->v), compare_names);
	return r;
}

static int walk_dir(struct walk *w, int fd, size_t path_len, unsigned depth);

static int walk_entry(struct walk *w, int fd, const char *name, size_t path_len, unsigned depth)
{
	AUTO(outputs_entry_fini) struct outputs_entry e = OUTPUTS_ENTRY_INIT;
	AUTO(util_close) int sub = -1;
	size_t n = strlen(name);
	int r = outputs_open(fd, name, &e);

	if (r < 0)
		return r;
	if (path_len + n + 2 > sizeof(w->path))
		return -E2BIG;
	if (e.kind == OUTPUTS_FILE) {
		if (e.size > w->limits->bytes)
			return -E2BIG;
		w->limits->bytes -= e.size;
	}
	memcpy(w->path + path_len, name, n + 1);
	if (e.kind == OUTPUTS_DIRECTORY) {
		if (depth == 0)
			return -E2BIG;
		sub = fcntl(e.fd, F_DUPFD_CLOEXEC, 0);
		if (sub < 0)
			return -errno;
	}
	r = w->visit(w->ctx, w->path, &e);
	if (r != 0 || sub < 0)
		return r;
	w->path[path_len + n] = '/';
	return walk_dir(w, sub, path_len + n + 1, depth - 1);
}

static int walk_dir(struct walk *w, int fd, size_t path_len, unsigned depth)
{
	AUTO(strv_fini) struct strv names = STRV_INIT;
	int r = read_names(w, fd, &names);

	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = walk_entry(w, fd, names.v[i], path_len, depth);
	return r;
}

int outputs_walk(int dir_fd, struct outputs_limits *limits,
	int (*visit)(void *ctx, const char *path, struct outputs_entry *entry), void *ctx)
{
	struct walk w = {.limits = limits, .visit = visit, .ctx = ctx};

	return walk_dir(&w, dir_fd, 0, MIN(limits->depth, (unsigned)RELPATH_DEPTH_MAX));
}
