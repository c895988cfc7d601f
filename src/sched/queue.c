/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sched/queue.h"

#include <assert.h>

void queue_init(struct queue *q, unsigned slots)
{
	*q = (struct queue){.slots = slots};
	list_init(&q->waiters);
}

void queue_waiter_init(struct queue_waiter *w, void (*granted)(struct queue_waiter *w))
{
	list_init(&w->link);
	w->granted = granted;
}

void queue_wait(struct queue *q, struct queue_waiter *w)
{
	assert(list_empty(&w->link));
	list_append(&q->waiters, &w->link);
}

void queue_cancel(struct queue_waiter *w)
{
	list_unlink(&w->link);
}

struct queue_waiter *queue_take(struct queue *q)
{
	struct queue_waiter *w;

	if (q->used >= q->slots || list_empty(&q->waiters))
		return NULL;
	w = LIST_ENTRY(q->waiters.next, struct queue_waiter, link);
	list_unlink(&w->link);
	q->used++;
	return w;
}

void queue_release(struct queue *q)
{
	assert(q->used > 0);
	q->used--;
}

void queue_grant(struct queue *q)
{
	struct queue_waiter *w;

	/* A job that fails at once gives its slot back in here: one loop, and no recursion. */
	if (q->granting)
		return;
	q->granting = true;
	while ((w = queue_take(q)))
		w->granted(w);
	q->granting = false;
}
