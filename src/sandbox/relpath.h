/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* Names from outside, below a directory of ours: what may be used as a path at all. */

enum { RELPATH_MAX = 4096, RELPATH_NAME_MAX = 255, RELPATH_DEPTH_MAX = 200 };

/*
 * A relative path of one to RELPATH_DEPTH_MAX names, none of them "", "." or "..", none over
 * RELPATH_NAME_MAX bytes, at most RELPATH_MAX - 1 bytes together, without a '/' at either end.
 */
bool relpath_is_valid(const char *path);

/* One name of such a path. */
bool relpath_name_is_valid(const char *name);

/*
 * Open path below dir_fd, crossing no link, the last name included, and leaving dir_fd never.
 * Returns a descriptor (CLOEXEC), or -errno: -ELOOP where a link is in the way, -ENOENT, -ENOTDIR.
 * "" stands for dir_fd itself.
 */
int relpath_open(int dir_fd, const char *path, int flags) MUST_CHECK;

/*
 * The same for a directory, with the directories of the path made (0755) where they are missing.
 * An O_PATH descriptor or -errno; -ENOTDIR, -ELOOP: something that is no directory has the name.
 */
int relpath_make_dirs(int dir_fd, const char *path) MUST_CHECK;
