/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"
#include "sandbox/sandbox.h"
#include "worker/compiler.h"

/*
 * What the compilers of distcc clients see of this machine. In the sandbox that is
 *
 *	the job's own directory, at its own place, writable
 *	the system (SANDBOX_HOST_PATHS), read-only, without this daemon's secrets
 *	toolchains that lie elsewhere, read-only: the directories of --toolchain, and those in
 *	which compilers are looked for (DISTCCD_PATH or PATH, DISTCC_CMDLIST)
 *
 * and no network and no other process. A directory "bin" of the search path that belongs to a
 * toolchain (../lib/gcc, ../libexec/gcc or ../lib/clang is there) stands for all of that toolchain.
 */

enum confine_mode {
	CONFINE_AUTO, /* where the host allows it, compilers that can be seen in it; else without */
	CONFINE_ALWAYS, /* or not at all */
	CONFINE_NEVER,
};

struct confine {
	enum confine_mode mode;
	struct sandbox *sandbox; /* NULL: there is none, or it does not isolate enough */
	struct sandbox_plan plan;
	struct strv toolchains; /* absolute; plan.binds is about these */
	struct sandbox_bind *binds;
	struct strv told; /* compilers that it was said of that they run without */
};

struct confine_options {
	enum confine_mode mode;
	const struct strv *toolchains; /* of --toolchain */
	const char *const *masks;      /* files that no compiler sees; outlive the confine */
	size_t n_masks;
	uint64_t memory_bytes; /* of one compiler and all that it starts; 0: no limit */
};

/*
 * sandbox: outlives it; or NULL. What is wrong is said in the log.
 * 0; -EINVAL: a toolchain is no directory; -EPERM: always, but this host isolates too little.
 */
int confine_init(struct confine *c, struct sandbox *sandbox, const struct compiler_policy *policy,
	const struct confine_options *o) MUST_CHECK;
void confine_fini(struct confine *c);

/* CONFINE_YES: in the sandbox; CONFINE_NO: without; -EPERM: not at all; -ENOMEM. */
enum { CONFINE_NO, CONFINE_YES };
int confine_decide(struct confine *c, const char *compiler) MUST_CHECK;
