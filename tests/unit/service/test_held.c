/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kit.h"
#include "service/budget.h"

/* What one connection can make the services hold, whatever it does, while the pool does nothing. */

#define CAS "/build.bazel.remote.execution.v2.ContentAddressableStorage/"
#define BYTESTREAM "/google.bytestream.ByteStream/"

enum { CALLS = 40, READS = 300, MESSAGE = 2 << 20, LIMIT = 100000 };

static struct kit k;
static struct kit_call calls[READS];
static char *data;
static struct cas_digest digest;

static int setup(void **state)
{
	kit_start(&k, &(struct kit_options){.store_bytes = 1ULL << 30});
	data = calloc(1, MESSAGE);
	assert_int_equal(cas_digest_of(data, MESSAGE, &digest), 0);
	return 0;
}

static int teardown(void **state)
{
	kit_stop(&k);
	free(data);
	return 0;
}

/* All calls come as far as they come without the pool; then with it. */
static void assert_held(struct service_budget *b, size_t n, size_t most)
{
	kit_carry(&k);
	assert_in_range(service_budget_held(b), 1, most);
	for (size_t i = 0; i < n; i++) {
		kit_wait(&k, &calls[i]);
		assert_int_equal(calls[i].status, RPC_OK);
		kit_call_fini(&calls[i]);
	}
	kit_settle_all(&k);
	assert_int_equal(service_budget_held(b), 0);
}

static void test_updates(void **state)
{
	re_batch_update_blobs_request q = RE_INIT(BATCH_UPDATE_BLOBS_REQUEST);
	re_batch_update_blobs_request_request one = RE_INIT(BATCH_UPDATE_BLOBS_REQUEST__REQUEST);
	re_batch_update_blobs_request_request *list = &one;

	one.digest = kit_digest(&digest);
	one.data = (ProtobufCBinaryData){.data = (uint8_t *)data, .len = MESSAGE};
	q.requests = &list;
	q.n_requests = 1;
	for (size_t i = 0; i < CALLS; i++) {
		kit_call_start(&k, CAS "BatchUpdateBlobs", &calls[i]);
		assert_true(kit_send(&k, &calls[i], &q.base));
		kit_half_close(&calls[i]);
	}
	assert_held(k.binding.in, CALLS, SERVICE_HELD_IN_MAX + MESSAGE + 1000);
}

static void test_reads_in_batches(void **state)
{
	re_batch_read_blobs_request q = RE_INIT(BATCH_READ_BLOBS_REQUEST);
	re_digest *d = kit_digest(&digest);

	assert_int_equal(cas_put(k.service.cas, &digest, data), 0);
	q.digests = &d;
	q.n_digests = 1;
	for (size_t i = 0; i < CALLS; i++) {
		kit_call_start(&k, CAS "BatchReadBlobs", &calls[i]);
		assert_true(kit_send(&k, &calls[i], &q.base));
		kit_half_close(&calls[i]);
	}
	k.deaf = true;
	kit_settle_all(&k);
	assert_in_range(rpc_session_held(k.server), 1, SERVICE_HELD_IN_MAX + 4 * MESSAGE);
	k.deaf = false;
	assert_held(k.binding.in, CALLS, SERVICE_HELD_IN_MAX + MESSAGE + 1000);
}

static void test_writes(void **state)
{
	bs_write_request q = BS_INIT(WRITE_REQUEST);
	char hex[CAS_HEX_SIZE], name[300];

	cas_hash_hex(digest.hash, hex);
	for (size_t i = 0; i < CALLS; i++) {
		snprintf(name, sizeof(name), "uploads/%zu/blobs/%s/%d", i, hex, MESSAGE);
		q.resource_name = name;
		q.data = (ProtobufCBinaryData){.data = (uint8_t *)data, .len = MESSAGE};
		q.finish_write = true;
		kit_call_start(&k, BYTESTREAM "Write", &calls[i]);
		assert_true(kit_send(&k, &calls[i], &q.base));
		kit_half_close(&calls[i]);
	}
	assert_held(k.binding.in, CALLS, SERVICE_HELD_IN_MAX + MESSAGE + 1000);
}

static void test_reads(void **state)
{
	bs_read_request q = BS_INIT(READ_REQUEST);
	char hex[CAS_HEX_SIZE], name[300];

	assert_int_equal(cas_put(k.service.cas, &digest, data), 0);
	cas_hash_hex(digest.hash, hex);
	snprintf(name, sizeof(name), "blobs/%s/%d", hex, MESSAGE);
	q.resource_name = name;
	q.read_limit = LIMIT;
	for (size_t i = 0; i < READS; i++) {
		kit_call_start(&k, BYTESTREAM "Read", &calls[i]);
		assert_true(kit_send(&k, &calls[i], &q.base));
		kit_half_close(&calls[i]);
	}
	k.deaf = true;
	kit_settle_all(&k);
	assert_in_range(rpc_session_held(k.server), 16 << 20, 256 * LIMIT + (2 << 20));
	k.deaf = false;
	assert_held(k.binding.out, READS, SERVICE_HELD_OUT_MAX);
}

/* Calls that are reset, or whose connection is gone, still hold what the pool has of them. */
static void test_gone(void **state)
{
	struct service_budget *b = service_budget_ref(k.binding.in);
	bs_write_request q = BS_INIT(WRITE_REQUEST);
	char hex[CAS_HEX_SIZE], name[300];

	cas_hash_hex(digest.hash, hex);
	snprintf(name, sizeof(name), "uploads/u/blobs/%s/%d", hex, MESSAGE);
	q.resource_name = name;
	q.data = (ProtobufCBinaryData){.data = (uint8_t *)data, .len = MESSAGE};
	kit_call_start(&k, BYTESTREAM "Write", &calls[0]);
	assert_true(kit_send(&k, &calls[0], &q.base));
	kit_carry(&k);
	assert_int_equal(service_budget_held(b), MESSAGE);
	kit_reconnect(&k);
	assert_int_equal(service_budget_held(b), MESSAGE);
	kit_settle_all(&k);
	assert_int_equal(service_budget_held(b), 0);
	service_budget_unref(b);
	kit_call_fini(&calls[0]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_updates),
		TEST(test_reads_in_batches),
		TEST(test_writes),
		TEST(test_reads),
		TEST(test_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
