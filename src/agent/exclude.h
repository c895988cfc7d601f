/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"

/*
 * Which files must not leave this machine: DISTCC_EXCLUDE, patterns of glob(7) between colons, held
 * against absolute paths without links. '*' also stands for '/'; a pattern that matches a directory
 * matches all that is below it; one that does not begin with '/' or '*' may match anywhere in a path
 * where a name begins, so that "secret.h", "keys" and "src/keys/private" mean what they seem to.
 * A pattern that is the name of something that is there stands for where its links lead to, too.
 */

struct exclude {
	struct strv patterns;
};

/* text may be NULL. -ENOMEM, -E2BIG. */
int exclude_parse(const char *text, struct exclude *ret) MUST_CHECK;
void exclude_fini(struct exclude *e);

/* By its text alone. */
bool exclude_has(const struct exclude *e, const char *path);
/* As it is spelled, or where it leads to. Of what cannot be followed only the spelling counts. */
bool exclude_has_file(const struct exclude *e, const char *path);

enum { EXCLUDE_FOUND = 100, EXCLUDE_UNSURE };

/*
 * Of the files that a preprocessed text, made in cwd, is made of by its own line markers. 0: none;
 * EXCLUDE_FOUND: *ret_path (malloc'ed); EXCLUDE_UNSURE: it does not say; -ENOMEM.
 */
int exclude_check_text(const struct exclude *e, const char *text, size_t n, const char *cwd,
	char **ret_path) MUST_CHECK;
