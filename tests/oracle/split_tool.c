/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cc/compiler.h"
#include "cc/pragmas.h"
#include "cc/split.h"

/*
 * For the oracle tests: split-tool plain|directives DEPS COMPILER ARGS… prints what is made of a
 * command line, one item a line: the reason, the object, the .d, "cpp", its words, "remote", its
 * words. DEPS is where the preprocessor shall write the .d, "-" for where the command says.
 *
 * split-tool scan|scan-directives FILE prints the flags of preprocessed text.
 * split-tool source FILE prints whether the source has a pragma that may not survive.
 */

static int scan(const char *path, const char *what)
{
	static char text[64 << 20];
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f)
		return 1;
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (str_eq(what, "source"))
		printf("%d\n", cc_source_loses_pragmas(text, n));
	else
		printf("%u\n", cc_text_scan(text, n, str_eq(what, "scan-directives")));
	return 0;
}

static void print_words(const char *title, const struct strv *words)
{
	puts(title);
	for (size_t i = 0; i < words->n; i++)
		puts(words->v[i]);
}

static int split(const struct cc_command *c, const struct cc_split *s)
{
	AUTO(strv_fini) struct strv cpp = STRV_INIT;
	AUTO(strv_fini) struct strv remote = STRV_INIT;

	if (cc_split_cpp(c, s, &cpp) < 0 || cc_split_remote(c, s, c->args[0].text, &remote) < 0)
		return 1;
	print_words("cpp", &cpp);
	print_words("remote", &remote);
	return 0;
}

int main(int argc, char **argv)
{
	AUTO(util_free) char *cwd = getcwd(NULL, 0);
	struct cc_split s = {.colour = CC_COLOUR_ASIS, .cwd = cwd};
	struct cc_command c;
	char *envp[] = {NULL};
	int r = 0;

	if (argc == 3)
		return scan(argv[2], argv[1]);
	if (argc < 4 || !cwd)
		return 2;
	s.directives_only = str_eq(argv[1], "directives");
	s.deps_path = str_eq(argv[2], "-") ? NULL : argv[2];
	if (cc_command_parse(argv + 3, cwd, envp, &c) < 0)
		return 1;
	puts(cc_reason_name(c.reason));
	puts(c.object ? c.object : "-");
	puts(c.deps ? c.outputs[1].path : "-");
	if (c.reason == CC_REMOTE_OK)
		r = split(&c, &s);
	cc_command_fini(&c);
	return r;
}
