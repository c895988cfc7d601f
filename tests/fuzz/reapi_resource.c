/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Resource names. The first byte chooses between read and write; what is accepted must be written
 * so that it is read the same again.
 */

#include <stdlib.h>
#include <string.h>

#include "reapi/resource.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static void check(const struct reapi_resource *r)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_resource again;

	if (reapi_resource_write(r, &b) < 0)
		abort();
	if (reapi_resource_parse(b.data, r->kind, &again, NULL) != 0)
		abort();
	if (again.compressor != r->compressor || !reapi_digest_eq(&again.digest, &r->digest) ||
		!same(again.instance, again.instance_len, r->instance, r->instance_len) ||
		!same(again.uuid, again.uuid_len, r->uuid, r->uuid_len) ||
		!same(again.metadata, again.metadata_len, r->metadata, r->metadata_len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(util_free) char *name = NULL;
	struct reapi_violation v = {.text = ""};
	struct reapi_resource r;
	int q;

	if (size < 1)
		return 0;
	name = strndup((const char *)data + 1, size - 1);
	if (!name)
		abort();
	q = reapi_resource_parse(
		name, data[0] & 1 ? REAPI_RESOURCE_WRITE : REAPI_RESOURCE_READ, &r, &v);
	if (q == 0)
		check(&r);
	else if (q < 0 || v.text[0] == '\0')
		abort();
	(void)!reapi_instance_check(name, &v);
	return 0;
}
