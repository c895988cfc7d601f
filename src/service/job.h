/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "base/util.h"

/*
 * A piece of a stream's work in the pool: the next chunk to read, what came to be written. Unlike
 * service_offload, done comes always, also when the call has ended meanwhile.
 */
struct service;
struct service_job;

typedef void service_job_fn(struct service_job *j);

struct service_job {
	struct service *service;
	uv_work_t pool;
	service_job_fn *work; /* in the pool */
	service_job_fn *done; /* in the loop; may start j again or free it */
	bool running;
};

/* Not while it runs. -errno: neither will be called. */
int service_job_start(struct service_job *j, struct service *s, service_job_fn *work,
	service_job_fn *done) MUST_CHECK;
