/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cas/upload.h"
#include "cas/zstream.h"
#include "kit.h"

#define WRITE "/google.bytestream.ByteStream/Write"
#define QUERY "/google.bytestream.ByteStream/QueryWriteStatus"

enum { SIZE = 300000, PIECE = 16 << 10 };

static struct kit k;
static struct buf blob;
static struct cas_digest digest;

static int setup(void **state)
{
	kit_start(&k, &(struct kit_options){.max_blob = 1 << 20, .owner_bytes = 4 << 20});
	kit_blob(1, SIZE, &blob, &digest);
	return 0;
}

static int teardown(void **state)
{
	kit_stop(&k);
	buf_fini(&blob);
	return 0;
}

static char *name_of(const struct cas_digest *d, const char *uuid, bool zstd)
{
	static char names[4][512];
	static unsigned at;
	char hex[CAS_HEX_SIZE], *name = names[at++ % 4];

	cas_hash_hex(d->hash, hex);
	snprintf(name, sizeof(names[0]), "in/st/uploads/%s/%s/%s/%llu", uuid,
		zstd ? "compressed-blobs/zstd" : "blobs", hex, (unsigned long long)d->size);
	return name;
}

static bool piece(
	struct kit_call *c, char *name, int64_t offset, const void *data, size_t n, bool last)
{
	static char none[] = "";
	bs_write_request q = BS_INIT(WRITE_REQUEST);

	q.resource_name = name ? name : none;
	q.write_offset = offset;
	q.finish_write = last;
	q.data = (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)data, .len = n};
	return kit_send(&k, c, &q.base);
}

/* Bytes from..to of data as pieces, the name with the first only. */
static void pieces(struct kit_call *c, char *name, const char *data, size_t from, size_t to,
	size_t offset, bool finish)
{
	for (size_t at = from; at < to; at += PIECE) {
		size_t n = MIN((size_t)PIECE, to - at);

		if (!piece(c, at == from ? name : NULL, (int64_t)(offset + at - from), data + at, n,
			    finish && at + n == to))
			return;
	}
}

static int64_t committed(const struct kit_call *c)
{
	bs_write_response *m = kit_message(c, 0, BS_TYPE(write_response));
	int64_t n = m->committed_size;

	protobuf_c_message_free_unpacked(&m->base, NULL);
	return n;
}

static int64_t query(char *name, bool *ret_complete)
{
	bs_query_write_status_request q = BS_INIT(QUERY_WRITE_STATUS_REQUEST);
	bs_query_write_status_response *m;
	struct kit_call c;
	int64_t n;

	q.resource_name = name;
	kit_ask(&k, QUERY, &q.base, &c);
	assert_int_equal(c.status, RPC_OK);
	m = kit_message(&c, 0, BS_TYPE(query_write_status_response));
	n = m->committed_size;
	*ret_complete = m->complete;
	protobuf_c_message_free_unpacked(&m->base, NULL);
	kit_call_fini(&c);
	return n;
}

static void assert_query(char *name, int64_t size, bool complete)
{
	bool is_complete;

	assert_int_equal(query(name, &is_complete), size);
	assert_int_equal(is_complete, complete);
}

static void end_with(struct kit_call *c, enum rpc_status status)
{
	kit_half_close(c);
	kit_wait(&k, c);
	if (c->status != status)
		print_error("%d: %s\n", (int)c->status, c->text);
	assert_int_equal(c->status, status);
	assert_int_equal(c->n, status == RPC_OK);
}

static void assert_stored(bool stored)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	int r = cas_blob_read(k.service.cas, &digest, 0, SIZE, &b);

	assert_int_equal(r, stored ? 0 : CAS_MISSING);
	if (stored)
		assert_memory_equal(b.data, blob.data, SIZE);
}

static void assert_no_upload(void)
{
	struct cas_stats s;

	kit_settle_all(&k);
	cas_stats(k.service.cas, &s);
	assert_int_equal(s.uploads, 0);
}

static void test_write(void **state)
{
	char *name = name_of(&digest, "u1", false);
	struct kit_call c;

	assert_query(name, 0, false);
	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, blob.data, 0, SIZE, 0, true);
	end_with(&c, RPC_OK);
	assert_int_equal(committed(&c), SIZE);
	kit_call_fini(&c);
	assert_stored(true);
	assert_query(name, SIZE, true);
	assert_no_upload();
}

/* Before the client half-closes, and before it has sent it all. */
static void test_present(void **state)
{
	struct kit_call c;

	assert_int_equal(cas_put(k.service.cas, &digest, blob.data), 0);
	for (int zstd = 0; zstd < 2; zstd++) {
		kit_call_start(&k, WRITE, &c);
		assert_true(piece(&c, name_of(&digest, "u", zstd), 0, blob.data, 100, false));
		kit_wait(&k, &c);
		assert_int_equal(c.status, RPC_OK);
		assert_int_equal(committed(&c), zstd ? -1 : SIZE);
		kit_call_fini(&c);
	}
	kit_call_start(&k, WRITE, &c);
	assert_true(piece(&c, name_of(&cas_digest_empty, "u", false), 0, "", 0, true));
	end_with(&c, RPC_OK);
	assert_int_equal(committed(&c), 0);
	kit_call_fini(&c);
}

static void test_refused(void **state)
{
	struct cas_digest huge = {.size = (1 << 20) + 1};
	char *good = name_of(&digest, "u", false), *large = name_of(&huge, "u", false);
	char blobs[300], deflate[300], bad[] = "in/st/uploads/u/blobs/00/3";
	const struct {
		char *name;
		int64_t offset;
		size_t n;
		enum rpc_status status;
	} cases[] = {
		{bad, 0, 1, RPC_INVALID_ARGUMENT},
		{blobs, 0, 1, RPC_INVALID_ARGUMENT},
		{deflate, 0, 1, RPC_INVALID_ARGUMENT},
		{NULL, 0, 1, RPC_INVALID_ARGUMENT},
		{good, -1, 1, RPC_INVALID_ARGUMENT},
		{good, 5, 1, RPC_ABORTED},
		{large, 0, 1, RPC_INVALID_ARGUMENT},
		/* Too few, too many, others. */
		{good, 0, 10, RPC_INVALID_ARGUMENT},
		{good, 0, SIZE + 1, RPC_INVALID_ARGUMENT},
		{good, 0, SIZE, RPC_INVALID_ARGUMENT},
	};
	char *other = calloc(1, SIZE + 1);

	snprintf(blobs, sizeof(blobs), "%s", strstr(good, "blobs/"));
	snprintf(deflate, sizeof(deflate), "uploads/u/compressed-blobs/deflate/%s",
		strstr(good, "blobs/") + 6);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct kit_call c;

		kit_call_start(&k, WRITE, &c);
		piece(&c, cases[i].name, cases[i].offset, other, cases[i].n, true);
		kit_half_close(&c);
		kit_wait(&k, &c);
		if (c.status != cases[i].status)
			print_error("case %zu: %d %s\n", i, (int)c.status, c.text);
		assert_int_equal(c.status, cases[i].status);
		assert_true(*c.text);
		kit_call_fini(&c);
		assert_no_upload();
	}
	assert_stored(false);
	free(other);
}

/* What the second message does wrong. */
static void test_refused_later(void **state)
{
	char *name = name_of(&digest, "u", false), *other = name_of(&digest, "v", false);
	struct kit_call c;

	for (int i = 0; i < 4; i++) {
		kit_call_start(&k, WRITE, &c);
		assert_true(piece(&c, name, 0, blob.data, PIECE, i == 2));
		if (i == 0)
			piece(&c, other, PIECE, blob.data + PIECE, 1, false);
		else if (i == 1)
			piece(&c, NULL, PIECE - 1, blob.data, 1, false);
		else if (i == 2)
			piece(&c, NULL, PIECE, "", 0, false);
		else
			piece(&c, name, PIECE + 1, blob.data, 1, false);
		end_with(&c, RPC_INVALID_ARGUMENT);
		kit_call_fini(&c);
		kit_settle_all(&k);
	}
	kit_call_start(&k, WRITE, &c);
	end_with(&c, RPC_INVALID_ARGUMENT);
	kit_call_fini(&c);
}

/* Half-closed without finish_write: what has come is kept. */
static void test_half(void **state)
{
	char *name = name_of(&digest, "u", false);
	struct kit_call c;

	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, blob.data, 0, 100000, 0, false);
	end_with(&c, RPC_OK);
	assert_int_equal(committed(&c), 100000);
	kit_call_fini(&c);
	assert_query(name, 100000, false);

	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, blob.data, 100000, SIZE, 100000, true);
	end_with(&c, RPC_OK);
	kit_call_fini(&c);
	assert_stored(true);
	assert_no_upload();
}

/* The connection breaks; the client asks, and goes on. */
static void test_resume(void **state)
{
	char *name = name_of(&digest, "u", false);
	struct kit_call c;

	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, blob.data, 0, 100000, 0, false);
	kit_settle_all(&k);
	kit_reconnect(&k);
	kit_call_fini(&c);
	assert_query(name, 100000, false);

	/* Not where it stands: a client that will ask again. */
	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, blob.data, 5000, 6000, 5000, false);
	end_with(&c, RPC_ABORTED);
	kit_call_fini(&c);
	assert_query(name, 100000, false);

	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, blob.data, 100000, SIZE, 100000, true);
	end_with(&c, RPC_OK);
	assert_int_equal(committed(&c), SIZE);
	kit_call_fini(&c);
	assert_stored(true);
}

static void test_again_from_the_start(void **state)
{
	char *name = name_of(&digest, "u", false);
	struct kit_call c;

	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, blob.data, 0, 100000, 0, false);
	kit_settle_all(&k);
	kit_reconnect(&k);
	kit_call_fini(&c);
	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, blob.data, 0, SIZE, 0, true);
	end_with(&c, RPC_OK);
	kit_call_fini(&c);
	assert_stored(true);
	assert_no_upload();
}

static void test_in_use(void **state)
{
	char *name = name_of(&digest, "u", false);
	struct kit_call a, b;

	kit_call_start(&k, WRITE, &a);
	pieces(&a, name, blob.data, 0, 100000, 0, false);
	kit_settle_all(&k);
	assert_query(name, 100000, false);
	kit_call_start(&k, WRITE, &b);
	assert_true(piece(&b, name, 0, blob.data, 10, false));
	end_with(&b, RPC_ABORTED);
	kit_call_fini(&b);
	pieces(&a, NULL, blob.data, 100000, SIZE, 100000, true);
	end_with(&a, RPC_OK);
	kit_call_fini(&a);
	assert_stored(true);
}

static void test_compressed(void **state)
{
	AUTO(buf_fini) struct buf z = BUF_INIT, rest = BUF_INIT;
	char *name = name_of(&digest, "u", true);
	struct kit_call c;
	bool complete;
	size_t stands;

	memset(blob.data, 'x', 150000);
	assert_int_equal(cas_digest_of(blob.data, SIZE, &digest), 0);
	name = name_of(&digest, "u", true);
	assert_int_equal(zstream_compress(blob.data, SIZE, &z), 0);
	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, z.data, 0, z.len, 0, true);
	end_with(&c, RPC_OK);
	assert_int_equal(committed(&c), z.len);
	kit_call_fini(&c);
	assert_stored(true);
	assert_query(name, SIZE, true);
	assert_int_equal(cas_drop(k.service.cas, &digest), 0);

	/* Broken, and resumed at an offset of the blob. */
	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, z.data, 0, z.len / 2, 0, false);
	kit_settle_all(&k);
	kit_reconnect(&k);
	kit_call_fini(&c);
	stands = (size_t)query(name, &complete);
	assert_false(complete);
	assert_in_range(stands, 1, SIZE - 1);
	assert_int_equal(zstream_compress(blob.data + stands, SIZE - stands, &rest), 0);
	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, rest.data, 0, rest.len, stands, true);
	end_with(&c, RPC_OK);
	assert_int_equal(committed(&c), stands + rest.len);
	kit_call_fini(&c);
	assert_stored(true);
	assert_int_equal(cas_drop(k.service.cas, &digest), 0);

	/* Not zstd; and one that ends within a frame. */
	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, blob.data, 0, SIZE, 0, true);
	end_with(&c, RPC_INVALID_ARGUMENT);
	kit_call_fini(&c);
	kit_call_start(&k, WRITE, &c);
	pieces(&c, name, z.data, 0, z.len - 1, 0, true);
	end_with(&c, RPC_INVALID_ARGUMENT);
	kit_call_fini(&c);
	assert_stored(false);
	assert_no_upload();
}

static void test_quota(void **state)
{
	AUTO(buf_fini) struct buf other = BUF_INIT;
	struct cas_digest d[5];
	struct kit_call c[5];

	for (unsigned i = 0; i < 5; i++) {
		kit_blob(10 + i, 1 << 20, &other, &d[i]);
		kit_call_start(&k, WRITE, &c[i]);
		assert_true(piece(&c[i], name_of(&d[i], "u", false), 0, other.data, PIECE, false));
		kit_settle_all(&k);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_false(c[i].ended);
	kit_wait(&k, &c[4]);
	assert_int_equal(c[4].status, RPC_RESOURCE_EXHAUSTED);
	kit_reconnect(&k);
	for (unsigned i = 0; i < 5; i++)
		kit_call_fini(&c[i]);
}

/* All of one blob, at once; and the client does not wait for any. */
static void test_same_blob(void **state)
{
	enum { N = 20 };
	struct kit_call c[N];
	char uuid[8];

	kit_stop(&k);
	kit_start(&k, NULL);
	for (unsigned i = 0; i < N; i++)
		kit_call_start(&k, WRITE, &c[i]);
	for (size_t at = 0; at < SIZE; at += PIECE) {
		for (unsigned i = 0; i < N; i++) {
			snprintf(uuid, sizeof(uuid), "u%u", i);
			piece(&c[i], at == 0 ? name_of(&digest, uuid, false) : NULL, (int64_t)at,
				blob.data + at, MIN((size_t)PIECE, SIZE - at), at + PIECE >= SIZE);
		}
	}
	for (unsigned i = 0; i < N; i++) {
		end_with(&c[i], RPC_OK);
		assert_int_equal(committed(&c[i]), SIZE);
		kit_call_fini(&c[i]);
	}
	assert_stored(true);
	assert_no_upload();
}

/* Cancelled while the pool writes for it. */
static void test_cancelled(void **state)
{
	char *name = name_of(&digest, "u", false);
	struct kit_call c;

	kit_call_start(&k, WRITE, &c);
	assert_true(piece(&c, name, 0, blob.data, 200000, false));
	kit_carry(&k);
	assert_int_equal(k.service.n_offloaded, 1);
	rpc_call_cancel(c.call);
	kit_carry(&k);
	assert_true(c.ended);
	kit_settle_all(&k);
	kit_call_fini(&c);
	assert_query(name, 200000, false);
	assert_int_equal(cas_upload_expire(k.service.cas, UINT64_MAX, 0), 1);
	assert_query(name, 0, false);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_write),
		TEST(test_present),
		TEST(test_refused),
		TEST(test_refused_later),
		TEST(test_half),
		TEST(test_resume),
		TEST(test_again_from_the_start),
		TEST(test_in_use),
		TEST(test_compressed),
		TEST(test_quota),
		TEST(test_same_blob),
		TEST(test_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
