/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cas/zstream.h"
#include "kit.h"

#define CAS "/build.bazel.remote.execution.v2.ContentAddressableStorage/"

static struct kit k;

static int setup(void **state)
{
	kit_start(&k, &(struct kit_options){.instance = "here/it-is"});
	return 0;
}

static int teardown(void **state)
{
	kit_stop(&k);
	return 0;
}

static char instance[] = "here/it-is";

static ProtobufCBinaryData bytes(const void *data, size_t n)
{
	return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)data, .len = n};
}

/* --- FindMissingBlobs --- */

static void test_find_missing(void **state)
{
	struct cas_digest there = kit_put(&k, "abc", 3), longer = there, gone;
	re_find_missing_blobs_request q = RE_INIT(FIND_MISSING_BLOBS_REQUEST);
	re_digest *digests[4];
	re_find_missing_blobs_response *a;
	struct kit_call c;

	longer.size++;
	assert_int_equal(cas_digest_of("x", 1, &gone), 0);
	digests[0] = kit_digest(&there);
	digests[1] = kit_digest(&longer);
	digests[2] = kit_digest(&cas_digest_empty);
	digests[3] = kit_digest(&gone);
	q.instance_name = instance;
	q.blob_digests = digests;
	q.n_blob_digests = ARRAY_SIZE(digests);
	kit_ask(&k, CAS "FindMissingBlobs", &q.base, &c);
	assert_int_equal(c.status, RPC_OK);
	a = kit_message(&c, 0, RE_TYPE(find_missing_blobs_response));
	assert_int_equal(a->n_missing_blob_digests, 2);
	assert_int_equal(a->missing_blob_digests[0]->size_bytes, 4);
	assert_string_equal(a->missing_blob_digests[0]->hash, digests[0]->hash);
	assert_string_equal(a->missing_blob_digests[1]->hash, digests[3]->hash);
	protobuf_c_message_free_unpacked(&a->base, NULL);
	kit_call_fini(&c);
}

static void test_find_refused(void **state)
{
	char upper[] = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
	char sha1[] = "a9993e364706816aba3e25717850c26c9cd0d89d";
	char hash[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
	static char other[] = "there", bad[] = "a//b";
	const struct {
		char *hash;
		int64_t size;
		char *instance;
		int function;
		enum rpc_status status;
	} cases[] = {
		{hash, 3, instance, 1, RPC_OK},
		{upper, 3, instance, 1, RPC_INVALID_ARGUMENT},
		{sha1, 3, instance, 0, RPC_INVALID_ARGUMENT},
		{hash, -1, instance, 0, RPC_INVALID_ARGUMENT},
		{hash, 3, instance, 2, RPC_INVALID_ARGUMENT},
		{hash, 3, instance, 9, RPC_INVALID_ARGUMENT},
		{hash, 3, other, 0, RPC_NOT_FOUND},
		{hash, 3, bad, 0, RPC_INVALID_ARGUMENT},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		re_find_missing_blobs_request q = RE_INIT(FIND_MISSING_BLOBS_REQUEST);
		re_digest d = RE_INIT(DIGEST), *digests[] = {&d};
		struct kit_call c;

		d.hash = cases[i].hash;
		d.size_bytes = cases[i].size;
		q.instance_name = cases[i].instance;
		q.blob_digests = digests;
		q.n_blob_digests = 1;
		q.digest_function =
			(Build__Bazel__Remote__Execution__V2__DigestFunction__Value)cases[i]
				.function;
		kit_ask(&k, CAS "FindMissingBlobs", &q.base, &c);
		assert_int_equal(c.status, cases[i].status);
		assert_int_equal(c.n, c.status == RPC_OK);
		assert_true(c.status == RPC_OK || *c.text);
		kit_call_fini(&c);
	}
}

/* --- BatchUpdateBlobs --- */

enum { UPDATES_MAX = 8 };

static struct update {
	re_batch_update_blobs_request_request v[UPDATES_MAX], *list[UPDATES_MAX];
	size_t n;
} updates;

static void add_update(const struct cas_digest *d, const void *data, size_t n, int compressor)
{
	re_batch_update_blobs_request_request *q = &updates.v[updates.n];

	*q = (re_batch_update_blobs_request_request)RE_INIT(BATCH_UPDATE_BLOBS_REQUEST__REQUEST);
	q->digest = kit_digest(d);
	q->data = bytes(data, n);
	q->compressor = (Build__Bazel__Remote__Execution__V2__Compressor__Value)compressor;
	updates.list[updates.n++] = q;
}

static re_batch_update_blobs_response *update(struct kit_call *c)
{
	re_batch_update_blobs_request q = RE_INIT(BATCH_UPDATE_BLOBS_REQUEST);

	q.instance_name = instance;
	q.requests = updates.list;
	q.n_requests = updates.n;
	updates.n = 0;
	kit_ask(&k, CAS "BatchUpdateBlobs", &q.base, c);
	return c->status == RPC_OK ? kit_message(c, 0, RE_TYPE(batch_update_blobs_response)) : NULL;
}

static void test_update(void **state)
{
	static const int expected[] = {RPC_OK, RPC_OK, RPC_INVALID_ARGUMENT, RPC_INVALID_ARGUMENT,
		RPC_OK, RPC_INVALID_ARGUMENT, RPC_INVALID_ARGUMENT};
	AUTO(buf_fini) struct buf z = BUF_INIT;
	AUTO(buf_fini) struct buf blob = BUF_INIT;
	struct cas_digest plain, packed, wrong, zeros;
	re_batch_update_blobs_response *a;
	struct kit_call c;

	assert_int_equal(cas_digest_of("plain", 5, &plain), 0);
	kit_blob(1, 5000, &blob, &packed);
	assert_int_equal(zstream_compress(blob.data, blob.len, &z), 0);
	kit_blob(2, 100, &blob, &wrong);
	zeros = wrong;
	zeros.size = 99;
	add_update(&plain, "plain", 5, 0);
	add_update(&packed, z.data, z.len, 1);
	add_update(&wrong, "not these", 9, 0);
	add_update(&zeros, blob.data, 100, 0);
	add_update(&cas_digest_empty, "", 0, 0);
	add_update(&wrong, blob.data, 100, 1);
	add_update(&wrong, blob.data, 100, 2);
	a = update(&c);
	assert_non_null(a);
	assert_int_equal(a->n_responses, ARRAY_SIZE(expected));
	for (size_t i = 0; i < a->n_responses; i++) {
		assert_non_null(a->responses[i]->status);
		assert_int_equal(a->responses[i]->status->code, expected[i]);
		assert_int_equal(expected[i] == RPC_OK, *a->responses[i]->status->message == '\0');
		assert_string_equal(a->responses[i]->digest->hash, updates.v[i].digest->hash);
	}
	assert_int_equal(cas_has(k.service.cas, &plain), 0);
	assert_int_equal(cas_has(k.service.cas, &packed), 0);
	assert_int_equal(cas_has(k.service.cas, &wrong), CAS_MISSING);
	protobuf_c_message_free_unpacked(&a->base, NULL);
	kit_call_fini(&c);
}

/* What would come out counts, not what is sent. */
static void test_update_too_much(void **state)
{
	AUTO(buf_fini) struct buf z = BUF_INIT;
	char *zeros = calloc(1, SERVICE_BATCH_MAX + 1);
	struct cas_digest most, more;
	re_batch_update_blobs_response *a;
	struct kit_call c;

	assert_int_equal(cas_digest_of(zeros, SERVICE_BATCH_MAX + 1, &more), 0);
	assert_int_equal(zstream_compress(zeros, SERVICE_BATCH_MAX + 1, &z), 0);
	add_update(&more, z.data, z.len, 1);
	assert_null(update(&c));
	assert_int_equal(c.status, RPC_INVALID_ARGUMENT);
	kit_call_fini(&c);

	assert_int_equal(cas_digest_of(zeros, SERVICE_BATCH_MAX, &most), 0);
	add_update(&most, zeros, SERVICE_BATCH_MAX, 0);
	a = update(&c);
	assert_int_equal(a->responses[0]->status->code, RPC_OK);
	protobuf_c_message_free_unpacked(&a->base, NULL);
	kit_call_fini(&c);

	/* A bomb: a digest that says little. */
	most.size = 1000;
	add_update(&most, z.data, z.len, 1);
	a = update(&c);
	assert_int_equal(a->responses[0]->status->code, RPC_INVALID_ARGUMENT);
	protobuf_c_message_free_unpacked(&a->base, NULL);
	kit_call_fini(&c);
	free(zeros);
}

static void test_update_full_store(void **state)
{
	static char data[3000];
	struct cas_digest d;
	re_batch_update_blobs_response *a;
	struct kit_call c;

	kit_stop(&k);
	kit_start(&k, &(struct kit_options){.store_bytes = 1 << 20, .max_blob = 2000});
	assert_int_equal(cas_digest_of(data, sizeof(data), &d), 0);
	add_update(&d, data, sizeof(data), 0);
	a = update(&c);
	assert_non_null(a);
	assert_int_equal(a->responses[0]->status->code, RPC_INVALID_ARGUMENT);
	protobuf_c_message_free_unpacked(&a->base, NULL);
	kit_call_fini(&c);
}

/* --- BatchReadBlobs --- */

static re_batch_read_blobs_response *read_batch(
	re_digest **digests, size_t n, bool zstd, struct kit_call *c)
{
	Build__Bazel__Remote__Execution__V2__Compressor__Value compressors[] = {3, 1};
	re_batch_read_blobs_request q = RE_INIT(BATCH_READ_BLOBS_REQUEST);

	q.instance_name = instance;
	q.digests = digests;
	q.n_digests = n;
	q.acceptable_compressors = compressors;
	q.n_acceptable_compressors = zstd ? 2 : 0;
	kit_ask(&k, CAS "BatchReadBlobs", &q.base, c);
	return c->status == RPC_OK ? kit_message(c, 0, RE_TYPE(batch_read_blobs_response)) : NULL;
}

static void test_read(void **state)
{
	static char zeros[100000];
	AUTO(buf_fini) struct buf noise = BUF_INIT;
	struct cas_digest even = kit_put(&k, zeros, sizeof(zeros)), odd, gone;
	re_digest *digests[4];

	kit_blob(5, 50000, &noise, &odd);
	assert_int_equal(cas_put(k.service.cas, &odd, noise.data), 0);
	assert_int_equal(cas_digest_of("gone", 4, &gone), 0);
	digests[0] = kit_digest(&even);
	digests[1] = kit_digest(&odd);
	digests[2] = kit_digest(&gone);
	digests[3] = kit_digest(&cas_digest_empty);
	for (int zstd = 0; zstd < 2; zstd++) {
		AUTO(buf_fini) struct buf plain = BUF_INIT;
		re_batch_read_blobs_response *a;
		struct kit_call c;

		a = read_batch(digests, 4, zstd, &c);
		assert_non_null(a);
		assert_int_equal(a->n_responses, 4);
		assert_int_equal(a->responses[0]->status->code, RPC_OK);
		assert_int_equal(a->responses[0]->compressor, zstd);
		if (zstd) {
			assert_true(a->responses[0]->data.len < 1000);
			assert_int_equal(zstream_decompress(a->responses[0]->data.data,
						 a->responses[0]->data.len, sizeof(zeros), &plain),
				0);
			assert_memory_equal(plain.data, zeros, sizeof(zeros));
		} else {
			assert_int_equal(a->responses[0]->data.len, sizeof(zeros));
		}
		/* Noise does not shrink, so it comes as it is. */
		assert_int_equal(a->responses[1]->compressor, 0);
		assert_int_equal(a->responses[1]->data.len, noise.len);
		assert_memory_equal(a->responses[1]->data.data, noise.data, noise.len);
		assert_int_equal(a->responses[2]->status->code, RPC_NOT_FOUND);
		assert_int_equal(a->responses[2]->data.len, 0);
		assert_int_equal(a->responses[3]->status->code, RPC_OK);
		assert_int_equal(a->responses[3]->data.len, 0);
		protobuf_c_message_free_unpacked(&a->base, NULL);
		kit_call_fini(&c);
	}
}

static void test_read_too_much(void **state)
{
	struct cas_digest big = {.size = SERVICE_BATCH_MAX}, one = {.size = 1};
	re_digest *digests[] = {kit_digest(&big), kit_digest(&one)};
	re_batch_read_blobs_response *a;
	struct kit_call c;

	assert_null(read_batch(digests, 2, false, &c));
	assert_int_equal(c.status, RPC_INVALID_ARGUMENT);
	kit_call_fini(&c);
	a = read_batch(digests, 1, false, &c);
	assert_int_equal(a->responses[0]->status->code, RPC_NOT_FOUND);
	protobuf_c_message_free_unpacked(&a->base, NULL);
	kit_call_fini(&c);
}

/* Many small blobs: what wraps them counts too, and no answer is larger than clients take. */
static void test_read_many(void **state)
{
	enum { N = SERVICE_BATCH_BLOBS_MAX, SIZE = 200 };
	AUTO(buf_fini) struct buf blob = BUF_INIT;
	re_digest **digests = calloc(N + 1, sizeof(*digests));
	re_batch_read_blobs_response *a;
	struct cas_digest d;
	size_t ok = 0;
	struct kit_call c;

	kit_blob(9, SIZE, &blob, &d);
	assert_int_equal(cas_put(k.service.cas, &d, blob.data), 0);
	for (size_t i = 0; i <= N; i++)
		digests[i] = kit_digest(&d);
	a = read_batch(digests, N, false, &c);
	assert_string_equal(c.text, "");
	assert_non_null(a);
	assert_true(c.messages[0].len <= SERVICE_ANSWER_MAX);
	assert_int_equal(a->n_responses, N);
	for (size_t i = 0; i < N; i++) {
		bool is_ok = a->responses[i]->status->code == RPC_OK;

		assert_true(is_ok || a->responses[i]->status->code == RPC_RESOURCE_EXHAUSTED);
		assert_int_equal(a->responses[i]->data.len, is_ok ? SIZE : 0);
		ok += is_ok;
	}
	assert_in_range(ok, N / 2, N - 1);
	protobuf_c_message_free_unpacked(&a->base, NULL);
	kit_call_fini(&c);
	digests[0] = kit_digest(&cas_digest_empty);
	assert_null(read_batch(digests, N + 1, false, &c));
	assert_int_equal(c.status, RPC_INVALID_ARGUMENT);
	kit_call_fini(&c);
	free(digests);
}

/* --- */

static void test_not_offered(void **state)
{
	re_split_blob_request q = RE_INIT(SPLIT_BLOB_REQUEST);
	struct kit_call c;

	kit_ask(&k, CAS "SplitBlob", &q.base, &c);
	assert_int_equal(c.status, RPC_UNIMPLEMENTED);
	kit_call_fini(&c);
}

/* The connection breaks while the pool works for it. */
static void test_gone_meanwhile(void **state)
{
	AUTO(buf_fini) struct buf blob = BUF_INIT;
	re_batch_update_blobs_request q = RE_INIT(BATCH_UPDATE_BLOBS_REQUEST);
	struct cas_digest d;
	struct kit_call c;

	kit_blob(3, 1 << 20, &blob, &d);
	add_update(&d, blob.data, blob.len, 0);
	q.instance_name = instance;
	q.requests = updates.list;
	q.n_requests = 1;
	updates.n = 0;
	kit_call_start(&k, CAS "BatchUpdateBlobs", &c);
	assert_true(kit_send(&k, &c, &q.base));
	kit_half_close(&c);
	kit_carry(&k);
	assert_int_equal(k.service.n_offloaded, 1);
	kit_reconnect(&k);
	assert_true(c.ended);
	kit_settle_all(&k);
	assert_int_equal(cas_has(k.service.cas, &d), 0);
	kit_call_fini(&c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_find_missing),
		TEST(test_find_refused),
		TEST(test_update),
		TEST(test_update_too_much),
		TEST(test_update_full_store),
		TEST(test_read),
		TEST(test_read_too_much),
		TEST(test_read_many),
		TEST(test_not_offered),
		TEST(test_gone_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
