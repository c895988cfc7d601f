/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "place.h"
#include "sandbox/inputroot.h"

static const uint8_t digest[INPUTROOT_DIGEST_SIZE] = {1}, other[INPUTROOT_DIGEST_SIZE] = {2};

/* A store with two blobs; what place was asked for. */
struct store {
	unsigned linked, copied, fail_at;
};

static int place(void *ctx, const struct inputroot_entry *e, int dir_fd, const char *name, bool own)
{
	struct store *s = ctx;
	AUTO(util_close) int fd = -1;

	if (s->fail_at > 0 && --s->fail_at == 0)
		return -ENOSPC;
	if (!own && !e->has_mtime) {
		s->linked++;
		return linkat(AT_FDCWD, e->blob, dir_fd, name, 0) < 0 ? -errno : 0;
	}
	s->copied++;
	fd = open(e->blob, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : inputroot_copy(fd, dir_fd, name);
}

static int build(struct store *s, const char *name, const struct inputroot_entry *e, size_t n)
{
	AUTO(util_close) int here = place_here();
	const struct inputroot_source source = {place, s};
	const struct inputroot_options options = {.uid = geteuid(), .gid = getegid()};
	const char *const parents[] = {"", "out/deep"};

	return inputroot_build(
		here, name, e, n, parents, ARRAY_SIZE(parents), &source, &options, NULL);
}

static struct stat look(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st;
}

static void put_blobs(void)
{
	place_put("blob", "content");
	place_put("blob2", "more");
	assert_int_equal(chmod("blob", 0444), 0);
	assert_int_equal(chmod("blob2", 0444), 0);
}

static void builds_a_tree(void **state)
{
	const struct inputroot_entry entries[] = {
		{.path = "z/deep/f", .kind = INPUTROOT_FILE, .blob = "blob", .digest = digest},
		{.path = "a", .kind = INPUTROOT_FILE, .blob = "blob2", .digest = other},
		{.path = "z/l",
			.kind = INPUTROOT_SYMLINK,
			.target = "../../out",
			.has_mtime = true,
			.mtime = {.tv_sec = 5}},
		{.path = "z",
			.kind = INPUTROOT_DIRECTORY,
			.has_mtime = true,
			.mtime = {.tv_sec = 77, .tv_nsec = 3}},
		{.path = "z/deep/x",
			.kind = INPUTROOT_FILE,
			.blob = "blob",
			.executable = true,
			.has_mtime = true,
			.mtime = {.tv_sec = 9, .tv_nsec = 8}},
		{.path = "empty", .kind = INPUTROOT_DIRECTORY, .has_mode = true, .mode = 0700},
	};
	struct store s = {0};

	put_blobs();
	assert_int_equal(build(&s, "t", entries, ARRAY_SIZE(entries)), 0);
	assert_int_equal(s.linked, 2);
	assert_int_equal(s.copied, 1);
	assert_int_equal(look("t/z/deep/f").st_ino, look("blob").st_ino);
	assert_int_equal(look("t/z/deep/x").st_mode & 07777, 0555);
	assert_int_equal(look("t/z/deep/x").st_mtim.tv_sec, 9);
	assert_int_equal(look("t/z/deep/x").st_mtim.tv_nsec, 8);
	assert_int_equal(look("t/z").st_mtim.tv_sec, 77);
	assert_int_equal(look("t/z").st_mtim.tv_nsec, 3);
	assert_int_equal(look("t/z/l").st_mtim.tv_sec, 5);
	assert_true(S_ISLNK(look("t/z/l").st_mode));
	assert_int_equal(look("t/empty").st_mode & 07777, 0700);
	assert_true(S_ISDIR(look("t/out/deep").st_mode));
	assert_int_equal(look("blob").st_mode & 07777, 0444);
}

/* The second path of a blob is a copy, with another time, which is the same each time. */
static void gives_each_path_an_inode(void **state)
{
	const struct inputroot_entry entries[] = {
		{.path = "a.h", .kind = INPUTROOT_FILE, .blob = "blob", .digest = digest},
		{.path = "b.h", .kind = INPUTROOT_FILE, .blob = "blob", .digest = digest},
		{.path = "c.h", .kind = INPUTROOT_FILE, .blob = "blob", .digest = digest},
	};
	struct store s = {0};
	ino_t ino[3];

	put_blobs();
	assert_int_equal(build(&s, "t", entries, ARRAY_SIZE(entries)), 0);
	assert_int_equal(build(&s, "u", entries, ARRAY_SIZE(entries)), 0);
	assert_int_equal(s.linked, 2);
	assert_int_equal(s.copied, 4);
	ino[0] = look("t/a.h").st_ino;
	ino[1] = look("t/b.h").st_ino;
	ino[2] = look("t/c.h").st_ino;
	assert_true(ino[0] != ino[1] && ino[1] != ino[2] && ino[0] != ino[2]);
	assert_true(look("t/b.h").st_mtime != look("t/c.h").st_mtime);
	assert_true(look("t/b.h").st_mtime != look("t/a.h").st_mtime);
	assert_int_equal(look("t/b.h").st_mtime, look("u/b.h").st_mtime);
}

static void refuses_lists(void **state)
{
	static const struct inputroot_entry cases[][2] = {
		{{.path = "l", .kind = INPUTROOT_SYMLINK, .target = ".."},
			{.path = "l/x", .kind = INPUTROOT_FILE, .blob = "blob"}},
		{{.path = "l", .kind = INPUTROOT_SYMLINK, .target = "/tmp"},
			{.path = "l", .kind = INPUTROOT_DIRECTORY}},
		{{.path = "f", .kind = INPUTROOT_FILE, .blob = "blob"},
			{.path = "f", .kind = INPUTROOT_FILE, .blob = "blob"}},
		{{.path = "f", .kind = INPUTROOT_FILE, .blob = "blob"},
			{.path = "f", .kind = INPUTROOT_SYMLINK, .target = "x"}},
		{{.path = "f", .kind = INPUTROOT_FILE, .blob = "blob"},
			{.path = "f/g", .kind = INPUTROOT_DIRECTORY}},
		{{.path = "d", .kind = INPUTROOT_DIRECTORY}, {.path = "../x"}},
		{{.path = "d", .kind = INPUTROOT_DIRECTORY}, {.path = NULL}},
		{{.path = "d", .kind = INPUTROOT_DIRECTORY},
			{.path = "e", .kind = INPUTROOT_SYMLINK, .target = ""}},
		{{.path = "d", .kind = INPUTROOT_DIRECTORY},
			{.path = "d", .kind = INPUTROOT_FILE, .blob = "blob"}},
	};

	put_blobs();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct store s = {0};
		char name[8] = {'t', (char)('0' + i)};

		assert_int_equal(build(&s, name, cases[i], 2), -EINVAL);
	}
	assert_int_equal(access("x", F_OK), -1);
}

static void tells_of_errors(void **state)
{
	const struct inputroot_entry entries[] = {
		{.path = "a", .kind = INPUTROOT_FILE, .blob = "blob"},
		{.path = "b", .kind = INPUTROOT_FILE, .blob = "none"},
	};
	struct store s = {.fail_at = 1};

	put_blobs();
	assert_int_equal(build(&s, "t", entries, 2), -ENOSPC);
	assert_int_equal(build(&s, "u", entries, 2), -ENOENT);
	assert_int_equal(build(&s, "u", entries, 2), -EEXIST);
	assert_int_equal(build(&s, "a/b", entries, 2), -EINVAL);
	assert_int_equal(build(&s, "..", entries, 2), -EINVAL);
}

static void copies_large_files(void **state)
{
	static char text[1 << 20];
	AUTO(buf_fini) struct buf got = BUF_INIT;
	AUTO(util_close) int here = place_here();
	AUTO(util_close) int fd = -1;

	memset(text, 'x', sizeof(text) - 1);
	text[1000] = 'y';
	place_put("big", text);
	fd = open("big", O_RDONLY | O_CLOEXEC);
	assert_int_equal(inputroot_copy(fd, here, "copy"), INPUTROOT_OWNED);
	assert_int_equal(inputroot_copy(fd, here, "copy"), -EEXIST);
	assert_int_equal(inputroot_copy(fd, here, "../copy"), -EINVAL);
	assert_int_equal(fs_read_file("copy", &got), 0);
	assert_int_equal(got.len, sizeof(text) - 1);
	assert_memory_equal(got.data, text, got.len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(builds_a_tree, place_enter, place_leave),
		cmocka_unit_test_setup_teardown(gives_each_path_an_inode, place_enter, place_leave),
		cmocka_unit_test_setup_teardown(refuses_lists, place_enter, place_leave),
		cmocka_unit_test_setup_teardown(tells_of_errors, place_enter, place_leave),
		cmocka_unit_test_setup_teardown(copies_large_files, place_enter, place_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
