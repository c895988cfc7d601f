/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

enum { READ_CHUNK = 1 << 16, TEMP_TRIES = 64, TREE_DEPTH_MAX = 256, FD_LINK_SIZE = 32 };

int fs_read_fd(int fd, struct buf *b)
{
	size_t max = b->max ? b->max : BUF_MAX_DEFAULT;
	struct stat st;
	int r;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
		r = buf_reserve(b, (size_t)st.st_size);
		if (r < 0)
			return r;
	}
	for (;;) {
		size_t room = b->data ? MIN(b->cap - b->len - 1, max - b->len) : 0;
		char extra;
		/* A full buffer grows only if there is more: mostly the file has just ended. */
		ssize_t n = room > 0 ? read(fd, b->data + b->len, room) : read(fd, &extra, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		if (room > 0) {
			b->len += (size_t)n;
			b->data[b->len] = '\0';
			continue;
		}
		r = buf_append(b, &extra, 1);
		if (r == 0)
			r = buf_reserve(b, MIN((size_t)READ_CHUNK, max - b->len));
		if (r < 0)
			return r;
	}
}

int fs_read_file(const char *path, struct buf *b)
{
	AUTO(util_close) int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return fs_read_fd(fd, b);
}

int fs_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

int fs_mkdirs(const char *path, mode_t mode)
{
	AUTO(util_free) char *p = strdup(path);
	struct stat st;

	if (!p)
		return -ENOMEM;
	for (char *s = p; *s; s++) {
		if (*s != '/' || s == p)
			continue;
		*s = '\0';
		if (mkdir(p, mode) < 0 && errno != EEXIST)
			return -errno;
		*s = '/';
	}
	if (mkdir(p, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(p, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int fs_private_dir(const char *path)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return -EPERM;
	return 0;
}

static int remove_children(int dir_fd, dev_t dev, int depth)
{
	DIR *d = fdopendir(dir_fd);
	struct dirent *e;
	int r = 0;

	if (!d) {
		r = -errno;
		close(dir_fd);
		return r;
	}
	while ((e = readdir(d))) {
		struct stat st;

		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && st.st_dev == dev && depth < TREE_DEPTH_MAX) {
			int sub = openat(dirfd(d), e->d_name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			int q = sub < 0 ? -errno : remove_children(sub, dev, depth + 1);

			if (q < 0 && q != -ENOENT)
				r = q;
			if (unlinkat(dirfd(d), e->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
				r = -errno;
		} else if (unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != ENOENT) {
			r = -errno;
		}
	}
	closedir(d);
	return r;
}

int fs_remove_tree(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(fd, &st) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	r = remove_children(fd, st.st_dev, 0);
	if (rmdir(path) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

/* ".NAME.distcc-PID-N" beside the target: hidden, so that no wildcard of a makefile takes it. */
static char *temp_name(const char *target)
{
	static _Atomic unsigned counter;
	AUTO(util_free) char *dir = path_dir(target);
	char *s;

	if (!dir)
		return NULL;
	if (asprintf(&s, "%s/.%.200s.distcc-%ld-%u", dir, path_base(target), (long)getpid(),
		    counter++) < 0)
		return NULL;
	return s;
}

static int open_named(const char *target, mode_t mode, char **ret_temp)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		AUTO(util_free) char *temp = temp_name(target);
		int fd;

		if (!temp)
			return -ENOMEM;
		fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (fd >= 0) {
			/* The process's own umask is not the user's: set what was asked. */
			if (fchmod(fd, mode) < 0) {
				/* A file system without modes: what it gave is all there is. */
			}
			*ret_temp = TAKE_PTR(temp);
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static void fd_link(int fd, char link[FD_LINK_SIZE])
{
	snprintf(link, FD_LINK_SIZE, "/proc/self/fd/%d", fd);
}

/* A file without a name; -EOPNOTSUPP also where it could not get one later, for want of /proc. */
static int open_nameless(const char *dir, mode_t mode)
{
	static _Atomic bool proc_is_there;
	AUTO(util_close) int fd = open(dir, O_RDWR | O_TMPFILE | O_CLOEXEC, mode);
	char link[FD_LINK_SIZE];

	if (fd < 0)
		return -errno;
	fd_link(fd, link);
	if (!proc_is_there && access(link, F_OK) < 0)
		return -EOPNOTSUPP;
	proc_is_there = true;
	if (fchmod(fd, mode) < 0) {
		/* As above. */
	}
	return TAKE_FD(fd);
}

int fs_output_open(const char *target, mode_t mode, struct fs_output *ret)
{
	AUTO(util_free) char *dir = path_dir(target);
	AUTO(util_free) char *copy = strdup(target);
	AUTO(util_free) char *temp = NULL;
	struct stat st;
	bool there;
	int fd;

	if (!dir || !copy)
		return -ENOMEM;
	there = lstat(target, &st) == 0;
	/* "-o /dev/null" as root must not turn the device into a file. */
	if (there && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return -EEXIST;
	fd = open_nameless(dir, mode);
	if (fd == -EOPNOTSUPP || fd == -EISDIR || fd == -EINVAL || fd == -ENOENT)
		fd = open_named(target, mode, &temp);
	if (fd < 0)
		return fd;
	*ret = (struct fs_output){
		.fd = fd, .target = TAKE_PTR(copy), .temp = TAKE_PTR(temp), .there = there};
	return 0;
}

int fs_rewrite(const char *target, const void *data, size_t n)
{
	AUTO(util_close) int fd = open(target, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1)
		return FS_REWRITE_NEW;
	/* First, so that whatever happens no old text comes behind the new. */
	r = (uint64_t)st.st_size > n && ftruncate(fd, (off_t)n) < 0 ? -errno : 0;
	if (r == 0)
		r = fs_write_all(fd, data, n);
	/* Where a network file system tells of a full disk. */
	if (close(TAKE_FD(fd)) < 0 && r == 0)
		r = -errno;
	return r;
}

/* Without a way through /proc where the kernel lets who made the file do so (Linux 6.10, or root). */
static int link_fd(int fd, const char *name)
{
	static _Atomic bool by_proc;
	char link[FD_LINK_SIZE];

	if (!by_proc) {
		if (linkat(fd, "", AT_FDCWD, name, AT_EMPTY_PATH) == 0)
			return 0;
		if (errno == EEXIST)
			return -errno;
	}
	fd_link(fd, link);
	if (linkat(AT_FDCWD, link, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	by_proc = true;
	return 0;
}

/*
 * Give a nameless file its name. What has that name is removed first, as assemblers do: a rename
 * over it would have ext4 write the new file to the disk at once. If somebody else makes it anew in
 * between, it is replaced by way of a temporary name.
 */
static int name_it(struct fs_output *o)
{
	bool removed = o->there && unlink(o->target) == 0;
	int r = link_fd(o->fd, o->target);

	if (r == -EEXIST && !removed && unlink(o->target) == 0)
		r = link_fd(o->fd, o->target);
	for (int i = 0; r == -EEXIST && i < TEMP_TRIES && !o->temp; i++) {
		AUTO(util_free) char *temp = temp_name(o->target);

		if (!temp)
			return -ENOMEM;
		r = link_fd(o->fd, temp);
		if (r == 0)
			o->temp = TAKE_PTR(temp);
	}
	return r;
}

int fs_output_commit(struct fs_output *o)
{
	int r = 0;

	/*
	 * A full disk or quota may only show when a network file system flushes, at close. Those
	 * have no nameless files, so there is still time before the name is given.
	 */
	if (!o->temp)
		r = name_it(o);
	else if (close(TAKE_FD(o->fd)) < 0)
		r = -errno;
	if (r == 0 && o->temp) {
		if (rename(o->temp, o->target) < 0)
			r = -errno;
		else
			util_free(&o->temp);
	}
	fs_output_abort(o);
	return r;
}

void fs_output_abort(struct fs_output *o)
{
	if (o->temp)
		unlink(o->temp);
	util_close(&o->fd);
	util_free(&o->temp);
	util_free(&o->target);
}

char *fs_working_directory(const char *pwd)
{
	struct stat a, b;

	if (pwd && pwd[0] == '/' && !str_starts(pwd, "/proc/") && stat(pwd, &a) == 0 &&
		stat(".", &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		return strdup(pwd);
	return getcwd(NULL, 0);
}
