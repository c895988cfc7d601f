/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/status.h"

static struct metrics metrics;

static int set_up(void **state)
{
	return metrics_init(&metrics, NULL, 0, 1000, 1700000000);
}

static int tear_down(void **state)
{
	metrics_fini(&metrics);
	return 0;
}

static char *print(struct status *s)
{
	struct buf text = BUF_INIT_MAX(STATUS_PAGE_MAX);

	s->metrics = &metrics;
	s->now.version = "4 <b>";
	assert_int_equal(status_print(s, &text), 0);
	return buf_take(&text);
}

static void expect(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in:\n%s", part, text);
}

static void test_everything(void **state)
{
	static const struct status_pair settings[] = {
		{"jobs", "4"}, {"<store>", "/a & b"}, {"x", NULL}};
	static const struct status_job jobs[] = {
		{.source = "src/<script>\"'&.c",
			.client = "10.0.0.7:4312",
			.protocol = "grpc",
			.pid = 4711,
			.size = 123456,
			.since_ms = 90961000},
		{.source = NULL, .since_ms = 91000000},
	};
	static const struct status_client clients[] = {{.name = "[::1]:99 (alice)",
		.protocol = METRICS_GRPC_TLS,
		.since_ms = 1000,
		.calls = 3}};
	struct cas_stats store = {.bytes = 5ULL << 30, .max_bytes = 10ULL << 30, .entries = 77};
	struct ac_stats actions = {.hits = 88};
	struct status s = {.settings = settings,
		.n_settings = ARRAY_SIZE(settings),
		.jobs = jobs,
		.n_jobs = ARRAY_SIZE(jobs),
		.more_jobs = 5,
		.clients = clients,
		.n_clients = ARRAY_SIZE(clients),
		.isolation = "user mount pid",
		.now = {.now_ms = 91000000,
			.slots = 8,
			.slots_used = 2,
			.queue = 9,
			.store = &store,
			.actions = &actions}};
	static const char *const parts[] = {"<h1>distccd 4 &lt;b&gt;</h1>", "Serving",
		"1 d 1 h 16 min 39 s, since 2023-11-14 22:13:20 UTC", "2 of 8 in use, 9 waiting",
		"<td>4711<td>src/&lt;script&gt;&quot;&#39;&amp;.c<td class=\"n\">120.6 KiB"
		"<td class=\"n\">39.0 s<td>10.0.0.7:4312<td>grpc\n",
		"<td>–<td><td class=\"n\">0 B<td class=\"n\">0.0 s<td><td>\n", "and 5 more",
		"[::1]:99 (alice)<td>grpc-tls<td class=\"n\">1 d 1 h 16 min 39 s<td "
		"class=\"n\">3\n",
		"5.0 GiB of 10.0 GiB", "<td>77\n", "<td>88\n", "user mount pid",
		"<th>&lt;store&gt;<td>/a &amp; b\n"};
	AUTO(util_free) char *text = print(&s);

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		expect(text, parts[i]);
	assert_null(strstr(text, "<script"));
}

static void test_nothing(void **state)
{
	struct status s = {.now = {.now_ms = 1500, .draining = true}};
	AUTO(util_free) char *text = print(&s);

	expect(text, "Draining");
	expect(text, "0.5 s, since");
	expect(text, "see --store");
	assert_null(strstr(text, "more</p>"));
}

/* Rows from the table, as they are shown. */
static void test_text(void **state)
{
	static const struct {
		const char *source, *shown;
	} cases[] = {
		{"plain", "plain"},
		{"f\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\x8d", "f\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\x8d"},
		{"a\x01\n\x7f", "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xff", "\xef\xbf\xbd"},
		{"\xc3", "\xef\xbf\xbd"},                 /* cut off */
		{"\xc0\xbc", "\xef\xbf\xbd\xef\xbf\xbd"}, /* '<', overlong */
		{"\xe0\x80\xbc", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"}, /* a surrogate */
		{"\xc2\x9b", "\xef\xbf\xbd\xef\xbf\xbd"},                 /* a C1 control */
		{"\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
		{"\xe2\x82<", "\xef\xbf\xbd\xef\xbf\xbd&lt;"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct status_job job = {.source = cases[i].source, .pid = 1, .since_ms = 1500};
		struct status s = {.jobs = &job, .n_jobs = 1, .now = {.now_ms = 1500}};
		AUTO(util_free) char *text = print(&s), *row = NULL;

		assert_true(
			asprintf(&row, "<tr><td>1<td>%s<td class=\"n\">0 B", cases[i].shown) > 0);
		expect(text, row);
	}
}

static void test_largest(void **state)
{
	enum { MANY = STATUS_ROWS_MAX + 100 };
	AUTO(util_free) struct status_job *jobs = calloc(MANY, sizeof(*jobs));
	AUTO(util_free) struct status_client *clients = calloc(MANY, sizeof(*clients));
	char source[1000], cut[STATUS_TEXT_MAX * 6];
	struct buf small = BUF_INIT_MAX(1000);
	struct status s = {.jobs = jobs,
		.n_jobs = MANY,
		.clients = clients,
		.n_clients = MANY,
		.now = {.now_ms = 1500}};
	AUTO(util_free) char *text = NULL;
	size_t n = 0;

	memset(source, '"', sizeof(source) - 1);
	source[sizeof(source) - 1] = '\0';
	for (int i = 0; i < MANY; i++) {
		jobs[i] = (struct status_job){
			.source = source, .client = source, .protocol = "x", .pid = 1};
		clients[i] = (struct status_client){.name = source};
	}
	text = print(&s);
	assert_true(strlen(text) > STATUS_PAGE_MAX / 2);
	for (const char *at = text; (at = strstr(at, "<tr><td>1<td>")); at++)
		n++;
	assert_int_equal(n, STATUS_ROWS_MAX);
	expect(text, "and 100 more");
	for (size_t i = 0; i < STATUS_TEXT_MAX; i++)
		memcpy(cut + 6 * i, "&quot;", 6);
	assert_non_null(memmem(text, strlen(text), cut, sizeof(cut)));
	expect(text, "&quot;…<td");
	assert_int_equal(status_print(&s, &small), -E2BIG);
	buf_fini(&small);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_largest),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
