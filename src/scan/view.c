/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <time.h>

enum {
	MAGIC_JFS = 0x3153464a,
	MAGIC_BCACHEFS = (int)0xca451a4e,
	MAGIC_ZFS = 0x2fc12fc1,
};

/* inotify tells of every change on these: they are changed by this kernel alone, by name. */
static const uint32_t told[] = {
	EXT4_SUPER_MAGIC, /* and ext2, ext3 */
	XFS_SUPER_MAGIC,
	BTRFS_SUPER_MAGIC,
	TMPFS_MAGIC,
	RAMFS_MAGIC,
	F2FS_SUPER_MAGIC,
	MAGIC_JFS,
	REISERFS_SUPER_MAGIC,
	(uint32_t)MAGIC_BCACHEFS,
	MAGIC_ZFS,
	EROFS_SUPER_MAGIC_V1,
	SQUASHFS_MAGIC,
};

static const int64_t GRAIN_LOCAL_NS = 20 * 1000 * 1000;
static const int64_t GRAIN_COARSE_NS = 2000 * (int64_t)(1000 * 1000);

int view_stat(struct scan_fs_state *s, int fd, const char *name, bool stale_is_possible,
	struct stamp *ret)
{
	int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH) |
		    (stale_is_possible ? AT_STATX_FORCE_SYNC : 0);
	struct statx st;

	s->stats.stats++;
	if (statx(fd, name, flags, STATX_BASIC_STATS, &st) < 0)
		return -errno;
	*ret = (struct stamp){
		.dev = makedev(st.stx_dev_major, st.stx_dev_minor),
		.ino = st.stx_ino,
		.mode = st.stx_mode,
		.size = (off_t)st.stx_size,
		.mtime = {st.stx_mtime.tv_sec, st.stx_mtime.tv_nsec},
		.ctime = {st.stx_ctime.tv_sec, st.stx_ctime.tv_nsec},
	};
	return 0;
}

static unsigned judge(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(told); i++)
		if (type == told[i])
			return VIEW_FS_WATCHES | VIEW_FS_LISTS | VIEW_FS_LOCAL;
	if (type == OVERLAYFS_SUPER_MAGIC)
		return VIEW_FS_LISTS;
	if (type == PROC_SUPER_MAGIC)
		return VIEW_FS_PROC;
	return 0;
}

unsigned view_fs_of(struct scan_fs_state *s, int fd, dev_t dev)
{
	struct statfs st;
	unsigned fs;

	for (unsigned i = 0; i < s->n_devices; i++)
		if (s->devices[i].dev == dev)
			return s->devices[i].fs;
	if (fstatfs(fd, &st) < 0)
		return VIEW_FS_KNOWN;
	fs = VIEW_FS_KNOWN | judge((uint32_t)st.f_type);
	if (s->n_devices < VIEW_DEVICES)
		s->devices[s->n_devices++] = (struct view_device){dev, fs};
	return fs;
}

int64_t view_grain(unsigned fs, const struct stamp *st)
{
	bool whole_seconds = st->mtime.tv_nsec == 0 && st->ctime.tv_nsec == 0;

	return (fs & VIEW_FS_LOCAL) && !whole_seconds ? GRAIN_LOCAL_NS : GRAIN_COARSE_NS;
}

struct timespec view_now(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return now;
}

static bool earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* Only ctime counts: mtime may be set to anything, and cannot change without ctime. But not every
 * file system from elsewhere keeps a ctime. */
bool view_racy(const struct stamp *st, const struct timespec *at, int64_t grain_ns)
{
	static const int64_t second = 1000 * 1000 * 1000;
	const struct timespec *changed =
		grain_ns > GRAIN_LOCAL_NS && earlier(&st->ctime, &st->mtime) ? &st->mtime
									     : &st->ctime;
	int64_t seconds = at->tv_sec - changed->tv_sec;

	if (seconds > 10 || seconds < -10)
		return seconds < 0;
	return seconds * second + (at->tv_nsec - changed->tv_nsec) <= grain_ns;
}

void view_outdate(struct scan_fs_state *s)
{
	s->fs->generation++;
	s->stats.generations++;
}

void view_forget_all(struct scan_fs_state *s, bool lost)
{
	s->era_proof = ++s->proof;
	if (lost)
		s->lost_proof = s->proof;
	s->touched_all = s->touch;
	s->n_devices = 0;
	s->dirty = true;
}
