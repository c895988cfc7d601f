/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "wire/distcc.h"

static void fill(struct buf *b, size_t n, unsigned mask)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		assert_int_equal(buf_append_char(b, (char)((x >> 24) & mask)), 0);
	}
}

static void test_round_trip(void **state)
{
	static const struct {
		size_t n;
		unsigned mask;
	} cases[] = {{0, 0}, {1, 0xff}, {100, 0xff}, {100000, 0xff}, {100000, 0x03}, {3000000, 0}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf in = BUF_INIT, block = BUF_INIT, out = BUF_INIT;

		fill(&in, cases[i].n, cases[i].mask);
		assert_int_equal(buf_append_str(&block, "ab"), 0);
		assert_int_equal(buf_append_str(&out, "xyz"), 0);
		assert_int_equal(wire_compress(in.data, in.len, &block), 0);
		assert_int_equal(
			wire_decompress(block.data + 2, block.len - 2, WIRE_BODY_MAX, &out), 0);
		assert_int_equal(out.len, in.len + 3);
		assert_memory_equal(block.data, "ab", 2);
		assert_memory_equal(out.data, "xyz", 3);
		if (in.len > 0)
			assert_memory_equal(out.data + 3, in.data, in.len);
		assert_int_equal(out.data[out.len], '\0');
	}
}

static void test_limit(void **state)
{
	AUTO(buf_fini) struct buf in = BUF_INIT, block = BUF_INIT, out = BUF_INIT;

	fill(&in, 3000000, 0);
	assert_int_equal(wire_compress(in.data, in.len, &block), 0);
	assert_int_equal(wire_decompress(block.data, block.len, 2999999, &out), -EBADMSG);
	assert_int_equal(out.len, 0);
	assert_int_equal(wire_decompress(block.data, block.len, 3000000, &out), 0);
	assert_int_equal(out.len, 3000000);
}

static void test_not_a_block(void **state)
{
	static const char rubbish[] = "this is no block of LZO at all, whatever it may look like";
	AUTO(buf_fini) struct buf in = BUF_INIT, block = BUF_INIT, out = BUF_INIT;

	assert_int_equal(wire_decompress(rubbish, sizeof(rubbish), WIRE_BODY_MAX, &out), -EBADMSG);
	assert_int_equal(out.len, 0);
	fill(&in, 1000, 0x07);
	assert_int_equal(wire_compress(in.data, in.len, &block), 0);
	for (size_t n = 1; n < block.len; n++)
		assert_int_equal(wire_decompress(block.data, n, WIRE_BODY_MAX, &out), -EBADMSG);
}

static void test_not_built_in(void **state)
{
	AUTO(buf_fini) struct buf out = BUF_INIT;

	assert_int_equal(wire_compress("a", 1, &out), -EOPNOTSUPP);
	assert_int_equal(wire_decompress("a", 1, 10, &out), -EOPNOTSUPP);
	assert_int_equal(wire_compress("", 0, &out), 0);
}

int main(void)
{
	static const struct CMUnitTest with[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_not_a_block),
	};
	static const struct CMUnitTest without[] = {cmocka_unit_test(test_not_built_in)};

	return wire_lzo_available() ? cmocka_run_group_tests(with, NULL, NULL)
				    : cmocka_run_group_tests(without, NULL, NULL);
}
