/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "exact/action.h"
#include "reapi/lookups.h"

/* A directory with "here", "object", "to-here" and "to-nothing". */
static char dir[64];

static void make_file(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void make_link(const char *name, const char *target)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(symlink(target, path), 0);
}

static int set_up(void **state)
{
	strcpy(dir, "/tmp/test-lookups-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	make_file("here");
	make_file("object");
	make_link("to-here", "here");
	make_link("to-nothing", "nothing");
	return 0;
}

static int tear_down(void **state)
{
	return fs_remove_tree(dir);
}

/* NULL: it is fine. */
static char *doubt(const char *name, bool link)
{
	AUTO(util_free) char *path = NULL;
	struct reapi_lookups l = {.part = false};
	struct exact_action a = {.n_blobs = 0};
	struct reapi_lookup looked;
	char *why = NULL;
	int r;

	assert_int_equal(strv_push(&a.outputs, "object"), 0);
	assert_true(asprintf(&path, "%s%s%s", *name == '/' ? "" : dir, *name == '/' ? "" : "/",
			    name) > 0);
	looked = (struct reapi_lookup){.path = path, .link = link};
	assert_int_equal(reapi_lookups_make(&looked, 1, &l), 0);
	r = exact_check_lookups(&a, dir, &l, &why);
	assert_int_equal(r, why ? EXACT_UNKNOWN : 0);
	if (why)
		assert_non_null(strstr(why, path));
	buf_fini(&l.list);
	exact_action_fini(&a);
	return why;
}

static void is_here(const char *name, bool link)
{
	AUTO(util_free) char *why = doubt(name, link);

	assert_non_null(why);
	assert_non_null(strstr(why, "not found there, and is here"));
}

static void is_not(const char *name, bool link)
{
	AUTO(util_free) char *why = doubt(name, link);

	assert_null(why);
}

static void finds_what_is_here(void **state)
{
	is_here("here", false);
	is_here("here", true);
	is_here("../../tmp", false);
	is_here("/", false);
	is_here("to-here", false);
	is_not("nothing", false);
	is_not("here/below", false);
	is_not("nothing/../here", false);
}

static void links(void **state)
{
	is_not("to-nothing", false);
	is_here("to-nothing", true);
}

static void leaves_out_what_it_makes_and_what_every_root_has(void **state)
{
	is_not("object", false);
	is_not("./object", true);
	is_not("/proc/self", false);
	is_not("/dev", false);
	is_not("/dev/null", false);
	is_not("/sys", false);
	is_not("/etc/ld.so.cache", false);
	is_not("/etc/localtime", false);
	is_not("/usr/local/cuda", false);
	is_here("/usr/local", false);
}

static void doubts_what_is_no_list(void **state)
{
	const struct exact_action a = {.n_blobs = 0};
	char bytes[] = "\1\4/a";
	const struct reapi_lookups l = {.list = {.data = bytes, .len = 4}};
	AUTO(util_free) char *why = NULL;

	assert_int_equal(exact_check_lookups(&a, dir, &l, &why), EXACT_UNKNOWN);
	assert_non_null(strstr(why, "cannot be read"));
}

static void nothing_was_missed(void **state)
{
	const struct exact_action a = {.n_blobs = 0};
	const struct reapi_lookups l = {.part = true};
	char *why = NULL;

	assert_int_equal(exact_check_lookups(&a, dir, &l, &why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_is_here),
		cmocka_unit_test(links),
		cmocka_unit_test(leaves_out_what_it_makes_and_what_every_root_has),
		cmocka_unit_test(doubts_what_is_no_list),
		cmocka_unit_test(nothing_was_missed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
