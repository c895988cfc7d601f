/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "reapi/digest.h"

/*
 * Merkle trees, made: from files, links and directories given in any order to the canonical
 * Directory messages (children sorted by name, byte by byte; fields in the order of their numbers;
 * nothing unknown), each stored once.
 *
 *	reapi_tree_new → reapi_tree_add_* … → reapi_tree_finish → root, blobs, tree message
 */
enum {
	REAPI_TREE_NODES_MAX = 1 << 18,           /* files, links and directories */
	REAPI_TREE_BYTES_MAX = 256 * 1024 * 1024, /* of names and targets, and of all Directories */
};

/* What a node may have beside its content. Zeroed: nothing, and nothing is sent. */
struct reapi_props {
	bool has_mtime;
	bool has_mode;
	uint32_t mode;     /* permissions: 07777 at most */
	uint32_t mtime_ns; /* 0 to 999,999,999, forward */
	int64_t mtime_s;   /* since the epoch */
};

struct reapi_tree; /* opaque */
struct reapi_node; /* one of its places */

int reapi_tree_new(struct reapi_tree **ret) MUST_CHECK;
void reapi_tree_free(struct reapi_tree *t);
/* Empty again, and keeps memory. -ENOMEM, which leaves it to be freed only. */
int reapi_tree_reset(struct reapi_tree *t) MUST_CHECK;
/*
 * Empty again, but it remembers names and Directories, which are not made anew where the same
 * belongs into them: for a tree that is much like the last one. *ret_forgotten: it remembered too
 * much, so it was a reset. -ENOMEM, as reset.
 */
int reapi_tree_again(struct reapi_tree *t, bool *ret_forgotten) MUST_CHECK;

/*
 * path: relative, as reapi_path_check has it; the directories that lead to it come by themselves.
 * props may be NULL. All strings are copied.
 * 0; REAPI_INVALID: path, target or props; REAPI_TOO_BIG: a limit above; REAPI_CONFLICT: the path,
 * or one that leads to it, is something else already, or the same with other content;
 * REAPI_DUPLICATE: it is just this already; -ENOMEM. All but 0 leave the tree as it was, but that
 * directories which lead to the path may be there after -ENOMEM and REAPI_TOO_BIG.
 */
int reapi_tree_add_file(struct reapi_tree *t, const char *path, const struct reapi_digest *digest,
	bool executable, const struct reapi_props *props, struct reapi_violation *v) MUST_CHECK;
int reapi_tree_add_symlink(struct reapi_tree *t, const char *path, const char *target,
	const struct reapi_props *props, struct reapi_violation *v) MUST_CHECK;
/* The place of what is in the tree at this path (NULL: nothing), until reset or free: from one
 * reapi_tree_again to the next, whatever is there in between. */
struct reapi_node *reapi_tree_node(const struct reapi_tree *t, const char *path);
/* As reapi_tree_add_file, at a place. */
int reapi_tree_add_file_at(struct reapi_tree *t, struct reapi_node *node,
	const struct reapi_digest *digest, bool executable, const struct reapi_props *props,
	struct reapi_violation *v) MUST_CHECK;
/* A directory that may stay empty, or props for one. "" is the root. One that came by itself
 * before, and has no props yet, is no duplicate. */
int reapi_tree_add_directory(struct reapi_tree *t, const char *path,
	const struct reapi_props *props, struct reapi_violation *v) MUST_CHECK;

/* One Directory; the bytes are the tree's until again, reset, free, or the next finish. */
struct reapi_tree_blob {
	struct reapi_digest digest;
	const char *data;
	size_t size;
};

/* Makes all Directories; more may be added afterwards, and finish called again. 0, REAPI_TOO_BIG,
 * -ENOMEM, -EIO. */
int reapi_tree_finish(struct reapi_tree *t, struct reapi_violation *v) MUST_CHECK;

/* After finish. Blobs: each once, children before parents, the root last; never none. */
const struct reapi_digest *reapi_tree_root(const struct reapi_tree *t);
const struct reapi_tree_blob *reapi_tree_blobs(const struct reapi_tree *t, size_t *ret_n);

/* After finish: append a Tree message, for an output directory: root, then all other Directories,
 * parents before children (is_topologically_sorted may be set). -ENOMEM, -E2BIG. */
int reapi_tree_message(const struct reapi_tree *t, struct buf *ret) MUST_CHECK;
