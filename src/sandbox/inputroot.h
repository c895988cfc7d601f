/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>
#include <time.h>

#include "base/util.h"

/*
 * Builds the directory tree of a job's inputs from a flat list.
 *
 * Inodes and times are input too: gcc's #pragma once takes files of equal modification time, size
 * and content for one file, clang files of equal inode, and both drop a directory of an inode that
 * they have on the search path already. So every path gets an inode of its own, times are restored
 * where they are known, and links stay links. Where two paths have the same content and no time is
 * known, times are made up from the path: the same ones everywhere, and different ones.
 *
 * Everything is done from directory descriptors without following links, so no list can reach out
 * of the tree, and one that tries is -EINVAL.
 */

enum { INPUTROOT_ENTRIES_MAX = 1 << 20, INPUTROOT_DIGEST_SIZE = 32 };

enum inputroot_kind { INPUTROOT_DIRECTORY, INPUTROOT_FILE, INPUTROOT_SYMLINK };

struct inputroot_entry {
	const char *path; /* relpath_is_valid */
	enum inputroot_kind kind;
	bool executable; /* FILE */
	bool has_mtime, has_mode;
	struct timespec mtime;
	mode_t mode;        /* permission bits; FILE and DIRECTORY; owner may always read */
	const char *target; /* SYMLINK: any text but "" */
	const uint8_t
		*digest;  /* FILE: INPUTROOT_DIGEST_SIZE bytes; NULL: never the same as another */
	const void *blob; /* FILE: whatever place wants to know */
};

struct inputroot_source {
	/*
	 * Make the entry's content a file of this name in dir_fd, which has none of that name.
	 * 0: a link to an inode that is shared with other trees; it has the mode (0444, or 0555 if
	 *    executable; or entry->mode if has_mode) and, if has_mtime, the time of the entry
	 *    already, for neither will be set. Not allowed where own is true.
	 * INPUTROOT_OWNED: an inode that only this name has; mode and time will be set.
	 * -errno: ends the build.
	 */
	int (*place)(void *ctx, const struct inputroot_entry *entry, int dir_fd, const char *name,
		bool own);
	void *ctx;
};
enum { INPUTROOT_OWNED = 1 };

struct inputroot_options {
	/*
	 * What sandbox_owner says: directories will be this user's and group's. An overlay cannot
	 * change what belongs to somebody whom the job's user namespace does not know.
	 */
	uid_t uid;
	gid_t gid;
	bool all_own; /* no links: for SANDBOX_INPUT_PRIVATE, and for directories that are bound */
};

/*
 * Make the directory name in parent_fd, which must not be there, and fill it. Entries may come in
 * any order (sorted by path is fastest); directories above an entry need none of their own.
 * parents: further directories to make, for outputs and for binds; one that is there is fine.
 * Returns 0 and, where ret_fd is not NULL, a descriptor of the tree.
 * -EINVAL: a path, target or mixture that cannot be (a file below a file, the same path twice);
 * -E2BIG; -errno, place's included. After an error what was made is there to be discarded.
 */
int inputroot_build(int parent_fd, const char *name, const struct inputroot_entry *entries,
	size_t n_entries, const char *const *parents, size_t n_parents,
	const struct inputroot_source *source, const struct inputroot_options *options,
	int *ret_fd) MUST_CHECK;

/*
 * For place: a copy of what src_fd reads from its start, by reflink where the file system can.
 * Always INPUTROOT_OWNED or -errno.
 */
int inputroot_copy(int src_fd, int dir_fd, const char *name) MUST_CHECK;
