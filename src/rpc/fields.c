/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "rpc/internal.h"

void rpc_fields_add(struct rpc_fields *f, const char *name, const char *value, size_t value_len)
{
	/* More than the limit cannot be: each metadata list is bounded when it is filled. */
	if (f->n == RPC_FIELDS_MAX)
		return;
	f->nv[f->n++] = (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name,
		.namelen = strlen(name),
		.value = (uint8_t *)(uintptr_t)value,
		.valuelen = value_len,
	};
}

void rpc_fields_add_all(struct rpc_fields *f, const struct rpc_metadata *m)
{
	for (size_t i = 0; i < m->n; i++) {
		const char *value = rpc_metadata_value(m, i);

		rpc_fields_add(f, rpc_metadata_name(m, i), value, strlen(value));
	}
}

bool rpc_content_type_ok(const char *value)
{
	static const char grpc[] = "application/grpc";
	size_t n = sizeof(grpc) - 1;

	if (!value || strncmp(value, grpc, n) != 0)
		return false;
	return value[n] == '\0' || value[n] == '+' || value[n] == ';';
}
