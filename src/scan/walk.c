/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "scan/content.h"
#include "scan/directory.h"
#include "scan/nametree.h"

/*
 * Walking along a path as the kernel does (path_resolution(7)): name by name; each directory must
 * let itself be searched, for "." and ".." too; a link is replaced by its text, which starts at the
 * root or at the directory that the link is in; a path that ends in '/' must lead to a directory.
 */

static void end(struct walk *w, enum scan_kind kind)
{
	w->kind = kind;
	w->at = NULL;
}

static int report(struct walk *w, enum scan_step what, const char *path, const char *text)
{
	if (!path)
		return -ENOMEM;
	w->stopped = w->found(w->arg, what, path, text);
	return w->stopped ? WALK_STOPPED : 0;
}

int nametree_start(struct scan_fs_state *s, struct walk *w)
{
	int r = nametree_prove(s, &s->root);

	w->kind = SCAN_DIRECTORY;
	w->at = &s->root;
	return r;
}

static int follow(struct scan_fs_state *s, struct walk *w, struct node *n)
{
	const char *text = n->link;
	int r;

	if (w->found) {
		r = report(w, SCAN_STEP_LINK, nametree_real(s, n), text);
		if (r)
			return r;
	}
	if (++w->links > SCAN_FS_LINKS_MAX || *text == '\0') {
		end(w, SCAN_NONE);
		return 0;
	}
	return nametree_walk(s, w, text);
}

static int arrive(struct scan_fs_state *s, struct walk *w, struct node *n)
{
	switch ((enum node_kind)n->kind) {
	case NODE_FILE:
		w->kind = SCAN_FILE;
		w->at = n;
		w->watched &= !n->inode->by_stat;
		w->touched = MAX(w->touched, n->inode->touched);
		break;
	case NODE_DIRECTORY:
		w->at = n;
		break;
	case NODE_LINK:
		return follow(s, w, n);
	case NODE_OTHER:
		end(w, SCAN_OTHER);
		break;
	case NODE_UNREADABLE:
		w->watched = false;
		end(w, SCAN_UNREADABLE);
		break;
	case NODE_NONE:
	case NODE_UNKNOWN:
		end(w, SCAN_NONE);
		break;
	}
	return 0;
}

/* Into the directory at w->at, to look something up in it. */
static int enter(struct scan_fs_state *s, struct walk *w, struct dir **ret)
{
	struct dir *d;
	int r = directory_of(s, w->at, &d);

	if (r == -ENAMETOOLONG) {
		w->watched = false;
		end(w, SCAN_UNREADABLE);
		return 0;
	}
	if (r == 0)
		r = directory_enter(s, d);
	if (r)
		return r;
	w->watched &= directory_watched(s, d);
	w->touched = MAX(w->touched, d->node->touched);
	if (!d->searchable)
		end(w, SCAN_UNREADABLE);
	*ret = d;
	return 0;
}

static int step_up(struct scan_fs_state *s, struct walk *w)
{
	int r = 0;

	if (!w->at->parent)
		return 0;
	if (w->found)
		r = report(w, SCAN_STEP_DIRECTORY, w->at->dir->real, NULL);
	w->at = w->at->parent;
	return r;
}

static struct node *fitting(struct node *n, const struct node *parent)
{
	return n && n->parent == parent ? n : NULL;
}

int nametree_step(
	struct scan_fs_state *s, struct walk *w, const char *name, size_t len, struct node **step)
{
	struct node *n = step ? *step : NULL;
	struct dir *d;
	int r;

	assert(w->kind == SCAN_DIRECTORY);
	if (len == 0)
		return 0;
	r = enter(s, w, &d);
	if (r || w->kind != SCAN_DIRECTORY || (len == 1 && name[0] == '.'))
		return r;
	if (len == 2 && name[0] == '.' && name[1] == '.')
		return step_up(s, w);
	n = fitting(n, w->at);
	r = n ? 0 : nametree_node(s, d, name, len, &n);
	if (r == 0)
		r = nametree_prove(s, n);
	if (r)
		return r;
	if (step)
		*step = n;
	w->touched = MAX(w->touched, n->touched);
	return arrive(s, w, n);
}

int nametree_walk(struct scan_fs_state *s, struct walk *w, const char *text)
{
	const char *name = text, *slash;
	int r = 0;

	if (*text == '/')
		r = nametree_start(s, w);
	while (r == 0 && (slash = strchr(name, '/'))) {
		r = nametree_step(s, w, name, (size_t)(slash - name), NULL);
		if (r == 0 && w->kind != SCAN_DIRECTORY) {
			end(w, w->kind == SCAN_UNREADABLE ? SCAN_UNREADABLE : SCAN_NONE);
			return 0;
		}
		name = slash + 1;
	}
	return r ? r : nametree_step(s, w, name, strlen(name), NULL);
}
