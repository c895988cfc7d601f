/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "failing.h"
#include "reapi/arena.h"
#include "reapi/digest.h"

#define HEX "00ff102030405060708090a0b0c0d0e0f00112233445566778899aabbccddeef"

static void test_known_digests(void **state)
{
	static const struct {
		const char *data, *hex;
	} cases[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char hex[REAPI_HASH_HEX + 1];
		struct reapi_digest d;

		assert_int_equal(reapi_digest_of(cases[i].data, strlen(cases[i].data), &d), 0);
		reapi_digest_hex(&d, hex);
		assert_string_equal(hex, cases[i].hex);
		assert_int_equal(d.size, strlen(cases[i].data));
		assert_int_equal(reapi_digest_is_empty(&d), i == 0);
	}
}

static void test_pieces(void **state)
{
	AUTO(reapi_hasher_fini) struct reapi_hasher h = {.context = NULL};
	struct reapi_digest whole, pieces;
	char data[1000];

	memset(data, 'x', sizeof(data));
	assert_int_equal(reapi_digest_of(data, sizeof(data), &whole), 0);
	assert_int_equal(reapi_hasher_init(&h), 0);
	/* Twice: it is usable again. */
	for (int round = 0; round < 2; round++) {
		for (size_t at = 0; at < sizeof(data); at += 100)
			assert_int_equal(reapi_hasher_update(&h, data + at, 100), 0);
		assert_int_equal(reapi_hasher_update(&h, NULL, 0), 0);
		assert_int_equal(reapi_hasher_finish(&h, &pieces), 0);
		assert_true(reapi_digest_eq(&whole, &pieces));
	}
	assert_int_equal(reapi_hasher_finish(&h, &pieces), 0);
	assert_true(reapi_digest_is_empty(&pieces));
}

static void test_parse(void **state)
{
	static const struct {
		const char *hash;
		int64_t size;
		const char *wrong; /* part of the sentence; NULL: right */
	} cases[] = {
		{HEX, 0, NULL},
		{HEX, INT64_MAX, NULL},
		{HEX, -1, "negative"},
		{HEX "0", 1, "65 digits"},
		{"", 1, "0 digits"},
		{"00FF102030405060708090a0b0c0d0e0f00112233445566778899aabbccddeef", 1,
			"lower case"},
		{"0 ff102030405060708090a0b0c0d0e0f00112233445566778899aabbccddeef", 1,
			"lower case"},
		{"da39a3ee5e6b4b0d3255bfef95601890afd80709", 0, "40 digits"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct reapi_violation v = {.text = ""};
		char hex[REAPI_HASH_HEX + 1];
		struct reapi_digest d;
		int r = reapi_digest_parse(
			cases[i].hash, strlen(cases[i].hash), cases[i].size, &d, &v);

		if (cases[i].wrong) {
			assert_int_equal(r, REAPI_INVALID);
			assert_non_null(strstr(v.text, cases[i].wrong));
			continue;
		}
		assert_int_equal(r, 0);
		reapi_digest_hex(&d, hex);
		assert_string_equal(hex, cases[i].hash);
		assert_int_equal(d.size, cases[i].size);
	}
}

static void test_messages(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	struct reapi_digest d, again;
	struct reapi_digest_message m;
	struct reapi_violation v;
	re_digest *in_arena;

	reapi_arena_init(&a, 4096);
	assert_int_equal(reapi_digest_of("abc", 3, &d), 0);
	reapi_digest_to_proto(&d, &m);
	assert_int_equal(reapi_digest_from_proto(&m.message, &again, &v), 0);
	assert_true(reapi_digest_eq(&d, &again));
	in_arena = reapi_digest_new(&a, &d);
	assert_non_null(in_arena);
	assert_string_equal(in_arena->hash, m.hex);
	assert_int_equal(in_arena->size_bytes, 3);
	assert_int_equal(reapi_digest_from_proto(NULL, &again, &v), REAPI_INVALID);
	assert_int_equal(reapi_digest_from_proto(NULL, &again, NULL), REAPI_INVALID);
	a.max = 0;
	assert_null(reapi_digest_new(&a, &d));
}

static void test_order(void **state)
{
	struct reapi_digest a = {.size = 1}, b = {.size = 1};

	assert_int_equal(reapi_digest_cmp(&a, &b), 0);
	b.size = 2;
	assert_true(reapi_digest_cmp(&a, &b) < 0);
	assert_false(reapi_digest_eq(&a, &b));
	a.hash[0] = 1;
	assert_true(reapi_digest_cmp(&a, &b) > 0);
	assert_true(reapi_digest_key(&a) != reapi_digest_key(&b));
}

static void test_functions(void **state)
{
	struct reapi_violation v;

	assert_int_equal(reapi_digest_function_check(0, &v), 0);
	assert_int_equal(
		reapi_digest_function_check(RE_ENUM(DIGEST_FUNCTION__VALUE__SHA256), &v), 0);
	assert_int_equal(reapi_digest_function_check(RE_ENUM(DIGEST_FUNCTION__VALUE__BLAKE3), &v),
		REAPI_UNSUPPORTED);
	assert_non_null(strstr(v.text, "BLAKE3"));
	assert_int_equal(reapi_digest_function_check(99, &v), REAPI_INVALID);
	assert_int_equal(reapi_digest_function_check(-1, &v), REAPI_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_digests),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
