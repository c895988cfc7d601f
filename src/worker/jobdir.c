/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/jobdir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/path.h"

int jobdir_make(struct jobdir *d, const char *tmp, struct warden *warden)
{
	AUTO(util_free) char *path = path_join(tmp, "distccd-XXXXXX");

	if (!path)
		return -ENOMEM;
	if (!mkdtemp(path))
		return -errno;
	warden_guard_path(warden, path);
	*d = (struct jobdir){.path = TAKE_PTR(path), .warden = warden};
	return 0;
}

void jobdir_remove(struct jobdir *d)
{
	int r;

	if (!d->path)
		return;
	r = fs_remove_tree(d->path);
	if (r < 0)
		log_event(LOG_LEVEL_WARNING, "job-directory", "cannot remove %s: errno=%d", d->path,
			-r);
	warden_release_path(d->warden, d->path);
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
