/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/relpath.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool relpath_name_is_valid(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= RELPATH_NAME_MAX && !strchr(name, '/') && !str_eq(name, ".") &&
	       !str_eq(name, "..");
}

bool relpath_is_valid(const char *path)
{
	unsigned depth = 0;

	if (strnlen(path, RELPATH_MAX) >= RELPATH_MAX)
		return false;
	for (const char *p = path;; p++) {
		size_t n = strcspn(p, "/");

		if (n == 0 || n > RELPATH_NAME_MAX || ++depth > RELPATH_DEPTH_MAX)
			return false;
		if (p[0] == '.' && (n == 1 || (n == 2 && p[1] == '.')))
			return false;
		p += n;
		if (*p == '\0')
			return true;
	}
}

int relpath_open(int dir_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, dir_fd, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int relpath_make_dirs(int dir_fd, const char *path)
{
	AUTO(util_close) int at = -1;
	int fd = relpath_open(dir_fd, path, O_PATH | O_DIRECTORY);

	if (fd != -ENOENT)
		return fd;
	at = relpath_open(dir_fd, "", O_PATH | O_DIRECTORY);
	while (at >= 0 && *path) {
		char name[RELPATH_NAME_MAX + 1];
		size_t n = strcspn(path, "/");

		if (n == 0 || n > RELPATH_NAME_MAX)
			return -EINVAL;
		memcpy(name, path, n);
		name[n] = '\0';
		if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
			return -errno;
		fd = relpath_open(at, name, O_PATH | O_DIRECTORY);
		close(at);
		at = fd;
		path += n + (path[n] == '/');
	}
	return TAKE_FD(at);
}
