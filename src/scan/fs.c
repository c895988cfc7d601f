/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/fs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "scan/content.h"
#include "scan/directory.h"
#include "scan/nametree.h"
#include "scan/watch.h"

/*
 * Paths: the spelled side of the view. See view.h for what is underneath.
 *
 * A path is proved from its parent (the text before its last '/'), which is a path too: so after
 * something has changed, a directory that a hundred headers were found in is walked to once, and
 * each of them costs one look at its node.
 */

enum {
	TRIES = 3,         /* when directories move, or files change, under our hands */
	POOL_MAX = 1 << 29 /* bytes; link texts that were replaced add up */
};

static const size_t HARD_LIMIT = 2; /* times SCAN_FS_PATHS_MAX, for a single scan */

/* The life of a view. */

int scan_fs_init(struct scan_fs *fs, unsigned flags)
{
	struct scan_fs_state *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*fs = (struct scan_fs){.generation = 1, .epoch = 1, .state = s};
	s->fs = fs;
	s->proof = s->epoch_proof = 1;
	s->inotify_fd = s->mounts_fd = -1;
	s->paths_max = SCAN_FS_PATHS_MAX;
	nametree_init(s);
	s->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	s->digester = EVP_MD_CTX_new();
	if (!s->sha256 || !s->digester) {
		scan_fs_fini(fs);
		return -ENOMEM;
	}
	if (!(flags & SCAN_FS_NO_WATCH))
		watch_init(s);
	return 0;
}

static void clear(struct scan_fs_state *s)
{
	nametree_fini(s);
	content_free_all(s);
	hashset_fini(&s->paths);
	pool_fini(&s->pool);
	s->n_nodes = 0;
}

void scan_fs_fini(struct scan_fs *fs)
{
	struct scan_fs_state *s = TAKE_PTR(fs->state);

	if (!s)
		return;
	clear(s);
	watch_fini(s);
	EVP_MD_CTX_free(s->digester);
	EVP_MD_free(s->sha256);
	free(s);
}

int scan_fs_refresh(struct scan_fs *fs)
{
	struct scan_fs_state *s = fs->state;

	fs->epoch++;
	s->touch = s->proof;
	s->epoch_proof = ++s->proof;
	s->stats.refreshes++;
	if (s->paths.n > s->paths_max || s->n_nodes > s->paths_max || s->pool.total > POOL_MAX) {
		watch_remove_all(s);
		clear(s);
		view_outdate(s);
		s->touched_all = s->touch;
		return SCAN_FS_EMPTIED;
	}
	content_reap(s);
	return watch_take(s, false);
}

int scan_fs_fd(const struct scan_fs *fs)
{
	return fs->state->inotify_fd;
}

uint64_t scan_fs_moment(const struct scan_fs *fs)
{
	return fs->state ? fs->state->epoch_proof : 0;
}

const struct scan_fs_stats *scan_fs_stats(const struct scan_fs *fs)
{
	return &fs->state->stats;
}

/* Spelling. */

struct text {
	const char *data;
	size_t len;
};

static bool same_text(const void *item, const void *key)
{
	const struct path *p = item;
	const struct text *t = key;

	return p->pub.len == t->len && memcmp(p->pub.path, t->data, t->len) == 0;
}

static int new_path(struct scan_fs_state *s, const struct text *t, uint32_t hash, struct path **ret)
{
	const char *slash = memrchr(t->data, '/', t->len);
	struct path *p;
	int r;

	if (s->paths.n >= s->paths_max * HARD_LIMIT)
		return -E2BIG;
	r = hashset_reserve(&s->paths);
	if (r < 0)
		return r;
	p = pool_alloc(&s->pool, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->pub.path = pool_text(&s->pool, t->data, t->len);
	if (!p->pub.path)
		return -ENOMEM;
	p->pub.len = t->len;
	p->pub.id = s->paths.n;
	p->last = (uint16_t)(slash + 1 - t->data);
	hashset_add(&s->paths, hash, p);
	*ret = p;
	return 0;
}

static int intern(struct scan_fs_state *s, const char *data, size_t len, struct path **ret)
{
	const struct text t = {data, len};
	uint32_t hash = hashset_hash(data, len);
	struct path *p = hashset_find(&s->paths, hash, same_text, &t);

	if (!p)
		return new_path(s, &t, hash, ret);
	*ret = p;
	return 0;
}

int scan_fs_path(struct scan_fs *fs, const char *dir, size_t dir_len, const char *name,
	size_t name_len, struct scan_path **ret)
{
	char text[SCAN_FS_PATH_MAX];
	struct path *p;
	size_t len = 0;
	int r;

	if (dir_len >= sizeof(text) || name_len >= sizeof(text))
		return -ENAMETOOLONG;
	if (name_len == 0 || name[0] != '/') {
		memcpy(text, dir, dir_len);
		len = dir_len;
		if (len == 0 || text[len - 1] != '/')
			text[len++] = '/';
	}
	if (len + name_len >= sizeof(text))
		return -ENAMETOOLONG;
	memcpy(text + len, name, name_len);
	len += name_len;
	if (text[0] != '/' || memchr(text, '\0', len))
		return -EINVAL;
	r = intern(fs->state, text, len, &p);
	if (r == 0)
		*ret = &p->pub;
	return r;
}

/* Proving. */

static bool current(const struct scan_fs_state *s, const struct path *p)
{
	return p->pub.generation == s->fs->generation && (p->pub.watched || p->proof == s->proof);
}

static bool is_root(const struct path *p)
{
	return p->pub.len == 1;
}

static int parent_of(struct scan_fs_state *s, struct path *p)
{
	size_t len = p->last > 1 ? p->last - 1U : 1;

	return p->parent ? 0 : intern(s, p->pub.path, len, &p->parent);
}

static void conclude(struct scan_fs_state *s, struct path *p, const struct walk *w)
{
	p->pub.kind = w->kind;
	p->node = w->at;
	p->pub.inode = w->at ? &w->at->inode->pub : NULL;
	p->pub.watched = w->watched;
	p->pub.generation = s->fs->generation;
	p->pub.epoch = s->fs->epoch;
	p->proof = s->proof;
	p->touched = w->touched;
	p->links = (uint8_t)MIN(w->links, SCAN_FS_LINKS_MAX + 1U);
}

/* From its parent, which is current. */
static int resolve(struct scan_fs_state *s, struct path *p)
{
	const struct path *from = p->parent;
	struct walk w = {.kind = SCAN_NONE, .watched = true};
	int r = 0;

	if (is_root(p)) {
		r = nametree_start(s, &w);
	} else {
		w.watched = from->pub.watched;
		w.touched = from->touched;
		w.links = from->links;
		if (from->pub.kind == SCAN_UNREADABLE)
			w.kind = SCAN_UNREADABLE;
		if (from->pub.kind == SCAN_DIRECTORY) {
			w.kind = SCAN_DIRECTORY;
			w.at = from->node;
			r = nametree_step(
				s, &w, p->pub.path + p->last, p->pub.len - p->last, &p->step);
		}
	}
	if (r == 0)
		conclude(s, p, &w);
	return r;
}

/* All that is not current on the way up to the root, from there down. */
static int resolve_way(struct scan_fs_state *s, struct path *p)
{
	struct path *top = p;
	int r;

	while (!is_root(top)) {
		r = parent_of(s, top);
		if (r < 0)
			return r;
		top->parent->below = top;
		if (current(s, top->parent))
			break;
		top = top->parent;
	}
	for (;; top = top->below) {
		r = resolve(s, top);
		if (r || top == p)
			return r;
	}
}

static int prove(struct scan_fs_state *s, struct path *p)
{
	static const struct walk untold = {.kind = SCAN_UNREADABLE};
	int r = VIEW_MOVED;

	for (int i = 0; i < TRIES && r == VIEW_MOVED; i++)
		r = resolve_way(s, p);
	if (r == VIEW_MOVED)
		conclude(s, p, &untold);
	return MIN(r, 0);
}

int scan_fs_prove_slow(struct scan_fs *fs, struct scan_path *p)
{
	return prove(fs->state, (struct path *)p);
}

/* Reading. */

static int open_file(struct scan_fs_state *s, struct node *n, int *ret)
{
	const char *real = nametree_real(s, n);
	int fd;

	if (!real)
		return -ENOMEM;
	fd = open(real, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? CONTENT_CHANGED
									     : -errno;
	*ret = fd;
	return 0;
}

typedef int read_file(struct scan_fs_state *s, struct inode *i, int fd, char **ret_data);

static int open_and_read(struct scan_fs_state *s, struct path *p, read_file *how, char **ret_data)
{
	AUTO(util_close) int fd = -1;
	int r = open_file(s, p->node, &fd);

	return r ? r : how(s, p->node->inode, fd, ret_data);
}

int scan_fs_content(
	struct scan_fs *fs, struct scan_path *path, struct scan_content **ret, char **ret_data)
{
	struct scan_fs_state *s = fs->state;
	struct path *p = (struct path *)path;
	AUTO(util_free) char *data = NULL;
	int r = 0;

	assert(path->kind == SCAN_FILE);
	if (!path->inode->content || (ret_data && !path->inode->content->derived)) {
		r = CONTENT_CHANGED;
		for (int i = 0; i < TRIES && r == CONTENT_CHANGED; i++)
			r = open_and_read(s, p, content_read, ret_data ? &data : NULL);
		if (r == CONTENT_CHANGED)
			view_outdate(s); /* by the next proof it may be another file */
		path->watched &= !p->node->inode->by_stat;
	}
	if (r)
		return r == CONTENT_CHANGED ? -EAGAIN : r;
	*ret = path->inode->content;
	if (ret_data)
		*ret_data = path->inode->content->derived ? NULL : TAKE_PTR(data);
	return 0;
}

int scan_fs_reread(struct scan_fs *fs, struct scan_path *path, char **ret_data)
{
	int r;

	assert(path->kind == SCAN_FILE);
	r = open_and_read(fs->state, (struct path *)path, content_reread, ret_data);
	return r == CONTENT_CHANGED ? -ESTALE : r;
}

const char *scan_fs_real(struct scan_fs *fs, struct scan_path *path)
{
	return nametree_real(fs->state, ((struct path *)path)->node);
}

int scan_fs_steps(struct scan_fs *fs, struct scan_path *p, scan_fs_step *found, void *arg)
{
	int r = VIEW_MOVED;

	for (int i = 0; i < TRIES && r == VIEW_MOVED; i++) {
		struct walk w = {.watched = true, .found = found, .arg = arg};

		r = nametree_walk(fs->state, &w, p->path);
		if (r == WALK_STOPPED)
			return w.stopped;
	}
	return MIN(r, 0);
}

/* Changes in mid-scan. */

static int same_bytes(struct scan_fs *fs, struct scan_path *p, const struct scan_content *before)
{
	struct scan_content *now;
	int r;

	if (!before || p->inode->content == before)
		return 0;
	r = scan_fs_content(fs, p, &now, NULL);
	if (r == -ENOMEM || r == -EMFILE || r == -ENFILE)
		return r;
	return r < 0 || now != before;
}

static int changed(struct scan_fs *fs, struct path *p)
{
	const struct scan_path before = p->pub;
	const struct scan_content *content = before.inode ? before.inode->content : NULL;
	struct scan_fs_state *s = fs->state;
	int r;

	if (s->touched_all >= s->epoch_proof || p->touched >= s->epoch_proof)
		return 1;
	if (current(s, p))
		return 0;
	r = prove(s, p);
	if (r < 0)
		return r;
	if (p->touched >= s->epoch_proof || p->pub.kind != before.kind ||
		p->pub.inode != before.inode)
		return 1;
	return p->pub.kind == SCAN_FILE ? same_bytes(fs, &p->pub, content) : 0;
}

int scan_fs_any_changed(struct scan_fs *fs, struct scan_path *const *paths, size_t n)
{
	struct scan_fs_state *s = fs->state;
	int r = watch_take(s, true);

	s->proof++;
	for (size_t i = 0; i < n && r == 0; i++)
		r = changed(fs, (struct path *)paths[i]);
	return r;
}

int scan_fs_changed(struct scan_fs *fs, struct scan_path *p)
{
	return scan_fs_any_changed(fs, &p, 1);
}

int scan_fs_changed_since(struct scan_fs *fs, struct scan_path *path, uint64_t moment)
{
	struct scan_fs_state *s = fs->state;
	struct path *p = (struct path *)path;
	int r = scan_fs_prove(fs, path);

	return r < 0 ? r : s->touched_all >= moment || p->touched >= moment;
}
