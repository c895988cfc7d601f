/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cas/store.h"

/*
 * A blob that arrives in pieces, over more than one connection if need be. Bytes go to a temporary
 * file and are hashed on the way; cas_upload_finish gives it its name if they were the right ones.
 * Any number of uploads of one digest may run; the first to finish is kept.
 *
 *	begin ─► attached ─ write … ─► finish | abort    ends it
 *	            │ ▲
 *	     detach ▼ │ begin with the same owner and key
 *	         detached ─► expire                        ends it
 *
 * Uploads do not survive the process. A compressed upload takes one or more zstd frames, and what
 * comes out of them may not pass the digest's size. Its offsets are the Remote Execution API's: of
 * the blob where a stream of it begins, and raised by the compressed bytes from there on. Whoever
 * resumes it begins a new frame.
 */
struct cas_upload;

enum { CAS_UPLOAD_KEY_MAX = 512 };

struct cas_upload_request {
	uint64_t owner;  /* whom quotas are charged to; only the same owner resumes */
	const char *key; /* what the client calls it, such as the resource name */
	struct cas_digest digest;
	bool zstd;
};

/*
 * Begin, or resume one that is detached. CAS_PRESENT, CAS_QUOTA, CAS_TOO_LARGE, CAS_IN_USE (is
 * attached elsewhere), CAS_NO_SPACE; -EINVAL: the key is too long, or was used with another digest.
 * The upload is the caller's until it is ended or detached. Quick.
 */
int cas_upload_begin(
	struct cas *c, const struct cas_upload_request *q, struct cas_upload **ret) MUST_CHECK;

/* Where the next write must start. */
uint64_t cas_upload_committed(const struct cas_upload *u);

/*
 * CAS_OFFSET (nothing happened), CAS_TOO_LARGE (more than the digest has), CAS_BAD_STREAM,
 * CAS_NO_SPACE; after any but CAS_OFFSET only abort is left. Slow.
 */
int cas_upload_write(struct cas_upload *u, uint64_t offset, const void *data, size_t n) MUST_CHECK;

/* Ends u in every case. 0: stored (or was there). CAS_BAD_DIGEST: also for too few bytes;
 * CAS_BAD_STREAM: ends within a frame; CAS_NO_SPACE. */
int cas_upload_finish(struct cas_upload *u) MUST_CHECK;
void cas_upload_abort(struct cas_upload *u); /* NULL: nothing */

/* The stream broke: keep it, from now on, for whoever resumes it. */
void cas_upload_detach(struct cas_upload *u, uint64_t now_ms);

/* Bytes of the blob that one has, which is under way or detached. CAS_MISSING. */
int cas_upload_query(
	struct cas *c, uint64_t owner, const char *key, uint64_t *ret_committed) MUST_CHECK;

/* End those that were detached max_idle_ms or longer ago; how many there were. */
size_t cas_upload_expire(struct cas *c, uint64_t now_ms, uint64_t max_idle_ms);
