/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/roots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strv.h"
#include "sandbox/trash.h"
#include "service/execution.h"

enum { STEP = 10000 };

static const char trash_name[] = "trash";

static int list_names(int dir_fd, struct strv *ret)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d) {
		r = -errno;
		util_close(&fd);
		return r;
	}
	while (r == 0 && (e = readdir(d)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, "..") &&
			!str_eq(e->d_name, trash_name))
			r = strv_push(ret, e->d_name);
	closedir(d);
	return r;
}

static int empty_all(int trash_fd)
{
	int r;

	do
		r = trash_empty(trash_fd, STEP);
	while (r == TRASH_MORE);
	return r;
}

static void in_pool(uv_work_t *work)
{
	struct execution *e = work->data;
	int r = empty_all(e->trash_fd);

	if (r < 0)
		log_event(LOG_LEVEL_WARNING, "root-left", "%s", strerror(-r));
}

static void in_loop(uv_work_t *work, int status)
{
	struct execution *e = work->data;

	e->service->n_offloaded--;
}

int roots_prepare(struct execution *e)
{
	AUTO(strv_fini) struct strv names = STRV_INIT;
	int roots = e->service->roots_fd, r;

	if (mkdirat(roots, trash_name, 0700) < 0 && errno != EEXIST)
		return -errno;
	e->trash_fd = openat(roots, trash_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (e->trash_fd < 0)
		return -errno;
	r = list_names(roots, &names);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = trash_put(e->trash_fd, roots, names.v[i]);
	if (r < 0)
		return r;
	e->sweep.data = e;
	r = uv_queue_work(e->service->loop, &e->sweep, in_pool, in_loop);
	e->service->n_offloaded += r == 0;
	return r;
}

void roots_remove(struct execution *e, const char *name)
{
	int roots = e->service->roots_fd, r = 0;
	int dir = openat(roots, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir >= 0)
		r = empty_all(dir);
	util_close(&dir);
	if (unlinkat(roots, name, AT_REMOVEDIR) < 0 && errno != ENOENT && r == 0)
		r = -errno;
	if (r < 0) {
		log_event(LOG_LEVEL_WARNING, "root-left", "%s: %s", name, strerror(-r));
		r = trash_put(e->trash_fd, roots, name);
	}
}
