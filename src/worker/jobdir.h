/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/buf.h"
#include "base/strv.h"
#include "base/warden.h"

/*
 * The private directory of one job: the compiler's cwd and TMPDIR, empty when the job begins.
 * Making and removing directories is dear on some file systems, so a directory is emptied and
 * kept for a later job.
 */
struct jobdir_pool {
	char *tmp; /* absolute: where they are made */
	struct warden *warden;
	struct strv idle;
	bool given; /* to another user, who jobs are: */
	uid_t uid;
	gid_t gid;
};

struct jobdir {
	struct jobdir_pool *pool;
	char *path; /* absolute; NULL: none */
};

void jobdir_pool_fini(struct jobdir_pool *p); /* removes them; no job has one any more */

/* An empty directory, guarded by the warden. -errno. */
int jobdir_take(struct jobdir *d, struct jobdir_pool *pool) MUST_CHECK;
void jobdir_release(struct jobdir *d); /* empties it; idempotent */

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
