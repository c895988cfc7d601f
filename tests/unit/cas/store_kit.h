/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "cas/store.h"

/* What the tests of the store share: roots that go away, blobs by number, and a second opinion. */

struct kit_root {
	char path[64];
};

/* A new directory under $TMPDIR, in memory if that is not set. Aborts if it cannot be made. */
void kit_root_make(struct kit_root *r);
void kit_root_remove(struct kit_root *r);

/* Blob n: always the same bytes, size of them, none equal to those of another n. */
void kit_blob(uint64_t n, size_t size, struct buf *ret, struct cas_digest *ret_digest);

/* What there is on the disk by the rules of cas/store.h, found by reading the directories. */
void kit_count(const char *root, uint64_t *ret_bytes, uint64_t *ret_files);

/* Where a blob's file is. */
void kit_path(const char *root, const struct cas_digest *d, bool exec, char ret[256]);

/* Maintain until there is nothing more to do. */
int kit_settle(struct cas *c);
