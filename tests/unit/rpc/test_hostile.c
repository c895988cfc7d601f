/* SPDX-License-Identifier: GPL-3.0-or-later */

/* A client that keeps to no rule: each limit of rpc/limits.h ends its session, and says why. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "raw.h"

enum { PROTOCOL_ERROR = 1, SETTINGS_TIMEOUT = 4, CALM = 11 };

struct raw {
	struct pair pair; /* only its server is fed */
	struct rpc_session *s;
	struct buf in, out;
	uint64_t now_ms;
};

static void open_raw(struct raw *r)
{
	memset(r, 0, sizeof(*r));
	assert_int_equal(pair_start(&r->pair, NULL, NULL), 0);
	r->s = r->pair.server;
	r->now_ms = r->pair.now_ms;
	raw_preface(&r->in);
}

static void close_raw(struct raw *r)
{
	buf_fini(&r->in);
	buf_fini(&r->out);
	pair_stop(&r->pair);
}

/* It ended for this reason, told the peer with this code, and every call was ended. */
static void check_refused(struct raw *r, const char *reason, uint32_t code)
{
	const uint8_t *goaway;
	size_t n;
	int error;

	raw_output(r->s, &r->out, r->now_ms);
	assert_true(rpc_session_ended(r->s));
	assert_false(rpc_session_wants_read(r->s));
	assert_non_null(strstr(rpc_session_reason(r->s, &error), reason));
	assert_true(error < 0);
	goaway = raw_find(&r->out, RAW_GOAWAY, 0, &n);
	assert_non_null(goaway);
	assert_int_equal(goaway[7], code);
	assert_int_equal(rpc_session_calls(r->s), 0);
	assert_int_equal(rpc_session_next_ms(r->s), RPC_NEVER);
}

static void check_open(struct raw *r)
{
	raw_output(r->s, &r->out, r->now_ms);
	assert_false(rpc_session_ended(r->s));
	assert_string_equal(rpc_session_reason(r->s, NULL), "");
	buf_clear(&r->out);
}

static void not_http2(void **state)
{
	struct raw r;
	int error;

	open_raw(&r);
	buf_clear(&r.in);
	assert_int_equal(buf_append_str(&r.in, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), 0);
	raw_feed(r.s, &r.in, r.now_ms);
	raw_output(r.s, &r.out, r.now_ms);
	assert_true(rpc_session_ended(r.s));
	assert_true(strlen(rpc_session_reason(r.s, &error)) > 0);
	assert_int_equal(error, -EPROTO);
	close_raw(&r);
}

/* What is fed after the end changes nothing. */
static void fed_after_end(void **state)
{
	struct raw r;

	open_raw(&r);
	raw_frame(&r.in, RAW_DATA, 0, 0, "x", 1); /* on stream 0 */
	raw_feed(r.s, &r.in, r.now_ms);
	raw_request(&r.in, 1, "/t.T/Hold", false);
	raw_feed(r.s, &r.in, r.now_ms);
	check_refused(&r, "PROTOCOL_ERROR", PROTOCOL_ERROR);
	assert_int_equal(served.heads, 0);
	close_raw(&r);
}

static void pings(void **state)
{
	struct raw r;

	open_raw(&r);
	for (unsigned i = 0; i < RPC_PINGS_BURST; i++) {
		raw_frame(&r.in, RAW_PING, 0, 0, "12345678", 8);
		raw_feed(r.s, &r.in, r.now_ms);
		raw_output(r.s, &r.out, r.now_ms);
	}
	check_open(&r);
	raw_frame(&r.in, RAW_PING, 0, 0, "12345678", 8);
	raw_feed(r.s, &r.in, r.now_ms);
	check_refused(&r, "PING", CALM);
	close_raw(&r);
}

/* A peer that pings and never reads. */
static void pings_unread(void **state)
{
	struct raw r;

	open_raw(&r);
	for (unsigned i = 0; i < RPC_OUTBOUND_ACKS_MAX + 10; i++)
		raw_frame(&r.in, RAW_PING, 0, 0, "12345678", 8);
	raw_feed(r.s, &r.in, r.now_ms);
	check_refused(&r, "does not read", CALM);
	close_raw(&r);
}

static void settings(void **state)
{
	struct raw r;

	open_raw(&r);
	for (unsigned i = 1; i < RPC_SETTINGS_BURST; i++)
		raw_frame(&r.in, RAW_SETTINGS, 0, 0, NULL, 0);
	raw_feed(r.s, &r.in, r.now_ms);
	check_open(&r);
	raw_frame(&r.in, RAW_SETTINGS, 0, 0, NULL, 0);
	raw_feed(r.s, &r.in, r.now_ms);
	check_refused(&r, "SETTINGS", CALM);
	close_raw(&r);
}

static void rapid_reset(void **state)
{
	struct raw r;
	uint32_t stream = 1;

	open_raw(&r);
	for (unsigned i = 0; i <= RPC_RESETS_BURST; i++, stream += 2) {
		if (i == RPC_RESETS_BURST)
			check_open(&r);
		raw_request(&r.in, stream, "/t.T/Hold", false);
		raw_frame(&r.in, RAW_RST_STREAM, 0, stream, "\0\0\0\x08", 4);
		raw_feed(r.s, &r.in, r.now_ms);
	}
	check_refused(&r, "reset", CALM);
	assert_int_equal(served.heads, RPC_RESETS_BURST + 1);
	assert_int_equal(served.ends, RPC_RESETS_BURST + 1);
	close_raw(&r);
}

/* At a rate that is fine it goes on for ever. */
static void slow_resets(void **state)
{
	struct raw r;
	uint32_t stream = 1;

	open_raw(&r);
	for (unsigned i = 0; i < 3 * RPC_RESETS_BURST; i++, stream += 2) {
		raw_request(&r.in, stream, "/t.T/Hold", false);
		raw_frame(&r.in, RAW_RST_STREAM, 0, stream, "\0\0\0\x08", 4);
		r.now_ms += 1000 / RPC_RESETS_PER_S;
		raw_feed(r.s, &r.in, r.now_ms);
	}
	check_open(&r);
	assert_int_equal(rpc_session_calls(r.s), 0);
	close_raw(&r);
}

/* Streams that it makes us reset, by a WINDOW_UPDATE of nothing. */
static void made_to_reset(void **state)
{
	struct raw r;
	uint32_t stream = 1;

	open_raw(&r);
	for (unsigned i = 0; i <= RPC_RESETS_BURST && rpc_session_wants_read(r.s);
		i++, stream += 2) {
		raw_request(&r.in, stream, "/t.T/Hold", false);
		raw_frame(&r.in, RAW_WINDOW_UPDATE, 0, stream, "\x7f\xff\xff\xff", 4);
		raw_feed(r.s, &r.in, r.now_ms);
		raw_output(r.s, &r.out, r.now_ms);
	}
	check_refused(&r, "reset", CALM);
	assert_true(served.heads <= RPC_RESETS_BURST + 1);
	assert_int_equal(served.ends, served.heads);
	close_raw(&r);
}

static void empty_data(void **state)
{
	struct raw r;

	open_raw(&r);
	raw_request(&r.in, 1, "/t.T/Sink", false);
	for (unsigned i = 0; i < RPC_EMPTY_DATA_BURST; i++)
		raw_frame(&r.in, RAW_DATA, 0, 1, NULL, 0);
	raw_feed(r.s, &r.in, r.now_ms);
	check_open(&r);
	raw_frame(&r.in, RAW_DATA, 0, 1, NULL, 0);
	raw_feed(r.s, &r.in, r.now_ms);
	check_refused(&r, "empty DATA", CALM);
	close_raw(&r);
}

static void cheap_frames(void **state)
{
	static const unsigned types[] = {RAW_PRIORITY, RAW_WINDOW_UPDATE};

	for (size_t t = 0; t < ARRAY_SIZE(types); t++) {
		struct raw r;

		open_raw(&r);
		for (unsigned i = 0; i <= RPC_CHEAP_BURST; i++)
			raw_frame(&r.in, types[t], 0, types[t] == RAW_PRIORITY ? 3 : 0,
				"\0\0\0\1\0", types[t] == RAW_PRIORITY ? 5 : 4);
		for (size_t at = 0; at < r.in.len; at += 65536)
			assert_int_equal(rpc_session_feed(r.s, r.in.data + at,
						 MIN(r.in.len - at, (size_t)65536), r.now_ms),
				0);
		check_refused(&r, "control frames", CALM);
		close_raw(&r);
	}
}

static void continuations(void **state)
{
	struct raw r;
	AUTO(buf_fini) struct buf block = BUF_INIT;

	open_raw(&r);
	raw_field(&block, ":method", "POST");
	raw_frame(&r.in, RAW_HEADERS, 0, 1, block.data, block.len);
	for (unsigned i = 0; i < RPC_CONTINUATIONS_MAX; i++)
		raw_frame(&r.in, RAW_CONTINUATION, 0, 1, NULL, 0);
	raw_feed(r.s, &r.in, r.now_ms);
	check_open(&r);
	raw_frame(&r.in, RAW_CONTINUATION, 0, 1, NULL, 0);
	raw_feed(r.s, &r.in, r.now_ms);
	check_refused(&r, "CONTINUATION", CALM);
	assert_int_equal(served.heads, 0);
	close_raw(&r);
}

/* Too many fields, or too large: that call is refused, the next is not. */
static void header_list(void **state)
{
	struct raw r;
	static char value[RPC_HEADER_LIST_MAX];
	size_t n;

	memset(value, 'v', sizeof(value) - 1);
	open_raw(&r);
	for (int kind = 0; kind < 2; kind++) {
		AUTO(buf_fini) struct buf block = BUF_INIT;

		raw_field(&block, ":method", "POST");
		raw_field(&block, ":scheme", "http");
		raw_field(&block, ":authority", "a");
		raw_field(&block, ":path", "/t.T/Hold");
		raw_field(&block, "content-type", "application/grpc");
		if (kind == 0)
			raw_field(&block, "x", value);
		for (int i = 0; kind == 1 && i < RPC_FIELDS_LIST_MAX; i++)
			raw_field(&block, "x", "");
		raw_frame(&r.in, RAW_HEADERS, RAW_END_STREAM, 1 + 2 * (uint32_t)kind, block.data,
			MIN(block.len, (size_t)16384));
		raw_frame(&r.in, RAW_CONTINUATION, RAW_END_HEADERS, 1 + 2 * (uint32_t)kind,
			block.data + MIN(block.len, (size_t)16384),
			block.len - MIN(block.len, (size_t)16384));
		raw_feed(r.s, &r.in, r.now_ms);
		raw_output(r.s, &r.out, r.now_ms);
		assert_int_equal(r.pair.ended, kind + 1);
		assert_int_equal(r.pair.last.status, RPC_RESOURCE_EXHAUSTED);
	}
	assert_int_equal(served.heads, 0);
	raw_request(&r.in, 5, "/t.T/Hold", false);
	raw_feed(r.s, &r.in, r.now_ms);
	assert_int_equal(served.heads, 1);
	assert_null(raw_find(&r.out, RAW_GOAWAY, 0, &n));
	close_raw(&r);
}

static void streams(void **state)
{
	struct raw r;
	const uint8_t *reset;
	uint32_t stream = 1;
	size_t n;

	open_raw(&r);
	raw_feed(r.s, &r.in, r.now_ms);
	raw_output(r.s, &r.out, r.now_ms);
	buf_clear(&r.out);
	raw_frame(&r.in, RAW_SETTINGS, RAW_ACK, 0, NULL, 0);
	for (unsigned i = 0; i < RPC_STREAMS_MAX; i++, stream += 2)
		raw_request(&r.in, stream, "/t.T/Hold", false);
	raw_feed(r.s, &r.in, r.now_ms);
	check_open(&r);
	assert_int_equal(served.heads, RPC_STREAMS_MAX);
	raw_request(&r.in, stream, "/t.T/Hold", false);
	raw_feed(r.s, &r.in, r.now_ms);
	raw_output(r.s, &r.out, r.now_ms);
	reset = raw_find(&r.out, RAW_RST_STREAM, 0, &n);
	if (!reset)
		assert_non_null(raw_find(&r.out, RAW_GOAWAY, 0, &n));
	assert_int_equal(served.heads, RPC_STREAMS_MAX);
	close_raw(&r);
}

static void silent(void **state)
{
	struct raw r;

	open_raw(&r);
	buf_clear(&r.in);
	assert_int_equal(rpc_session_next_ms(r.s), r.now_ms + RPC_HANDSHAKE_MS);
	r.now_ms += RPC_HANDSHAKE_MS;
	rpc_session_tick(r.s, r.now_ms);
	check_refused(&r, "SETTINGS", SETTINGS_TIMEOUT);
	close_raw(&r);
}

/* One byte of a header block now and then. */
static void slow_headers(void **state)
{
	struct raw r;
	AUTO(buf_fini) struct buf request = BUF_INIT;

	open_raw(&r);
	raw_feed(r.s, &r.in, r.now_ms);
	raw_request(&request, 1, "/t.T/Hold", false);
	for (size_t i = 0; i < 15; i++) {
		assert_int_equal(rpc_session_feed(r.s, request.data + i, 1, r.now_ms), 0);
		r.now_ms += 1000;
		rpc_session_tick(r.s, r.now_ms);
		assert_false(rpc_session_ended(r.s));
	}
	for (size_t i = 15; i < 19; i++) {
		assert_int_equal(rpc_session_feed(r.s, request.data + i, 1, r.now_ms), 0);
		r.now_ms += 1000;
		rpc_session_tick(r.s, r.now_ms);
	}
	check_refused(&r, "header block", CALM);
	close_raw(&r);
}

/* --- what is HTTP/2, but no gRPC --- */

static void request_with(struct raw *r, uint32_t stream, const char *method,
	const char *content_type, const char *name, const char *value)
{
	AUTO(buf_fini) struct buf block = BUF_INIT;

	raw_field(&block, ":method", method);
	raw_field(&block, ":scheme", "http");
	raw_field(&block, ":authority", "a");
	raw_field(&block, ":path", "/t.T/Hold");
	if (content_type)
		raw_field(&block, "content-type", content_type);
	if (name)
		raw_field(&block, name, value);
	raw_frame(&r->in, RAW_HEADERS, RAW_END_HEADERS | RAW_END_STREAM, stream, block.data,
		block.len);
	raw_feed(r->s, &r->in, r->now_ms);
}

/* The response's first field is :status: indexed for 200, else text. */
static void check_http(struct raw *r, const char *code)
{
	const uint8_t *p;
	size_t n;

	raw_output(r->s, &r->out, r->now_ms);
	p = raw_find(&r->out, RAW_HEADERS, 0, &n);
	assert_non_null(p);
	assert_true(n > 6);
	if (str_eq(code, "200")) {
		assert_int_equal(p[0], 0x88);
	} else {
		assert_memory_equal(p + 2, code, 3);
	}
	buf_clear(&r->out);
}

static void not_grpc(void **state)
{
	static const struct {
		const char *method, *type, *name, *value, *http;
		enum rpc_status status; /* RPC_OK: served */
	} cases[] = {
		{"POST", "application/grpc", NULL, NULL, NULL, RPC_OK},
		{"POST", "application/grpc+proto", NULL, NULL, NULL, RPC_OK},
		{"POST", "application/grpc;x=y", NULL, NULL, NULL, RPC_OK},
		{"POST", "application/grpc", "grpc-encoding", "identity", NULL, RPC_OK},
		{"POST", "application/grpcx", NULL, NULL, "415", RPC_INTERNAL},
		{"POST", "application/json", NULL, NULL, "415", RPC_INTERNAL},
		{"POST", NULL, NULL, NULL, "415", RPC_INTERNAL},
		{"GET", "application/grpc", NULL, NULL, "405", RPC_INTERNAL},
		{"PUT", "application/grpc", NULL, NULL, "405", RPC_INTERNAL},
		{"POST", "application/grpc", "grpc-encoding", "gzip", "200", RPC_UNIMPLEMENTED},
		{"POST", "application/grpc", "grpc-timeout", "1x", "200", RPC_INTERNAL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct raw r;

		/* A connection each: HPACK would shorten what it has said before. */
		open_raw(&r);
		raw_feed(r.s, &r.in, r.now_ms);
		raw_output(r.s, &r.out, r.now_ms);
		buf_clear(&r.out);
		request_with(&r, 1, cases[i].method, cases[i].type, cases[i].name, cases[i].value);
		assert_int_equal(served.heads, cases[i].status == RPC_OK);
		if (cases[i].status != RPC_OK) {
			check_http(&r, cases[i].http);
			assert_int_equal(r.pair.last.status, cases[i].status);
		}
		close_raw(&r);
	}
}

/* --- wrong in gRPC's framing --- */

static void bad_messages(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		bool end;
		enum rpc_status status;
	} cases[] = {
		{"\1\0\0\0\1x", 6, false, RPC_UNIMPLEMENTED},
		{"\2\0\0\0\1x", 6, false, RPC_INTERNAL},
		{"\0\xff\xff\xff\xff", 5, false, RPC_RESOURCE_EXHAUSTED},
		{"\0\0\0\0\2x", 6, true, RPC_INTERNAL},
		{"\0\0\0", 3, true, RPC_INTERNAL},
		{"\0\0\0\0\1xy", 7, true, RPC_INTERNAL},
	};
	struct raw r;
	uint32_t stream = 1;

	open_raw(&r);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++, stream += 2) {
		served.ends = 0;
		raw_request(&r.in, stream, "/t.T/Hold", false);
		raw_frame(&r.in, RAW_DATA, cases[i].end ? RAW_END_STREAM : 0, stream,
			cases[i].bytes, cases[i].n);
		raw_feed(r.s, &r.in, r.now_ms);
		assert_int_equal(served.ends, 1);
		assert_int_equal(served.status, cases[i].status);
		assert_int_equal(served.half_closes, 0);
	}
	check_open(&r);
	assert_int_equal(rpc_session_calls(r.s), 0);
	close_raw(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_http2),
		cmocka_unit_test(fed_after_end),
		cmocka_unit_test(pings),
		cmocka_unit_test(pings_unread),
		cmocka_unit_test(settings),
		cmocka_unit_test(rapid_reset),
		cmocka_unit_test(slow_resets),
		cmocka_unit_test(made_to_reset),
		cmocka_unit_test(empty_data),
		cmocka_unit_test(cheap_frames),
		cmocka_unit_test(continuations),
		cmocka_unit_test(header_list),
		cmocka_unit_test(streams),
		cmocka_unit_test(silent),
		cmocka_unit_test(slow_headers),
		cmocka_unit_test(not_grpc),
		cmocka_unit_test(bad_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
