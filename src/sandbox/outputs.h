/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>
#include <time.h>

#include "base/util.h"

/*
 * What a job has left at the paths that it was asked to make. Nothing that a job makes of its tree
 * (links out of it, fifos, devices, a swarm of files) does harm when it is looked at from here.
 */

enum outputs_kind {
	OUTPUTS_MISSING,
	OUTPUTS_FILE,
	OUTPUTS_DIRECTORY,
	OUTPUTS_SYMLINK,
	OUTPUTS_SPECIAL, /* fifo, socket, device: nothing to collect */
};

struct outputs_entry {
	enum outputs_kind kind;
	int fd;        /* FILE: O_RDONLY; DIRECTORY: O_RDONLY; else -1 */
	uint64_t size; /* FILE */
	mode_t mode;   /* FILE, DIRECTORY: permission bits */
	struct timespec mtime;
	char *target; /* SYMLINK: malloc'ed */
};

#define OUTPUTS_ENTRY_INIT \
	{                  \
		.fd = -1   \
	}
void outputs_entry_fini(struct outputs_entry *e);

/*
 * path: relpath_is_valid (else -EINVAL); "" is the tree itself. A link above the last name is
 * -ELOOP; a file there, MISSING. -errno.
 */
int outputs_open(int tree_fd, const char *path, struct outputs_entry *ret) MUST_CHECK;

struct outputs_limits {
	uint64_t entries; /* of all directories together */
	uint64_t bytes;   /* of all files together */
	unsigned depth;   /* at most RELPATH_DEPTH_MAX */
};

#define OUTPUTS_LIMITS_DEFAULT                                               \
	{                                                                    \
		.entries = 1 << 16, .bytes = (uint64_t)4 << 30, .depth = 100 \
	}

/*
 * A directory's content, names sorted by their bytes, each directory before what is in it. The
 * visitor gets each entry's path from the directory; the entry is finished after it returns
 * (TAKE what is to be kept), and what is not 0 ends the walk and is returned. SPECIAL entries are
 * told and not entered. -E2BIG: past a limit, *limits says how much of it was left.
 */
int outputs_walk(int dir_fd, struct outputs_limits *limits,
	int (*visit)(void *ctx, const char *path, struct outputs_entry *entry),
	void *ctx) MUST_CHECK;
