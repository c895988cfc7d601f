/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "reapi/digest.h"

/*
 * ByteStream's resource names, and instance names.
 *
 *	read   [INSTANCE/] blobs/ [FUNCTION/] HASH/SIZE
 *	       [INSTANCE/] compressed-blobs/ COMPRESSOR/ [FUNCTION/] HASH/SIZE
 *	write  [INSTANCE/] uploads/ UUID/ (one of the above) [/METADATA…]
 *
 * FUNCTION must be left out for SHA-256; "sha256" is taken nevertheless, and never written. SIZE is
 * that of the blob uncompressed. An instance name is segments parted by '/', none of them empty or
 * one of blobs, uploads, actions, actionResults, operations, capabilities, compressed-blobs.
 */
enum {
	REAPI_RESOURCE_MAX = 1024, /* bytes of a whole name */
	REAPI_INSTANCE_MAX = 256,
	REAPI_UUID_MAX = 64, /* any word of letters, digits, '-', '_' and '.' */
};

enum reapi_compressor { /* the numbers of the API */
	REAPI_IDENTITY = 0,
	REAPI_ZSTD = 1,
	REAPI_DEFLATE = 2,
	REAPI_BROTLI = 3,
};

enum reapi_resource_kind { REAPI_RESOURCE_READ, REAPI_RESOURCE_WRITE };

struct reapi_resource {
	enum reapi_resource_kind kind;
	enum reapi_compressor compressor;
	struct reapi_digest digest;
	/* Pieces of the text that was parsed, not NUL-terminated; NULL and 0 where there is none. */
	const char *instance;
	size_t instance_len;
	const char *uuid; /* writes only */
	size_t uuid_len;
	const char *metadata; /* writes only: what follows SIZE/ */
	size_t metadata_len;
};

/*
 * 0; REAPI_INVALID; REAPI_TOO_BIG; REAPI_UNSUPPORTED: right, but of another digest function.
 * All compressors of the API are parsed: whether it is spoken is the caller's to say.
 */
int reapi_resource_parse(const char *name, enum reapi_resource_kind kind,
	struct reapi_resource *ret, struct reapi_violation *v) MUST_CHECK;

/* Append the name, as parse takes it. -EINVAL: a part would not be parsed; -ENOMEM, -E2BIG. */
int reapi_resource_write(const struct reapi_resource *r, struct buf *ret) MUST_CHECK;

/* A request's instance_name; "" is one. 0, REAPI_INVALID, REAPI_TOO_BIG. */
int reapi_instance_check(const char *name, struct reapi_violation *v) MUST_CHECK;

/* "identity", "zstd", …; NULL for numbers that are none. */
const char *reapi_compressor_name(int compressor);
