/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/view.h"

/* The names of a view: proving one, walking along many. */

void nametree_init(struct scan_fs_state *s);
void nametree_fini(struct scan_fs_state *s); /* of what the pool does not own */

/* What the name leads to is not known any more, nor anything below it. */
void nametree_forget(struct scan_fs_state *s, struct node *n);

/* The node of a name (not "", "." or "..") in a directory, made if it is new. */
int nametree_node(struct scan_fs_state *s, struct dir *d, const char *name, size_t len,
	struct node **ret) MUST_CHECK;

/* Find out what the name is, if that is not known. VIEW_MOVED, -errno. */
int nametree_prove(struct scan_fs_state *s, struct node *n) MUST_CHECK;

/* Its path without links, kept as long as the view. NULL: no memory. */
const char *nametree_real(struct scan_fs_state *s, struct node *n);

/* Events: about a name in a directory; about a file or a directory itself; of a watch that died. */
void nametree_name_event(
	struct scan_fs_state *s, struct inode *directory, const char *name, size_t len);
void nametree_self_event(struct scan_fs_state *s, struct inode *i);
void nametree_unwatched(struct scan_fs_state *s, struct inode *i);

/* Where a walk along a path has come to. */
struct walk {
	enum scan_kind kind;
	struct node *at; /* SCAN_FILE, SCAN_DIRECTORY */
	bool watched;    /* all of the way was */
	unsigned links;
	uint64_t touched; /* the latest of all on the way */

	scan_fs_step *found; /* or NULL */
	void *arg;
	int stopped; /* what found returned, if not 0: the walk ends with WALK_STOPPED */
};

enum { WALK_STOPPED = 16 };

/* Stand at the root. */
int nametree_start(struct scan_fs_state *s, struct walk *w) MUST_CHECK;

/*
 * Go on by one name ("", "." and ".." too) from a directory. *step is a node to try first, and is
 * left as the one that was used, if step is not NULL. VIEW_MOVED, WALK_STOPPED, -errno.
 */
int nametree_step(struct scan_fs_state *s, struct walk *w, const char *name, size_t len,
	struct node **step) MUST_CHECK;

/* The same by a whole path. */
int nametree_walk(struct scan_fs_state *s, struct walk *w, const char *text) MUST_CHECK;
