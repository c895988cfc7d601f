/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdatomic.h>

#include "reapi/arena.h"
#include "reapi/tree.h"
#include "scan/scan.h"

/*
 * What is remembered from one action to the next, as nearly all of it is the same again: names, where a
 * file is in the input root, and that root's Directories. None of it says what an action is: what is put
 * into the tree is asked of the scanner each time. It belongs to the thread that has the scanner.
 */

/* Names, which actions point into: they go with the last of these. */
struct exact_names {
	atomic_int users;
	struct reapi_arena arena;
};

void exact_names_unref(struct exact_names *n); /* or NULL; from any thread */

/* Of one path of the scanner, a file's. */
struct exact_place {
	/* When the path led to what is said here: scan_path.generation; 0: never. */
	uint64_t generation;
	const char *scanner_real; /* as the scanner has it */
	const char *spelled, *real;
	struct reapi_node *node; /* where real is in the tree, if it was there once */
	bool plain;              /* dependency lists have it as it is spelled (depfile_path) */
	uint64_t round;          /* of a directory: the action that it was put into last */
};

/* The number of an input, by its digest; of this action if it has its round. */
struct exact_twin {
	uint64_t round;
	uint32_t number;
};

struct exact_memory {
	struct reapi_tree *tree;
	struct exact_names *names;
	uint64_t views;             /* scanner_views, of which the paths are */
	uint64_t round;             /* counts the actions */
	bool spoilt;                /* an action was left in the middle */
	struct exact_place *places; /* by scan_path.id */
	size_t n_places;
	struct exact_twin *twins; /* a power of two */
	size_t n_twins;
};

struct exact_memory *exact_memory_new(void); /* NULL: no memory */
void exact_memory_free(struct exact_memory *m);

/* For an action of up to n files: the tree is empty. -errno. */
int exact_memory_begin(struct exact_memory *m, const struct scanner *s, size_t n) MUST_CHECK;

/* Of a path; valid until the next call. NULL: no memory. */
struct exact_place *exact_memory_place(
	struct exact_memory *m, const struct scan_path *path) MUST_CHECK;
/* The same of a proved file, with its names. */
struct exact_place *exact_memory_file(
	struct exact_memory *m, struct scanner *s, struct scan_path *path) MUST_CHECK;
