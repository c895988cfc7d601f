/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scancmd/report.h"

/*
 * "--check": what the compiler itself says that it reads, against what the scan found. The compiler
 * runs once (-fsyntax-only, with a dependency file of ours in place of the user's), in the user's
 * directory and environment; it leaves nothing behind.
 */
struct check {
	struct strv missing; /* real paths that the compiler reads and the scan does not have */
	struct strv extra;   /* the other way round */
	size_t n;            /* files of the compiler */
	char *reason;        /* why there is nothing to compare; else NULL */
};

#define CHECK_INIT             \
	{                      \
		.reason = NULL \
	}

/* 0, also where there is a reason; -errno. */
int check_run(const struct cc_command *c, const char *compiler, const char *cwd, char *const *envp,
	const struct report *p, struct check *ret) MUST_CHECK;
void check_fini(struct check *c);
bool check_equal(const struct check *c);
