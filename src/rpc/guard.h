/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* A rate limit: a bucket of burst tokens that fills by per_s tokens a second. */
struct rpc_guard {
	uint32_t burst, per_s;
	uint64_t spent_milli; /* thousandths of a token, not yet given back */
	uint64_t last_ms;
};

static inline void rpc_guard_init(
	struct rpc_guard *g, uint32_t burst, uint32_t per_s, uint64_t now_ms)
{
	*g = (struct rpc_guard){.burst = burst, .per_s = per_s, .last_ms = now_ms};
}

/* Take one token. False: there is none, the peer is over its rate. */
static inline bool rpc_guard_take(struct rpc_guard *g, uint64_t now_ms)
{
	uint64_t passed = now_ms > g->last_ms ? MIN(now_ms - g->last_ms, (uint64_t)3600000) : 0;

	g->spent_milli -= MIN(g->spent_milli, passed * g->per_s);
	g->last_ms = MAX(g->last_ms, now_ms);
	if (g->spent_milli + 1000 > (uint64_t)g->burst * 1000)
		return false;
	g->spent_milli += 1000;
	return true;
}
