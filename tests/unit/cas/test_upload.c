/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "cas/upload.h"
#include "cas/zstream.h"
#include "failing.h"
#include "store_kit.h"

enum { SIZE = 300000 };

struct world {
	struct kit_root root;
	struct cas *c;
	struct buf blob;
	struct cas_digest d;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct cas_options o = {.max_bytes = 4 << 20,
		.max_blob = 2 << 20,
		.owner_bytes = 1 << 20,
		.owner_uploads = 3};

	kit_root_make(&w->root);
	o.root = w->root.path;
	assert_int_equal(cas_open(&o, &w->c), 0);
	kit_blob(1, SIZE, &w->blob, &w->d);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct cas_stats s;
	uint64_t bytes, files;

	cas_stats(w->c, &s);
	assert_int_equal(s.uploads, 0);
	assert_int_equal(s.upload_bytes, 0);
	kit_count(w->root.path, &bytes, &files);
	assert_int_equal(s.bytes, bytes);
	assert_int_equal(cas_close(w->c), 0);
	buf_fini(&w->blob);
	kit_root_remove(&w->root);
	free(w);
	return 0;
}

static int begin(struct world *w, uint64_t owner, const char *key, struct cas_upload **ret)
{
	return cas_upload_begin(w->c,
		&(struct cas_upload_request){.owner = owner, .key = key, .digest = w->d}, ret);
}

static void assert_stored(struct world *w)
{
	AUTO(buf_fini) struct buf got = BUF_INIT;

	assert_int_equal(cas_blob_read(w->c, &w->d, 0, SIZE, &got), 0);
	assert_int_equal(got.len, SIZE);
	assert_memory_equal(got.data, w->blob.data, SIZE);
}

static void test_pieces(void **state)
{
	struct world *w = *state;
	struct cas_upload *u, *other;

	assert_int_equal(begin(w, 1, "k", &u), 0);
	assert_int_equal(begin(w, 1, "k", &other), CAS_IN_USE);
	assert_int_equal(cas_upload_write(u, 5, "x", 1), CAS_OFFSET);
	for (size_t at = 0; at < SIZE; at += 16384) {
		assert_int_equal(cas_upload_committed(u), at);
		assert_int_equal(
			cas_upload_write(u, at, w->blob.data + at, MIN((size_t)16384, SIZE - at)),
			0);
	}
	assert_int_equal(cas_has(w->c, &w->d), CAS_MISSING);
	assert_int_equal(cas_upload_finish(u), 0);
	assert_stored(w);
	assert_int_equal(begin(w, 1, "k", &u), CAS_PRESENT);
}

static void test_resume(void **state)
{
	struct world *w = *state;
	struct cas_upload *u;
	uint64_t committed;

	assert_int_equal(cas_upload_query(w->c, 1, "k", &committed), CAS_MISSING);
	assert_int_equal(begin(w, 1, "k", &u), 0);
	assert_int_equal(cas_upload_write(u, 0, w->blob.data, 1000), 0);
	cas_upload_detach(u, 5000);
	assert_int_equal(cas_upload_query(w->c, 2, "k", &committed), CAS_MISSING);
	assert_int_equal(cas_upload_query(w->c, 1, "k", &committed), 0);
	assert_int_equal(committed, 1000);
	assert_int_equal(cas_upload_expire(w->c, 5999, 1000), 0);
	assert_int_equal(begin(w, 1, "k", &u), 0);
	assert_int_equal(cas_upload_committed(u), 1000);
	assert_int_equal(cas_upload_expire(w->c, 99999, 1000), 0); /* is attached */
	assert_int_equal(cas_upload_write(u, 1000, w->blob.data + 1000, SIZE - 1000), 0);
	assert_int_equal(cas_upload_finish(u), 0);
	assert_stored(w);
}

static void test_expire(void **state)
{
	struct world *w = *state;
	struct cas_upload *u;
	uint64_t committed;

	assert_int_equal(begin(w, 1, "a", &u), 0);
	assert_int_equal(cas_upload_write(u, 0, w->blob.data, 1000), 0);
	cas_upload_detach(u, 5000);
	assert_int_equal(begin(w, 1, "b", &u), 0);
	cas_upload_detach(u, 5500);
	assert_int_equal(cas_upload_expire(w->c, 6000, 1000), 1);
	assert_int_equal(cas_upload_query(w->c, 1, "a", &committed), CAS_MISSING);
	assert_int_equal(cas_upload_query(w->c, 1, "b", &committed), 0);
	assert_int_equal(cas_upload_expire(w->c, 6500, 1000), 1);
}

static void test_refused(void **state)
{
	struct world *w = *state;
	struct cas_upload_request q = {.owner = 1, .key = "k", .digest = w->d};
	char long_key[CAS_UPLOAD_KEY_MAX + 2];
	struct cas_upload *u;

	memset(long_key, 'x', sizeof(long_key) - 1);
	long_key[sizeof(long_key) - 1] = '\0';
	assert_int_equal(begin(w, 1, long_key, &u), -EINVAL);
	q.digest.size = (2 << 20) + 1;
	assert_int_equal(cas_upload_begin(w->c, &q, &u), CAS_TOO_LARGE);
	q.digest.size = SIZE;
	assert_int_equal(cas_upload_begin(w->c, &q, &u), 0);
	cas_upload_detach(u, 0);
	q.digest.size--;
	assert_int_equal(cas_upload_begin(w->c, &q, &u), -EINVAL);
	assert_int_equal(cas_upload_expire(w->c, 0, 0), 1);
	/* Too many bytes, too few, wrong ones. */
	assert_int_equal(begin(w, 1, "k", &u), 0);
	assert_int_equal(cas_upload_write(u, 0, w->blob.data, SIZE), 0);
	assert_int_equal(cas_upload_write(u, SIZE, "x", 1), CAS_TOO_LARGE);
	assert_int_equal(cas_upload_write(u, SIZE, "x", 1), -EINVAL);
	cas_upload_abort(u);
	assert_int_equal(begin(w, 1, "k", &u), 0);
	assert_int_equal(cas_upload_write(u, 0, w->blob.data, SIZE - 1), 0);
	assert_int_equal(cas_upload_finish(u), CAS_BAD_DIGEST);
	assert_int_equal(begin(w, 1, "k", &u), 0);
	assert_int_equal(cas_upload_write(u, 0, w->blob.data, SIZE - 1), 0);
	assert_int_equal(cas_upload_write(u, SIZE - 1, "", 1), 0);
	assert_int_equal(cas_upload_finish(u), CAS_BAD_DIGEST);
	assert_int_equal(cas_has(w->c, &w->d), CAS_MISSING);
	cas_upload_abort(NULL);
}

static void test_quota(void **state)
{
	struct world *w = *state;
	struct cas_upload *u[4];

	/* By number, and other owners are not concerned. */
	assert_int_equal(begin(w, 1, "a", &u[0]), 0);
	assert_int_equal(begin(w, 1, "b", &u[1]), 0);
	assert_int_equal(begin(w, 1, "c", &u[2]), 0);
	assert_int_equal(begin(w, 1, "d", &u[3]), CAS_QUOTA);
	assert_int_equal(begin(w, 2, "d", &u[3]), 0);
	for (size_t i = 0; i < 4; i++)
		cas_upload_abort(u[i]);
	/* By bytes: what is announced counts. */
	kit_blob(9, 600000, &w->blob, &w->d);
	assert_int_equal(begin(w, 1, "a", &u[0]), 0);
	assert_int_equal(begin(w, 1, "b", &u[1]), CAS_QUOTA);
	cas_upload_abort(u[0]);
}

/* What is announced takes no room before it comes; what has come is in the cap. */
static void test_room(void **state)
{
	struct world *w = *state;
	struct cas_stats s;
	struct cas_upload *u;

	assert_int_equal(begin(w, 1, "a", &u), 0);
	cas_stats(w->c, &s);
	assert_int_equal(s.upload_bytes, CAS_ENTRY_COST);
	assert_int_equal(s.uploads, 1);
	assert_int_equal(cas_upload_write(u, 0, w->blob.data, 1), 0);
	cas_stats(w->c, &s);
	assert_true(s.upload_bytes >= CAS_ENTRY_COST + 1);
	assert_true(s.upload_bytes <= CAS_ENTRY_COST + SIZE + CAS_BLOCK);
	cas_upload_abort(u);
}

static void test_same_twice(void **state)
{
	struct world *w = *state;
	struct cas_upload *a, *b;
	struct cas_stats s;

	assert_int_equal(begin(w, 1, "a", &a), 0);
	assert_int_equal(begin(w, 2, "a", &b), 0);
	assert_int_equal(cas_upload_write(a, 0, w->blob.data, SIZE), 0);
	assert_int_equal(cas_upload_write(b, 0, w->blob.data, SIZE), 0);
	assert_int_equal(cas_upload_finish(a), 0);
	assert_int_equal(cas_upload_finish(b), 0);
	assert_stored(w);
	cas_stats(w->c, &s);
	assert_int_equal(s.inserts, 1);
}

static int upload_zstd(struct world *w, const void *data, size_t n, size_t piece)
{
	const char *bytes = data;
	struct cas_upload *u;
	int r = cas_upload_begin(w->c,
		&(struct cas_upload_request){.owner = 1, .key = "z", .digest = w->d, .zstd = true},
		&u);

	assert_int_equal(r, 0);
	for (size_t at = 0; at < n; at += piece) {
		assert_int_equal(cas_upload_committed(u), at);
		r = cas_upload_write(u, at, bytes + at, MIN(piece, n - at));
		if (r != 0) {
			cas_upload_abort(u);
			return r;
		}
	}
	return cas_upload_finish(u);
}

static void test_compressed(void **state)
{
	static const size_t pieces[] = {97, 4096, 1 << 20};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
		AUTO(buf_fini) struct buf z = BUF_INIT, bomb = BUF_INIT, two = BUF_INIT;
		char *zeros = calloc(1, SIZE + 1);

		/* Two frames, one after the other, are one stream. */
		assert_int_equal(zstream_compress(w->blob.data, 1000, &two), 0);
		assert_int_equal(zstream_compress(w->blob.data + 1000, SIZE - 1000, &two), 0);
		assert_int_equal(upload_zstd(w, two.data, two.len, pieces[i]), 0);
		assert_stored(w);
		assert_int_equal(cas_drop(w->c, &w->d), 0);
		assert_int_equal(zstream_compress(w->blob.data, SIZE, &z), 0);
		assert_int_equal(upload_zstd(w, z.data, z.len, pieces[i]), 0);
		assert_int_equal(cas_drop(w->c, &w->d), 0);
		assert_int_equal(upload_zstd(w, z.data, z.len - 1, pieces[i]), CAS_BAD_STREAM);
		assert_int_equal(upload_zstd(w, w->blob.data, SIZE, pieces[i]), CAS_BAD_STREAM);
		assert_int_equal(zstream_compress(zeros, SIZE + 1, &bomb), 0);
		assert_int_equal(upload_zstd(w, bomb.data, bomb.len, pieces[i]), CAS_BAD_STREAM);
		assert_int_equal(cas_has(w->c, &w->d), CAS_MISSING);
		free(zeros);
	}
}

/* A stream that breaks within a frame goes on with a frame of its own, at an offset of the blob. */
static void test_compressed_resume(void **state)
{
	static const size_t cuts[] = {0, 1, 100000, SIZE - 1};
	struct world *w = *state;
	const struct cas_upload_request q = {.owner = 1, .key = "z", .digest = w->d, .zstd = true};
	AUTO(buf_fini) struct buf z = BUF_INIT;

	assert_int_equal(zstream_compress(w->blob.data, SIZE, &z), 0);
	for (size_t i = 0; i <= ARRAY_SIZE(cuts); i++) {
		AUTO(buf_fini) struct buf rest = BUF_INIT;
		/* The last: all came but the end of the frame. */
		size_t cut = i < ARRAY_SIZE(cuts) ? MIN(cuts[i], z.len - 1) : z.len;
		struct cas_upload *u;
		uint64_t at;

		assert_int_equal(cas_upload_begin(w->c, &q, &u), 0);
		assert_int_equal(cas_upload_write(u, 0, z.data, cut), 0);
		assert_int_equal(cas_upload_committed(u), cut);
		cas_upload_detach(u, 0);
		assert_int_equal(cas_upload_query(w->c, 1, "z", &at), 0);
		assert_in_range(at, 0, SIZE);
		assert_int_equal(zstream_compress(w->blob.data + at, SIZE - at, &rest), 0);
		assert_int_equal(cas_upload_begin(w->c, &q, &u), 0);
		assert_int_equal(cas_upload_committed(u), at);
		if (at < SIZE)
			assert_int_equal(cas_upload_write(u, at, rest.data, rest.len), 0);
		assert_int_equal(cas_upload_finish(u), 0);
		assert_stored(w);
		assert_int_equal(cas_drop(w->c, &w->d), 0);
	}
}

/* A store that closes takes those with it that nobody has. */
static void test_close(void **state)
{
	struct world *w = *state;
	const struct cas_options o = {
		.root = w->root.path, .max_bytes = 4 << 20, .max_blob = 2 << 20};
	struct cas_upload *u;
	uint64_t at;

	assert_int_equal(begin(w, 1, "k", &u), 0);
	assert_int_equal(cas_upload_write(u, 0, w->blob.data, 1000), 0);
	cas_upload_detach(u, 5000);
	assert_int_equal(cas_close(w->c), 0);
	assert_int_equal(cas_open(&o, &w->c), 0);
	assert_int_equal(cas_upload_query(w->c, 1, "k", &at), CAS_MISSING);
}

static void test_no_memory(void **state)
{
	struct world *w = *state;
	AUTO(buf_fini) struct buf z = BUF_INIT;

	assert_int_equal(zstream_compress(w->blob.data, SIZE, &z), 0);
	for (unsigned n = 1; failing_start(n); n++) {
		struct cas_upload *u = NULL;
		bool failed;
		int r = cas_upload_begin(w->c,
			&(struct cas_upload_request){
				.owner = 1, .key = "z", .digest = w->d, .zstd = true},
			&u);

		if (r == 0) {
			r = cas_upload_write(u, 0, z.data, z.len);
			if (r == 0)
				r = cas_upload_finish(u);
			else
				cas_upload_abort(u);
		}
		failed = failing_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		if (r == 0)
			assert_int_equal(cas_drop(w->c, &w->d), 0);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_pieces),
		TEST(test_resume),
		TEST(test_expire),
		TEST(test_refused),
		TEST(test_quota),
		TEST(test_room),
		TEST(test_same_twice),
		TEST(test_compressed),
		TEST(test_compressed_resume),
		TEST(test_close),
		TEST(test_no_memory),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
