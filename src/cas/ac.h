/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cas/store.h"

/*
 * The action cache: from the digest of an action to its result, which is bytes to us, and the
 * blobs that the result refers to. One SQLite file in the store's root, with a cap of its own, the
 * least recently used out first. It may lose entries (with the disk's power, with the file); it
 * never gives one that is not whole, nor one that refers to a blob that is not there.
 * Any thread; one at a time gets in. Blobs from before a crash are hashed here (see store.h), so
 * ac_get may then be slow; otherwise it is quick.
 */
enum {
	AC_RESULT_MAX = 4 << 20, /* bytes of a result */
	AC_REFS_MAX = 1 << 18,   /* blobs that it refers to */
	AC_ROW_COST = 128,       /* counted for each entry beyond its bytes and 40 for each blob */
};

struct ac;

struct ac_stats {
	uint64_t entries, bytes, max_bytes;
	uint64_t hits, misses;
	uint64_t incomplete; /* misses because a blob was gone; the entry is dropped */
	uint64_t evictions;
};

/*
 * c has to outlive it. CAS_NEWER: the file is of a later version. A file that is no database or
 * does not hold together is renamed to actions.sqlite.broken, now or when it shows.
 */
int ac_open(struct cas *c, uint64_t max_bytes, struct ac **ret) MUST_CHECK;
void ac_close(struct ac *a); /* NULL: nothing */

/* Append the result to ret. CAS_MISSING. All blobs it refers to are used just now. */
int ac_get(struct ac *a, const struct cas_digest *action, struct buf *ret) MUST_CHECK;

/* Put or replace. CAS_TOO_LARGE: over a limit, or over the cap; CAS_NO_SPACE. Blobs need not be
 * there yet. */
int ac_put(struct ac *a, const struct cas_digest *action, const void *result, size_t n,
	const struct cas_digest *refs, size_t n_refs) MUST_CHECK;

/* CAS_MISSING. */
int ac_drop(struct ac *a, const struct cas_digest *action) MUST_CHECK;

/* Write the last uses that are only in memory; ac_close does it too. Now and then. */
int ac_maintain(struct ac *a) MUST_CHECK;

void ac_stats(struct ac *a, struct ac_stats *ret);
