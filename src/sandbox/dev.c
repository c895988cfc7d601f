/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The few devices that programs count on. In a user namespace none can be made, so they are the
 * host's, mounted onto empty files. There is no terminal: jobs have none.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/mountfd.h"
#include "sandbox/tree.h"

static const char *const names[6] = {"null", "zero", "full", "random", "urandom", NULL};

static const struct {
	const char *name, *target;
} links[] = {
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
};

int dev_open(int devices[6])
{
	for (int i = 0; names[i]; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/dev/%s", names[i]);
		devices[i] = mountfd_copy(AT_FDCWD, path, MOUNTFD_DEVICES | MOUNTFD_NO_EXEC);
		/* Only null is needed by everybody. */
		if (devices[i] < 0 && i == 0)
			return devices[i];
	}
	return 0;
}

int dev_fill(int dir_fd, const int devices[6])
{
	for (int i = 0; names[i]; i++) {
		AUTO(util_close) int fd = -1;

		if (devices[i] < 0)
			continue;
		fd = openat(dir_fd, names[i], O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0444);
		if (fd < 0)
			return -errno;
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dir_fd, links[i].name) < 0)
			return -errno;
	if (mkdirat(dir_fd, "shm", 01777) < 0 || fchmodat(dir_fd, "shm", 01777, 0) < 0)
		return -errno;
	return 0;
}

int dev_mount(int dir_fd, const int devices[6])
{
	int r = 0;

	for (int i = 0; r == 0 && names[i]; i++)
		if (devices[i] >= 0)
			r = mountfd_attach_at(devices[i], dir_fd, names[i]);
	return r;
}
