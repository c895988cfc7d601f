/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The reader of replies. The first byte is the protocol version asked for (its lowest bit) and the
 * size of the pieces.
 */

#include <stdlib.h>

#include "wire/distcc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_reply_reader *r;
	size_t piece;

	if (size < 1)
		return 0;
	piece = (size_t)data[0] / 2 + 1;
	if (wire_reply_new(data[0] & 1 ? WIRE_LZO : WIRE_PLAIN, &r) < 0)
		return 0;
	for (size_t at = 1; at < size; at += piece) {
		size_t used = 0, n = MIN(piece, size - at);

		if (wire_reply_feed(r, data + at, n, &used) < 0) {
			if (wire_reply_done(r))
				abort();
			break;
		}
		if (used > n || (used < n && !wire_reply_done(r)))
			abort();
	}
	wire_reply_free(r);
	return 0;
}
