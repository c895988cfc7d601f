/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "failing.h"
#include "scan/fs.h"
#include "scan/view.h"
#include "world.h"

/* What is rare: no memory, no watches, too many paths, file systems that come and go. */

static int everything(struct scan_fs *fs)
{
	int r = scan_fs_refresh(fs);

	for (size_t i = 0; i < world_paths_n && r >= 0; i++) {
		struct scan_path *p;
		struct scan_content *c;
		char *data = NULL;

		r = scan_fs_path(fs, world_root(), strlen(world_root()), world_paths[i],
			strlen(world_paths[i]), &p);
		if (r == 0)
			r = scan_fs_prove(fs, p);
		if (r == 0 && p->kind == SCAN_FILE)
			r = scan_fs_content(fs, p, &c, &data);
		free(data);
		if (r == 0 && p->inode && !scan_fs_real(fs, p))
			r = -ENOMEM;
	}
	return r;
}

static void memory_may_run_out_anywhere(void **state)
{
	static const unsigned modes[] = {0, SCAN_FS_NO_WATCH};

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		unsigned failures = 0;

		world_fill();
		for (unsigned n = 1; failing_start(n); n++) {
			struct scan_fs fs = {0};
			int r = scan_fs_init(&fs, modes[m]);

			if (r == 0)
				r = everything(&fs);
			if (failing_stop()) {
				failures++;
				assert_int_equal(MIN(r, 0), r); /* a listing may do without */
			} else {
				assert_int_equal(r, 0);
			}
			if (fs.state) {
				/* And as if nothing had been. */
				world_put("src/a.h", n % 2 ? "odd\n" : "even\n");
				world_expect(&fs);
				scan_fs_fini(&fs);
			}
		}
		assert_true(failures > 50);
		world_empty();
	}
}

static void memory_may_run_out_while_taking_in(void **state)
{
	world_fill();
	for (unsigned n = 1; n < 60; n++) {
		AUTO(scan_fs_fini) struct scan_fs fs;
		char name[32];

		assert_int_equal(scan_fs_init(&fs, 0), 0);
		world_expect(&fs);
		for (unsigned i = 0; i < 100; i++) {
			(void)snprintf(name, sizeof(name), "src/%u.%u.h", n, i);
			world_put(name, name);
		}
		world_put("src/b.h", name);
		(void)failing_start(n);
		(void)!everything(&fs);
		(void)failing_stop();
		world_expect(&fs);
		assert_true(world_true(&fs, world_path(&fs, name)));
	}
}

static void there_may_be_few_watches(void **state)
{
	for (unsigned max = 0; max < 24; max++) {
		AUTO(scan_fs_fini) struct scan_fs fs;

		world_fill();
		assert_int_equal(scan_fs_init(&fs, 0), 0);
		fs.state->watches_max = max;
		world_expect(&fs);
		world_expect(&fs);
		assert_in_range(fs.state->watches, 0, max);
		world_put("src/a.h", "new\n");
		world_put("src/new.h", "new\n");
		assert_int_equal(rename("inc", "new"), 0);
		world_expect(&fs);
		assert_int_equal(rename("new/deep", "inc"), 0);
		world_expect(&fs);
		world_empty();
	}
}

static unsigned dropped;

static void drop(void *derived)
{
	free(derived);
	dropped++;
}

static void too_many_paths_empty_the_view(void **state)
{
	AUTO(scan_fs_fini) struct scan_fs fs;
	struct scan_content *c;
	struct scan_path *p;
	uint64_t generation, serial;
	char name[32];
	int r = 0;

	world_fill();
	assert_int_equal(scan_fs_init(&fs, 0), 0);
	fs.drop_derived = drop;
	fs.state->paths_max = 200;
	world_expect(&fs);
	assert_int_equal(scan_fs_content(&fs, world_path(&fs, "src/a.h"), &c, NULL), 0);
	c->derived = malloc(1);
	serial = c->serial;
	for (unsigned i = 0; r == 0; i++) {
		int len = snprintf(name, sizeof(name), "%u", i);

		r = scan_fs_path(&fs, "/", 1, name, (size_t)len, &p);
	}
	assert_int_equal(r, -E2BIG);
	generation = fs.generation;
	assert_int_equal(dropped, 0);
	assert_int_equal(scan_fs_refresh(&fs), SCAN_FS_EMPTIED);
	assert_int_equal(dropped, 1);
	assert_int_not_equal(fs.generation, generation);
	assert_int_equal(fs.state->watches, 0);
	world_put("src/a.h", "new\n");
	world_expect(&fs);
	assert_int_equal(world_path(&fs, world_paths[0])->id, 0);
	assert_int_equal(scan_fs_content(&fs, world_path(&fs, "src/a.h"), &c, NULL), 0);
	assert_true(c->serial > serial);
	world_put("src/a.h", "newer\n");
	world_expect(&fs);
}

/* In a mount namespace of its own; 77: not to be had. */
static int mount_and_look(unsigned flags)
{
	AUTO(scan_fs_fini) struct scan_fs fs;

	if (unshare(CLONE_NEWNS | (geteuid() ? CLONE_NEWUSER : 0)) < 0 ||
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	world_fill();
	assert_int_equal(scan_fs_init(&fs, flags), 0);
	world_expect(&fs);
	if (mount("none", "inc", "tmpfs", 0, NULL) < 0)
		return 77;
	world_expect(&fs);
	world_put("inc/new.h", "on the mounted\n");
	world_expect(&fs);
	assert_int_equal(mount("src", "other", NULL, MS_BIND, NULL), 0);
	world_expect(&fs);
	world_put("other/new.h", "by one place\n");
	world_expect(&fs);
	world_put("src/new.h", "by the other\n");
	world_expect(&fs);
	assert_int_equal(umount2("other", MNT_DETACH), 0);
	world_expect(&fs);
	assert_int_equal(umount2("inc", MNT_DETACH), 0);
	world_expect(&fs);
	world_put("inc/new.h", "below\n");
	world_expect(&fs);
	assert_int_equal(mount("src/a.h", "inc/x.h", NULL, MS_BIND, NULL), 0);
	world_expect(&fs);
	world_put("src/a.h", "through the mounted file\n");
	world_expect(&fs);
	return 0;
}

static void mounts_are_noticed(void **state)
{
	static const unsigned modes[] = {0, SCAN_FS_NO_WATCH};

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		pid_t pid = fork();
		int status;

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(mount_and_look(modes[m]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 77)
			skip();
		assert_int_equal(WEXITSTATUS(status), 0);
		world_empty();
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(memory_may_run_out_anywhere),
		TEST(memory_may_run_out_while_taking_in),
		TEST(there_may_be_few_watches),
		TEST(too_many_paths_empty_the_view),
		TEST(mounts_are_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
