/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "exact/sample.h"

static void reads_shares(void **state)
{
	static const struct {
		const char *text;
		uint32_t share;
	} cases[] = {{"0", 0}, {"1", SAMPLE_ALL}, {"0%", 0}, {"1%", 10000}, {"100%", SAMPLE_ALL},
		{"0.1%", 1000}, {"0.0001%", 1}, {"12.5%", 125000}, {"99.9999%", 999999},
		{"100.0%", SAMPLE_ALL}, {"007%", 70000}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t share = 77;

		assert_int_equal(sample_share_parse(cases[i].text, &share), 0);
		assert_int_equal(share, cases[i].share);
	}
}

static void refuses_what_is_none(void **state)
{
	static const char *const bad[] = {"", "%", "2", "1.5", "101%", "100.1%", "-1%", "1 %",
		" 1%", "1%%", "1%x", ".5%", "1.%", "0.00001%", "4294967297%", "99999999999999999%",
		"one"};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint32_t share = 77;

		assert_int_equal(sample_share_parse(bad[i], &share), -EINVAL);
		assert_int_equal(share, 77);
	}
}

static unsigned taken(uint64_t seed, uint32_t share, unsigned of)
{
	struct sample s;
	unsigned n = 0;

	sample_init(&s, seed);
	for (unsigned i = 0; i < of; i++)
		n += sample_takes(&s, share);
	return n;
}

static void takes_its_share(void **state)
{
	for (uint64_t seed = 0; seed < 50; seed++) {
		unsigned one = taken(seed, SAMPLE_ALL / 100, 100000);

		assert_int_equal(taken(seed, 0, 10000), 0);
		assert_int_equal(taken(seed, SAMPLE_ALL, 10000), 10000);
		/* A thousand, and six times the deviation of that. */
		assert_in_range(one, 1000 - 190, 1000 + 190);
		assert_int_equal(one, taken(seed, SAMPLE_ALL / 100, 100000));
	}
	assert_int_not_equal(taken(1, 500000, 1000), taken(3, 500000, 1000));
}

static void looks_at_the_first_and_at_a_few(void **state)
{
	struct sample s;
	unsigned n = 0;

	sample_init(&s, 5);
	for (unsigned clean = 0; clean < SAMPLE_FIRST; clean++)
		for (unsigned i = 0; i < 1000; i++)
			assert_true(sample_wants_lookups(&s, clean));
	for (unsigned i = 0; i < 100000; i++)
		n += sample_wants_lookups(&s, SAMPLE_FIRST);
	assert_in_range(n, 1000 - 190, 1000 + 190);
}

static void counts(void **state)
{
	unsigned clean = 0;

	assert_int_equal(sample_count(0, SAMPLE_NOT_TOLD), 0);
	for (unsigned i = 1; i <= SAMPLE_FIRST; i++) {
		clean = sample_count(clean, SAMPLE_RIGHT);
		assert_int_equal(clean, i);
		assert_int_equal(sample_count(clean, SAMPLE_NOT_TOLD), i);
		assert_int_equal(sample_count(clean, SAMPLE_DOUBTED), 0);
	}
	assert_int_equal(sample_count(clean, SAMPLE_RIGHT), SAMPLE_FIRST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_shares),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(takes_its_share),
		cmocka_unit_test(looks_at_the_first_and_at_a_few),
		cmocka_unit_test(counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
