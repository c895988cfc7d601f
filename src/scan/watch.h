/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/view.h"

/*
 * The kernel's messages: inotify for files and directories, /proc/self/mountinfo for mounts. Where
 * either is not to be had the view works without.
 */

void watch_init(struct scan_fs_state *s);
void watch_fini(struct scan_fs_state *s);

/*
 * Watch the inode that fd is open for. It is never too late or of another file, since it goes by
 * the descriptor; and it is right again if the old watch has died without our knowing. A watch
 * that is new (not the one that the inode had) makes watch_proof new.
 * VIEW_NO_WATCH: it cannot be watched. -errno.
 */
int watch_add(struct scan_fs_state *s, struct inode *i, int fd, bool directory) MUST_CHECK;

void watch_remove(struct scan_fs_state *s, struct inode *i);
void watch_remove_all(struct scan_fs_state *s); /* the inodes are about to be freed */

/*
 * Take in all events that there are by now. in_scan: what they are about is marked as touched in
 * this epoch. One system call where there is nothing.
 */
int watch_take(struct scan_fs_state *s, bool in_scan) MUST_CHECK;
