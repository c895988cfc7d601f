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
#include "cc/response.h"
#include "cc/split.h"

/*
 * Command lines and the answers expected of cc_command_parse and cc_split_*, from commands.txt
 * (its head explains the format). All mismatches are printed; with --print as second argument
 * what came out is printed for every command.
 */

static const char *data_path;
static bool print_all;

static const char *const kinds[] = {"compile", "preprocess", "link", "other"};

struct test_case {
	int line;
	char *command;
	char *env;
	char *expected; /* lines "key: value", as written */
};

static void append_line(struct buf *b, const char *key, const char *value)
{
	assert_int_equal(buf_printf(b, "%s: %s\n", key, value), 0);
}

/* Words joined by blanks; those with blanks or nothing in them are quoted. */
static void append_words(struct buf *b, const char *key, char *const *words)
{
	assert_int_equal(buf_printf(b, "%s:", key), 0);
	for (; *words; words++) {
		const char *fmt = !**words || strpbrk(*words, " '\"\\") ? " '%s'" : " %s";

		assert_int_equal(buf_append_str(b, *fmt == ' ' && fmt[1] == '\'' ? " '" : " "), 0);
		assert_int_equal(buf_append_str(b, *words), 0);
		if (fmt[1] == '\'')
			assert_int_equal(buf_append_char(b, '\''), 0);
	}
	assert_int_equal(buf_append_char(b, '\n'), 0);
}

static void append_outputs(struct buf *b, const struct cc_command *c)
{
	static const char *const names[] = {"object", "deps", "dwo", "gcno", "su", "callgraph",
		"remarks", "time-trace", "temps", "given", "other"};

	for (size_t i = 0; i < c->n_outputs; i++)
		append_line(b, names[c->outputs[i].kind],
			c->outputs[i].path ? c->outputs[i].path : "?");
}

static void append_flags(struct buf *b, const struct cc_command *c)
{
	char flags[64] = "";

	if (c->assembly)
		strcat(flags, " assembly");
	if (c->colour_given)
		strcat(flags, " colour");
	if (c->directives_only)
		strcat(flags, " directives");
	if (c->debug)
		strcat(flags, " debug");
	append_line(b, "flags", flags[0] ? flags + 1 : "-");
}

static void append_split(struct buf *b, const struct cc_command *c)
{
	const struct cc_split plain = {.cwd = "/cwd"};
	const struct cc_split full = {.directives_only = true,
		.colour = CC_COLOUR_ALWAYS,
		.deps_path = "T.d",
		.cwd = "/cwd"};
	AUTO(strv_fini) struct strv cpp = STRV_INIT;
	AUTO(strv_fini) struct strv cpp_full = STRV_INIT;
	AUTO(strv_fini) struct strv remote = STRV_INIT;
	AUTO(strv_fini) struct strv remote_full = STRV_INIT;

	assert_int_equal(cc_split_cpp(c, &plain, &cpp), 0);
	assert_int_equal(cc_split_cpp(c, &full, &cpp_full), 0);
	assert_int_equal(cc_split_remote(c, &plain, "CC", &remote), 0);
	assert_int_equal(cc_split_remote(c, &full, "CC", &remote_full), 0);
	append_words(b, "cpp", strv_argv(&cpp));
	append_words(b, "cpp-full", strv_argv(&cpp_full));
	append_words(b, "remote", strv_argv(&remote));
	append_words(b, "remote-full", strv_argv(&remote_full));
}

static void describe(const struct cc_command *c, struct buf *b)
{
	const char *reason = cc_reason_name(c->reason);

	assert_int_equal(buf_printf(b, "is: %s %s", kinds[c->kind], reason), 0);
	if (c->detail)
		assert_int_equal(buf_printf(b, " %s", c->detail), 0);
	assert_int_equal(buf_append_char(b, '\n'), 0);
	if (c->kind != CC_KIND_COMPILE)
		return;
	append_line(b, "language", cc_language_word(c->language));
	append_line(b, "input", c->input);
	append_outputs(b, c);
	append_flags(b, c);
	append_line(b, "exact", cc_command_is_exact(c) ? "yes" : "no");
	if (c->reason == CC_REMOTE_OK)
		append_split(b, c);
}

/* Every expected line is a line of what came out. "!KEY" stands for: no line begins with KEY. */
static int compare(const struct test_case *t, const char *actual)
{
	char *copy = strdup(t->expected), *save = NULL;
	int bad = 0;

	assert_non_null(copy);
	for (char *want = strtok_r(copy, "\n", &save); want; want = strtok_r(NULL, "\n", &save)) {
		AUTO(util_free) char *needle = NULL;

		if (want[0] == '!')
			assert_true(asprintf(&needle, "\n%s: ", want + 1) > 0);
		else
			assert_true(asprintf(&needle, "\n%s\n", want) > 0);
		if ((strstr(actual, needle) != NULL) == (want[0] == '!')) {
			fprintf(stderr, "%s:%d: expected %s\n", path_base(data_path), t->line,
				want);
			bad = 1;
		}
	}
	if (bad)
		fprintf(stderr, "  of: %s\n  got:%s\n", t->command, actual);
	free(copy);
	return bad;
}

static int run_case(const struct test_case *t, const char *cwd)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	AUTO(buf_fini) struct buf actual = BUF_INIT;
	char *envp[] = {t->env, NULL};
	struct cc_command c;
	enum cc_family family;

	assert_int_equal(cc_response_split(t->command, strlen(t->command), &argv), 0);
	family = cc_compiler_family(argv.v[0], NULL);
	if (str_eq(path_base(argv.v[0]), "cc") || str_eq(path_base(argv.v[0]), "c++"))
		family = CC_FAMILY_GCC;
	assert_int_equal(cc_command_parse_as(family, argv.v, cwd, envp, &c), 0);
	assert_int_equal(buf_append_char(&actual, '\n'), 0);
	describe(&c, &actual);
	cc_command_fini(&c);
	if (print_all)
		printf("$ %s%s\n", t->command, actual.data);
	return compare(t, actual.data);
}

/* "file NAME TEXT": made in the directory that commands run in. */
static void make_file(const char *cwd, char *rest)
{
	char *text = strchr(rest, ' ');
	AUTO(util_free) char *path = NULL;
	AUTO(util_free) char *dir = NULL;
	AUTO(util_close) int fd = -1;

	if (text)
		*text++ = '\0';
	path = path_join(cwd, rest);
	dir = path_dir(path);
	assert_int_equal(fs_mkdirs(dir, 0700), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text ? text : "", text ? strlen(text) : 0), 0);
}

static int finish(struct test_case *t, struct buf *expected, const char *cwd, int *n)
{
	int bad = 0;

	if (t->command) {
		t->expected = expected->data ? expected->data : (char *)"";
		bad = run_case(t, cwd);
		(*n)++;
	}
	free(t->command);
	free(t->env);
	*t = (struct test_case){.line = 0};
	buf_clear(expected);
	return bad;
}

static void test_commands(void **state)
{
	char cwd[] = "/tmp/cc-commands-XXXXXX";
	AUTO(buf_fini) struct buf expected = BUF_INIT;
	AUTO(util_free) char *line = NULL;
	FILE *f = fopen(data_path, "re");
	struct test_case t = {.line = 0};
	size_t cap = 0;
	int bad = 0, n = 0, number = 0;

	assert_non_null(f);
	assert_non_null(mkdtemp(cwd));
	while (getline(&line, &cap, f) >= 0) {
		line[strcspn(line, "\n")] = '\0';
		number++;
		if (str_starts(line, "$ ") || line[0] == '\0') {
			bad += finish(&t, &expected, cwd, &n);
			t.line = number;
			t.command = line[0] ? strdup(line + 2) : NULL;
		} else if (str_starts(line, "env ")) {
			t.env = strdup(line + 4);
		} else if (str_starts(line, "file ")) {
			make_file(cwd, line + 5);
		} else if (line[0] != '#') {
			assert_int_equal(buf_printf(&expected, "%s\n", line), 0);
		}
	}
	bad += finish(&t, &expected, cwd, &n);
	bad += finish(&t, &expected, cwd, &n);
	fclose(f);
	assert_int_equal(fs_remove_tree(cwd), 0);
	print_message("%d command lines\n", n);
	assert_int_equal(bad, 0);
	assert_true(n >= 200);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_commands)};

	if (argc < 2)
		return 2;
	data_path = argv[1];
	print_all = argc > 2 && str_eq(argv[2], "--print");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
