/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/macro.h"
#include "scan/text.h"

/*
 * What a condition, or a computed include, came to when certain names meant certain macros. The
 * same condition is evaluated in every unit, nearly always to the same end, and what it read is a
 * handful of names: to compare these is a tenth of the work of expanding them.
 *
 * An entry holds for every unit in which each name it read means the same macro (macros are
 * hash-consed: one comparison of pointers), or means nothing where it meant nothing. Evaluations
 * that read anything else (__has_include, __COUNTER__, __FILE__, …) are not remembered.
 */

enum {
	MEMO_ENTRIES_MAX = 8, /* of one op; the oldest goes */
	MEMO_READS_MAX = 128, /* of one entry */
};

struct memo_read {
	uint32_t id;
	const struct macro *macro; /* NULL: not defined */
};

struct memo_entry {
	struct memo_entry *next;
	const void *facts; /* of whose __has_… an answer is part, or NULL: any */
	int64_t value; /* of a condition: 0 or 1; of an include: the name's id, angled as sign */
	uint32_t n_reads;
	struct memo_read reads[];
};

struct memo {
	struct memo_entry *first;
	uint32_t n;
};

/* Conditions, and includes whose name is computed. */
static inline bool memo_is_for(const struct op *op)
{
	return op->kind == OP_IF || op->kind == OP_ELIF ||
	       (op->id == 0 && (op->kind == OP_INCLUDE || op->kind == OP_INCLUDE_NEXT ||
				       op->kind == OP_IMPORT));
}

void memo_free(struct memo *m); /* NULL is fine */

/* Into *m, which is made if it is NULL. -ENOMEM. */
int memo_add(struct memo **m, const void *facts, int64_t value, const struct memo_read *reads,
	uint32_t n_reads) MUST_CHECK;
