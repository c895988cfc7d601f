/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"
#include "worker/compiler.h"

/*
 * A directory with
 *	distcc			ourselves, as far as a name tells
 *	masq/gcc -> ../distcc	what must be passed over
 *	real/gcc, real/wrap	programs (scripts)
 *	list			a list of commands
 */
static char root[] = "/tmp/test-compiler-XXXXXX";

static char *at(const char *name)
{
	char *path = path_join(root, name);

	assert_non_null(path);
	return path;
}

static void make_file(const char *name, const char *text, mode_t mode)
{
	AUTO(util_free) char *path = at(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
	AUTO(util_free) char *masq = NULL;
	AUTO(util_free) char *real = NULL;
	AUTO(util_free) char *link = NULL;

	assert_non_null(mkdtemp(root));
	masq = at("masq");
	real = at("real");
	link = at("masq/gcc");
	assert_int_equal(mkdir(masq, 0700), 0);
	assert_int_equal(mkdir(real, 0700), 0);
	make_file("distcc", "#!/bin/sh\n", 0700);
	assert_int_equal(symlink("../distcc", link), 0);
	make_file("real/gcc", "#!/bin/sh\n", 0700);
	make_file("real/wrap", "#!/bin/sh\n", 0700);
	make_file("real/plain", "text", 0600);
	return 0;
}

static int tear_down(void **state)
{
	return fs_remove_tree(root);
}

static struct compiler_policy policy(bool insecure, const char *list, const char *words)
{
	static char path[256], list_variable[256], words_variable[64];
	char *envp[] = {path, list ? list_variable : NULL, words_variable, NULL};
	struct compiler_policy p;

	snprintf(path, sizeof(path), "DISTCCD_PATH=relative:%s/masq:%s/real", root, root);
	snprintf(list_variable, sizeof(list_variable), "DISTCC_CMDLIST=%s/%s", root,
		list ? list : "");
	snprintf(words_variable, sizeof(words_variable), "DISTCC_CMDLIST_NUMWORDS=%s", words);
	assert_int_equal(compiler_policy_init(&p, envp, insecure), 0);
	return p;
}

static void expect(const struct compiler_policy *p, const char *name, int r, const char *wanted)
{
	struct compiler c = {0};

	assert_int_equal(compiler_find(p, name, &c), r);
	if (r == 0) {
		AUTO(util_free) char *path = at(wanted);

		assert_string_equal(c.path, path);
		assert_false(c.is_driver); /* scripts */
	}
	compiler_fini(&c);
}

static void test_anything(void **state)
{
	AUTO(compiler_policy_fini) struct compiler_policy p = policy(true, NULL, "1");
	AUTO(util_free) char *wrap = at("real/wrap");
	AUTO(util_free) char *distcc = at("masq/gcc");

	expect(&p, "gcc", 0, "real/gcc");
	expect(&p, "/usr/bin/wrap", 0, "real/wrap");
	expect(&p, wrap, 0, "real/wrap");
	expect(&p, distcc, 0, "real/gcc");
	expect(&p, "/no/such/dir/gcc", 0, "real/gcc");
	expect(&p, "plain", COMPILER_NOT_FOUND, NULL);
	expect(&p, "no-such-compiler", COMPILER_NOT_FOUND, NULL);
	expect(&p, "", COMPILER_NOT_ALLOWED, NULL);
	expect(&p, "..", COMPILER_NOT_ALLOWED, NULL);
	expect(&p, "dir/", COMPILER_NOT_ALLOWED, NULL);
}

static void test_commands(void **state)
{
	char text[512];

	snprintf(text, sizeof(text), "%s/real/wrap\r\n\n%s/masq/gcc\n%s/real/gone\nno/path\n", root,
		root, root);
	make_file("list", text, 0600);
	{
		AUTO(compiler_policy_fini) struct compiler_policy p = policy(false, "list", "1");

		expect(&p, "wrap", 0, "real/wrap");
		expect(&p, "/any/where/wrap", 0, "real/wrap");
		expect(&p, "gcc", COMPILER_NOT_FOUND, NULL);
		expect(&p, "gone", COMPILER_NOT_FOUND, NULL);
		expect(&p, "path", COMPILER_NOT_FOUND, NULL);
		expect(&p, "rap", COMPILER_NOT_ALLOWED, NULL);
		expect(&p, "", COMPILER_NOT_ALLOWED, NULL);
	}
	{
		AUTO(compiler_policy_fini) struct compiler_policy p = policy(false, "list", "2");

		expect(&p, "real/wrap", 0, "real/wrap");
		expect(&p, "/x/real/wrap", 0, "real/wrap");
		expect(&p, "wrap", COMPILER_NOT_ALLOWED, NULL);
		expect(&p, "/unreal/wrap", COMPILER_NOT_ALLOWED, NULL);
	}
}

static void test_drivers(void **state)
{
	AUTO(compiler_policy_fini) struct compiler_policy p = policy(true, NULL, "1");
	struct compiler c;

	p.path = "/usr/bin";
	if (compiler_find(&p, "gcc", &c) == 0) {
		assert_true(c.is_driver);
		compiler_fini(&c);
	}
	assert_int_equal(compiler_find(&p, "env", &c), 0);
	assert_false(c.is_driver);
	compiler_fini(&c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anything),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_drivers),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
