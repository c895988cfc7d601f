/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <time.h>

#include "cas/store.h"

/*
 * A lease holds blobs for as long as somebody (mostly one job) needs them, and puts them into
 * directories. What a lease holds is not evicted.
 *
 *	new ─ add, materialise … ─► verify ─► removing ─► (the caller removes its tree) ─► free
 *
 * A hard link shares the inode with the store. Files are 0444 or 0555, so another user cannot
 * write them, and no one can through a read-only mount: give a job one of the two. cas_lease_verify
 * tells afterwards whether that held. verify and removing may be left out; then the next use of the
 * blob may have to hash it, because removing a link changes the inode's ctime.
 */
struct cas_lease;

enum { CAS_LEASE_MAX = 1 << 20 }; /* blobs in one lease: -E2BIG beyond */

int cas_lease_new(struct cas *c, struct cas_lease **ret) MUST_CHECK;
void cas_lease_free(struct cas_lease *l); /* NULL: nothing */

/* Hold it. CAS_MISSING. As quick as cas_has. */
int cas_lease_add(struct cas_lease *l, const struct cas_digest *d) MUST_CHECK;

enum cas_materialise_flags {
	CAS_LINK = 1, /* a hard link will do (else, or where it cannot be: a file of its own) */
	CAS_EXECUTABLE = 2, /* mode 0555 and not 0444 */
	CAS_WRITABLE = 4,   /* the owner may write: 0644, 0755; a file of its own */
};

/*
 * Make name in the directory dir_fd (-EEXIST if there is one) with the blob's bytes, and hold it.
 * mtime: the file is to have it, which makes it a file of its own; NULL: any.
 * The second link to one blob within one root would share an inode with the first: a caller whose
 * compilers look at inodes passes CAS_LINK once for each blob. A file of its own is a reflink where
 * the file system can, else a copy. Quick for a link, slow for a copy.
 * CAS_MISSING; CAS_NO_SPACE (of dir_fd's file system: nothing is left there); -errno.
 */
int cas_materialise(struct cas_lease *l, const struct cas_digest *d, int dir_fd, const char *name,
	unsigned flags, const struct timespec *mtime) MUST_CHECK;

/* Was any blob that this lease has linked written to? One stat each. CAS_ALTERED: those are
 * dropped, and *ret_altered of them there were. Before `removing`, after the job's last process. */
int cas_lease_verify(struct cas_lease *l, size_t *ret_altered) MUST_CHECK;

/* The links are about to be removed; call before the first is, and free after the last. */
void cas_lease_removing(struct cas_lease *l);
