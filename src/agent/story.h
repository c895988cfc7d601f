/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/*
 * The story of one job, for "distcc --explain": what was known when, what was decided, and why.
 * Lines as people read them, each with the time since the job began:
 *
 *	    1.7 ms  scan        231 files, 1234567 bytes
 *
 * At most STORY_LINES_MAX lines (the launcher has a few of its own to add), of at most
 * STORY_COLUMNS_MAX bytes: the middle of longer ones is left out.
 */

enum { STORY_LINES_MAX = 36, STORY_COLUMNS_MAX = 160 };

struct story {
	bool wanted; /* story_begin was called; else story_add does nothing */
	uint64_t began_ns;
	unsigned lines, left_out;
	struct buf text;
};

void story_begin(struct story *s, uint64_t now_ns);
/* Bytes of text below blank become '?'. What does not fit is only counted. */
void story_add(struct story *s, uint64_t now_ns, const char *label, const char *text);
/* The last line; before it, whether something was left out. */
void story_end(struct story *s, uint64_t now_ns, const char *label, const char *text);
void story_fini(struct story *s);
