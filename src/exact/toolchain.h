/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "cc/command.h"

/*
 * The closure of a compiler: every file of it that a compile (-c, -S) may read beside the unit's
 * own sources and headers, so that in a root with these files alone it does what it does here.
 * Driver and what it runs (cc1, cc1plus, as, …), shared libraries and the loader, specs, what the
 * driver looks for to find its own directories, locale data where messages need it; with all links
 * and directories on the way. Headers are not in it: the scanner finds these.
 *
 * It is found by asking the compiler and the dynamic loader, and by no list of known versions.
 *
 * Not in it either: /proc, /dev and the directory for temporary files, which every root has; time
 * zones (only __DATE__ and __TIME__ read them); CUDA, which clang looks for and then does not use.
 */

enum toolchain_kind {
	TOOLCHAIN_FILE,
	TOOLCHAIN_LINK,
	TOOLCHAIN_DIRECTORY, /* that has to be there, whatever is in it */
};

struct toolchain_entry {
	enum toolchain_kind kind;
	bool executable; /* of a file */
	char *path;      /* absolute, no ".", ".." or double "/"; its directories are no links */
	char *target;    /* of a link, as it reads */
};

struct toolchain {
	struct toolchain_entry *entries; /* sorted by path, each path once */
	size_t n;
	/* Not part of it, but the answer may be another one if what is at these paths is: mostly
	 * places that were looked at before the one where something was found. Absolute. */
	struct strv also;
	/* Options that mean the same as those in which "native" is said (-march=native), for the
	 * place before all others; the machine's processor is that of the answer. */
	struct strv native;
};

/* -march=native, -mtune=native: this machine's processor decides. */
bool native_is_said(const char *arg);

struct toolchain_request {
	const char
		*compiler; /* absolute path of the driver; to be run with this as its argv[0], for
				 it finds its parts from there */
	const struct cc_command *command;
	const char *cwd;
	char *const *envp; /* the user's */
};

enum toolchain_outcome {
	TOOLCHAIN_UNKNOWN = 1, /* cannot be known, or not be shipped: *ret_reason (malloc'ed) */
};

/*
 * Runs the compiler and the loader, some ten times: for a thread, and for remembering. Programs
 * that the compiler finds in PATH (as, mostly) are found by the same PATH there. LIBRARY_PATH need
 * not be taken along; the locale's variables and LANGUAGE have to be.
 * 0, TOOLCHAIN_UNKNOWN, -errno.
 */
int toolchain_find(
	const struct toolchain_request *q, struct toolchain *ret, char **ret_reason) MUST_CHECK;
void toolchain_fini(struct toolchain *t);

/*
 * What the answer depends on beside the files themselves, as text: two requests of equal key have
 * the same closure while no file of it changes and none appears that would be found first. Append
 * to ret. -ENOMEM; -E2BIG: over a megabyte.
 */
int toolchain_key(const struct toolchain_request *q, struct buf *ret) MUST_CHECK;
