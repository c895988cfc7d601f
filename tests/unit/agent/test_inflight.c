/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/inflight.h"
#include "agent/rex.h"

enum { NOBODY = -1, N = 4 };

static struct inflight f;

static struct person {
	struct inflight_member m;
	int word; /* what it was told last; NOBODY: nothing */
	const struct rex_result *result;
	unsigned times;
	bool leaves; /* as soon as it is told */
} who[N];

static void told(
	struct inflight_member *m, enum inflight_word word, const struct rex_result *result)
{
	struct person *p = (struct person *)((char *)m - offsetof(struct person, m));

	p->word = (int)word;
	p->result = result;
	p->times++;
	if (p->leaves)
		inflight_leave(&f, m);
}

static int begin(void **state)
{
	inflight_init(&f);
	for (size_t i = 0; i < N; i++) {
		who[i] = (struct person){.word = NOBODY};
		inflight_member_init(&who[i].m, told);
	}
	return 0;
}

static const struct reapi_digest one = {.hash = {1}, .size = 1}, other = {.hash = {2}, .size = 1};

static void all_join(void)
{
	assert_false(inflight_join(&f, &who[0].m, &one));
	for (size_t i = 1; i < N; i++)
		assert_true(inflight_join(&f, &who[i].m, &one));
}

static void all_were_told(size_t from, int word, const struct rex_result *result)
{
	for (size_t i = from; i < N; i++) {
		assert_int_equal(who[i].word, word);
		assert_ptr_equal(who[i].result, result);
		assert_int_equal(who[i].times, 1);
	}
	assert_true(list_empty(&f.flights));
}

static void the_first_ones_result_is_everybodys(void **state)
{
	struct rex_result result = {.outcome = REX_DONE};

	all_join();
	who[1].leaves = who[3].leaves = true;
	inflight_done(&who[0].m, &result);
	all_were_told(1, INFLIGHT_RESULT, &result);
	assert_int_equal(who[0].times, 0);
	/* Only the first word counts; and who was told may begin anew. */
	inflight_failed(&who[0].m);
	assert_int_equal(who[1].times, 1);
	assert_false(inflight_join(&f, &who[1].m, &one));
	inflight_leave(&f, &who[1].m);
}

static void what_fails_is_done_by_each_alone(void **state)
{
	all_join();
	inflight_failed(&who[0].m);
	all_were_told(1, INFLIGHT_ALONE, NULL);
}

static void others_do_not_meet(void **state)
{
	struct rex_result result = {.outcome = REX_DONE};

	assert_false(inflight_join(&f, &who[0].m, &one));
	assert_false(inflight_join(&f, &who[1].m, &other));
	assert_true(inflight_join(&f, &who[2].m, &other));
	inflight_done(&who[0].m, &result);
	assert_int_equal(who[2].word, NOBODY);
	inflight_failed(&who[1].m);
	assert_int_equal(who[2].word, INFLIGHT_ALONE);
}

static void the_first_goes_away(void **state)
{
	struct rex_result result = {.outcome = REX_DONE};

	all_join();
	inflight_leave(&f, &who[0].m);
	assert_int_equal(who[1].word, INFLIGHT_LEAD);
	assert_int_equal(who[2].word, NOBODY);
	/* It has no say any more. */
	inflight_done(&who[0].m, &result);
	assert_int_equal(who[2].word, NOBODY);
	inflight_leave(&f, &who[2].m);
	inflight_leave(&f, &who[2].m);
	inflight_done(&who[1].m, &result);
	assert_int_equal(who[2].word, NOBODY);
	assert_int_equal(who[3].word, INFLIGHT_RESULT);
	assert_true(list_empty(&f.flights));
}

static void heirs_that_go_away_too(void **state)
{
	all_join();
	who[1].leaves = who[2].leaves = true;
	inflight_leave(&f, &who[0].m);
	assert_int_equal(who[1].word, INFLIGHT_LEAD);
	assert_int_equal(who[2].word, INFLIGHT_LEAD);
	assert_int_equal(who[3].word, INFLIGHT_LEAD);
	assert_true(who[3].m.leads);
	inflight_leave(&f, &who[3].m);
	assert_true(list_empty(&f.flights));
}

static void who_is_in_no_flight_says_nothing(void **state)
{
	inflight_done(&who[0].m, NULL);
	inflight_failed(&who[0].m);
	inflight_leave(&f, &who[0].m);
	assert_true(list_empty(&f.flights));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_first_ones_result_is_everybodys, begin),
		cmocka_unit_test_setup(what_fails_is_done_by_each_alone, begin),
		cmocka_unit_test_setup(others_do_not_meet, begin),
		cmocka_unit_test_setup(the_first_goes_away, begin),
		cmocka_unit_test_setup(heirs_that_go_away_too, begin),
		cmocka_unit_test_setup(who_is_in_no_flight_says_nothing, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
