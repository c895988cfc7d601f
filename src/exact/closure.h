/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "exact/toolchain.h"

/* A set of toolchain entries, sorted by path, grown by walking paths as the kernel does. */

enum {
	CLOSURE_MAX = 1 << 16,  /* entries: -E2BIG */
	CLOSURE_LINKS_MAX = 40, /* on the way of one path, as the kernel has it */
	CLOSURE_DEPTH_MAX = 16, /* of a tree */
};

struct closure {
	struct toolchain toolchain;
	size_t cap;
};

#define CLOSURE_INIT     \
	{                \
		.cap = 0 \
	}

enum closure_outcome {
	CLOSURE_MISSING = 1, /* nothing there, or neither a file nor a directory */
};

void closure_fini(struct closure *c); /* empty and usable again */

/*
 * What an absolute path leads to: an entry for the file or directory at its end, for each link on
 * the way, and for each directory that is only gone through to come back out of it ("x/..").
 * *ret_real (malloc'ed, may be NULL): the path without links. 0, CLOSURE_MISSING, -errno.
 */
int closure_add(struct closure *c, const char *path, char **ret_real) MUST_CHECK;

/* The same for a directory and all below it. */
int closure_add_tree(struct closure *c, const char *path) MUST_CHECK;
