/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/list.h"

/*
 * The slots of this machine: one for each processor, shared by preprocessors (which feed the
 * other machines) and by compiles and links that run here. Policy only: no clock, no I/O.
 *
 * A claim waits in one of two queues, each first come, first served. Preprocessing goes first,
 * as every one of them sets a remote slot to work, but after SLOTS_CPP_RUN of them in a row a
 * waiting compile has its turn, so neither starves. Who holds a slot never waits for anything
 * else of ours, so no order of taking them can deadlock.
 */

enum slots_kind { SLOTS_CPP, SLOTS_COMPILE, SLOTS_KINDS };

enum { SLOTS_CPP_RUN = 4 };

struct slots_claim {
	struct list link;
	enum slots_kind kind;
	unsigned limit; /* not granted while this many or more of its kind are held; 0: none */
	enum { SLOTS_IDLE, SLOTS_WAITING, SLOTS_HELD } state;
};

struct slots {
	unsigned capacity;
	unsigned held[SLOTS_KINDS];
	unsigned cpp_run; /* granted in a row while a compile was waiting */
	bool cpp_paused;  /* set by the owner: texts enough are waiting for hosts */
	struct list waiting[SLOTS_KINDS];
};

void slots_init(struct slots *s, unsigned capacity);
void slots_claim_init(struct slots_claim *c);

/* Queue up. The claim must be idle. */
void slots_wait(struct slots *s, struct slots_claim *c, enum slots_kind kind, unsigned limit);

/* The next claim that gets a slot now, already marked held; NULL: nobody can. Call until NULL. */
struct slots_claim *slots_next(struct slots *s);

/* Give back, or leave the queue; an idle claim stays idle. */
void slots_release(struct slots *s, struct slots_claim *c);

/* Whether a claim for a compile would be granted at once. */
bool slots_free(const struct slots *s);
