/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cas/zstream.h"
#include "kit.h"
#include "service/budget.h"

#define READ "/google.bytestream.ByteStream/Read"

enum { SIZE = 1000000 };

static struct kit k;
static struct buf blob;
static struct cas_digest digest;

static int setup(void **state)
{
	kit_start(&k, &(struct kit_options){.instance = "main"});
	kit_blob(1, SIZE, &blob, &digest);
	memset(blob.data + 1000, 'x', SIZE / 2);
	digest = kit_put(&k, blob.data, SIZE);
	return 0;
}

static int teardown(void **state)
{
	kit_stop(&k);
	buf_fini(&blob);
	return 0;
}

static void ask(const char *instance, const struct cas_digest *d, bool zstd, int64_t offset,
	int64_t limit, struct kit_call *c)
{
	bs_read_request q = BS_INIT(READ_REQUEST);
	char hex[CAS_HEX_SIZE], name[300];

	cas_hash_hex(d->hash, hex);
	snprintf(name, sizeof(name), "%s%s/%s/%llu", instance,
		zstd ? "compressed-blobs/zstd" : "blobs", hex, (unsigned long long)d->size);
	q.resource_name = name;
	q.read_offset = offset;
	q.read_limit = limit;
	kit_call_start(&k, READ, c);
	assert_true(kit_send(&k, c, &q.base));
	kit_half_close(c);
}

/* All data, in one piece. */
static void gather(const struct kit_call *c, struct buf *ret)
{
	for (size_t i = 0; i < c->n; i++) {
		bs_read_response *m = kit_message(c, i, BS_TYPE(read_response));

		assert_in_range(m->data.len, 1, 2 * SERVICE_CHUNK);
		assert_int_equal(buf_append(ret, m->data.data, m->data.len), 0);
		protobuf_c_message_free_unpacked(&m->base, NULL);
	}
}

static void test_read(void **state)
{
	static const struct {
		int64_t offset, limit;
	} cases[] = {{0, 0}, {0, 1}, {0, SIZE}, {0, SIZE + 1}, {1, 0}, {999, 500000}, {SIZE - 1, 0},
		{SIZE, 0}, {65536, 65536}, {0, 65537}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		size_t n = SIZE - (size_t)cases[i].offset;
		struct kit_call c;

		if (cases[i].limit > 0)
			n = MIN(n, (size_t)cases[i].limit);
		ask("main/", &digest, false, cases[i].offset, cases[i].limit, &c);
		kit_wait(&k, &c);
		assert_int_equal(c.status, RPC_OK);
		gather(&c, &b);
		assert_int_equal(b.len, n);
		if (n > 0)
			assert_memory_equal(b.data, blob.data + cases[i].offset, n);
		kit_call_fini(&c);
	}
}

static void test_compressed(void **state)
{
	static const int64_t offsets[] = {0, 1, 700000, SIZE};

	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT, plain = BUF_INIT;
		size_t n = SIZE - (size_t)offsets[i];
		struct kit_call c;

		ask("main/", &digest, true, offsets[i], 0, &c);
		kit_wait(&k, &c);
		assert_int_equal(c.status, RPC_OK);
		gather(&c, &b);
		assert_true(offsets[i] > SIZE / 2 || b.len < n);
		assert_int_equal(zstream_decompress(b.data, b.len, n, &plain), 0);
		if (n > 0)
			assert_memory_equal(plain.data, blob.data + offsets[i], n);
		kit_call_fini(&c);
	}
}

static void test_empty(void **state)
{
	for (int zstd = 0; zstd < 2; zstd++) {
		AUTO(buf_fini) struct buf b = BUF_INIT, plain = BUF_INIT;
		struct kit_call c;

		ask("main/", &cas_digest_empty, zstd, 0, 0, &c);
		kit_wait(&k, &c);
		assert_int_equal(c.status, RPC_OK);
		gather(&c, &b);
		if (zstd)
			assert_int_equal(zstream_decompress(b.data, b.len, 0, &plain), 0);
		else
			assert_int_equal(b.len, 0);
		kit_call_fini(&c);
	}
}

static void test_refused(void **state)
{
	struct cas_digest gone = digest, longer = digest;
	const struct {
		const char *instance;
		const struct cas_digest *d;
		bool zstd;
		int64_t offset, limit;
		enum rpc_status status;
	} cases[] = {
		{"main/", &gone, false, 0, 0, RPC_NOT_FOUND},
		{"main/", &gone, true, 0, 0, RPC_NOT_FOUND},
		{"main/", &longer, false, 0, 0, RPC_NOT_FOUND},
		{"main/", &digest, false, SIZE + 1, 0, RPC_OUT_OF_RANGE},
		{"main/", &digest, false, -1, 0, RPC_OUT_OF_RANGE},
		{"main/", &digest, false, 0, -1, RPC_INVALID_ARGUMENT},
		{"main/", &digest, true, 0, 10, RPC_INVALID_ARGUMENT},
		{"", &digest, false, 0, 0, RPC_NOT_FOUND},
		{"other/", &digest, false, 0, 0, RPC_NOT_FOUND},
		{"/", &digest, false, 0, 0, RPC_INVALID_ARGUMENT},
		{"main/uploads/u/", &digest, false, 0, 0, RPC_INVALID_ARGUMENT},
	};
	struct kit_call c;

	gone.hash[0] ^= 1;
	longer.size++;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ask(cases[i].instance, cases[i].d, cases[i].zstd, cases[i].offset, cases[i].limit,
			&c);
		kit_wait(&k, &c);
		assert_int_equal(c.status, cases[i].status);
		assert_int_equal(c.n, 0);
		assert_true(*c.text);
		kit_call_fini(&c);
	}
	kit_call_start(&k, READ, &c);
	kit_half_close(&c);
	kit_wait(&k, &c);
	assert_int_equal(c.status, RPC_INVALID_ARGUMENT);
	kit_call_fini(&c);
}

/* Evicted in mid-read: who has begun reads to the end. */
static void test_dropped_meanwhile(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT, large = BUF_INIT;
	struct cas_digest d;
	struct kit_call c;

	kit_blob(2, 8 << 20, &large, &d);
	assert_int_equal(cas_put(k.service.cas, &d, large.data), 0);
	k.deaf = true;
	ask("main/", &d, false, 0, 0, &c);
	kit_settle_all(&k);
	assert_int_equal(cas_drop(k.service.cas, &d), 0);
	k.deaf = false;
	kit_wait(&k, &c);
	assert_int_equal(c.status, RPC_OK);
	gather(&c, &b);
	assert_int_equal(b.len, large.len);
	assert_memory_equal(b.data, large.data, b.len);
	kit_call_fini(&c);
}

/* A client that reads nothing makes us read only what the call's queue takes. */
static void test_slow_reader(void **state)
{
	AUTO(buf_fini) struct buf large = BUF_INIT;
	struct cas_digest d;
	struct kit_call c;

	kit_blob(2, 32 << 20, &large, &d);
	assert_int_equal(cas_put(k.service.cas, &d, large.data), 0);
	k.deaf = true;
	ask("main/", &d, false, 0, 0, &c);
	kit_settle_all(&k);
	assert_in_range(rpc_session_held(k.server), 1 << 20, 3 << 20);
	kit_reconnect(&k);
	kit_settle_all(&k);
	assert_true(c.ended);
	kit_call_fini(&c);
}

static void test_gone_meanwhile(void **state)
{
	struct kit_call c;

	for (int zstd = 0; zstd < 2; zstd++) {
		ask("main/", &digest, zstd, 0, 0, &c);
		kit_carry(&k);
		assert_int_equal(k.service.n_offloaded, 1);
		kit_reconnect(&k);
		kit_settle_all(&k);
		assert_int_equal(k.service.n_offloaded, 0);
		kit_call_fini(&c);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_read),
		TEST(test_compressed),
		TEST(test_empty),
		TEST(test_refused),
		TEST(test_dropped_meanwhile),
		TEST(test_slow_reader),
		TEST(test_gone_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
