/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

void raw_frame(struct buf *b, unsigned type, unsigned flags, uint32_t stream, const void *payload,
	size_t n)
{
	uint8_t head[9] = {(uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, (uint8_t)type,
		(uint8_t)flags, (uint8_t)(stream >> 24), (uint8_t)(stream >> 16),
		(uint8_t)(stream >> 8), (uint8_t)stream};

	assert_int_equal(buf_append(b, head, sizeof(head)), 0);
	assert_int_equal(buf_append(b, payload, n), 0);
}

void raw_preface(struct buf *b)
{
	assert_int_equal(buf_append_str(b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0);
	raw_frame(b, RAW_SETTINGS, 0, 0, NULL, 0);
}

static void raw_string(struct buf *b, const char *s)
{
	size_t n = strlen(s);

	/* HPACK's integers, with a prefix of seven bits. */
	if (n < 127) {
		assert_int_equal(buf_append_char(b, (char)n), 0);
	} else {
		assert_int_equal(buf_append_char(b, 127), 0);
		size_t rest = n - 127;

		for (; rest >= 128; rest >>= 7)
			assert_int_equal(buf_append_char(b, (char)(rest % 128 + 128)), 0);
		assert_int_equal(buf_append_char(b, (char)rest), 0);
	}
	assert_int_equal(buf_append(b, s, n), 0);
}

void raw_field(struct buf *b, const char *name, const char *value)
{
	assert_int_equal(buf_append_char(b, 0), 0);
	raw_string(b, name);
	raw_string(b, value);
}

void raw_request(struct buf *b, uint32_t stream, const char *path, bool end)
{
	AUTO(buf_fini) struct buf block = BUF_INIT;

	raw_field(&block, ":method", "POST");
	raw_field(&block, ":scheme", "http");
	raw_field(&block, ":authority", "a");
	raw_field(&block, ":path", path);
	raw_field(&block, "content-type", "application/grpc");
	raw_frame(b, RAW_HEADERS, RAW_END_HEADERS | (end ? RAW_END_STREAM : 0), stream, block.data,
		block.len);
}

void raw_feed(struct rpc_session *s, struct buf *b, uint64_t now_ms)
{
	assert_int_equal(rpc_session_feed(s, buf_str(b), b->len, now_ms), 0);
	buf_clear(b);
}

void raw_output(struct rpc_session *s, struct buf *b, uint64_t now_ms)
{
	for (;;) {
		const void *data;
		size_t n;

		assert_int_equal(rpc_session_output(s, now_ms, &data, &n), 0);
		if (n == 0)
			return;
		assert_int_equal(buf_append(b, data, n), 0);
		rpc_session_consumed(s, n);
	}
}

const uint8_t *raw_find(const struct buf *b, unsigned type, unsigned nth, size_t *ret_n)
{
	const uint8_t *p = (const uint8_t *)buf_str(b);

	for (size_t at = 0; at + 9 <= b->len;) {
		size_t n = (size_t)p[at] << 16 | (size_t)p[at + 1] << 8 | p[at + 2];

		if (p[at + 3] == type && nth-- == 0) {
			*ret_n = n;
			return p + at + 9;
		}
		at += 9 + n;
	}
	return NULL;
}
