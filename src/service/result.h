/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cas/store.h"
#include "reapi/arena.h"
#include "reapi/proto.h"
#include "reapi/violation.h"

/*
 * ActionResults and the action cache: what a result refers to, so that the cache can tell whether
 * all of it is still there; and blobs put into a result for clients that asked for it. All of it
 * is slow, for the pool.
 */
struct ac;

enum {
	SERVICE_TREE_MAX = 32 << 20,         /* bytes of an output directory's Tree */
	SERVICE_TREE_MEMORY = 256 << 20,     /* of it, unpacked */
	SERVICE_INLINE_MAX = 1 << 20,        /* bytes of blobs put into one result */
	SERVICE_RESULT_MISSING_MAX = 1 << 8, /* Trees named as missing */
};

struct service_refs {
	struct cas_digest *v;
	size_t n, cap;
	/* After REAPI_MISSING: Trees and Directories that are not there, the first so many. */
	struct cas_digest *missing;
	size_t n_missing;
};

void service_refs_fini(struct service_refs *r); /* also of a zeroed one */

/*
 * All blobs that m refers to, each once, the empty one left out: files, outputs of the streams, the
 * Trees of directories, and the files in them; where root_directory_digest is set the Directories
 * too. 0; REAPI_INVALID: a digest, or a Tree that is none; REAPI_TOO_BIG: AC_REFS_MAX or a Tree over
 * the limit; REAPI_MISSING; -errno. ret (zeroed before) is to be given to fini in every case.
 */
int service_refs_of(struct cas *c, const re_action_result *m, struct service_refs *ret,
	struct reapi_violation *v) MUST_CHECK;

/*
 * Keep m as the result of an action; what it refers to is found out. The contents of files go into
 * the store and are left out of what is kept, and of m.
 * 0; as service_refs_of, with what is missing in refs; REAPI_TOO_BIG: AC_RESULT_MAX; REAPI_INVALID:
 * contents that are not their digest's; -ENOSPC; -errno. refs as there.
 */
int service_result_put(struct cas *c, struct ac *ac, const struct cas_digest *action,
	re_action_result *m, struct service_refs *refs, struct reapi_violation *v) MUST_CHECK;

/* What an action has led to, in a. 0; REAPI_MISSING: nothing, or not all of it is there any more, or
 * it is no result that fits into a (then it is dropped); -errno. */
int service_result_get(struct ac *ac, const struct cas_digest *action, struct reapi_arena *a,
	re_action_result **ret, struct reapi_violation *v) MUST_CHECK;

/* What a client wants to have in the result itself. Hints: what is too large stays outside. */
struct service_inline {
	bool out, err;
	char **files; /* paths as in the result */
	size_t n_files;
};

/* Streams first, then files in the order of the result. What cannot be read is left as it was. */
void service_result_inline(struct cas *c, const struct service_inline *want, struct reapi_arena *a,
	re_action_result *m);
