/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "sandbox/isolation.h"

static void prints(void **state)
{
	static const struct {
		unsigned set;
		const char *text;
	} cases[] = {
		{0, "none cgroup=no"},
		{ISOLATION_USER, "user cgroup=no"},
		{ISOLATION_USER | ISOLATION_PID | ISOLATION_NET, "user pid net cgroup=no"},
		{ISOLATION_NEEDED | ISOLATION_MEMORY | ISOLATION_PIDS,
			"mount pid net ipc cgroup=v1:memory,pids"},
		{ISOLATION_SECCOMP | ISOLATION_CPU | ISOLATION_CGROUP_V2, "seccomp cgroup=v2:cpu"},
		{ISOLATION_ALL, "user mount pid net ipc uts cgroupns overlay proc seccomp "
				"cgroup=v2:memory,pids,cpu"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;

		assert_int_equal(isolation_print(cases[i].set, &b), 0);
		assert_string_equal(buf_str(&b), cases[i].text);
	}
}

static void suffices(void **state)
{
	assert_true(isolation_suffices(ISOLATION_ALL));
	assert_true(isolation_suffices(ISOLATION_NEEDED));
	assert_false(isolation_suffices(0));
	for (unsigned bit = 1; bit <= ISOLATION_ALL; bit <<= 1)
		assert_int_equal(
			isolation_suffices(ISOLATION_ALL & ~bit), !(bit & ISOLATION_NEEDED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints),
		cmocka_unit_test(suffices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
