/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * OpenMetrics 1.0: families one after the other, each with its TYPE and HELP, no family and no
 * labels twice, "# EOF" at the end. Counters that are 0 are printed where the labels are few, so
 * that a rate can be seen from the first event on; of methods and statuses only those that were.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "worker/metrics.h"

enum { NUMBER_MAX = 40, MS = 1000 };

/* What is printed to; the first failure is kept, and told once at the end. */
struct printer {
	struct buf *to;
	int error;
};

#define PUT(p, ...)                                                    \
	do {                                                           \
		if ((p)->error == 0)                                   \
			(p)->error = buf_printf((p)->to, __VA_ARGS__); \
	} while (0)

static void put_run(struct printer *p, const char *text, size_t n)
{
	if (p->error == 0)
		p->error = buf_append(p->to, text, n);
}

/* The value of a label. */
static void put_escaped(struct printer *p, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\n\"\\");

		put_run(p, text, n);
		text += n;
		if (!*text)
			return;
		put_run(p, *text == '\n' ? "\\n" : *text == '"' ? "\\\"" : "\\\\", 2);
		text++;
	}
}

/* As OpenMetrics writes numbers that are no integers: 1.0, 0.0025. */
static void put_number(struct printer *p, double v)
{
	char text[NUMBER_MAX];

	snprintf(text, sizeof(text), "%.9g", v);
	PUT(p, "%s%s", text, strpbrk(text, ".e") ? "" : ".0");
}

static void family(struct printer *p, const char *name, const char *type, const char *help)
{
	PUT(p, "# TYPE distccd_%s %s\n", name, type);
	/* A unit is the last word of a family's name. */
	if (str_ends(name, "_seconds"))
		PUT(p, "# UNIT distccd_%s seconds\n", name);
	else if (str_ends(name, "_bytes"))
		PUT(p, "# UNIT distccd_%s bytes\n", name);
	PUT(p, "# HELP distccd_%s %s\n", name, help);
}

/* A sample with up to two labels; suffix: "_total" of counters. */
static void sample(struct printer *p, const char *name, const char *suffix, const char *label,
	const char *value, uint64_t n)
{
	PUT(p, "distccd_%s%s", name, suffix);
	if (label) {
		PUT(p, "{%s=\"", label);
		put_escaped(p, value);
		PUT(p, "\"}");
	}
	PUT(p, " %" PRIu64 "\n", n);
}

static void counter(struct printer *p, const char *name, const char *help, uint64_t n)
{
	family(p, name, "counter", help);
	sample(p, name, "_total", NULL, NULL, n);
}

static void gauge(struct printer *p, const char *name, const char *help, uint64_t n)
{
	family(p, name, "gauge", help);
	sample(p, name, "", NULL, NULL, n);
}

/* method: NULL, or the value of that label. */
static void histogram(
	struct printer *p, const char *name, const char *method, const struct metrics_histogram *h)
{
	uint64_t sum = 0;

	for (size_t i = 0; i <= h->n; i++) {
		sum += h->counts[i];
		PUT(p, "distccd_%s_bucket{", name);
		if (method) {
			PUT(p, "method=\"");
			put_escaped(p, method);
			PUT(p, "\",");
		}
		PUT(p, "le=\"");
		if (i < h->n)
			put_number(p, h->bounds[i]);
		else
			PUT(p, "+Inf");
		PUT(p, "\"} %" PRIu64 "\n", sum);
	}
	sample(p, name, "_count", method ? "method" : NULL, method, sum);
	PUT(p, "distccd_%s_sum", name);
	if (method) {
		PUT(p, "{method=\"");
		put_escaped(p, method);
		PUT(p, "\"}");
	}
	PUT(p, " ");
	put_number(p, h->sum);
	PUT(p, "\n");
}

static void print_process(struct printer *p, const struct metrics *m, const struct metrics_now *now)
{
	family(p, "build", "info", "Which distccd this is.");
	PUT(p, "distccd_build_info{version=\"");
	put_escaped(p, now->version);
	PUT(p, "\"} 1\n");
	family(p, "uptime_seconds", "gauge", "Time since the start.");
	PUT(p, "distccd_uptime_seconds ");
	put_number(p, (double)(now->now_ms - m->started_ms) / MS);
	PUT(p, "\n");
	gauge(p, "draining", "1 while no new work is taken.", now->draining);
	gauge(p, "held_bytes", "Memory that clients make us hold.", now->memory_held);
	gauge(p, "held_limit_bytes", "The most of it.", now->memory_max);
}

static void print_clients(struct printer *p, const struct metrics *m)
{
	family(p, "clients", "counter", "Connections, by what they spoke.");
	for (size_t i = 0; i < METRICS_PROTOCOLS; i++)
		sample(p, "clients", "_total", "protocol",
			metrics_protocol_name((enum metrics_protocol)i), m->clients[i]);
	family(p, "clients_open", "gauge", "Connections just now, by what they speak.");
	for (size_t i = 0; i < METRICS_PROTOCOLS; i++)
		sample(p, "clients_open", "", "protocol",
			metrics_protocol_name((enum metrics_protocol)i), m->clients_open[i]);
	counter(p, "clients_refused", "Connections that were not let in.", m->clients_refused);
	counter(p, "received_bytes", "Bytes that came from clients.", m->bytes_in);
	counter(p, "sent_bytes", "Bytes that went to clients.", m->bytes_out);
}

static void print_jobs(struct printer *p, const struct metrics *m, const struct metrics_now *now)
{
	gauge(p, "slots", "Jobs that may run at once.", now->slots);
	gauge(p, "slots_used", "Jobs that run.", now->slots_used);
	gauge(p, "queue_length", "Jobs that wait for a slot.", now->queue);
	family(p, "jobs", "counter", "Jobs that ended, by protocol and by how.");
	for (size_t i = METRICS_DISTCC; i <= METRICS_GRPC_TLS; i++)
		for (size_t o = 0; o < METRICS_OUTCOMES; o++)
			PUT(p, "distccd_jobs_total{protocol=\"%s\",outcome=\"%s\"} %" PRIu64 "\n",
				metrics_protocol_name((enum metrics_protocol)i),
				metrics_outcome_name((enum metrics_outcome)o), m->jobs[i][o]);
	family(p, "job_seconds", "histogram", "How long jobs ran.");
	histogram(p, "job_seconds", NULL, &m->job_seconds);
	family(p, "slot_wait_seconds", "histogram", "How long jobs waited for a slot.");
	histogram(p, "slot_wait_seconds", NULL, &m->wait_seconds);
	family(p, "sandbox_setup_seconds", "histogram", "How long it took to set up a sandbox.");
	histogram(p, "sandbox_setup_seconds", NULL, &m->sandbox_seconds);
}

static uint64_t calls_of(const struct metrics_method *method)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < RPC_STATUS_COUNT; i++)
		sum += method->calls[i];
	return sum;
}

static void print_method_calls(struct printer *p, const struct metrics_method *method)
{
	for (size_t i = 0; i < RPC_STATUS_COUNT; i++) {
		if (method->calls[i] == 0)
			continue;
		PUT(p, "distccd_rpcs_total{method=\"");
		put_escaped(p, method->path);
		PUT(p, "\",status=\"%s\"} %" PRIu64 "\n", rpc_status_name((enum rpc_status)i),
			method->calls[i]);
	}
}

#define FOR_METHODS(var, m)                                                                        \
	for (const struct metrics_method *var = (m)->methods; var < (m)->methods + (m)->n_methods; \
		var++)                                                                             \
		if (calls_of(var) > 0)

static void print_rpcs(struct printer *p, const struct metrics *m)
{
	family(p, "rpcs", "counter", "Calls that ended, by method and status.");
	FOR_METHODS(method, m)
	print_method_calls(p, method);
	family(p, "rpc_received_bytes", "counter", "Bytes of the messages of clients.");
	FOR_METHODS(method, m)
	sample(p, "rpc_received_bytes", "_total", "method", method->path, method->bytes_in);
	family(p, "rpc_sent_bytes", "counter", "Bytes of the messages to clients.");
	FOR_METHODS(method, m)
	sample(p, "rpc_sent_bytes", "_total", "method", method->path, method->bytes_out);
	family(p, "rpc_seconds", "histogram", "How long calls took.");
	FOR_METHODS(method, m)
	histogram(p, "rpc_seconds", method->path, &method->seconds);
}

static void print_store(struct printer *p, const struct cas_stats *s)
{
	gauge(p, "store_bytes", "What the store holds.", s->bytes);
	gauge(p, "store_limit_bytes", "The most of it.", s->max_bytes);
	gauge(p, "store_entries", "Files in the store.", s->entries);
	gauge(p, "store_limit_entries", "The most of them.", s->max_entries);
	gauge(p, "store_pinned", "Files that something in use keeps.", s->pinned);
	gauge(p, "store_uploads", "Uploads under way.", s->uploads);
	gauge(p, "store_upload_bytes", "Bytes of those that have come.", s->upload_bytes);
	counter(p, "store_hits", "Blobs that were asked for and there.", s->hits);
	counter(p, "store_misses", "Blobs that were asked for and not there.", s->misses);
	counter(p, "store_inserts", "Blobs that were stored.", s->inserts);
	counter(p, "store_inserted_bytes", "Bytes of those.", s->inserted_bytes);
	counter(p, "store_evictions", "Blobs that made way for others.", s->evictions);
	counter(p, "store_evicted_bytes", "Bytes of those.", s->evicted_bytes);
	counter(p, "store_verified", "Blobs that were read and hashed before use.", s->verified);
	counter(p, "store_bad", "Blobs that were not what their name says.", s->bad);
}

static void print_actions(struct printer *p, const struct ac_stats *a)
{
	gauge(p, "action_cache_entries", "Results of actions that are kept.", a->entries);
	gauge(p, "action_cache_bytes", "Bytes of those.", a->bytes);
	gauge(p, "action_cache_limit_bytes", "The most of them.", a->max_bytes);
	counter(p, "action_cache_hits", "Results that were asked for and there.", a->hits);
	counter(p, "action_cache_misses", "Results that were asked for and not there.", a->misses);
	counter(p, "action_cache_incomplete", "Those not there for want of a blob.", a->incomplete);
	counter(p, "action_cache_evictions", "Results that made way for others.", a->evictions);
}

int metrics_print(const struct metrics *m, const struct metrics_now *now, struct buf *ret)
{
	struct printer p = {.to = ret};

	print_process(&p, m, now);
	print_clients(&p, m);
	print_jobs(&p, m, now);
	print_rpcs(&p, m);
	if (now->store)
		print_store(&p, now->store);
	if (now->actions)
		print_actions(&p, now->actions);
	PUT(&p, "# EOF\n");
	return p.error;
}
