/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "place.h"
#include "sandbox/outputs.h"
#include "sandbox/relpath.h"

static void tells_what_is_there(void **state)
{
	static const struct {
		const char *path;
		int result;
		enum outputs_kind kind;
	} cases[] = {
		{"f", 0, OUTPUTS_FILE},
		{"d", 0, OUTPUTS_DIRECTORY},
		{"", 0, OUTPUTS_DIRECTORY},
		{"l", 0, OUTPUTS_SYMLINK},
		{"d/out", 0, OUTPUTS_SYMLINK},
		{"fifo", 0, OUTPUTS_SPECIAL},
		{"none", 0, OUTPUTS_MISSING},
		{"none/x", 0, OUTPUTS_MISSING},
		{"f/x", 0, OUTPUTS_MISSING},
		{"l/x", -ELOOP, OUTPUTS_MISSING},
		{"d/out/passwd", -ELOOP, OUTPUTS_MISSING},
		{"../x", -EINVAL, OUTPUTS_MISSING},
		{"/etc", -EINVAL, OUTPUTS_MISSING},
		{"d/../f", -EINVAL, OUTPUTS_MISSING},
		{"d/", -EINVAL, OUTPUTS_MISSING},
	};
	AUTO(util_close) int here = place_here();

	place_put("f", "text");
	assert_int_equal(mkdir("d", 0750), 0);
	assert_int_equal(symlink("d", "l"), 0);
	assert_int_equal(symlink("/etc", "d/out"), 0);
	assert_int_equal(mkfifo("fifo", 0644), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(outputs_entry_fini) struct outputs_entry e = OUTPUTS_ENTRY_INIT;
		int r = outputs_open(here, cases[i].path, &e);

		assert_int_equal(r, cases[i].result);
		if (r < 0)
			continue;
		assert_int_equal(e.kind, cases[i].kind);
		assert_int_equal(e.fd >= 0, e.kind == OUTPUTS_FILE || e.kind == OUTPUTS_DIRECTORY);
		assert_int_equal(e.target != NULL, e.kind == OUTPUTS_SYMLINK);
		if (e.kind == OUTPUTS_FILE)
			assert_int_equal(e.size, 4);
	}
}

static int note(void *ctx, const char *path, struct outputs_entry *e)
{
	return buf_printf(ctx, "%s:%d ", path, e->kind);
}

static int stop(void *ctx, const char *path, struct outputs_entry *e)
{
	return 7;
}

static void make_dirs(void)
{
	assert_int_equal(mkdir("d", 0755), 0);
	assert_int_equal(mkdir("d/b", 0755), 0);
	assert_int_equal(mkdir("d/b/c", 0755), 0);
	place_put("d/b/z", "12345");
	place_put("d/a", "123");
	assert_int_equal(symlink("b", "d/l"), 0);
	assert_int_equal(mkfifo("d/p", 0644), 0);
}

static void walks_sorted(void **state)
{
	AUTO(buf_fini) struct buf got = BUF_INIT;
	AUTO(util_close) int dir = -1;
	struct outputs_limits limits = OUTPUTS_LIMITS_DEFAULT;

	make_dirs();
	dir = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(outputs_walk(dir, &limits, note, &got), 0);
	assert_string_equal(buf_str(&got), "a:1 b:2 b/c:2 b/z:1 l:3 p:4 ");
	assert_int_equal(outputs_walk(dir, &limits, stop, NULL), 7);
}

static void keeps_to_limits(void **state)
{
	static const struct {
		struct outputs_limits limits;
		int result;
	} cases[] = {
		{{.entries = 6, .bytes = 8, .depth = 2}, 0},
		{{.entries = 5, .bytes = 8, .depth = 2}, -E2BIG},
		{{.entries = 6, .bytes = 7, .depth = 2}, -E2BIG},
		{{.entries = 6, .bytes = 8, .depth = 1}, -E2BIG},
	};
	AUTO(util_close) int dir = -1;

	make_dirs();
	dir = open("d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf got = BUF_INIT;
		struct outputs_limits limits = cases[i].limits;

		assert_int_equal(outputs_walk(dir, &limits, note, &got), cases[i].result);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_what_is_there, place_enter, place_leave),
		cmocka_unit_test_setup_teardown(walks_sorted, place_enter, place_leave),
		cmocka_unit_test_setup_teardown(keeps_to_limits, place_enter, place_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
