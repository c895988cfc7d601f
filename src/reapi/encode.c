/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Canonical bytes: fields in the order of their numbers, a field of the default value left out, a
 * message that is there written even if empty. Sizes first, so that nothing is moved or copied.
 * tests/unit/reapi/test_tree.c holds this against protobuf-c, and the oracle against Python.
 */

#include "reapi/encode.h"

#include <string.h>

enum { VARINT = 0, BYTES = 2 }; /* wire types */

enum {
	DIGEST_HASH_SIZE = 2 + REAPI_HASH_HEX,
	DIRECTORY_PROPERTIES = 5, /* field number */
};

static size_t varint_size(uint64_t value)
{
	return value < 0x80 ? 1 : (size_t)(63 - __builtin_clzll(value)) / 7 + 1;
}

/* Of a field with a number below 16: zero is left out. */
static size_t number_size(uint64_t value)
{
	return value ? 1 + varint_size(value) : 0;
}

static size_t bytes_size(size_t n)
{
	return 1 + varint_size(n) + n;
}

static char *put_varint(char *p, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*p++ = (char)(value | 0x80);
	*p++ = (char)value;
	return p;
}

static char *put_number(char *p, unsigned field, uint64_t value)
{
	if (value == 0)
		return p;
	*p++ = (char)(field << 3 | VARINT);
	return put_varint(p, value);
}

static char *put_head(char *p, unsigned field, size_t n)
{
	*p++ = (char)(field << 3 | BYTES);
	return put_varint(p, n);
}

static char *put_bytes(char *p, unsigned field, const void *data, size_t n)
{
	p = put_head(p, field, n);
	memcpy(p, data, n);
	return p + n;
}

static size_t digest_size(const struct reapi_digest *d)
{
	return DIGEST_HASH_SIZE + number_size(d->size);
}

static char *put_digest(char *p, unsigned field, const struct reapi_digest *d)
{
	char hex[REAPI_HASH_HEX + 1];

	reapi_digest_hex(d, hex);
	p = put_head(p, field, digest_size(d));
	p = put_bytes(p, 1, hex, REAPI_HASH_HEX);
	return put_number(p, 2, d->size);
}

static size_t mtime_size(const struct reapi_props *props)
{
	return number_size((uint64_t)props->mtime_s) + number_size(props->mtime_ns);
}

static size_t props_size(const struct reapi_props *props)
{
	return (props->has_mtime ? bytes_size(mtime_size(props)) : 0) +
	       (props->has_mode ? bytes_size(number_size(props->mode)) : 0);
}

static size_t props_field_size(const struct reapi_props *props)
{
	return props->has_mtime || props->has_mode ? bytes_size(props_size(props)) : 0;
}

/* NodeProperties: properties = 1, mtime = 2, unix_mode = 3 (a UInt32Value). */
static char *put_props(char *p, unsigned field, const struct reapi_props *props)
{
	if (!props->has_mtime && !props->has_mode)
		return p;
	p = put_head(p, field, props_size(props));
	if (props->has_mtime) {
		p = put_head(p, 2, mtime_size(props));
		p = put_number(p, 1, (uint64_t)props->mtime_s);
		p = put_number(p, 2, props->mtime_ns);
	}
	if (props->has_mode) {
		p = put_head(p, 3, number_size(props->mode));
		p = put_number(p, 1, props->mode);
	}
	return p;
}

static size_t node_size(const struct encode_node *node)
{
	size_t n = bytes_size(node->name_len);

	if (node->kind == ENCODE_SYMLINK)
		return n + bytes_size(node->target_len) + props_field_size(&node->props);
	n += bytes_size(digest_size(&node->digest));
	if (node->kind == ENCODE_FILE)
		n += (node->executable ? 2 : 0) + props_field_size(&node->props);
	return n;
}

/* FileNode: name = 1, digest = 2, is_executable = 4, node_properties = 6. DirectoryNode: name = 1,
 * digest = 2. SymlinkNode: name = 1, target = 2, node_properties = 4. */
int reapi_encode_node(const struct encode_node *node, struct buf *ret)
{
	size_t n = node_size(node);
	int r = buf_reserve(ret, bytes_size(n));
	char *p;

	if (r < 0)
		return r;
	p = put_head(ret->data + ret->len, (unsigned)node->kind, n);
	p = put_bytes(p, 1, node->name, node->name_len);
	switch (node->kind) {
	case ENCODE_FILE:
		p = put_digest(p, 2, &node->digest);
		p = put_number(p, 4, node->executable);
		p = put_props(p, 6, &node->props);
		break;
	case ENCODE_DIRECTORY:
		p = put_digest(p, 2, &node->digest);
		break;
	case ENCODE_SYMLINK:
		p = put_bytes(p, 2, node->target, node->target_len);
		p = put_props(p, 4, &node->props);
		break;
	}
	*p = '\0';
	ret->len = (size_t)(p - ret->data);
	return 0;
}

int reapi_encode_directory_props(const struct reapi_props *props, struct buf *ret)
{
	int r = buf_reserve(ret, props_field_size(props));
	char *p;

	if (r < 0)
		return r;
	if (!ret->data)
		return 0;
	p = put_props(ret->data + ret->len, DIRECTORY_PROPERTIES, props);
	*p = '\0';
	ret->len = (size_t)(p - ret->data);
	return 0;
}

int reapi_encode_bytes(unsigned number, const void *data, size_t n, struct buf *ret)
{
	int r = buf_reserve(ret, bytes_size(n));
	char *p;

	if (r < 0)
		return r;
	p = put_head(ret->data + ret->len, number, n);
	if (n > 0)
		memcpy(p, data, n);
	p += n;
	*p = '\0';
	ret->len = (size_t)(p - ret->data);
	return 0;
}
