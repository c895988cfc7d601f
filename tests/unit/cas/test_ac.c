/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/log.h"
#include "cas/ac.h"
#include "failing.h"
#include "store_kit.h"

struct world {
	struct kit_root root;
	struct cas *c;
	struct ac *a;
	char db[128];
};

enum { CAP = 10000 };

static void open_both(struct world *w)
{
	const struct cas_options o = {.root = w->root.path, .max_bytes = 1 << 20};

	assert_int_equal(cas_open(&o, &w->c), 0);
	assert_int_equal(ac_open(w->c, CAP, &w->a), 0);
}

static void close_both(struct world *w)
{
	ac_close(w->a);
	w->a = NULL;
	assert_int_equal(cas_close(w->c), 0);
	w->c = NULL;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	kit_root_make(&w->root);
	snprintf(w->db, sizeof(w->db), "%s/actions.sqlite", w->root.path);
	open_both(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	close_both(w);
	kit_root_remove(&w->root);
	free(w);
	return 0;
}

static struct cas_digest digest(uint64_t n)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest d;

	kit_blob(n, 100, &b, &d);
	return d;
}

static struct cas_digest put_blob(struct world *w, uint64_t n)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest d;

	kit_blob(n, 100, &b, &d);
	assert_int_equal(cas_put(w->c, &d, b.data), 0);
	return d;
}

static void put(struct world *w, uint64_t action, const char *result, size_t n_refs)
{
	struct cas_digest key = digest(action), refs[10];

	for (size_t i = 0; i < n_refs; i++)
		refs[i] = put_blob(w, 1000 + i);
	assert_int_equal(ac_put(w->a, &key, result, strlen(result), refs, n_refs), 0);
}

static void assert_hit(struct world *w, uint64_t action, const char *result)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest key = digest(action);

	assert_int_equal(ac_get(w->a, &key, &b), 0);
	assert_string_equal(buf_str(&b), result);
}

static void assert_miss(struct world *w, uint64_t action)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest key = digest(action);

	assert_int_equal(ac_get(w->a, &key, &b), CAS_MISSING);
	assert_int_equal(b.len, 0);
}

static void sql(struct world *w, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void test_put_and_get(void **state)
{
	struct world *w = *state;
	struct cas_digest key = digest(1);
	struct ac_stats s;

	assert_miss(w, 1);
	put(w, 1, "one", 3);
	put(w, 2, "", 0);
	assert_hit(w, 1, "one");
	assert_hit(w, 2, "");
	key.size++;
	assert_int_equal(ac_drop(w->a, &key), CAS_MISSING);
	put(w, 1, "other", 0);
	assert_hit(w, 1, "other");
	ac_stats(w->a, &s);
	assert_int_equal(s.entries, 2);
	assert_int_equal(s.bytes, 2 * AC_ROW_COST + 5);
	assert_int_equal(s.hits, 3);
	assert_int_equal(s.misses, 1);
	close_both(w);
	open_both(w);
	assert_hit(w, 1, "other");
	assert_hit(w, 2, "");
	ac_stats(w->a, &s);
	assert_int_equal(s.bytes, 2 * AC_ROW_COST + 5);
	key.size--;
	assert_int_equal(ac_drop(w->a, &key), 0);
	assert_miss(w, 1);
}

static void test_incomplete(void **state)
{
	struct world *w = *state;
	struct cas_digest gone = digest(1001);
	struct ac_stats s;

	put(w, 1, "one", 3);
	put(w, 2, "two", 1);
	assert_hit(w, 1, "one");
	assert_int_equal(cas_drop(w->c, &gone), 0);
	assert_miss(w, 1);
	assert_hit(w, 2, "two");
	ac_stats(w->a, &s);
	assert_int_equal(s.incomplete, 1);
	assert_int_equal(s.entries, 1);
	/* The blob alone does not bring it back. */
	put_blob(w, 1001);
	assert_miss(w, 1);
	put(w, 1, "one", 3);
	assert_hit(w, 1, "one");
}

/* A hit is a use of all its blobs: they outlive what was put after them. */
static void test_hit_keeps_blobs(void **state)
{
	struct world *w = *state;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest d;

	put(w, 1, "one", 3);
	for (uint64_t i = 0; i < 30; i++) {
		kit_blob(i, 100000, &b, &d);
		assert_int_equal(cas_put(w->c, &d, b.data), 0);
		assert_hit(w, 1, "one");
	}
}

static void test_cap_and_order(void **state)
{
	struct world *w = *state;
	char big[1001];
	struct ac_stats s;
	struct cas_digest key = digest(1);

	memset(big, 'x', 1000);
	big[1000] = '\0';
	for (uint64_t i = 0; i < 8; i++)
		put(w, i, big, 0);
	assert_hit(w, 0, big);
	close_both(w); /* the use is kept */
	open_both(w);
	put(w, 8, big, 0);
	ac_stats(w->a, &s);
	assert_int_equal(s.evictions, 1);
	assert_true(s.bytes <= CAP);
	assert_hit(w, 0, big);
	assert_miss(w, 1);
	for (uint64_t i = 2; i < 9; i++)
		assert_hit(w, i, big);
	assert_int_equal(ac_put(w->a, &key, big, AC_RESULT_MAX + 1, NULL, 0), CAS_TOO_LARGE);
	assert_int_equal(ac_put(w->a, &key, big, 1, NULL, AC_REFS_MAX + 1), CAS_TOO_LARGE);
	assert_int_equal(ac_maintain(w->a), 0);
}

static void test_many_uses(void **state)
{
	struct world *w = *state;

	put(w, 1, "one", 0);
	put(w, 2, "two", 0);
	for (int i = 0; i < 1000; i++)
		assert_hit(w, 1 + i % 2, i % 2 ? "two" : "one");
}

static void test_rotten_row(void **state)
{
	struct world *w = *state;

	put(w, 1, "one", 2);
	put(w, 2, "two", 2);
	close_both(w);
	sql(w, "UPDATE bodies SET result = 'eno' WHERE result = CAST('one' AS BLOB)");
	open_both(w);
	assert_miss(w, 1);
	assert_hit(w, 2, "two");
	put(w, 1, "new", 0);
	assert_hit(w, 1, "new");
	close_both(w);
	sql(w, "DELETE FROM bodies");
	open_both(w);
	assert_miss(w, 1);
	assert_miss(w, 2);
}

static void test_not_a_database(void **state)
{
	struct world *w = *state;
	char broken[160];
	int fd;

	put(w, 1, "one", 0);
	close_both(w);
	fd = open(w->db, O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, "this was never a database, whatever it is called", 48), 48);
	close(fd);
	open_both(w);
	snprintf(broken, sizeof(broken), "%s.broken", w->db);
	assert_int_equal(access(broken, F_OK), 0);
	assert_miss(w, 1);
	put(w, 1, "one", 0);
	assert_hit(w, 1, "one");
}

static int root_page(struct world *w, const char *table)
{
	sqlite3_stmt *st;
	sqlite3 *db;
	int page;

	assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(
			db, "SELECT rootpage FROM sqlite_master WHERE name = ?1", -1, &st, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_bind_text(st, 1, table, -1, SQLITE_STATIC), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	page = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return page;
}

/* What is broken shows when it is read: at start, or later. */
static void test_broken_pages(void **state)
{
	static const char *const tables[] = {"by_use", "actions", "bodies"};
	struct world *w = *state;

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		char rubbish[4096], broken[160];
		int fd, page;

		snprintf(broken, sizeof(broken), "%s.broken", w->db);
		for (uint64_t i = 0; i < 8; i++)
			put(w, i, "a result", 0);
		close_both(w);
		page = root_page(w, tables[t]);
		memset(rubbish, 0x5a, sizeof(rubbish));
		fd = open(w->db, O_WRONLY | O_CLOEXEC);
		assert_int_equal(pwrite(fd, rubbish, 4096, (page - 1) * 4096), 4096);
		close(fd);
		open_both(w);
		/* A hit does not read `actions`: it may still be one. */
		for (uint64_t i = 0; i < 8; i++) {
			AUTO(buf_fini) struct buf b = BUF_INIT;
			struct cas_digest key = digest(i);
			int r = ac_get(w->a, &key, &b);

			assert_true(r == CAS_MISSING || (r == 0 && t == 1));
			assert_string_equal(buf_str(&b), r == 0 ? "a result" : "");
		}
		put(w, 1, "one", 0);
		assert_hit(w, 1, "one");
		assert_int_equal(unlink(broken), 0);
	}
}

static void test_newer(void **state)
{
	struct world *w = *state;
	struct ac *a;

	put(w, 1, "one", 0);
	close_both(w);
	sql(w, "PRAGMA user_version = 2");
	assert_int_equal(
		cas_open(&(struct cas_options){.root = w->root.path, .max_bytes = 1 << 20}, &w->c),
		0);
	assert_int_equal(ac_open(w->c, CAP, &a), CAS_NEWER);
	sql(w, "PRAGMA user_version = 1");
	assert_int_equal(ac_open(w->c, CAP, &w->a), 0);
	assert_hit(w, 1, "one");
}

static void test_no_memory(void **state)
{
	struct world *w = *state;
	struct cas_digest key = digest(1), ref = put_blob(w, 5);

	close_both(w);
	assert_int_equal(
		cas_open(&(struct cas_options){.root = w->root.path, .max_bytes = 1 << 20}, &w->c),
		0);
	for (unsigned n = 1; failing_start(n); n++) {
		AUTO(buf_fini) struct buf got = BUF_INIT;
		struct ac *a = NULL;
		bool failed;
		int r = ac_open(w->c, CAP, &a);

		if (r == 0)
			r = ac_put(a, &key, "one", 3, &ref, 1);
		if (r == 0)
			r = ac_get(a, &key, &got);
		failed = failing_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		ac_close(a);
	}
	assert_int_equal(ac_open(w->c, CAP, &w->a), 0);
	assert_hit(w, 1, "one");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_put_and_get),
		TEST(test_incomplete),
		TEST(test_hit_keeps_blobs),
		TEST(test_cap_and_order),
		TEST(test_many_uses),
		TEST(test_rotten_row),
		TEST(test_not_a_database),
		TEST(test_broken_pages),
		TEST(test_newer),
		TEST(test_no_memory),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
