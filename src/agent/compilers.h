/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * What to call a compiler elsewhere, remembered: finding it out means reading a directory of
 * programs. An answer holds as long as the compiler's file, and the directory that it is in, are
 * the same and unchanged.
 */

enum { COMPILERS_MAX = 64, COMPILERS_TARGETS_MAX = 16, COMPILERS_TARGET_TEXT = 256 };

struct compilers_entry {
	char *key;         /* name, path, PATH and no_rewrite; NULL: free */
	uint64_t stamp;    /* of the file and its directory */
	char *remote_name; /* NULL: no server should be asked */
};

/* What "clang -dumpmachine" says of a compiler. */
struct compilers_target {
	char *path;
	uint64_t stamp;
	char *target;
};

struct compilers {
	struct compilers_entry v[COMPILERS_MAX];
	unsigned next; /* the one that is replaced next */
	struct compilers_target targets[COMPILERS_TARGETS_MAX];
	unsigned next_target;
};

void compilers_fini(struct compilers *c);

/* cc_compiler_remote_name, the answer a copy; NULL also where memory is short. */
char *compilers_remote_name(struct compilers *c, const char *name, const char *compiler_path,
	const char *path, bool no_rewrite);

/* The target of a clang, or NULL: run it with -dumpmachine, and set what it says. */
const char *compilers_target(const struct compilers *c, const char *compiler_path);

/* text: as the compiler printed it. False: it is not a target's name, or memory is short. */
bool compilers_set_target(struct compilers *c, const char *compiler_path, const char *text);
