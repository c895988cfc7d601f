/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/buf.h"

/* Files: reading whole, writing whole, directories. All descriptors are CLOEXEC. */

/* Append all of the file to b (whose max bounds it: -E2BIG). */
int fs_read_file(const char *path, struct buf *b) MUST_CHECK;
int fs_read_fd(int fd, struct buf *b) MUST_CHECK;

/* write(2) until all is written. -errno. */
int fs_write_all(int fd, const void *data, size_t n) MUST_CHECK;

/* mkdir -p with this mode for what is made. */
int fs_mkdirs(const char *path, mode_t mode) MUST_CHECK;

/* The working directory as compilers tell it: pwd ($PWD, may be NULL) where that names it, and for
 * every process (below /proc it does not); else without links. malloc'ed; NULL: errno. */
char *fs_working_directory(const char *pwd);

/*
 * A directory fit for our own sockets and locks: made with mode 0700 if missing; -EPERM if it is
 * not a directory (links are not followed), not ours, or open to others.
 */
int fs_private_dir(const char *path) MUST_CHECK;

/* rm -rf that does not follow links and does not leave the file system. */
int fs_remove_tree(const char *path) MUST_CHECK;

/*
 * An output file that nobody ever sees half-written. It is made without a name where the file
 * system can (O_TMPFILE), else under a temporary name beside the target, and takes the target's
 * name only in fs_output_commit. fs_output_abort leaves nothing behind.
 * What has the name is removed just before, as assemblers do, or replaced in one step where it had to
 * have a temporary name.
 * A target that is there and is neither a regular file nor a link (a device, a directory) is not
 * replaced: -EEXIST. A link is replaced, not written through, as assemblers do.
 * mode: as open(2) before the caller's umask is applied (pass mode & ~umask of the user).
 */
struct fs_output {
	int fd;
	char *target;
	char *temp; /* NULL while the file has no name */
	bool there; /* something had the target's name */
};

#define FS_OUTPUT_INIT   \
	{                \
		.fd = -1 \
	}

int fs_output_open(const char *target, mode_t mode, struct fs_output *ret) MUST_CHECK;
int fs_output_commit(struct fs_output *o) MUST_CHECK; /* ends o in every case */
void fs_output_abort(struct fs_output *o);            /* idempotent */

/*
 * The other way, as compilers write all but objects: into the file that is there. No reader is kept from
 * seeing half of it. FS_REWRITE_NEW: nothing was done, since it is none, no regular one, or has
 * other names; -errno: it may be half-written.
 */
enum { FS_REWRITE_NEW = 1 };
int fs_rewrite(const char *target, const void *data, size_t n) MUST_CHECK;
