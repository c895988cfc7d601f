/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * Which jobs are looked at more closely: policy alone, with chance from a seed, so that a test knows
 * what comes.
 *
 *	look-ups   the worker tells what was looked for in vain, and it is held against this machine:
 *	           the first SAMPLE_FIRST jobs under compiler facts that are new, then a share. One
 *	           that is doubted begins the count anew.
 *	twice      compiled there and here, and compared: the share that the user wants
 */

enum {
	SAMPLE_FIRST = 20,
	SAMPLE_ALL = 1000000,   /* shares are in millionths */
	SAMPLE_LOOKUPS = 10000, /* 1 % */
};

/*
 * "1%", "0.25%", "100%"; "0" and "1" for none and all; at most four decimals. -EINVAL: none of
 * these.
 */
int sample_share_parse(const char *text, uint32_t *ret) MUST_CHECK;

struct sample {
	uint64_t state;
};

void sample_init(struct sample *s, uint64_t seed);
/* True with the chance share / SAMPLE_ALL: never for 0, always for SAMPLE_ALL. */
bool sample_takes(struct sample *s, uint32_t share);

/* clean: how many jobs in a row, under these facts, were looked at and found right. */
bool sample_wants_lookups(struct sample *s, unsigned clean);

enum sample_found {
	SAMPLE_RIGHT,
	SAMPLE_DOUBTED,
	SAMPLE_NOT_TOLD, /* nothing was told, or only a part of it: it counts as nothing */
};
unsigned sample_count(unsigned clean, enum sample_found found);
