/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"
#include "cc/extension.h"

/*
 * What a compiler command line does, and where it may run. Pure but for reading response files.
 *
 * "When in doubt: local": an option that is not in the table (cc/options.c), a form that the
 * compiler may read in another way than we do, an output that a remote compile would not bring
 * back: each gives a reason other than CC_REMOTE_OK, and the caller runs the command as it stands.
 */

enum cc_kind {
	CC_KIND_COMPILE,    /* one source to one object or assembly file */
	CC_KIND_PREPROCESS, /* -E, -M, -MM: only the preprocessor runs */
	CC_KIND_LINK,       /* no -c, -S or -E, and something to link */
	CC_KIND_OTHER,      /* --version, -print-…, -###, nothing to do, several sources, … */
};

enum cc_family {
	CC_FAMILY_UNKNOWN, /* options are read as gcc's, but nothing is distributed */
	CC_FAMILY_GCC,
	CC_FAMILY_CLANG,
};

/* Why it must run here. The full list and the sentences are one table in cc/reason.c. */
#include "cc/reason.h"

/* Which of the two halves of a preprocess-first compile an argument goes to. */
enum cc_role {
	CC_ROLE_BOTH,
	CC_ROLE_CPP,      /* only to the preprocessor: -I, -D, -include, -MD, … */
	CC_ROLE_COMPILE,  /* only to the compile of the preprocessed text */
	CC_ROLE_MODE,     /* -c, -S */
	CC_ROLE_INPUT,    /* the source operand */
	CC_ROLE_LANGUAGE, /* -x and its word: said anew for the preprocessed text */
	CC_ROLE_OUTPUT,   /* -o and its word, or -oWORD */
	CC_ROLE_LINK, /* without effect when compiling (-L, -l, -Wl,); dropped from both halves */
};

struct cc_arg {
	char *text;
	enum cc_role role;
};

enum cc_output_kind {
	CC_OUTPUT_OBJECT, /* or assembly text, with -S */
	CC_OUTPUT_DEPS,   /* .d */
	CC_OUTPUT_DWO,
	CC_OUTPUT_GCNO,
	CC_OUTPUT_SU,         /* -fstack-usage */
	CC_OUTPUT_CALLGRAPH,  /* .ci: -fcallgraph-info */
	CC_OUTPUT_REMARKS,    /* .opt.yaml: clang's -fsave-optimization-record */
	CC_OUTPUT_TIME_TRACE, /* .json: -ftime-trace. Its bytes are others each time */
	CC_OUTPUT_TEMPS,      /* -save-temps: preprocessed text, bitcode, assembly */
	CC_OUTPUT_GIVEN,      /* by the option: -serialize-diagnostics FILE */
	CC_OUTPUT_OTHER,      /* dumps, … */
};

struct cc_output {
	enum cc_output_kind kind;
	char *path;   /* as the compiler would name it, relative to its cwd; NULL: name not known */
	bool certain; /* a compile that succeeds writes it. Of names that differ between versions of
			 a compiler: where it is not there, another file is */
};

struct cc_command {
	enum cc_kind kind;
	enum cc_family family;
	enum cc_reason reason;  /* CC_REMOTE_OK, or why it stays here */
	char *detail;           /* the argument or file that decided, or NULL */
	uint64_t exact_reasons; /* all that hold even where it is compiled from its sources, as it
				   stands: 1 << enum cc_reason each */

	/* All arguments, response files expanded, [0] the compiler as it was named. */
	struct cc_arg *args;
	size_t n_args;

	/* The rest is set for CC_KIND_COMPILE. */
	enum cc_language language; /* after -x; of the source, not of its preprocessed form */
	const char *input;         /* points into args */
	char *object;  /* the main output: given by -o, or as the compiler would name it */
	bool assembly; /* -S */
	bool deps;     /* a .d is written beside the compile */
	struct cc_output *outputs;
	size_t n_outputs;

	bool colour_given; /* the user has said -f[no-]diagnostics-color or the like, not =auto */
	bool directives_only; /* gcc may preprocess with -fdirectives-only, if cc_pragmas_check
				 finds the text whole: see cc/split.h, cc/pragmas.h */
	bool debug;           /* some -g is in force */
	bool comp_dir_given;  /* clang's -f…-compilation-dir */
};

/*
 * The family is told from argv[0] alone (cc_compiler_family in cc/compiler.h): "cc" and "c++" are
 * unknown then. Who has looked at the file behind the name says it with cc_command_parse_as.
 *
 * argv: NULL-terminated, [0] the compiler. cwd: for response files and for what a symbolic link
 * means. envp: the user's environment (DEPENDENCIES_OUTPUT and its like decide too).
 * 0, or -ENOMEM. Unreadable or circular response files are not errors but reasons.
 */
int cc_command_parse(
	char *const *argv, const char *cwd, char *const *envp, struct cc_command *ret) MUST_CHECK;
int cc_command_parse_as(enum cc_family family, char *const *argv, const char *cwd,
	char *const *envp, struct cc_command *ret) MUST_CHECK;
void cc_command_fini(struct cc_command *c);

/* Can it be compiled elsewhere from its sources, as it stands? True also where only a compile of
 * preprocessed text would come out differently. */
bool cc_command_is_exact(const struct cc_command *c);
