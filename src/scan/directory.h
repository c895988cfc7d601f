/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/view.h"

/* Real directories: going into them, reading them, and naming what is in them to the kernel. */

/* The directory behind a node that is NODE_DIRECTORY, made if need be. -ENAMETOOLONG, -ENOMEM. */
int directory_of(struct scan_fs_state *s, struct node *n, struct dir **ret) MUST_CHECK;

/* The node is another directory now (i), or none (NULL): nothing that was in it is known. */
void directory_become(struct scan_fs_state *s, struct dir *d, struct inode *i);

/* Nothing that is in it, at any depth, is known. */
void directory_forget(struct scan_fs_state *s, struct dir *d);

/*
 * Find out, unless that is known, whether it may be searched (d->searchable), with a watch if there
 * can be one. VIEW_MOVED: its path leads elsewhere now; the node was made unknown.
 */
int directory_enter_slow(struct scan_fs_state *s, struct dir *d) MUST_CHECK;

static inline bool directory_watched(const struct scan_fs_state *s, const struct dir *d)
{
	return d->watched && view_watched(s, d->inode) && d->proof >= d->inode->watch_proof;
}

static inline int directory_enter(struct scan_fs_state *s, struct dir *d)
{
	if (d->entered && (d->proof == s->proof || directory_watched(s, d)))
		return 0;
	return directory_enter_slow(s, d);
}

/* enum view_fs of where it is. */
int directory_fs(struct scan_fs_state *s, struct dir *d, unsigned *ret) MUST_CHECK;

/* Is a name of this hash certainly not in it? Of a directory that was entered. */
bool directory_lacks(struct scan_fs_state *s, struct dir *d, uint32_t hash);

/* A stat found nothing that a listing would have known: read one if that pays. */
int directory_missed(struct scan_fs_state *s, struct dir *d) MUST_CHECK;

/*
 * How to name n to the kernel: (fd, name). By its path where a change of that path cannot stay
 * unseen, else by a descriptor of the very directory.
 */
struct spot {
	int fd;
	const char *name;
	char path[SCAN_FS_PATH_MAX];
};

/* VIEW_MOVED, -ENAMETOOLONG, -errno. */
int directory_spot(struct scan_fs_state *s, struct node *n, struct spot *ret) MUST_CHECK;
void directory_spot_close(struct spot *p);
