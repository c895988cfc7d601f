/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"
#include "reapi/proto.h"
#include "reapi/violation.h"

/*
 * Content by name: SHA-256 and size. The only digest function that we speak.
 */
enum {
	REAPI_HASH_SIZE = 32,
	REAPI_HASH_HEX = 64,
};

struct reapi_digest {
	uint8_t hash[REAPI_HASH_SIZE];
	uint64_t size; /* at most INT64_MAX, as the message has it */
};

extern const struct reapi_digest reapi_digest_empty; /* of no bytes: e3b0c442…/0 */

bool reapi_digest_eq(const struct reapi_digest *a, const struct reapi_digest *b);
int reapi_digest_cmp(
	const struct reapi_digest *a, const struct reapi_digest *b); /* by hash, size */
bool reapi_digest_is_empty(const struct reapi_digest *d);

/* For tables: eight bytes of the hash. Who chooses the content can choose them, with work. */
uint64_t reapi_digest_key(const struct reapi_digest *d);

/* Of data in one piece. -ENOMEM, -EIO (libcrypto). */
int reapi_digest_of(const void *data, size_t n, struct reapi_digest *ret) MUST_CHECK;

/* Of data in pieces; usable again after finish. Fails as reapi_digest_of. */
struct reapi_hasher {
	struct evp_md_ctx_st *context;
	uint64_t size;
};
int reapi_hasher_init(struct reapi_hasher *h) MUST_CHECK;
void reapi_hasher_fini(struct reapi_hasher *h); /* also of a zeroed one */
int reapi_hasher_update(struct reapi_hasher *h, const void *data, size_t n) MUST_CHECK;
int reapi_hasher_finish(struct reapi_hasher *h, struct reapi_digest *ret) MUST_CHECK;

/* 64 lower case digits and a NUL. */
void reapi_digest_hex(const struct reapi_digest *d, char ret[REAPI_HASH_HEX + 1]);

/* n characters of hash, which must be 64 lower case digits. 0, REAPI_INVALID. */
int reapi_digest_parse(const char *hash, size_t n, int64_t size, struct reapi_digest *ret,
	struct reapi_violation *v) MUST_CHECK;

/* A message's digest; m may be NULL, for a field left out. 0, REAPI_INVALID. */
int reapi_digest_from_proto(
	const re_digest *m, struct reapi_digest *ret, struct reapi_violation *v) MUST_CHECK;

/* A digest as message, in memory of its own: &p.message goes into other messages. Must not move. */
struct reapi_digest_message {
	re_digest message;
	char hex[REAPI_HASH_HEX + 1];
};
void reapi_digest_to_proto(const struct reapi_digest *d, struct reapi_digest_message *ret);

struct reapi_arena;
/* The same in an arena. NULL: as reapi_arena_alloc. */
re_digest *reapi_digest_new(struct reapi_arena *a, const struct reapi_digest *d);

/* A request's digest_function: unset or SHA256 is ours. 0, REAPI_UNSUPPORTED, REAPI_INVALID. */
int reapi_digest_function_check(int function, struct reapi_violation *v) MUST_CHECK;
