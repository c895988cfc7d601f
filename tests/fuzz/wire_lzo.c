/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Decompression of what a peer sent; and whatever it gives, compressed, gives itself again. */

#include <stdlib.h>
#include <string.h>

#include "wire/distcc.h"

enum { LIMIT = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_fini) struct buf out = BUF_INIT, block = BUF_INIT, again = BUF_INIT;

	if (!wire_lzo_available() || wire_decompress(data, size, LIMIT, &out) < 0)
		return 0;
	if (out.len > LIMIT)
		abort();
	if (wire_compress(out.data, out.len, &block) < 0 ||
		wire_decompress(block.data, block.len, LIMIT, &again) < 0)
		abort();
	if (again.len != out.len || (out.len > 0 && memcmp(again.data, out.data, out.len) != 0))
		abort();
	return 0;
}
