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

#include "reapi/message.h"
#include "reapi/status.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void test_any(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	struct reapi_digest_message d;
	struct reapi_violation v = {.text = ""};
	re_digest *again;
	pb_any *any;

	reapi_arena_init(&a, 1 << 20);
	reapi_digest_to_proto(&reapi_digest_empty, &d);
	any = reapi_any_new(&a, &d.message.base);
	assert_non_null(any);
	assert_string_equal(
		any->type_url, "type.googleapis.com/build.bazel.remote.execution.v2.Digest");
	assert_int_equal(reapi_any_unpack(&a, any, RE_TYPE(digest), &again, &v), 0);
	assert_string_equal(again->hash, EMPTY);
	assert_int_equal(reapi_any_unpack(&a, any, RE_TYPE(action), &again, &v), REAPI_INVALID);
	assert_non_null(strstr(v.text, "v2.Digest instead of a Action"));
	/* Other people's hosts are as good as Google's; no host at all is not. */
	any->type_url = (char *)"example.com/x/build.bazel.remote.execution.v2.Digest";
	assert_true(reapi_any_is(any, RE_TYPE(digest)));
	any->type_url = (char *)"build.bazel.remote.execution.v2.Digest";
	assert_false(reapi_any_is(any, RE_TYPE(digest)));
	any->type_url = (char *)"x/v2.Digest";
	assert_false(reapi_any_is(any, RE_TYPE(digest)));
	assert_int_equal(reapi_any_unpack(&a, NULL, RE_TYPE(digest), &again, &v), REAPI_INVALID);
	a.max = a.used;
	assert_null(reapi_any_new(&a, &d.message.base));
}

static void test_missing(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_digest missing[3] = {reapi_digest_empty, {.hash = {1}, .size = INT64_MAX}};
	gr_precondition_failure *failure;
	struct reapi_violation v;
	struct reapi_status s;
	gr_status *status;

	reapi_arena_init(&a, 1 << 20);
	status = reapi_status_new_missing(&a, missing, 3);
	assert_non_null(status);
	assert_int_equal(status->code, 9);
	assert_string_equal(status->message, "3 blobs are missing");
	assert_int_equal(status->n_details, 1);
	assert_string_equal(
		status->details[0]->type_url, "type.googleapis.com/google.rpc.PreconditionFailure");
	assert_int_equal(reapi_any_unpack(&a, status->details[0], GR_TYPE(precondition_failure),
				 &failure, &v),
		0);
	assert_int_equal(failure->n_violations, 3);
	assert_string_equal(failure->violations[0]->type, "MISSING");
	assert_string_equal(failure->violations[0]->subject, "blobs/" EMPTY "/0");
	assert_true(reapi_status_add_retry(&a, status, 1250));
	assert_int_equal(status->n_details, 2);
	/* And as the peer reads it. */
	assert_int_equal(reapi_pack(&status->base, &b), 0);
	assert_int_equal(reapi_status_parse(&a, b.data, b.len, &s, &v), 0);
	assert_int_equal(s.code, 9);
	assert_string_equal(s.text, "3 blobs are missing");
	assert_int_equal(s.n_missing, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(reapi_digest_eq(&s.missing[i], &missing[i]));
	assert_true(s.has_retry);
	assert_int_equal(s.retry_ms, 1250);
}

static void test_one_and_many(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct reapi_digest missing[REAPI_STATUS_MISSING_MAX + 1] = {{.size = 0}};
	struct reapi_status s;
	gr_status *status;

	reapi_arena_init(&a, 1 << 20);
	missing[0] = reapi_digest_empty;
	status = reapi_status_new_missing(&a, missing, 1);
	assert_non_null(status);
	assert_string_equal(status->message, "blob " EMPTY "/0 is missing");
	status = reapi_status_new_missing(&a, missing, ARRAY_SIZE(missing));
	assert_non_null(status);
	assert_string_equal(status->message, "101 blobs are missing");
	assert_int_equal(reapi_pack(&status->base, &b), 0);
	/* Small enough for the trailers of everybody, and for what we read ourselves. */
	assert_true(b.len <= REAPI_STATUS_BYTES_MAX);
	assert_int_equal(reapi_status_parse(&a, b.data, b.len, &s, NULL), 0);
	assert_int_equal(s.n_missing, REAPI_STATUS_MISSING_MAX);
}

static void test_text(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	gr_status *status;

	reapi_arena_init(&a, 1 << 20);
	status = reapi_status_new(&a, 5, "not \xff there");
	assert_non_null(status);
	assert_string_equal(status->message, "not ? there");
	assert_int_equal(status->code, 5);
	assert_string_equal(reapi_status_new(&a, 5, "\xc3\xa4")->message, "\xc3\xa4");
	a.max = 0;
	assert_null(reapi_status_new(&a, 5, "x"));
	assert_null(reapi_status_new_missing(&a, &reapi_digest_empty, 1));
	assert_false(reapi_status_add_retry(&a, status, 1));
}

/* What is not ours to read does not hide the rest. */
static void test_odd_details(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	gr_precondition_failure_violation violations[4];
	gr_precondition_failure_violation *list[4];
	gr_precondition_failure failure = GR_INIT(PRECONDITION_FAILURE);
	gr_status status = GR_INIT(STATUS);
	pb_any unknown = PB_INIT(ANY), broken = PB_INIT(ANY);
	pb_any *details[3] = {&unknown, &broken, NULL};
	struct reapi_status s;

	reapi_arena_init(&a, 1 << 20);
	for (size_t i = 0; i < 4; i++) {
		violations[i] =
			(gr_precondition_failure_violation)GR_INIT(PRECONDITION_FAILURE__VIOLATION);
		violations[i].type = (char *)"MISSING";
		list[i] = &violations[i];
	}
	violations[0].subject = (char *)"blobs/nonsense/1";
	violations[1].subject = (char *)"some/instance/blobs/" EMPTY "/0";
	violations[2].subject = (char *)"blobs/" EMPTY "/7";
	violations[3].subject = (char *)"blobs/" EMPTY "/8";
	violations[3].type = (char *)"OTHER";
	failure.n_violations = 4;
	failure.violations = list;
	unknown.type_url = (char *)"type.googleapis.com/google.rpc.DebugInfo";
	broken.type_url = (char *)"type.googleapis.com/google.rpc.RetryInfo";
	broken.value = (ProtobufCBinaryData){.len = 1, .data = (uint8_t *)"\xff"};
	details[2] = reapi_any_new(&a, &failure.base);
	status.code = 1000;
	status.n_details = 3;
	status.details = details;
	assert_int_equal(reapi_status_read(&a, &status, &s, NULL), 0);
	assert_int_equal(s.code, GR_ENUM(CODE__UNKNOWN));
	assert_int_equal(s.n_missing, 2);
	assert_int_equal(s.missing[0].size, 0);
	assert_int_equal(s.missing[1].size, 7);
	assert_false(s.has_retry);
}

static void test_wrong(void **state)
{
	AUTO(reapi_arena_fini) struct reapi_arena a;
	static const char large[REAPI_STATUS_BYTES_MAX + 1];
	struct reapi_status s;

	reapi_arena_init(&a, 64);
	assert_int_equal(reapi_status_parse(&a, "\xff", 1, &s, NULL), REAPI_INVALID);
	assert_int_equal(reapi_status_parse(&a, large, sizeof(large), &s, NULL), REAPI_TOO_BIG);
	assert_int_equal(reapi_status_parse(&a, "\x12\x01x", 3, &s, NULL), REAPI_TOO_BIG);
}

static void test_codes(void **state)
{
	assert_int_equal(reapi_status_code(REAPI_INVALID), 3);
	assert_int_equal(reapi_status_code(REAPI_UNSUPPORTED), 3);
	assert_int_equal(reapi_status_code(REAPI_TOO_BIG), 8);
	assert_int_equal(reapi_status_code(REAPI_MISSING), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_one_and_many),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_odd_details),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
