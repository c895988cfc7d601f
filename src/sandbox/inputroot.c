/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The list is gone through once, with a stack of open directories that holds the way down to the
 * entry before: a sorted list opens each directory once, and an unsorted one is as right. A name
 * is only ever used in a directory that is open here, so a link in the list that is called like
 * another entry's directory is found to be no directory, and not followed.
 *
 * Directories get their times and modes last, deepest first, because making something in them is
 * what changes a time, and may need a mode that is not theirs.
 *
 * Which content was placed already is kept in a set of hashes of (digest, mode, time): two inodes
 * of a store differ in one of them. A hash that is there by accident costs a copy, no more.
 */

#include "sandbox/inputroot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/relpath.h"

enum { COPY_CHUNK = 1 << 17 };

struct level {
	int fd;
	char name[RELPATH_NAME_MAX + 1];
};

struct builder {
	const struct inputroot_source *source;
	const struct inputroot_options *options;
	struct level levels[RELPATH_DEPTH_MAX + 1]; /* the first is the tree itself */
	size_t depth;                               /* of levels in use */
	uint64_t *seen;                             /* open addressing; 0: free */
	size_t seen_mask;
};

static void builder_fini(struct builder *b)
{
	while (b->depth > 0)
		close(b->levels[--b->depth].fd);
	free(b->seen);
}

/* 64-bit FNV-1a. */
static uint64_t hash(uint64_t h, const void *data, size_t n)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

/* Room for twice the files, so that a search ends soon. */
static int make_seen(struct builder *b, size_t n)
{
	size_t size = 16;

	while (size < 2 * n)
		size *= 2;
	b->seen = calloc(size, sizeof(*b->seen));
	b->seen_mask = size - 1;
	return b->seen ? 0 : -ENOMEM;
}

static bool was_placed(struct builder *b, const struct inputroot_entry *e)
{
	uint64_t h;

	if (!e->digest)
		return false;
	h = hash(HASH_START, e->digest, INPUTROOT_DIGEST_SIZE);
	h = hash(h, &e->executable, sizeof(e->executable));
	if (e->has_mode)
		h = hash(h, &e->mode, sizeof(e->mode));
	if (e->has_mtime) {
		h = hash(h, &e->mtime.tv_sec, sizeof(e->mtime.tv_sec));
		h = hash(h, &e->mtime.tv_nsec, sizeof(e->mtime.tv_nsec));
	}
	h = h ? h : 1;
	for (size_t i = h & b->seen_mask;; i = (i + 1) & b->seen_mask) {
		if (b->seen[i] == h)
			return true;
		if (b->seen[i] == 0) {
			b->seen[i] = h;
			return false;
		}
	}
}

/* Somewhere in 1980 to 1997, by the path: no two paths get the same, and no clock gives such. */
static struct timespec made_up_time(const char *path)
{
	uint64_t h = hash(HASH_START, path, strlen(path));
	struct timespec t = {.tv_sec = 315532800 + (time_t)((h >> 16) & 0x1fffffff)};

	return t;
}

/* A new directory, as asked for whatever our umask is, and whatever group it got from above. */
static int own(const struct builder *b, int fd)
{
	const struct inputroot_options *o = b->options;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_mode & 07777) != 0755 && fchmod(fd, 0755) < 0)
		return -errno;
	if ((st.st_uid != o->uid || st.st_gid != o->gid) && fchown(fd, o->uid, o->gid) < 0)
		return -errno;
	return 0;
}

static int push(struct builder *b, const char *name, size_t n)
{
	int at = b->levels[b->depth - 1].fd, fd;
	struct level *l = &b->levels[b->depth];
	bool made;

	memcpy(l->name, name, n);
	l->name[n] = '\0';
	made = mkdirat(at, l->name, 0755) == 0;
	if (!made && errno != EEXIST)
		return -errno;
	fd = openat(at, l->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP ? -EINVAL : -errno;
	l->fd = fd;
	b->depth++;
	return made ? own(b, fd) : 0;
}

/* Stand in the directory that is the first n bytes of path, with all above it made. */
static int stand_in(struct builder *b, const char *path, size_t n)
{
	const char *end = path + n, *p = path;
	size_t depth = 1;
	int r = 0;

	while (p < end && depth < b->depth) {
		size_t len = strcspn(p, "/");

		if (strncmp(b->levels[depth].name, p, len) != 0 ||
			b->levels[depth].name[len] != '\0')
			break;
		depth++;
		p += len + (p[len] == '/');
	}
	while (b->depth > depth)
		close(b->levels[--b->depth].fd);
	while (r == 0 && p < end) {
		size_t len = strcspn(p, "/");

		r = push(b, p, len);
		p += len + (p[len] == '/');
	}
	return r;
}

/* The last name of path; *ret_above: the length of what is before it. */
static const char *split(const char *path, size_t *ret_above)
{
	const char *slash = strrchr(path, '/');

	*ret_above = slash ? (size_t)(slash - path) : 0;
	return slash ? slash + 1 : path;
}

static mode_t mode_of(const struct inputroot_entry *e)
{
	if (e->has_mode)
		return (e->mode & 0777) | (e->kind == INPUTROOT_DIRECTORY ? 0500 : 0400);
	return e->kind == INPUTROOT_DIRECTORY ? 0755 : e->executable ? 0555 : 0444;
}

static int set_time(int at, const char *name, struct timespec mtime)
{
	const struct timespec times[2] = {mtime, mtime};

	return utimensat(at, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int place_file(struct builder *b, const struct inputroot_entry *e, int at, const char *name)
{
	bool again = was_placed(b, e);
	int r = b->source->place(b->source->ctx, e, at, name, again || b->options->all_own);

	if (r <= 0)
		return r == -EEXIST ? -EINVAL : r;
	if (fchmodat(at, name, mode_of(e), 0) < 0)
		return -errno;
	if (e->has_mtime)
		return set_time(at, name, e->mtime);
	return again || b->options->all_own ? set_time(at, name, made_up_time(e->path)) : 0;
}

static int place_link(const struct inputroot_entry *e, int at, const char *name)
{
	if (!e->target || !*e->target)
		return -EINVAL;
	if (symlinkat(e->target, at, name) < 0)
		return errno == EEXIST || errno == ENAMETOOLONG ? -EINVAL : -errno;
	return e->has_mtime ? set_time(at, name, e->mtime) : 0;
}

static int place(struct builder *b, const struct inputroot_entry *e)
{
	size_t above;
	const char *name;
	int r;

	if (!e->path || !relpath_is_valid(e->path))
		return -EINVAL;
	if (e->kind == INPUTROOT_DIRECTORY)
		return stand_in(b, e->path, strlen(e->path));
	name = split(e->path, &above);
	r = stand_in(b, e->path, above);
	if (r < 0)
		return r;
	if (e->kind == INPUTROOT_SYMLINK)
		return place_link(e, b->levels[b->depth - 1].fd, name);
	return place_file(b, e, b->levels[b->depth - 1].fd, name);
}

/* Deeper directories first; of the same depth in any order. */
static int by_depth(const void *a, const void *b)
{
	const struct inputroot_entry *const *x = a, *const *y = b;
	size_t n = 0, m = 0;

	for (const char *p = (*x)->path; *p; p++)
		n += *p == '/';
	for (const char *p = (*y)->path; *p; p++)
		m += *p == '/';
	return n > m ? -1 : n < m;
}

static int finish_directory(int tree, const struct inputroot_entry *e)
{
	AUTO(util_close) int fd = relpath_open(tree, e->path, O_RDONLY | O_DIRECTORY);
	const struct timespec times[2] = {e->mtime, e->mtime};

	if (fd < 0)
		return fd;
	if (e->has_mode && fchmod(fd, mode_of(e)) < 0)
		return -errno;
	return e->has_mtime && futimens(fd, times) < 0 ? -errno : 0;
}

static int finish_directories(int tree, const struct inputroot_entry *entries, size_t n)
{
	AUTO(util_free) const struct inputroot_entry **list = calloc(n + 1, sizeof(*list));
	size_t count = 0;
	int r = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (entries[i].kind == INPUTROOT_DIRECTORY &&
			(entries[i].has_mtime || entries[i].has_mode))
			list[count++] = &entries[i];
	qsort(list, count, sizeof(*list), by_depth);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = finish_directory(tree, list[i]);
	return r;
}

static int enter_tree(struct builder *b, int parent_fd, const char *name)
{
	int fd;

	if (!relpath_name_is_valid(name))
		return -EINVAL;
	if (mkdirat(parent_fd, name, 0755) < 0)
		return -errno;
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	b->levels[0].fd = fd;
	b->depth = 1;
	return own(b, fd);
}

static int fill_tree(struct builder *b, const struct inputroot_entry *entries, size_t n,
	const char *const *parents, size_t n_parents)
{
	int r = make_seen(b, n);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = place(b, &entries[i]);
	for (size_t i = 0; r == 0 && i < n_parents; i++) {
		if (!*parents[i])
			continue;
		r = relpath_is_valid(parents[i]) ? stand_in(b, parents[i], strlen(parents[i]))
						 : -EINVAL;
	}
	return r == 0 ? finish_directories(b->levels[0].fd, entries, n) : r;
}

int inputroot_build(int parent_fd, const char *name, const struct inputroot_entry *entries,
	size_t n_entries, const char *const *parents, size_t n_parents,
	const struct inputroot_source *source, const struct inputroot_options *options, int *ret_fd)
{
	AUTO(util_free) struct builder *b = calloc(1, sizeof(*b));
	int r;

	if (n_entries > INPUTROOT_ENTRIES_MAX || n_parents > INPUTROOT_ENTRIES_MAX)
		return -E2BIG;
	if (!b)
		return -ENOMEM;
	b->source = source;
	b->options = options;
	r = enter_tree(b, parent_fd, name);
	if (r == 0)
		r = fill_tree(b, entries, n_entries, parents, n_parents);
	if (r == 0 && ret_fd) {
		int fd = fcntl(b->levels[0].fd, F_DUPFD_CLOEXEC, 0);

		if (fd < 0)
			r = -errno;
		else
			*ret_fd = fd;
	}
	builder_fini(b);
	return r;
}

static int copy_bytes(int from, int to)
{
	AUTO(util_free) char *chunk = malloc(COPY_CHUNK);
	off_t at = 0;

	if (!chunk)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(from, chunk, COPY_CHUNK, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(to, chunk + done, (size_t)(n - done));

			if (w < 0 && errno != EINTR)
				return -errno;
			done += w > 0 ? w : 0;
		}
		at += n;
	}
}

static int copy_in_kernel(int from, int to)
{
	off_t at = 0;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	for (;;) {
		ssize_t n = copy_file_range(from, &at, to, NULL, (size_t)1 << 30, 0);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return at > 0 ? -errno : -EOPNOTSUPP;
	}
}

int inputroot_copy(int src_fd, int dir_fd, const char *name)
{
	AUTO(util_close) int to = -1;
	struct stat st;
	int r;

	if (!relpath_name_is_valid(name))
		return -EINVAL;
	if (fstat(src_fd, &st) < 0)
		return -errno;
	to = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return -errno;
	/* One read and one write are cheaper than asking for anything cleverer. */
	r = st.st_size <= COPY_CHUNK ? copy_bytes(src_fd, to) : copy_in_kernel(src_fd, to);
	if (r == -EOPNOTSUPP)
		r = copy_bytes(src_fd, to);
	return r < 0 ? r : INPUTROOT_OWNED;
}
