/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "reapi/action.h"
#include "service/operation.h"
#include "service/results.h"

/*
 * One action that is carried out: see run.c for its states. It belongs to the thread of the loop,
 * and to itself: it answers its operations, and frees itself when it is over.
 */
struct execution;

/* A task at QUEUED, for operations to join, and then to be started. arena, in which action's text
 * is, becomes the run's and is empty afterwards. -ENOMEM. */
int run_new(struct execution *e, const struct reapi_digest *digest,
	const struct reapi_action *action, struct reapi_arena *arena,
	struct operation_task **ret) MUST_CHECK;
void run_start(struct operation_task *task);

/* What a client whose operation joins wants in the answer. */
void run_ask(struct operation_task *task, const struct results_asked *asked);

/* All of e's: their operations are answered, their jobs killed. */
void run_cancel_all(struct execution *e);
