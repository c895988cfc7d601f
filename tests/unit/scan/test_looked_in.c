/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "engine.h"
#include "world.h"

/* The directories that were looked in, as they come and go; with watches and without. */

static void fill(void)
{
	world_put("main.c", "#include <a/one.h>\n#include <a/two.h>\n#include <b/c/deep.h>\n"
			    "#include \"plain.h\"\n");
	assert_int_equal(mkdir("sys", 0755), 0);
	assert_int_equal(mkdir("sys/a", 0755), 0);
	assert_int_equal(mkdir("sys/b", 0755), 0);
	assert_int_equal(mkdir("sys/b/c", 0755), 0);
	world_put("sys/a/one.h", "");
	world_put("sys/a/two.h", "");
	world_put("sys/b/c/deep.h", "");
	world_put("sys/plain.h", "");
}

static int add(void *arg, struct scan_path *p)
{
	const char *root = world_root();
	size_t n = strlen(root);

	assert_int_equal(strncmp(p->path, root, n), 0);
	return buf_printf(arg, "%s ", p->path[n] ? p->path + n + 1 : ".");
}

/* Each is told once for each way to look for it: in the order of the look-ups. */
static void assert_told(struct engine *e, const char *want)
{
	AUTO(buf_fini) struct buf said = BUF_INIT;

	assert_int_equal(scan_fs_refresh(&e->s->fs), 0);
	assert_int_equal(scanner_each_looked_in(e->s, add, &said), 0);
	assert_string_equal(buf_str(&said), want);
}

static void come_and_go(void **state)
{
	static const unsigned views[] = {0, SCAN_FS_NO_WATCH};

	for (size_t i = 0; i < ARRAY_SIZE(views); i++) {
		AUTO(engine_fini) struct engine e;

		fill();
		assert_int_equal(engine_init(&e, world_root(), "main.c", ENGINE_C17, views[i]), 0);
		assert_int_equal(engine_run(&e), 0);
		assert_told(&e, ". . ");
		assert_told(&e, ". . ");
		assert_int_equal(mkdir("a", 0755), 0);
		assert_told(&e, "./a . ");
		assert_int_equal(mkdir("b", 0755), 0);
		assert_told(&e, "./a ./b ");
		assert_int_equal(mkdir("b/c", 0755), 0);
		assert_told(&e, "./a ./b/c ");
		assert_int_equal(rename("b", "d"), 0);
		assert_told(&e, "./a . ");
		assert_int_equal(symlink("d", "b"), 0);
		assert_told(&e, "./a ./b/c ");
		assert_int_equal(unlink("b"), 0);
		assert_int_equal(rmdir("a"), 0);
		assert_told(&e, ". . ");
		world_empty();
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(come_and_go, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
