/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"

/* Which compilers may run here, and which program a name means. Reads the file system only. */

struct compiler_policy {
	const char *path; /* where compilers are looked for: DISTCCD_PATH, else PATH */
	bool insecure;    /* whatever a client names */
	bool has_commands;
	struct strv commands; /* DISTCC_CMDLIST: full paths, which then are the whole list */
	size_t words;         /* how many of their last words must be the same */
};

enum {
	COMPILER_NOT_ALLOWED = 1,
	COMPILER_NOT_FOUND = 2,
	COMPILER_NOBODY = 3, /* the list is empty: no compiler is allowed */
	COMPILER_LIST_MAX = 1 << 20,
};

/*
 * From the environment (DISTCCD_PATH, PATH, DISTCC_CMDLIST, DISTCC_CMDLIST_NUMWORDS), whose
 * strings must outlive it. 0; COMPILER_NOBODY; -errno from reading the list of commands.
 */
int compiler_policy_init(struct compiler_policy *p, char *const *envp, bool insecure) MUST_CHECK;
void compiler_policy_fini(struct compiler_policy *p);

struct compiler {
	char *path; /* absolute */
	/* It is a driver of gcc or clang, which reads its source once, so that it may be a fifo. */
	bool is_driver;
};

void compiler_fini(struct compiler *c);

/*
 * The program for the name that a client sent. A leading /bin/ or /usr/bin/ does not count; a link
 * to distcc is never the answer. 0; COMPILER_NOT_ALLOWED; COMPILER_NOT_FOUND (it is allowed, but
 * there is no such program); -ENOMEM.
 */
int compiler_find(
	const struct compiler_policy *p, const char *name, struct compiler *ret) MUST_CHECK;
