/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/stat.h>

#include "base/util.h"

/*
 * The file system as the scanner sees it: names are looked up, files read and digested once, and
 * all of it is remembered until it changes. A warm look-up costs no system call.
 *
 * What is remembered
 *	struct scan_path   one spelled absolute path ("/src/lib/../inc/./a.h" is not "/src/inc/a.h"),
 *	                   with what it leads to. Interned: equal spelling, equal pointer, for the
 *	                   life of the view.
 *	struct scan_inode  one file by (device, inode), with size and times.
 *	struct scan_content  bytes by their SHA-256; two files of equal bytes share it.
 * Underneath lie directories by (device, inode), each with a listing and the entries that were
 * ever asked for, so that a path is resolved component by component as the kernel does, symbolic
 * links and ".." included, and each thing that was relied on is known.
 *
 * How it stays true
 *	scan_fs_refresh() is called before each scan. Directories on file systems where inotify
 *	tells all (ext2-4, xfs, btrfs, tmpfs, f2fs, …) are watched, and so is each file that was
 *	read there (a directory's watch does not see a write through a hard link elsewhere); one
 *	poll of the inotify descriptor and of /proc/self/mountinfo then proves everything unchanged.
 *	Elsewhere (NFS, FUSE, overlay, 9p, …), and where no more watches are to be had, each path
 *	that a scan uses is proved by stat: "checked". After an overflow of the queue, or a mount,
 *	each is proved by stat once.
 *	A listing or a digest that was taken within the clock's grain of the last change is not
 *	trusted without a watch (two writes in one tick leave the same times).
 *	Bytes stored through a mapping are seen when it is unmapped.
 *	An event for a name that nobody has asked for changes nothing but the listing: object files
 *	written into a source directory cost no invalidation.
 *
 * One view belongs to one scanner and is not locked: its owner serialises.
 * Errors: 0, -errno (-ENOMEM, -EMFILE, …) where the view itself cannot go on.
 */

enum {
	SCAN_FS_PATH_MAX = 4096,      /* bytes of a spelled path, its NUL included */
	SCAN_FS_LINKS_MAX = 40,       /* symbolic links in one path, as the kernel's */
	SCAN_FS_FILE_MAX = 256 << 20, /* bytes of one file */
	SCAN_FS_PATHS_MAX = 1 << 20,  /* paths remembered, and names under them; past it the view is
					  emptied, past twice as many in one scan it is -E2BIG */
	SCAN_FS_WATCHES_MAX = 1 << 16, /* of ours, whatever the system allows */
};

/* What a path leads to. */
enum scan_kind {
	SCAN_NONE, /* nothing: ENOENT, ENOTDIR, a dangling link, ELOOP, a name too long */
	SCAN_FILE, /* a regular file */
	SCAN_DIRECTORY,
	SCAN_OTHER,      /* fifo, device, socket: reading it may never end */
	SCAN_UNREADABLE, /* a directory on the way may not be searched, or is not to be told */
};

struct scan_content {
	uint8_t digest[32]; /* SHA-256 */
	size_t size;
	uint64_t serial; /* of this view, from 1, never used again: a key for what is derived */
	void *derived;   /* the owner's: what it reduced the bytes to; NULL at first */
};

struct scan_inode {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;        /* with a content: of it; else as it was last seen */
	struct scan_content *content; /* of this size and time; NULL until it is read */
};

struct scan_path {
	const char *path; /* absolute, as spelled */
	size_t len;
	enum scan_kind kind;
	struct scan_inode *inode; /* SCAN_FILE, SCAN_DIRECTORY; else NULL */
	uint64_t generation;      /* of the view, at which the two above were last proved */
	bool watched;             /* holds until the generation changes; else for one epoch only */
	uint64_t epoch;           /* the refresh at which it was last proved */
	uint32_t id;              /* dense, from 0 */
	void *user;               /* the owner's; NULL at first */
};

struct scan_fs {
	uint64_t generation; /* changes whenever something that was relied on may have changed */
	uint64_t epoch;      /* changes at each refresh */
	struct scan_fs_state *state;
	/* Set by the owner, after init: called before a content is freed that has derived. Only in
	 * refresh and fini. */
	void (*drop_derived)(void *derived);
};

/* Counters, since the view was made. */
struct scan_fs_stats {
	uint64_t stats, listings, reads, read_bytes, links_read; /* system calls of each kind */
	uint64_t watches, events, overflows, refreshes, generations;
};

enum scan_fs_flag {
	SCAN_FS_NO_WATCH = 1 << 0, /* never inotify: everything is proved by stat, for tests */
};

int scan_fs_init(struct scan_fs *fs, unsigned flags) MUST_CHECK;
void scan_fs_fini(struct scan_fs *fs); /* all paths, inodes and contents are gone */

/*
 * Take in what has changed; epoch + 1. Called once before each scan. -errno is fatal.
 * SCAN_FS_EMPTIED: too much was remembered (SCAN_FS_PATHS_MAX), so nothing is any more: every
 * scan_path, scan_inode and scan_content of before is freed (drop_derived was called), ids begin
 * at 0 again, serials go on. The owner drops all that has such a pointer or id in it and goes on;
 * the refresh is done.
 */
enum scan_fs_outcome { SCAN_FS_EMPTIED = 1 };
int scan_fs_refresh(struct scan_fs *fs) MUST_CHECK;

/* A descriptor that polls readable when a refresh has events to take in, or -1; of a mount only the
 * refresh itself knows. To refresh in idle time too keeps the kernel's queue from overflowing. */
int scan_fs_fd(const struct scan_fs *fs);

/*
 * The path object of dir + "/" + name (name alone where it is absolute; no second '/' where dir
 * ends in one; dir "" is "/"). dir is absolute. Nothing is looked up.
 * -ENAMETOOLONG past SCAN_FS_PATH_MAX; -EINVAL: not absolute, or a NUL in it; -E2BIG: see
 * SCAN_FS_PATHS_MAX.
 */
int scan_fs_path(struct scan_fs *fs, const char *dir, size_t dir_len, const char *name,
	size_t name_len, struct scan_path **ret) MUST_CHECK;

/* Prove p in the slow way: see scan_fs_prove. */
int scan_fs_prove_slow(struct scan_fs *fs, struct scan_path *p) MUST_CHECK;

/* 0 or -errno. After it, p->kind and p->inode are true as of the last refresh. */
static inline int scan_fs_prove(struct scan_fs *fs, struct scan_path *p)
{
	if (p->generation == fs->generation && (p->watched || p->epoch == fs->epoch))
		return 0;
	return scan_fs_prove_slow(fs, p);
}

/*
 * The content of p, which is a proved SCAN_FILE: from memory, or read now. With ret_data the bytes
 * too (malloc'ed, a NUL behind them; *ret_data NULL when the content was known and its owner has
 * content->derived already).
 * -E2BIG past SCAN_FS_FILE_MAX; -EAGAIN: it changed while it was read, three times over;
 * -EACCES, -EIO, … as read.
 */
int scan_fs_content(struct scan_fs *fs, struct scan_path *p, struct scan_content **ret,
	char **ret_data) MUST_CHECK;

/* The bytes again, as they were digested; -ESTALE where the file has changed since. */
int scan_fs_reread(struct scan_fs *fs, struct scan_path *p, char **ret_data) MUST_CHECK;

/* The path without links, "." and "..", of a proved file or directory. Lives as long as p; NULL: no
 * memory. */
const char *scan_fs_real(struct scan_fs *fs, struct scan_path *p);

/*
 * What lies on the way of a proved path, for whoever has to build the same tree elsewhere: each
 * symbolic link (its own path without links, its text), and each real directory that is crossed by
 * a "..". The same may be told more than once. Returns the first value of found that is not 0, or
 * 0, or -ENOMEM.
 */
enum scan_step { SCAN_STEP_LINK, SCAN_STEP_DIRECTORY };

typedef int scan_fs_step(void *arg, enum scan_step what, const char *path, const char *text);
int scan_fs_steps(
	struct scan_fs *fs, struct scan_path *p, scan_fs_step *found, void *arg) MUST_CHECK;

/*
 * Has anything that p stands for changed since the last refresh? For use after a scan and before
 * what it found is sent: takes in events, and stats where events do not tell. 1: it has, or an
 * event makes it likely. Of many paths at once it is one system call where all are watched.
 */
int scan_fs_changed(struct scan_fs *fs, struct scan_path *p) MUST_CHECK;
int scan_fs_any_changed(struct scan_fs *fs, struct scan_path *const *paths, size_t n) MUST_CHECK;

/*
 * Has p, or anything on its way, been another or away since the refresh of that moment, though it
 * may be as it was again? 1: it may have been. Where directories are not watched, a name that was
 * given to another file and back to the same one is not seen; a file that was written to is.
 */
uint64_t scan_fs_moment(const struct scan_fs *fs); /* of the last refresh; it grows */
int scan_fs_changed_since(struct scan_fs *fs, struct scan_path *p, uint64_t moment) MUST_CHECK;

const struct scan_fs_stats *scan_fs_stats(const struct scan_fs *fs);
