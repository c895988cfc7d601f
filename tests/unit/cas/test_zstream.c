/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "cas/zstream.h"
#include "failing.h"

static void fill(struct buf *b, size_t n, unsigned mask)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		assert_int_equal(buf_append_char(b, (char)((x >> 24) & mask)), 0);
	}
}

/* Through small windows on both sides. */
static int read_all(const struct buf *z, uint64_t size, size_t piece, struct buf *ret)
{
	struct zstream_reader *r;
	char out[1000];
	size_t at = 0, used, got;
	int q = 0;
	bool done;

	assert_int_equal(zstream_reader_new(size, &r), 0);
	do {
		q = zstream_reader_feed(r, z->data + at, MIN(piece, z->len - at), out,
			MIN(piece, sizeof(out)), &used, &got);
		if (q < 0)
			break;
		at += used;
		assert_int_equal(buf_append(ret, out, got), 0);
	} while (at < z->len || got > 0);
	done = zstream_reader_done(r);
	assert_false(q < 0 && done);
	if (q < 0)
		assert_int_equal(zstream_reader_feed(r, "", 0, out, 1, &used, &got), -EBADMSG);
	zstream_reader_free(r);
	return q < 0 ? q : done ? 0 : 1;
}

static void test_round_trip(void **state)
{
	static const struct {
		size_t n;
		unsigned mask;
	} cases[] = {{0, 0}, {1, 255}, {999, 255}, {200000, 255}, {200000, 3}, {1 << 20, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf in = BUF_INIT, z = BUF_INIT, whole = BUF_INIT;
		AUTO(buf_fini) struct buf streamed = BUF_INIT;
		struct zstream_writer *w;

		fill(&in, cases[i].n, cases[i].mask);
		assert_int_equal(zstream_compress(buf_str(&in), in.len, &z), 0);
		assert_int_equal(zstream_decompress(z.data, z.len, in.len, &whole), 0);
		assert_int_equal(whole.len, in.len);
		assert_memory_equal(buf_str(&whole), buf_str(&in), in.len);
		assert_int_equal(zstream_writer_new(ZSTREAM_LEVEL, &w), 0);
		for (size_t at = 0; at < in.len; at += 7000)
			assert_int_equal(zstream_writer_feed(w, in.data + at,
						 MIN((size_t)7000, in.len - at), false, &streamed),
				0);
		assert_int_equal(zstream_writer_feed(w, "", 0, true, &streamed), 0);
		zstream_writer_free(w);
		for (size_t piece = 1; piece <= 1000; piece *= 10) {
			AUTO(buf_fini) struct buf out = BUF_INIT;

			if (in.len > 100000 && piece == 1)
				continue;
			assert_int_equal(read_all(&streamed, in.len, piece, &out), 0);
			assert_int_equal(out.len, in.len);
			assert_memory_equal(buf_str(&out), buf_str(&in), in.len);
		}
	}
}

static void test_wrong_size(void **state)
{
	AUTO(buf_fini) struct buf in = BUF_INIT, z = BUF_INIT, out = BUF_INIT;

	fill(&in, 100000, 3);
	assert_int_equal(zstream_compress(in.data, in.len, &z), 0);
	assert_int_equal(zstream_decompress(z.data, z.len, 99999, &out), -EBADMSG);
	assert_int_equal(zstream_decompress(z.data, z.len, 100001, &out), -EBADMSG);
	assert_int_equal(zstream_decompress(z.data, z.len, 0, &out), -EBADMSG);
	for (size_t n = 0; n < 40; n++)
		assert_int_equal(zstream_decompress(z.data, n, 100000, &out), -EBADMSG);
	assert_int_equal(zstream_decompress("", 0, 0, &out), -EBADMSG);
	assert_int_equal(out.len, 0);
	buf_clear(&out);
	assert_int_equal(read_all(&z, 99999, 1000, &out), -EBADMSG);
	buf_clear(&out);
	assert_int_equal(read_all(&z, 100001, 1000, &out), 1);
	/* What follows the last frame has to be one. */
	assert_int_equal(buf_append_str(&z, "rubbish"), 0);
	buf_clear(&out);
	assert_int_equal(read_all(&z, 100000, 1000, &out), -EBADMSG);
}

static void test_bombs(void **state)
{
	AUTO(buf_fini) struct buf zeros = BUF_INIT, z = BUF_INIT, out = BUF_INIT;
	AUTO(buf_fini) struct buf endless = BUF_INIT, wide = BUF_INIT;
	static const char skippable[8] = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
	ZSTD_CStream *c = ZSTD_createCStream();
	ZSTD_inBuffer i;
	ZSTD_outBuffer o;

	fill(&zeros, 16 << 20, 0);
	assert_int_equal(zstream_compress(zeros.data, zeros.len, &z), 0);
	assert_true(z.len < 10000);
	assert_int_equal(read_all(&z, 1000, 1000, &out), -EBADMSG);
	assert_true(out.len <= 1000);
	/* Frames of nothing, for ever. */
	for (size_t n = 0; n < 2 * ZSTREAM_SLACK; n += sizeof(skippable))
		assert_int_equal(buf_append(&endless, skippable, sizeof(skippable)), 0);
	assert_int_equal(read_all(&endless, 10, 1000, &out), -EBADMSG);
	/* A window that would need 64 MiB. */
	assert_int_equal(buf_reserve(&wide, 1 << 20), 0);
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 26);
	i = (ZSTD_inBuffer){.src = zeros.data, .size = zeros.len};
	o = (ZSTD_outBuffer){.dst = wide.data, .size = 1 << 20};
	ZSTD_compressStream2(c, &o, &i, ZSTD_e_flush);
	wide.len = o.pos;
	ZSTD_freeCStream(c);
	buf_clear(&out);
	assert_int_equal(read_all(&wide, zeros.len, 1000, &out), -EBADMSG);
	assert_int_equal(out.len, 0);
}

static void test_no_memory(void **state)
{
	for (unsigned n = 1; failing_start(n); n++) {
		AUTO(buf_fini) struct buf z = BUF_INIT, out = BUF_INIT;
		int r = zstream_compress("abc", 3, &z);
		bool failed;

		if (r == 0)
			r = zstream_decompress(z.data, z.len, 3, &out);
		failed = failing_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
	}
	zstream_reader_free(NULL);
	zstream_writer_free(NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_wrong_size),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
