/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "wire/distcc.h"

/* As distcc 3.4 was seen to send it. */
#define OBSERVED                                                                                \
	"DIST00000001ARGC00000007ARGV00000014x86_64-linux-gnu-gccARGV00000003-O2ARGV00000002-g" \
	"ARGV00000002-cARGV00000003x.cARGV00000002-oARGV00000003x.oDOTI00000007int x;\n"

static char *const observed_argv[] = {(char *)"x86_64-linux-gnu-gcc", (char *)"-O2", (char *)"-g",
	(char *)"-c", (char *)"x.c", (char *)"-o", (char *)"x.o", NULL};

static void release(struct wire_request_reader **r)
{
	wire_request_free(*r);
}

/* All of text, in pieces of this size; stops at the first error. */
static int feed(struct wire_request_reader *r, const char *text, size_t n, size_t piece)
{
	for (size_t at = 0; at < n; at += piece) {
		size_t used, len = MIN(piece, n - at);
		int q = wire_request_feed(r, text + at, len, &used);

		if (q < 0)
			return q;
		assert_true(used <= len);
		if (wire_request_get(r)->state != WIRE_REQUEST_DONE)
			assert_int_equal(used, len);
	}
	return 0;
}

static void test_observed(void **state)
{
	for (size_t piece = 1; piece <= strlen(OBSERVED); piece++) {
		AUTO(release) struct wire_request_reader *r = NULL;
		const struct wire_request *q;

		assert_int_equal(wire_request_new(&r), 0);
		assert_int_equal(feed(r, OBSERVED, strlen(OBSERVED), piece), 0);
		q = wire_request_get(r);
		assert_int_equal(q->state, WIRE_REQUEST_DONE);
		assert_int_equal(q->version, WIRE_PLAIN);
		assert_int_equal(q->source_len, 7);
		assert_string_equal(buf_str(&q->source), "int x;\n");
		assert_int_equal(q->argv.n, 7);
		for (size_t i = 0; i < q->argv.n; i++)
			assert_string_equal(q->argv.v[i], observed_argv[i]);
	}
}

static void test_head_is_as_observed(void **state)
{
	AUTO(buf_fini) struct buf head = BUF_INIT;

	assert_int_equal(wire_request_head(WIRE_PLAIN, observed_argv, 7, &head), 0);
	assert_int_equal(buf_append_str(&head, "int x;\n"), 0);
	assert_string_equal(buf_str(&head), OBSERVED);
}

static void test_head_limits(void **state)
{
	AUTO(buf_fini) struct buf head = BUF_INIT, big = BUF_INIT;
	char *argv[] = {(char *)"cc", NULL, NULL};

	assert_int_equal(
		wire_request_head(WIRE_PLAIN, argv, (size_t)WIRE_BODY_MAX + 1, &head), -E2BIG);
	for (size_t i = 0; i <= WIRE_ARG_MAX; i++)
		assert_int_equal(buf_append_char(&big, 'a'), 0);
	argv[1] = big.data;
	assert_int_equal(wire_request_head(WIRE_PLAIN, argv, 1, &head), -E2BIG);
	assert_int_equal(wire_request_head(WIRE_LZO, observed_argv, 1, &head),
		wire_lzo_available() ? 0 : -EOPNOTSUPP);
}

static void test_streaming(void **state)
{
	static const char head[] = "DIST00000001ARGC00000001ARGV00000002ccDOTI00000006";
	AUTO(release) struct wire_request_reader *r = NULL;
	size_t used;

	assert_int_equal(wire_request_new(&r), 0);
	assert_int_equal(feed(r, head, strlen(head), 1000), 0);
	assert_int_equal(wire_request_get(r)->state, WIRE_REQUEST_SOURCE);
	assert_int_equal(wire_request_feed(r, "abc", 3, &used), 0);
	assert_string_equal(buf_str(wire_request_source(r)), "abc");
	buf_consume(wire_request_source(r), 3);
	/* What follows the request is not eaten. */
	assert_int_equal(wire_request_feed(r, "defDIST", 7, &used), 0);
	assert_int_equal(used, 3);
	assert_string_equal(buf_str(wire_request_source(r)), "def");
	assert_int_equal(wire_request_get(r)->state, WIRE_REQUEST_DONE);
	assert_int_equal(wire_request_feed(r, "DIST", 4, &used), 0);
	assert_int_equal(used, 0);
}

static void test_empty_source(void **state)
{
	static const char text[] = "DIST00000001ARGC00000001ARGV00000000DOTI00000000";
	AUTO(release) struct wire_request_reader *r = NULL;

	assert_int_equal(wire_request_new(&r), 0);
	assert_int_equal(feed(r, text, strlen(text), 1), 0);
	assert_int_equal(wire_request_get(r)->state, WIRE_REQUEST_DONE);
	assert_int_equal(wire_request_get(r)->argv.n, 1);
	assert_string_equal(wire_request_get(r)->argv.v[0], "");
}

static void test_version_2(void **state)
{
	static const char text[] = "DIST00000002ARGC00000001ARGV00000002ccDOTI00000000";
	AUTO(release) struct wire_request_reader *r = NULL;

	assert_int_equal(wire_request_new(&r), 0);
	if (wire_lzo_available()) {
		assert_int_equal(feed(r, text, strlen(text), 1), 0);
		assert_int_equal(wire_request_get(r)->version, WIRE_LZO);
	} else {
		assert_int_equal(feed(r, text, strlen(text), 1), -EBADMSG);
		assert_string_equal(wire_request_get(r)->error,
			"protocol version 2 (LZO) is not in this build");
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"G", "not a distcc request"},
		{"DISTx", "not a distcc request"},
		{"DIST0000000 ", "not a distcc request"},
		{"DIST00000000", "protocol version is neither 1 nor 2"},
		{"DIST00000003", "protocol version is neither 1 nor 2"},
		{"DISTffffffff", "protocol version is neither 1 nor 2"},
		{"DIST00000001ARGV", "expected ARGC and eight hexadecimal digits"},
		{"DIST00000001ARGC00000000", "the command is empty"},
		{"DIST00000001ARGC00010001", "too many arguments"},
		{"DIST00000001ARGCffffffff", "too many arguments"},
		{"DIST00000001ARGC00000001ARGV00100001", "an argument is too long"},
		{"DIST00000001ARGC00000001ARGVFFFFFFFF", "an argument is too long"},
		{"DIST00000001ARGC00000001DOTI", "expected ARGV and eight hexadecimal digits"},
		{"DIST00000001ARGC00000001ARGV00000001aARGV",
			"expected DOTI and eight hexadecimal digits"},
		{"DIST00000001ARGC00000001ARGV00000001aDOTI40000001", "the source is too long"},
		{"DIST00000001ARGC00000001ARGV00000001aDOTIffffffff", "the source is too long"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(release) struct wire_request_reader *r = NULL;
		size_t used;

		assert_int_equal(wire_request_new(&r), 0);
		assert_int_equal(
			feed(r, cases[i].text, strlen(cases[i].text), 1 + i % 3), -EBADMSG);
		assert_string_equal(wire_request_get(r)->error, cases[i].error);
		assert_int_equal(wire_request_feed(r, "x", 1, &used), -EBADMSG);
	}
}

static void test_nul_in_argument(void **state)
{
	static const char text[] = "DIST00000001ARGC00000001ARGV00000003a\0b";
	AUTO(release) struct wire_request_reader *r = NULL;

	assert_int_equal(wire_request_new(&r), 0);
	assert_int_equal(feed(r, text, sizeof(text) - 1, 1), -EBADMSG);
	assert_string_equal(wire_request_get(r)->error, "an argument holds a NUL byte");
}

static void test_sum_of_arguments(void **state)
{
	AUTO(release) struct wire_request_reader *r = NULL;
	AUTO(buf_fini) struct buf arg = BUF_INIT;
	int q = 0;

	assert_int_equal(wire_request_new(&r), 0);
	assert_int_equal(feed(r, "DIST00000001ARGC00000020", 24, 24), 0);
	assert_int_equal(buf_append_str(&arg, "ARGV00100000"), 0);
	for (size_t i = 0; i < WIRE_ARG_MAX; i++)
		assert_int_equal(buf_append_char(&arg, 'a'), 0);
	for (size_t i = 0; i < WIRE_ARGS_BYTES_MAX / WIRE_ARG_MAX; i++)
		assert_int_equal(feed(r, arg.data, arg.len, 1 << 16), 0);
	q = feed(r, arg.data, arg.len, 1 << 16);
	assert_int_equal(q, -EBADMSG);
	assert_string_equal(wire_request_get(r)->error, "the arguments are too long");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_observed),
		cmocka_unit_test(test_head_is_as_observed),
		cmocka_unit_test(test_head_limits),
		cmocka_unit_test(test_streaming),
		cmocka_unit_test(test_empty_source),
		cmocka_unit_test(test_version_2),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul_in_argument),
		cmocka_unit_test(test_sum_of_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
