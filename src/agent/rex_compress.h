/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * Blobs on their way to a server that takes zstd: one context and one buffer for all of them, because
 * making these costs more than compressing a Directory does. Zeroed: nothing was made yet.
 */
enum {
	REX_COMPRESS_LEVEL = 1, /* three times the speed of 3, for a tenth more bytes */
	REX_COMPRESS_MIN = 200, /* bytes; smaller ones gain nothing */
};

struct rex_compress {
	struct ZSTD_CCtx_s *context;
	char *buf;
	size_t cap;
};

void rex_compress_fini(struct rex_compress *c); /* usable again */

/*
 * *ret, good until the next call, and its length. False: it is to go as it is, because that is not
 * much longer, or there is no memory.
 */
bool rex_compress(
	struct rex_compress *c, const void *data, size_t n, const char **ret, size_t *ret_n);
