/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/result.h"

static char object[] = "u.o", notes[] = "u.gcno", deps[] = ".distcc-read", warning[] = "warning\n";

static struct buf text(char *s)
{
	return (struct buf){.data = s, .len = strlen(s)};
}

static struct exact_action made(bool deps_ours)
{
	static char *outputs[] = {object, notes, deps, NULL};

	return (struct exact_action){
		.outputs = {.v = outputs, .n = 3}, .deps = deps, .deps_ours = deps_ours};
}

static void expect(const struct exact_action *a, struct rex_result *x, struct rex_result *y,
	const char *expected)
{
	AUTO(util_free) char *xy = NULL;
	AUTO(util_free) char *yx = NULL;

	assert_int_equal(result_difference(a, x, y, &xy), 0);
	assert_int_equal(result_difference(a, y, x, &yx), 0);
	if (expected) {
		assert_string_equal(xy, expected);
		assert_string_equal(yx, expected);
	} else {
		assert_null(xy);
		assert_null(yx);
	}
}

static void tells_what_differs(void **state)
{
	struct rex_output one[] = {{.path = object, .data = text(object)},
		{.path = notes, .data = text(notes)}, {.path = deps, .data = text(deps)}};
	/* In another order. */
	struct rex_output two[] = {one[2], one[1], one[0]};
	struct rex_result x = {.outputs = one, .n_outputs = 3},
			  y = {.outputs = two, .n_outputs = 3};
	const struct exact_action ours = made(true), users = made(false);

	expect(&ours, &x, &y, NULL);
	two[0].data = text(warning);
	expect(&ours, &x, &y, NULL);
	expect(&users, &x, &y, "the output .distcc-read");
	two[1].data.len--;
	expect(&ours, &x, &y, "the output u.gcno");
	two[2].data.data = deps; /* as long as it is */
	two[2].data.len = 3;
	expect(&ours, &x, &y, "the output u.o");
	y.exit_code = 1;
	expect(&ours, &x, &y, "the exit status");
}

static void what_is_missing_differs(void **state)
{
	struct rex_output one[] = {{.path = object, .data = text(object)}, {.path = notes}};
	struct rex_result x = {.outputs = one, .n_outputs = 2},
			  y = {.outputs = one, .n_outputs = 1};
	const struct exact_action a = made(true);

	/* One that is empty is there. */
	expect(&a, &x, &x, NULL);
	expect(&a, &x, &y, "the output u.gcno");
	y.n_outputs = 0;
	expect(&a, &x, &y, "the output u.o");
}

/* Of what is not twice the same it counts only whether it is there, and that when it must be. */
static void what_varies_does_not_differ(void **state)
{
	struct rex_output one[] = {{.path = object, .data = text(object)}, {.path = notes}};
	struct rex_output two[] = {one[0], {.path = notes, .data = text(notes)}};
	struct rex_result x = {.outputs = one, .n_outputs = 2},
			  y = {.outputs = two, .n_outputs = 2};
	struct exact_action a = made(true);

	expect(&a, &x, &y, "the output u.gcno");
	a.varying = 1 << 1;
	expect(&a, &x, &y, NULL);
	a.varying = 1 << 0;
	expect(&a, &x, &y, "the output u.gcno");
}

static void what_is_certain_is_there(void **state)
{
	struct rex_output all[] = {
		{.path = object}, {.path = deps, .data = text(object)}, {.path = notes}};
	struct rex_result r = {.outputs = all, .n_outputs = 2};
	struct exact_action a = made(false);
	AUTO(util_free) char *why = NULL;

	assert_int_not_equal(result_check(&a, &r, "/", &why), RESULT_INCOMPLETE);
	util_free(&why);
	a.certain = 1 << 1;
	assert_int_equal(result_check(&a, &r, "/", &why), RESULT_INCOMPLETE);
	r.n_outputs = 3;
	assert_int_not_equal(result_check(&a, &r, "/", &why), RESULT_INCOMPLETE);
}

static void what_is_said_differs(void **state)
{
	struct rex_result x = {.n_outputs = 0}, y = {.n_outputs = 0};
	const struct exact_action a = made(true);

	expect(&a, &x, &y, NULL);
	y.out = text(warning);
	expect(&a, &x, &y, "what it says on stdout");
	x.err = text(warning);
	expect(&a, &x, &y, "what it says on stderr");
	x.out = y.err = text(warning);
	expect(&a, &x, &y, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_differs),
		cmocka_unit_test(what_is_missing_differs),
		cmocka_unit_test(what_varies_does_not_differ),
		cmocka_unit_test(what_is_certain_is_there),
		cmocka_unit_test(what_is_said_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
