/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sched/slots.h"

#include <assert.h>

void slots_init(struct slots *s, unsigned capacity)
{
	*s = (struct slots){.capacity = MAX(capacity, 1u)};
	for (int i = 0; i < SLOTS_KINDS; i++)
		list_init(&s->waiting[i]);
}

void slots_claim_init(struct slots_claim *c)
{
	*c = (struct slots_claim){.state = SLOTS_IDLE};
	list_init(&c->link);
}

void slots_wait(struct slots *s, struct slots_claim *c, enum slots_kind kind, unsigned limit)
{
	assert(c->state == SLOTS_IDLE);
	c->kind = kind;
	c->limit = limit;
	c->state = SLOTS_WAITING;
	list_append(&s->waiting[kind], &c->link);
}

static unsigned total(const struct slots *s)
{
	return s->held[SLOTS_CPP] + s->held[SLOTS_COMPILE];
}

/* The first of the queue that its own limit lets through. */
static struct slots_claim *first(struct slots *s, enum slots_kind kind)
{
	LIST_FOR(l, &s->waiting[kind])
	{
		struct slots_claim *c = LIST_ENTRY(l, struct slots_claim, link);

		if (c->limit == 0 || s->held[kind] < c->limit)
			return c;
	}
	return NULL;
}

struct slots_claim *slots_next(struct slots *s)
{
	struct slots_claim *cpp, *compile, *c;

	if (total(s) >= s->capacity)
		return NULL;
	cpp = s->cpp_paused ? NULL : first(s, SLOTS_CPP);
	compile = first(s, SLOTS_COMPILE);
	c = cpp && (!compile || s->cpp_run < SLOTS_CPP_RUN) ? cpp : compile;
	if (!c)
		return NULL;
	s->cpp_run = c == cpp && compile ? s->cpp_run + 1 : 0;
	list_unlink(&c->link);
	c->state = SLOTS_HELD;
	s->held[c->kind]++;
	return c;
}

void slots_release(struct slots *s, struct slots_claim *c)
{
	if (c->state == SLOTS_HELD) {
		assert(s->held[c->kind] > 0);
		s->held[c->kind]--;
	}
	list_unlink(&c->link);
	c->state = SLOTS_IDLE;
}

bool slots_free(const struct slots *s)
{
	return total(s) < s->capacity && list_empty(&s->waiting[SLOTS_CPP]) &&
	       list_empty(&s->waiting[SLOTS_COMPILE]);
}
