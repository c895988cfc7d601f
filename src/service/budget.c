/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/budget.h"

#include <errno.h>
#include <stdlib.h>

/*
 *	open ── held reaches max ──► closed, all calls paused
 *	     ◄── held falls to half ──
 *
 * Held bytes are never refused: they are here already. What closing stops is the next message.
 */

struct service_budget {
	struct list calls; /* struct service_hold whose call has not ended */
	size_t held, max;
	size_t refs;
	bool closed;
};

int service_budget_new(size_t max, struct service_budget **ret)
{
	struct service_budget *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	list_init(&b->calls);
	b->max = max;
	b->refs = 1;
	*ret = b;
	return 0;
}

struct service_budget *service_budget_ref(struct service_budget *b)
{
	b->refs++;
	return b;
}

void service_budget_unref(struct service_budget *b)
{
	if (b && --b->refs == 0)
		free(b);
}

size_t service_budget_held(const struct service_budget *b)
{
	return b->held;
}

static void apply(struct service_hold *h)
{
	bool pause = h->own || h->budget->closed;

	if (!h->call || pause == h->paused)
		return;
	h->paused = pause;
	if (pause)
		rpc_call_pause(h->call);
	else
		rpc_call_resume(h->call);
}

static void set_closed(struct service_budget *b, bool closed)
{
	if (b->closed == closed)
		return;
	b->closed = closed;
	LIST_FOR(l, &b->calls)
	apply(LIST_ENTRY(l, struct service_hold, link));
}

void service_hold_start(struct service_hold *h, struct service_budget *b, struct rpc_call *call)
{
	*h = (struct service_hold){.budget = service_budget_ref(b), .call = call};
	list_append(&b->calls, &h->link);
	apply(h);
}

void service_hold_take(struct service_hold *h, size_t n)
{
	h->held += n;
	h->budget->held += n;
	if (h->budget->held >= h->budget->max)
		set_closed(h->budget, true);
}

void service_hold_give(struct service_hold *h, size_t n)
{
	h->held -= n;
	h->budget->held -= n;
	if (h->budget->held <= h->budget->max / 2)
		set_closed(h->budget, false);
}

void service_hold_pause(struct service_hold *h, bool pause)
{
	h->own = pause;
	apply(h);
}

void service_hold_ended(struct service_hold *h)
{
	if (!h->call)
		return;
	list_unlink(&h->link);
	h->call = NULL;
}

void service_hold_fini(struct service_hold *h)
{
	if (!h->budget)
		return;
	service_hold_ended(h);
	service_hold_give(h, h->held);
	service_budget_unref(TAKE_PTR(h->budget));
}
