/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"

/*
 * Files of specs that are given to gcc (-specs=FILE), as the C libraries of microcontrollers have
 * them: text that changes what gcc's driver says to the programs it runs. What they do for a link
 * does not matter to a compile. What they do for a compile has to be seen by whoever asks the
 * compiler with the same -specs: so they may add search directories and options, and not define
 * macros, name files or programs, or depend on options that are not part of the question.
 */

enum {
	CC_SPECS_FILES_MAX = 32, /* of one command, those that they include among them */
	CC_SPECS_BYTES_MAX = 1 << 20,
};

enum cc_specs_outcome {
	CC_SPECS_UNKNOWN = 1, /* *ret_reason (malloc'ed): what no question would show */
};

/* Append the names behind %include to ret_includes. 0, CC_SPECS_UNKNOWN, -ENOMEM. */
int cc_specs_parse(
	const char *text, size_t n, struct strv *ret_includes, char **ret_reason) MUST_CHECK;

/* Where gcc finds a file of specs by its name: *ret is absolute. 0, a positive outcome, -errno. */
typedef int cc_specs_find(void *arg, const char *name, char **ret);

/*
 * The words of a command (without its compiler) that belong to the question where a file of specs
 * is, appended to ret: gcc reads specs before it chooses among the variants of its libraries, so
 * that nothing but another root counts. -ENOMEM.
 */
int cc_specs_question(const struct strv *words, struct strv *ret) MUST_CHECK;

/*
 * All files that the names lead to, each once, appended to ret. 0, CC_SPECS_UNKNOWN (a file that
 * cannot be read, too), an outcome of find, -errno.
 */
int cc_specs_read(const struct strv *names, cc_specs_find *find, void *arg, struct strv *ret,
	char **ret_reason) MUST_CHECK;
