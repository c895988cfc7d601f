/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cas/zstream.h"

/*
 * Two bytes: the size that a digest names. One: how many bytes at a time. The rest is the stream.
 * Never more than the size comes out, in pieces and whole alike, and it always ends.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static int read_pieces(const uint8_t *data, size_t n, uint64_t size, size_t piece, struct buf *ret)
{
	struct zstream_reader *z;
	char out[256];
	size_t used, got;
	int r;

	require(zstream_reader_new(size, &z) == 0);
	do {
		r = zstream_reader_feed(z, data, MIN(piece, n), out, piece, &used, &got);
		if (r < 0)
			break;
		data += used;
		n -= used;
		require(buf_append(ret, out, got) == 0);
	} while (used > 0 || got > 0);
	if (r == 0)
		r = n == 0 && zstream_reader_done(z) ? 0 : 1;
	zstream_reader_free(z);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_fini) struct buf whole = BUF_INIT, pieces = BUF_INIT, again = BUF_INIT;
	uint64_t n;
	int r, q;

	if (size < 3)
		return 0;
	n = (uint64_t)data[0] | (uint64_t)data[1] << 8;
	r = zstream_decompress(data + 3, size - 3, n, &whole);
	q = read_pieces(data + 3, size - 3, n, (size_t)data[2] + 1, &pieces);
	require(r == 0 || r == -EBADMSG);
	require(whole.len == (r == 0 ? n : 0) && pieces.len <= n);
	/* In pieces libzstd takes some frames that it refuses whole (an empty compressed block). */
	require(r < 0 || q == 0);
	require(r < 0 || memcmp(buf_str(&whole), buf_str(&pieces), n) == 0);
	/* A compressor is large: not for each. */
	if (r == 0 && n % 16 == 0) {
		buf_clear(&pieces);
		require(zstream_compress(buf_str(&whole), n, &pieces) == 0);
		require(zstream_decompress(pieces.data, pieces.len, n, &again) == 0);
		require(again.len == n && memcmp(buf_str(&again), buf_str(&whole), n) == 0);
	}
	return 0;
}
