/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/util.h"
#include "reapi/violation.h"

/* Messages as fields, one after the other, without unpacking. Private to reapi/. */

struct reapi_wire_field {
	uint32_t number;
	ProtobufCWireType type;
	const uint8_t *data; /* length-prefixed: the content */
	size_t size;
};

/* Takes the field at *data, which has *n bytes (at least one), and moves them behind it. 0,
 * REAPI_INVALID. */
int reapi_wire_next(
	const uint8_t **data, size_t *n, struct reapi_wire_field *ret, struct reapi_violation *v);

/* Whether a message of this type may be unpacked: see wire_check.c. 0, REAPI_INVALID,
 * REAPI_TOO_BIG. */
int reapi_wire_check(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t n,
	struct reapi_violation *v) MUST_CHECK;
