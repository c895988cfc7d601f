/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* Mounts by descriptor (Linux 5.12): made, changed, and only then put somewhere. */

enum mountfd_flags {
	MOUNTFD_READ_ONLY = 1 << 0,
	MOUNTFD_NO_EXEC = 1 << 1,
	MOUNTFD_DEVICES = 1 << 2,   /* device files work; set-id bits never do */
	MOUNTFD_RECURSIVE = 1 << 3, /* with what is mounted below */
};

struct mountfd_option {
	const char *name, *value; /* value NULL: a flag */
};

/* A new file system of this type. A descriptor or -errno. */
int mountfd_new(const char *type, const struct mountfd_option *options, size_t n,
	unsigned flags) MUST_CHECK;

/* A copy of what is at path (from dir_fd), as a bind mount is. A descriptor or -errno. */
int mountfd_copy(int dir_fd, const char *path, unsigned flags) MUST_CHECK;

/* Change the flags of a mount that is there already. */
int mountfd_change(int fd, unsigned flags) MUST_CHECK;

/* Put it onto what at_fd is open on. */
int mountfd_attach(int fd, int at_fd) MUST_CHECK;
/* The same, where path (from dir_fd, no link as its last name) is. */
int mountfd_attach_at(int fd, int dir_fd, const char *path) MUST_CHECK;

/* No mount or unmount reaches the host from here, nor the other way. */
int mountfd_isolate(void) MUST_CHECK;

/* Make what root_fd is open on, a mount, "/", and let go of all that was there. */
int mountfd_pivot(int root_fd) MUST_CHECK;
