/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "agent/client.h"

/*
 * One compiler command on its way:
 *
 *	NEW ─► WAIT_CPP ─► CPP ─► WAIT_HOST ─► REMOTE ─► ENDED
 *	 │         ▲        │     │    ▲  │      │
 *	 │         └────────┤     │    └──┼──────┤ another host
 *	 │        in full   │     │       │      │
 *	 └──────────────────┴──► WAIT_LOCAL ◄────┘ what cannot be done elsewhere is done here
 *	                             │
 *	                             └─► LOCAL ─► ENDED
 *
 * The exact way (job_exact.c) comes before that, where it is wanted:
 *
 *	NEW ─► PREPARE ─► LOOKUP ─► WAIT_HOST ─► REMOTE ─► ENDED    a result is known: ENDED
 *	          └──────────┤          └──────────┴─► WAIT_CPP      nobody takes it: the plain way
 *	                     └─► WAIT_LOCAL ─► HERE ─► ENDED         no hosts: here, and it is kept
 *
 * Between PREPARE and LOOKUP it is JOINED where another job is at the same compile already: its
 * result ends this one too.
 *
 * A compile that is done twice (job_verify.c) goes to WAIT_LOCAL and HERE with its result in hand.
 *
 * In WAIT_HOST a text is in hand; if the hosts list names localhost, a local slot is waited for
 * at the same time, and what comes first is taken. A job in WAIT_* holds nothing that another
 * could wait for. A client that goes away ends its job in any state.
 */
struct job;

/* request stays valid as long as the job. NULL: no memory (the client is closed then). */
struct job *job_new(struct agent *a, struct client *c, const struct ipc_request *request);

/* The first step; the client may be answered from inside. */
void job_start(struct job *j);

/* The client is gone or has been served: stop whatever runs, leave nothing behind. */
void job_free(struct job *j);

/* For agent_dispatch. */
void job_slot_granted(struct slots_claim *claim);
bool job_try_host(struct list *queue_link); /* true: it left the queue */
