/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "base/strv.h"
#include "cc/command.h"

/*
 * A compile command as the preprocessor sees it: what is defined, included and searched, in order,
 * and which options are left over and so belong to the key of the compiler's facts.
 */

enum scan_dir_kind {
	SCAN_DIR_QUOTE,  /* -iquote */
	SCAN_DIR_ANGLED, /* -I */
	SCAN_DIR_SYSTEM, /* -isystem */
	SCAN_DIR_AFTER,  /* -idirafter */
};

struct scan_plan_dir {
	enum scan_dir_kind kind;
	const char *name; /* as given, behind the option */
};

struct scan_plan {
	const char *compiler; /* absolute path of the program that is run */
	enum cc_family family;
	enum cc_language language;
	const char *cwd;
	char *const *envp;
	const char *input;

	struct buf defines; /* "#define N v\n" and "#undef N\n", in the order of -D and -U */
	struct strv imacros;
	struct strv includes;
	struct scan_plan_dir *dirs; /* in order */
	size_t n_dirs;

	/* The options that the facts depend on: all but those that are known not to matter (see
	 * scan/plan_options.c). No input, -o, -c/-S, -M…, -D, -U, -include, -imacros, -I and its
	 * like, -x (it is in language), nor what writes files or changes what the compiler says. */
	struct strv key_args;
	/* The same with the options that name search directories, for asking the compiler about
	 * these where search_by_compiler. */
	struct strv search_args;
	/* "NAME=value" of the environment variables that the facts depend on. */
	struct strv key_env;

	struct strv specs;       /* gcc's -specs=, as named: what is in them is in the facts */
	struct strv plugins;     /* gcc's -fplugin=, paths: their code is in the facts, too */
	bool search_by_compiler; /* some option or variable makes the lists the compiler's alone */
	bool cwd_matters;        /* some key option or variable has a relative path in it */
	bool native;             /* the processor of this machine decides (-march=native) */
	bool preprocessed;       /* .i, .ii, .s: the input is all that is read, there is nothing to
				    expand, and there are no facts to ask for */
	bool file_macro_mapped;  /* -fmacro-prefix-map or its like: __FILE__ is not the path */
	/* Files that the compiler reads beside the source and its headers, as named: profiles,
	 * lists for the sanitizers. */
	struct strv extra_inputs;
	/* The same, of files that need not be there: gcc's counts of one unit. */
	struct strv optional_inputs;
	/* -Wa,-I: where the assembler looks for what .include and .incbin name. */
	struct strv assembler_dirs;

	struct strv late; /* private: words that were handed on, which dirs may point into */
};

enum scan_plan_outcome {
	SCAN_PLAN_UNKNOWN = 1, /* *ret_reason: why no scan can tell what this command reads */
};

/*
 * c: a CC_KIND_COMPILE of one source, whatever its reason for staying here may be (a compile can
 * be scanned that cannot be distributed), or one with -fsyntax-only. It, and all other pointers,
 * must outlive the plan.
 *
 * -DN is "#define N 1", -DN=v "#define N v", -D'F(x)=v' "#define F(x) v", as both compilers do
 * it. What they read in ways of their own (a line break, an open comment, a name that is none) is
 * SCAN_PLAN_UNKNOWN. Words behind -Wp, and -Xpreprocessor come after all others, also to them.
 * compiler: absolute.
 * 0, SCAN_PLAN_UNKNOWN, -ENOMEM.
 */
int scan_plan_init(struct scan_plan *p, const struct cc_command *c, const char *compiler,
	const char *cwd, char *const *envp, char **ret_reason) MUST_CHECK;
void scan_plan_fini(struct scan_plan *p);
