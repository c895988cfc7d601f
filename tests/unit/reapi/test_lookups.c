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
#include "reapi/lookups.h"

static void expect(const struct reapi_lookups *l, const char *const *expected)
{
	struct reapi_lookups_reader r;
	struct reapi_lookup got;

	reapi_lookups_begin(&r, l);
	for (size_t i = 0; expected[i]; i++) {
		assert_int_equal(reapi_lookups_next(&r, &got), 0);
		assert_string_equal(got.path, expected[i] + 1);
		assert_int_equal(got.link, expected[i][0] == '-');
	}
	assert_int_equal(reapi_lookups_next(&r, &got), REAPI_LOOKUPS_END);
	assert_int_equal(reapi_lookups_next(&r, &got), REAPI_LOOKUPS_END);
}

static void sorts_and_tells_each_once(void **state)
{
	struct reapi_lookup v[] = {{"/usr/include/stdio.h", false}, {"/b", true},
		{"/usr/include", true}, {"/usr/include/stdio.h", false}, {"/b", false},
		{"/", false}};
	static const char *const expected[] = {
		"+/", "+/b", "-/b", "-/usr/include", "+/usr/include/stdio.h", NULL};
	struct reapi_lookups l = {.part = false};

	assert_int_equal(reapi_lookups_make(v, ARRAY_SIZE(v), &l), 0);
	assert_false(l.part);
	expect(&l, expected);
	/* "/" 3, "b" 3, nothing 2, "usr/include" 13, "/stdio.h" 10 */
	assert_int_equal(l.list.len, 31);
	buf_fini(&l.list);
}

static void none_is_a_list(void **state)
{
	static const char *const expected[] = {NULL};
	struct reapi_lookups l = {.part = false};

	assert_int_equal(reapi_lookups_make(NULL, 0, &l), 0);
	expect(&l, expected);
}

static void leaves_out_what_is_too_much(void **state)
{
	static char names[REAPI_LOOKUPS_MAX + 5][12], longest[REAPI_LOOKUPS_PATH_MAX + 2];
	static struct reapi_lookup v[REAPI_LOOKUPS_MAX + 5];
	struct reapi_lookups_reader r;
	struct reapi_lookups l = {.part = false};
	struct reapi_lookup got;
	size_t n = 0;

	memset(longest, '/', sizeof(longest) - 1);
	v[0] = (struct reapi_lookup){longest, false};
	v[1] = (struct reapi_lookup){longest + 1, false};
	v[2] = (struct reapi_lookup){"relative", false};
	assert_int_equal(reapi_lookups_make(v, 3, &l), 0);
	assert_true(l.part);
	reapi_lookups_begin(&r, &l);
	assert_int_equal(reapi_lookups_next(&r, &got), 0);
	assert_int_equal(strlen(got.path), REAPI_LOOKUPS_PATH_MAX);
	assert_int_equal(reapi_lookups_next(&r, &got), REAPI_LOOKUPS_END);
	buf_fini(&l.list);
	for (size_t i = 0; i < ARRAY_SIZE(v); i++) {
		snprintf(names[i], sizeof(names[i]), "/%zu", i);
		v[i] = (struct reapi_lookup){names[i], false};
	}
	l.part = false;
	assert_int_equal(reapi_lookups_make(v, ARRAY_SIZE(v), &l), 0);
	assert_true(l.part);
	for (reapi_lookups_begin(&r, &l); reapi_lookups_next(&r, &got) == 0;)
		n++;
	assert_int_equal(n, REAPI_LOOKUPS_MAX);
	buf_fini(&l.list);
}

static void has_a_maximum_of_bytes(void **state)
{
	enum { N = 400, LEN = 3000 };
	static char names[N][LEN + 1];
	struct reapi_lookup v[N];
	struct reapi_lookups l = {.part = false};

	for (size_t i = 0; i < N; i++) {
		memset(names[i], (int)('a' + i % 26), LEN);
		snprintf(names[i], 8, "/%03zu", i);
		names[i][4] = 'x';
		v[i] = (struct reapi_lookup){names[i], false};
	}
	assert_int_equal(reapi_lookups_make(v, N, &l), 0);
	assert_true(l.part);
	assert_in_range(l.list.len, REAPI_LOOKUPS_BYTES_MAX - 2 * LEN, REAPI_LOOKUPS_BYTES_MAX);
	buf_fini(&l.list);
}

static void refuses_other_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"\0", 1},                     /* no second number */
		{"\1\4/a", 4},                 /* shares with nothing */
		{"\0\6/a", 4},                 /* is cut off */
		{"\0\4a/", 4},                 /* is not absolute */
		{"\0\1", 2},                   /* is empty */
		{"\0\6/\0a", 5},               /* has a NUL in it */
		{"\x80\x80\x80\0\4/a", 7},     /* numbers are short */
		{"\0\x80\x80\x80\x80", 5},     /* … */
		{"\0\4/a\3\2b", 7},            /* shares more than there was */
		{"\0\xff\xff\x7f/aaaaaa", 10}, /* longer than any path */
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct reapi_lookups l = {
			.list = {.data = (char *)bad[i].bytes, .len = bad[i].n}};
		struct reapi_lookups_reader r;
		struct reapi_lookup got;
		int e;

		reapi_lookups_begin(&r, &l);
		while ((e = reapi_lookups_next(&r, &got)) == 0)
			;
		assert_int_equal(e, -EBADMSG);
	}
}

static void refuses_too_many(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_lookups_reader r;
	struct reapi_lookup got;
	size_t n = 0;

	for (size_t i = 0; i <= REAPI_LOOKUPS_MAX; i++)
		assert_int_equal(buf_append(&b, "\0\2/", 3), 0);
	reapi_lookups_begin(&r, &(struct reapi_lookups){.list = b});
	while (reapi_lookups_next(&r, &got) == 0)
		n++;
	assert_int_equal(n, REAPI_LOOKUPS_MAX);
	assert_int_equal(reapi_lookups_next(&r, &got), -EBADMSG);
}

static void travels_in_metadata(void **state)
{
	struct reapi_lookup v[] = {{"/a", false}};
	static const char *const expected[] = {"+/a", NULL};
	re_executed_action_metadata m = RE_INIT(EXECUTED_ACTION_METADATA);
	struct reapi_lookups l = {.part = true}, got;
	pb_any other = PB_INIT(ANY), *any[2] = {&other};
	AUTO(reapi_arena_fini) struct reapi_arena arena;

	reapi_arena_init(&arena, 4096);
	assert_false(reapi_lookups_find(&arena, NULL, &got));
	assert_false(reapi_lookups_find(&arena, &m, &got));
	assert_int_equal(reapi_lookups_make(v, 1, &l), 0);
	any[1] = reapi_lookups_to_any(&arena, &l);
	assert_non_null(any[1]);
	buf_fini(&l.list);
	m.auxiliary_metadata = any;
	m.n_auxiliary_metadata = 1;
	assert_false(reapi_lookups_find(&arena, &m, &got));
	m.n_auxiliary_metadata = 2;
	assert_true(reapi_lookups_find(&arena, &m, &got));
	assert_true(got.part);
	expect(&got, expected);
	buf_fini(&got.list);
	/* What is no such message. */
	any[1]->value.len--;
	assert_false(reapi_lookups_find(&arena, &m, &got));
}

static void no_memory(void **state)
{
	for (unsigned n = 1; failing_start(n); n++) {
		struct reapi_lookup v[] = {{"/b", false}, {"/a", true}};
		struct reapi_lookups l = {.part = false};
		int r = reapi_lookups_make(v, ARRAY_SIZE(v), &l);
		bool failed = failing_stop();

		assert_int_equal(r, failed ? -ENOMEM : 0);
		buf_fini(&l.list);
		if (!failed)
			return;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_and_tells_each_once),
		cmocka_unit_test(none_is_a_list),
		cmocka_unit_test(leaves_out_what_is_too_much),
		cmocka_unit_test(has_a_maximum_of_bytes),
		cmocka_unit_test(refuses_other_bytes),
		cmocka_unit_test(refuses_too_many),
		cmocka_unit_test(travels_in_metadata),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
