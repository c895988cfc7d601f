/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The closure of a compiler, for tests:
 *
 *	toolchain-tool COMMAND ARGUMENT...	COMMAND is the compiler's absolute path
 *
 * Lines: "FILE path", "PROGRAM path" (a file that is executable), "LINK path target",
 * "DIRECTORY path"; or, with exit code 1, "UNKNOWN reason". TOOLCHAIN_KEY in the environment: the
 * key instead.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cc/compiler.h"
#include "exact/toolchain.h"

extern char **environ;

static void print(const struct toolchain_entry *e)
{
	if (e->kind == TOOLCHAIN_LINK)
		printf("LINK %s %s\n", e->path, e->target);
	else if (e->kind == TOOLCHAIN_DIRECTORY)
		printf("DIRECTORY %s\n", e->path);
	else
		printf("%s %s\n", e->executable ? "PROGRAM" : "FILE", e->path);
}

static int print_closure(const struct toolchain_request *q)
{
	AUTO(toolchain_fini) struct toolchain t = {.n = 0};
	AUTO(util_free) char *reason = NULL;
	int r = toolchain_find(q, &t, &reason);

	if (r == TOOLCHAIN_UNKNOWN)
		printf("UNKNOWN %s\n", reason);
	for (size_t i = 0; i < t.n; i++)
		print(&t.entries[i]);
	return r;
}

static int print_key(const struct toolchain_request *q)
{
	AUTO(buf_fini) struct buf key = BUF_INIT;
	int r = toolchain_key(q, &key);

	fputs(buf_str(&key), stdout);
	return r;
}

int main(int argc, char **argv)
{
	AUTO(cc_command_fini) struct cc_command command = {.n_args = 0};
	AUTO(util_free) char *cwd = getcwd(NULL, 0);
	struct toolchain_request q = {.command = &command, .cwd = cwd, .envp = environ};
	int r;

	if (argc < 2 || !cwd) {
		fputs("toolchain-tool COMMAND ARGUMENT...\n", stderr);
		return 2;
	}
	q.compiler = argv[1];
	r = cc_command_parse_as(
		cc_compiler_family(argv[1], argv[1]), argv + 1, cwd, environ, &command);
	if (r == 0)
		r = getenv("TOOLCHAIN_KEY") ? print_key(&q) : print_closure(&q);
	if (r < 0)
		fprintf(stderr, "toolchain-tool: %s\n", strerror(-r));
	return r < 0 ? 2 : r;
}
