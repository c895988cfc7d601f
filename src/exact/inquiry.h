/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "exact/closure.h"
#include "exact/options.h"

/* Private to exact/toolchain.c and its parts: a closure while it is found. */

struct inquiry {
	const struct toolchain_request *q;
	struct options options;
	struct closure closure;
	struct strv env;   /* of each question: the user's, without locale and outputs */
	struct strv known; /* programs whose libraries are found, without links */
	struct strv dirs;  /* those of -print-search-dirs, absolute */
	char *driver;      /* the compiler without links */
	char *libc_dir;    /* where libc.so lies, as the loader names it; NULL: not met */
	char *reason;      /* of TOOLCHAIN_UNKNOWN */
};

/* Everything here: 0, TOOLCHAIN_UNKNOWN (reason is set), -errno. */

int inquiry_unknown(struct inquiry *i, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);

/* What the compiler says to its options and this word, on stdout or stderr. */
int inquiry_ask(
	struct inquiry *i, const char *word, bool stderr_wanted, struct buf *ret) MUST_CHECK;

/* The first line of it, malloc'ed. */
int inquiry_ask_line(
	struct inquiry *i, const char *option, const char *name, char **ret) MUST_CHECK;

/* The same, for where gcc finds a file of specs. */
int inquiry_ask_specs(struct inquiry *i, const char *name, char **ret) MUST_CHECK;

/* A file, directory or tree where it is; relative paths start at the request's cwd. */
int inquiry_optional(struct inquiry *i, const char *path) MUST_CHECK;
int inquiry_optional_tree(struct inquiry *i, const char *path) MUST_CHECK;

/* A program that has to be there, and all that is loaded with it. */
int inquiry_program(struct inquiry *i, const char *path, char **ret_real) MUST_CHECK;

/* A library that one of the programs loads when it runs, and all that is loaded with it. */
int inquiry_plugin(struct inquiry *i, const char *path) MUST_CHECK;

/* The program that the compiler runs under this name. */
int inquiry_subprogram(struct inquiry *i, const char *name) MUST_CHECK;

/* The directories of -print-search-dirs: those that are there, and i->dirs. */
int inquiry_search_dirs(struct inquiry *i) MUST_CHECK;

/* The loader and the shared libraries of a program (its path without links). */
int libraries_add(struct inquiry *i, const char *program, const char *loader) MUST_CHECK;

/* What messages and character sets need. */
int locale_add(struct inquiry *i) MUST_CHECK;

/* What the options of which native_is_said come to here: toolchain.native. */
int native_add(struct inquiry *i) MUST_CHECK;

int family_gcc_add(struct inquiry *i) MUST_CHECK;
int family_clang_add(struct inquiry *i) MUST_CHECK;
