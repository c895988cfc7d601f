/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cc/split.h"

/*
 * A command line: NUL-separated words. Whatever it says, the parse ends with an answer, and what
 * may be compiled elsewhere can be cut in two; the remote half names no path where a file is
 * named, and its last words are the source and the object.
 */

enum { WORDS_MAX = 256 };

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_split(const struct cc_command *c)
{
	const struct cc_split split = {.directives_only = true,
		.colour = CC_COLOUR_ALWAYS,
		.deps_path = "/t.d",
		.cwd = "/c"};
	AUTO(strv_fini) struct strv cpp = STRV_INIT;
	AUTO(strv_fini) struct strv remote = STRV_INIT;

	require(cc_split_cpp(c, &split, &cpp) == 0);
	require(cc_split_remote(c, &split, "gcc", &remote) == 0);
	require(strv_has(&cpp, "-E") && strv_has(&cpp, c->input));
	require(remote.n >= 5 && str_eq(remote.v[remote.n - 2], "-o"));
	require(!strchr(remote.v[remote.n - 1], '/') && !strchr(remote.v[remote.n - 3], '/'));
	require(remote.v[remote.n - 3][0] != '-' && remote.v[remote.n - 3][0] != '@');
}

static void parse(enum cc_family family, char *const *argv)
{
	char *envp[] = {NULL};
	struct cc_command c;

	require(cc_command_parse_as(family, argv, "/nonexistent", envp, &c) == 0);
	require(c.reason < CC_REASON_COUNT);
	if (c.kind == CC_KIND_COMPILE) {
		require(c.input && c.object && c.n_outputs >= 1);
		for (size_t i = 0; i + 1 < c.n_outputs; i++)
			require(c.outputs[i].path != NULL);
	}
	if (c.reason == CC_REMOTE_OK) {
		require(c.kind == CC_KIND_COMPILE && family != CC_FAMILY_UNKNOWN);
		check_split(&c);
	}
	cc_command_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(util_free) char *text = malloc(size + 1);
	char *argv[WORDS_MAX + 1];
	size_t n = 0;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t at = 0; at < size && n < WORDS_MAX; at += strlen(text + at) + 1)
		argv[n++] = text + at;
	argv[n] = NULL;
	parse(CC_FAMILY_GCC, argv);
	parse(CC_FAMILY_CLANG, argv);
	parse(CC_FAMILY_UNKNOWN, argv);
	return 0;
}
