/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/jobdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/path.h"

static void remove_dir(struct jobdir_pool *p, const char *path)
{
	int r = fs_remove_tree(path);

	if (r < 0)
		log_event(
			LOG_LEVEL_WARNING, "job-directory", "cannot remove %s: errno=%d", path, -r);
	warden_release_path(p->warden, path);
}

void jobdir_pool_fini(struct jobdir_pool *p)
{
	for (size_t i = 0; i < p->idle.n; i++)
		remove_dir(p, p->idle.v[i]);
	strv_fini(&p->idle);
	util_free(&p->tmp);
}

/* NULL: there is none. */
static char *take_idle(struct jobdir_pool *p)
{
	char *path = NULL;

	if (p->idle.n > 0) {
		path = p->idle.v[--p->idle.n];
		p->idle.v[p->idle.n] = NULL;
	}
	return path;
}

int jobdir_take(struct jobdir *d, struct jobdir_pool *pool)
{
	AUTO(util_free) char *path = take_idle(pool);

	if (!path) {
		path = path_join(pool->tmp, "distccd-XXXXXX");
		if (!path)
			return -ENOMEM;
		if (!mkdtemp(path))
			return -errno;
		warden_guard_path(pool->warden, path);
		if (pool->given && chown(path, pool->uid, pool->gid) < 0) {
			int error = errno;

			remove_dir(pool, path);
			return -error;
		}
	}
	*d = (struct jobdir){.pool = pool, .path = TAKE_PTR(path)};
	return 0;
}

/* Whether it is empty now, and still the private directory that it was. */
static bool make_empty(const char *path)
{
	struct stat st;
	DIR *d = opendir(path);
	struct dirent *e;
	bool good = d && fstat(dirfd(d), &st) == 0 && (st.st_mode & 07777) == 0700;

	while (good && (e = readdir(d))) {
		AUTO(util_free) char *entry = NULL;

		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		entry = path_join(path, e->d_name);
		good = entry && fs_remove_tree(entry) == 0;
	}
	if (d)
		closedir(d);
	return good;
}

void jobdir_release(struct jobdir *d)
{
	if (!d->path)
		return;
	if (!make_empty(d->path))
		remove_dir(d->pool, d->path);
	else if (strv_push(&d->pool->idle, d->path) < 0)
		remove_dir(d->pool, d->path);
	util_free(&d->path);
}

char *jobdir_file(const struct jobdir *d, const char *name)
{
	return path_join(d->path, name);
}

int jobdir_read(const struct jobdir *d, const char *name, struct buf *ret)
{
	AUTO(util_free) char *file = jobdir_file(d, name);
	AUTO(util_close) int fd = -1;
	struct stat st;

	if (!file)
		return -ENOMEM;
	fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP ? -ENOENT : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? fs_read_fd(fd, ret) : -ENOENT;
}

static bool is_language(const char *variable)
{
	return str_starts(variable, "LANG=") || str_starts(variable, "LC_") ||
	       str_starts(variable, "LANGUAGE=");
}

int jobdir_environment(
	const struct jobdir *d, const char *path, char *const *envp, struct strv *ret)
{
	int r = strv_pushf(ret, "PATH=%s", path ? path : "/usr/local/bin:/usr/bin:/bin");

	if (r == 0)
		r = strv_pushf(ret, "TMPDIR=%s", d->path);
	if (r == 0)
		r = strv_push(ret, "_DISTCC_SAFEGUARD=1");
	for (; r == 0 && *envp; envp++)
		if (is_language(*envp))
			r = strv_push(ret, *envp);
	return r;
}
