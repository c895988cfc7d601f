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

#include "base/buf.h"
#include "base/path.h"
#include "cc/wrapper.h"

#define SH "#!/bin/sh\n"

/* The words with "|" between them, and "@" for the caller's. */
static char *words_of(const char *text, const char *name)
{
	AUTO(strv_fini) struct strv before = STRV_INIT;
	AUTO(strv_fini) struct strv behind = STRV_INIT;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	int r = cc_wrapper_parse(text, strlen(text), name, &before, &behind);

	if (r != 0) {
		assert_int_equal(r, CC_WRAPPER_UNSURE);
		return NULL;
	}
	for (size_t i = 0; i < before.n; i++)
		assert_int_equal(buf_printf(&b, "%s|", before.v[i]), 0);
	assert_int_equal(buf_append_str(&b, "@"), 0);
	for (size_t i = 0; i < behind.n; i++)
		assert_int_equal(buf_printf(&b, "|%s", behind.v[i]), 0);
	return buf_take(&b);
}

static void calls_of_a_compiler(void **state)
{
	static const char *const rows[][2] = {
		{SH "exec /usr/bin/gcc \"$@\"\n", "/usr/bin/gcc|@"},
		{SH "gcc \"$@\"", "gcc|@"},
		{"#! /bin/bash -e\n\n# why\nset -e\n\texec gcc -O2 \"$@\" -g # always\n\n# end\n",
			"gcc|-O2|@|-g"},
		{"#!/usr/bin/env bash\nexec gcc \\\n  -a=b:c,d%e@f+g^h \\\n  ${1+\"$@\"}\n",
			"gcc|-a=b:c,d%e@f+g^h|@"},
		{SH "exec gcc '-DA=\"x y\"' \"-DB=\\\"\\$z\\\"\" -DC=\\'\\ \\\\ '' a'b'\"c\" "
		    "\"${@}\"\n",
			"gcc|-DA=\"x y\"|-DB=\"$z\"|-DC=' \\||abc|@"},
		{SH "exec \"$(dirname \"$0\")/real\" \"$@\"\n", "/opt/x y/real|@"},
		{SH "exec \"${0%/*}\"/../gcc --sysroot=\"${0%/*}\"/r \"$@\"\n",
			"/opt/x y/../gcc|--sysroot=/opt/x y/r|@"},
		{SH "exec gcc -I\"$(dirname -- \"$0\")\" \"$@\"\n", "gcc|-I/opt/x y|@"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(util_free) char *got = words_of(rows[i][0], "/opt/x y/gcc");

		if (!got)
			fail_msg("row %zu: unsure", i);
		assert_string_equal(got, rows[i][1]);
	}
}

static void a_directory_that_needs_no_quotes(void **state)
{
	AUTO(util_free) char *plain = words_of(SH "exec $(dirname $0)/gcc \"$@\"", "/opt/x/w");
	AUTO(util_free) char *blank = words_of(SH "exec $(dirname $0)/gcc \"$@\"", "/opt/x y/w");
	AUTO(util_free) char *star = words_of(SH "exec ${0%/*}/gcc \"$@\"", "/opt/*/w");
	AUTO(util_free) char *here = words_of(SH "exec \"${0%/*}/gcc\" \"$@\"", "../x/w");
	/* dirname and the shell do not agree, or nobody knows. */
	AUTO(util_free) char *root = words_of(SH "exec \"${0%/*}/gcc\" \"$@\"", "/w");
	AUTO(util_free) char *twice = words_of(SH "exec \"${0%/*}/gcc\" \"$@\"", "/x//w");
	AUTO(util_free) char *none = words_of(SH "exec \"${0%/*}/gcc\" \"$@\"", NULL);
	AUTO(util_free) char *unused = words_of(SH "exec gcc \"$@\"", NULL);

	assert_string_equal(plain, "/opt/x/gcc|@");
	assert_null(blank);
	assert_null(star);
	assert_string_equal(here, "../x/gcc|@");
	assert_null(root);
	assert_null(twice);
	assert_null(none);
	assert_string_equal(unused, "gcc|@");
}

static void what_only_a_shell_knows(void **state)
{
	static const char *const texts[] = {
		"",
		"exec gcc \"$@\"\n",
		"#!/usr/bin/python3\nexec gcc \"$@\"\n",
		"#!/bin/sh -x\nexec gcc \"$@\"\n",
		"#!/bin/shell\nexec gcc \"$@\"\n",
		SH,
		SH "# nothing\n",
		SH "exec gcc\n",
		SH "exec gcc $@\n",
		SH "exec gcc $*\n",
		SH "exec gcc \"$*\"\n",
		SH "exec gcc \"$@\" \"$@\"\n",
		SH "exec gcc \"$@\"x\n",
		SH "exec gcc x\"$@\"\n",
		SH "exec gcc \"$1\" \"$@\"\n",
		SH "exec \"$@\"\n",
		SH "\"$@\"\n",
		SH "exec -a x gcc \"$@\"\n",
		SH "A=b gcc \"$@\"\n",
		SH "A=b\nexec gcc \"$@\"\n",
		SH "export A=b\nexec gcc \"$@\"\n",
		SH "shift\nexec gcc \"$@\"\n",
		SH "exec gcc \"$@\"; true\n",
		SH "gcc \"$@\" | cat\n",
		SH "gcc \"$@\" > log\n",
		SH "gcc \"$@\" &\n",
		SH "gcc \"$@\" && true\n",
		SH "gcc \"$@\"\ntrue\n",
		SH "(gcc \"$@\")\n",
		SH "{ gcc \"$@\"; }\n",
		SH "if true; then gcc \"$@\"; fi\n",
		SH "exec gcc *.c \"$@\"\n",
		SH "exec gcc a? \"$@\"\n",
		SH "exec gcc [a] \"$@\"\n",
		SH "exec gcc {a,b} \"$@\"\n",
		SH "exec gcc ~/x \"$@\"\n",
		SH "exec gcc $FLAGS \"$@\"\n",
		SH "exec gcc \"$FLAGS\" \"$@\"\n",
		SH "exec gcc `x` \"$@\"\n",
		SH "exec gcc \"`x`\" \"$@\"\n",
		SH "exec gcc $(x) \"$@\"\n",
		SH "exec gcc $((1)) \"$@\"\n",
		SH "exec gcc ${x} \"$@\"\n",
		SH "exec gcc \"a\\b\" \"$@\"\n",
		SH "exec gcc a\\\nb \"$@\"\n",
		SH "exec gcc \"a\\\nb\" \"$@\"\n",
		SH "exec gcc \"$@\"\\\nb\n",
		SH "exec gcc 'a \"$@\"\n",
		SH "exec gcc \"a '$@'\n",
		SH "exec gcc \"$@\" a#b\n",
		SH "exec gcc !x \"$@\"\n",
		SH "set -e; exec gcc \"$@\"\n",
		SH "set -ex\nexec gcc \"$@\"\n",
		SH "exec gcc \"$@\" \\",
		SH "exec gcc \"$@\" \r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		AUTO(util_free) char *got = words_of(texts[i], "/x/gcc");

		if (got)
			fail_msg("\"%s\" is %s", texts[i], got);
	}
}

/* ---- files ---- */

static char dir[32];

static char *put(const char *name, const char *text)
{
	char *path = path_join(dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

static int unwrap_word(
	const char *word, const char *script, char *const *envp, struct strv *argv, char **compiler)
{
	char *args[] = {(char *)word, (char *)"-c", (char *)"a b.c", NULL};

	return cc_wrapper_unwrap(script, args, dir, envp, argv, compiler);
}

static int unwrap(const char *script, char *const *envp, struct strv *argv, char **compiler)
{
	return unwrap_word(script, script, envp, argv, compiler);
}

static void scripts_on_the_way(void **state)
{
	char path_variable[64];
	char *envp[] = {path_variable, NULL, NULL};
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	AUTO(strv_fini) struct strv none = STRV_INIT;
	AUTO(util_free) char *compiler = NULL;
	AUTO(strv_fini) struct strv found = STRV_INIT;
	AUTO(util_free) char *no = NULL;
	AUTO(util_free) char *other = NULL;

	strcpy(dir, "/tmp/wrapper-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path_variable, sizeof(path_variable), "PATH=%s", dir);

	/* Not scripts, so they are what they are called. */
	AUTO(util_free) char *gcc = put("gcc", "\177ELF");
	AUTO(util_free) char *ccache = put("ccache", "\177ELF");
	AUTO(util_free) char *inner = put("inner", SH "exec gcc -i \"$@\"\n");
	AUTO(util_free) char *outer = put("outer", SH "exec \"${0%/*}/inner\" \"$@\" -o\n");
	AUTO(util_free) char *self = put("self", SH "exec self \"$@\"\n");
	AUTO(util_free) char *cached = put("cached", SH "exec ccache gcc \"$@\"\n");
	AUTO(util_free) char *gone = put("gone", SH "exec /none/gcc \"$@\"\n");
	char *const files[] = {gcc, ccache, inner, outer, self, cached, gone};

	assert_int_equal(unwrap(outer, envp, &argv, &compiler), 0);
	assert_string_equal(compiler, gcc);
	assert_int_equal(argv.n, 5);
	assert_string_equal(argv.v[0], "gcc");
	assert_string_equal(argv.v[1], "-i");
	assert_string_equal(argv.v[3], "a b.c");
	assert_string_equal(argv.v[4], "-o");
	/* $0 is what PATH led to, where that can be told. */
	assert_int_equal(unwrap_word("outer", outer, envp, &found, &other), 0);
	assert_string_equal(found.v[1], "-i");
	snprintf(path_variable, sizeof(path_variable), "PATH=%s:x", dir);
	assert_int_equal(unwrap_word("outer", outer, envp, &none, &no), CC_WRAPPER_UNSURE);
	snprintf(path_variable, sizeof(path_variable), "PATH=%s", dir);
	assert_int_equal(unwrap(self, envp, &none, &no), CC_WRAPPER_UNSURE);
	assert_int_equal(unwrap(cached, envp, &none, &no), CC_WRAPPER_UNSURE);
	assert_int_equal(unwrap(gone, envp, &none, &no), CC_WRAPPER_UNSURE);
	assert_int_equal(unwrap(gcc, envp, &none, &no), CC_WRAPPER_UNSURE);
	/* A shell that reads another file first, or knows functions. */
	envp[1] = (char *)"BASH_ENV=/x";
	assert_int_equal(unwrap(outer, envp, &none, &no), CC_WRAPPER_UNSURE);
	envp[1] = (char *)"BASH_FUNC_gcc%%=() { false; }";
	assert_int_equal(unwrap(outer, envp, &none, &no), CC_WRAPPER_UNSURE);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		assert_int_equal(unlink(files[i]), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_of_a_compiler),
		cmocka_unit_test(a_directory_that_needs_no_quotes),
		cmocka_unit_test(what_only_a_shell_knows),
		cmocka_unit_test(scripts_on_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
