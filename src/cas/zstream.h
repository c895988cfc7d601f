/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/*
 * zstd as streams, from buffers to buffers, with bounded memory whatever the input says: windows
 * are at most 1 << ZSTREAM_WINDOW_LOG_MAX (levels up to 19 need no more).
 */
enum {
	ZSTREAM_WINDOW_LOG_MAX = 23,
	ZSTREAM_LEVEL = 3,
	ZSTREAM_SLACK = 1 << 16, /* compressed bytes beyond what the worst compressor needs */
};

struct zstream_reader;

/* size: bytes that have to come out, no more and no less. */
int zstream_reader_new(uint64_t size, struct zstream_reader **ret) MUST_CHECK;
void zstream_reader_free(struct zstream_reader *z); /* NULL: nothing */

/*
 * Take some of the n bytes at data and give some of what they stand for: at most room bytes at out.
 * Call again with the rest until *ret_used is n and *ret_n is less than room. 0; -EBADMSG: not
 * zstd, a window too large, more than size comes out, or far more goes in than size can need. After
 * an error every call fails.
 */
int zstream_reader_feed(struct zstream_reader *z, const void *data, size_t n, void *out,
	size_t room, size_t *ret_used, size_t *ret_n) MUST_CHECK;

/* Did exactly size bytes come out, and has the last frame ended? */
bool zstream_reader_done(const struct zstream_reader *z);

struct zstream_writer;

int zstream_writer_new(int level, struct zstream_writer **ret) MUST_CHECK;
void zstream_writer_free(struct zstream_writer *z); /* NULL: nothing */

/* Append what n more bytes compress to (may be nothing yet) to ret; last: end the frame. */
int zstream_writer_feed(struct zstream_writer *z, const void *data, size_t n, bool last,
	struct buf *ret) MUST_CHECK;

/* Whole blobs, for batches. -EBADMSG as above; what comes out is appended to ret. */
int zstream_compress(const void *data, size_t n, struct buf *ret) MUST_CHECK;
int zstream_decompress(const void *data, size_t n, uint64_t size, struct buf *ret) MUST_CHECK;
