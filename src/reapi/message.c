/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reapi/message.h"

#include <errno.h>
#include <string.h>

#include "reapi/wire.h"

/* protobuf-c's allocator: nothing is freed alone, and what it takes while it works counts too. */
static void *allocate(void *arena, size_t n)
{
	return reapi_arena_alloc(arena, n);
}

static void forget(void *arena, void *p)
{
}

size_t reapi_memory_for(size_t n)
{
	return MAX(
		MIN(n, (size_t)REAPI_MESSAGE_MAX) * REAPI_MEMORY_FACTOR, (size_t)REAPI_MEMORY_MIN);
}

int reapi_unpack(struct reapi_arena *a, const ProtobufCMessageDescriptor *type, const void *data,
	size_t n, void *ret_message, struct reapi_violation *v)
{
	ProtobufCAllocator allocator = {.alloc = allocate, .free = forget, .allocator_data = a};
	ProtobufCMessage *m;
	int r;

	if (n > REAPI_MESSAGE_MAX)
		return reapi_violate(
			v, REAPI_TOO_BIG, "a %s of %zu bytes is too big", type->short_name, n);
	r = reapi_wire_check(type, data, n, v);
	if (r != 0)
		return r;
	m = protobuf_c_message_unpack(type, &allocator, n, data);
	if (m) {
		memcpy(ret_message, &m, sizeof(m)); /* a pointer of another type */
		return 0;
	}
	if (a->no_memory)
		return -ENOMEM;
	if (a->exhausted)
		return reapi_violate(v, REAPI_TOO_BIG,
			"a %s of %zu bytes would take more than %zu bytes of memory",
			type->short_name, n, a->max);
	return reapi_violate(v, REAPI_INVALID, "not a %s", type->short_name);
}

int reapi_pack(const ProtobufCMessage *m, struct buf *ret)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	int r = buf_reserve(ret, n);

	if (r < 0)
		return r;
	protobuf_c_message_pack(m, (uint8_t *)ret->data + ret->len);
	ret->len += n;
	ret->data[ret->len] = '\0';
	return 0;
}
