/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "worker/first.h"

#define BYTES(text) (text), sizeof(text) - 1

static const struct {
	const char *text;
	size_t n, decided; /* with how many bytes */
	enum first_protocol protocol;
} cases[] = {
	{BYTES("DIST00000001ARGC"), 4, FIRST_DISTCC},
	{BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 14, FIRST_HTTP2},
	{BYTES("\x16\x03\x01\x02\x00\x01"), 2, FIRST_TLS},
	{BYTES("\x16\x03\x03\x02\x00\x01"), 2, FIRST_TLS},
	{BYTES("GET / HTTP/1.1\r\n"), 4, FIRST_HTTP1},
	{BYTES("HEAD /healthz HTTP/1.0\r\n"), 5, FIRST_HTTP1},
	{BYTES("POST / HTTP/1.1\r\n"), 2, FIRST_UNKNOWN},
	{BYTES("PRI * HTTP/1.1\r\n"), 12, FIRST_UNKNOWN},
	{BYTES("GETX"), 4, FIRST_UNKNOWN},
	{BYTES("DISC"), 4, FIRST_UNKNOWN},
	{BYTES("dist"), 1, FIRST_UNKNOWN},
	{BYTES("\x16\x02"), 2, FIRST_UNKNOWN},
	{BYTES("\x80\x2e\x01"), 1, FIRST_UNKNOWN},
	{BYTES("\0"), 1, FIRST_UNKNOWN},
	{BYTES("SSH-2.0-x\r\n"), 1, FIRST_UNKNOWN},
};

/* One byte after the other, in memory that ends there. */
static void test_each_length(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (size_t n = 0; n <= cases[i].n; n++) {
			AUTO(util_free) char *exact = malloc(n);

			memcpy(exact, cases[i].text, n);
			if (first_look(exact, n) !=
				(n < cases[i].decided ? FIRST_MORE : cases[i].protocol))
				fail_msg("case %zu, %zu bytes", i, n);
		}
	}
}

static void test_always_decides(void **state)
{
	uint8_t all[FIRST_MAX];

	for (unsigned first = 0; first < 256; first++) {
		memset(all, (int)first, sizeof(all));
		assert_int_not_equal(first_look(all, sizeof(all)), FIRST_MORE);
	}
}

static void test_names(void **state)
{
	assert_string_equal(first_name(FIRST_DISTCC), "distcc");
	assert_string_equal(first_name(FIRST_HTTP2), "http2");
	assert_string_equal(first_name(FIRST_TLS), "tls");
	assert_string_equal(first_name(FIRST_HTTP1), "http1");
	assert_string_equal(first_name(FIRST_MORE), "unknown");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_length),
		cmocka_unit_test(test_always_decides),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
