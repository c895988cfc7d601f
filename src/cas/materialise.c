/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cas/held.h"

/*
 * Blobs in other people's directories. A hard link costs a stat before (is it right?), the link,
 * and a stat after (the ctime it has now), all under the blob's stripe, so that ctimes are recorded
 * in the order in which they come about.
 *
 * A file has one mode, and links share it. The store keeps a blob as a plain file, an executable
 * one, or both. The kind that is missing is made when it is asked for: from the other by chmod and
 * rename where nobody has that linked or in use, else as a copy. So a client all of whose inputs
 * are executable (Bazel's are) costs no second copy of anything.
 */

enum { SMALL = 1 << 14, COPY_STEP = 1 << 30 };

void cas_entry_take_ctime(struct cas *c, const struct cas_ref *ref)
{
	struct table_entry *e = table_at(&c->table, ref->i);
	char path[CAS_PATH_SIZE];
	struct slot_identity id;
	struct stat st;

	cas_path(ref->digest.hash, ref->exec, path);
	if (fstatat(c->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	id = slot_identity_of(&st);
	cas_lock(c);
	if ((e->flags & TABLE_LIVE) && (uint64_t)st.st_size == e->slot.digest.size &&
		slot_identity_same_content(&id, &e->slot.id)) {
		e->slot.id.ctime_ns = id.ctime_ns;
		e->flags |= TABLE_DIRTY;
	}
	cas_unlock(c);
}

/* With the stripe: is the file right? */
static int confirm_locked(struct cas *c, struct cas_ref *ref, const char *path, struct stat *ret)
{
	AUTO(util_close) int fd = -1;
	int r;

	if (fstatat(c->root_fd, path, ret, AT_SYMLINK_NOFOLLOW) == 0 &&
		cas_entry_is_sure(c, ref->i, ret))
		return cas_ref_check_size(c, ref);
	r = cas_ref_open_locked(c, ref, &fd);
	if (r == 0 && fstat(fd, ret) < 0)
		r = -errno;
	return r == 0 ? cas_ref_check_size(c, ref) : r;
}

/* 0; CAS_MISSING; -errno of the link. */
static int make_link(struct cas *c, struct cas_ref *ref, int dir_fd, const char *name)
{
	char path[CAS_PATH_SIZE];
	struct stat st;
	int r;

	cas_path(ref->digest.hash, ref->exec, path);
	cas_stripe_lock(c, ref->digest.hash);
	r = confirm_locked(c, ref, path, &st);
	if (r == 0 && linkat(c->root_fd, path, dir_fd, name, 0) < 0)
		r = -errno;
	if (r == 0)
		cas_entry_take_ctime(c, ref);
	cas_stripe_unlock(c, ref->digest.hash);
	return r;
}

/* With the stripe. Becomes the other kind, if nobody else has it. */
static bool convert_locked(struct cas *c, struct cas_ref *ref)
{
	bool exec = !ref->exec, alone;
	char from[CAS_PATH_SIZE], to[CAS_PATH_SIZE];
	struct table_entry *e = table_at(&c->table, ref->i);
	struct stat st;

	cas_path(ref->digest.hash, ref->exec, from);
	cas_path(ref->digest.hash, exec, to);
	if (confirm_locked(c, ref, from, &st) != 0 || st.st_nlink != 1)
		return false;
	cas_lock(c);
	alone = (e->flags & TABLE_LIVE) && e->pins == 1;
	if (alone)
		table_set_exec(&c->table, ref->i, exec);
	cas_unlock(c);
	if (!alone)
		return false;
	/*
	 * Who finds it under its new name before the file has it waits for the stripe. A kill in
	 * between leaves a file without record, as everywhere, and no record without file.
	 */
	cas_record_clear(c, ref->i);
	if (fchmodat(c->root_fd, from, exec ? 0555 : 0444, 0) < 0 ||
		renameat(c->root_fd, from, c->root_fd, to) < 0) {
		cas_lock(c);
		table_set_exec(&c->table, ref->i, !exec);
		cas_unlock(c);
		cas_record_write(c, ref->i);
		return false;
	}
	ref->exec = exec;
	cas_entry_take_ctime(c, ref);
	cas_record_write(c, ref->i);
	return true;
}

static int copy_in(struct cas *c, struct cas_ref *ref, bool exec)
{
	AUTO(util_close) int fd = -1;
	AUTO(util_free) char *chunk = malloc(CAS_WRITE_CHUNK);
	struct cas_temp t;
	int r = chunk ? cas_ref_open(c, ref, &fd) : -ENOMEM;

	if (r != 0)
		return r;
	r = cas_temp_open(c, ref->digest.size, &t);
	if (r != 0)
		return r;
	while (r == 0 && t.written < ref->digest.size) {
		ssize_t n = pread(fd, chunk, CAS_WRITE_CHUNK, (off_t)t.written);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			r = n < 0 ? -errno : -EIO;
		else
			r = cas_temp_write(&t, chunk, (size_t)n);
	}
	if (r == 0)
		return cas_temp_commit(&t, &ref->digest, exec);
	cas_temp_abort(&t);
	return r;
}

/* ref becomes one of the other kind. CAS_MISSING, CAS_NO_SPACE. */
static int other_kind(struct cas *c, struct cas_ref *ref)
{
	bool exec = !ref->exec, converted;
	struct cas_ref other;
	int r;

	cas_stripe_lock(c, ref->digest.hash);
	cas_lock(c);
	converted = table_find(&c->table, ref->digest.hash, exec) != TABLE_NONE;
	cas_unlock(c);
	if (!converted)
		converted = convert_locked(c, ref);
	cas_stripe_unlock(c, ref->digest.hash);
	if (ref->exec == exec)
		return 0;
	r = converted ? 0 : copy_in(c, ref, exec);
	if (r == 0)
		r = cas_ref_get(c, &ref->digest, exec, &other);
	if (r != 0)
		return r;
	if (other.exec != exec) {
		cas_ref_put(c, &other);
		return CAS_NO_SPACE; /* evicted as soon as it was made */
	}
	cas_ref_put(c, ref);
	*ref = other;
	return 0;
}

/* Everything from src, whose size is known, to the new file dst. */
static int copy_small(int src, int dst, size_t size)
{
	char bytes[SMALL];
	size_t at = 0;

	while (at < size) {
		ssize_t n = pread(src, bytes + at, size - at, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += (size_t)n;
	}
	for (at = 0; at < size;) {
		ssize_t n = write(dst, bytes + at, size - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += (size_t)n;
	}
	return 0;
}

static int copy_pieces(int src, int dst, uint64_t at, uint64_t size)
{
	AUTO(util_free) char *chunk = malloc(CAS_WRITE_CHUNK);

	if (!chunk)
		return -ENOMEM;
	while (at < size) {
		ssize_t n = pread(src, chunk, CAS_WRITE_CHUNK, (off_t)at), w;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		w = pwrite(dst, chunk, (size_t)n, (off_t)at);
		if (w < 0 && errno != EINTR)
			return -errno;
		at += w > 0 ? (uint64_t)w : 0;
	}
	return 0;
}

static int copy_all(struct cas *c, int src, int dst, uint64_t size)
{
	loff_t in = 0, out = 0;

	if (size <= SMALL)
		return copy_small(src, dst, (size_t)size);
	if (!c->no_reflink) {
		if (ioctl(dst, FICLONE, src) == 0)
			return 0;
		/* EXDEV says something about this directory only. */
		if (errno == EOPNOTSUPP || errno == ENOTTY)
			c->no_reflink = true;
	}
	while ((uint64_t)in < size) {
		size_t step = (size_t)MIN(size - (uint64_t)in, (uint64_t)COPY_STEP);
		ssize_t n = copy_file_range(src, &in, dst, &out, step, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
			return -errno;
		if (n <= 0)
			return copy_pieces(src, dst, (uint64_t)in, size);
	}
	return 0;
}

static mode_t mode_of(unsigned flags)
{
	mode_t mode = flags & CAS_EXECUTABLE ? 0555 : 0444;

	return flags & CAS_WRITABLE ? mode | 0200 : mode;
}

static int make_copy(struct cas *c, struct cas_ref *ref, int dir_fd, const char *name,
	unsigned flags, const struct timespec *mtime)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
	AUTO(util_close) int src = -1;
	AUTO(util_close) int dst = -1;
	int r = cas_ref_open(c, ref, &src);

	if (r != 0)
		return r;
	dst = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (dst < 0)
		return -errno;
	r = copy_all(c, src, dst, ref->digest.size);
	if (r == 0 && fchmod(dst, mode_of(flags)) < 0)
		r = -errno;
	if (mtime)
		times[1] = *mtime;
	if (r == 0 && mtime && futimens(dst, times) < 0)
		r = -errno;
	if (r != 0)
		unlinkat(dir_fd, name, 0);
	return r;
}

/* Errors of link(2) that a copy may not have. */
static bool link_is_no_use(int r)
{
	return r == -EXDEV || r == -EMLINK || r == -EPERM || r == -EACCES || r == -EOPNOTSUPP ||
	       r == -ENOSYS;
}

static int make_once(struct cas_lease *l, const struct cas_digest *d, int dir_fd, const char *name,
	unsigned flags, const struct timespec *mtime)
{
	bool exec = flags & CAS_EXECUTABLE, linked = false;
	bool may_link = (flags & CAS_LINK) && !(flags & CAS_WRITABLE) && !mtime;
	struct cas *c = l->c;
	struct cas_ref ref;
	int r = cas_ref_get(c, d, exec, &ref);

	if (r != 0)
		return r;
	if (may_link && ref.exec != exec)
		r = other_kind(c, &ref);
	/* No room for the other kind in the store: it may still be copied. */
	may_link = may_link && r == 0;
	if (r == CAS_NO_SPACE)
		r = 0;
	if (may_link)
		r = make_link(c, &ref, dir_fd, name);
	linked = may_link && r == 0;
	if (r == 0 ? !linked : link_is_no_use(r))
		r = make_copy(c, &ref, dir_fd, name, flags, mtime);
	if (r == -ENOSPC || r == -EDQUOT)
		r = CAS_NO_SPACE;
	if (r != 0)
		cas_ref_put(c, &ref);
	else
		cas_lease_hold(l, &ref, linked);
	return r;
}

int cas_materialise(struct cas_lease *l, const struct cas_digest *d, int dir_fd, const char *name,
	unsigned flags, const struct timespec *mtime)
{
	int r = cas_lease_reserve(l);

	if (r < 0)
		return r;
	r = CAS_MISSING;
	for (int i = 0; r == CAS_MISSING && i < CAS_REF_TRIES; i++)
		r = make_once(l, d, dir_fd, name, flags, mtime);
	if (r == 0 || r == CAS_MISSING)
		cas_count(l->c, r == 0);
	return r;
}
