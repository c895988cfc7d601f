/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/facts.h"
#include "scan/fs.h"
#include "scan/plan.h"

/*
 * The directories that are searched for headers: the compiler's own and the command's merged,
 * missing ones and duplicates (equal device and inode) left out by the compiler's rules:
 *
 * gcc    system chain = -isystem, the compiler's, -idirafter; then -I without what is in the system
 *        chain or was seen before; then -iquote without what is in the system chain or before.
 * clang  -iquote without what was in it before; all else is one list: of two equal directories the
 *        later is left out, but where the earlier is the user's and the later a system one the
 *        earlier is.
 *
 * The precise rules are in scan/search_merge.c.
 *
 * dirs[0 .. n_quote) are searched for #include "x" only, dirs[n_quote .. n) for both.
 */
struct scan_search_dir {
	const char *name; /* as the compiler spells it in the paths of what it finds there */
	struct scan_path *path;
	bool system;
};

struct scan_search {
	struct scan_search_dir *dirs;
	size_t n_quote;
	size_t n;
	/* Every directory that was named, those left out too: the list holds as long as the kind
	 * and the inode of each stay what they were. */
	struct scan_path **relied;
	size_t n_relied;
	uint64_t generation; /* of fs, when it was worked out */
	uint64_t epoch;
	uint64_t serial; /* from 1: another list, another number; never of two lists */
};

struct scan_search_cache;

int scan_search_cache_new(struct scan_fs *fs, struct scan_search_cache **ret) MUST_CHECK;
void scan_search_cache_free(struct scan_search_cache *c);

/* Forget all lists: to be called when fs has forgotten its paths, which the lists point to. */
void scan_search_cache_clear(struct scan_search_cache *c);

enum scan_search_outcome {
	SCAN_SEARCH_UNKNOWN = 1, /* *ret_reason */
};

/*
 * The list for a plan: the remembered one where nothing that it relies on has changed since (no
 * system call where fs watches), else worked out anew. *ret is valid until the next call.
 * SCAN_SEARCH_UNKNOWN where it cannot be told whether a name is a directory.
 */
int scan_search_get(struct scan_search_cache *c, const struct scan_facts *facts,
	const struct scan_plan *plan, const struct scan_search **ret, char **ret_reason) MUST_CHECK;
