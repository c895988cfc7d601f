/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/list.h"
#include "rpc/call.h"

/*
 * What the calls of one connection may make us hold, beyond what rpc/ counts: messages that have
 * been taken from it and wait for the pool, chunks and answers under way. Each call has a hold. A
 * budget that is used up closes: all its calls are paused, so that flow control stops the peer,
 * until half of it is free again. A budget may be passed by what one message needs, never by more.
 *
 * It outlives the connection while work of its calls is in the pool. Thread of the loop only.
 */
struct service_budget;

int service_budget_new(size_t max, struct service_budget **ret) MUST_CHECK; /* with one ref */
struct service_budget *service_budget_ref(struct service_budget *b);
void service_budget_unref(struct service_budget *b); /* NULL: nothing */
size_t service_budget_held(const struct service_budget *b);

struct service_hold {
	struct list link;
	struct service_budget *budget; /* NULL: not started, or over */
	struct rpc_call *call;         /* NULL: has ended */
	size_t held;
	bool own;    /* paused by its user */
	bool paused; /* by either */
};

/* In on_start. The call is paused at once where the budget is closed. */
void service_hold_start(struct service_hold *h, struct service_budget *b, struct rpc_call *call);
void service_hold_take(struct service_hold *h, size_t n);
void service_hold_give(struct service_hold *h, size_t n); /* at most what it has taken */
/* In place of rpc_call_pause and _resume. */
void service_hold_pause(struct service_hold *h, bool pause);
/* In on_end: the call is not touched again, but what it holds stays counted. */
void service_hold_ended(struct service_hold *h);
void service_hold_fini(struct service_hold *h); /* idempotent; also of a zeroed one */
