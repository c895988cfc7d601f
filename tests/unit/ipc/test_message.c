/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/message.h"

static char *const argv_[] = {(char *)"gcc", (char *)"-c", (char *)"x y.c", (char *)"", NULL};
static char *const env_[] = {(char *)"PATH=/bin", (char *)"A=", NULL};
static char *const none[] = {NULL};

static void write_one(char *const *argv, char *const *envp, enum ipc_request_type type,
	struct buf *b, struct ipc_request_header *h)
{
	const struct ipc_request q = {
		.type = type,
		.flags = IPC_EXPLAIN,
		.umask = 027,
		.version = "1.2",
		.cwd = "/a b",
		.compiler = "/usr/bin/gcc",
		.argv = argv,
		.envp = envp,
	};

	assert_int_equal(ipc_request_write(&q, b), 0);
	memcpy(h, b->data, sizeof(*h));
	assert_int_equal(ipc_request_header_check(h), 0);
	assert_int_equal(h->body, b->len - sizeof(*h));
}

static void test_what_is_written_is_read(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct ipc_request_header h;
	struct ipc_request q;

	write_one(argv_, env_, IPC_RUN, &b, &h);
	assert_int_equal(ipc_request_parse(&h, b.data + sizeof(h), &q), 0);
	assert_int_equal(q.type, IPC_RUN);
	assert_int_equal(q.flags, IPC_EXPLAIN);
	assert_int_equal(q.umask, 027);
	assert_string_equal(q.version, "1.2");
	assert_string_equal(q.cwd, "/a b");
	assert_string_equal(q.compiler, "/usr/bin/gcc");
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(q.argv[i], argv_[i]);
	assert_null(q.argv[4]);
	assert_string_equal(q.envp[0], env_[0]);
	assert_string_equal(q.envp[1], env_[1]);
	assert_null(q.envp[2]);
	ipc_request_fini(&q);
}

static void test_a_question_needs_no_argv(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	AUTO(buf_fini) struct buf c = BUF_INIT;
	struct ipc_request_header h;
	struct ipc_request q;

	write_one(none, none, IPC_PID, &b, &h);
	assert_int_equal(ipc_request_parse(&h, b.data + sizeof(h), &q), 0);
	assert_null(q.argv[0]);
	assert_null(q.envp[0]);
	ipc_request_fini(&q);
	write_one(none, none, IPC_RUN, &c, &h);
	assert_int_equal(ipc_request_parse(&h, c.data + sizeof(h), &q), -EBADMSG);
}

static void test_every_truncation_is_refused(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct ipc_request_header h;
	struct ipc_request q;
	uint32_t whole;

	write_one(argv_, env_, IPC_RUN, &b, &h);
	whole = h.body;
	for (h.body = 0; h.body < whole; h.body++)
		assert_int_equal(ipc_request_parse(&h, b.data + sizeof(h), &q), -EBADMSG);
}

static void test_counts_that_lie_are_refused(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct ipc_request_header h, lie;
	struct ipc_request q;

	write_one(argv_, env_, IPC_RUN, &b, &h);
	lie = h;
	lie.n_argv++;
	assert_int_equal(ipc_request_parse(&lie, b.data + sizeof(h), &q), -EBADMSG);
	lie = h;
	lie.n_env--;
	assert_int_equal(ipc_request_parse(&lie, b.data + sizeof(h), &q), -EBADMSG);
	lie = h;
	lie.n_env = UINT32_MAX;
	assert_int_equal(ipc_request_header_check(&lie), -EBADMSG);
	lie = h;
	lie.body = UINT32_MAX;
	assert_int_equal(ipc_request_header_check(&lie), -EBADMSG);
	lie = h;
	lie.magic++;
	assert_int_equal(ipc_request_header_check(&lie), -EBADMSG);
	lie = h;
	lie.type = 0;
	assert_int_equal(ipc_request_header_check(&lie), -EBADMSG);
}

static void test_reply_headers(void **state)
{
	struct ipc_reply_header h = {.magic = IPC_MAGIC, .type = IPC_REPLY_DONE, .err = 5}, bad;

	assert_int_equal(ipc_reply_header_check(&h), 0);
	bad = h;
	bad.out = UINT32_MAX;
	assert_int_equal(ipc_reply_header_check(&bad), -EBADMSG);
	bad = h;
	bad.type = 99;
	assert_int_equal(ipc_reply_header_check(&bad), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_a_question_needs_no_argv),
		cmocka_unit_test(test_every_truncation_is_refused),
		cmocka_unit_test(test_counts_that_lie_are_refused),
		cmocka_unit_test(test_reply_headers),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
