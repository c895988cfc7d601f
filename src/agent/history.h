/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/* What ran where, why, and what it cost: the last HISTORY_MAX jobs. */

enum { HISTORY_MAX = 16384, HISTORY_WHERE_MAX = 64, HISTORY_SOURCE_MAX = 192 };

struct history_record {
	uint64_t id; /* counts from 1; 0: an empty record */
	bool running;
	bool remote;
	char where[HISTORY_WHERE_MAX]; /* the host's definition, or "local" */
	const char *reason;            /* static: "remote", or why it was local */
	int exit;                      /* -1: not known (the compiler took the launcher's place) */
	uint64_t start_ms, wall_ms;
	uint64_t cpu_ms; /* of the preprocessor here */
	uint64_t bytes_up, bytes_down;
	char source[HISTORY_SOURCE_MAX]; /* the end of it, if it is longer */
};

struct history {
	struct history_record *v; /* HISTORY_MAX of them, a ring */
	uint64_t last_id;
};

int history_init(struct history *h) MUST_CHECK;
void history_fini(struct history *h);

/* A new record, over the oldest. Stays the caller's to fill until HISTORY_MAX later ones. */
uint64_t history_add(struct history *h);
/* NULL: overwritten since. */
struct history_record *history_get(struct history *h, uint64_t id);

void history_set_source(struct history_record *r, const char *source);

/* Tab-separated, with a line of headings. */
int history_print_jobs(const struct history *h, uint64_t now_ms, struct buf *ret) MUST_CHECK;
int history_print_stats(const struct history *h, struct buf *ret) MUST_CHECK;
