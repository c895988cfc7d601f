/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "cas/ac.h"
#include "cas/lease.h"
#include "cas/upload.h"
#include "store_kit.h"

/*
 * A disk that is smaller than the cap: a tmpfs of a few MiB, mounted in a user and mount namespace
 * of a child's own. Skipped where such namespaces are not allowed.
 */

enum { NOT_ALLOWED = 77, BLOB = 300000 };

#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			_exit(EXIT_FAILURE);                                            \
		}                                                                       \
	} while (0)

static bool write_text(const char *path, const char *text)
{
	AUTO(util_close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static void mount_disk(const char *path, const char *options)
{
	char uids[64], gids[64];

	snprintf(uids, sizeof(uids), "0 %u 1", (unsigned)getuid());
	snprintf(gids, sizeof(gids), "0 %u 1", (unsigned)getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
		_exit(NOT_ALLOWED);
	if (!write_text("/proc/self/uid_map", uids) ||
		!write_text("/proc/self/setgroups", "deny") ||
		!write_text("/proc/self/gid_map", gids))
		_exit(NOT_ALLOWED);
	if (mount("tmpfs", path, "tmpfs", 0, options) < 0)
		_exit(NOT_ALLOWED);
}

static struct cas *open_store(const char *root)
{
	const struct cas_options o = {.root = root, .max_bytes = 1 << 30};
	struct cas *c;

	CHECK(cas_open(&o, &c) == 0);
	return c;
}

static void check_store(struct cas *c, const char *root, uint64_t first, uint64_t last)
{
	struct cas_stats s;
	uint64_t bytes, files;

	for (uint64_t n = first; n < last; n++) {
		AUTO(buf_fini) struct buf want = BUF_INIT, got = BUF_INIT;
		struct cas_digest d;
		int r;

		kit_blob(n, BLOB, &want, &d);
		r = cas_blob_read(c, &d, 0, UINT64_MAX, &got);
		CHECK(r == 0 || (r == CAS_MISSING && n + 10 < last));
		if (r == 0)
			CHECK(got.len == want.len && memcmp(got.data, want.data, got.len) == 0);
	}
	cas_stats(c, &s);
	kit_count(root, &bytes, &files);
	CHECK(s.bytes == bytes && s.entries == files);
}

/* Far more than fits: what is old makes way, and every put succeeds. */
static void overfill(const char *root)
{
	struct cas *c = open_store(root);
	struct cas_stats s;

	for (uint64_t n = 0; n < 100; n++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		struct cas_digest d;

		kit_blob(n, BLOB, &b, &d);
		CHECK(cas_put(c, &d, b.data) == 0);
	}
	cas_stats(c, &s);
	CHECK(s.evictions > 50);
	check_store(c, root, 0, 100);
	CHECK(cas_close(c) == 0);
	c = open_store(root);
	check_store(c, root, 0, 100);
	CHECK(cas_close(c) == 0);
}

/* Nothing may make way: a clear outcome, and nothing half-written stays. */
static void held(const char *root)
{
	struct cas *c = open_store(root);
	struct cas_lease *l;
	struct cas_upload *u;
	struct cas_stats s;
	uint64_t n = 0;
	int r = 0;

	CHECK(cas_lease_new(c, &l) == 0);
	for (; r == 0; n++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		struct cas_digest d;

		kit_blob(n, BLOB, &b, &d);
		r = cas_put(c, &d, b.data);
		if (r == 0)
			CHECK(cas_lease_add(l, &d) == 0);
	}
	CHECK(r == CAS_NO_SPACE && n > 20);
	{
		AUTO(buf_fini) struct buf b = BUF_INIT;
		struct cas_upload_request q = {.owner = 1, .key = "k"};

		kit_blob(1000, BLOB, &b, &q.digest);
		CHECK(cas_upload_begin(c, &q, &u) == 0);
		CHECK(cas_upload_write(u, 0, b.data, b.len) == CAS_NO_SPACE);
		cas_upload_abort(u);
	}
	cas_stats(c, &s);
	CHECK(s.upload_bytes == 0 && s.entries == n - 1);
	check_store(c, root, 0, n - 1);
	cas_lease_free(l);
	check_store(c, root, 0, n - 1);
	/* Now there is room again. */
	{
		AUTO(buf_fini) struct buf b = BUF_INIT;
		struct cas_digest d;

		kit_blob(1000, BLOB, &b, &d);
		CHECK(cas_put(c, &d, b.data) == 0);
	}
	CHECK(cas_close(c) == 0);
}

/* Copies for a job on the full disk are the job's misfortune; nothing of them stays. */
static void copies(const char *root)
{
	char path[128];
	struct cas *c;
	struct cas_lease *l;
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest d;
	struct stat st;
	int dir, r = 0;
	unsigned n = 0;

	c = open_store(root);
	snprintf(path, sizeof(path), "%s/job", root);
	CHECK(mkdir(path, 0700) == 0);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	kit_blob(1, BLOB, &b, &d);
	CHECK(cas_put(c, &d, b.data) == 0);
	CHECK(cas_lease_new(c, &l) == 0);
	while (r == 0) {
		snprintf(path, sizeof(path), "%u", n++);
		r = cas_materialise(l, &d, dir, path, 0, NULL);
	}
	CHECK(r == CAS_NO_SPACE && n > 10);
	CHECK(fstatat(dir, path, &st, 0) < 0 && errno == ENOENT);
	CHECK(cas_materialise(l, &d, dir, "link", CAS_LINK, NULL) == 0);
	cas_lease_free(l);
	CHECK(cas_has(c, &d) == 0);
	CHECK(cas_close(c) == 0);
}

/* The action cache on a full disk: a clear outcome or done, never a wrong answer. */
static void actions(const char *root)
{
	const struct cas_options o = {.root = root, .max_bytes = 1 << 30};
	struct cas *c = open_store(root);
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct cas_digest d;
	struct ac *a;
	unsigned failed = 0;

	CHECK(ac_open(c, 1 << 30, &a) == 0);
	for (uint64_t n = 0; n < 60; n++) {
		int r;

		kit_blob(n, BLOB, &b, &d);
		r = ac_put(a, &d, b.data, b.len, NULL, 0);
		CHECK(r == 0 || r == CAS_NO_SPACE);
		failed += r == CAS_NO_SPACE;
	}
	CHECK(failed > 20);
	for (uint64_t n = 0; n < 60; n++) {
		AUTO(buf_fini) struct buf got = BUF_INIT;
		int r;

		kit_blob(n, BLOB, &b, &d);
		r = ac_get(a, &d, &got);
		CHECK(r == 0 || r == CAS_MISSING);
		if (r == 0)
			CHECK(got.len == b.len && memcmp(got.data, b.data, b.len) == 0);
	}
	ac_close(a);
	/* There is no room for a clean end, nor for another start. */
	CHECK(cas_close(c) == -ENOSPC);
	CHECK(cas_open(&o, &c) == CAS_NO_SPACE);
}

static void run(void (*test)(const char *root), const char *options)
{
	struct kit_root root;
	int status;
	pid_t pid;

	kit_root_make(&root);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		mount_disk(root.path, options);
		test(root.path);
		_exit(EXIT_SUCCESS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	kit_root_remove(&root);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_ALLOWED)
		skip();
	assert_int_equal(WEXITSTATUS(status), EXIT_SUCCESS);
}

static void test_full(void **state)
{
	run(overfill, "size=8m");
}

static void test_no_inodes(void **state)
{
	run(overfill, "size=1g,nr_inodes=110");
}

static void test_full_and_held(void **state)
{
	run(held, "size=8m");
}

static void test_copies(void **state)
{
	run(copies, "size=8m");
}

static void test_actions(void **state)
{
	run(actions, "size=8m");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_no_inodes),
		cmocka_unit_test(test_full_and_held),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_actions),
	};

	log_to_fd(-1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
