/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/directory.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "scan/nametree.h"
#include "scan/watch.h"

/*
 * A directory is entered before a name is looked up in it. Watched, this is done once: open it by
 * its path, see that it is the one that is meant, watch it by the descriptor, and only then look
 * at anything, so that no change falls between look and watch. Not watched, it is one stat for each
 * proof, of "path/.", which says at once whether it is still there, may be searched, and has
 * changed.
 *
 * The path may lead to another directory at any time. While all directories above are watched that
 * is harmless: the event comes and makes all below unknown. Where one of them is not, but this is,
 * what is found would stay wrong for ever, so names are given relative to a descriptor that was
 * compared with the inode (directory_spot).
 *
 * A listing is read when stats have failed that it would have saved, and is good while the
 * directory is watched, or else while its times stay, if it was read long enough after the last
 * change.
 */

static void unlink_inode(struct scan_fs_state *s, struct dir *d)
{
	struct inode *i = d->inode;
	struct dir **at = i ? &i->dirs : NULL;

	if (!i)
		return;
	while (*at != d)
		at = &(*at)->next_same;
	*at = d->next_same;
	d->inode = NULL;
	if (!i->dirs && i->n_names == 0) /* the number may be a file's by now */
		watch_remove(s, i);
}

void directory_forget(struct scan_fs_state *s, struct dir *d)
{
	listing_drop(&d->listing);
	d->misses = 0;
	d->entered = d->watched = false;
	HASHSET_FOR(slot, &d->nodes)
	nametree_forget(s, slot->item);
}

void directory_become(struct scan_fs_state *s, struct dir *d, struct inode *i)
{
	if (d->inode == i)
		return;
	directory_forget(s, d);
	unlink_inode(s, d);
	d->unwatchable = d->unlistable = false;
	d->fs = 0;
	d->inode = i;
	if (i) {
		d->next_same = i->dirs;
		i->dirs = d;
	}
}

static int new_directory(struct scan_fs_state *s, struct node *n, struct dir **ret)
{
	const struct dir *above = n->parent ? n->parent->dir : NULL;
	size_t len = above ? above->real_len + 1 + n->len : 0;
	struct dir *d;
	char *real;

	if (len + sizeof("/.") > SCAN_FS_PATH_MAX)
		return -ENAMETOOLONG;
	d = pool_alloc(&s->pool, sizeof(*d));
	real = pool_alloc(&s->pool, len + 1);
	if (!d || !real)
		return -ENOMEM;
	if (above) {
		memcpy(real, above->real, above->real_len);
		real[above->real_len] = '/';
		memcpy(real + above->real_len + 1, n->name, n->len);
	}
	d->node = n;
	d->real = real;
	d->real_len = len;
	*ret = d;
	return 0;
}

int directory_of(struct scan_fs_state *s, struct node *n, struct dir **ret)
{
	int r;

	assert(n->kind == NODE_DIRECTORY);
	if (!n->dir) {
		r = new_directory(s, n, &n->dir);
		if (r < 0)
			return r;
	}
	directory_become(s, n->dir, n->inode);
	*ret = n->dir;
	return 0;
}

/* The way to it has changed under us. */
static int moved(struct scan_fs_state *s, struct dir *d)
{
	d->node->touched = MAX(d->node->touched, s->touch);
	nametree_forget(s, d->node);
	view_outdate(s);
	return VIEW_MOVED;
}

/* What open and stat of a directory that should be there say when they fail. */
static int failure(struct scan_fs_state *s, struct dir *d, int error)
{
	switch (error) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return -error;
	default:
		return moved(s, d);
	}
}

static const char *path_of(const struct dir *d)
{
	return d->real_len > 0 ? d->real : "/";
}

static bool is_it(const struct dir *d, const struct stamp *st)
{
	return st->dev == d->inode->pub.dev && st->ino == d->inode->pub.ino;
}

/* Names that differ in case alone are one: neither listing nor events use our spelling then. */
static bool folds_case(int fd)
{
	int flags = 0;

	return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_CASEFOLD_FL);
}

/* A descriptor for reading it. -EACCES; VIEW_MOVED; -errno. */
static int open_directory(
	struct scan_fs_state *s, struct dir *d, int how, struct stamp *st, int *ret)
{
	AUTO(util_close)
	int fd = open(path_of(d), how | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int r;

	if (fd < 0)
		return errno == EACCES ? -EACCES : failure(s, d, errno);
	r = view_stat(s, fd, "", true, st);
	if (r < 0)
		return failure(s, d, -r);
	if (!is_it(d, st))
		return moved(s, d);
	d->fs = (uint8_t)view_fs_of(s, fd, st->dev);
	if (!(how & O_PATH) && folds_case(fd))
		d->fs &= (uint8_t) ~(VIEW_FS_WATCHES | VIEW_FS_LISTS);
	*ret = TAKE_FD(fd);
	return 0;
}

/* VIEW_NO_WATCH, VIEW_MOVED, -errno. */
static int enter_watched(struct scan_fs_state *s, struct dir *d)
{
	AUTO(util_close) int fd = -1;
	bool known = directory_watched(s, d);
	int wd = d->inode->wd, r;
	struct stamp st;

	r = open_directory(s, d, O_RDONLY, &st, &fd);
	if (r)
		return r == -EACCES ? VIEW_NO_WATCH : r;
	if (!(d->fs & VIEW_FS_WATCHES))
		return VIEW_NO_WATCH;
	r = watch_add(s, d->inode, fd, true);
	if (r)
		return r;
	if (!known || wd != d->inode->wd)
		directory_forget(s, d);
	r = view_stat(s, fd, ".", false, &st);
	if (r < 0 && r != -EACCES)
		return failure(s, d, -r);
	d->searchable = r == 0;
	return 0;
}

static int enter_by_stat(struct scan_fs_state *s, struct dir *d)
{
	char dot[SCAN_FS_PATH_MAX];
	int r;

	memcpy(dot, d->real, d->real_len);
	memcpy(dot + d->real_len, "/.", sizeof("/."));
	r = view_stat(s, AT_FDCWD, dot, !(d->fs & VIEW_FS_LOCAL), &d->stamp);
	if (r < 0 && r != -EACCES)
		return failure(s, d, -r);
	if (r == 0 && !is_it(d, &d->stamp))
		return moved(s, d);
	d->searchable = r == 0;
	return 0;
}

int directory_enter_slow(struct scan_fs_state *s, struct dir *d)
{
	int r = VIEW_NO_WATCH;

	if (d->mode != d->inode->mode)
		d->unwatchable = d->unlistable = false;
	d->mode = d->inode->mode;
	if (s->watching && !d->unwatchable)
		r = enter_watched(s, d);
	if (r == VIEW_NO_WATCH) {
		d->unwatchable = true;
		r = enter_by_stat(s, d);
	}
	if (r)
		return r;
	d->entered = true;
	d->watched = !d->unwatchable && s->watching;
	d->proof = s->proof;
	return 0;
}

int directory_fs(struct scan_fs_state *s, struct dir *d, unsigned *ret)
{
	AUTO(util_close) int fd = -1;
	struct stamp st;
	int r = d->fs ? 0 : open_directory(s, d, O_PATH, &st, &fd);

	if (r && r != -EACCES)
		return r;
	*ret = d->fs;
	return 0;
}

static bool listing_good(const struct scan_fs_state *s, const struct dir *d)
{
	const struct stamp *then = &d->listing_stamp, *now = &d->stamp;

	if (!listing_held(&d->listing))
		return false;
	if (directory_watched(s, d))
		return true;
	return view_same_time(&then->mtime, &now->mtime) &&
	       view_same_time(&then->ctime, &now->ctime) && then->ino == now->ino &&
	       then->dev == now->dev && !view_racy(then, &d->listing_at, view_grain(d->fs, then));
}

bool directory_lacks(struct scan_fs_state *s, struct dir *d, uint32_t hash)
{
	return listing_good(s, d) && !listing_maybe(&d->listing, hash);
}

/* A listing costs about what a stat does for each 32 names, so that many must have been in vain. */
int directory_missed(struct scan_fs_state *s, struct dir *d)
{
	struct timespec now = view_now();
	int fd, r;

	if (d->unlistable || listing_good(s, d) || ++d->misses <= d->listing.n_first / 32)
		return 0;
	/* Not one that could not be trusted. */
	if (!directory_watched(s, d) && view_racy(&d->stamp, &now, view_grain(d->fs, &d->stamp)))
		return 0;
	r = open_directory(s, d, O_RDONLY, &d->listing_stamp, &fd);
	if (r == -EACCES)
		d->unlistable = true;
	if (r)
		return r == -EACCES ? 0 : r;
	if (!(d->fs & VIEW_FS_LISTS)) {
		d->unlistable = true;
		util_close(&fd);
		return 0;
	}
	d->listing_at = now;
	d->misses = 0;
	s->stats.listings++;
	r = listing_read(&d->listing, fd);
	if (r == -ENOMEM)
		return r;
	d->unlistable = r < 0;
	return 0;
}

/* Would an event tell of every change of the path that leads to it? */
static bool way_is_watched(const struct scan_fs_state *s, const struct dir *d)
{
	for (const struct node *n = d->node->parent; n; n = n->parent)
		if (!directory_watched(s, n->dir))
			return false;
	return true;
}

int directory_spot(struct scan_fs_state *s, struct node *n, struct spot *ret)
{
	struct dir *d = n->parent->dir;
	struct stamp st;
	int r;

	ret->fd = AT_FDCWD;
	ret->name = n->name;
	if (directory_watched(s, d) && !way_is_watched(s, d)) {
		r = open_directory(s, d, O_PATH, &st, &ret->fd);
		return r == -EACCES ? moved(s, d) : r;
	}
	if (d->real_len + 1 + n->len >= sizeof(ret->path))
		return -ENAMETOOLONG;
	memcpy(ret->path, d->real, d->real_len);
	ret->path[d->real_len] = '/';
	memcpy(ret->path + d->real_len + 1, n->name, (size_t)n->len + 1);
	ret->name = ret->path;
	return 0;
}

void directory_spot_close(struct spot *p)
{
	if (p->fd >= 0)
		util_close(&p->fd);
}
