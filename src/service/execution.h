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
	struct queue gate; /* of runs that hold memory or disk; the service's slots are for jobs */
	struct queue removals; /* of runs whose trees are being removed */
	struct list runs;
	size_t n_lookups;
	bool stopping;
	bool closed; /* the timer */
	uv_timer_t timer;
	uv_work_t sweep;    /* what an earlier process left */
	int trash_fd;       /* -1: no jobs */
	uint64_t next_name; /* of directories in roots */
	char worker[256];
	/* Answers that there is always memory for: out of memory; the worker is being stopped. */
	struct operation_answer *exhausted, *stopped;
	struct service_execution_stats stats;
};

uint64_t execution_now_ms(const struct execution *e);
/* To be called after whatever may have changed a deadline. */
void execution_arm(struct execution *e);

/*
 * The action cache is asked (unless q says not to) and the action read for an operation, which is
 * then answered, or joins a run. q need not stay. -ENOMEM: the operation is as it was.
 */
int lookup_start(struct execution *e, struct operation *o, const re_execute_request *q,
	bool report_lookups) MUST_CHECK;

/* An Execute that no job was started for, or a job, is over. */
void execution_over(struct execution *e, const struct service_over *over);

/* Answer with a fault. */
void execution_fail(struct execution *e, struct operation *o, struct fault *f);
