/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "agent/rex.h"

/*
 * Results of exact compiles, kept on this machine: by the digest of the action, what it wrote and
 * said. A content-addressed store and an action cache of our own (cas/), under a cap, the least
 * recently used out first. Only successes are kept.
 *
 *	$DISTCC_CACHE_DIR, else $XDG_CACHE_HOME/distcc, else ~/.cache/distcc
 */
struct store;

enum { STORE_SIZE_DEFAULT_MIB = 5 << 10 };

/* Where it is, or would be: malloc'ed; NULL: nowhere. -ENOMEM. */
int store_directory(char *const *envp, char **ret) MUST_CHECK;

/* *ret NULL: there is no place for one, or it is switched off (DISTCC_CACHE_SIZE=0); the log says
 * what is wrong. Blocks. -ENOMEM. */
int store_open(char *const *envp, struct store **ret) MUST_CHECK;
void store_close(struct store *s); /* blocks; nothing may be under way; NULL is fine */

/*
 * Any thread. 0: *ret is a result (REX_DONE, cached) whose buffers are the caller's, to be given to
 * rex_result_fini; STORE_MISS; -errno.
 */
enum { STORE_MISS = 1 };
int store_get(
	struct store *s, const struct reapi_digest *action, struct rex_result *ret) MUST_CHECK;

/* Keep r, whose buffers it takes, off the loop. What fails is not kept. */
void store_put(
	struct store *s, uv_loop_t *loop, const struct reapi_digest *action, struct rex_result *r);

/* Now and then, off the loop: evicts. */
void store_maintain(struct store *s, uv_loop_t *loop);
