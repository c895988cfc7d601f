/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sched/slots.h"

static void test_first_come_first_served(void **state)
{
	struct slots_claim v[3];
	struct slots s;

	slots_init(&s, 1);
	for (size_t i = 0; i < 3; i++) {
		slots_claim_init(&v[i]);
		slots_wait(&s, &v[i], SLOTS_COMPILE, 0);
	}
	for (size_t i = 0; i < 3; i++) {
		assert_ptr_equal(slots_next(&s), &v[i]);
		assert_null(slots_next(&s));
		slots_release(&s, &v[i]);
	}
	assert_true(slots_free(&s));
}

static void test_one_that_leaves_the_queue_is_passed_over(void **state)
{
	struct slots_claim a, b;
	struct slots s;

	slots_init(&s, 1);
	slots_claim_init(&a);
	slots_claim_init(&b);
	slots_wait(&s, &a, SLOTS_COMPILE, 0);
	slots_wait(&s, &b, SLOTS_COMPILE, 0);
	slots_release(&s, &a);
	slots_release(&s, &a);
	assert_ptr_equal(slots_next(&s), &b);
}

static void test_capacity_is_shared_by_both_kinds(void **state)
{
	struct slots_claim cpp, compile, more;
	struct slots s;

	slots_init(&s, 2);
	slots_claim_init(&cpp);
	slots_claim_init(&compile);
	slots_claim_init(&more);
	slots_wait(&s, &cpp, SLOTS_CPP, 0);
	slots_wait(&s, &compile, SLOTS_COMPILE, 0);
	slots_wait(&s, &more, SLOTS_CPP, 0);
	assert_non_null(slots_next(&s));
	assert_non_null(slots_next(&s));
	assert_null(slots_next(&s));
}

/* However many preprocessors queue, a compile has its turn, and the other way round. */
static void test_neither_kind_starves(void **state)
{
	enum { EACH = 40 };
	struct slots_claim cpp[EACH], compile[EACH];
	unsigned since_compile = 0, since_cpp = 0, served = 0;
	struct slots_claim *c;
	struct slots s;

	slots_init(&s, 1);
	for (size_t i = 0; i < EACH; i++) {
		slots_claim_init(&cpp[i]);
		slots_claim_init(&compile[i]);
		slots_wait(&s, &cpp[i], SLOTS_CPP, 0);
		slots_wait(&s, &compile[i], SLOTS_COMPILE, 0);
	}
	while ((c = slots_next(&s))) {
		if (!list_empty(&s.waiting[SLOTS_COMPILE]))
			since_compile = c->kind == SLOTS_COMPILE ? 0 : since_compile + 1;
		if (!list_empty(&s.waiting[SLOTS_CPP]))
			since_cpp = c->kind == SLOTS_CPP ? 0 : since_cpp + 1;
		assert_in_range(since_compile, 0, SLOTS_CPP_RUN);
		assert_in_range(since_cpp, 0, 1);
		slots_release(&s, c);
		served++;
	}
	assert_int_equal(served, 2 * EACH);
}

static void test_a_limit_holds_back_its_own_kind_only(void **state)
{
	struct slots_claim limited[2], other;
	struct slots s;

	slots_init(&s, 4);
	for (size_t i = 0; i < 2; i++) {
		slots_claim_init(&limited[i]);
		slots_wait(&s, &limited[i], SLOTS_COMPILE, 1);
	}
	slots_claim_init(&other);
	slots_wait(&s, &other, SLOTS_COMPILE, 0);
	assert_ptr_equal(slots_next(&s), &limited[0]);
	assert_ptr_equal(slots_next(&s), &other);
	assert_null(slots_next(&s));
	slots_release(&s, &limited[0]);
	assert_null(slots_next(&s));
	slots_release(&s, &other);
	assert_ptr_equal(slots_next(&s), &limited[1]);
}

static void test_a_pause_of_preprocessing_lets_compiles_through(void **state)
{
	struct slots_claim cpp, compile;
	struct slots s;

	slots_init(&s, 2);
	slots_claim_init(&cpp);
	slots_claim_init(&compile);
	slots_wait(&s, &cpp, SLOTS_CPP, 0);
	slots_wait(&s, &compile, SLOTS_COMPILE, 0);
	s.cpp_paused = true;
	assert_ptr_equal(slots_next(&s), &compile);
	assert_null(slots_next(&s));
	s.cpp_paused = false;
	assert_ptr_equal(slots_next(&s), &cpp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_come_first_served),
		cmocka_unit_test(test_one_that_leaves_the_queue_is_passed_over),
		cmocka_unit_test(test_capacity_is_shared_by_both_kinds),
		cmocka_unit_test(test_neither_kind_starves),
		cmocka_unit_test(test_a_limit_holds_back_its_own_kind_only),
		cmocka_unit_test(test_a_pause_of_preprocessing_lets_compiles_through),
	};

	return cmocka_run_group_tests_name("slots", tests, NULL, NULL);
}
