/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A token's file: what is taken can be sent, and no refusal repeats what may be a secret. */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rex_secrets.h"
#include "rpc/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(util_free) char *authorization = NULL, *why = NULL, *other = NULL;
	struct rpc_metadata m = RPC_METADATA_INIT;
	int r = rex_secrets_parse("/t", (const char *)data, size, &authorization, &why);

	if (r == REX_SECRETS_BAD) {
		assert(why && !strchr(why, '\n') && strlen(why) < 200);
		return 0;
	}
	if (r < 0)
		return 0;
	assert(strlen(authorization) > 7 && strlen(authorization) <= 7 + REX_TOKEN_MAX);
	assert(rpc_metadata_add(&m, "authorization", authorization) == 0);
	/* The token alone is a file that says the same. */
	assert(rex_secrets_parse(
		       "/t", authorization + 7, strlen(authorization) - 7, &other, &why) == 0);
	assert(str_eq(authorization, other));
	rpc_metadata_fini(&m);
	return 0;
}
