/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cc/command.h"

/* Which compiler a name means here, and what to call it elsewhere. Reads the file system only. */

/*
 * Masquerading: the compiler called name that the user would have got without us.
 *
 * PATH is searched from behind the entry through which we ourselves were found (so that in
 * "ccache-dir:our-dir:/usr/bin" ccache is not found again), passing over every entry that is one
 * of self_dev/self_ino or is in skip. Nothing in the environment is changed: ccache, if it comes
 * later in PATH, finds us again, and then skip (from _DISTCC_SAFEGUARD) holds what we started.
 * *ret_first: it is the first of that name on PATH. -ENOENT: there is no other.
 */
struct cc_file_id {
	uint64_t dev;
	uint64_t ino;
};

int cc_compiler_behind(const char *name, const char *path, const char *cwd, struct cc_file_id self,
	const struct cc_file_id *skip, size_t n_skip, char **ret_path, bool *ret_first) MUST_CHECK;

/*
 * The name to ask a distcc server for, so that another version there is "not found" and not
 * another object: links are followed to a versioned, target-prefixed name that is on PATH too.
 *	cc, gcc -> x86_64-linux-gnu-gcc-12	c++ -> x86_64-linux-gnu-g++-12
 *	clang -> clang-14			/opt/x/gcc -> NULL: a server cannot have it
 * no_rewrite (DISTCC_NO_REWRITE_CROSS): the name as given, without /bin or /usr/bin.
 * compiler_path is absolute. *ret_name is NULL where no server should be asked. -ENOMEM.
 */
int cc_compiler_remote_name(const char *name, const char *compiler_path, const char *path,
	bool no_rewrite, char **ret_name) MUST_CHECK;

/*
 * Which compiler's options a program reads. name: as it was called; path: the file behind it, or
 * NULL to go by the name alone. Both must look like a compiler's name ("gcc-12",
 * "x86_64-linux-gnu-g++", "clang++-14"; "cc" and "c++" only by what they are links to), and the
 * file must not be a script: ccache, icecc and wrappers are CC_FAMILY_UNKNOWN, so never
 * distributed by us.
 */
enum cc_family cc_compiler_family(const char *name, const char *path);

/*
 * The same, where the user has said so of it first: list (DISTCC_COMPILERS; may be NULL) has entries
 * NAME=gcc or NAME=clang between colons, NAME the base name that it was called by, or path. Not of a
 * script either.
 */
enum cc_family cc_compiler_registered(const char *list, const char *name, const char *path);

/* Does the driver of this name take .c for C++ ("g++", "clang++-14"; of others those in "++")? */
bool cc_compiler_is_cxx(const char *name);

/* The major version that a name ends in ("x86_64-linux-gnu-gcc-12": 12), or 0. */
unsigned cc_compiler_name_version(const char *name);

/*
 * gcc's -fdirectives-only was written anew in version 11; what is known of it (cc/pragmas.h) was
 * found with 12.
 */
enum { CC_GCC_DIRECTIVES_ONLY_SINCE = 11 };
