/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/verify.h"
#include "base/fs.h"
#include "base/log.h"

enum { NOW = 1000000000, DAYS = 24 * 3600 };

static char dir[64];

static int set_up(void **state)
{
	log_to_fd(-1);
	strcpy(dir, "/tmp/test-verify-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	return fs_remove_tree(dir);
}

static struct reapi_digest digest(unsigned n)
{
	struct reapi_digest d = {.size = n};

	memcpy(d.hash, &n, sizeof(n));
	return d;
}

static struct verify *opened(const char *where)
{
	struct verify *v;

	assert_int_equal(verify_open(where, &v), 0);
	return v;
}

static void found(struct verify *v, unsigned facts, enum sample_found what, unsigned clean)
{
	struct reapi_digest d = digest(facts);

	verify_found(v, &d, what);
	assert_int_equal(verify_clean(v, &d), clean);
}

static bool doubted(const struct verify *v, unsigned what, int64_t now)
{
	struct reapi_digest d = digest(what);

	return verify_is_doubted(v, &d, now);
}

static void counts_for_each_facts(void **state)
{
	struct verify *v = opened(NULL);

	found(v, 1, SAMPLE_NOT_TOLD, 0);
	found(v, 1, SAMPLE_RIGHT, 1);
	found(v, 2, SAMPLE_RIGHT, 1);
	found(v, 1, SAMPLE_RIGHT, 2);
	found(v, 1, SAMPLE_NOT_TOLD, 2);
	found(v, 2, SAMPLE_DOUBTED, 0);
	found(v, 1, SAMPLE_NOT_TOLD, 2);
	verify_close(v);
}

static void is_known_to_the_next(void **state)
{
	struct reapi_digest action = digest(7);
	struct verify *v = opened(dir);

	for (unsigned i = 0; i < 3; i++)
		found(v, 1, SAMPLE_RIGHT, i + 1);
	verify_doubt(v, &action, "it's \"u.c\"", NOW);
	assert_true(doubted(v, 7, NOW));
	verify_close(v);
	v = opened(dir);
	found(v, 1, SAMPLE_NOT_TOLD, 3);
	found(v, 1, SAMPLE_DOUBTED, 0);
	assert_true(doubted(v, 7, NOW));
	assert_false(doubted(v, 8, NOW));
	verify_close(v);
	v = opened(dir);
	found(v, 1, SAMPLE_NOT_TOLD, 0);
	verify_close(v);
}

static void doubts_end(void **state)
{
	struct reapi_digest action = digest(3), other = digest(4);
	struct verify *v = opened(dir);

	verify_doubt(v, &action, "a", NOW);
	assert_true(doubted(v, 3, NOW + VERIFY_DOUBT_DAYS * DAYS - 1));
	assert_false(doubted(v, 3, NOW + VERIFY_DOUBT_DAYS * DAYS));
	/* One that is doubted again begins anew. */
	verify_doubt(v, &action, "a", NOW + DAYS);
	assert_true(doubted(v, 3, NOW + VERIFY_DOUBT_DAYS * DAYS));
	/* Those that have ended are forgotten. */
	verify_doubt(v, &other, "b", NOW + 100 * DAYS);
	verify_close(v);
	v = opened(dir);
	assert_false(doubted(v, 3, NOW));
	assert_true(doubted(v, 4, NOW));
	verify_close(v);
}

static void has_maxima(void **state)
{
	struct verify *v = opened(NULL);
	struct reapi_digest first;

	for (unsigned i = 0; i < VERIFY_FACTS_MAX; i++)
		found(v, i, SAMPLE_RIGHT, 1);
	found(v, 0, SAMPLE_RIGHT, 2);
	found(v, VERIFY_FACTS_MAX, SAMPLE_RIGHT, 1);
	found(v, 0, SAMPLE_NOT_TOLD, 0);
	for (unsigned i = 0; i <= VERIFY_DOUBTS_MAX; i++) {
		first = digest(i);
		verify_doubt(v, &first, "x", NOW + (i == 9 ? 0 : 1 + (int64_t)i));
	}
	for (unsigned i = 0; i <= VERIFY_DOUBTS_MAX; i++)
		assert_int_equal(doubted(v, i, NOW), i != 9);
	verify_close(v);
}

static void garbage_is_done_without(void **state)
{
	struct reapi_digest action = digest(5);
	struct verify *v;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/verify.sqlite", dir);
	for (unsigned i = 0; i < 2; i++) {
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		assert_int_equal(fs_write_all(fd, "garbage, and no database at all\n", 32), 0);
		close(fd);
		v = opened(dir);
		assert_false(doubted(v, 5, NOW));
		verify_doubt(v, &action, "a", NOW);
		verify_close(v);
		v = opened(dir);
		assert_true(doubted(v, 5, NOW));
		verify_close(v);
	}
	/* There is no such place. */
	snprintf(path, sizeof(path), "%s/verify.sqlite/below", dir);
	v = opened(path);
	verify_doubt(v, &action, "a", NOW);
	assert_true(doubted(v, 5, NOW));
	verify_close(v);
}

static void names_files(void **state)
{
	struct reapi_digest a, b;

	assert_int_equal(verify_file("/a b", "c", &a), 0);
	assert_int_equal(verify_file("/a", "b c", &b), 0);
	assert_false(reapi_digest_eq(&a, &b));
	assert_int_equal(verify_file("/a", "b c", &a), 0);
	assert_true(reapi_digest_eq(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_for_each_facts),
		cmocka_unit_test_setup_teardown(is_known_to_the_next, set_up, tear_down),
		cmocka_unit_test_setup_teardown(doubts_end, set_up, tear_down),
		cmocka_unit_test(has_maxima),
		cmocka_unit_test_setup_teardown(garbage_is_done_without, set_up, tear_down),
		cmocka_unit_test(names_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
