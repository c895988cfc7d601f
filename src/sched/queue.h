/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/list.h"
#include "base/util.h"

/*
 * How many compilers run at once, and who waits: first come, first served. Pure: whoever gives a
 * slot back asks queue_take who is next.
 */

struct queue_waiter {
	struct list link;
	void (*granted)(struct queue_waiter *w); /* its turn has come; called by queue_grant */
};

struct queue {
	unsigned slots, used;
	struct list waiters;
	bool granting;
};

void queue_init(struct queue *q, unsigned slots);
void queue_waiter_init(struct queue_waiter *w, void (*granted)(struct queue_waiter *w));
void queue_wait(struct queue *q, struct queue_waiter *w); /* it must not wait already */
void queue_cancel(struct queue_waiter *w);                /* no longer waits; idempotent */

/* The first waiter, which now holds a slot; NULL: none waits or none is free. */
struct queue_waiter *queue_take(struct queue *q);
void queue_release(struct queue *q);

/* Call granted of all whose turn has come. To be called after queue_wait and queue_release; from
 * inside granted it does nothing, for the caller further up goes on. */
void queue_grant(struct queue *q);
