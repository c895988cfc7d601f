/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Who writes a list of what was read, where the user has not asked for one:
 *
 *	gcc	its preprocessor, by SUNPRO_DEPENDENCIES; of what is only assembled, the assembler
 *	clang	itself, by -MD -MF
 *
 * GNU as lists by --MD what its .incbin and .include found, also where macros have put these
 * together. None of this changes a byte of the object, but where gcc writes intermediate code: that
 * records what the assembler was told.
 */

#include "exact/action.h"

static bool is_recorded(const struct cc_command *c)
{
	for (size_t i = 1; i < c->n_args; i++)
		if (str_starts(c->args[i].text, "-flto"))
			return true;
	return false;
}

bool exact_assembler_lists(const struct cc_command *c)
{
	return c->family == CC_FAMILY_GCC && !c->assembly && c->language != CC_LANGUAGE_ASM &&
	       !is_recorded(c);
}

static int by_assembler(const char *path, struct strv *argv)
{
	return strv_pushf(argv, "-Wa,--MD,%s", path);
}

static int by_compiler(
	const struct cc_command *c, const char *path, struct strv *argv, struct strv *envp)
{
	int r;

	if (c->language == CC_LANGUAGE_ASM)
		return by_assembler(path, argv);
	if (c->family == CC_FAMILY_GCC)
		return strv_pushf(envp, "SUNPRO_DEPENDENCIES=%s", path);
	r = strv_push(argv, "-MD");
	if (r == 0)
		r = strv_push(argv, "-MF");
	return r == 0 ? strv_push(argv, path) : r;
}

int exact_ask_for_lists(const struct cc_command *c, const char *deps, const char *assembled,
	struct strv *argv, struct strv *envp)
{
	int r = deps ? by_compiler(c, deps, argv, envp) : 0;

	return r == 0 && assembled ? by_assembler(assembled, argv) : r;
}
