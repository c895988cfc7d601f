/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/toolchain_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char whole[] = "d d - /usr/lib\t/lib/x\n"
			    "l f " HASH " /usr/bin/gcc-12\t/usr/bin/gcc\tgcc-12\n"
			    "x f " HASH " /usr/bin/gcc-12\t/usr/bin/gcc-12\n"
			    "f f " HASH " /usr/lib/a b\t/usr/lib/a b\n"
			    "a n - -\t/usr/local/bin/as\n"
			    "a u - -\t/root/as\n"
			    "a o - /dev/null\t/dev/null\n";

static void test_as_written(void **state)
{
	AUTO(buf_fini) struct buf again = BUF_INIT;
	struct toolchain_state *states;
	struct toolchain t;

	(void)state;
	assert_int_equal(toolchain_text_read(whole, &t, &states), 0);
	assert_int_equal(t.n, 4);
	assert_int_equal(t.also.n, 3);
	assert_int_equal(t.entries[1].kind, TOOLCHAIN_LINK);
	assert_string_equal(t.entries[1].target, "gcc-12");
	assert_true(t.entries[2].executable);
	assert_string_equal(t.entries[3].path, "/usr/lib/a b");
	assert_string_equal(t.also.v[0], "/usr/local/bin/as");
	assert_int_equal(states[1].kind, SCAN_FILE);
	assert_true(states[1].has_hash);
	assert_int_equal(states[1].hash[1], 0x23);
	assert_string_equal(states[4].real, "");
	assert_int_equal(states[5].kind, SCAN_UNREADABLE);
	assert_int_equal(toolchain_text_write(&t, states, &again), 0);
	assert_string_equal(buf_str(&again), whole);
	toolchain_states_free(states, t.n + t.also.n);
	toolchain_fini(&t);
}

static void test_refused(void **state)
{
	static const char *const bad[] = {
		"d d - /usr/lib\t/lib/x",                   /* no end */
		"d d - /usr/lib\tlib/x\n",                  /* not absolute */
		"d d - usr/lib\t/lib/x\n",                  /* neither a path nor "-" */
		"z d - /usr/lib\t/lib/x\n",                 /* no kind */
		"d z - /usr/lib\t/lib/x\n",                 /* no state */
		"dd d - /usr/lib\t/lib/x\n",                /* more than one */
		"d d 12 /usr/lib\t/lib/x\n",                /* no hash */
		"d d - /usr/lib\t/lib/x\tmore\n",           /* a target of what is no link */
		"l f - /usr/lib\t/lib/x\n",                 /* a link without */
		"l f - /usr/lib\t/lib/x\t\n",               /* or with an empty one */
		"d d - /a\t/b\nd d - /a\t/a\n",             /* not sorted */
		"d d - /a\t/b\nd d - /a\t/b\n",             /* twice */
		"a n - -\t/b\nd d - /a\t/c\n",              /* in the wrong place */
		"\n", " ", "d", "d d", "d d -", "d d - /a", /* pieces */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct toolchain_state *states;
		struct toolchain t;

		if (toolchain_text_read(bad[i], &t, &states) != -EBADMSG)
			fail_msg("accepted: %s", bad[i]);
	}
}

/* A name that would break its line. */
static void test_odd_names(void **state)
{
	static const char *const odd[] = {"/a\nb", "/a\tb"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		AUTO(buf_fini) struct buf text = BUF_INIT;
		struct toolchain_entry e = {.kind = TOOLCHAIN_FILE, .path = (char *)odd[i]};
		struct toolchain t = {.entries = &e, .n = 1};
		struct toolchain_state s = {.kind = SCAN_FILE, .real = (char *)"/a"};

		assert_int_equal(toolchain_text_write(&t, &s, &text), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_written),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_odd_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
