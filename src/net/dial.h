/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "base/util.h"

/*
 * One TCP connection: the name is resolved (numbers at once, names in the thread pool, answers
 * remembered for DIAL_CACHE_MS), then each address is tried in turn with a time-out of its own.
 */

enum dial_outcome {
	DIAL_CONNECTED,
	DIAL_UNRESOLVED, /* no such name, or no answer in time */
	DIAL_REFUSED,
	DIAL_TIMED_OUT,
	DIAL_FAILED, /* unreachable, no permission, out of descriptors, … */
};

enum {
	DIAL_ADDRESSES_MAX = 16, /* of one name; the rest is not tried */
	DIAL_ADDRESS_TEXT = 64,
	DIAL_CACHE_MS = 30000,
	DIAL_CACHE_MAX = 256,
};

struct dial_params {
	const char *host;
	uint16_t port;
	uint64_t resolve_ms, connect_ms;
};

struct dial_result {
	enum dial_outcome outcome;
	int fd;                          /* the caller's from now on; -1 unless connected */
	int error;                       /* negative errno or libuv code, for the log */
	char address[DIAL_ADDRESS_TEXT]; /* the last tried, without port; "" if none */
};

struct dial;
typedef void (*dial_done_fn)(void *data, const struct dial_result *result);

/* done is called exactly once, never from inside; not at all after dial_cancel. */
int dial_start(uv_loop_t *loop, const struct dial_params *p, dial_done_fn done, void *data,
	struct dial **ret) MUST_CHECK;

/* Also frees. After done was called the dial is gone already: do not cancel it. */
void dial_cancel(struct dial *d);

/* Forget remembered names, at the end of a program. */
void dial_cache_clear(void);
