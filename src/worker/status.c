/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Names of files, hosts and tokens come from others. They get into the page by put_text alone, and
 * only between tags: no attribute has such a text.
 */

#include "worker/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MS = 1000, MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400, KIB = 1024, NUMBER_MAX = 48 };

struct page {
	struct buf *to;
	int error;
};

#define PUT(p, ...)                                                    \
	do {                                                           \
		if ((p)->error == 0)                                   \
			(p)->error = buf_printf((p)->to, __VA_ARGS__); \
	} while (0)

static void put_bytes(struct page *p, const void *data, size_t n)
{
	if (p->error == 0)
		p->error = buf_append(p->to, data, n);
}

/* How many bytes the well-formed UTF-8 character at s has that may be shown; 0: it is none. */
static size_t character(const unsigned char *s)
{
	static const struct {
		unsigned char low, high, second_low, second_high;
		size_t n;
	} forms[] = {
		/* Not C1 control characters, surrogates, overlong forms, or above U+10FFFF. */
		{0xc2, 0xc2, 0xa0, 0xbf, 2},
		{0xc3, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	if (s[0] >= ' ' && s[0] < 0x7f)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		size_t at = 2;

		if (s[0] < forms[i].low || s[0] > forms[i].high || s[1] < forms[i].second_low ||
			s[1] > forms[i].second_high)
			continue;
		while (at < forms[i].n && (s[at] & 0xc0) == 0x80)
			at++;
		return at == forms[i].n ? at : 0;
	}
	return 0;
}

/* Text of others: escaped, and cut where it is long. */
static void put_text(struct page *p, const char *text)
{
	const unsigned char *s = (const unsigned char *)text, *start = s;

	while (*s && (size_t)(s - start) < STATUS_TEXT_MAX) {
		size_t n = character(s);

		switch (n == 0 ? '\0' : *s) {
		case '\0':
			PUT(p, "\xef\xbf\xbd");
			break;
		case '&':
			PUT(p, "&amp;");
			break;
		case '<':
			PUT(p, "&lt;");
			break;
		case '>':
			PUT(p, "&gt;");
			break;
		case '"':
			PUT(p, "&quot;");
			break;
		case '\'':
			PUT(p, "&#39;");
			break;
		default:
			put_bytes(p, s, n);
		}
		s += MAX(n, (size_t)1);
	}
	if (*s)
		PUT(p, "…");
}

static void put_duration(struct page *p, uint64_t ms)
{
	uint64_t s = ms / MS;

	if (s >= DAY_S)
		PUT(p, "%" PRIu64 " d ", s / DAY_S);
	if (s >= HOUR_S)
		PUT(p, "%" PRIu64 " h ", s % DAY_S / HOUR_S);
	if (s >= MINUTE_S)
		PUT(p, "%" PRIu64 " min ", s % HOUR_S / MINUTE_S);
	if (s < MINUTE_S)
		PUT(p, "%" PRIu64 ".%" PRIu64 " s", s, ms % MS / 100);
	else
		PUT(p, "%" PRIu64 " s", s % MINUTE_S);
}

static void put_size(struct page *p, uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes;
	size_t i = 0;

	while (v >= KIB && i + 1 < ARRAY_SIZE(units)) {
		v /= KIB;
		i++;
	}
	PUT(p, i == 0 ? "%.0f %s" : "%.1f %s", v, units[i]);
}

/* ---- pieces of the page ---- */

static void begin_row(struct page *p, const char *name)
{
	PUT(p, "<tr><th>%s<td>", name);
}

static void row_number(struct page *p, const char *name, uint64_t n)
{
	begin_row(p, name);
	PUT(p, "%" PRIu64 "\n", n);
}

static void row_size(struct page *p, const char *name, uint64_t bytes, uint64_t max)
{
	begin_row(p, name);
	put_size(p, bytes);
	PUT(p, " of ");
	put_size(p, max);
	PUT(p, "\n");
}

static void begin_table(struct page *p, const char *title)
{
	PUT(p, "<h2>%s</h2>\n<table>\n", title);
}

static void end_table(struct page *p)
{
	PUT(p, "</table>\n");
}

static void print_head(struct page *p, const struct status *s)
{
	PUT(p, "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
	       "<meta name=\"viewport\" content=\"width=device-width\">\n"
	       "<title>distccd</title>\n"
	       "<style>body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}"
	       "td,th{padding:.2em 1em .2em 0;text-align:left;vertical-align:top;"
	       "border-bottom:1px solid #ccc}"
	       "td.n{text-align:right}</style>\n<h1>distccd ");
	put_text(p, s->now.version);
	PUT(p,
		"</h1>\n<p>%s; see also <a href=\"/metrics\">metrics</a> and "
		"<a href=\"/healthz\">health</a>.</p>\n",
		s->now.draining ? "Draining: no new work is taken" : "Serving");
}

static void print_overview(struct page *p, const struct status *s)
{
	const struct metrics *m = s->metrics;
	time_t started = (time_t)m->started_at;
	char when[NUMBER_MAX] = "";
	struct tm tm;

	if (gmtime_r(&started, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	begin_table(p, "Now");
	begin_row(p, "up");
	put_duration(p, s->now.now_ms - m->started_ms);
	PUT(p, ", since %s\n", when);
	begin_row(p, "slots");
	PUT(p, "%u of %u in use, %u waiting\n", s->now.slots_used, s->now.slots, s->now.queue);
	begin_row(p, "jobs in the last 1, 5, 15 min");
	PUT(p, "%" PRIu64 ", %" PRIu64 ", %" PRIu64 "\n",
		metrics_recent(m, MINUTE_S, s->now.now_ms),
		metrics_recent(m, 5 * MINUTE_S, s->now.now_ms),
		metrics_recent(m, 15 * MINUTE_S, s->now.now_ms));
	begin_row(p, "received, sent");
	put_size(p, m->bytes_in);
	PUT(p, ", ");
	put_size(p, m->bytes_out);
	PUT(p, "\n");
	row_size(p, "held for clients", s->now.memory_held, s->now.memory_max);
	if (s->isolation) {
		begin_row(p, "isolation of jobs");
		put_text(p, s->isolation);
		PUT(p, "\n");
	}
	end_table(p);
}

static void print_outcomes(struct page *p, const struct metrics *m)
{
	begin_table(p, "Jobs done");
	PUT(p, "<tr><th>");
	for (size_t i = METRICS_DISTCC; i <= METRICS_GRPC_TLS; i++)
		PUT(p, "<th>%s", metrics_protocol_name((enum metrics_protocol)i));
	PUT(p, "\n");
	for (size_t o = 0; o < METRICS_OUTCOMES; o++) {
		begin_row(p, metrics_outcome_name((enum metrics_outcome)o));
		for (size_t i = METRICS_DISTCC; i <= METRICS_GRPC_TLS; i++)
			PUT(p, "%s%" PRIu64, i == METRICS_DISTCC ? "" : "<td>", m->jobs[i][o]);
		PUT(p, "\n");
	}
	end_table(p);
}

static void print_more(struct page *p, size_t more)
{
	if (more > 0)
		PUT(p, "<p>and %zu more</p>\n", more);
}

static void print_jobs(struct page *p, const struct status *s)
{
	size_t n = MIN(s->n_jobs, (size_t)STATUS_ROWS_MAX);

	begin_table(p, "Jobs now");
	PUT(p, "<tr><th>pid<th>source<th>size<th>since<th>client<th>protocol\n");
	for (size_t i = 0; i < n; i++) {
		const struct status_job *j = &s->jobs[i];

		if (j->pid > 0)
			PUT(p, "<tr><td>%ld<td>", (long)j->pid);
		else
			PUT(p, "<tr><td>–<td>");
		put_text(p, j->source ? j->source : "");
		PUT(p, "<td class=\"n\">");
		put_size(p, j->size);
		PUT(p, "<td class=\"n\">");
		put_duration(p, s->now.now_ms - j->since_ms);
		PUT(p, "<td>");
		put_text(p, j->client ? j->client : "");
		PUT(p, "<td>");
		put_text(p, j->protocol ? j->protocol : "");
		PUT(p, "\n");
	}
	end_table(p);
	print_more(p, s->n_jobs - n + s->more_jobs);
}

static void print_clients(struct page *p, const struct status *s)
{
	const struct metrics *m = s->metrics;
	size_t n = MIN(s->n_clients, (size_t)STATUS_ROWS_MAX);

	begin_table(p, "Clients");
	PUT(p, "<tr><th>protocol<th>now<th>ever\n");
	for (size_t i = 0; i < METRICS_PROTOCOLS; i++)
		PUT(p, "<tr><td>%s<td class=\"n\">%" PRIu64 "<td class=\"n\">%" PRIu64 "\n",
			metrics_protocol_name((enum metrics_protocol)i), m->clients_open[i],
			m->clients[i]);
	PUT(p, "<tr><td>refused<td><td class=\"n\">%" PRIu64 "\n</table>\n<table>\n",
		m->clients_refused);
	PUT(p, "<tr><th>client<th>protocol<th>since<th>calls\n");
	for (size_t i = 0; i < n; i++) {
		const struct status_client *c = &s->clients[i];

		PUT(p, "<tr><td>");
		put_text(p, c->name ? c->name : "");
		PUT(p, "<td>%s<td class=\"n\">", metrics_protocol_name(c->protocol));
		put_duration(p, s->now.now_ms - c->since_ms);
		PUT(p, "<td class=\"n\">%zu\n", c->calls);
	}
	end_table(p);
	print_more(p, s->n_clients - n + s->more_clients);
}

static void print_store(struct page *p, const struct status *s)
{
	const struct cas_stats *c = s->now.store;
	const struct ac_stats *a = s->now.actions;

	begin_table(p, "Store");
	if (c) {
		row_size(p, "size", c->bytes, c->max_bytes);
		row_number(p, "files", c->entries);
		row_number(p, "in use", c->pinned);
		row_number(p, "hits", c->hits);
		row_number(p, "misses", c->misses);
		row_number(p, "evictions", c->evictions);
		row_number(p, "damaged", c->bad);
	} else {
		begin_row(p, "none");
		PUT(p, "only the distcc protocol is served: see --store\n");
	}
	if (a) {
		row_size(p, "results of actions", a->bytes, a->max_bytes);
		row_number(p, "how many", a->entries);
		row_number(p, "hits", a->hits);
		row_number(p, "misses", a->misses);
	}
	end_table(p);
}

static void print_settings(struct page *p, const struct status *s)
{
	begin_table(p, "Configuration");
	for (size_t i = 0; i < s->n_settings; i++) {
		PUT(p, "<tr><th>");
		put_text(p, s->settings[i].name);
		PUT(p, "<td>");
		put_text(p, s->settings[i].value ? s->settings[i].value : "");
		PUT(p, "\n");
	}
	end_table(p);
}

int status_print(const struct status *s, struct buf *ret)
{
	struct page p = {.to = ret};

	print_head(&p, s);
	print_overview(&p, s);
	print_jobs(&p, s);
	print_outcomes(&p, s->metrics);
	print_clients(&p, s);
	print_store(&p, s);
	print_settings(&p, s);
	PUT(&p, "</html>\n");
	return p.error;
}
