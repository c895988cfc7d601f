/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/*
 * A list of header fields, in the order they came. Names are lowercase. Values are text without
 * NUL (HTTP/2 forbids it); names that end in "-bin" hold base64 of bytes.
 * At most RPC_HEADER_LIST_MAX bytes, counted as HTTP/2 does (32 for each field beside its text).
 */
struct rpc_metadata {
	struct rpc_field *fields; /* see rpc_metadata_at */
	size_t n, cap;
	struct buf text;
	size_t counted;
};

#define RPC_METADATA_INIT      \
	{                      \
		.fields = NULL \
	}

void rpc_metadata_fini(struct rpc_metadata *m); /* empty and usable again */
void rpc_metadata_clear(struct rpc_metadata *m);

/* -E2BIG: over the limit; -EINVAL (add and add_bin): not a name or a value of HTTP. */
int rpc_metadata_add(struct rpc_metadata *m, const char *name, const char *value) MUST_CHECK;
/* name ends in "-bin"; the value is written as base64. */
int rpc_metadata_add_bin(
	struct rpc_metadata *m, const char *name, const void *data, size_t n) MUST_CHECK;
int rpc_metadata_add_n(struct rpc_metadata *m, const char *name, size_t name_len, const char *value,
	size_t value_len) MUST_CHECK;
int rpc_metadata_add_all(struct rpc_metadata *m, const struct rpc_metadata *other) MUST_CHECK;

/* The i-th of m->n; valid until the list changes. */
const char *rpc_metadata_name(const struct rpc_metadata *m, size_t i);
const char *rpc_metadata_value(const struct rpc_metadata *m, size_t i);

/* The first value of that name (lowercase), or NULL; valid until the list changes. */
const char *rpc_metadata_get(const struct rpc_metadata *m, const char *name);

/*
 * The decoded bytes of the first value of that name (of several joined by ',', the first),
 * appended to ret. -ENOENT: none; -EBADMSG: not base64.
 */
int rpc_metadata_get_bin(
	const struct rpc_metadata *m, const char *name, struct buf *ret) MUST_CHECK;
