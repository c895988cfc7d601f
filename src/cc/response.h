/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"

/* Response files: "@FILE" stands for the arguments that FILE holds, which may hold more of them. */

enum {
	CC_RESPONSE_DEPTH_MAX = 16,
	CC_RESPONSE_BYTES_MAX = 4 << 20, /* of all files of one command together */
	CC_RESPONSE_ARGS_MAX = 1 << 16,
};

/* A positive outcome: the compilers might read it otherwise than we would, or we cannot. */
enum { CC_RESPONSE_UNSURE = 1 };

/*
 * Append the words of a response file's text to ret. CC_RESPONSE_UNSURE: some of them may have
 * been appended. -ENOMEM.
 */
int cc_response_split(const char *text, size_t n, struct strv *ret) MUST_CHECK;

/*
 * Append argv, with each word that names a response file replaced by its words, to ret. cwd: what
 * relative names start from, in nested files too. CC_RESPONSE_UNSURE: *ret_file (to be freed) is
 * the word at fault; ret may hold some of the words. -ENOMEM.
 */
int cc_response_expand(
	char *const *argv, const char *cwd, struct strv *ret, char **ret_file) MUST_CHECK;
