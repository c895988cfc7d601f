/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * What names a blob: its SHA-256 and its length in bytes. Text of a hash is 64 lower-case
 * hexadecimal digits.
 */

enum { CAS_HASH_SIZE = 32, CAS_HEX_SIZE = 2 * CAS_HASH_SIZE + 1 };

struct cas_digest {
	uint8_t hash[CAS_HASH_SIZE];
	uint64_t size;
};

extern const struct cas_digest cas_digest_empty; /* of no bytes at all */

bool cas_digest_equal(const struct cas_digest *a, const struct cas_digest *b);
bool cas_digest_is_empty(const struct cas_digest *d);
void cas_hash_hex(const uint8_t hash[CAS_HASH_SIZE], char ret[CAS_HEX_SIZE]);
/* False: n is not 64, or a byte is no lower-case hexadecimal digit. */
bool cas_hash_parse(const char *hex, size_t n, uint8_t ret[CAS_HASH_SIZE]);

/* SHA-256 piece by piece. Zero-initialised is empty; fini may always be called. */
struct cas_hasher {
	void *ctx;
	uint64_t size; /* bytes so far */
};

int cas_hasher_init(struct cas_hasher *h) MUST_CHECK; /* -ENOMEM */
int cas_hasher_update(struct cas_hasher *h, const void *data, size_t n) MUST_CHECK;
int cas_hasher_final(struct cas_hasher *h, struct cas_digest *ret) MUST_CHECK; /* once */
void cas_hasher_fini(struct cas_hasher *h);

int cas_digest_of(const void *data, size_t n, struct cas_digest *ret) MUST_CHECK;
/* Of what fd has from its beginning, by pread: the position stays. */
int cas_digest_of_fd(int fd, struct cas_digest *ret) MUST_CHECK;
