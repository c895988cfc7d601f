/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <string.h>

#include "cas/digest.h"
#include "reapi/digest.h"

/* The same digest for the messages (reapi/) and for the store (cas/), which know not each other. */

_Static_assert((int)REAPI_HASH_SIZE == (int)CAS_HASH_SIZE, "both are SHA-256");

static inline struct cas_digest service_to_cas(const struct reapi_digest *d)
{
	struct cas_digest c = {.size = d->size};

	memcpy(c.hash, d->hash, sizeof(c.hash));
	return c;
}

static inline struct reapi_digest service_to_reapi(const struct cas_digest *d)
{
	struct reapi_digest r = {.size = d->size};

	memcpy(r.hash, d->hash, sizeof(r.hash));
	return r;
}

/* A message's digest (NULL: left out) for the store. 0, REAPI_INVALID. */
static inline int MUST_CHECK service_digest_from_proto(
	const re_digest *m, struct cas_digest *ret, struct reapi_violation *v)
{
	struct reapi_digest d;
	int r = reapi_digest_from_proto(m, &d, v);

	if (r == 0)
		*ret = service_to_cas(&d);
	return r;
}
