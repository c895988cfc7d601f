/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/job.h"

#include "base/list.h"
#include "service/service.h"

static void in_pool(uv_work_t *work)
{
	struct service_job *j = LIST_ENTRY(work, struct service_job, pool);

	j->work(j);
}

static void in_loop(uv_work_t *work, int status)
{
	struct service_job *j = LIST_ENTRY(work, struct service_job, pool);

	j->running = false;
	j->service->n_offloaded--;
	j->done(j);
}

int service_job_start(
	struct service_job *j, struct service *s, service_job_fn *work, service_job_fn *done)
{
	int e;

	j->service = s;
	j->work = work;
	j->done = done;
	e = uv_queue_work(s->loop, &j->pool, in_pool, in_loop);
	if (e < 0)
		return e;
	j->running = true;
	s->n_offloaded++;
	return 0;
}
