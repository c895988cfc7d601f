/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "reapi/arena.h"
#include "reapi/digest.h"
#include "reapi/tree.h"

/*
 * Merkle trees, read: a Directory that arrived is checked, and a tree of them becomes a flat list
 * of what to make, parents before children.
 *
 * A tree is content-addressed, so it has no cycles; but a directory may hold another one twice, and
 * that one the next, and thirty small blobs then are a thousand million entries. Hence the limits.
 */

/*
 * Whether a Directory is as the API wants it: names (reapi_name_check), digests, targets and
 * properties in order, each of the three lists sorted by name, no name twice in any.
 * 0, REAPI_INVALID, REAPI_TOO_BIG.
 */
int reapi_directory_check(const re_directory *d, struct reapi_violation *v) MUST_CHECK;

/* A message's node properties; m may be NULL. Bits of mode over 07777 (a file type) are dropped.
 * 0, REAPI_INVALID. */
int reapi_props_from_proto(
	const re_node_properties *m, struct reapi_props *ret, struct reapi_violation *v) MUST_CHECK;

enum reapi_plan_kind { REAPI_PLAN_DIRECTORY, REAPI_PLAN_FILE, REAPI_PLAN_SYMLINK };

struct reapi_plan_entry {
	enum reapi_plan_kind kind;
	bool executable;
	uint32_t parent;  /* index of its directory, which comes before it; the root's own is 0 */
	uint32_t end;     /* directory: index behind the last entry below it; else its own plus 1 */
	const char *name; /* "" for the root */
	const char *target;         /* symlink */
	struct reapi_digest digest; /* file: of the content; directory: of the Directory */
	struct reapi_props props;
};

struct reapi_plan_limits {
	size_t depth;           /* directories on the way to an entry, the root included */
	size_t entries;         /* of all kinds; at most UINT32_MAX */
	size_t directory_bytes; /* of Directory messages that are read, each counted once */
	uint64_t file_bytes;    /* of all files, as often as they occur */
};
/* 128; 1,048,576; 64 MiB; 64 GiB. */
extern const struct reapi_plan_limits reapi_plan_limits_default;

enum { REAPI_PLAN_MISSING_MAX = 1000 };

struct reapi_plan {
	struct reapi_arena arena;         /* owns all below */
	struct reapi_plan_entry *entries; /* [0] is the root; preorder */
	size_t n;
	size_t n_directories; /* of entries */
	size_t n_distinct;    /* Directory messages read */
	uint64_t file_bytes;
	struct reapi_digest *missing; /* Directories that were not there, each once; after
					 REAPI_MISSING, and only the first REAPI_PLAN_MISSING_MAX */
	size_t n_missing;
};

/* Bytes of a Directory; they have to stay until the next call. */
struct reapi_plan_bytes {
	const void *data;
	size_t size;
};
/* 0; REAPI_MISSING; -errno, which ends the walk. Bytes are trusted to be what the digest says. */
typedef int reapi_plan_get(
	void *data, const struct reapi_digest *digest, struct reapi_plan_bytes *ret);

/*
 * Walks the tree below root. get is called once for each distinct digest, and never for that of the
 * empty directory (the empty blob). limits: NULL for the default.
 * 0; REAPI_INVALID: some Directory; REAPI_TOO_BIG: a limit; REAPI_MISSING: ret->missing says which,
 * and what could be read is in the plan; -errno. ret is to be given to fini after 0 and after
 * REAPI_MISSING, and is empty otherwise.
 */
int reapi_plan_walk(const struct reapi_digest *root, reapi_plan_get *get, void *data,
	const struct reapi_plan_limits *limits, struct reapi_plan *ret,
	struct reapi_violation *v) MUST_CHECK;

/* The same from the bytes of a Tree message, whose children are found by their digests.
 * A child that is not in it is REAPI_INVALID. */
int reapi_plan_walk_tree(const void *tree, size_t n, const struct reapi_plan_limits *limits,
	struct reapi_plan *ret, struct reapi_violation *v) MUST_CHECK;

void reapi_plan_fini(struct reapi_plan *p); /* also of a zeroed one */

/* Append the path of entry i, without a '/' in front; nothing for the root. -ENOMEM, -E2BIG. */
int reapi_plan_path(const struct reapi_plan *p, size_t i, struct buf *ret) MUST_CHECK;
