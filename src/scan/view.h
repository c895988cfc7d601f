/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <openssl/types.h>

#include "scan/fs.h"
#include "scan/hashset.h"
#include "scan/listing.h"
#include "scan/pool.h"

/*
 * What the files behind scan/fs.h share: the parts of a view, and when each of them is true.
 *
 *	path ──► node "a.h" ──────────────► inode ──► content
 *	 │        │ parent                  ▲
 *	 │ parent ▼                         │
 *	path     node "src" ─ dir ──────────┘ (of the directory)
 *	          │ parent     names, listing
 *	          ▼
 *	         node "/" ─ dir
 *
 * A node is a name in a real directory. Its chain of parents has no symbolic link and no "..", so
 * a node stands for one real path, ".." of a directory is its parent, and a directory that is moved
 * is another node. Nodes, inodes and paths live until the view is emptied; what they say comes
 * and goes.
 *
 * Time is counted in proofs: a number that grows at each refresh (and at a few other points), so
 * that "found out at proof n" can be compared.
 *	node     true while its directory is watched and the node was proved since era_proof, else
 *	         for the very proof at which stat said it. An event about the name makes it unknown.
 *	inode    its content is true while it is watched and not suspect, else for the proof at
 *	         which stat found size and times unchanged.
 *	path     true while its generation is the view's and all that it leads through is watched,
 *	         else for one proof.
 * The watch of a directory tells of names only. Bytes are told by a watch on the file itself: it
 * sees writes through every hard link, those that are made later included, which the directory's
 * does not, and the files that nobody reads here make no noise.
 */

struct stamp {
	dev_t dev;
	ino_t ino;
	mode_t mode;
	off_t size;
	struct timespec mtime, ctime;
};

struct content {
	struct scan_content pub; /* first */
	uint32_t n_inodes;
	struct content *next_dead; /* in view->dead, while is_dead */
	bool is_dead;
};

struct inode {
	struct scan_inode pub; /* first */
	mode_t mode;
	struct timespec ctime;
	struct timespec read_at; /* when the content was begun to be read, by our clock */
	int64_t grain_ns;        /* of the times of its file system */
	int wd;                  /* watch, or -1 */
	uint64_t watch_proof;    /* when wd was last confirmed */
	bool suspect;            /* an event said that the bytes may be others */
	bool by_stat;            /* a file that cannot be watched */
	uint64_t proof;          /* when the stamp was last taken */
	uint64_t touched;        /* when it was last seen to change: see scan_fs_state.touch */
	struct content *was;     /* before it was last dropped; only good in that epoch */
	uint64_t was_proof;
	uint32_t n_names;          /* nodes that are this file */
	struct dir *dirs;          /* nodes that are this directory (several: bind mounts) */
	struct inode *next_unused; /* in view->unused, while is_unused */
	bool is_unused;
};

enum node_kind {
	NODE_UNKNOWN,
	NODE_NONE,
	NODE_FILE,
	NODE_DIRECTORY,
	NODE_LINK,
	NODE_OTHER,
	NODE_UNREADABLE,
};

struct node {
	struct node *parent; /* NULL: the root */
	const char *name;
	uint16_t len;
	uint8_t kind; /* enum node_kind */
	uint32_t hash;
	uint64_t proof;
	uint64_t touched;    /* as inode.touched */
	struct inode *inode; /* NODE_FILE, NODE_DIRECTORY */
	const char *link;    /* NODE_LINK: its text */
	const char *real;    /* the path, once it was asked for */
	struct dir *dir;     /* what is in it, once it was searched */
};

struct dir {
	struct node *node;
	const char *real; /* no '/' at the end, so "" for the root */
	size_t real_len;
	struct hashset nodes;
	struct inode *inode;
	struct dir *next_same; /* in inode->dirs */
	bool entered;          /* what follows was true at proof */
	bool searchable;
	bool watched; /* and has been since, while the inode's watch is the one of then */
	uint64_t proof;
	mode_t mode;      /* when it was found to be unwatchable or unlistable */
	bool unwatchable; /* by permission or file system: not tried again */
	uint8_t fs;       /* enum view_fs, or-ed; 0 until it was opened */
	struct stamp stamp;

	struct listing listing;
	struct stamp listing_stamp; /* what the directory's was before it was read */
	struct timespec listing_at;
	bool unlistable;
	uint32_t misses; /* calls of stat that a listing would have saved */
};

/* What a file system can be relied on for. */
enum view_fs {
	VIEW_FS_KNOWN = 1 << 0,
	VIEW_FS_WATCHES = 1 << 1, /* inotify sees all changes */
	VIEW_FS_LISTS = 1 << 2,   /* a name that readdir does not give is not there */
	VIEW_FS_LOCAL = 1 << 3,   /* fine times by our own clock, attributes never stale */
	VIEW_FS_PROC = 1 << 4,    /* links there are not what their text says */
};

struct view_device {
	dev_t dev;
	unsigned fs;
};

enum { VIEW_DEVICES = 16 };

struct path {
	struct scan_path pub; /* first */
	struct path *parent;  /* of the text before the last '/'; NULL: not needed yet, or "/" */
	struct node *node;    /* pub.kind SCAN_FILE, SCAN_DIRECTORY */
	struct path *below;   /* used while its parent is proved */
	struct node *step;    /* the last name in the directory where it was last looked up */
	uint64_t proof;
	uint64_t touched;
	uint16_t last; /* offset of the last name */
	uint8_t links;
};

struct scan_fs_state {
	struct scan_fs *fs;
	struct scan_fs_stats stats;

	uint64_t proof;
	uint64_t epoch_proof; /* the first of this epoch */
	uint64_t era_proof;   /* no node that was proved before is true */
	uint64_t lost_proof;  /* no watch that was confirmed before is alive for sure */
	uint64_t touch; /* what is marked as touched by a change: the proof in mid-scan; for one
				 that came before, what precedes epoch_proof */
	uint64_t touched_all; /* when everything was, as inode.touched */
	bool dirty;           /* something that was relied on has changed */

	bool watching;
	int inotify_fd, mounts_fd;
	unsigned watches, watches_max;
	struct hashset by_wd;
	struct view_device devices[VIEW_DEVICES];
	unsigned n_devices;

	struct pool pool; /* paths, nodes, inodes, directories and their texts */
	struct node root;
	struct hashset paths, inodes, contents;
	size_t n_nodes;
	size_t paths_max;     /* of paths, and of nodes */
	struct inode *unused; /* may have no names any more: their contents go */
	struct content *dead; /* may have no inodes any more */
	uint64_t serial;
	EVP_MD *sha256;
	EVP_MD_CTX *digester;
};

/* Positive outcomes inside of the view. */
enum view_outcome {
	VIEW_MOVED = 1, /* a directory is not where it was: walk again from the root */
	VIEW_NO_WATCH,  /* it cannot be watched */
};

static inline bool view_watched(const struct scan_fs_state *s, const struct inode *i)
{
	return i->wd >= 0 && i->watch_proof >= s->lost_proof;
}

static inline bool view_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* stat without following links; counted. name "" means the descriptor itself. */
int view_stat(struct scan_fs_state *s, int fd, const char *name, bool stale_is_possible,
	struct stamp *ret) MUST_CHECK;

/* What the file system of fd, on this device, can be relied on for. Remembered by device. */
unsigned view_fs_of(struct scan_fs_state *s, int fd, dev_t dev);

/* The grain of times on such a file system. */
int64_t view_grain(unsigned fs, const struct stamp *st);

struct timespec view_now(void);

/* Was this (a change's time) so shortly before at that another change may have left it the same? */
bool view_racy(const struct stamp *st, const struct timespec *at, int64_t grain_ns);

/* What a change is marked with that was seen now, of what was last proved then. */
static inline uint64_t view_touch(const struct scan_fs_state *s, uint64_t then)
{
	return then >= s->epoch_proof ? s->proof : s->touch;
}

/* Something that was relied on may have changed: paths are to be proved again. */
void view_outdate(struct scan_fs_state *s);

/* The same of everything; lost: events were lost too, so no watch and no listing is good. */
void view_forget_all(struct scan_fs_state *s, bool lost);
