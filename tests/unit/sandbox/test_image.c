/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "failing.h"
#include "sandbox/image.h"

static char prog[] = "cc", arg[] = "", var[] = "A=b";
static char *const argv[] = {prog, arg, NULL}, *const envp[] = {var, NULL};
static const struct sandbox_bind binds[] = {{"/s", "/t", true}, {"/u", "/v", false}};
static const char *const lists[] = {"/m", "/n"};

static struct image_job example(void)
{
	return (struct image_job){
		.plan = {.root = SANDBOX_ROOT_HOST,
			.inputs = SANDBOX_INPUT_PRIVATE,
			.binds = binds,
			.n_binds = 2,
			.masks = lists,
			.n_masks = 2,
			.host_paths = lists,
			.n_host_paths = 1,
			.argv = argv,
			.envp = envp,
			.cwd = "sub",
			.loopback = true,
			.lookups = true,
			.fd_lookups = 11,
			.limits = {.wall_ms = 7, .cpu_percent = 9}},
		.mechanisms = 0x123,
		.uid = 65534,
		.gid = 5,
		.cgroups = {"/c/1"},
		.n_cgroups = 1,
		.filter = "\1\0\3",
		.filter_len = 3,
		.lookups_filter = "\4\0",
		.lookups_filter_len = 2,
	};
}

static void is_the_same_again(void **state)
{
	const struct image_job job = example();
	AUTO(buf_fini) struct buf b = BUF_INIT;
	AUTO(image_job_fini) struct image_job got = {.n_cgroups = 0};

	assert_int_equal(image_encode(&job, &b), 0);
	assert_int_equal(image_decode(b.data, b.len, &got), 0);
	assert_int_equal(got.plan.root, SANDBOX_ROOT_HOST);
	assert_int_equal(got.plan.inputs, SANDBOX_INPUT_PRIVATE);
	assert_null(got.plan.input);
	assert_int_equal(got.plan.n_binds, 2);
	assert_string_equal(got.plan.binds[0].source, "/s");
	assert_true(got.plan.binds[0].writable);
	assert_string_equal(got.plan.binds[1].target, "/v");
	assert_false(got.plan.binds[1].writable);
	assert_int_equal(got.plan.n_masks, 2);
	assert_string_equal(got.plan.masks[1], "/n");
	assert_int_equal(got.plan.n_host_paths, 1);
	assert_string_equal(got.plan.argv[0], "cc");
	assert_string_equal(got.plan.argv[1], "");
	assert_null(got.plan.argv[2]);
	assert_string_equal(got.plan.envp[0], "A=b");
	assert_null(got.plan.envp[1]);
	assert_string_equal(got.plan.cwd, "sub");
	assert_true(got.plan.loopback);
	assert_memory_equal(&got.plan.limits, &job.plan.limits, sizeof(job.plan.limits));
	assert_int_equal(got.mechanisms, 0x123);
	assert_int_equal(got.uid, 65534);
	assert_int_equal(got.gid, 5);
	assert_int_equal(got.n_cgroups, 1);
	assert_string_equal(got.cgroups[0], "/c/1");
	assert_int_equal(got.filter_len, 3);
	assert_memory_equal(got.filter, "\1\0\3", 3);
	assert_true(got.plan.lookups);
	assert_int_equal(got.plan.fd_lookups, 11);
	assert_int_equal(got.lookups_filter_len, 2);
	assert_memory_equal(got.lookups_filter, "\4\0", 2);
}

static void refuses_every_part_of_it(void **state)
{
	const struct image_job job = example();
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct image_job got;

	assert_int_equal(image_encode(&job, &b), 0);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(image_decode(b.data, n, &got), -EBADMSG);
	assert_int_equal(buf_append_char(&b, '\0'), 0);
	assert_int_equal(image_decode(b.data, b.len, &got), -EBADMSG);
}

static void has_a_maximum(void **state)
{
	const struct image_job job = example();
	AUTO(buf_fini) struct buf b = BUF_INIT_MAX(100);

	assert_int_equal(image_encode(&job, &b), -E2BIG);
}

static void no_memory(void **state)
{
	const struct image_job job = example();

	for (unsigned n = 1; failing_start(n); n++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		struct image_job got;
		int r = image_encode(&job, &b);

		if (r == 0)
			r = image_decode(b.data, b.len, &got);
		if (failing_stop()) {
			assert_true(r == -ENOMEM || r == -EBADMSG);
		} else {
			assert_int_equal(r, 0);
			image_job_fini(&got);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_same_again),
		cmocka_unit_test(refuses_every_part_of_it),
		cmocka_unit_test(has_a_maximum),
		cmocka_unit_test(no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
