/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cas/zstream.h"

#include <errno.h>
#include <stdlib.h>

#include <zstd.h>

/*
 * What keeps a hostile stream small: its window is bounded, what comes out is bounded by the size
 * that the digest names, and what goes in by what the worst compressor makes of that size, so that
 * endless empty or skippable frames end too.
 */

struct zstream_reader {
	ZSTD_DStream *d;
	uint64_t in_left, out_left;
	bool failed;
	bool between; /* frames: the last one has ended */
};

struct zstream_writer {
	ZSTD_CStream *c;
};

static uint64_t bound_of(uint64_t size)
{
	return size + size / 128 + ZSTREAM_SLACK;
}

int zstream_reader_new(uint64_t size, struct zstream_reader **ret)
{
	struct zstream_reader *z = calloc(1, sizeof(*z));

	if (!z)
		return -ENOMEM;
	z->d = ZSTD_createDStream();
	z->in_left = bound_of(size);
	z->out_left = size;
	if (!z->d || ZSTD_isError(ZSTD_DCtx_setParameter(
			     z->d, ZSTD_d_windowLogMax, ZSTREAM_WINDOW_LOG_MAX))) {
		zstream_reader_free(z);
		return -ENOMEM;
	}
	*ret = z;
	return 0;
}

void zstream_reader_free(struct zstream_reader *z)
{
	if (!z)
		return;
	ZSTD_freeDStream(z->d);
	free(z);
}

int zstream_reader_feed(struct zstream_reader *z, const void *data, size_t n, void *out,
	size_t room, size_t *ret_used, size_t *ret_n)
{
	ZSTD_inBuffer i = {.src = data, .size = n};
	ZSTD_outBuffer o = {.dst = out, .size = room};
	char extra;
	size_t hint;

	if (z->failed || n > z->in_left || room == 0) {
		z->failed = true;
		return -EBADMSG;
	}
	/* With no byte left to come, one that comes all the same shows by itself. */
	if (z->out_left == 0) {
		o.dst = &extra;
		o.size = 1;
	} else {
		o.size = (size_t)MIN((uint64_t)o.size, z->out_left);
	}
	hint = ZSTD_decompressStream(z->d, &o, &i);
	if (ZSTD_isError(hint) || o.pos > z->out_left) {
		z->failed = true;
		return -EBADMSG;
	}
	if (i.pos > 0 || o.pos > 0)
		z->between = hint == 0;
	z->in_left -= i.pos;
	z->out_left -= o.pos;
	*ret_used = i.pos;
	*ret_n = o.pos;
	return 0;
}

bool zstream_reader_done(const struct zstream_reader *z)
{
	return !z->failed && z->between && z->out_left == 0;
}

int zstream_writer_new(int level, struct zstream_writer **ret)
{
	struct zstream_writer *z = calloc(1, sizeof(*z));

	if (!z)
		return -ENOMEM;
	z->c = ZSTD_createCStream();
	if (!z->c || ZSTD_isError(ZSTD_CCtx_setParameter(z->c, ZSTD_c_compressionLevel, level)) ||
		ZSTD_isError(ZSTD_CCtx_setParameter(z->c, ZSTD_c_checksumFlag, 0))) {
		zstream_writer_free(z);
		return -ENOMEM;
	}
	*ret = z;
	return 0;
}

void zstream_writer_free(struct zstream_writer *z)
{
	if (!z)
		return;
	ZSTD_freeCStream(z->c);
	free(z);
}

int zstream_writer_feed(
	struct zstream_writer *z, const void *data, size_t n, bool last, struct buf *ret)
{
	ZSTD_inBuffer i = {.src = data, .size = n};
	size_t left = 1;

	while (i.pos < i.size || (last && left > 0)) {
		ZSTD_outBuffer o;
		int r = buf_reserve(ret, 1 << 12);

		if (r < 0)
			return r;
		o = (ZSTD_outBuffer){.dst = ret->data + ret->len, .size = ret->cap - ret->len - 1};
		left = ZSTD_compressStream2(z->c, &o, &i, last ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return -ENOMEM;
		ret->len += o.pos;
		ret->data[ret->len] = '\0';
	}
	return 0;
}

int zstream_compress(const void *data, size_t n, struct buf *ret)
{
	struct zstream_writer *z;
	size_t before = ret->len;
	int r = zstream_writer_new(ZSTREAM_LEVEL, &z);

	if (r < 0)
		return r;
	/* The size goes into the frame, so that a reader needs no larger window than it. */
	r = ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(z->c, n)) ? -ENOMEM : 0;
	if (r == 0)
		r = zstream_writer_feed(z, data, n, true, ret);
	zstream_writer_free(z);
	if (r < 0 && ret->data) {
		ret->len = before;
		ret->data[before] = '\0';
	}
	return r;
}

static int decompress_all(
	struct zstream_reader *z, const char *in, size_t n, char *out, uint64_t size)
{
	char extra;
	uint64_t at = 0;

	for (;;) {
		size_t used, got;
		bool full = at == size;
		int r = zstream_reader_feed(z, in, n, full ? &extra : out + at,
			full ? 1 : (size_t)(size - at), &used, &got);

		if (r < 0)
			return r;
		in += used;
		n -= used;
		at += got;
		if (n == 0 && zstream_reader_done(z))
			return 0;
		if (used == 0 && got == 0)
			return -EBADMSG;
	}
}

int zstream_decompress(const void *data, size_t n, uint64_t size, struct buf *ret)
{
	struct zstream_reader *z;
	int r;

	if (size > SIZE_MAX / 2)
		return -E2BIG;
	r = buf_reserve(ret, MAX((size_t)size, (size_t)1));
	if (r == 0)
		r = zstream_reader_new(size, &z);
	if (r < 0)
		return r;
	r = decompress_all(z, data, n, ret->data + ret->len, size);
	if (r == 0)
		ret->len += (size_t)size;
	ret->data[ret->len] = '\0';
	zstream_reader_free(z);
	return r;
}
