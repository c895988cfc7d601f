/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/buf.h"
#include "reapi/arena.h"
#include "reapi/violation.h"

/*
 * Messages as bytes.
 *
 * What arrives is looked through before it is unpacked (reapi/wire_check.c has the list), because
 * protobuf-c would let some of it pass: text must be UTF-8 without NULs (it would be cut at the
 * first), groups and nesting deeper than REAPI_DEPTH_MAX are refused. What unpacking may take of
 * memory is bounded by the arena: two bytes on the wire are an empty submessage of 50 bytes and
 * more, and a message of 4 MiB of them would be hundreds.
 */
enum {
	REAPI_DEPTH_MAX = 16,                 /* messages inside messages; the standard has 7 */
	REAPI_MESSAGE_MAX = 64 * 1024 * 1024, /* bytes on the wire */
	REAPI_MEMORY_MIN = 64 * 1024,         /* see reapi_memory_for */
	REAPI_MEMORY_FACTOR = 24,
};

/*
 * A fair max for the arena of one message of n bytes: factor times n, and at least the minimum.
 * Honest messages need far less (tests/unit/reapi/test_message.c measures it).
 */
size_t reapi_memory_for(size_t n);

/*
 * The message, in a; it lives as long as a, and must not be given to protobuf-c to free. data is
 * copied where it is kept.
 * 0; REAPI_INVALID; REAPI_TOO_BIG: bytes, depth or memory; -ENOMEM.
 */
int reapi_unpack(struct reapi_arena *a, const ProtobufCMessageDescriptor *type, const void *data,
	size_t n, void *ret_message, struct reapi_violation *v) MUST_CHECK;

/* Append the message's bytes. m: any message ("&m.base"). -ENOMEM, -E2BIG past ret's max. */
int reapi_pack(const ProtobufCMessage *m, struct buf *ret) MUST_CHECK;
