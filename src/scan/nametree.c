/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/nametree.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "scan/content.h"
#include "scan/directory.h"

/*
 * A node is made for each name that was ever asked for, there or not, and only for those: an event
 * whose name has no node concerns nobody.
 *
 * Forgetting goes down the whole tree. Below a directory that was moved, all that was found by a
 * path that led through it may have been found in another directory of that name.
 */

struct name {
	const char *text;
	size_t len;
};

static bool same_name(const void *item, const void *key)
{
	const struct node *n = item;
	const struct name *name = key;

	return n->len == name->len && memcmp(n->name, name->text, name->len) == 0;
}

static int new_node(struct scan_fs_state *s, struct node *parent, const struct name *name,
	uint32_t hash, struct node **ret)
{
	struct node *n = pool_alloc(&s->pool, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->name = pool_text(&s->pool, name->text, name->len);
	if (!n->name)
		return -ENOMEM;
	n->parent = parent;
	n->len = (uint16_t)name->len;
	n->hash = hash;
	s->n_nodes++;
	*ret = n;
	return 0;
}

int nametree_node(
	struct scan_fs_state *s, struct dir *d, const char *name, size_t len, struct node **ret)
{
	const struct name key = {name, len};
	uint32_t hash = hashset_hash(name, len);
	struct node *n = hashset_find(&d->nodes, hash, same_name, &key);
	int r;

	if (!n) {
		r = hashset_reserve(&d->nodes);
		if (r == 0)
			r = new_node(s, d->node, &key, hash, &n);
		if (r < 0)
			return r;
		hashset_add(&d->nodes, hash, n);
	}
	*ret = n;
	return 0;
}

void nametree_init(struct scan_fs_state *s)
{
	s->root = (struct node){.name = ""};
}

static void fini_below(struct dir *d)
{
	listing_drop(&d->listing);
	HASHSET_FOR(slot, &d->nodes)
	{
		const struct node *n = slot->item;

		if (n->dir)
			fini_below(n->dir);
	}
	hashset_fini(&d->nodes);
}

void nametree_fini(struct scan_fs_state *s)
{
	if (s->root.dir)
		fini_below(s->root.dir);
	nametree_init(s);
}

/* A node that is the file i names it; one that was does not any more. */
static void become(struct scan_fs_state *s, struct node *n, enum node_kind kind, struct inode *i)
{
	struct inode *old = n->kind == NODE_FILE ? n->inode : NULL;

	if (kind == NODE_FILE)
		content_named(i);
	if (old)
		content_unnamed(s, old);
	n->kind = (uint8_t)kind;
	n->inode = i;
}

void nametree_forget(struct scan_fs_state *s, struct node *n)
{
	become(s, n, NODE_UNKNOWN, NULL);
	if (n->dir)
		directory_forget(s, n->dir);
}

/* Events. */

void nametree_name_event(
	struct scan_fs_state *s, struct inode *directory, const char *name, size_t len)
{
	const struct name key = {name, len};
	uint32_t hash = hashset_hash(name, len);

	for (struct dir *d = directory->dirs; d; d = d->next_same) {
		struct node *n = hashset_find(&d->nodes, hash, same_name, &key);

		listing_add(&d->listing, hash);
		if (!n)
			continue;
		if (n->kind != NODE_UNKNOWN) {
			s->dirty = true;
			n->touched = s->touch;
		}
		nametree_forget(s, n);
	}
}

static void touch_directories(struct scan_fs_state *s, struct inode *i)
{
	for (struct dir *d = i->dirs; d; d = d->next_same) {
		s->dirty |= d->entered;
		d->entered = false;
		d->node->touched = s->touch;
	}
}

void nametree_self_event(struct scan_fs_state *s, struct inode *i)
{
	touch_directories(s, i);
	s->dirty |= i->pub.content != NULL;
	i->suspect = true;
	i->touched = s->touch;
}

void nametree_unwatched(struct scan_fs_state *s, struct inode *i)
{
	nametree_self_event(s, i);
	for (struct dir *d = i->dirs; d; d = d->next_same)
		directory_forget(s, d);
}

/* Proving one name. */

static int read_link(struct scan_fs_state *s, struct node *n, const struct spot *at, off_t size)
{
	char text[SCAN_FS_PATH_MAX];
	unsigned fs = 0;
	ssize_t len;
	int r = directory_fs(s, n->parent->dir, &fs);

	if (r)
		return r;
	s->stats.links_read++;
	len = readlinkat(at->fd, at->name, text, sizeof(text));
	if (len < 0)
		return -errno;
	/* Links of /proc lead where the kernel wants, and for each process elsewhere. */
	if ((fs & VIEW_FS_PROC) || len != size || len == (ssize_t)sizeof(text))
		return -EACCES;
	text[len] = '\0';
	if (n->link && str_eq(n->link, text))
		return 0;
	/* Not freed, since a walk may be standing in the old one; they change seldom. */
	n->link = pool_text(&s->pool, text, (size_t)len);
	return n->link ? 0 : -ENOMEM;
}

static int take_inode(
	struct scan_fs_state *s, struct node *n, enum node_kind kind, const struct stamp *st)
{
	struct inode *i;
	int r = content_inode(s, st, &i);

	if (r < 0)
		return r;
	content_note(s, i, st);
	become(s, n, kind, i);
	return 0;
}

/* A content that was kept by its times, though its watch is gone, is watched again. */
static int watch_again(struct scan_fs_state *s, const struct inode *i, const struct spot *at)
{
	AUTO(util_close) int fd = -1;
	struct inode *file = (struct inode *)i;
	struct stamp st;
	int r;

	if (!s->watching || !i->pub.content || i->by_stat || view_watched(s, i))
		return 0;
	fd = openat(at->fd, at->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE ? -errno : VIEW_MOVED;
	r = view_stat(s, fd, "", true, &st);
	if (r < 0 || st.ino != i->pub.ino || st.dev != i->pub.dev)
		return VIEW_MOVED;
	r = content_watch(s, file, fd);
	if (r == 0)
		r = view_stat(s, fd, "", true, &st);
	if (r == 0)
		content_note(s, file, &st);
	return r;
}

static int take_stamp(
	struct scan_fs_state *s, struct node *n, const struct spot *at, const struct stamp *st)
{
	int r;

	switch (st->mode & S_IFMT) {
	case S_IFREG:
		r = take_inode(s, n, NODE_FILE, st);
		return r < 0 ? r : watch_again(s, n->inode, at);
	case S_IFDIR:
		return take_inode(s, n, NODE_DIRECTORY, st);
	case S_IFLNK:
		r = read_link(s, n, at, st->size);
		if (r == 0)
			become(s, n, NODE_LINK, NULL);
		return r;
	default:
		become(s, n, NODE_OTHER, NULL);
		return 0;
	}
}

/* What an error of a look-up says of the name. */
static int take_error(struct scan_fs_state *s, struct node *n, int error)
{
	switch (error) {
	case ENOMEM:
	case EMFILE:
	case ENFILE:
		return -error;
	case ENOENT:
	case ENOTDIR:
	case ENAMETOOLONG:
	case ELOOP:
		become(s, n, NODE_NONE, NULL);
		return 0;
	default:
		become(s, n, NODE_UNREADABLE, NULL);
		return 0;
	}
}

static int look_up(struct scan_fs_state *s, struct node *n)
{
	struct dir *d = n->parent->dir;
	struct stamp st;
	struct spot at;
	int r = directory_spot(s, n, &at);

	if (r == -ENAMETOOLONG) {
		become(s, n, NODE_UNREADABLE, NULL);
		return 0;
	}
	if (r)
		return r;
	r = view_stat(s, at.fd, at.name, !(d->fs & VIEW_FS_LOCAL), &st);
	if (r == 0)
		r = take_stamp(s, n, &at, &st);
	directory_spot_close(&at);
	if (r >= 0)
		return r;
	if (r == -ENOENT) {
		become(s, n, NODE_NONE, NULL);
		return directory_missed(s, d);
	}
	return take_error(s, n, -r);
}

static int look_up_root(struct scan_fs_state *s, struct node *n)
{
	struct stamp st;
	int r = view_stat(s, AT_FDCWD, "/", false, &st);

	return r < 0 ? r : take_inode(s, n, NODE_DIRECTORY, &st);
}

static bool known(const struct scan_fs_state *s, const struct node *n)
{
	if (n->kind == NODE_UNKNOWN || n->proof < s->era_proof)
		return false;
	if (n->proof != s->proof && (n->kind == NODE_UNREADABLE ||
					    (n->parent && !directory_watched(s, n->parent->dir))))
		return false;
	return n->kind != NODE_FILE || content_true(s, n->inode);
}

static int find_out(struct scan_fs_state *s, struct node *n)
{
	const struct node before = *n;
	struct dir *d;
	int r = 0;

	if (!n->parent)
		r = look_up_root(s, n);
	else if (directory_lacks(s, n->parent->dir, n->hash))
		become(s, n, NODE_NONE, NULL);
	else
		r = look_up(s, n);
	if (r == 0 && n->dir && n->kind == NODE_DIRECTORY)
		r = directory_of(s, n, &d);
	if (n->dir && n->kind != NODE_DIRECTORY)
		directory_become(s, n->dir, NULL);
	if (r) {
		become(s, n, NODE_UNKNOWN, NULL);
		return r;
	}
	n->proof = s->proof;
	if (before.kind != NODE_UNKNOWN &&
		(before.kind != n->kind || before.inode != n->inode || before.link != n->link))
		n->touched = view_touch(s, before.proof);
	return 0;
}

int nametree_prove(struct scan_fs_state *s, struct node *n)
{
	return known(s, n) ? 0 : find_out(s, n);
}

const char *nametree_real(struct scan_fs_state *s, struct node *n)
{
	struct spot at;

	if (n->dir)
		return n->dir->real_len > 0 ? n->dir->real : "/";
	if (!n->real) {
		const struct dir *d = n->parent->dir;
		size_t len = d->real_len;

		if (len + 1 + n->len >= sizeof(at.path))
			return NULL;
		memcpy(at.path, d->real, len);
		at.path[len] = '/';
		memcpy(at.path + len + 1, n->name, (size_t)n->len + 1);
		n->real = pool_text(&s->pool, at.path, len + 1 + n->len);
	}
	return n->real;
}
