/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * distcc-scan, which "distcc --scan-includes" becomes: what a compile command would read, by the
 * same scan that decides what is sent to hosts. It needs no agent.
 *
 *	distcc-scan [--json] [--check] [--compiler=PATH] COMPILER ARG...
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/env.h"
#include "base/fs.h"
#include "base/path.h"
#include "cc/compiler.h"
#include "cc/wrapper.h"
#include "scancmd/check.h"
#include "scancmd/json.h"
#include "scancmd/report.h"

enum exit_code { EXIT_NO_ANSWER = 1, EXIT_FAILED = 100, EXIT_USAGE = 101 };

struct task {
	bool json, check;
	const char *named; /* --compiler */
	char *compiler;
	char *cwd;
	struct strv unwrapped; /* what a script comes to */
	struct cc_command command;
};

static void say(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void say(const char *fmt, ...)
{
	va_list ap;

	fputs("distcc: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* The source as the user named it, or the compiler where there is none. */
static const char *subject(const struct cc_command *c)
{
	for (size_t i = 1; i < c->n_args; i++)
		if (c->args[i].role == CC_ROLE_INPUT)
			return c->args[i].text;
	return c->args[0].text;
}

/* Where the compilers' answers are kept from one time to the next; NULL: nowhere. */
static char *facts_file(void)
{
	const char *cache = env_get(environ, "XDG_CACHE_HOME");
	const char *home = env_get(environ, "HOME");
	AUTO(util_free) char *dir = NULL;

	if (cache && *cache == '/')
		dir = path_join(cache, "distcc");
	else if (home && *home == '/')
		dir = path_join(home, ".cache/distcc");
	if (!dir || fs_mkdirs(dir, 0700) < 0)
		return NULL;
	return path_join(dir, "facts.sqlite");
}

static int no_answer(const struct task *t, const char *reason)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;

	if (!t->json)
		say("cannot know what %s includes: %s", subject(&t->command), reason);
	else if (json_reason(&b, reason) == 0)
		fputs(buf_str(&b), stdout);
	return EXIT_NO_ANSWER;
}

static int failed(int e)
{
	say("the scan failed: %s", strerror(-e));
	return EXIT_FAILED;
}

static void print_check(const struct task *t, const struct check *c)
{
	const char *source = subject(&t->command);

	if (!t->json) {
		for (size_t i = 0; i < c->missing.n; i++)
			printf("%s: the compiler reads it, the scan does not\n", c->missing.v[i]);
		for (size_t i = 0; i < c->extra.n; i++)
			printf("%s: the scan reads it, the compiler does not\n", c->extra.v[i]);
	}
	if (c->reason)
		say("cannot check %s: %s", source, c->reason);
	else if (check_equal(c))
		say("%s: the scan and the compiler read the same, %zu files", source, c->n);
	else
		say("%s: of %zu files that the compiler reads the scan lacks %zu; it has %zu more",
			source, c->n, c->missing.n, c->extra.n);
}

/* *ret_exit */
static int tell(const struct task *t, struct scanner *s, const struct scan_result *r, int *ret_exit)
{
	AUTO(report_fini) struct report p = REPORT_INIT;
	AUTO(check_fini) struct check c = CHECK_INIT;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	int e = report_collect(s, r, &p);

	if (e == 0 && t->check)
		e = check_run(&t->command, t->compiler, t->cwd, environ, &p, &c);
	if (e == 0 && t->json)
		e = json_report(&b, &p, r, scanner_facts_stats(s).runs, t->check ? &c : NULL);
	if (e < 0)
		return e;
	if (r->rejected)
		say("%s: the compiler will not accept it; this is what it reads before it says so",
			subject(&t->command));
	if (t->json)
		fputs(buf_str(&b), stdout);
	else if (!t->check)
		report_print(&p);
	if (t->check)
		print_check(t, &c);
	*ret_exit = t->check && !check_equal(&c) ? EXIT_NO_ANSWER : 0;
	return 0;
}

static int open_scanner(struct scanner **ret)
{
	AUTO(util_free) char *facts = facts_file();
	int e = scanner_new(facts, 0, ret);

	return e < 0 && facts ? scanner_new(NULL, 0, ret) : e;
}

static int scan(const struct task *t)
{
	const struct scan_result *r = NULL;
	struct scanner *s;
	int status = 0;
	int e = open_scanner(&s);

	if (e < 0)
		return failed(e);
	e = scanner_scan(s, &t->command, t->compiler, t->cwd, environ, &r);
	if (e == 0)
		e = tell(t, s, r, &status);
	else if (e == SCAN_UNKNOWN)
		status = no_answer(t, r->reason);
	scanner_free(s);
	return e < 0 ? failed(e) : status;
}

/* Is it a compile of one source, or at least not known to be something else? */
static bool compiles(const struct cc_command *c)
{
	return c->kind == CC_KIND_COMPILE || c->reason == CC_LOCAL_SYNTAX_ONLY ||
	       c->reason == CC_LOCAL_RESPONSE_FILE;
}

/* A script that only calls a compiler is what it calls. */
static int unwrap(struct task *t, char *const **argv)
{
	char *compiler = NULL;
	int e;

	if (cc_compiler_registered(env_get(environ, "DISTCC_COMPILERS"), (*argv)[0], t->compiler) !=
		CC_FAMILY_UNKNOWN)
		return 0;
	e = cc_wrapper_unwrap(t->compiler, *argv, t->cwd, environ, &t->unwrapped, &compiler);
	if (e != 0)
		return e == CC_WRAPPER_UNSURE ? 0 : e;
	free(t->compiler);
	t->compiler = compiler;
	*argv = strv_argv(&t->unwrapped);
	return 0;
}

static int run(struct task *t, char *const *argv)
{
	int e;
	int status;

	t->cwd = fs_working_directory(env_get(environ, "PWD"));
	if (!t->cwd)
		return failed(-errno);
	if (t->named)
		t->compiler = strdup(t->named);
	else if (child_find_program(argv[0], env_get(environ, "PATH"), t->cwd, &t->compiler) < 0)
		t->compiler = NULL;
	if (!t->compiler) {
		say("no such compiler: %s", argv[0]);
		return EXIT_USAGE;
	}
	e = unwrap(t, &argv);
	if (e == 0)
		e = cc_command_parse_as(cc_compiler_registered(env_get(environ, "DISTCC_COMPILERS"),
						argv[0], t->compiler),
			argv, t->cwd, environ, &t->command);
	if (e < 0)
		return failed(e);
	if (compiles(&t->command))
		status = scan(t);
	else
		status = no_answer(t, "the command is not the compile of one source");
	cc_command_fini(&t->command);
	return status;
}

/* How many of argv are ours; -1 after having said what is wrong. */
static int take_options(char **argv, struct task *t)
{
	int i = 1;

	for (; argv[i] && argv[i][0] == '-'; i++) {
		if (str_eq(argv[i], "--json")) {
			t->json = true;
		} else if (str_eq(argv[i], "--check")) {
			t->check = true;
		} else if (str_starts(argv[i], "--compiler=")) {
			t->named = strchr(argv[i], '=') + 1;
		} else {
			say("unknown option \"%s\": --scan-includes has --json and --check",
				argv[i]);
			return -1;
		}
	}
	if (argv[i])
		return i;
	say("--scan-includes needs a compile command behind it");
	return -1;
}

int main(int argc, char **argv)
{
	struct task t = {.json = false};
	int n = argc > 0 ? take_options(argv, &t) : -1;
	int status = n < 0 ? EXIT_USAGE : run(&t, argv + n);

	util_free(&t.compiler);
	util_free(&t.cwd);
	strv_fini(&t.unwrapped);
	if (fflush(stdout) != 0 && status == 0) {
		say("cannot write: %s", strerror(errno));
		status = EXIT_FAILED;
	}
	return status;
}
