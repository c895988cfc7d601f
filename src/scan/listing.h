/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * Which names may be in a directory: the 32-bit hashes of all that were seen in it. "No" is
 * certain; "maybe" is to be settled by stat. Hence two names of equal hash do no harm, names may be
 * added that are there already, and a name that is deleted may stay, which is why it is small and
 * why events need not be told apart.
 */
struct listing {
	uint32_t
		*hashes; /* 0: free; open addressing, at most half full. NULL: no listing is held */
	uint32_t mask;
	uint32_t n;
	uint32_t n_first; /* when it was read */
};

enum { LISTING_NAMES_MAX = 1 << 16 }; /* a directory with more of them has no listing */

void listing_drop(struct listing *l);
static inline bool listing_held(const struct listing *l)
{
	return l->hashes != NULL;
}

/*
 * Read the names of the directory that fd is open for; fd is closed in every case.
 * -E2BIG past LISTING_NAMES_MAX; -errno. No listing is held after an error.
 */
int listing_read(struct listing *l, int fd) MUST_CHECK;

/* A name appeared. Where it cannot be taken in the listing is dropped. */
void listing_add(struct listing *l, uint32_t hash);

/* Of a listing that is held. */
bool listing_maybe(const struct listing *l, uint32_t hash);
