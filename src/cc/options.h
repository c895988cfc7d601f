/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cc/command.h"

/*
 * What each option of gcc 8-15 and clang 11-20 means for distribution: one sorted table of those
 * with a meaning or a value, and one sorted list of the plain -fNAME / -fno-NAME flags.
 */

/* How a value attaches. */
enum cc_attach {
	CC_ATTACH_NONE = 1 << 0,     /* the bare word is an option */
	CC_ATTACH_JOINED = 1 << 1,   /* a value in the same word, not empty */
	CC_ATTACH_SEPARATE = 1 << 2, /* a value in the next word */
};

/* What else an option does; the parser has one handler for each (cc/command.c). */
enum cc_mean {
	CC_MEAN_NOTHING,
	CC_MEAN_MODE_OBJECT,
	CC_MEAN_MODE_ASSEMBLY,
	CC_MEAN_MODE_PREPROCESS,
	CC_MEAN_MODE_SYNTAX,
	CC_MEAN_MODE_INFORMATION,
	CC_MEAN_OUTPUT,
	CC_MEAN_LANGUAGE,
	CC_MEAN_DEPS,
	CC_MEAN_DEPS_USER,
	CC_MEAN_DEPS_FILE,
	CC_MEAN_DEPS_TARGET,
	CC_MEAN_DEPS_PHONY,
	CC_MEAN_DEPS_MISSING,
	CC_MEAN_INCLUDE_DIR,  /* a directory where a precompiled header may lie */
	CC_MEAN_INCLUDE_FILE, /* a header that may have a precompiled form */
	CC_MEAN_IMACROS,      /* macros alone of a header: no line marker tells of it */
	CC_MEAN_WP,
	CC_MEAN_WA,
	CC_MEAN_XCLANG,
	CC_MEAN_NATIVE, /* local if the value is "native" or a question */
	CC_MEAN_ARCH,   /* the second one is local */
	CC_MEAN_STANDARD,
	CC_MEAN_FULL_TEXT, /* no -fdirectives-only */
	CC_MEAN_QUIET_UNUSED,
	CC_MEAN_WARNING,
	CC_MEAN_COLOUR,
	CC_MEAN_DIAGNOSTICS_FORMAT,
	CC_MEAN_DEBUG,
	CC_MEAN_DEBUG_OFF,
	CC_MEAN_DEBUG_MACROS,
	CC_MEAN_DEBUG_DETAIL, /* may turn debug information on, may not: counts as on */
	CC_MEAN_COMP_DIR,
	CC_MEAN_SANITIZE,
	CC_MEAN_BASIC_BLOCKS,
	CC_MEAN_LINK, /* without effect but on linking; clang warns of it when it does not link */
	CC_MEAN_LIBRARY, /* the same, and there is something to link */
	CC_MEAN_OUTPUTS, /* writes files whose names we do not work out */
	CC_MEAN_COVERAGE,
	CC_MEAN_RECORDED,   /* the object tells how it was called */
	CC_MEAN_SIDE_INPUT, /* the compiler reads the file that it names */
	CC_MEAN_PROFILE,
	CC_MEAN_PROFILE_ARCS,
	CC_MEAN_SPLIT_DWARF,
	CC_MEAN_STACK_USAGE,
	CC_MEAN_CALLGRAPH,
	CC_MEAN_REMARKS,
	CC_MEAN_REMARKS_TEXT, /* for people, on stderr */
	CC_MEAN_TIME_TRACE,
	CC_MEAN_SAVE_TEMPS,
	CC_MEAN_SPECS,
	CC_MEAN_PLUGIN,
	CC_MEAN_OUTPUT_FILE, /* writes the file that it names, beside all else */
	CC_MEAN_COUNT,
};

struct cc_option {
	const char *name;
	unsigned char attach;   /* enum cc_attach, or-ed */
	unsigned char families; /* 1 << enum cc_family, or-ed */
	unsigned char role;     /* enum cc_role */
	unsigned char mean;     /* enum cc_mean */
	unsigned char reason;   /* enum cc_reason: local for this alone; 0: see mean */
};

/*
 * The option that arg (beginning with '-') is, or NULL. *ret_value is what is joined to it, or
 * NULL; *ret_separate says that its value is the next word. The longest name wins.
 * CC_FAMILY_UNKNOWN finds the options of both.
 */
const struct cc_option *cc_option_find(
	const char *arg, enum cc_family family, const char **ret_value, bool *ret_separate);

/*
 * The harmless ones among what is handed on: words behind -Xclang, and pieces of -Wa, and
 * -Xassembler. NULL: not in the list. Their reason is CC_REMOTE_OK.
 */
const struct cc_option *cc_option_find_xclang(
	const char *arg, const char **ret_value, bool *ret_separate);
bool cc_option_assembler_ok(const char *arg);
/* Harmless too where the assembler gets what it would get here: what it is told of debug
 * information and of places to look in. */
bool cc_option_assembler_exact(const char *arg);

/* The data, in cc/option_table.c, sorted by strcmp. */
extern const struct cc_option cc_option_table[];
extern const size_t cc_option_table_size;

/* For tests: NAME of each plain flag -fNAME, sorted by strcmp; NULL past the end. */
const char *cc_option_plain_at(size_t i);
