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
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "cas/lease.h"
#include "failing.h"
#include "store_kit.h"

/* A store and a directory for a job, on one file system. */
struct world {
	struct kit_root root;
	char store[80], job[80];
	struct cas *c;
	int job_fd;
	struct cas_digest a, b; /* 5000 and 200000 bytes, put */
};

enum { A_SIZE = 5000, B_SIZE = 200000, CAP = 1 << 20 };

static struct cas_digest put(struct cas *c, uint64_t n, size_t size)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest d;

	kit_blob(n, size, &b, &d);
	assert_int_equal(cas_put(c, &d, b.data), 0);
	return d;
}

static void open_store(struct world *w)
{
	const struct cas_options o = {.root = w->store, .max_bytes = CAP, .max_blob = CAP};

	assert_int_equal(cas_open(&o, &w->c), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	kit_root_make(&w->root);
	snprintf(w->store, sizeof(w->store), "%s/store", w->root.path);
	snprintf(w->job, sizeof(w->job), "%s/job", w->root.path);
	open_store(w);
	assert_int_equal(mkdir(w->job, 0700), 0);
	w->job_fd = open(w->job, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(w->job_fd >= 0);
	w->a = put(w->c, 1, A_SIZE);
	w->b = put(w->c, 2, B_SIZE);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct cas_stats s;

	cas_stats(w->c, &s);
	assert_int_equal(s.pinned, 0);
	assert_int_equal(s.upload_bytes, 0);
	assert_int_equal(cas_close(w->c), 0);
	close(w->job_fd);
	kit_root_remove(&w->root);
	free(w);
	return 0;
}

static struct cas_lease *new_lease(struct world *w)
{
	struct cas_lease *l;

	assert_int_equal(cas_lease_new(w->c, &l), 0);
	return l;
}

static struct stat stat_of(struct world *w, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(w->job_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

static void assert_content(struct world *w, const char *name, uint64_t n, size_t size)
{
	AUTO(buf_fini) struct buf want = BUF_INIT, got = BUF_INIT;
	AUTO(util_close) int fd = openat(w->job_fd, name, O_RDONLY | O_CLOEXEC);
	struct cas_digest d;

	kit_blob(n, size, &want, &d);
	assert_int_equal(fs_read_fd(fd, &got), 0);
	assert_int_equal(got.len, size);
	assert_memory_equal(got.data, want.data, size);
}

static void alter(struct world *w, const char *name)
{
	struct stat st = stat_of(w, name);
	const struct timespec times[2] = {st.st_atim, st.st_mtim};
	AUTO(util_close) int fd = -1;

	assert_int_equal(fchmodat(w->job_fd, name, 0600, 0), 0);
	fd = openat(w->job_fd, name, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "?", 1, 10), 1);
	assert_int_equal(futimens(fd, times), 0);
	assert_int_equal(fchmod(fd, st.st_mode & 07777), 0);
}

static uint64_t verified(struct world *w)
{
	struct cas_stats s;

	cas_stats(w->c, &s);
	return s.verified;
}

static void assert_counts_right(struct world *w)
{
	struct cas_stats s;
	uint64_t bytes, files;

	cas_stats(w->c, &s);
	kit_count(w->store, &bytes, &files);
	assert_int_equal(s.bytes, bytes);
	assert_int_equal(s.entries, files);
}

static void test_links_and_copies(void **state)
{
	const struct timespec mtime = {.tv_sec = 1234567890, .tv_nsec = 987654321};
	struct world *w = *state;
	struct cas_lease *l = new_lease(w);
	struct cas_digest none = {.size = 3};
	struct stat st, linked;
	size_t altered;

	assert_int_equal(cas_materialise(l, &w->a, w->job_fd, "link", CAS_LINK, NULL), 0);
	linked = stat_of(w, "link");
	assert_int_equal(linked.st_nlink, 2);
	assert_int_equal(linked.st_mode & 07777, 0444);
	assert_int_equal(cas_materialise(l, &w->a, w->job_fd, "copy", 0, NULL), 0);
	st = stat_of(w, "copy");
	assert_int_equal(st.st_nlink, 1);
	assert_true(st.st_ino != linked.st_ino);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(cas_materialise(l, &w->b, w->job_fd, "timed", CAS_LINK, &mtime), 0);
	st = stat_of(w, "timed");
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_mtim.tv_sec, mtime.tv_sec);
	assert_int_equal(st.st_mtim.tv_nsec, mtime.tv_nsec);
	assert_int_equal(cas_materialise(l, &w->b, w->job_fd, "mine",
				 CAS_LINK | CAS_WRITABLE | CAS_EXECUTABLE, NULL),
		0);
	assert_int_equal(stat_of(w, "mine").st_mode & 07777, 0755);
	assert_int_equal(cas_materialise(l, &w->b, w->job_fd, "mine", 0, NULL), -EEXIST);
	assert_int_equal(cas_materialise(l, &w->b, w->job_fd, "mine", CAS_LINK, NULL), -EEXIST);
	assert_int_equal(cas_materialise(l, &none, w->job_fd, "x", CAS_LINK, NULL), CAS_MISSING);
	assert_int_equal(
		cas_materialise(l, &cas_digest_empty, w->job_fd, "empty", CAS_LINK, NULL), 0);
	assert_int_equal(stat_of(w, "empty").st_size, 0);
	assert_content(w, "link", 1, A_SIZE);
	assert_content(w, "copy", 1, A_SIZE);
	assert_content(w, "timed", 2, B_SIZE);
	assert_content(w, "mine", 2, B_SIZE);
	assert_int_equal(cas_lease_verify(l, &altered), 0);
	assert_int_equal(altered, 0);
	assert_int_equal(verified(w), 0);
	assert_counts_right(w);
	cas_lease_free(l);
}

/* Nobody has the plain file: it becomes the executable one, and back. */
static void test_kinds_convert(void **state)
{
	struct world *w = *state;
	struct cas_stats s;

	for (int i = 0; i < 4; i++) {
		struct cas_lease *l = new_lease(w);
		unsigned exec = i % 2 ? 0 : CAS_EXECUTABLE;

		assert_int_equal(
			cas_materialise(l, &w->a, w->job_fd, "f", CAS_LINK | exec, NULL), 0);
		assert_int_equal(stat_of(w, "f").st_mode & 07777, exec ? 0555 : 0444);
		assert_content(w, "f", 1, A_SIZE);
		cas_lease_removing(l);
		assert_int_equal(unlinkat(w->job_fd, "f", 0), 0);
		cas_lease_free(l);
		cas_stats(w->c, &s);
		assert_int_equal(s.entries, 2);
		assert_int_equal(cas_has(w->c, &w->a), 0);
		assert_counts_right(w);
	}
	assert_int_equal(verified(w), 0);
	assert_int_equal(cas_close(w->c), 0);
	open_store(w);
	assert_int_equal(cas_has(w->c, &w->a), 0);
	assert_int_equal(verified(w), 0);
}

/* Both are needed at once: a second file. */
static void test_kinds_both(void **state)
{
	struct world *w = *state;
	struct cas_lease *l = new_lease(w);
	struct cas_stats s;
	char path[256];
	int fd;

	assert_int_equal(cas_materialise(l, &w->a, w->job_fd, "r", CAS_LINK, NULL), 0);
	assert_int_equal(
		cas_materialise(l, &w->a, w->job_fd, "x", CAS_LINK | CAS_EXECUTABLE, NULL), 0);
	assert_int_equal(stat_of(w, "r").st_mode & 07777, 0444);
	assert_int_equal(stat_of(w, "x").st_mode & 07777, 0555);
	assert_true(stat_of(w, "r").st_ino != stat_of(w, "x").st_ino);
	assert_int_equal(stat_of(w, "x").st_nlink, 2);
	assert_content(w, "x", 1, A_SIZE);
	cas_stats(w->c, &s);
	assert_int_equal(s.entries, 3);
	assert_counts_right(w);
	/* One of them is gone: the other will do, at once. */
	kit_path(w->store, &w->a, false, path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(cas_blob_open(w->c, &w->a, &fd), 0);
	close(fd);
	assert_int_equal(cas_lease_add(l, &w->a), 0);
	assert_counts_right(w);
	/* A name that is taken leaves the other kind, and nothing held. */
	assert_int_equal(cas_materialise(l, &w->b, w->job_fd, "x", CAS_LINK | CAS_EXECUTABLE, NULL),
		-EEXIST);
	cas_lease_free(l);
	assert_int_equal(cas_drop(w->c, &w->a), 0);
	assert_int_equal(cas_has(w->c, &w->a), CAS_MISSING);
	assert_counts_right(w);
}

static void test_altered_link(void **state)
{
	struct world *w = *state;
	struct cas_lease *l = new_lease(w);
	size_t altered = 0;

	assert_int_equal(cas_materialise(l, &w->a, w->job_fd, "a", CAS_LINK, NULL), 0);
	assert_int_equal(cas_materialise(l, &w->b, w->job_fd, "b", CAS_LINK, NULL), 0);
	alter(w, "a");
	assert_int_equal(cas_lease_verify(l, &altered), CAS_ALTERED);
	assert_int_equal(altered, 1);
	assert_int_equal(cas_has(w->c, &w->a), CAS_MISSING);
	assert_int_equal(cas_has(w->c, &w->b), 0);
	put(w->c, 1, A_SIZE);
	assert_int_equal(cas_has(w->c, &w->a), 0);
	cas_lease_free(l);
	assert_counts_right(w);
}

/* Nobody calls verify: what was altered is not served all the same. */
static void test_altered_unseen(void **state)
{
	struct world *w = *state;
	struct cas_lease *l = new_lease(w);

	assert_int_equal(cas_materialise(l, &w->a, w->job_fd, "a", CAS_LINK, NULL), 0);
	alter(w, "a");
	assert_int_equal(
		cas_materialise(l, &w->a, w->job_fd, "again", CAS_LINK, NULL), CAS_MISSING);
	cas_lease_free(l);
	assert_int_equal(unlinkat(w->job_fd, "a", 0), 0);
	assert_int_equal(cas_has(w->c, &w->a), CAS_MISSING);
	assert_counts_right(w);
}

/* Links that come and go in the announced way cost no hashing; others cost one. */
static void test_removed_links(void **state)
{
	struct world *w = *state;
	struct cas_lease *l = new_lease(w), *other;
	int fd;

	assert_int_equal(cas_materialise(l, &w->a, w->job_fd, "1", CAS_LINK, NULL), 0);
	cas_lease_removing(l);
	assert_int_equal(unlinkat(w->job_fd, "1", 0), 0);
	other = new_lease(w);
	assert_int_equal(cas_materialise(other, &w->a, w->job_fd, "2", CAS_LINK, NULL), 0);
	cas_lease_free(l);
	assert_int_equal(cas_blob_open(w->c, &w->a, &fd), 0);
	close(fd);
	assert_int_equal(verified(w), 0);
	cas_lease_free(other);
	assert_int_equal(unlinkat(w->job_fd, "2", 0), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(cas_blob_open(w->c, &w->a, &fd), 0);
		close(fd);
		assert_int_equal(verified(w), 1);
	}
}

static void test_held_is_not_evicted(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct world *w = *state;
	struct cas_lease *l = new_lease(w);
	struct cas_digest d, big;

	assert_int_equal(cas_lease_add(l, &w->a), 0);
	assert_int_equal(cas_lease_add(l, &w->b), 0);
	assert_int_equal(cas_lease_add(l, &w->b), 0);
	for (uint64_t i = 10; i < 40; i++)
		put(w->c, i, 100000);
	assert_int_equal(cas_has(w->c, &w->a), 0);
	assert_int_equal(cas_has(w->c, &w->b), 0);
	d = put(w->c, 50, 500000);
	assert_int_equal(cas_lease_add(l, &d), 0);
	/* There is no room that may be made. */
	kit_blob(51, 500000, &b, &big);
	assert_int_equal(cas_put(w->c, &big, b.data), CAS_NO_SPACE);
	assert_counts_right(w);
	cas_lease_free(l);
	assert_int_equal(cas_put(w->c, &big, b.data), 0);
	assert_counts_right(w);
}

/* Dropped while held: gone for all, and its number is nobody else's until it is let go. */
static void test_dropped_while_held(void **state)
{
	struct world *w = *state;
	struct cas_lease *l = new_lease(w);

	assert_int_equal(cas_lease_add(l, &w->a), 0);
	assert_int_equal(cas_drop(w->c, &w->a), 0);
	assert_int_equal(cas_lease_add(l, &w->a), CAS_MISSING);
	put(w->c, 1, A_SIZE);
	assert_int_equal(cas_lease_add(l, &w->a), 0);
	cas_lease_free(l);
	assert_int_equal(cas_has(w->c, &w->a), 0);
	assert_counts_right(w);
}

static void test_no_memory(void **state)
{
	struct world *w = *state;

	for (unsigned n = 1; failing_start(n); n++) {
		struct cas_lease *l = NULL;
		bool failed;
		int r = cas_lease_new(w->c, &l);

		if (r == 0)
			r = cas_materialise(l, &w->a, w->job_fd, "a", CAS_LINK, NULL);
		if (r == 0)
			r = cas_materialise(
				l, &w->a, w->job_fd, "x", CAS_LINK | CAS_EXECUTABLE, NULL);
		if (r == 0)
			r = cas_materialise(l, &w->b, w->job_fd, "b", 0, NULL);
		failed = failing_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		if (l)
			cas_lease_removing(l);
		unlinkat(w->job_fd, "a", 0);
		unlinkat(w->job_fd, "x", 0);
		unlinkat(w->job_fd, "b", 0);
		cas_lease_free(l);
		assert_counts_right(w);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_links_and_copies),
		TEST(test_kinds_convert),
		TEST(test_kinds_both),
		TEST(test_altered_link),
		TEST(test_altered_unseen),
		TEST(test_removed_links),
		TEST(test_held_is_not_evicted),
		TEST(test_dropped_while_held),
		TEST(test_no_memory),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
