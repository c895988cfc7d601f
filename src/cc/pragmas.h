/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * Whether gcc's -fdirectives-only text is whole.
 *
 * "gcc -E -fdirectives-only" carries out some pragmas without leaving them in the text: push_macro
 * and pop_macro (so that what is compiled then has other macros), message, redefine_extname, and,
 * with -fopenmp, all of OpenMP's; behind some of them even the line number is off by one. Nothing
 * in the text tells of it. So the files that went into the text, which its line markers name, are
 * looked into; what was seen is remembered for each file.
 */

/* Does this source have a pragma that is not known to survive? */
bool cc_source_loses_pragmas(const char *source, size_t n);

struct cc_pragmas;

enum { CC_PRAGMAS_FILES_MAX = 1 << 16 }; /* remembered; then it starts afresh */

struct cc_pragmas *cc_pragmas_new(void); /* NULL: no memory */
void cc_pragmas_free(struct cc_pragmas *p);

/*
 * *ret_whole: no file of text, made in cwd with -fdirectives-only, loses a pragma. False also
 * where a file cannot be read any more: preprocess again, in full. Files that did not change are
 * only stat'ed. -ENOMEM.
 */
int cc_pragmas_check(struct cc_pragmas *p, const char *text, size_t n, const char *cwd,
	bool *ret_whole) MUST_CHECK;
