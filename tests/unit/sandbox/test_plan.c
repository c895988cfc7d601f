/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/plan.h"

static char name[] = "cc";
static char *const argv[] = {name, NULL};

static struct sandbox_plan good(void)
{
	return (struct sandbox_plan){
		.input = "/x/y", .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1};
}

static void takes_what_is_right(void **state)
{
	static const struct sandbox_bind binds[] = {{"/a/../b", "/usr/lib", false}};
	static const char *const masks[] = {"/etc/distcc"};
	struct sandbox_plan p = good();

	assert_int_equal(sandbox_plan_check(&p), 0);
	p.binds = binds;
	p.n_binds = 1;
	p.masks = p.host_paths = masks;
	p.n_masks = p.n_host_paths = 1;
	p.envp = argv;
	p.cwd = "../anything";
	assert_int_equal(sandbox_plan_check(&p), 0);
	p.root = SANDBOX_ROOT_HOST;
	p.input = NULL;
	assert_int_equal(sandbox_plan_check(&p), 0);
}

static void refuses_paths(void **state)
{
	static const char *const paths[] = {
		"", "/", "x", "/..", "/a/../b", "/a//b", "/a/", "//a", "/./a", "/a/."};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct sandbox_bind bind = {"/a", paths[i], false};
		struct sandbox_plan p = good();

		p.binds = &bind;
		p.n_binds = 1;
		assert_int_equal(sandbox_plan_check(&p), -EINVAL);
		p = good();
		p.masks = &paths[i];
		p.n_masks = 1;
		assert_int_equal(sandbox_plan_check(&p), -EINVAL);
		p = good();
		p.host_paths = &paths[i];
		p.n_host_paths = 1;
		assert_int_equal(sandbox_plan_check(&p), -EINVAL);
	}
}

static void refuses_the_rest(void **state)
{
	static const struct sandbox_bind relative = {"a", "/a", false};
	char empty[] = "";
	char *const no_name[] = {empty, NULL}, *const none[] = {NULL};
	struct sandbox_plan p = good();

	p.input = NULL;
	assert_int_equal(sandbox_plan_check(&p), -EINVAL);
	p.input = "x";
	assert_int_equal(sandbox_plan_check(&p), -EINVAL);
	p = good();
	p.argv = none;
	assert_int_equal(sandbox_plan_check(&p), -EINVAL);
	p.argv = no_name;
	assert_int_equal(sandbox_plan_check(&p), -EINVAL);
	p.argv = NULL;
	assert_int_equal(sandbox_plan_check(&p), -EINVAL);
	p = good();
	p.binds = &relative;
	p.n_binds = 1;
	assert_int_equal(sandbox_plan_check(&p), -EINVAL);
	p.n_binds = SANDBOX_LIST_MAX + 1;
	assert_int_equal(sandbox_plan_check(&p), -E2BIG);
}

static void refuses_too_much(void **state)
{
	char **many = calloc(SANDBOX_ARGS_MAX + 2, sizeof(*many));
	char *big = malloc(SANDBOX_PLAN_MAX);
	char *const one[] = {big, NULL};
	struct sandbox_plan p = good();

	for (size_t i = 0; i <= SANDBOX_ARGS_MAX; i++)
		many[i] = name;
	p.argv = many;
	assert_int_equal(sandbox_plan_check(&p), -E2BIG);
	many[SANDBOX_ARGS_MAX] = NULL;
	assert_int_equal(sandbox_plan_check(&p), 0);
	memset(big, 'x', SANDBOX_PLAN_MAX);
	big[SANDBOX_PLAN_MAX - 1] = '\0';
	p = good();
	p.envp = one;
	assert_int_equal(sandbox_plan_check(&p), -E2BIG);
	p = good();
	p.cwd = big;
	assert_int_equal(sandbox_plan_check(&p), -EINVAL);
	free(big);
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_right),
		cmocka_unit_test(refuses_paths),
		cmocka_unit_test(refuses_the_rest),
		cmocka_unit_test(refuses_too_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
