/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "service/operation.h"
#include "service/results.h"
#include "service/service.h"

/* The execution part of a service. Private to service/. */
struct execution {
	struct service *service;
	struct operations operations;
	struct queue gate; /* of actions that hold memory or disk; slots are for those that run */
	struct list runs;
	size_t n_lookups;
	bool stopping;
	bool closed; /* the timer */
	uv_timer_t timer;
	int trash_fd;
	uv_work_t trash_work;
	bool trash_busy;
	uint64_t next_name; /* of directories in roots */
	char worker[256];
	struct service_execution_stats stats;
};

uint64_t execution_now_ms(const struct execution *e);
/* To be called after whatever may have changed a deadline. */
void execution_arm(struct execution *e);

/*
 * The action cache is asked, and the action read, for one operation: it is answered, or joins a
 * task. q is looked at before this returns only. -ENOMEM: the operation is as it was.
 */
int lookup_start(struct execution *e, struct operation *o, const re_execute_request *q,
	const struct reapi_digest *action) MUST_CHECK;

/* Answer with a fault. */
void execution_fail(struct execution *e, struct operation *o, struct fault *f);
