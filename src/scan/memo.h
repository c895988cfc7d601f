/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scan/macro.h"
#include "scan/text.h"

/*
 * What a condition, or a computed include, came to when certain names meant certain macros and
 * certain headers were there. The same condition is evaluated in every unit, nearly always to the
 * same end, and what it read is a handful of names: to compare these is a tenth of the work of
 * expanding them.
 *
 * An entry holds for every unit in which each name it read means the same macro (macros are
 * hash-consed: one comparison of numbers), or means nothing where it meant nothing, and in which
 * each look-up of a __has_include comes to the same; these are made anew, so that the unit notes
 * them, and the first that comes to another end is one that the evaluation would make too.
 * Evaluations that read anything else (__COUNTER__, __FILE__, …) are not remembered.
 */

enum {
	MEMO_ENTRIES_MAX =
		64, /* of one op: a header that Boost iterates over meets 10 or 20 states */
	MEMO_READS_MAX = 128, /* of one entry */
	MEMO_PROBES_MAX = 32, /* the same */
};

/* A look-up by __has_include. */
struct memo_probe {
	uint32_t name;
	bool angled, next, found;
};

struct memo_entry {
	const void *facts; /* of whose __has_… an answer is part, or NULL: any */
	/* Of a condition: 0 where it is true, else as its next; of an include: the name's id, angled
	 * as sign. */
	int32_t value;
	uint16_t n_reads;
	uint16_t n_probes;
	/* Those that meant a macro first; then one of no name (0). The probes are behind it. */
	struct memo_read reads[];
};

static inline const struct memo_probe *memo_probes(const struct memo_entry *e)
{
	return (const struct memo_probe *)(e->reads + e->n_reads + 1);
}

struct memo {
	uint32_t n, cap;
	uint32_t last; /* the entry that held last: where to look first */
	uint32_t next; /* the entry to be replaced when there are enough */
	struct memo_entry **entries;
};

void memo_free(struct memo *m); /* NULL is fine */

/*
 * A copy of e, with its n_reads reads and n_probes probes, into *m, which is made if it is NULL: *ret. It
 * may take the place of an older one, which is gone then. -ENOMEM.
 */
int memo_add(struct memo **m, const struct memo_entry *e, const struct memo_read *reads,
	const struct memo_probe *probes, struct memo_entry **ret) MUST_CHECK;
