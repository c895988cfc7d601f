/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/search.h"

/* Private to scan/search*.c: what the two compilers leave out of a search list. Pure. */

enum search_group { SEARCH_QUOTE, SEARCH_ANGLED, SEARCH_SYSTEM, SEARCH_AFTER };

struct search_entry {
	struct scan_search_dir dir;
	enum search_group group;
	const char *given; /* the name as the plan or the facts have it */
	uint64_t dev, ino;
	bool last; /* of all that were named in its group, those that are not there included */
};

/*
 * entries: directories that are there, ordered by group, in each as they were named (the
 * compiler's own behind -isystem). What is to be left out is taken away; *ret_n_quote of the *n
 * that remain are for #include "x" only.
 */
void search_merge_gcc(struct search_entry *entries, size_t *n, size_t *ret_n_quote);
void search_merge_clang(struct search_entry *entries, size_t *n, size_t *ret_n_quote);

/*
 * scan_facts.first_name, before the merge: of each directory that is there under several names, all
 * entries get the name and path that clang comes across first. It takes up -I, then -idirafter,
 * -iquote, -isystem, and its own, each in order, also those that are left out later.
 */
void search_name_by_first(struct search_entry *entries, size_t n);
