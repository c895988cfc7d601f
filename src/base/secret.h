/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/* Small files that an option names and that may hold a secret: keys, certificates, tokens. */

/* A positive outcome: *ret_why is one line that names the file and what is wrong, malloc'ed. */
enum { SECRET_BAD = 1 };
/* Says it so: SECRET_BAD, or -ENOMEM. */
int secret_bad(char **ret_why, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * Append all of the file to ret (whose max bounds it). secret: what it is, "private key", if others
 * must not get at it; NULL: they may. Only a regular file is read: a fifo that nobody writes to is not
 * waited for. SECRET_BAD, or -ENOMEM.
 */
int secret_read(const char *path, const char *secret, struct buf *ret, char **ret_why) MUST_CHECK;

/* buf_fini of what held a secret. */
void secret_fini(struct buf *b);
