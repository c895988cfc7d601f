/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/sha.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/fs.h"

static const char *world; /* its path */

/* What others mount meanwhile would be a change of everything. (Without root nobody mounts.) */
static void leave_other_mounts(void)
{
	if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fprintf(stderr, "mounts of others are seen: %s\n", strerror(errno));
}

int world_setup(void **state)
{
	char name[] = "/tmp/test_scan_XXXXXX";

	leave_other_mounts();
	umask(022);
	if (!mkdtemp(name) || chmod(name, 0755) < 0 || chdir(name) < 0)
		return -1;
	world = *state = strdup(name);
	return 0;
}

int world_teardown(void **state)
{
	int r = chdir("/") < 0 ? -1 : fs_remove_tree(*state);

	free(*state);
	return r;
}

const char *world_root(void)
{
	return world;
}

void world_put(const char *path, const char *text)
{
	AUTO(util_close) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
}

void world_link(const char *path, const char *text)
{
	assert_int_equal(symlink(text, path), 0);
}

void world_empty(void)
{
	DIR *d = opendir(".");
	const struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d)))
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			assert_int_equal(fs_remove_tree(e->d_name), 0);
	closedir(d);
}

void world_fill(void)
{
	char absolute[PATH_MAX];

	assert_int_equal(mkdir("src", 0755), 0);
	assert_int_equal(mkdir("src/sub", 0755), 0);
	assert_int_equal(mkdir("inc", 0755), 0);
	assert_int_equal(mkdir("inc/deep", 0755), 0);
	assert_int_equal(mkdir("other", 0755), 0);
	world_put("src/a.h", "a\n");
	world_put("src/b.h", "b\n");
	world_put("src/empty.h", "");
	world_put("src/sub/c.h", "c\n");
	world_put("inc/x.h", "x\n");
	world_put("inc/deep/y.h", "y\n");
	world_put("other/x.h", "x of other\n");
	world_put("other/h.h", "hard\n");
	assert_int_equal(link("other/h.h", "src/h.h"), 0);
	world_link("src/l.h", "../inc/x.h");
	world_link("src/chain.h", "l.h");
	world_link("src/dangling.h", "nowhere/at/all");
	world_link("src/loop", "loop");
	world_link("src/ping", "pong");
	world_link("src/pong", "ping");
	world_link("src/slash", "a.h/");
	world_link("current", "inc");
	world_link("src/up", "../current/deep");
	(void)snprintf(absolute, sizeof(absolute), "%s/inc/", world);
	world_link("abs", absolute);
	assert_int_equal(mkfifo("src/fifo", 0644), 0);
}

const char *const world_paths[] = {
	"",
	"src",
	"src/",
	"src/.",
	"src//",
	"src/..",
	"src/../..",
	".",
	"..",
	"../../../../..",
	"src/a.h",
	"src/a.h/",
	"src/a.h/.",
	"src/a.h/..",
	"src/a.h/x",
	"src/b.h",
	"src/./b.h",
	"src//b.h",
	"src/sub/../a.h",
	"src/sub/c.h",
	"src/empty.h",
	"src/fifo",
	"src/fifo/",
	"inc/x.h",
	"inc/deep/y.h",
	"inc/deep/../x.h",
	"other/x.h",
	"other/h.h",
	"src/h.h",
	"src/l.h",
	"src/l.h/",
	"src/chain.h",
	"src/dangling.h",
	"src/loop",
	"src/loop/x",
	"src/ping",
	"src/slash",
	"current",
	"current/",
	"current/x.h",
	"current/../src/a.h",
	"current/deep/y.h",
	"src/up",
	"src/up/y.h",
	"src/up/../x.h",
	"src/up/../../src/chain.h",
	"abs",
	"abs/x.h",
	"abs/deep/../../src/b.h",
	"abs/../current/deep/y.h",
	"src/new.h",
	"src/sub/new.h",
	"src/sub/b.h",
	"inc/new.h",
	"new",
	"new/x.h",
	"new/../src/a.h",
	"nowhere/x.h",
	"src/moved.h",
	"other/deep/y.h",
	"current/new.h",
	"src/up/new.h",
	"src/a name of more than 255 bytes "
	"......................................................................"
	"......................................................................"
	"......................................................................"
	"......................................................................",
};
const size_t world_paths_n = ARRAY_SIZE(world_paths);

struct scan_path *world_path(struct scan_fs *fs, const char *path)
{
	struct scan_path *p;

	assert_int_equal(scan_fs_path(fs, world, strlen(world), path, strlen(path), &p), 0);
	return p;
}

static enum scan_kind kind_of(const char *path, struct stat *st)
{
	if (stat(path, st) < 0)
		return errno == EACCES ? SCAN_UNREADABLE : SCAN_NONE;
	return S_ISREG(st->st_mode)   ? SCAN_FILE
	       : S_ISDIR(st->st_mode) ? SCAN_DIRECTORY
				      : SCAN_OTHER;
}

static bool lie(const struct scan_path *p, const char *what)
{
	(void)fprintf(stderr, "%s: wrong %s\n", p->path, what);
	return false;
}

static bool true_content(struct scan_fs *fs, struct scan_path *p, const struct stat *st)
{
	AUTO(buf_fini) struct buf truth = BUF_INIT;
	struct scan_content *c;
	uint8_t digest[32];
	int r = fs_read_file(p->path, &truth);

	if (scan_fs_content(fs, p, &c, NULL) != r)
		return lie(p, "outcome of reading");
	if (r < 0)
		return true;
	if (c != p->inode->content || c->size != truth.len || p->inode->size != st->st_size)
		return lie(p, "size");
	SHA256((const uint8_t *)buf_str(&truth), truth.len, digest);
	if (memcmp(digest, c->digest, sizeof(digest)) != 0)
		return lie(p, "digest");
	if (p->inode->mtime.tv_sec != st->st_mtim.tv_sec ||
		p->inode->mtime.tv_nsec != st->st_mtim.tv_nsec)
		return lie(p, "mtime");
	return true;
}

bool world_true(struct scan_fs *fs, struct scan_path *p)
{
	char real[PATH_MAX];
	struct stat st;
	enum scan_kind kind = kind_of(p->path, &st);
	const char *says;

	if (scan_fs_prove(fs, p) != 0)
		return lie(p, "outcome");
	if (p->kind != kind)
		return lie(p, "kind");
	if (kind != SCAN_FILE && kind != SCAN_DIRECTORY)
		return !p->inode || lie(p, "inode");
	if (p->inode->ino != st.st_ino || p->inode->dev != st.st_dev)
		return lie(p, "inode");
	says = scan_fs_real(fs, p);
	if (!says || !realpath(p->path, real) || !str_eq(says, real))
		return lie(p, "real path");
	return kind != SCAN_FILE || true_content(fs, p, &st);
}

void world_expect(struct scan_fs *fs)
{
	assert_int_equal(scan_fs_refresh(fs), 0);
	for (size_t i = 0; i < world_paths_n; i++)
		assert_true(world_true(fs, world_path(fs, world_paths[i])));
}
