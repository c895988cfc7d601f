/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "base/strv.h"

/*
 * What a dependency file of one rule, as gcc and clang write it, says that its target depends on, as
 * spelled: found is called with each name, until it returns other than 0, which is returned. There is a
 * NUL behind the n bytes. target:
 * without blanks and colons; NULL: any, and further rules may follow (-MP), which are not looked at.
 * -EBADMSG: it is something else, or has a NUL in it.
 */
typedef int depfile_name(void *arg, const char *name);
int depfile_each(
	const char *text, size_t n, const char *target, depfile_name *found, void *arg) MUST_CHECK;
int depfile_parse(const char *text, size_t n, const char *target, struct strv *ret) MUST_CHECK;

/*
 * A name in such a file, or of one that may be in it, absolute, as all that is in *ret. Compilers
 * leave out a leading "./", so that "cwd/./a" is "cwd/a" here.
 */
int depfile_path(const char *cwd, const char *name, struct buf *ret) MUST_CHECK;
