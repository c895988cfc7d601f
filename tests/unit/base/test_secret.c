/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/secret.h"

static int set_up(void **state)
{
	static char place[32];

	strcpy(place, "/tmp/test-secret-XXXXXX");
	*state = place;
	return mkdtemp(place) && chdir(place) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	return chdir("/") == 0 && fs_remove_tree(*state) == 0 ? 0 : -1;
}

static void put(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(name, mode), 0);
}

static void check(const char *name, const char *secret, const char *text, const char *why)
{
	AUTO(secret_fini) struct buf b = BUF_INIT_MAX(8);
	AUTO(util_free) char *said = NULL;
	int r = secret_read(name, secret, &b, &said);

	if (why) {
		assert_int_equal(r, SECRET_BAD);
		assert_string_equal(said, why);
		return;
	}
	assert_int_equal(r, 0);
	assert_null(said);
	assert_string_equal(buf_str(&b), text);
}

static void test_read(void **state)
{
	put("open", "abc", 0644);
	put("group", "abc", 0640);
	put("large", "123456789", 0600);
	put("empty", "", 0600);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	check("open", NULL, "abc", NULL);
	check("group", "key", "abc", NULL);
	check("empty", "key", "", NULL);
	check("open", "key", NULL, "open: others can get at this key: chmod o-rwx open");
	check("large", "key", NULL, "large: too large");
	check("fifo", NULL, NULL, "fifo: not a regular file");
	check(".", NULL, NULL, ".: not a regular file");
	check("none", NULL, NULL, "none: No such file or directory");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
