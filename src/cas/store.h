/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "cas/digest.h"

/*
 * A store of blobs on disk, found by their digest, under a size cap. What it serves matches its
 * digest, always; what it has may be gone at any time, unless a lease (cas/lease.h) holds it.
 *
 * One process owns a root. Within it every function here and in lease.h, upload.h and ac.h may be
 * called from any thread, and what is said of the time it takes is:
 *	quick	a lock that is held for microseconds, and at most a stat: fit for the loop thread
 *	slow	reads, writes, hashes or removes files: for the pool where the blob is large
 * A lease or an upload is used by one thread at a time.
 *
 * What may be served without reading it again: a blob that this store has written or verified, and
 * whose file still has inode, size and times as they were then. All others, above all every blob
 * from before a crash of the machine, are read and hashed once, before they are first said to be
 * there. A file that is not what its name says is removed, and reported missing.
 */

/* Positive outcomes of all functions of this folder; each says which it has. */
enum cas_outcome {
	CAS_MISSING = 1, /* no such blob, action or upload */
	CAS_IN_USE,      /* another process owns the root; another stream has the upload */
	CAS_NEWER,       /* made by a later version of this program: left alone */
	CAS_NO_SPACE,    /* file system or cap are full, with all removed that may be */
	CAS_BAD_DIGEST,  /* the bytes are not those of the digest */
	CAS_TOO_LARGE,   /* more than the cap or a limit allows */
	CAS_PRESENT,     /* is there already: nothing to upload */
	CAS_QUOTA,       /* the owner has too many uploads, or too many bytes, under way */
	CAS_OFFSET,      /* the upload does not stand at this offset */
	CAS_BAD_STREAM,  /* compressed bytes that are none */
	CAS_ALTERED,     /* a linked blob was written to: it is dropped */
};

/* "missing", "in use", …; "" for what is none. */
const char *cas_outcome_text(int outcome);

/*
 * max_bytes counts each file with its size rounded up to CAS_BLOCK and CAS_ENTRY_COST more (inode
 * and index): deterministic, whatever the file system. Uploads in flight count as they grow.
 */
enum {
	CAS_BLOCK = 4096,
	CAS_ENTRY_COST = 512,
	CAS_UPLOADS_MAX = 4096,           /* at once, of all owners; each has a descriptor open */
	CAS_ENTRIES_MAX = 1 << 24,        /* whatever the options say */
	CAS_ENTRIES_DEFAULT = 1 << 22,    /* 4 million files: about 450 MB of memory when full */
	CAS_OWNER_UPLOADS_DEFAULT = 1024, /* at once */
};

struct cas_options {
	const char *root;       /* a directory; made, with mode 0700, if missing */
	uint64_t max_bytes;     /* not 0 */
	uint64_t max_entries;   /* files; 0: CAS_ENTRIES_DEFAULT */
	uint64_t max_blob;      /* bytes of the largest blob; 0: a quarter of max_bytes */
	uint64_t owner_bytes;   /* sum of the sizes of an owner's uploads; 0: max_blob */
	uint64_t owner_uploads; /* 0: CAS_OWNER_UPLOADS_DEFAULT */
	const char *boot_id; /* NULL: the kernel's; another since the last crash: trust nothing */
};

struct cas;

/*
 * Slow only by the number of entries (a million: half a second of CPU); directories are not read.
 * CAS_IN_USE, CAS_NEWER (a log line says which version), CAS_NO_SPACE; -errno. An index that is
 * broken is set aside and found again by cas_maintain.
 */
int cas_open(const struct cas_options *o, struct cas **ret) MUST_CHECK;

/*
 * No lease, attached upload or call may be left; detached uploads end. Writes what is only in
 * memory, syncs the file system and marks the root clean; an error means that the next start is as
 * after a crash, no more. NULL: 0.
 */
int cas_close(struct cas *c);

/* 0: there, verified as said above, and used just now. CAS_MISSING. Quick, but for the first time
 * after a crash of the machine. The empty blob is always there. */
int cas_has(struct cas *c, const struct cas_digest *d) MUST_CHECK;

/* A descriptor for reading, the caller's to close; it stays good if the blob is removed. As quick
 * as cas_has. CAS_MISSING. */
int cas_blob_open(struct cas *c, const struct cas_digest *d, int *ret_fd) MUST_CHECK;

/* Append limit bytes from offset (fewer only where the blob ends) to ret, whose max bounds them.
 * CAS_MISSING; -EINVAL: offset is past the end. */
int cas_blob_read(struct cas *c, const struct cas_digest *d, uint64_t offset, uint64_t limit,
	struct buf *ret) MUST_CHECK;

/* Store d->size bytes. Slow. CAS_BAD_DIGEST, CAS_TOO_LARGE, CAS_NO_SPACE. Is there already: 0. */
int cas_put(struct cas *c, const struct cas_digest *d, const void *data) MUST_CHECK;
/* The same of bytes that the caller has made the digest of itself: it is not made again. */
int cas_put_known(struct cas *c, const struct cas_digest *d, const void *data) MUST_CHECK;

/*
 * Store what fd has from its beginning (an output of a job), and say what it was. It is hashed as
 * it is copied, so what is stored matches ret whatever happens to the source. Slow.
 * max: bytes, more is CAS_TOO_LARGE; CAS_NO_SPACE.
 */
int cas_put_fd(struct cas *c, int fd, uint64_t max, struct cas_digest *ret) MUST_CHECK;

/* Remove it, pinned or not. CAS_MISSING. */
int cas_drop(struct cas *c, const struct cas_digest *d) MUST_CHECK;

/*
 * What can wait: finds files that the index does not know and index entries without file (after a
 * crash), writes last uses, evicts down to the cap. Call now and then (every few seconds; at once
 * again while ret_more) from one thread at a time. budget: about so many files or entries are
 * looked at. Slow in proportion to it.
 */
int cas_maintain(struct cas *c, size_t budget, bool *ret_more) MUST_CHECK;

struct cas_stats {
	uint64_t bytes, max_bytes;      /* as accounted; uploads are not in it */
	uint64_t entries, max_entries;  /* files */
	uint64_t upload_bytes, uploads; /* in flight */
	uint64_t pinned;                /* files that a lease holds */
	uint64_t hits, misses;          /* of cas_has, cas_blob_* and cas_materialise */
	uint64_t inserts, inserted_bytes;
	uint64_t evictions, evicted_bytes;
	uint64_t verified, bad; /* files hashed before they were served; those that were bad */
	uint64_t adopted, lost; /* by the search after a crash: files found, entries without */
	bool searching;         /* that search is not done yet */
};

void cas_stats(struct cas *c, struct cas_stats *ret);
