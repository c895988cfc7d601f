/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/view.h"

/* The inodes of a view and the contents they have. */

/* The one of (st->dev, st->ino), made if it is new; nothing is taken from st otherwise. */
int content_inode(struct scan_fs_state *s, const struct stamp *st, struct inode **ret) MUST_CHECK;

/* A stat said this just now: the content is kept only if that proves it. */
void content_note(struct scan_fs_state *s, struct inode *i, const struct stamp *st);

/* Is what is known of a file's bytes still true? (Nothing known is true.) */
static inline bool content_true(const struct scan_fs_state *s, const struct inode *i)
{
	if (!i->pub.content)
		return true;
	return !i->suspect && (view_watched(s, i) || i->proof == s->proof);
}

/* A node is this file now, or no more. */
void content_named(struct inode *i);
void content_unnamed(struct scan_fs_state *s, struct inode *i);

/* What only lost nodes led to is let go; contents that no inode has are freed. In a refresh. */
void content_reap(struct scan_fs_state *s);
void content_free_all(struct scan_fs_state *s);

/*
 * Read the file that fd is open for (which is checked to be i), digest it and make that i's
 * content. 0; CONTENT_CHANGED: it is another file by now, or was written while it was read;
 * -E2BIG, -errno. *ret_data is malloc'ed, with a NUL behind; ret_data NULL: they are not kept.
 */
enum content_outcome { CONTENT_CHANGED = 1 };
int content_read(struct scan_fs_state *s, struct inode *i, int fd, char **ret_data) MUST_CHECK;

/* The bytes alone, if they are still those of i's content; CONTENT_CHANGED. */
int content_reread(struct scan_fs_state *s, struct inode *i, int fd, char **ret_data) MUST_CHECK;

/* Watch, by a descriptor of it, a file whose content was kept by its times alone. */
int content_watch(struct scan_fs_state *s, struct inode *i, int fd) MUST_CHECK;
