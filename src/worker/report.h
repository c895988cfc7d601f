/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "worker/metrics.h"
#include "worker/pages.h"

/* What a worker tells of itself: its counters, and the pages that show them. */

struct server;

struct report {
	struct metrics metrics;
	struct pages *pages; /* NULL: not built in */
};

/* Once the services are open. -errno. */
int report_open(struct server *s) MUST_CHECK;
/* From the loop, when the server ends: nothing of it is left in the loop soon. */
void report_stop(struct server *s);
void report_close(struct server *s);
