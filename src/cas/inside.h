/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <dirent.h>
#include <pthread.h>

#include "base/list.h"
#include "cas/state.h"
#include "cas/store.h"
#include "cas/table.h"

/*
 * What the files of this folder share. The directory of a store:
 *
 *	lock		flock()ed by the one process that owns it
 *	state		how it was left (state.c)
 *	index		what is in it, and since when that is known (slot.c)
 *	blobs/ab/cdef…	a blob by its hash, mode 0444; the executable file has ".x" behind it;
 *			its directory comes with its first blob
 *	tmp/N		what is being written; removed at start
 *	actions.sqlite	the action cache (ac.c)
 *
 * Locks. `lock` guards all that is in memory and is held for no system call. `stripes[hash]` guards
 * the files of the blobs with that hash, and their records in `index`: whoever changes a file's
 * name, links or record, or hashes it for the others too, holds it. A stripe may be held while
 * `lock` is taken, never the other way round, and never two stripes: so nothing that may evict
 * (room.c) is called with a stripe held.
 *
 * Orders that a crash may cut anywhere:
 *	insert	temporary file ─ rename ─ record: between the two, a file without record. The search
 *		adopts it, and until then a miss looks for it.
 *	remove	record ─ unlink: the same.
 *	convert	record ─ chmod, rename ─ record: the same.
 * So after a kill a file without record is trusted by nobody, and a record without file is rare: an
 * eviction that had not come to its record while the blob came back and went again. Such an entry
 * is dropped when it is opened, and the blob looked up anew: CAS_REF_TRIES.
 */

enum {
	CAS_STRIPES = 256,
	CAS_FANOUT = 256,
	CAS_REF_TRIES = 3,  /* two kinds of file may turn out to be none; a third may be adopted */
	CAS_PATH_SIZE = 80, /* "blobs/ab/<62>.x" */
	CAS_DIR_LEN = 8,    /* "blobs/ab" */
	CAS_WRITE_CHUNK = 1 << 17,
	CAS_RESERVE_STEP = 1 << 20, /* room is taken in such steps while a blob grows */
};

struct cas_search {
	bool active;
	unsigned dir; /* the next one */
	DIR *open;
	uint32_t next; /* entry */
};

struct cas {
	struct cas_options options; /* but for its pointers */
	char *root;
	int root_fd, index_fd, tmp_fd, lock_fd;
	struct state state;
	struct table table;
	uint64_t reserved; /* bytes of cost for what is being written */
	uint64_t n_temps;
	uint64_t temp_serial;
	struct list uploads; /* struct cas_upload */
	uint64_t n_uploads;
	struct cas_stats stats; /* the counts; sizes are filled in when asked for */
	struct cas_search search;
	uint32_t sweep;                /* entry at which writing records goes on */
	_Atomic bool made[CAS_FANOUT]; /* blobs/ab is known to be there */
	_Atomic bool no_reflink;       /* the last try says that it is no use */
	pthread_mutex_t lock;
	pthread_mutex_t stripes[CAS_STRIPES];
};

void cas_lock(struct cas *c);
void cas_unlock(struct cas *c);
void cas_stripe_lock(struct cas *c, const uint8_t *hash);
void cas_stripe_unlock(struct cas *c, const uint8_t *hash);

void cas_path(const uint8_t *hash, bool exec, char ret[CAS_PATH_SIZE]);
/* Under the root; one that is there is well. */
int cas_make_directory(struct cas *c, const char *path);
/* Is it known to be right as long as its file has the identity that is recorded? */
bool cas_is_trusted(const struct cas *c, const struct slot *s);

/* records.c: entry i as it is in memory; zeros. With its stripe, without the lock. A failure costs
 * a start after a crash some work; the entry stays dirty. */
void cas_record_write(struct cas *c, uint32_t i);
void cas_record_clear(struct cas *c, uint32_t i);
int cas_records_open(struct cas *c, bool *ret_found_all) MUST_CHECK;
/* Write what is dirty: at most budget entries are looked at. */
size_t cas_records_sweep(struct cas *c, size_t budget);

/* room.c. Take bytes from the cap (and an entry, for a new file), evicting: CAS_NO_SPACE. */
int cas_room_take(struct cas *c, uint64_t bytes, bool new_file) MUST_CHECK;
void cas_room_give(struct cas *c, uint64_t bytes, bool new_file);
/* The file system is full: false if there was nothing to evict. */
bool cas_room_evict(struct cas *c, uint64_t bytes);
/* Down to the cap; at most about max entries. True: there is more to do. */
bool cas_room_trim(struct cas *c, size_t max);

/* A file on its way into the store. */
struct cas_temp {
	struct cas *c; /* NULL: nothing to abort */
	int fd;
	uint64_t serial, written, size_max;
	uint64_t taken; /* room */
};

/* size_max: -EFBIG if more is written. CAS_NO_SPACE from open and write. */
int cas_temp_open(struct cas *c, uint64_t size_max, struct cas_temp *ret) MUST_CHECK;
int cas_temp_write(struct cas_temp *t, const void *data, size_t n) MUST_CHECK;
/* Ends it in every case. d is what the bytes were hashed to. */
int cas_temp_commit(struct cas_temp *t, const struct cas_digest *d, bool exec) MUST_CHECK;
void cas_temp_abort(struct cas_temp *t);

/* blob.c. A pinned entry. */
struct cas_ref {
	uint32_t i;
	struct cas_digest digest;
	bool exec;
};

/* Pin it, whichever kind there is (this kind first). CAS_MISSING. Nothing has been looked at. */
int cas_ref_get(
	struct cas *c, const struct cas_digest *d, bool exec, struct cas_ref *ret) MUST_CHECK;
void cas_ref_put(struct cas *c, struct cas_ref *r);
/* Confirmed and open. CAS_MISSING: it was bad or gone, and is dropped. */
int cas_ref_open(struct cas *c, struct cas_ref *r, int *ret_fd) MUST_CHECK;
/* With its stripe: open and confirmed, whatever its size. */
int cas_ref_open_locked(struct cas *c, struct cas_ref *r, int *ret_fd) MUST_CHECK;
/* The blob is right; is it the one that was asked for? CAS_MISSING. */
int cas_ref_check_size(struct cas *c, const struct cas_ref *r) MUST_CHECK;
/* Does the file that has this stat need no hashing? */
bool cas_entry_is_sure(struct cas *c, uint32_t i, const struct stat *st);
/* With its stripe: no longer there, for whatever reason; its file goes too. */
void cas_entry_drop_locked(struct cas *c, uint32_t i);
/* A file that the index does not know. CAS_MISSING. */
int cas_adopt(struct cas *c, const uint8_t *hash, bool exec) MUST_CHECK;
void cas_count(struct cas *c, bool hit);
