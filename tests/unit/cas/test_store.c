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
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "failing.h"
#include "store_kit.h"

#define FILE_COST (CAS_BLOCK + CAS_ENTRY_COST) /* of a blob of up to a block */

static struct cas *open_store(const char *root, uint64_t max_bytes, const char *boot)
{
	const struct cas_options o = {
		.root = root, .max_bytes = max_bytes, .max_blob = max_bytes, .boot_id = boot};
	struct cas *c = NULL;

	assert_int_equal(cas_open(&o, &c), 0);
	return c;
}

static struct cas_digest put(struct cas *c, uint64_t n, size_t size)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest d;

	kit_blob(n, size, &b, &d);
	assert_int_equal(cas_put(c, &d, b.data), 0);
	return d;
}

static struct cas_digest digest_of(uint64_t n, size_t size)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest d;

	kit_blob(n, size, &b, &d);
	return d;
}

static void assert_served(struct cas *c, uint64_t n, size_t size)
{
	AUTO(buf_fini) struct buf b = BUF_INIT, got = BUF_INIT;
	struct cas_digest d;

	kit_blob(n, size, &b, &d);
	assert_int_equal(cas_blob_read(c, &d, 0, UINT64_MAX, &got), 0);
	assert_int_equal(got.len, size);
	assert_memory_equal(buf_str(&got), b.data, size);
}

static void assert_counts_right(struct cas *c, const char *root)
{
	struct cas_stats s;
	uint64_t bytes, files;

	cas_stats(c, &s);
	kit_count(root, &bytes, &files);
	assert_int_equal(s.bytes, bytes);
	assert_int_equal(s.entries, files);
	assert_true(s.bytes <= s.max_bytes);
	assert_int_equal(s.upload_bytes, 0);
}

/* As a process that is killed leaves it. */
static void put_and_die(const char *root, const char *boot, uint64_t first, uint64_t n, size_t size)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct cas *c = open_store(root, 100 << 20, boot);

		for (uint64_t i = first; i < first + n; i++)
			put(c, i, size);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void overwrite(const char *path, bool keep_times)
{
	struct stat st;
	int fd;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(chmod(path, 0644), 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "?!", 2, st.st_size / 2), 2);
	if (keep_times) {
		const struct timespec times[2] = {st.st_atim, st.st_mtim};

		assert_int_equal(futimens(fd, times), 0);
	}
	close(fd);
}

static void test_put_and_read(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000, 3000000};
	struct kit_root *root = *state;
	struct cas *c = open_store(root->path, 100 << 20, NULL);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		AUTO(buf_fini) struct buf part = BUF_INIT;
		struct cas_digest d = digest_of(i, sizes[i]);

		if (sizes[i] > 0)
			assert_int_equal(cas_has(c, &d), CAS_MISSING);
		put(c, i, sizes[i]);
		put(c, i, sizes[i]);
		assert_int_equal(cas_has(c, &d), 0);
		assert_served(c, i, sizes[i]);
		assert_int_equal(cas_blob_read(c, &d, sizes[i], 10, &part), 0);
		assert_int_equal(part.len, 0);
		assert_int_equal(cas_blob_read(c, &d, sizes[i] + 1, 10, &part), -EINVAL);
		if (sizes[i] > 100)
			assert_int_equal(cas_blob_read(c, &d, 50, 40, &part), 0);
		assert_int_equal(part.len, sizes[i] > 100 ? 40 : 0);
		/* The right hash with another size is another blob. */
		d.size++;
		assert_int_equal(cas_has(c, &d), CAS_MISSING);
	}
	assert_counts_right(c, root->path);
	assert_int_equal(cas_close(c), 0);
}

static void test_wrong_and_large(void **state)
{
	struct kit_root *root = *state;
	const struct cas_options o = {.root = root->path, .max_bytes = 1 << 20};
	struct cas *c;
	struct cas_digest d = digest_of(1, 1000);
	AUTO(buf_fini) struct buf b = BUF_INIT;

	assert_int_equal(cas_open(&o, &c), 0);
	kit_blob(2, 1000, &b, &(struct cas_digest){.size = 0});
	assert_int_equal(cas_put(c, &d, b.data), CAS_BAD_DIGEST);
	assert_int_equal(cas_has(c, &d), CAS_MISSING);
	kit_blob(2, (1 << 18) + 1, &b, &d);
	assert_int_equal(cas_put(c, &d, b.data), CAS_TOO_LARGE);
	assert_counts_right(c, root->path);
	assert_int_equal(cas_close(c), 0);
}

static void test_empty_blob(void **state)
{
	struct kit_root *root = *state;
	struct cas *c = open_store(root->path, 1 << 20, NULL);
	AUTO(buf_fini) struct buf got = BUF_INIT;
	AUTO(util_close) int fd = -1;
	struct stat st;

	assert_int_equal(cas_has(c, &cas_digest_empty), 0);
	assert_int_equal(cas_blob_read(c, &cas_digest_empty, 0, 10, &got), 0);
	assert_int_equal(got.len, 0);
	assert_int_equal(cas_blob_open(c, &cas_digest_empty, &fd), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(cas_close(c), 0);
}

static void test_put_fd(void **state)
{
	struct kit_root *root = *state;
	struct cas *c = open_store(root->path, 10 << 20, NULL);
	AUTO(buf_fini) struct buf b = BUF_INIT;
	AUTO(util_close) int fd = memfd_create("output", MFD_CLOEXEC);
	struct cas_digest d, want;

	kit_blob(7, 300000, &b, &want);
	assert_int_equal(fs_write_all(fd, b.data, b.len), 0);
	assert_int_equal(cas_put_fd(c, fd, 299999, &d), CAS_TOO_LARGE);
	assert_int_equal(cas_put_fd(c, fd, 300000, &d), 0);
	assert_true(cas_digest_equal(&d, &want));
	assert_served(c, 7, 300000);
	assert_counts_right(c, root->path);
	assert_int_equal(cas_close(c), 0);
}

/* The oldest go first; what was used last stays; the cap holds after each step. */
static void test_least_recently_used(void **state)
{
	struct kit_root *root = *state;
	struct cas *c = open_store(root->path, 10 * FILE_COST, NULL);
	struct cas_stats s;

	for (uint64_t i = 0; i < 10; i++)
		put(c, i, 100);
	for (uint64_t i = 0; i < 10; i += 2)
		assert_int_equal(cas_has(c, &(struct cas_digest[]){digest_of(i, 100)}[0]), 0);
	for (uint64_t i = 10; i < 15; i++) {
		put(c, i, 100);
		assert_counts_right(c, root->path);
	}
	for (uint64_t i = 0; i < 15; i++) {
		struct cas_digest d = digest_of(i, 100);

		assert_int_equal(cas_has(c, &d), i < 10 && i % 2 ? CAS_MISSING : 0);
	}
	cas_stats(c, &s);
	assert_int_equal(s.evictions, 5);
	assert_int_equal(s.evicted_bytes, 500);
	assert_int_equal(s.entries, 10);
	/* A big one takes several. */
	put(c, 99, 8 * 4096);
	cas_stats(c, &s);
	assert_int_equal(s.entries, 3);
	assert_served(c, 14, 100);
	assert_counts_right(c, root->path);
	assert_int_equal(cas_close(c), 0);
}

static void test_order_survives(void **state)
{
	struct kit_root *root = *state;
	struct cas *c = open_store(root->path, 10 * FILE_COST, NULL);
	struct cas_digest d;

	for (uint64_t i = 0; i < 10; i++)
		put(c, i, 100);
	d = digest_of(0, 100);
	assert_int_equal(cas_has(c, &d), 0);
	assert_int_equal(cas_close(c), 0);
	c = open_store(root->path, 10 * FILE_COST, NULL);
	put(c, 10, 100);
	assert_served(c, 0, 100);
	d = digest_of(1, 100);
	assert_int_equal(cas_has(c, &d), CAS_MISSING);
	assert_counts_right(c, root->path);
	assert_int_equal(cas_close(c), 0);
	/* A smaller cap than last time. */
	c = open_store(root->path, 3 * FILE_COST, NULL);
	assert_int_equal(kit_settle(c), 0);
	assert_counts_right(c, root->path);
	assert_served(c, 0, 100);
	assert_served(c, 10, 100);
	assert_int_equal(cas_close(c), 0);
}

static void test_max_entries(void **state)
{
	struct kit_root *root = *state;
	const struct cas_options o = {.root = root->path, .max_bytes = 1 << 30, .max_entries = 5};
	struct cas *c;
	struct cas_stats s;

	assert_int_equal(cas_open(&o, &c), 0);
	for (uint64_t i = 0; i < 20; i++)
		put(c, i, 10);
	cas_stats(c, &s);
	assert_int_equal(s.entries, 5);
	assert_served(c, 19, 10);
	assert_served(c, 15, 10);
	assert_int_equal(cas_close(c), 0);
}

static void test_altered_file(void **state)
{
	struct kit_root *root = *state;
	struct cas *c = open_store(root->path, 1 << 20, NULL);
	struct cas_stats s;
	char path[256];

	for (int keep_times = 0; keep_times < 2; keep_times++) {
		struct cas_digest d = put(c, 1, 5000);
		int fd;

		kit_path(root->path, &d, false, path);
		overwrite(path, keep_times);
		assert_int_equal(cas_blob_open(c, &d, &fd), CAS_MISSING);
		assert_int_equal(cas_has(c, &d), CAS_MISSING);
		assert_int_equal(access(path, F_OK), -1);
		assert_counts_right(c, root->path);
	}
	cas_stats(c, &s);
	assert_int_equal(s.bad, 2);
	assert_int_equal(cas_close(c), 0);
}

static void test_harmless_changes(void **state)
{
	struct kit_root *root = *state;
	struct cas *c = open_store(root->path, 1 << 20, NULL);
	struct cas_digest d = put(c, 1, 5000);
	struct cas_stats s;
	struct stat st;
	char path[256];

	kit_path(root->path, &d, false, path);
	assert_int_equal(chmod(path, 0666), 0);
	assert_served(c, 1, 5000);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	cas_stats(c, &s);
	assert_int_equal(s.verified, 1);
	assert_served(c, 1, 5000);
	cas_stats(c, &s);
	assert_int_equal(s.verified, 1);
	/* Removed behind our back, or replaced by what is no file. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(cas_blob_read(c, &d, 0, 9, &(struct buf)BUF_INIT), CAS_MISSING);
	put(c, 1, 5000);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(cas_blob_read(c, &d, 0, 9, &(struct buf)BUF_INIT), CAS_MISSING);
	put(c, 1, 5000);
	assert_served(c, 1, 5000);
	assert_counts_right(c, root->path);
	assert_int_equal(cas_close(c), 0);
}

static void test_one_owner(void **state)
{
	struct kit_root *root = *state;
	const struct cas_options o = {.root = root->path, .max_bytes = 1 << 20};
	struct cas *c = open_store(root->path, 1 << 20, NULL), *other;

	assert_int_equal(cas_open(&o, &other), CAS_IN_USE);
	assert_int_equal(cas_close(c), 0);
	assert_int_equal(cas_open(&o, &other), 0);
	assert_int_equal(cas_close(other), 0);
}

static void rewrite(const char *root, const char *name, size_t at, const char *bytes, size_t n)
{
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, (off_t)at), n);
	close(fd);
}

static void test_newer(void **state)
{
	struct kit_root *root = *state;
	const struct cas_options o = {.root = root->path, .max_bytes = 1 << 20};
	struct cas *c = open_store(root->path, 1 << 20, NULL);

	put(c, 1, 10);
	assert_int_equal(cas_close(c), 0);
	rewrite(root->path, "state", 11, "2", 1);
	assert_int_equal(cas_open(&o, &c), CAS_NEWER);
	rewrite(root->path, "state", 11, "1", 1);
	rewrite(root->path, "index", 16, "\2", 1);
	assert_int_equal(cas_open(&o, &c), CAS_NEWER);
	rewrite(root->path, "index", 16, "\1", 1);
	c = open_store(root->path, 1 << 20, NULL);
	assert_served(c, 1, 10);
	assert_int_equal(cas_close(c), 0);
}

static void test_killed(void **state)
{
	struct kit_root *root = *state;
	struct cas *c;
	struct cas_stats s;

	put_and_die(root->path, "a", 0, 20, 5000);
	rewrite(root->path, "tmp/17", 0, "half", 4);
	c = open_store(root->path, 100 << 20, "a");
	for (uint64_t i = 0; i < 20; i++)
		assert_served(c, i, 5000);
	cas_stats(c, &s);
	assert_int_equal(s.verified, 0); /* the same boot: what was written is there */
	assert_int_equal(kit_settle(c), 0);
	cas_stats(c, &s);
	assert_false(s.searching);
	assert_int_equal(s.adopted + s.lost, 0);
	assert_counts_right(c, root->path);
	assert_int_equal(cas_close(c), 0);
}

/* The machine went: files may be empty, torn, gone; the index too. */
static void test_power_lost(void **state)
{
	struct kit_root *root = *state;
	struct cas *c;
	struct cas_stats s;
	char path[256];
	struct cas_digest d;

	put_and_die(root->path, "a", 0, 20, 5000);
	for (uint64_t i = 0; i < 4; i++) {
		d = digest_of(i, 5000);
		kit_path(root->path, &d, false, path);
		if (i == 0)
			assert_int_equal(unlink(path), 0);
		else if (i == 1)
			assert_int_equal(truncate(path, 0), 0);
		else if (i == 2)
			assert_int_equal(truncate(path, 4999), 0);
		else
			overwrite(path, true);
	}
	rewrite(root->path, "index", 80 * 11, "torn", 4); /* blob 10 */
	c = open_store(root->path, 100 << 20, "b");
	for (uint64_t i = 0; i < 12; i++) {
		d = digest_of(i, 5000);
		if (i < 4)
			assert_int_equal(cas_has(c, &d), CAS_MISSING);
		else
			assert_served(c, i, 5000);
	}
	cas_stats(c, &s);
	assert_int_equal(s.verified, 8);
	assert_int_equal(s.bad, 3);
	assert_int_equal(s.adopted, 1);
	assert_int_equal(kit_settle(c), 0);
	assert_counts_right(c, root->path);
	/* Who is not verified yet stays so over a clean end, and who is stays trusted. */
	assert_int_equal(cas_close(c), 0);
	c = open_store(root->path, 100 << 20, "b");
	for (uint64_t i = 4; i < 20; i++)
		assert_served(c, i, 5000);
	cas_stats(c, &s);
	assert_int_equal(s.verified, 8);
	assert_int_equal(cas_close(c), 0);
}

static void test_index_broken(void **state)
{
	struct kit_root *root = *state;
	struct cas *c = open_store(root->path, 100 << 20, NULL);
	struct cas_stats s;
	char path[256];

	for (uint64_t i = 0; i < 50; i++)
		put(c, i, 3000);
	assert_int_equal(cas_close(c), 0);
	rewrite(root->path, "index", 0, "rubbish", 7);
	snprintf(path, sizeof(path), "%s/blobs/00", root->path);
	assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
	rewrite(root->path, "blobs/00/README", 0, "foreign", 7);
	c = open_store(root->path, 100 << 20, NULL);
	assert_served(c, 7, 3000);
	assert_int_equal(kit_settle(c), 0);
	cas_stats(c, &s);
	assert_int_equal(s.entries, 50);
	assert_int_equal(s.adopted, 50);
	for (uint64_t i = 0; i < 50; i++)
		assert_served(c, i, 3000);
	snprintf(path, sizeof(path), "%s/index.broken", root->path);
	assert_int_equal(access(path, F_OK), 0);
	snprintf(path, sizeof(path), "%s/blobs/00/README", root->path);
	assert_int_equal(unlink(path), 0);
	assert_counts_right(c, root->path);
	assert_int_equal(cas_close(c), 0);
}

/* Entries whose files are gone after a crash are found by the search. */
static void test_lost(void **state)
{
	struct kit_root *root = *state;
	struct cas *c;
	struct cas_stats s;
	char path[256];

	put_and_die(root->path, "a", 0, 10, 100);
	for (uint64_t i = 0; i < 3; i++) {
		struct cas_digest d = digest_of(i, 100);

		kit_path(root->path, &d, false, path);
		assert_int_equal(unlink(path), 0);
	}
	c = open_store(root->path, 100 << 20, "a");
	put(c, 0, 100);
	assert_int_equal(kit_settle(c), 0);
	cas_stats(c, &s);
	assert_int_equal(s.lost, 2);
	assert_int_equal(s.entries, 8);
	assert_served(c, 0, 100);
	assert_counts_right(c, root->path);
	assert_int_equal(cas_close(c), 0);
}

static void test_drop(void **state)
{
	struct kit_root *root = *state;
	struct cas *c = open_store(root->path, 1 << 20, NULL);
	struct cas_digest d = put(c, 1, 10);

	assert_int_equal(cas_drop(c, &d), 0);
	assert_int_equal(cas_drop(c, &d), CAS_MISSING);
	assert_int_equal(cas_has(c, &d), CAS_MISSING);
	put(c, 1, 10);
	assert_served(c, 1, 10);
	assert_counts_right(c, root->path);
	assert_int_equal(cas_close(c), 0);
}

static void test_no_memory(void **state)
{
	struct kit_root *root = *state;
	const struct cas_options o = {.root = root->path, .max_bytes = 1 << 20};

	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest d;

	kit_blob(1, 10, &b, &d);
	for (unsigned n = 1; failing_start(n); n++) {
		struct cas *c = NULL;
		bool failed;
		int r, fd = -1;

		r = cas_open(&o, &c);
		if (r == 0)
			r = cas_put(c, &d, b.data);
		if (r == 0)
			r = cas_blob_open(c, &d, &fd);
		failed = failing_stop();
		/* Without the boot id it does without. */
		assert_true(r == 0 || (failed && r == -ENOMEM));
		util_close(&fd);
		if (!c)
			continue;
		put(c, 1, 10);
		assert_int_equal(kit_settle(c), 0);
		assert_counts_right(c, root->path);
		assert_int_equal(cas_drop(c, &d), 0);
		assert_int_equal(cas_close(c), 0);
	}
}

static void test_no_root(void **state)
{
	struct cas_options o = {.root = "/proc/no/such/place", .max_bytes = 1 << 20};
	struct cas *c;

	assert_int_equal(cas_open(&o, &c), -ENOENT);
	o.max_bytes = 0;
	assert_int_equal(cas_open(&o, &c), -EINVAL);
	assert_int_equal(cas_close(NULL), 0);
	assert_string_equal(cas_outcome_text(CAS_NO_SPACE), "no space");
	assert_string_equal(cas_outcome_text(0), "");
	assert_string_equal(cas_outcome_text(1000), "");
}

static int setup(void **state)
{
	struct kit_root *r = malloc(sizeof(*r));

	kit_root_make(r);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	kit_root_remove(*state);
	free(*state);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_put_and_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_and_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty_blob, setup, teardown),
		cmocka_unit_test_setup_teardown(test_put_fd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_least_recently_used, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order_survives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_max_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(test_altered_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_harmless_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_newer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_power_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_index_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_memory, setup, teardown),
		cmocka_unit_test(test_no_root),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
