/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/child.h"
#include "base/strv.h"
#include "cc/compiler.h"
#include "scan/scan.h"

/*
 * The scanner as a filter, for tests and bench: compile commands on stdin, one a line, fields
 * separated by tabs (directory, compiler, arguments); what each would read on stdout. With
 * --absent, also what must not be there; --quiet: only the DONE lines, and in these the
 * microseconds of validation, too. SCAN_FACTS: a database of what compilers answered.
 */

static bool quiet;

static int print_step(void *arg, enum scan_step what, const char *path, const char *text)
{
	struct strv *seen = arg;

	if (strv_has(seen, path))
		return 0;
	printf("%s %s\n", what == SCAN_STEP_LINK ? "SYMLINK" : "DIRECTORY", path);
	return strv_push(seen, path);
}

static int print_absent(void *arg, const struct scan_path *path)
{
	printf("ABSENT %s\n", path->path);
	return 0;
}

static void print_result(struct scanner *s, const struct scan_result *r, bool absent)
{
	static const char *const roles[] = {"FILE ", "PROBE ", "MERGED ", "FLAG extra:"};
	AUTO(strv_fini) struct strv seen = STRV_INIT;
	int e = 0;

	for (size_t i = 0; i < r->n_files; i++)
		printf("%s%s\n", roles[r->files[i].role], r->files[i].path->path);
	for (size_t i = 0; i < r->n_directories; i++)
		printf("DIRECTORY %s\n", r->directories[i]->path);
	e = scanner_each_step(s, print_step, &seen);
	if (e == 0 && absent)
		e = scanner_each_absent(s, print_absent, NULL);
	if (r->time_macros || r->timestamp)
		printf("FLAG time-macros\n");
	if (e < 0)
		printf("REASON %s\n", strerror(-e));
}

static int one(struct scanner *s, char *line, bool absent)
{
	AUTO(strv_fini) struct strv argv = STRV_INIT;
	AUTO(util_free) char *compiler = NULL;
	const struct scan_result *r = NULL;
	struct cc_command c;
	char *cwd = strsep(&line, "\t");
	char *field;
	int e = 0;

	while (e == 0 && (field = strsep(&line, "\t")))
		e = strv_push(&argv, field);
	if (e == 0 && argv.n == 0)
		e = -EINVAL;
	if (e == 0)
		e = child_find_program(argv.v[0], getenv("PATH"), cwd, &compiler);
	if (e == 0)
		e = cc_command_parse_as(cc_compiler_family(argv.v[0], compiler), strv_argv(&argv),
			cwd, environ, &c);
	if (e < 0) {
		printf("REASON %s\nDONE 2 0%s\n", strerror(-e), quiet ? " 0" : "");
		return 0;
	}
	e = scanner_scan(s, &c, compiler, cwd, environ, &r);
	if (e == 0 && !quiet)
		print_result(s, r, absent);
	else if (e == SCAN_UNKNOWN)
		printf("REASON %s\n", r->reason);
	else if (e < 0)
		printf("REASON %s\n", strerror(-e));
	printf("DONE %d %" PRIu64, e < 0 ? 2 : e, r ? (r->scan_ns + 500) / 1000 : 0);
	if (quiet)
		printf(" %" PRIu64, r ? (r->prepare_ns + 500) / 1000 : 0);
	putchar('\n');
	cc_command_fini(&c);
	return 0;
}

int main(int argc, char **argv)
{
	struct scanner *s;
	bool absent = false;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int e;

	for (int i = 1; i < argc; i++) {
		absent = absent || str_eq(argv[i], "--absent");
		quiet = quiet || str_eq(argv[i], "--quiet");
	}
	e = scanner_new(getenv("SCAN_FACTS"), getenv("SCAN_NO_WATCH") ? SCAN_FS_NO_WATCH : 0, &s);
	if (e < 0) {
		fprintf(stderr, "scan-tool: %s\n", strerror(-e));
		return 1;
	}
	while ((n = getline(&line, &cap, stdin)) > 0) {
		if (line[n - 1] == '\n')
			line[n - 1] = '\0';
		one(s, line, absent);
		fflush(stdout);
	}
	free(line);
	scanner_free(s);
	return 0;
}
