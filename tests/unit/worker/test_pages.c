/* SPDX-License-Identifier: GPL-3.0-or-later */

/* Clients on loopback, in the loop that the pages are in. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "worker/pages.h"

enum { LIFE_MS = 1000, DRIP_MS = 50, ANSWER_MAX = 1 << 20, LARGE = 300000 };

static struct state {
	uv_loop_t loop;
	struct pages *pages;
	bool serving, broken, closing, closed;
	unsigned made, gone;
} st;

static int make_metrics(struct buf *ret, void *data)
{
	st.made++;
	return st.broken ? -EIO : buf_append_str(ret, "# EOF\n");
}

static int make_status(struct buf *ret, void *data)
{
	int r = buf_append_str(ret, "<!DOCTYPE html>");

	for (int i = 0; r == 0 && i < LARGE; i++)
		r = buf_append_char(ret, 'x');
	return r;
}

static bool is_serving(void *data)
{
	return st.serving;
}

static void on_closed(void *data)
{
	st.closed = true;
}

static void on_gone(void *data)
{
	st.gone++;
	if (st.closing && pages_connections(st.pages) == 0) {
		pages_close(st.pages, on_closed, NULL);
		st.pages = NULL;
	}
}

static int set_up(void **state)
{
	const struct pages_source source = {.metrics = make_metrics,
		.status = make_status,
		.serving = is_serving,
		.gone = on_gone,
		.life_ms = LIFE_MS};

	st = (struct state){.serving = true};
	if (uv_loop_init(&st.loop) < 0)
		return -1;
	return pages_new(&st.loop, &source, &st.pages);
}

static int tear_down(void **state)
{
	pages_close(st.pages, on_closed, NULL);
	uv_run(&st.loop, UV_RUN_DEFAULT);
	if (!st.closed)
		return -1;
	return uv_loop_close(&st.loop);
}

/* ---- a client ---- */

struct client {
	uv_poll_t poll;
	int fd;
	struct buf answer;
	bool ended;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct client *c = poll->data;
	char piece[65536];
	ssize_t n;

	while ((n = recv(c->fd, piece, sizeof(piece), MSG_DONTWAIT)) > 0)
		assert_int_equal(buf_append(&c->answer, piece, (size_t)n), 0);
	/* After a reset the handle says nothing more. */
	if (n == 0 || errno != EAGAIN || status < 0) {
		c->ended = true;
		uv_poll_stop(poll);
	}
}

/* Two ends of a connection on loopback. */
static void connect_pair(int *ret_here, int *ret_there, struct sockaddr_in *ret_peer)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	socklen_t len = sizeof(in), peer_len = sizeof(*ret_peer);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&in, sizeof(in)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&in, &len), 0);
	*ret_here = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(*ret_here, (struct sockaddr *)&in, sizeof(in)), 0);
	*ret_there = accept4(
		listener, (struct sockaddr *)ret_peer, &peer_len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(*ret_there >= 0);
	close(listener);
}

static int client_open(struct client *c, const char *request)
{
	struct sockaddr_in peer;
	int there, r;

	*c = (struct client){.answer = BUF_INIT_MAX(ANSWER_MAX)};
	connect_pair(&c->fd, &there, &peer);
	assert_int_equal(send(c->fd, request, strlen(request), 0), strlen(request));
	c->poll.data = c;
	assert_int_equal(uv_poll_init(&st.loop, &c->poll, c->fd), 0);
	assert_int_equal(uv_poll_start(&c->poll, UV_READABLE, on_readable), 0);
	r = pages_add(st.pages, there, (struct sockaddr *)&peer, sizeof(peer));
	return r;
}

static void client_await(struct client *c)
{
	while (!c->ended)
		uv_run(&st.loop, UV_RUN_ONCE);
}

static void client_close(struct client *c)
{
	uv_close((uv_handle_t *)&c->poll, NULL);
	uv_run(&st.loop, UV_RUN_NOWAIT);
	close(c->fd);
	buf_fini(&c->answer);
}

static void check(const char *request, const char *status, const char *part, const char *end)
{
	struct client c;
	const char *text;

	assert_int_equal(client_open(&c, request), 0);
	client_await(&c);
	text = buf_str(&c.answer);
	if (strncmp(text, status, strlen(status)) != 0 || !strstr(text, part) ||
		!str_ends(text, end))
		fail_msg("%s: %s", request, text);
	client_close(&c);
}

static void test_pages(void **state)
{
	check("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200",
		"\r\nConnection: close\r\n", "\r\n\r\nserving\n");
	check("GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.", " 200 ", "\r\n\r\nserving\n");
	check("HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "Content-Length: 8\r\n",
		"\r\n\r\n");
	st.serving = false;
	check("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 503", "", "draining\n");
	check("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200",
		"\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n",
		"\r\n\r\n# EOF\n");
	check("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200",
		"\r\nContent-Security-Policy: default-src 'none'; ", "xxxxxxxx");
	check("GET /?a=b HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "<!DOCTYPE html>xxx", "x");
	check("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404", "", "/healthz\n");
	check("GET /../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404", "", "/healthz\n");
	check("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405",
		"\r\nAllow: GET, HEAD\r\n", "only GET and HEAD\n");
	check("GET / HTTP/9.9\r\n\r\n", "HTTP/1.", " 505 ", "");
	assert_int_equal(pages_connections(st.pages), 0);
	assert_int_equal(st.gone, 11);
}

/* One page for all who ask within a second; after a failure it is tried again. */
static void test_fresh(void **state)
{
	st.broken = true;
	check("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 500", "",
		"cannot be told now\n");
	st.broken = false;
	uv_update_time(&st.loop);
	for (int i = 0; i < 3; i++)
		check("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "", "# EOF\n");
	/* A slow machine may need more than a second for three. */
	assert_in_range(st.made, 2, 4);
}

enum { N_SLOW = 3 };

/* Each byte would renew a time-out of what is idle. Few: a large request ends before its time. */
static void on_drip(uv_timer_t *timer)
{
	struct client *c = timer->data;

	for (size_t i = 0; i < N_SLOW; i++)
		if (!c[i].ended)
			(void)!send(c[i].fd, "X", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* However it dawdles, a client is gone when its time is over. */
static void test_slow(void **state)
{
	static const char *const starts[N_SLOW] = {"", "GET ", "GET / HTTP/1.1\r\nHost: x\r\n"};
	struct client c[N_SLOW];
	uv_timer_t drip = {.data = c};
	uint64_t began;

	uv_update_time(&st.loop);
	began = uv_now(&st.loop);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		assert_int_equal(client_open(&c[i], starts[i]), 0);
	assert_int_equal(pages_connections(st.pages), ARRAY_SIZE(c));
	assert_int_equal(uv_timer_init(&st.loop, &drip), 0);
	assert_int_equal(uv_timer_start(&drip, on_drip, 0, DRIP_MS), 0);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		client_await(&c[i]);
	uv_update_time(&st.loop);
	assert_true(uv_now(&st.loop) - began >= LIFE_MS);
	uv_close((uv_handle_t *)&drip, NULL);
	while (pages_connections(st.pages) > 0)
		uv_run(&st.loop, UV_RUN_ONCE);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		client_close(&c[i]);
	assert_int_equal(st.gone, ARRAY_SIZE(c));
}

static void test_rubbish(void **state)
{
	static const char *const requests[] = {"GET \r\n\r\n", "GET / HTTP/1.1\r\n: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost\r\n\r\n", "\r\n\r\n\r\n\r\n", "GET / FTP/1.1\r\n\r\n"};

	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct client c;

		assert_int_equal(client_open(&c, requests[i]), 0);
		shutdown(c.fd, SHUT_WR);
		client_await(&c);
		client_close(&c);
	}
	/* Still there. */
	check("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "", "serving\n");
}

/* A header without end is not stored without end. */
static void test_large_request(void **state)
{
	AUTO(util_free) char *request = malloc(PAGES_REQUEST_MAX * 2 + 1);
	struct client c;

	memset(request, 'a', PAGES_REQUEST_MAX * 2);
	memcpy(request, "GET / HTTP/1.1\r\n", 16);
	request[PAGES_REQUEST_MAX * 2] = '\0';
	assert_int_equal(client_open(&c, request), 0);
	client_await(&c);
	if (c.answer.len > 0)
		assert_memory_equal(buf_str(&c.answer), "HTTP/1.1 4", 10);
	client_close(&c);
}

static void test_too_many(void **state)
{
	struct client c[PAGES_CONNECTIONS_OF_PEER_MAX + 1];

	for (size_t i = 0; i < PAGES_CONNECTIONS_OF_PEER_MAX; i++)
		assert_int_equal(client_open(&c[i], ""), 0);
	assert_int_equal(client_open(&c[PAGES_CONNECTIONS_OF_PEER_MAX], ""), -EBUSY);
	/* It was closed at once, the others are still there. */
	client_await(&c[PAGES_CONNECTIONS_OF_PEER_MAX]);
	assert_int_equal(pages_connections(st.pages), PAGES_CONNECTIONS_OF_PEER_MAX);
	assert_int_equal(st.gone, 0);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		client_close(&c[i]);
	while (pages_connections(st.pages) > 0)
		uv_run(&st.loop, UV_RUN_ONCE);
	check("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200", "", "serving\n");
}

/* The end comes while clients are there. */
static void test_close(void **state)
{
	static struct client c[2];

	assert_int_equal(client_open(&c[0], "GET / HT"), 0);
	assert_int_equal(client_open(&c[1], ""), 0);
	pages_close(st.pages, on_closed, NULL);
	st.pages = NULL;
	assert_int_equal(st.gone, 2);
	client_await(&c[0]);
	client_await(&c[1]);
	client_close(&c[0]);
	client_close(&c[1]);
	while (!st.closed)
		uv_run(&st.loop, UV_RUN_ONCE);
	assert_int_equal(pages_connections(NULL), 0);
}

/* Who waited for the last one closes the pages when that is gone. */
static void test_close_after_the_last(void **state)
{
	static struct client c[2];

	st.closing = true;
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		assert_int_equal(client_open(&c[i], "GET / HT"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		client_close(&c[i]);
	while (!st.closed)
		uv_run(&st.loop, UV_RUN_ONCE);
	assert_int_equal(st.gone, ARRAY_SIZE(c));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fresh, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rubbish, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_large_request, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_close, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_close_after_the_last, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
