/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/remote.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cas/ac.h"
#include "cas/upload.h"
#include "sandbox/sandbox.h"
#include "worker/adopt.h"
#include "worker/secrets.h"
#include "worker/server.h"

enum {
	MAINTAIN_MS = 2000,
	MAINTAIN_BUDGET = 2000,      /* files or entries looked at in one go */
	UPLOAD_IDLE_MS = 600 * 1000, /* how long an upload waits for who broke off to come back */
	ACTIONS_SHARE = 32,          /* of the store's size, for the action cache */
	ACTIONS_MIN = 1 << 20,
};

static const char *why(int outcome)
{
	return outcome < 0 ? strerror(-outcome) : cas_outcome_text(outcome);
}

static int open_store(struct server *s)
{
	const struct cas_options o = {
		.root = s->options->store, .max_bytes = s->options->store_size};
	uint64_t actions = MAX((uint64_t)ACTIONS_MIN, o.max_bytes / ACTIONS_SHARE);
	int r = cas_open(&o, &s->service.cas);

	if (r == 0)
		r = ac_open(s->service.cas, actions, &s->service.ac);
	if (r != 0)
		log_event(LOG_LEVEL_ERROR, "store", "--store %s: %s", o.root, why(r));
	return r > 0 ? -EBUSY : r;
}

static int open_roots(struct server *s)
{
	AUTO(util_free) char *real = realpath(s->options->store, NULL);

	if (!real || asprintf(&s->roots, "%s/roots", real) < 0)
		return -ENOMEM;
	/* Another user's jobs pass through it, and see nothing in it. */
	if (mkdir(s->roots, 0711) < 0 && errno != EEXIST)
		return -errno;
	s->service.roots_path = s->roots;
	s->service.roots_fd = open(s->roots, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return s->service.roots_fd < 0 ? -errno : 0;
}

static void maintain(uv_work_t *work)
{
	struct server *s = work->data;
	bool more = false;
	int r = cas_maintain(s->service.cas, MAINTAIN_BUDGET, &more);

	cas_upload_expire(s->service.cas, uv_hrtime() / 1000000, UPLOAD_IDLE_MS);
	if (r == 0)
		r = ac_maintain(s->service.ac);
	if (r < 0)
		log_event(LOG_LEVEL_WARNING, "store-maintain", "%s", strerror(-r));
}

static void on_maintained(uv_work_t *work, int status)
{
	struct server *s = work->data;

	s->maintaining = false;
}

static void adopt_all(uv_work_t *work)
{
	struct server *s = work->data;
	size_t files;

	if (adopt(s->service.cas, &s->options->adopt, &s->policy, &files) == 0)
		log_event(LOG_LEVEL_INFO, "adopted", "files=%zu", files);
}

static void on_adopted(uv_work_t *work, int status)
{
}

static void on_timer(uv_timer_t *timer)
{
	struct server *s = timer->data;

	if (!s->maintaining &&
		uv_queue_work(&s->loop, &s->maintenance, maintain, on_maintained) == 0)
		s->maintaining = true;
}

int remote_open(struct server *s)
{
	struct service *v = &s->service;
	int r;

	v->roots_fd = -1;
	if (!s->options->store)
		return 0;
	v->loop = &s->loop;
	v->slots = &s->queue;
	v->instance = s->options->instance;
	v->own_results = s->options->own_results;
	v->masks = s->secrets->files;
	v->n_masks = s->secrets->n_files;
	v->limits.timeout_ms = s->options->job_lifetime_s * 1000;
	/* Where there is a cgroup: one job that takes all is killed, and not the machine. */
	v->limits.memory_bytes = server_job_memory(s);
	v->sandbox = s->sandbox;
	r = open_store(s);
	if (r < 0)
		return r;
	r = open_roots(s);
	if (r == 0)
		r = service_init(v);
	if (r < 0) {
		log_event(LOG_LEVEL_ERROR, "store", "--store %s: %s", s->options->store,
			strerror(-r));
		return r;
	}
	v->serving = s->remote = true;
	s->maintenance.data = s->maintain.data = s->adoption.data = s;
	if (s->options->adopt.n > 0)
		(void)!uv_queue_work(&s->loop, &s->adoption, adopt_all, on_adopted);
	r = uv_timer_init(&s->loop, &s->maintain);
	return r < 0 ? r : uv_timer_start(&s->maintain, on_timer, MAINTAIN_MS, MAINTAIN_MS);
}

void remote_stop(struct server *s)
{
	if (!s->remote)
		return;
	s->service.serving = false;
	service_stop(&s->service);
	uv_close((uv_handle_t *)&s->maintain, NULL);
}

void remote_close(struct server *s)
{
	if (s->remote)
		service_fini(&s->service);
	ac_close(s->service.ac);
	if (cas_close(s->service.cas) < 0)
		log_event(
			LOG_LEVEL_WARNING, "store-close", "the next start looks for what is there");
	util_close(&s->service.roots_fd);
	util_free(&s->roots);
}
