/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"

/*
 * Append what a dependency file of one rule, as gcc and clang write it, says that its target
 * depends on, as spelled. target: without blanks and colons; NULL: any, and further rules may
 * follow (-MP), which are not looked at. -EBADMSG: it is something else, or has a NUL in it.
 */
int depfile_parse(const char *text, size_t n, const char *target, struct strv *ret) MUST_CHECK;

/*
 * A name in such a file, or of one that may be in it, absolute. Compilers leave out a leading "./",
 * so that "cwd/./a" is "cwd/a" here. malloc'ed; NULL: no memory.
 */
char *depfile_path(const char *cwd, const char *name);
