/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "base/strv.h"
#include "base/warden.h"

/* The private directory of one job: the compiler's cwd and TMPDIR, gone with the job. */

struct jobdir {
	char *path; /* absolute; NULL: none */
	struct warden *warden;
};

/* A new directory in tmp, guarded by the warden. -errno. */
int jobdir_make(struct jobdir *d, const char *tmp, struct warden *warden) MUST_CHECK;
void jobdir_remove(struct jobdir *d); /* with all that is in it; idempotent */

/* malloc'ed; NULL: no memory. */
char *jobdir_file(const struct jobdir *d, const char *name);

/*
 * Append the regular file name to ret, whose max bounds it. -ENOENT: there is none (nor does a
 * link or a fifo count); -E2BIG; -errno.
 */
int jobdir_read(const struct jobdir *d, const char *name, struct buf *ret) MUST_CHECK;

/*
 * The compiler's environment: PATH, TMPDIR (the job's directory), the language settings of envp,
 * and what keeps a distcc that would be found as the compiler from distributing again. -ENOMEM.
 */
int jobdir_environment(
	const struct jobdir *d, const char *path, char *const *envp, struct strv *ret) MUST_CHECK;
