/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Before unpacking: a walk over the bytes of a message with its descriptor in hand, which allocates
 * nothing. It refuses
 *
 *	- what is not made of whole fields, or has groups (long gone from the format),
 *	- a field of a known number with the wrong wire type,
 *	- text that is not UTF-8, as the format demands, and text with a NUL, which is UTF-8 but would
 *	  be shorter in C than what was signed with a digest: "a\0/../b" must not pass as "a",
 *	- messages nested deeper than REAPI_DEPTH_MAX. None of ours is recursive today; a type that
 *	  is must not come to decide over the stack of a server.
 *
 * Unknown fields are passed over here and kept by protobuf-c: newer peers may send them.
 */

#include "reapi/wire.h"

#include "reapi/message.h"
#include "reapi/path.h"

enum {
	NUMBER_MAX = (1 << 29) - 1,
	VARINT_MAX = 10, /* bytes */
};

/* 0: not a varint. */
static size_t varint(const uint8_t *p, size_t n, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < MIN(n, (size_t)VARINT_MAX); i++) {
		value |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (!(p[i] & 0x80)) {
			/* The tenth byte has room for one bit. */
			if (i == VARINT_MAX - 1 && p[i] > 1)
				return 0;
			*ret = value;
			return i + 1;
		}
	}
	return 0;
}

/* Bytes before the content, and the size of that; false: the field is not whole. */
static bool measure(
	const uint8_t *p, size_t n, ProtobufCWireType type, size_t *ret_head, size_t *ret_size)
{
	uint64_t value;
	size_t head = 0;

	switch (type) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		*ret_size = varint(p, n, &value);
		break;
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		*ret_size = 8;
		break;
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		*ret_size = 4;
		break;
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		head = varint(p, n, &value);
		if (head == 0 || value > n - head)
			return false;
		*ret_size = (size_t)value;
		break;
	default:
		return false;
	}
	*ret_head = head;
	return head > 0 || (*ret_size > 0 && *ret_size <= n);
}

int reapi_wire_next(
	const uint8_t **data, size_t *n, struct reapi_wire_field *ret, struct reapi_violation *v)
{
	size_t head, size, tag_size;
	ProtobufCWireType type;
	const uint8_t *p;
	uint64_t tag;

	tag_size = varint(*data, *n, &tag);
	if (tag_size == 0 || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
		return reapi_violate(v, REAPI_INVALID, "not a message: a field has no number");
	p = *data + tag_size;
	type = (ProtobufCWireType)(tag & 7);
	if (!measure(p, *n - tag_size, type, &head, &size))
		return reapi_violate(v, REAPI_INVALID, "not a message: field %u is not whole",
			(unsigned)(tag >> 3));
	*ret = (struct reapi_wire_field){
		.number = (uint32_t)(tag >> 3), .type = type, .data = p + head, .size = size};
	*data = p + head + size;
	*n -= tag_size + head + size;
	return 0;
}

static bool type_fits(const ProtobufCFieldDescriptor *f, ProtobufCWireType type)
{
	ProtobufCWireType expected;

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		expected = PROTOBUF_C_WIRE_TYPE_32BIT;
		break;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		expected = PROTOBUF_C_WIRE_TYPE_64BIT;
		break;
	default:
		expected = PROTOBUF_C_WIRE_TYPE_VARINT;
		break;
	}
	/* Lists of numbers come packed into one field, or each in its own. */
	return type == expected || (f->label == PROTOBUF_C_LABEL_REPEATED &&
					   type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
}

static int check(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t n,
	unsigned depth, struct reapi_violation *v)
{
	if (depth > REAPI_DEPTH_MAX)
		return reapi_violate(
			v, REAPI_TOO_BIG, "messages are nested deeper than %d", REAPI_DEPTH_MAX);
	while (n > 0) {
		const ProtobufCFieldDescriptor *f;
		struct reapi_wire_field field;
		int r = reapi_wire_next(&data, &n, &field, v);

		if (r != 0)
			return r;
		f = protobuf_c_message_descriptor_get_field(type, field.number);
		if (!f)
			continue;
		if (!type_fits(f, field.type))
			return reapi_violate(v, REAPI_INVALID, "%s.%s has the wrong wire type",
				type->short_name, f->name);
		if (f->type == PROTOBUF_C_TYPE_STRING &&
			!reapi_text_valid((const char *)field.data, field.size))
			return reapi_violate(v, REAPI_INVALID,
				"%s.%s is not UTF-8, or has a NUL in it", type->short_name,
				f->name);
		if (f->type == PROTOBUF_C_TYPE_MESSAGE) {
			r = check(f->descriptor, field.data, field.size, depth + 1, v);
			if (r != 0)
				return r;
		}
	}
	return 0;
}

int reapi_wire_check(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t n,
	struct reapi_violation *v)
{
	return check(type, data, n, 1, v);
}
