/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/stat.h>

#include "cas/digest.h"

/* One file of the store as the index remembers it, in memory and on disk. See slot.c. */

enum {
	SLOT_SIZE = 80,
	SLOT_VERSION = 1,
	SLOT_EPOCH_MAX = (1 << 24) - 1,
};

#define SLOT_BLOB_MAX ((uint64_t)1 << 39) /* bytes: 2^24 of them still have a 64-bit sum */

/* The file as it was when its bytes were last known to be right. */
struct slot_identity {
	uint64_t ino;
	int64_t mtime_ns, ctime_ns;
};

struct slot {
	struct cas_digest digest;
	struct slot_identity id;
	uint64_t use;   /* a count that grows with every use of anything: order, not time */
	uint32_t epoch; /* of its last verification; 0: never */
	bool exec;      /* the 0555 file, not the 0444 one */
};

enum slot_kind { SLOT_USED, SLOT_FREE, SLOT_TORN };

struct slot_identity slot_identity_of(const struct stat *st);
/* But for ctime, which a link or the removal of one moves as well. */
bool slot_identity_same_content(const struct slot_identity *a, const struct slot_identity *b);
bool slot_identity_equal(const struct slot_identity *a, const struct slot_identity *b);

void slot_encode(const struct slot *s, uint8_t ret[SLOT_SIZE]);
enum slot_kind slot_decode(const uint8_t bytes[SLOT_SIZE], struct slot *ret);

/* The first SLOT_SIZE bytes of the file. 0; CAS_NEWER (ret_version); -EBADMSG. */
void slot_encode_header(uint8_t ret[SLOT_SIZE]);
int slot_decode_header(const uint8_t bytes[SLOT_SIZE], uint32_t *ret_version) MUST_CHECK;
