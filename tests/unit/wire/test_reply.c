/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "wire/distcc.h"

#define PLAIN "DONE00000001STAT00000100SERR00000006error\nSOUT00000000DOTO00000003obj"

static void release(struct wire_reply_reader **r)
{
	wire_reply_free(*r);
}

static int feed(struct wire_reply_reader *r, const char *text, size_t n, size_t piece)
{
	for (size_t at = 0; at < n; at += piece) {
		size_t used, len = MIN(piece, n - at);
		int q = wire_reply_feed(r, text + at, len, &used);

		if (q < 0)
			return q;
		assert_true(used == len || wire_reply_done(r));
	}
	return 0;
}

static void test_plain(void **state)
{
	for (size_t piece = 1; piece <= strlen(PLAIN); piece++) {
		AUTO(release) struct wire_reply_reader *r = NULL;

		assert_int_equal(wire_reply_new(WIRE_PLAIN, &r), 0);
		assert_int_equal(feed(r, PLAIN, strlen(PLAIN) - 1, piece), 0);
		assert_false(wire_reply_done(r));
		assert_int_equal(feed(r, "j", 1, 1), 0);
		assert_true(wire_reply_done(r));
		assert_int_equal(wire_reply_get(r)->status, 0x100);
		assert_string_equal(buf_str(&wire_reply_get(r)->err), "error\n");
		assert_string_equal(buf_str(&wire_reply_get(r)->out), "");
		assert_string_equal(buf_str(&wire_reply_get(r)->object), "obj");
	}
}

static void test_round_trip(void **state)
{
	for (int v = WIRE_PLAIN; v <= (wire_lzo_available() ? WIRE_LZO : WIRE_PLAIN); v++) {
		struct wire_reply reply = {.status = 0x0b};
		AUTO(release) struct wire_reply_reader *r = NULL;
		AUTO(buf_fini) struct buf bytes = BUF_INIT;
		size_t used;

		assert_int_equal(buf_append_str(&reply.err, "a warning"), 0);
		for (int i = 0; i < 20000; i++)
			assert_int_equal(buf_printf(&reply.object, "%d", i), 0);
		assert_int_equal(wire_reply_write((enum wire_version)v, &reply, &bytes), 0);
		assert_int_equal(buf_append_str(&bytes, "tail"), 0);
		assert_int_equal(wire_reply_new((enum wire_version)v, &r), 0);
		assert_int_equal(wire_reply_feed(r, bytes.data, bytes.len, &used), 0);
		assert_true(wire_reply_done(r));
		assert_int_equal(used, bytes.len - 4);
		assert_int_equal(wire_reply_get(r)->status, 0x0b);
		assert_string_equal(buf_str(&wire_reply_get(r)->err), "a warning");
		assert_int_equal(wire_reply_get(r)->out.len, 0);
		assert_string_equal(buf_str(&wire_reply_get(r)->object), buf_str(&reply.object));
		wire_reply_fini(&reply);
	}
}

static void test_written_as_observed(void **state)
{
	struct wire_reply reply = {.status = 0x100};
	AUTO(buf_fini) struct buf bytes = BUF_INIT;

	assert_int_equal(buf_append_str(&reply.err, "error\n"), 0);
	assert_int_equal(buf_append_str(&reply.object, "obj"), 0);
	assert_int_equal(wire_reply_write(WIRE_PLAIN, &reply, &bytes), 0);
	assert_string_equal(buf_str(&bytes), PLAIN);
	wire_reply_fini(&reply);
}

static void test_refused(void **state)
{
	static const struct {
		enum wire_version version;
		const char *text, *error;
	} cases[] = {
		{WIRE_PLAIN, "DIST", "not a distcc reply"},
		{WIRE_PLAIN, "HTTP/1.1 400 Bad", "not a distcc reply"},
		{WIRE_PLAIN, "DONE0000000g", "not a distcc reply"},
		{WIRE_PLAIN, "DONE00000002", "the reply is of another protocol version"},
		{WIRE_LZO, "DONE00000001", "the reply is of another protocol version"},
		{WIRE_PLAIN, "DONE00000001SERR", "expected STAT and eight hexadecimal digits"},
		{WIRE_PLAIN, "DONE00000001STAT00010000", "STAT is not a wait status"},
		{WIRE_PLAIN, "DONE00000001STAT00000000SOUT",
			"expected SERR and eight hexadecimal digits"},
		{WIRE_PLAIN, "DONE00000001STAT00000000SERRffffffff", "SERR is too long"},
		{WIRE_PLAIN, "DONE00000001STAT00000000SERR00000000SOUT40000001",
			"SOUT is too long"},
		{WIRE_PLAIN, "DONE00000001STAT00000000SERR00000000SOUT00000000DOTOffffffff",
			"DOTO is too long"},
		{WIRE_LZO, "DONE00000002STAT00000000SERR00000004abcd", "SERR is not an LZO block"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(release) struct wire_reply_reader *r = NULL;
		size_t used;

		if (cases[i].version == WIRE_LZO && !wire_lzo_available())
			continue;
		assert_int_equal(wire_reply_new(cases[i].version, &r), 0);
		assert_int_equal(
			feed(r, cases[i].text, strlen(cases[i].text), 1 + i % 3), -EBADMSG);
		assert_string_equal(wire_reply_error(r), cases[i].error);
		assert_false(wire_reply_done(r));
		assert_int_equal(wire_reply_feed(r, "x", 1, &used), -EBADMSG);
	}
}

static void test_needs_lzo(void **state)
{
	struct wire_reply_reader *r = NULL;

	assert_int_equal(wire_reply_new(WIRE_LZO, &r), wire_lzo_available() ? 0 : -EOPNOTSUPP);
	wire_reply_free(r);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_written_as_observed),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_needs_lzo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
