/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/path.h"

/* Each test runs in a directory of its own. */
static int enter_dir(void **state)
{
	char name[] = "/tmp/test_fs_XXXXXX";

	umask(022);
	if (!mkdtemp(name) || chdir(name) < 0)
		return -1;
	*state = strdup(name);
	return 0;
}

static int leave_dir(void **state)
{
	int r = chdir("/") < 0 ? -1 : fs_remove_tree(*state);

	free(*state);
	return r;
}

static void put(const char *path, const char *text)
{
	AUTO(util_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
}

static void expect_file(const char *path, const char *text)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;

	assert_int_equal(fs_read_file(path, &b), 0);
	assert_string_equal(buf_str(&b), text);
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static unsigned count_entries(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void reads_up_to_the_maximum(void **state)
{
	static const size_t sizes[] = {0, 1, 9, 10, 11, 63, 64, 65, 4096, 100000};

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		AUTO(util_free) char *text = calloc(1, sizes[i] + 1);
		AUTO(buf_fini) struct buf roomy = BUF_INIT;
		AUTO(buf_fini) struct buf exact = BUF_INIT_MAX(MAX(sizes[i], (size_t)1));
		AUTO(buf_fini) struct buf tight = BUF_INIT_MAX(MAX(sizes[i], (size_t)2) - 1);

		memset(text, 'x', sizes[i]);
		put("file", text);
		assert_int_equal(buf_append_char(&roomy, '!'), 0);
		assert_int_equal(fs_read_file("file", &roomy), 0);
		assert_int_equal(roomy.len, sizes[i] + 1);
		assert_string_equal(roomy.data + 1, text);
		assert_int_equal(fs_read_file("file", &exact), 0);
		assert_int_equal(exact.len, sizes[i]);
		assert_int_equal(fs_read_file("file", &tight), sizes[i] > 1 ? -E2BIG : 0);
	}
}

/* A pipe does not tell its size beforehand. */
static void reads_pipes_up_to_the_maximum(void **state)
{
	static const size_t maxima[] = {10, 63, 64, 65, 1000, 1999, 2000, 2001};
	char text[2000];

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < ARRAY_SIZE(maxima); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT_MAX(maxima[i]);
		int fds[2];

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		assert_int_equal(fs_write_all(fds[1], text, sizeof(text)), 0);
		close(fds[1]);
		assert_int_equal(fs_read_fd(fds[0], &b), maxima[i] < sizeof(text) ? -E2BIG : 0);
		assert_int_equal(b.len, MIN(maxima[i], sizeof(text)));
		close(fds[0]);
	}
}

static void read_errors(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;

	assert_int_equal(fs_read_file("none", &b), -ENOENT);
	assert_int_equal(fs_read_file(".", &b), -EISDIR);
	assert_int_equal(fs_read_fd(-1, &b), -EBADF);
	assert_int_equal(fs_write_all(-1, "x", 1), -EBADF);
	assert_int_equal(fs_write_all(-1, "x", 0), 0);
}

static void makes_directories(void **state)
{
	struct stat st;

	assert_int_equal(fs_mkdirs("a/b//c/", 0700), 0);
	assert_int_equal(stat("a/b/c", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fs_mkdirs("a/b/c", 0700), 0);
	assert_int_equal(fs_mkdirs("/", 0700), 0);
	assert_int_equal(fs_mkdirs(".", 0700), 0);
	assert_int_equal(fs_mkdirs("", 0700), -ENOENT);
	put("file", "");
	assert_int_equal(fs_mkdirs("file", 0700), -ENOTDIR);
	assert_int_equal(fs_mkdirs("file/x", 0700), -ENOTDIR);
	assert_int_equal(symlink("a", "link"), 0);
	assert_int_equal(fs_mkdirs("link/d", 0700), 0);
	assert_true(exists("a/d"));
}

static void private_directory(void **state)
{
	static const mode_t open_modes[] = {0755, 0750, 0710, 0701, 0777, 0704, 01777};
	struct stat st;

	assert_int_equal(fs_private_dir("own"), 0);
	assert_int_equal(stat("own", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fs_private_dir("own"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(open_modes); i++) {
		assert_int_equal(chmod("own", open_modes[i]), 0);
		assert_int_equal(fs_private_dir("own"), -EPERM);
	}
	assert_int_equal(chmod("own", 0700), 0);
	assert_int_equal(symlink("own", "link"), 0);
	assert_int_equal(fs_private_dir("link"), -EPERM);
	assert_int_equal(symlink("none", "dangling"), 0);
	assert_int_equal(fs_private_dir("dangling"), -EPERM);
	assert_false(exists("none"));
	put("file", "");
	assert_int_equal(chmod("file", 0600), 0);
	assert_int_equal(fs_private_dir("file"), -EPERM);
	assert_int_equal(fs_private_dir("no/such"), -ENOENT);
	if (geteuid() == 0) {
		assert_int_equal(chown("own", 65534, 0), 0);
		assert_int_equal(fs_private_dir("own"), -EPERM);
	}
}

static void removes_trees(void **state)
{
	assert_int_equal(fs_mkdirs("out/keep", 0700), 0);
	put("out/keep/file", "kept");
	assert_int_equal(fs_mkdirs("tree/a/b", 0700), 0);
	put("tree/a/b/file", "");
	put("tree/.hidden", "");
	assert_int_equal(symlink("../out", "tree/link"), 0);
	assert_int_equal(symlink("../../../out/keep/file", "tree/a/b/link"), 0);
	assert_int_equal(mkfifo("tree/fifo", 0600), 0);
	assert_int_equal(fs_remove_tree("tree"), 0);
	assert_false(exists("tree"));
	expect_file("out/keep/file", "kept");

	assert_int_equal(symlink("out", "link"), 0);
	assert_int_equal(fs_remove_tree("link"), 0);
	assert_false(exists("link"));
	expect_file("out/keep/file", "kept");

	assert_int_equal(fs_remove_tree("out/keep/file"), 0);
	assert_int_equal(fs_remove_tree("none"), 0);
	assert_int_equal(count_entries("out/keep"), 0);
}

/* No umask but the caller's counts, and nothing of the file shows before commit. */
static void output_appears_at_once(void **state)
{
	struct fs_output o = FS_OUTPUT_INIT;
	struct stat st;

	umask(077);
	assert_int_equal(fs_output_open("out.o", 0644, &o), 0);
	umask(022);
	assert_false(exists("out.o"));
	assert_int_equal(fs_write_all(o.fd, "new", 3), 0);
	assert_false(exists("out.o"));
	assert_int_equal(fs_output_commit(&o), 0);
	expect_file("out.o", "new");
	assert_int_equal(stat("out.o", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(count_entries("."), 1);
	fs_output_abort(&o);
	expect_file("out.o", "new");
}

static void output_replaces(void **state)
{
	struct fs_output o = FS_OUTPUT_INIT;
	AUTO(util_close) int old = -1;
	char text[8] = "";

	put("out.o", "old");
	old = open("out.o", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fs_output_open("out.o", 0644, &o), 0);
	assert_int_equal(fs_write_all(o.fd, "new", 3), 0);
	expect_file("out.o", "old");
	assert_int_equal(fs_output_commit(&o), 0);
	expect_file("out.o", "new");
	assert_int_equal(count_entries("."), 1);
	/* A reader of the old file keeps it: it was replaced, not written over. */
	assert_int_equal(read(old, text, sizeof(text)), 3);
	assert_string_equal(text, "old");
}

static void rewrites(void **state)
{
	static const char *const texts[] = {"longer than before", "short", "", "again"};
	struct stat before, after;

	assert_int_equal(fs_rewrite("x.d", "new", 3), FS_REWRITE_NEW);
	assert_false(exists("x.d"));
	put("x.d", "old");
	assert_int_equal(chmod("x.d", 0640), 0);
	assert_int_equal(stat("x.d", &before), 0);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(fs_rewrite("x.d", texts[i], strlen(texts[i])), 0);
		expect_file("x.d", texts[i]);
	}
	assert_int_equal(stat("x.d", &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_mode & 07777, 0640);
	assert_int_equal(count_entries("."), 1);

	/* Who has it by another name keeps what is there; a link and a pipe are not written to. */
	assert_int_equal(link("x.d", "y.d"), 0);
	assert_int_equal(symlink("x.d", "link.d"), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_int_equal(fs_rewrite("y.d", "new", 3), FS_REWRITE_NEW);
	assert_int_equal(unlink("y.d"), 0);
	assert_int_equal(fs_rewrite("link.d", "new", 3), FS_REWRITE_NEW);
	assert_int_equal(fs_rewrite("fifo", "new", 3), FS_REWRITE_NEW);
	assert_int_equal(fs_rewrite("dir", "new", 3), FS_REWRITE_NEW);
	expect_file("x.d", "again");
}

static void output_abort_leaves_nothing(void **state)
{
	struct fs_output o = FS_OUTPUT_INIT;

	fs_output_abort(&o);
	assert_int_equal(fs_output_open("out.o", 0644, &o), 0);
	assert_int_equal(fs_write_all(o.fd, "half", 4), 0);
	fs_output_abort(&o);
	fs_output_abort(&o);
	assert_int_equal(o.fd, -1);
	assert_int_equal(count_entries("."), 0);

	put("out.o", "old");
	assert_int_equal(fs_output_open("out.o", 0644, &o), 0);
	fs_output_abort(&o);
	expect_file("out.o", "old");
	assert_int_equal(count_entries("."), 1);
}

/* The way of file systems without nameless files, taken by hand. */
static void output_under_temporary_name(void **state)
{
	struct fs_output o = {.fd = open(".temp", O_RDWR | O_CREAT | O_CLOEXEC, 0600),
		.target = strdup("out.o"),
		.temp = strdup(".temp")};

	put("out.o", "old");
	assert_int_equal(fs_write_all(o.fd, "new", 3), 0);
	assert_int_equal(fs_output_commit(&o), 0);
	expect_file("out.o", "new");
	assert_int_equal(count_entries("."), 1);

	o = (struct fs_output){.fd = open(".temp", O_RDWR | O_CREAT | O_CLOEXEC, 0600),
		.target = strdup("out.o"),
		.temp = strdup(".temp")};
	fs_output_abort(&o);
	expect_file("out.o", "new");
	assert_int_equal(count_entries("."), 1);
}

static void output_links(void **state)
{
	struct fs_output o = FS_OUTPUT_INIT;
	struct stat st;

	put("elsewhere", "kept");
	assert_int_equal(symlink("elsewhere", "out.o"), 0);
	assert_int_equal(fs_output_open("out.o", 0644, &o), 0);
	assert_int_equal(fs_output_commit(&o), 0);
	assert_int_equal(lstat("out.o", &st), 0);
	assert_true(S_ISREG(st.st_mode));
	expect_file("elsewhere", "kept");
}

static void output_errors(void **state)
{
	struct fs_output o = FS_OUTPUT_INIT;

	assert_int_equal(fs_output_open("none/out.o", 0644, &o), -ENOENT);
	assert_int_equal(mkdir("dir", 0700), 0);
	assert_int_equal(fs_output_open("dir", 0644, &o), -EEXIST);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(fs_output_open("fifo", 0644, &o), -EEXIST);
	assert_int_equal(fs_output_open("/dev/null", 0644, &o), -EEXIST);
	put("file", "");
	assert_int_equal(fs_output_open("file/out.o", 0644, &o), -ENOTDIR);
	assert_int_equal(o.fd, -1);

	/* The directory goes away meanwhile: an error, and no descriptor left open. */
	assert_int_equal(fs_output_open("dir/out.o", 0644, &o), 0);
	assert_int_equal(rmdir("dir"), 0);
	assert_int_equal(fs_output_commit(&o), -ENOENT);
	assert_int_equal(o.fd, -1);
	assert_null(o.target);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, enter_dir, leave_dir)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		IN_DIR(reads_up_to_the_maximum),
		IN_DIR(reads_pipes_up_to_the_maximum),
		IN_DIR(read_errors),
		IN_DIR(makes_directories),
		IN_DIR(private_directory),
		IN_DIR(removes_trees),
		IN_DIR(output_appears_at_once),
		IN_DIR(output_replaces),
		IN_DIR(rewrites),
		IN_DIR(output_abort_leaves_nothing),
		IN_DIR(output_under_temporary_name),
		IN_DIR(output_links),
		IN_DIR(output_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
