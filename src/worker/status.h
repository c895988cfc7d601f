/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>

#include "worker/metrics.h"

/*
 * The status page: what a worker does just now, as one HTML page without script or anything from
 * elsewhere. Pure. Every text is escaped; bytes that are no UTF-8 and control characters are shown
 * as U+FFFD.
 */

enum {
	STATUS_ROWS_MAX = 500, /* of jobs, and of clients; how many more there are is said */
	STATUS_TEXT_MAX = 300, /* bytes of one text; the rest is cut off */
	STATUS_PAGE_MAX = 4 << 20,
};

struct status_pair {
	const char *name, *value;
};

struct status_job {
	const char *source;   /* what is compiled, or the action's digest or command */
	const char *client;   /* its address */
	const char *protocol; /* NULL: unknown */
	pid_t pid;            /* 0: not started yet */
	uint64_t size;        /* bytes of source, or of inputs */
	uint64_t since_ms;    /* on the loop's clock */
};

struct status_client {
	const char *name; /* address and port; whose token or certificate it showed */
	enum metrics_protocol protocol;
	uint64_t since_ms;
	size_t calls; /* under way */
};

struct status {
	const struct metrics *metrics;
	struct metrics_now now;
	const struct status_pair *settings; /* configuration, in the order to show */
	size_t n_settings;
	const struct status_job *jobs;
	size_t n_jobs, more_jobs; /* more: there are, but are not in the list */
	const struct status_client *clients;
	size_t n_clients, more_clients;
	const char *isolation; /* what jobs are confined by; NULL: not known */
};

/* Append the page. -ENOMEM, -E2BIG. */
int status_print(const struct status *s, struct buf *ret) MUST_CHECK;
