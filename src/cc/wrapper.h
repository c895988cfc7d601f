/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"
#include "cc/command.h"

/*
 * Scripts that do no more than call a compiler with options of their own:
 *
 *	#!/bin/sh
 *	exec /opt/cross/bin/arm-gcc --sysroot=/opt/root "$@"
 *
 * Such a script is the command that it ends in, and that command is looked at in its place. The
 * compiler is named by a path, by a name for PATH, or from where the script lies, as in
 * "$(dirname "$0")/real-gcc". Any other script is none of these: what it does only a shell knows.
 */

enum {
	CC_WRAPPER_BYTES_MAX = 1 << 14,
	CC_WRAPPER_DEPTH_MAX = 4, /* scripts that call scripts */
};

enum cc_wrapper_outcome {
	CC_WRAPPER_UNSURE = 1, /* it is no script, or does more, or it cannot be told */
};

/*
 * The words before and behind the caller's arguments. name: of the script, as it finds it in $0;
 * NULL: not known.
 * 0, CC_WRAPPER_UNSURE, -ENOMEM.
 */
int cc_wrapper_parse(const char *text, size_t n, const char *name, struct strv *ret_before,
	struct strv *ret_behind) MUST_CHECK;

/*
 * What argv comes to where compiler (absolute; what argv[0] leads to) is such a script, or one that
 * calls one: the command's words, and in *ret_compiler (malloc'ed) the compiler itself, of a family
 * that is known (cc_compiler_registered). 0, CC_WRAPPER_UNSURE, -ENOMEM.
 */
int cc_wrapper_unwrap(const char *compiler, char *const *argv, const char *cwd, char *const *envp,
	struct strv *ret_argv, char **ret_compiler) MUST_CHECK;
