/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "sandbox/image.h"
#include "sandbox/sandbox.h"

/* What the helper's two processes tell each other, in memory that they share. */
struct init_shared {
	enum sandbox_step step; /* of what went wrong, with error */
	int error;
	bool started, ended;
	int status;
	uint64_t started_ns, ended_ns; /* CLOCK_MONOTONIC */
	volatile int exec_error;       /* why the job's process became no program */
};

uint64_t init_now_ns(void);

/*
 * The first process of a job, in its namespaces: builds the root, enters it, gives up what it may,
 * runs the program and reaps until that has ended. Sends the tree's descriptor to `to`, on whose
 * other end the helper is; reads one byte from it first, when ids and cgroups are set.
 */
void init_run(const struct image_job *job, struct init_shared *shared, int to)
	__attribute__((noreturn));
