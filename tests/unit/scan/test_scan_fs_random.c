/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "scan/fs.h"
#include "scan/view.h"
#include "world.h"

/*
 * Ten thousand random edits of a small tree with links, hard links and directories. After each, a
 * few dozen of the paths through it are compared with the truth, in three views at once: with
 * watches, without, and with fewer watches than there are directories. SCAN_SEED repeats a run.
 */

enum {
	EDITS = 10000,
	PATHS = 400,
	LOOKS = 18, /* for each view and edit */
	NAME_MAX_LEN = 64,
	FEW_WATCHES = 8,
};

static uint64_t seed;

static unsigned pick(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static const char *const names[] = {"a", "b", "c", "d"};

/* One to four names deep, as a place for an edit. */
static void pick_place(char *ret, unsigned depth)
{
	unsigned n = 1 + pick(depth);

	*ret = '\0';
	for (unsigned i = 0; i < n; i++) {
		strcat(ret, i ? "/" : "");
		strcat(ret, names[pick(ARRAY_SIZE(names))]);
	}
}

/* The same with ".", ".." and slashes, as a path to be looked at. */
static void pick_path(char *ret)
{
	unsigned n = 1 + pick(5);

	*ret = '\0';
	for (unsigned i = 0; i < n; i++) {
		unsigned what = pick(12);

		strcat(ret, i ? "/" : "");
		strcat(ret, what == 0 ? "." : what <= 2 ? ".." : names[pick(ARRAY_SIZE(names))]);
	}
	if (pick(8) == 0)
		strcat(ret, "/");
}

/* Links lead out of the world, too; what is there is looked at, but not for us to edit. */
static bool is_ours(const char *place)
{
	char above[NAME_MAX_LEN], real[PATH_MAX];
	const char *slash = strrchr(place, '/');

	(void)snprintf(above, sizeof(above), "%.*s/.", slash ? (int)(slash - place) : 1,
		slash ? place : ".");
	return realpath(above, real) && str_starts(real, world_root()) &&
	       strchr("/", real[strlen(world_root())]);
}

static void write_in_place(const char *path, int flags)
{
	AUTO(util_close) int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | flags, 0644);
	struct timespec times[2];
	struct stat st;
	char byte = (char)('a' + pick(4));

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	(void)!pwrite(fd, &byte, 1, pick(2));
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	if (pick(2))
		(void)futimens(fd, times);
}

static void make_link(const char *path)
{
	char text[NAME_MAX_LEN], absolute[PATH_MAX];

	pick_path(text);
	if (pick(4) == 0) {
		char here[PATH_MAX / 2];

		assert_non_null(getcwd(here, sizeof(here)));
		(void)snprintf(absolute, sizeof(absolute), "%s/%s", here, text);
		(void)!symlink(absolute, path);
	} else {
		(void)!symlink(text, path);
	}
}

static void edit(void)
{
	char a[NAME_MAX_LEN], b[NAME_MAX_LEN];

	pick_place(a, 4);
	pick_place(b, 4);
	if (!is_ours(a) || !is_ours(b))
		return;
	switch (pick(16)) {
	case 0:
	case 1:
	case 2:
		write_in_place(a, O_CREAT);
		break;
	case 3:
	case 4:
		write_in_place(a, 0);
		break;
	case 5:
		(void)unlink(a);
		break;
	case 6:
	case 7:
		(void)rename(a, b);
		break;
	case 8:
		(void)renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
		break;
	case 9:
		(void)unlink(a);
		make_link(a);
		break;
	case 10:
		make_link(a);
		break;
	case 11:
		(void)!link(a, b);
		break;
	case 12:
	case 13:
		(void)mkdir(a, 0755);
		break;
	case 14:
		(void)rmdir(a);
		break;
	default:
		if (pick(4) == 0)
			(void)!fs_remove_tree(a);
		break;
	}
}

static void an_edit_is_never_missed(void **state)
{
	struct scan_fs views[3];
	struct scan_path *paths[ARRAY_SIZE(views)][PATHS];
	const char *given = getenv("SCAN_SEED");
	uint64_t first = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);

	(void)fprintf(stderr, "SCAN_SEED=%llu\n", (unsigned long long)first);
	seed = first;
	for (size_t v = 0; v < ARRAY_SIZE(views); v++)
		assert_int_equal(scan_fs_init(views + v, v == 1 ? SCAN_FS_NO_WATCH : 0), 0);
	views[2].state->watches_max = FEW_WATCHES;
	for (size_t i = 0; i < PATHS; i++) {
		char path[NAME_MAX_LEN];

		pick_path(path);
		for (size_t v = 0; v < ARRAY_SIZE(views); v++)
			paths[v][i] = world_path(views + v, path);
	}
	for (unsigned e = 0; e < EDITS; e++) {
		for (unsigned n = pick(8) ? 1 : 3; n > 0; n--)
			edit();
		for (size_t v = 0; v < ARRAY_SIZE(views); v++) {
			unsigned from = pick(PATHS);

			assert_int_equal(scan_fs_refresh(views + v), 0);
			for (unsigned k = 0; k < LOOKS; k++)
				if (!world_true(views + v, paths[v][(from + k) % PATHS]))
					fail_msg("edit %u, view %zu", e, v);
		}
	}
	for (size_t v = 0; v < ARRAY_SIZE(views); v++)
		scan_fs_fini(views + v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_edit_is_never_missed, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
