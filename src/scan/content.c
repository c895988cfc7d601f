/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/content.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scan/watch.h"

/*
 * A content belongs to all inodes that have these bytes. It leaves an inode when the inode may have
 * other bytes (content_note), or when no name leads to the inode any more; without inodes it is
 * dead, and freed at the next refresh but not before, because a scan may be using it. An inode that
 * lost its last name in a refresh keeps its content until the next: mostly an editor has put a new
 * file in the place of the old one, often with the same bytes.
 */

enum { READ_CHUNK = 1 << 17 };

static bool same_inode(const void *item, const void *key)
{
	const struct inode *i = item;
	const struct stamp *st = key;

	return i->pub.ino == st->ino && i->pub.dev == st->dev;
}

int content_inode(struct scan_fs_state *s, const struct stamp *st, struct inode **ret)
{
	uint64_t key[2] = {st->dev, st->ino};
	uint32_t hash = hashset_hash(key, sizeof(key));
	struct inode *i = hashset_find(&s->inodes, hash, same_inode, st);
	int r;

	if (!i) {
		r = hashset_reserve(&s->inodes);
		if (r < 0)
			return r;
		i = pool_alloc(&s->pool, sizeof(*i));
		if (!i)
			return -ENOMEM;
		i->pub.dev = st->dev;
		i->pub.ino = st->ino;
		i->wd = -1;
		hashset_add(&s->inodes, hash, i);
	}
	*ret = i;
	return 0;
}

static void detach(struct scan_fs_state *s, struct inode *i)
{
	struct content *c = (struct content *)i->pub.content;

	if (!c)
		return;
	i->pub.content = NULL;
	/* Who holds on to what was made of it, by the generation, lets go. */
	view_outdate(s);
	i->was = c;
	i->was_proof = s->proof;
	if (--c->n_inodes == 0 && !c->is_dead) {
		c->is_dead = true;
		c->next_dead = s->dead;
		s->dead = c;
	}
}

static void attach(struct scan_fs_state *s, struct inode *i, struct content *c)
{
	assert(!i->pub.content);
	i->pub.content = &c->pub;
	c->n_inodes++;
	/* Other bytes than earlier in this same epoch: a scan may have seen both. */
	if (i->was && i->was != c && i->was_proof >= s->epoch_proof)
		i->touched = s->proof;
}

static void take_stamp(struct scan_fs_state *s, struct inode *i, const struct stamp *st)
{
	i->mode = st->mode;
	i->pub.size = st->size;
	i->pub.mtime = st->mtime;
	i->ctime = st->ctime;
	i->proof = s->proof;
	i->suspect = false;
}

static bool same_stamp(const struct inode *i, const struct stamp *st)
{
	return i->pub.dev == st->dev && i->pub.ino == st->ino && i->pub.size == st->size &&
	       view_same_time(&i->pub.mtime, &st->mtime) && view_same_time(&i->ctime, &st->ctime);
}

void content_note(struct scan_fs_state *s, struct inode *i, const struct stamp *st)
{
	if (i->pub.content) {
		bool told = view_watched(s, i) && !i->suspect;

		if (!same_stamp(i, st) || (!told && view_racy(st, &i->read_at, i->grain_ns))) {
			bool visible = i->pub.size != st->size ||
				       !view_same_time(&i->pub.mtime, &st->mtime);

			if (visible || (i->proof < s->epoch_proof && !same_stamp(i, st)))
				i->touched = view_touch(s, i->proof);
			detach(s, i);
		}
	}
	take_stamp(s, i, st);
}

void content_named(struct inode *i)
{
	i->n_names++;
}

void content_unnamed(struct scan_fs_state *s, struct inode *i)
{
	assert(i->n_names > 0);
	if (--i->n_names > 0 || i->is_unused)
		return;
	i->is_unused = true;
	i->next_unused = s->unused;
	s->unused = i;
}

static uint32_t digest_hash(const uint8_t *digest)
{
	uint32_t hash;

	memcpy(&hash, digest, sizeof(hash));
	return hash;
}

static void content_free(struct scan_fs_state *s, struct content *c)
{
	if (c->pub.derived && s->fs->drop_derived)
		s->fs->drop_derived(c->pub.derived);
	free(c);
}

void content_reap(struct scan_fs_state *s)
{
	struct inode *unused = TAKE_PTR(s->unused);
	struct content *dead;

	for (struct inode *i = unused, *next; i; i = next) {
		next = i->next_unused;
		i->is_unused = false;
		if (i->n_names > 0)
			continue;
		detach(s, i);
		i->was = NULL; /* and may be freed */
		if (!i->dirs)  /* the number may be a directory's by now */
			watch_remove(s, i);
	}
	dead = TAKE_PTR(s->dead);
	for (struct content *c = dead, *next; c; c = next) {
		next = c->next_dead;
		c->is_dead = false;
		if (c->n_inodes > 0)
			continue;
		hashset_remove(&s->contents, digest_hash(c->pub.digest), c);
		content_free(s, c);
	}
}

void content_free_all(struct scan_fs_state *s)
{
	HASHSET_FOR(slot, &s->contents)
	content_free(s, slot->item);
	hashset_fini(&s->contents);
	hashset_fini(&s->inodes);
	s->dead = NULL;
	s->unused = NULL;
}

static bool same_digest(const void *item, const void *key)
{
	const struct content *c = item;

	return memcmp(c->pub.digest, key, sizeof(c->pub.digest)) == 0;
}

static int content_of(
	struct scan_fs_state *s, const uint8_t *digest, size_t size, struct content **ret)
{
	uint32_t hash = digest_hash(digest);
	struct content *c = hashset_find(&s->contents, hash, same_digest, digest);
	int r;

	if (!c) {
		r = hashset_reserve(&s->contents);
		if (r < 0)
			return r;
		c = calloc(1, sizeof(*c));
		if (!c)
			return -ENOMEM;
		memcpy(c->pub.digest, digest, sizeof(c->pub.digest));
		c->pub.size = size;
		c->pub.serial = ++s->serial;
		hashset_add(&s->contents, hash, c);
	}
	*ret = c;
	return 0;
}

/*
 * All of n bytes and the end of the file behind them, and their digest. A piece is digested while it
 * is still in the processor's cache, and a large file whose bytes nobody wants is never in memory.
 */
static int read_exactly(
	struct scan_fs_state *s, int fd, size_t n, uint8_t digest[32], char **ret_data)
{
	/* There is a byte to spare: there the end is seen, and then set to NUL. */
	size_t room = ret_data ? n + 1 : MIN(n + 1, (size_t)READ_CHUNK), done = 0;
	AUTO(util_free) char *data = malloc(room);
	ssize_t got;

	/* Only memory can fail of the digest: its algorithm was fetched when the view was made. */
	if (!data || EVP_DigestInit_ex2(s->digester, s->sha256, NULL) != 1)
		return -ENOMEM;
	do {
		char *to = ret_data ? data + done : data;

		got = read(fd, to, MIN(room - (size_t)(to - data), (size_t)READ_CHUNK));
		s->stats.reads++;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got <= 0)
			continue;
		done += (size_t)got;
		if (EVP_DigestUpdate(s->digester, to, (size_t)got) != 1)
			return -ENOMEM;
	} while (got != 0 && done <= n);
	s->stats.read_bytes += done;
	if (EVP_DigestFinal_ex(s->digester, digest, NULL) != 1)
		return -ENOMEM;
	if (done != n)
		return CONTENT_CHANGED;
	if (ret_data) {
		data[n] = '\0';
		*ret_data = TAKE_PTR(data);
	}
	return 0;
}

/* The bytes (or not) and their digest, of one moment as far as size and times tell. */
static int read_whole(struct scan_fs_state *s, const struct inode *i, int fd, struct stamp *st,
	uint8_t digest[32], char **ret_data)
{
	AUTO(util_free) char *data = NULL;
	struct stamp after;
	int r = view_stat(s, fd, "", true, st);

	if (r < 0)
		return r;
	if (!S_ISREG(st->mode) || st->dev != i->pub.dev || st->ino != i->pub.ino)
		return CONTENT_CHANGED;
	if (st->size > SCAN_FS_FILE_MAX)
		return -E2BIG;
	r = read_exactly(s, fd, (size_t)st->size, digest, ret_data ? &data : NULL);
	if (r == 0)
		r = view_stat(s, fd, "", true, &after);
	if (r)
		return r;
	if (after.size != st->size || !view_same_time(&after.mtime, &st->mtime) ||
		!view_same_time(&after.ctime, &st->ctime))
		return CONTENT_CHANGED;
	if (ret_data)
		*ret_data = TAKE_PTR(data);
	return 0;
}

int content_watch(struct scan_fs_state *s, struct inode *i, int fd)
{
	int r = VIEW_NO_WATCH;

	if (s->watching && (view_fs_of(s, fd, i->pub.dev) & VIEW_FS_WATCHES))
		r = watch_add(s, i, fd, false);
	if (r < 0)
		return r;
	/* Paths that were proved before its content was known took it for watched. */
	if (r == VIEW_NO_WATCH && !i->by_stat && s->watching)
		view_outdate(s);
	i->by_stat = r == VIEW_NO_WATCH;
	return 0;
}

/* Another write in the same tick leaves the same times, but not without an event. */
static int settle(
	struct scan_fs_state *s, struct inode *i, const struct stamp *st, const struct timespec *at)
{
	int r;

	if (!view_watched(s, i) || !view_racy(st, at, i->grain_ns))
		return 0;
	r = watch_take(s, true);
	return r < 0 ? r : i->suspect ? CONTENT_CHANGED : 0;
}

static int read_and_attach(struct scan_fs_state *s, struct inode *i, int fd,
	const struct timespec *at, char **ret_data)
{
	AUTO(util_free) char *data = NULL;
	struct content *c;
	uint8_t digest[32];
	struct stamp st;
	int r = read_whole(s, i, fd, &st, digest, ret_data ? &data : NULL);

	if (r)
		return r;
	i->grain_ns = view_grain(view_fs_of(s, fd, st.dev), &st);
	r = settle(s, i, &st, at);
	if (r)
		return r;
	r = content_of(s, digest, (size_t)st.size, &c);
	if (r < 0)
		return r;
	detach(s, i);
	take_stamp(s, i, &st);
	i->read_at = *at;
	attach(s, i, c);
	if (ret_data)
		*ret_data = TAKE_PTR(data);
	return 0;
}

int content_read(struct scan_fs_state *s, struct inode *i, int fd, char **ret_data)
{
	struct timespec at = view_now();
	int r = content_watch(s, i, fd);

	if (r < 0)
		return r;
	i->suspect = false; /* from here on an event is about what is read now */
	r = read_and_attach(s, i, fd, &at, ret_data);
	if (r)
		i->suspect = true;
	return r;
}

int content_reread(struct scan_fs_state *s, struct inode *i, int fd, char **ret_data)
{
	AUTO(util_free) char *data = NULL;
	uint8_t digest[32];
	struct stamp st;
	int r = read_whole(s, i, fd, &st, digest, &data);

	if (r)
		return r;
	if (!i->pub.content || memcmp(digest, i->pub.content->digest, sizeof(digest)) != 0)
		return CONTENT_CHANGED;
	*ret_data = TAKE_PTR(data);
	return 0;
}
