/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * Removing trees, later and bit by bit: unlinking sleeps in some file systems. A tree is renamed
 * into the trash, a directory of the same file system that nothing else uses, and the trash is
 * emptied from a thread pool or from idle time. What is in the trash at start of a daemon that was
 * killed is emptied in the same way.
 */

enum { TRASH_MORE = 1 };

/* Move parent_fd/name to the trash. 0 also where there is none; -errno. */
int trash_put(int trash_fd, int parent_fd, const char *name) MUST_CHECK;

/*
 * Remove up to budget entries. 0: it is empty; TRASH_MORE; -errno: something cannot be removed, and
 * the rest was gone on with. Directories without permissions, and trees of any depth, are removed;
 * links are not followed, other file systems not entered.
 */
int trash_empty(int trash_fd, size_t budget) MUST_CHECK;
