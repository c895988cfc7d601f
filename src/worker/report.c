/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "worker/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/strv.h"
#include "config.h"
#include "sandbox/sandbox.h"
#include "worker/client.h"
#include "worker/secrets.h"
#include "worker/server.h"

enum { SETTINGS_MAX = 16 };

/* ---- what the services tell ---- */

static enum metrics_outcome outcome_of(enum service_end end)
{
	switch (end) {
	case SERVICE_END_OK:
		return METRICS_JOB_OK;
	case SERVICE_END_EXITED:
		return METRICS_JOB_EXITED;
	case SERVICE_END_KILLED:
		return METRICS_JOB_KILLED;
	case SERVICE_END_TIMED_OUT:
		return METRICS_JOB_TIMED_OUT;
	case SERVICE_END_CANCELLED:
		return METRICS_JOB_CANCELLED;
	case SERVICE_END_REFUSED:
		return METRICS_JOB_REFUSED;
	case SERVICE_END_CACHED:
		return METRICS_JOB_CACHED;
	case SERVICE_END_MERGED:
		return METRICS_JOB_MERGED;
	case SERVICE_END_ERROR:
		break;
	}
	return METRICS_JOB_ERROR;
}

static void on_over(const struct service_over *over, void *data)
{
	struct server *s = data;
	struct metrics *m = &s->report.metrics;

	/* An action has no connection of its own, so that it is no matter whether that had TLS. */
	metrics_job(m, METRICS_GRPC, outcome_of(over->end), over->run_ms, uv_now(&s->loop));
	if (over->ran) {
		metrics_waited(m, over->wait_ms);
		metrics_sandbox(m, over->setup_ns);
	}
}

/* ---- the pages ---- */

static void take_stock(struct server *s, struct metrics_now *now, struct cas_stats *store,
	struct ac_stats *actions)
{
	uv_update_time(&s->loop);
	*now = (struct metrics_now){.now_ms = uv_now(&s->loop),
		.version = DISTCC_VERSION,
		.slots = s->queue.slots,
		.slots_used = s->queue.used,
		.draining = s->draining || s->ending,
		.memory_held = s->memory.used,
		.memory_max = s->memory.max};
	LIST_FOR(pos, &s->queue.waiters)
	{
		now->queue++;
	}
	s->report.metrics.bytes_in = s->conns.bytes_in;
	s->report.metrics.bytes_out = s->conns.bytes_out;
	if (s->service.cas) {
		cas_stats(s->service.cas, store);
		now->store = store;
	}
	if (s->service.ac) {
		ac_stats(s->service.ac, actions);
		now->actions = actions;
	}
}

static int print_metrics(struct buf *ret, void *data)
{
	struct server *s = data;
	struct metrics_now now;
	struct cas_stats store;
	struct ac_stats actions;

	take_stock(s, &now, &store, &actions);
	return metrics_print(&s->report.metrics, &now, ret);
}

struct page {
	struct server *server;
	struct status status;
	struct status_job jobs[STATUS_ROWS_MAX];
	struct status_client clients[STATUS_ROWS_MAX];
	struct status_pair settings[SETTINGS_MAX];
	struct strv texts;
	int error;
};

static void page_free(struct page **p)
{
	if (*p)
		strv_fini(&(*p)->texts);
	free(TAKE_PTR(*p));
}

/* A text that lives as long as the page. */
#define TEXT(p, ...)                                                                  \
	((p)->error = (p)->error ? (p)->error : strv_pushf(&(p)->texts, __VA_ARGS__), \
		(p)->error ? "" : (p)->texts.v[(p)->texts.n - 1])

static struct status_job *next_job(struct page *p)
{
	struct status *st = &p->status;

	if (st->n_jobs < STATUS_ROWS_MAX)
		return &p->jobs[st->n_jobs++];
	st->more_jobs++;
	return NULL;
}

static void add_clients(struct page *p)
{
	struct status *st = &p->status;

	LIST_FOR(pos, &p->server->clients)
	{
		const struct client *c = LIST_ENTRY(pos, struct client, link);
		struct status_job job;

		if (st->n_clients < STATUS_ROWS_MAX)
			p->clients[st->n_clients++] = (struct status_client){
				.name = *c->who ? TEXT(p, "%s %s", c->name, c->who) : c->name,
				.protocol = c->protocol,
				.since_ms = c->since_ms,
				.calls = c->calls ? c->calls(c) : 0};
		else
			st->more_clients++;
		if (c->job && c->job(c, &job)) {
			struct status_job *row = next_job(p);

			if (row)
				*row = job;
		}
	}
}

static bool add_action(const struct service_running *job, void *data)
{
	struct page *p = data;
	struct status_job *row = next_job(p);

	if (row)
		*row = (struct status_job){
			.source = *job->output ? TEXT(p, "%s: %s", job->program, job->output)
					       : TEXT(p, "%s", job->program),
			.protocol = metrics_protocol_name(METRICS_GRPC),
			.pid = job->pid,
			.size = job->input_bytes,
			.since_ms = p->status.now.now_ms - MIN(job->age_ms, p->status.now.now_ms)};
	return true;
}

static void add_setting(struct page *p, const char *name, const char *value)
{
	if (value && p->status.n_settings < SETTINGS_MAX)
		p->settings[p->status.n_settings++] = (struct status_pair){name, value};
}

static void add_settings(struct page *p)
{
	const struct server *s = p->server;
	const struct options *o = s->options;

	add_setting(p, "jobs at once", TEXT(p, "%" PRIu64, o->jobs));
	add_setting(
		p, "clients", o->allow_given ? "those that --allow names" : "of this machine only");
	add_setting(p, "compilers", o->insecure ? "any program" : "those in the list");
	add_setting(p, "job lifetime",
		o->job_lifetime_s ? TEXT(p, "%" PRIu64 " s", o->job_lifetime_s) : NULL);
	add_setting(p, "store", o->store);
	add_setting(p, "instance", o->instance);
	if (o->own_results)
		add_setting(p, "results", "of what was executed here only");
	add_setting(p, "TLS",
		!s->secrets->tls   ? "no"
		: o->tls_client_ca ? "with certificates of clients"
				   : "yes");
	add_setting(p, "tokens", s->secrets->has_tokens ? "needed" : "no");
}

static int print_status(struct buf *ret, void *data)
{
	struct server *s = data;
	AUTO(page_free) struct page *p = calloc(1, sizeof(*p));
	AUTO(buf_fini) struct buf isolation = BUF_INIT;
	struct cas_stats store;
	struct ac_stats actions;

	if (!p)
		return -ENOMEM;
	p->server = s;
	take_stock(s, &p->status.now, &store, &actions);
	add_clients(p);
	if (s->remote)
		service_each_running(&s->service, add_action, p);
	add_settings(p);
	if (s->service.sandbox && p->error == 0)
		p->error = isolation_print(sandbox_isolation(s->service.sandbox), &isolation);
	p->status.metrics = &s->report.metrics;
	p->status.settings = p->settings;
	p->status.jobs = p->jobs;
	p->status.clients = p->clients;
	p->status.isolation = isolation.len > 0 ? buf_str(&isolation) : NULL;
	return p->error ? p->error : status_print(&p->status, ret);
}

static bool is_serving(void *data)
{
	const struct server *s = data;

	return !s->draining && !s->ending;
}

static void on_page_gone(void *data)
{
	struct server *s = data;

	metrics_client_gone(&s->report.metrics, METRICS_PAGES);
	server_client_gone(s);
}

/* ---- the life of it ---- */

int report_open(struct server *s)
{
	const struct pages_source source = {.metrics = print_metrics,
		.status = print_status,
		.serving = is_serving,
		.gone = on_page_gone,
		.data = s};
	struct service_client methods = {.n_methods = 0};
	int r = s->remote ? service_client_init(&methods, &s->service, 0) : 0;

	if (r == 0)
		r = metrics_init(&s->report.metrics, methods.methods, methods.n_methods,
			uv_now(&s->loop), time(NULL));
	service_client_fini(&methods);
	if (r < 0)
		return r;
	s->service.over = on_over;
	s->service.over_data = s;
	r = pages_new(&s->loop, &source, &s->report.pages);
	return r == -ENOTSUP ? 0 : r;
}

void report_stop(struct server *s)
{
	pages_close(TAKE_PTR(s->report.pages), NULL, NULL);
}

void report_close(struct server *s)
{
	metrics_fini(&s->report.metrics);
}
