/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cas/upload.h"
#include "reapi/resource.h"
#include "service/method.h"

/* What Read, Write and QueryWriteStatus share. */

extern const struct rpc_handler service_read_handler;  /* read.c */
extern const struct rpc_handler service_write_handler; /* write.c */

struct service_resource {
	struct cas_digest digest;
	bool zstd;
	char key[CAS_UPLOAD_KEY_MAX + 1]; /* write: what names the upload; metadata are not in it */
};

/* RPC_OK; else the status of the call, whose text is in v. */
enum rpc_status service_resource_parse(const struct service *s, const char *name,
	enum reapi_resource_kind kind, struct service_resource *ret, struct reapi_violation *v);
