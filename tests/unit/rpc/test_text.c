/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "rpc/guard.h"
#include "rpc/limits.h"
#include "rpc/metadata.h"
#include "rpc/status.h"
#include "rpc/text.h"

static void base64(void **state)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = {{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"},
		{"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xff\xff\xfe", "///+"}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		size_t n = strlen(cases[i].text);

		assert_int_equal(rpc_base64_encode(cases[i].bytes, strlen(cases[i].bytes), &b), 0);
		assert_string_equal(buf_str(&b), cases[i].text);
		buf_clear(&b);
		assert_int_equal(rpc_base64_decode(cases[i].text, n, &b), 0);
		assert_string_equal(buf_str(&b), cases[i].bytes);
		buf_clear(&b);
		assert_int_equal(buf_append(&b, cases[i].text, n), 0);
		while (b.len % 4)
			assert_int_equal(buf_append_char(&b, '='), 0);
		AUTO(buf_fini) struct buf padded = BUF_INIT;

		assert_int_equal(rpc_base64_decode(buf_str(&b), b.len, &padded), 0);
		assert_string_equal(buf_str(&padded), cases[i].bytes);
	}
}

static void base64_bad(void **state)
{
	static const char *const cases[] = {"A", "AAAAA", "A===", "====", "=",
		"==", "AA=", "AAA==", "A-AA", "AA A", "Zg==Zg=="};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;

		assert_int_equal(buf_append_str(&b, "x"), 0);
		assert_int_equal(rpc_base64_decode(cases[i], strlen(cases[i]), &b), -EBADMSG);
		assert_string_equal(buf_str(&b), "x");
	}
}

static void percent(void **state)
{
	static const struct {
		const char *plain, *encoded;
	} cases[] = {{"", ""}, {"plain ~", "plain ~"}, {"100%", "100%25"}, {"a\nb", "a%0Ab"},
		{"\xc3\xa4", "%C3%A4"}, {"\x7f", "%7F"}, {" ", "%20"}, {" a b: ", "%20a b:%20"}};
	AUTO(buf_fini) struct buf lax = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		AUTO(buf_fini) struct buf back = BUF_INIT;

		assert_int_equal(rpc_percent_encode(cases[i].plain, strlen(cases[i].plain), &b), 0);
		assert_string_equal(buf_str(&b), cases[i].encoded);
		assert_int_equal(rpc_percent_decode(buf_str(&b), b.len, &back), 0);
		assert_string_equal(buf_str(&back), cases[i].plain);
	}
	assert_int_equal(rpc_percent_decode("%zz%4%e4%", 9, &lax), 0);
	assert_string_equal(buf_str(&lax), "%zz%4\xe4%");
}

static void timeouts(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = {{"0n", 0}, {"1n", 1}, {"1000001n", 2}, {"59999717u", 60000}, {"1u", 1},
		{"250m", 250}, {"3S", 3000}, {"2M", 120000}, {"1H", 3600000},
		{"99999999H", UINT64_C(99999999) * 3600000}};
	static const char *const bad[] = {
		"", "S", "1", "1s", "123456789S", "-1S", " 1S", "1S ", "1.5S", "1SS"};
	static const struct {
		uint64_t ms;
		const char *text;
	} formats[] = {{0, "0m"}, {1, "1m"}, {99999998, "99999998m"}, {99999999, "100000S"},
		{UINT64_C(100000000500), "1666667M"}, {UINT64_MAX, "99999999H"}};
	uint64_t ms = 7;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(rpc_timeout_parse(good[i].text, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	ms = 7;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(rpc_timeout_parse(bad[i], &ms), -EBADMSG);
	assert_int_equal(ms, 7);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		char text[RPC_TIMEOUT_TEXT];

		rpc_timeout_format(formats[i].ms, text);
		assert_string_equal(text, formats[i].text);
	}
}

static void statuses(void **state)
{
	assert_int_equal(rpc_status_parse("0"), RPC_OK);
	assert_int_equal(rpc_status_parse("16"), RPC_UNAUTHENTICATED);
	assert_int_equal(rpc_status_parse("17"), RPC_UNKNOWN);
	assert_int_equal(rpc_status_parse(""), RPC_UNKNOWN);
	assert_int_equal(rpc_status_parse("-1"), RPC_UNKNOWN);
	assert_string_equal(rpc_status_name(RPC_NOT_FOUND), "NOT_FOUND");
	assert_string_equal(rpc_status_name((enum rpc_status)99), "UNKNOWN");
	assert_int_equal(rpc_status_of_http(404), RPC_UNIMPLEMENTED);
	assert_int_equal(rpc_status_of_http(503), RPC_UNAVAILABLE);
	assert_int_equal(rpc_status_of_http(200), RPC_UNKNOWN);
	assert_int_equal(rpc_status_of_reset(7), RPC_UNAVAILABLE);
	assert_int_equal(rpc_status_of_reset(8), RPC_CANCELLED);
	assert_int_equal(rpc_status_of_reset(11), RPC_RESOURCE_EXHAUSTED);
	assert_int_equal(rpc_status_of_reset(12345), RPC_INTERNAL);
}

static void metadata(void **state)
{
	AUTO(rpc_metadata_fini) struct rpc_metadata m = RPC_METADATA_INIT;
	AUTO(buf_fini) struct buf bin = BUF_INIT;

	assert_null(rpc_metadata_get(&m, "a"));
	assert_int_equal(rpc_metadata_get_bin(&m, "a-bin", &bin), -ENOENT);
	assert_int_equal(rpc_metadata_add(&m, "a", "1"), 0);
	assert_int_equal(rpc_metadata_add(&m, "a", "2"), 0);
	assert_int_equal(rpc_metadata_add(&m, "b-bin", "Zm9v,Zm8"), 0);
	assert_int_equal(rpc_metadata_add(&m, "c-bin", "!"), 0);
	assert_int_equal(rpc_metadata_add(&m, "A", "1"), -EINVAL);
	assert_int_equal(rpc_metadata_add(&m, ":a", "1"), -EINVAL);
	assert_int_equal(rpc_metadata_add(&m, "", "1"), -EINVAL);
	assert_int_equal(rpc_metadata_add(&m, "a", "1\n"), -EINVAL);
	assert_int_equal(rpc_metadata_add_bin(&m, "a", "1", 1), -EINVAL);
	assert_int_equal(m.n, 4);
	assert_string_equal(rpc_metadata_get(&m, "a"), "1");
	assert_string_equal(rpc_metadata_value(&m, 1), "2");
	assert_int_equal(rpc_metadata_get_bin(&m, "b-bin", &bin), 0);
	assert_string_equal(buf_str(&bin), "foo");
	assert_int_equal(rpc_metadata_get_bin(&m, "c-bin", &bin), -EBADMSG);
}

static void metadata_limits(void **state)
{
	AUTO(rpc_metadata_fini) struct rpc_metadata m = RPC_METADATA_INIT;
	static char value[RPC_HEADER_LIST_MAX];

	memset(value, 'v', sizeof(value) - 1);
	assert_int_equal(rpc_metadata_add_n(&m, "n", 1, value, RPC_HEADER_LIST_MAX - 32), -E2BIG);
	assert_int_equal(rpc_metadata_add_n(&m, "n", 1, value, SIZE_MAX), -E2BIG);
	assert_int_equal(rpc_metadata_add_n(&m, "n", 1, value, RPC_HEADER_LIST_MAX - 33), 0);
	assert_int_equal(rpc_metadata_add_n(&m, "", 0, "", 0), -E2BIG);
	rpc_metadata_clear(&m);
	for (int i = 0; i < RPC_FIELDS_LIST_MAX; i++)
		assert_int_equal(rpc_metadata_add(&m, "n", ""), 0);
	assert_int_equal(rpc_metadata_add(&m, "n", ""), -E2BIG);
}

static void guard(void **state)
{
	struct rpc_guard g;

	rpc_guard_init(&g, 3, 2, 1000);
	for (int i = 0; i < 3; i++)
		assert_true(rpc_guard_take(&g, 1000));
	assert_false(rpc_guard_take(&g, 1000));
	assert_false(rpc_guard_take(&g, 1499));
	assert_true(rpc_guard_take(&g, 1500));
	assert_false(rpc_guard_take(&g, 1500));
	assert_false(rpc_guard_take(&g, 900)); /* a clock that goes back gives nothing */
	assert_true(rpc_guard_take(&g, 1000000));
	assert_true(rpc_guard_take(&g, 1000000));
	assert_true(rpc_guard_take(&g, 1000000));
	assert_false(rpc_guard_take(&g, 1000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64),
		cmocka_unit_test(base64_bad),
		cmocka_unit_test(percent),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(statuses),
		cmocka_unit_test(metadata),
		cmocka_unit_test(metadata_limits),
		cmocka_unit_test(guard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
