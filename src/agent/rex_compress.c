/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rex_compress.h"

#include <stdlib.h>

#include <zstd.h>

void rex_compress_fini(struct rex_compress *c)
{
	ZSTD_freeCCtx(c->context);
	free(c->buf);
	*c = (struct rex_compress){.context = NULL};
}

static bool reserve(struct rex_compress *c, size_t n)
{
	char *buf;

	if (!c->context)
		c->context = ZSTD_createCCtx();
	if (!c->context || n <= c->cap)
		return c->context;
	buf = realloc(c->buf, n);
	if (!buf)
		return false;
	c->buf = buf;
	c->cap = n;
	return true;
}

bool rex_compress(
	struct rex_compress *c, const void *data, size_t n, const char **ret, size_t *ret_n)
{
	size_t most = n - n / 8, made;

	/* What does not fit into most is an error of zstd's, and not worth it. */
	if (n < REX_COMPRESS_MIN || !reserve(c, most))
		return false;
	made = ZSTD_compressCCtx(c->context, c->buf, most, data, n, REX_COMPRESS_LEVEL);
	if (ZSTD_isError(made))
		return false;
	*ret = c->buf;
	*ret_n = made;
	return true;
}
