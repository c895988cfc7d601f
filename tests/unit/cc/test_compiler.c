/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/path.h"
#include "cc/compiler.h"

/*
 * A small file system under a temporary root:
 *	ours/gcc, ours/cc, ours/clang -> ../distcc
 *	ccache/gcc -> ../ccache-bin
 *	usr/: a distribution's gcc and clang, alt/cc being what an alternatives system makes of it
 *	opt/: a gcc under no name that says which, and a script named gcc
 */

static char root[] = "/tmp/cc-compiler-XXXXXX";

static char *at(const char *name)
{
	char *path = path_join(root, name);

	assert_non_null(path);
	return path;
}

static void make_program(const char *name, const char *start)
{
	AUTO(util_free) char *path = at(name);
	AUTO(util_free) char *dir = path_dir(path);
	AUTO(util_close) int fd = -1;

	assert_int_equal(fs_mkdirs(dir, 0700), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, start, strlen(start)), 0);
}

static void make_link(const char *name, const char *target)
{
	AUTO(util_free) char *path = at(name);
	AUTO(util_free) char *dir = path_dir(path);

	assert_int_equal(fs_mkdirs(dir, 0700), 0);
	assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(root));
	make_program("distcc", "\177ELF distcc");
	make_program("ccache-bin", "\177ELF ccache");
	make_link("ours/gcc", "../distcc");
	make_link("ours/cc", "../distcc");
	make_link("ours/clang", "../distcc");
	make_link("ccache/gcc", "../ccache-bin");
	make_program("usr/x86_64-linux-gnu-gcc-12", "\177ELF gcc");
	make_link("usr/gcc-12", "x86_64-linux-gnu-gcc-12");
	make_link("usr/gcc", "gcc-12");
	make_link("alt/cc", "../usr/gcc");
	make_link("usr/cc", "../alt/cc");
	make_program("usr/x86_64-linux-gnu-g++-12", "\177ELF g++");
	make_link("usr/g++-12", "x86_64-linux-gnu-g++-12");
	make_link("usr/g++", "g++-12");
	make_link("usr/c++", "g++");
	make_program("usr/llvm-14/bin/clang", "\177ELF clang");
	make_link("usr/llvm-14/bin/clang++", "clang");
	make_link("usr/clang", "llvm-14/bin/clang");
	make_link("usr/clang-14", "llvm-14/bin/clang");
	make_link("usr/clang++", "llvm-14/bin/clang++");
	make_link("usr/clang++-14", "llvm-14/bin/clang++");
	make_program("opt/gcc", "\177ELF other gcc");
	make_program("opt/script/gcc", "#!/bin/sh\n");
	make_program("opt/arm-none-eabi-gcc-12.2.1", "\177ELF cross");
	make_link("opt/arm-none-eabi-gcc", "arm-none-eabi-gcc-12.2.1");
	return 0;
}

static int teardown(void **state)
{
	return fs_remove_tree(root);
}

static struct cc_file_id id_of(const char *name)
{
	AUTO(util_free) char *path = at(name);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (struct cc_file_id){st.st_dev, st.st_ino};
}

static void test_behind(void **state)
{
	static const struct {
		const char *name, *path;
		bool skip_ccache;
		const char *want; /* NULL: -ENOENT */
		bool first;
	} rows[] = {
		{"gcc", "ours:usr", false, "usr/gcc"},
		{"gcc", "usr", false, "usr/gcc", true},
		{"gcc", "ccache:ours:usr", false, "usr/gcc"},
		{"gcc", "ours:ccache:usr", false, "ccache/gcc"},
		{"gcc", "ours:ccache:usr", true, "usr/gcc"},
		{"gcc", "ours:ours:usr", false, "usr/gcc"},
		{"gcc", "usr:ours", false, NULL},
		{"gcc", "ours", false, NULL},
		{"gcc", "ours:missing::usr", false, "usr/gcc"},
		{"nothing", "ours:usr", false, NULL},
		{"/x/ours/gcc", "usr", false, "usr/gcc", true},
		{"gcc", "ccache:usr", false, "ccache/gcc", true},
		{"gcc", "ccache:usr", true, "usr/gcc"},
		{"llvm-14", "ours:usr", false, NULL},
	};
	struct cc_file_id self = id_of("distcc"), ccache = id_of("ccache-bin");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(util_free) char *got = NULL;
		AUTO(util_free) char *want = rows[i].want ? at(rows[i].want) : NULL;
		bool first;
		int r = cc_compiler_behind(rows[i].name, rows[i].path, root, self, &ccache,
			rows[i].skip_ccache ? 1 : 0, &got, &first);

		assert_int_equal(r, want ? 0 : -ENOENT);
		if (!want)
			continue;
		assert_string_equal(got, want);
		assert_int_equal(first, rows[i].first);
	}
}

static void test_remote_name(void **state)
{
	static const struct {
		const char *name, *file, *want; /* NULL: no server is asked */
	} rows[] = {
		{"gcc", "usr/gcc", "x86_64-linux-gnu-gcc-12"},
		{"cc", "usr/cc", "x86_64-linux-gnu-gcc-12"},
		{"c++", "usr/c++", "x86_64-linux-gnu-g++-12"},
		{"g++-12", "usr/g++-12", "x86_64-linux-gnu-g++-12"},
		{"x86_64-linux-gnu-gcc-12", "usr/x86_64-linux-gnu-gcc-12",
			"x86_64-linux-gnu-gcc-12"},
		{"clang", "usr/clang", "clang-14"},
		{"clang++", "usr/clang++", "clang++-14"},
		{"clang-14", "usr/clang-14", "clang-14"},
		{"gcc", "opt/gcc", NULL},
		{"arm-none-eabi-gcc", "opt/arm-none-eabi-gcc", "arm-none-eabi-gcc-12.2.1"},
		{"gcc", "ccache/gcc", NULL},
		{"gcc", "missing/gcc", NULL},
	};
	AUTO(util_free) char *usr = at("usr");
	AUTO(util_free) char *opt = at("opt");
	AUTO(util_free) char *path = NULL;

	assert_true(asprintf(&path, "%s:%s", usr, opt) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(util_free) char *file = at(rows[i].file);
		AUTO(util_free) char *got = NULL;

		assert_int_equal(cc_compiler_remote_name(rows[i].name, file, path, false, &got), 0);
		if (rows[i].want && got)
			assert_string_equal(got, rows[i].want);
		else
			assert_int_equal(got != NULL, rows[i].want != NULL);
	}
}

/* The full name must mean this compiler on PATH, not another one. */
static void test_remote_name_off_path(void **state)
{
	AUTO(util_free) char *usr = at("usr");
	AUTO(util_free) char *opt = at("opt");
	AUTO(util_free) char *file = at("usr/gcc");
	char *got = NULL;

	assert_int_equal(cc_compiler_remote_name(file, file, opt, false, &got), 0);
	assert_null(got);
	assert_int_equal(cc_compiler_remote_name(file, file, usr, false, &got), 0);
	assert_string_equal(got, "x86_64-linux-gnu-gcc-12");
	free(got);
}

static void test_no_rewrite(void **state)
{
	static const char *const rows[][2] = {
		{"gcc", "gcc"},
		{"/usr/bin/gcc", "gcc"},
		{"/bin/cc", "cc"},
		{"/opt/x/gcc", "/opt/x/gcc"},
		{"../gcc", "../gcc"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(util_free) char *got = NULL;

		assert_int_equal(cc_compiler_remote_name(rows[i][0], "/x", "/x", true, &got), 0);
		assert_string_equal(got, rows[i][1]);
	}
}

static void test_family(void **state)
{
	static const struct {
		const char *name, *file; /* file NULL: by name alone */
		enum cc_family family;
		bool cxx;
	} rows[] = {
		{"gcc", NULL, CC_FAMILY_GCC, false},
		{"/usr/bin/g++-12", NULL, CC_FAMILY_GCC, true},
		{"x86_64-linux-gnu-gcc-12", NULL, CC_FAMILY_GCC, false},
		{"arm-none-eabi-g++", NULL, CC_FAMILY_GCC, true},
		{"c89-gcc", NULL, CC_FAMILY_GCC, false},
		{"x86_64-w64-mingw32-gcc-win32", NULL, CC_FAMILY_GCC, false},
		{"x86_64-w64-mingw32-g++-12-posix", NULL, CC_FAMILY_GCC, true},
		{"vendor++", NULL, CC_FAMILY_UNKNOWN, true},
		{"clang++-14", NULL, CC_FAMILY_CLANG, true},
		{"clang-15.0.7", NULL, CC_FAMILY_CLANG, false},
		{"cc", NULL, CC_FAMILY_UNKNOWN, false},
		{"c++", NULL, CC_FAMILY_UNKNOWN, true},
		{"ccache", NULL, CC_FAMILY_UNKNOWN, false},
		{"clang-cl", NULL, CC_FAMILY_UNKNOWN, false},
		{"clang-tidy", NULL, CC_FAMILY_UNKNOWN, false},
		{"gccgo", NULL, CC_FAMILY_UNKNOWN, false},
		{"gcc-ar-12", NULL, CC_FAMILY_UNKNOWN, false},
		{"nvcc", NULL, CC_FAMILY_UNKNOWN, false},
		{"", NULL, CC_FAMILY_UNKNOWN, false},
		{"-", NULL, CC_FAMILY_UNKNOWN, false},
		{"12", NULL, CC_FAMILY_UNKNOWN, false},
		{"cc", "usr/cc", CC_FAMILY_GCC, false},
		{"c++", "usr/c++", CC_FAMILY_GCC, true},
		{"gcc", "usr/gcc", CC_FAMILY_GCC, false},
		{"cc", "usr/clang", CC_FAMILY_CLANG, false},
		{"gcc", "usr/clang", CC_FAMILY_CLANG, false},
		{"clang++", "usr/clang++", CC_FAMILY_CLANG, true},
		{"gcc", "ccache/gcc", CC_FAMILY_UNKNOWN, false},
		{"gcc", "opt/script/gcc", CC_FAMILY_UNKNOWN, false},
		{"gcc", "missing/gcc", CC_FAMILY_UNKNOWN, false},
		{"foo", "usr/gcc", CC_FAMILY_UNKNOWN, false},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(util_free) char *file = rows[i].file ? at(rows[i].file) : NULL;

		if (cc_compiler_family(rows[i].name, file) != rows[i].family)
			fail_msg("%s, %s", rows[i].name, file ? file : "-");
		assert_int_equal(cc_compiler_is_cxx(rows[i].name), rows[i].cxx);
	}
}

static void test_version_of_a_name(void **state)
{
	static const struct {
		const char *name;
		unsigned version;
	} names[] = {
		{"x86_64-linux-gnu-gcc-12", 12},
		{"x86_64-linux-gnu-g++-9", 9},
		{"gcc-4.8", 4},
		{"gcc", 0},
		{"x86_64-linux-gnu-gcc", 0},
		{"gcc-", 0},
		{"gcc-12x", 0},
		{"gcc-99999999999999999999", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(cc_compiler_name_version(names[i].name), names[i].version);
}

static void test_registered(void **state)
{
	static const struct {
		const char *list, *name, *path;
		enum cc_family family;
	} rows[] = {
		{NULL, "tcc5", NULL, CC_FAMILY_UNKNOWN},
		{"", "tcc5", NULL, CC_FAMILY_UNKNOWN},
		{"tcc5=gcc", "tcc5", NULL, CC_FAMILY_GCC},
		{"tcc5=clang", "/opt/x/tcc5", NULL, CC_FAMILY_CLANG},
		{"a=gcc:tcc5=clang:b=gcc", "tcc5", NULL, CC_FAMILY_CLANG},
		{"tcc=gcc:tcc55=gcc:cc5=gcc", "tcc5", NULL, CC_FAMILY_UNKNOWN},
		{"tcc5=gccgo", "tcc5", NULL, CC_FAMILY_UNKNOWN},
		{"tcc5", "tcc5", NULL, CC_FAMILY_UNKNOWN},
		{"=gcc", "tcc5", NULL, CC_FAMILY_UNKNOWN},
		{"/bin/true=gcc", "tcc5", "/bin/true", CC_FAMILY_GCC},
		{"/bin/true=gcc", "tcc5", "/bin/false", CC_FAMILY_UNKNOWN},
		/* What it is not about goes by its name. */
		{"tcc5=clang", "gcc", NULL, CC_FAMILY_GCC},
		/* A script is not to be seen through. */
		{"ldd=gcc", "ldd", "/usr/bin/ldd", CC_FAMILY_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (cc_compiler_registered(rows[i].list, rows[i].name, rows[i].path) !=
			rows[i].family)
			fail_msg("row %zu: %s", i, rows[i].list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_version_of_a_name),
		cmocka_unit_test(test_behind),
		cmocka_unit_test(test_remote_name),
		cmocka_unit_test(test_remote_name_off_path),
		cmocka_unit_test(test_no_rewrite),
		cmocka_unit_test(test_family),
		cmocka_unit_test(test_registered),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
