/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "reapi/action.h"
#include "service/operation.h"
#include "service/results.h"

/*
 * One action that is carried out: see run.c for its states. It belongs to the thread of the loop,
 * and to itself: it answers its operations, and is freed when it is over.
 */
struct execution;
struct run;

/*
 * action's text is copied. -ENOMEM; -EINVAL: the platform or the timeout are not for us (f says
 * why); else it will finish *ret's operations, never from inside this call. Let operations join.
 */
int run_new(struct execution *e, const struct reapi_digest *digest,
	const struct reapi_action *action, struct fault *f, struct operation_task **ret) MUST_CHECK;

/* After the first operation has joined. */
void run_start(struct operation_task *task);

/* What one more client wants. */
void run_ask(struct operation_task *task, const re_execute_request *q);

/* All of e's: their operations are answered, their jobs killed. */
void run_cancel_all(struct execution *e);
