/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"
#include "sched/hosts.h"

/*
 * The hosts an agent knows, what they are doing, and which one is next. Policy only: time comes
 * in as milliseconds of any steady clock, answers come in as calls.
 *
 * A job brings its own hosts list; hosts of the same definition are one host here, whichever list
 * they came in. What failed is remembered where it belongs:
 *	a server that cannot be reached, hangs up or answers rubbish: its address and port,
 *	whatever names lead to them, rest for the back-off period;
 *	a machine without a compiler: that compiler on that host rests, others go on.
 */

enum {
	FLEET_ADDRESS_MAX = 64,
	FLEET_MISSING_MAX =
		8, /* compilers remembered as missing, per host; the oldest goes first */
	FLEET_NAME_MAX = 64,
};

struct fleet_host {
	struct hosts_entry entry; /* a copy */
	unsigned index;           /* in the fleet; stays */
	unsigned in_use;
	char address[FLEET_ADDRESS_MAX]; /* as last resolved; "" before that */
	uint64_t backoff_until_ms;       /* 0: none */
	bool failure_logged;
	bool well; /* did a job, and has not closed a connection without an answer since */
	struct {
		char name[FLEET_NAME_MAX];
		uint64_t until_ms;
	} missing[FLEET_MISSING_MAX];
	unsigned next_missing;
	double job_ms; /* moving average of a job's time there; 0: none yet */
	/* For statistics. */
	uint64_t jobs, failures, bytes_up, bytes_down, wall_ms;
};

struct fleet {
	struct fleet_host **v;
	size_t n;
};

void fleet_init(struct fleet *f);
void fleet_fini(struct fleet *f);

/* The host of this definition, made if new. -ENOMEM; -E2BIG past HOSTS_MAX hosts. */
int fleet_host(struct fleet *f, const struct hosts_entry *e, struct fleet_host **ret) MUST_CHECK;

enum fleet_verdict {
	FLEET_CHOSEN,
	FLEET_BUSY, /* wait until a slot is given back */
	FLEET_NONE, /* nobody to wait for: all rest, are down, or lack the compiler */
};

/*
 * Of these hosts the one that should finish a job first: least (jobs there + 1) / slots × the
 * job time seen there; the earlier in the list where that is equal. Hosts in tried are passed over.
 */
enum fleet_verdict fleet_pick(struct fleet_host *const *hosts, size_t n, const bool *tried,
	const char *compiler, uint64_t now_ms, struct fleet_host **ret);

void fleet_take(struct fleet_host *h);
void fleet_give(struct fleet_host *h);

/* The host did a job in so many milliseconds: it is well. */
void fleet_succeeded(struct fleet *f, struct fleet_host *h, uint64_t wall_ms);

/* It failed as a machine. period_ms 0 (DISTCC_BACKOFF_PERIOD=0): it is not rested. */
void fleet_failed(struct fleet *f, struct fleet_host *h, uint64_t now_ms, uint64_t period_ms);

/*
 * It closed the connection without an answer: 3.4's way to say no, to a client, to a compiler or
 * to an argument. From a host that was doing jobs the first time speaks against the job only.
 */
void fleet_no_answer(struct fleet *f, struct fleet_host *h, uint64_t now_ms, uint64_t period_ms);

void fleet_compiler_missing(
	struct fleet_host *h, const char *compiler, uint64_t now_ms, uint64_t period_ms);
