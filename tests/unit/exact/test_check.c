/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/strv.h"
#include "exact/action.h"
#include "exact/depfile.h"

static void names_of_a_rule(void **state)
{
	static const struct {
		const char *text;
		const char *target; /* NULL: any */
		int result;
		const char *names; /* joined by '|' */
	} rows[] = {
		{"a.o: a.c b.h\n", "a.o", 0, "a.c|b.h"},
		{"a.o: a.c b.h\n", NULL, 0, "a.c|b.h"},
		{"a.o b.o: a.c \\\n b.h\n", NULL, 0, "a.c|b.h"},
		{"c:x.o: a.c\n", NULL, 0, "a.c"},
		{"a\\ b.o: c\\ d.h e\\#.h f$$.h\n", NULL, 0, "c d.h|e#.h|f$.h"},
		{"a.o: a.c b.h\n\nb.h:\n", NULL, 0, "a.c|b.h"},
		{"a.o: a.c b.h\n\nb.h:\n", "a.o", -EBADMSG, ""},
		{"a.o:\n", NULL, 0, ""},
		{"a.o:", NULL, 0, ""},
		{"a.o", NULL, -EBADMSG, ""},
		{"", NULL, -EBADMSG, ""},
		{"\n: x", NULL, -EBADMSG, ""},
		{"x.o: a\\", NULL, 0, "a\\"},
		{"a.o: a.c\n", "b.o", -EBADMSG, ""},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(strv_fini) struct strv names = STRV_INIT;
		AUTO(buf_fini) struct buf joined = BUF_INIT;

		assert_int_equal(
			depfile_parse(rows[i].text, strlen(rows[i].text), rows[i].target, &names),
			rows[i].result);
		for (size_t k = 0; k < names.n && rows[i].result == 0; k++)
			assert_int_equal(buf_printf(&joined, "%s%s", k ? "|" : "", names.v[k]), 0);
		assert_string_equal(buf_str(&joined), rows[i].names);
	}
}

static void names_as_compilers_list_them(void **state)
{
	static const struct {
		const char *cwd, *name, *path;
	} rows[] = {
		{"/w", "a.h", "/w/a.h"},
		{"/w", "./a.h", "/w/a.h"},
		{"/w", ".//./a.h", "/w/a.h"},
		{"/w", "/w/a.h", "/w/a.h"},
		{"/w", "/w/./a.h", "/w/a.h"},
		{"/w", "../a.h", "/w/../a.h"},
		{"/w", "./../a.h", "/w/../a.h"},
		{"/w", "d/./a.h", "/w/d/./a.h"},
		{"/w", "/wide/./a.h", "/wide/./a.h"},
		{"/w", "/x/a.h", "/x/a.h"},
		{"/w", ".a.h", "/w/.a.h"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(buf_fini) struct buf path = BUF_INIT;

		assert_int_equal(depfile_path(rows[i].cwd, rows[i].name, &path), 0);
		assert_string_equal(buf_str(&path), rows[i].path);
	}
}

/* In a directory that has real.h, and link.h that leads to it. */
static char dir[] = "/tmp/test-check-XXXXXX";

static char *at(const char *name)
{
	char *path;

	assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
	return path;
}

static int setup(void **state)
{
	AUTO(util_free) char *real = NULL;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	real = at("real.h");
	f = fopen(real, "w");
	assert_non_null(f);
	fclose(f);
	return chdir(dir) < 0 || symlink("real.h", "link.h") < 0;
}

static int teardown(void **state)
{
	return unlink("link.h") < 0 || unlink("real.h") < 0 || rmdir(dir) < 0;
}

static int check(const char *text, bool all, char **ret_reason)
{
	static const struct {
		const char *spelled, *real;
		bool required;
	} files[] = {
		{"./b.h", "b.h", true},
		{"a.c", "a.c", true},
		{"b.h", "b.h", true},
		{"./b.h", "b.h", true}, /* by -I. */
		{"link.h", "real.h", true},
		{"probed.h", "probed.h", false},
	};
	struct exact_read reads[ARRAY_SIZE(files)];
	struct exact_action a = {.reads = reads,
		.n_reads = ARRAY_SIZE(files),
		.deps = (char *)"x.d",
		.deps_all = all};
	AUTO(buf_fini) struct buf deps = BUF_INIT;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		AUTO(buf_fini) struct buf spelled = BUF_INIT;

		assert_int_equal(depfile_path(dir, files[i].spelled, &spelled), 0);
		reads[i] = (struct exact_read){
			buf_take(&spelled), at(files[i].real), files[i].required};
	}
	assert_int_equal(buf_append_str(&deps, text), 0);
	*ret_reason = NULL;
	r = exact_check(&a, dir, &deps, ret_reason);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		free((char *)reads[i].spelled);
		free((char *)reads[i].real);
	}
	return r;
}

static void what_was_read_is_what_was_foreseen(void **state)
{
	static const struct {
		const char *text;
		bool some_only;   /* a list without system headers */
		const char *said; /* NULL: it holds */
	} rows[] = {
		{"x.o: a.c b.h link.h\n", false, NULL},
		{"x.o: link.h b.h a.c a.c\n", false, NULL},
		{"x.o: a.c b.h real.h\n", false, NULL},
		{"x.o: a.c b.h link.h probed.h\n", false, NULL},
		{"x.o: a.c b.h link.h other.h\n", false, "was not foreseen"},
		{"x.o: a.c b.h link.h /etc/passwd\n", false, "was not foreseen"},
		{"x.o: a.c link.h\n", false, "was not read"},
		{"x.o: a.c b.h\n", false, "was not read"},
		{"x.o: a.c link.h\n", true, NULL},
		{"x.o: a.c other.h\n", true, "was not foreseen"},
		{"", false, "no list"},
		{"garbage", true, "no list"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(util_free) char *reason = NULL;
		int r = check(rows[i].text, !rows[i].some_only, &reason);

		assert_int_equal(r, rows[i].said ? EXACT_UNKNOWN : 0);
		if (rows[i].said)
			assert_non_null(strstr(reason, rows[i].said));
	}
}

/* The text that it was given is gone, and what .file says was never there. */
static void what_was_assembled_is_what_was_foreseen(void **state)
{
	static const struct {
		const char *text;
		const char *said; /* NULL: it holds */
		const char *source;
		bool unseen;
	} rows[] = {
		{"x.o: gone.s\n", NULL},
		{"x.o: real.h link.h {standard\\ input}\n", NULL},
		{"x.o: other.h gone.s\n", NULL},
		{"x.o: /etc/passwd gone.s\n", "was not foreseen"},
		/* .file says the source's name, and there is another file that has it. */
		{"x.o: gone.s real.h\n", NULL, "/src/real.h"},
		{"x.o: gone.s real.h\n", "was not foreseen", "/src/real.h", true},
		{"x.o: gone.s ./real.h\n", "was not foreseen", "/src/real.h"},
		{"x.o: gone.s real.h\n", "was not foreseen", "/src/other.h"},
		{"", "made no list"},
	};
	struct exact_read read = {at("link.h"), at("real.h"), false};
	struct exact_action a = {.n_reads = 1};

	assert_int_equal(strv_push(&a.outputs, "x.o"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO(buf_fini) struct buf list = BUF_INIT;
		AUTO(util_free) char *reason = NULL;
		struct exact_read source = {rows[i].source, rows[i].source, true};

		a.reads = rows[i].source ? &source : &read;
		a.unseen = rows[i].unseen;
		assert_int_equal(buf_append_str(&list, rows[i].text), 0);
		assert_int_equal(exact_check_assembled(&a, dir, &list, &reason),
			rows[i].said ? EXACT_UNKNOWN : 0);
		if (rows[i].said)
			assert_non_null(strstr(reason, rows[i].said));
	}
	strv_fini(&a.outputs);
	free((char *)read.spelled);
	free((char *)read.real);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_a_rule),
		cmocka_unit_test(names_as_compilers_list_them),
		cmocka_unit_test(what_was_read_is_what_was_foreseen),
		cmocka_unit_test(what_was_assembled_is_what_was_foreseen),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
