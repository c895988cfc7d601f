/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "base/strv.h"

/*
 * Private to scan/facts*.c: reading what a compiler answers. Pure. A reply is taken to the letter
 * or not at all.
 *
 * The text of a question has one line for each answer, numbered from 0 and marked at both ends:
 *
 *	scan_begin_7 __has_attribute(aligned) scan_end_7
 */

enum {
	FACTS_ANSWERS_MAX = 4096,
	FACTS_DIRS_MAX = 1024,       /* in each list of directories */
	FACTS_SUSPECTS_MAX = 1 << 16 /* lines of which a compiler complains */
};

/* The reply is not as it should be. */
enum { FACTS_PARSE_BAD = 1 };

struct facts_output {
	struct buf predefined; /* "#define …" and "#undef …" lines from before the source */
	bool preinclude;       /* the marking stdc-predef.h was read */
	struct strv answers;   /* text between the marks, without blanks; [i] is number i */
};

void facts_output_fini(struct facts_output *o);

/*
 * The standard output of -E -dD. dir: where the stdc-predef.h lies that marks itself by
 * "#define scan_preinclude 1" ("": nowhere). n_answers: how many there must be.
 * FACTS_PARSE_BAD; -ENOMEM.
 */
int facts_parse_output(const char *text, size_t n, const char *dir, size_t n_answers,
	struct facts_output *ret) MUST_CHECK;

struct facts_lists {
	struct strv quote, bracket, missing;
	struct strv candidates; /* clang: installations of gcc that it found */
	struct strv skipped;    /* of bracket: names that were left out */
	struct strv also;       /* clang: lists for sanitizers that it reads by itself */
};

void facts_lists_fini(struct facts_lists *l);

/*
 * The standard error of -v. skip: a directory of ours, to be left out under this name and that of
 * its "/.". FACTS_PARSE_BAD; -ENOMEM.
 */
int facts_parse_lists(
	const char *text, size_t n, const char *skip, struct facts_lists *ret) MUST_CHECK;

/* "201907L", "0x7", "1": a whole number as preprocessors write it. */
bool facts_parse_number(const char *text, long *ret);

/* The line of "<stdin>" that a line of diagnostics is an error in ("<stdin>:12:8: error: …"), 0. */
size_t facts_parse_error_line(const char *line, size_t n);
