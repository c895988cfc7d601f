/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sandbox/mountfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* <sys/mount.h> cannot be had beside <linux/mount.h> with every libc. */
#define DETACH 2
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

static uint64_t attributes(unsigned flags)
{
	uint64_t attr = MOUNT_ATTR_NOSUID;

	if (flags & MOUNTFD_READ_ONLY)
		attr |= MOUNT_ATTR_RDONLY;
	if (flags & MOUNTFD_NO_EXEC)
		attr |= MOUNT_ATTR_NOEXEC;
	if (!(flags & MOUNTFD_DEVICES))
		attr |= MOUNT_ATTR_NODEV;
	return attr;
}

static int configure(int fs, const struct mountfd_option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *value = options[i].value;

		if (syscall(SYS_fsconfig, fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
			    options[i].name, value, 0) < 0)
			return -errno;
	}
	return syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ? -errno : 0;
}

int mountfd_new(const char *type, const struct mountfd_option *options, size_t n, unsigned flags)
{
	AUTO(util_close) int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	int fd, r;

	if (fs < 0)
		return -errno;
	r = configure(fs, options, n);
	if (r < 0)
		return r;
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, (unsigned)attributes(flags));
	return fd < 0 ? -errno : fd;
}

int mountfd_change(int fd, unsigned flags)
{
	struct mount_attr attr = {.attr_set = attributes(flags)};
	unsigned how = AT_EMPTY_PATH | (flags & MOUNTFD_RECURSIVE ? AT_RECURSIVE : 0);

	return syscall(SYS_mount_setattr, fd, "", how, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int mountfd_copy(int dir_fd, const char *path, unsigned flags)
{
	unsigned how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (*path ? 0 : AT_EMPTY_PATH) |
		       (flags & MOUNTFD_RECURSIVE ? AT_RECURSIVE : 0);
	AUTO(util_close) int fd = (int)syscall(SYS_open_tree, dir_fd, path, how);
	int r;

	if (fd < 0)
		return -errno;
	r = mountfd_change(fd, flags);
	return r < 0 ? r : TAKE_FD(fd);
}

int mountfd_attach(int fd, int at_fd)
{
	return syscall(SYS_move_mount, fd, "", at_fd, "",
		       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0
		       ? -errno
		       : 0;
}

int mountfd_attach_at(int fd, int dir_fd, const char *path)
{
	return syscall(SYS_move_mount, fd, "", dir_fd, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno
											  : 0;
}

int mountfd_isolate(void)
{
	struct mount_attr attr = {.propagation = 1 << 18 /* MS_PRIVATE */};

	return syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) < 0
		       ? -errno
		       : 0;
}

int mountfd_pivot(int root_fd)
{
	/* The old root is stacked onto the new one, at the same place, and taken off again. */
	if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
		syscall(SYS_umount2, ".", DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}
