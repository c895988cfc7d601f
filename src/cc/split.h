/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cc/command.h"

/*
 * A compile cut in two: the preprocessor here, the compiler there. For commands whose reason is
 * CC_REMOTE_OK.
 */

enum cc_colour { CC_COLOUR_ASIS, CC_COLOUR_ALWAYS, CC_COLOUR_NEVER };

struct cc_split {
	bool directives_only;  /* gcc: keep macros in the text (only where command.directives_only,
				  and only text that cc_pragmas_check found whole may be used) */
	enum cc_colour colour; /* added unless the user has said how (colour_given) */
	const char *deps_path; /* write the .d to here instead of where the command says; NULL: as
				  it says */
	const char *cwd;       /* the client's, for clang's debug information; as the compiler
				  tells it: $PWD where that is the directory */
	const char *target; /* clang: the triple it compiles for when not told; NULL: do not say */
};

/*
 * The preprocessor's argv, output to stdout. The .d comes out as the real compile would have
 * written it, same name and same target: what the compiler would derive from -o is said
 * explicitly. argv[0] is the compiler as in the command. -ENOMEM.
 */
int cc_split_cpp(const struct cc_command *c, const struct cc_split *s, struct strv *ret) MUST_CHECK;

/*
 * What a distcc server is asked to run: compiler_name, the arguments that matter for compiling
 * preprocessed text, -c or -S, the source operand under its base name with the extension of its
 * preprocessed form or its own (the server goes by it to tell the language), -o and a base name.
 * Never a path of this machine in an option that would be opened. -ENOMEM.
 */
int cc_split_remote(const struct cc_command *c, const struct cc_split *s, const char *compiler_name,
	struct strv *ret) MUST_CHECK;

/*
 * What preprocessed text says about itself, in one pass.
 */
enum cc_text_flag {
	/*
	 * "#pragma GCC target/optimize" (clang ignores them): gcc defines other macros in a real
	 * compile than under -E, so this text may be different code. Compile here.
	 */
	CC_TEXT_PRAGMA_TARGET = 1 << 0,
	/*
	 * Only looked for in -fdirectives-only text: something that means another thing when its
	 * expansion is left to the worker (__COUNTER__, __DATE__, __TIME__, __TIMESTAMP__,
	 * __BASE_FILE__, __INCLUDE_LEVEL__, a _Pragma that may be carried out). Preprocess again,
	 * in full.
	 */
	CC_TEXT_NEEDS_FULL = 1 << 1,
	/* ".incbin" or ".include" of the assembler: a file of this machine is opened. */
	CC_TEXT_INCBIN = 1 << 2,
	/*
	 * gcc pch_preprocess, module and import lines: not plain text. Or, not with
	 * directives_only, code that asks for the column it stands in, which plain preprocessing
	 * moves.
	 */
	CC_TEXT_NOT_PLAIN = 1 << 3,
};

unsigned cc_text_scan(const char *text, size_t n, bool directives_only);
