/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/fs.h"
#include "scan/fs.h"
#include "world.h"

/* What a path leads to, and that it is seen at once when that changes, with watches and without. */

static const unsigned modes[] = {0, SCAN_FS_NO_WATCH};

static void start(struct scan_fs *fs, unsigned flags)
{
	assert_int_equal(scan_fs_init(fs, flags), 0);
}

static void every_kind_is_told(void **state)
{
	static const struct {
		const char *path;
		enum scan_kind kind;
	} table[] = {
		{"src/a.h", SCAN_FILE},
		{"src/a.h/", SCAN_NONE},
		{"src/a.h/x", SCAN_NONE},
		{"src/a.h/..", SCAN_NONE},
		{"src", SCAN_DIRECTORY},
		{"src/", SCAN_DIRECTORY},
		{"src/fifo", SCAN_OTHER},
		{"src/dangling.h", SCAN_NONE},
		{"src/loop", SCAN_NONE},
		{"src/ping", SCAN_NONE},
		{"src/slash", SCAN_NONE},
		{"src/chain.h", SCAN_FILE},
		{"src/up/../x.h", SCAN_FILE},
		{"src/up/..", SCAN_DIRECTORY},
		{"abs/x.h", SCAN_FILE},
		{"nowhere/..", SCAN_NONE},
		{"/dev/null", SCAN_OTHER},
		{"/", SCAN_DIRECTORY},
		{"/proc/self/exe", SCAN_UNREADABLE},
		{"/proc/self/status", SCAN_UNREADABLE},
	};

	world_fill();
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		AUTO(scan_fs_fini) struct scan_fs fs;

		start(&fs, modes[m]);
		for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
			struct scan_path *p = world_path(&fs, table[i].path);

			assert_int_equal(scan_fs_prove(&fs, p), 0);
			if (p->kind != table[i].kind)
				fail_msg("%s: kind %d", p->path, (int)p->kind);
		}
		world_expect(&fs);
	}
}

static void as_many_links_as_the_kernel_follows(void **state)
{
	char name[32], text[32];

	world_put("l0", "end\n");
	for (int i = 1; i <= 42; i++) {
		(void)snprintf(name, sizeof(name), "l%d", i);
		(void)snprintf(text, sizeof(text), "l%d", i - 1);
		world_link(name, text);
	}
	assert_int_equal(mkdir("d", 0755), 0);
	world_put("d/f", "");
	world_link("d/l", "../d");
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		AUTO(scan_fs_fini) struct scan_fs fs;
		char deep[256] = "d";

		start(&fs, modes[m]);
		for (int i = 38; i <= 42; i++) {
			(void)snprintf(name, sizeof(name), "l%d", i);
			assert_true(world_true(&fs, world_path(&fs, name)));
		}
		for (int i = 1; i <= 42; i++) {
			strcat(deep, "/l");
			assert_true(world_true(&fs, world_path(&fs, deep)));
		}
		strcat(deep, "/f");
		assert_true(world_true(&fs, world_path(&fs, deep)));
	}
}

static void paths_are_spelled_and_interned(void **state)
{
	AUTO(scan_fs_fini) struct scan_fs fs;
	struct scan_path *p, *q;
	char longest[SCAN_FS_PATH_MAX + 1];

	start(&fs, SCAN_FS_NO_WATCH);
	assert_int_equal(scan_fs_path(&fs, "/src/", 5, "a.h", 3, &p), 0);
	assert_string_equal(p->path, "/src/a.h");
	assert_int_equal(p->len, 8);
	assert_int_equal(p->id, 0);
	assert_int_equal(scan_fs_path(&fs, "/src", 4, "a.hpp", 3, &q), 0);
	assert_ptr_equal(p, q);
	assert_int_equal(scan_fs_path(&fs, "/src", 4, "./a.h", 5, &q), 0);
	assert_ptr_not_equal(p, q);
	assert_string_equal(q->path, "/src/./a.h");
	assert_int_equal(q->id, 1);
	assert_int_equal(scan_fs_path(&fs, "/src", 4, "/src/a.h", 8, &q), 0);
	assert_ptr_equal(p, q);
	assert_int_equal(scan_fs_path(&fs, "", 0, "src", 3, &q), 0);
	assert_string_equal(q->path, "/src");
	assert_int_equal(scan_fs_path(&fs, "/", 1, "", 0, &q), 0);
	assert_string_equal(q->path, "/");
	assert_int_equal(scan_fs_path(&fs, "src", 3, "a.h", 3, &q), -EINVAL);
	assert_int_equal(scan_fs_path(&fs, "/src", 4, "a\0h", 3, &q), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(
		scan_fs_path(&fs, "/", 1, longest, SCAN_FS_PATH_MAX - 1, &q), -ENAMETOOLONG);
	assert_int_equal(scan_fs_path(&fs, "/", 1, longest, SCAN_FS_PATH_MAX - 2, &q), 0);
	assert_int_equal(scan_fs_prove(&fs, q), 0);
	assert_int_equal(q->kind, SCAN_NONE);
}

/* Changes: each is applied to a fresh tree that a view knows well. */

static void put_in_place(const char *path, const char *text)
{
	AUTO(util_close) int fd = open(path, O_WRONLY | O_CLOEXEC);
	struct stat st;
	struct timespec times[2];

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(pwrite(fd, text, strlen(text), 0), (int)strlen(text));
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(futimens(fd, times), 0);
}

static void replace_by(const char *path, const char *text)
{
	world_put("temporary", text);
	assert_int_equal(rename("temporary", path), 0);
}

static void replace_link(const char *path, const char *text)
{
	world_link("temporary", text);
	assert_int_equal(rename("temporary", path), 0);
}

static void shadowing_file(void)
{
	world_put("src/new.h", "new\n");
}

static void deleted_file(void)
{
	assert_int_equal(unlink("src/a.h"), 0);
}

static void renamed_over(void)
{
	replace_by("src/a.h", "A\n");
}

static void renamed_away(void)
{
	assert_int_equal(rename("src/b.h", "src/moved.h"), 0);
}

static void exchanged(void)
{
	assert_int_equal(renameat2(AT_FDCWD, "src/a.h", AT_FDCWD, "src/b.h", RENAME_EXCHANGE), 0);
}

static void exchanged_directories(void)
{
	assert_int_equal(renameat2(AT_FDCWD, "inc", AT_FDCWD, "other", RENAME_EXCHANGE), 0);
}

static void repointed_first(void)
{
	replace_link("current", "other");
}

static void repointed_middle(void)
{
	replace_link("src/up", "../other");
}

static void repointed_last(void)
{
	replace_link("src/l.h", "../other/x.h");
}

static void dangling_filled(void)
{
	assert_int_equal(mkdir("src/nowhere", 0755), 0);
	assert_int_equal(mkdir("src/nowhere/at", 0755), 0);
	world_put("src/nowhere/at/all", "found\n");
}

static void loop_cut(void)
{
	assert_int_equal(unlink("src/pong"), 0);
	world_put("src/pong", "pong\n");
}

static void directory_replaced(void)
{
	assert_int_equal(rename("inc", "old"), 0);
	assert_int_equal(mkdir("inc", 0755), 0);
	world_put("inc/x.h", "X\n");
}

static void directory_replaced_by_link(void)
{
	assert_int_equal(rename("inc/deep", "inc/old"), 0);
	world_link("inc/deep", "../src/sub");
	world_put("src/sub/y.h", "another y\n");
}

static void directory_moved_deeper(void)
{
	assert_int_equal(rename("inc/deep", "other/deep"), 0);
}

static void directory_back_and_forth(void)
{
	assert_int_equal(rename("inc", "old"), 0);
	assert_int_equal(rename("other", "inc"), 0);
	assert_int_equal(rename("inc", "other"), 0);
	assert_int_equal(rename("old", "inc"), 0);
}

static void directory_deleted(void)
{
	assert_int_equal(fs_remove_tree("inc"), 0);
}

static void directory_deleted_and_made(void)
{
	assert_int_equal(fs_remove_tree("inc"), 0);
	assert_int_equal(mkdir("inc", 0755), 0);
	world_put("inc/new.h", "new\n");
}

static void file_in_place_of_directory(void)
{
	assert_int_equal(fs_remove_tree("src/sub"), 0);
	world_put("src/sub", "no directory\n");
}

static void directory_in_place_of_file(void)
{
	assert_int_equal(unlink("src/a.h"), 0);
	assert_int_equal(mkdir("src/a.h", 0755), 0);
	world_put("src/a.h/x", "x\n");
}

static void fifo_replaced(void)
{
	assert_int_equal(unlink("src/fifo"), 0);
	world_put("src/fifo", "no fifo\n");
}

static void written_in_place(void)
{
	put_in_place("src/a.h", "z\n");
}

static void appended(void)
{
	AUTO(util_close) int fd = open("inc/deep/y.h", O_WRONLY | O_APPEND | O_CLOEXEC);

	assert_int_equal(fs_write_all(fd, "more\n", 5), 0);
}

static void cut(void)
{
	assert_int_equal(truncate("inc/x.h", 1), 0);
}

static void touched(void)
{
	assert_int_equal(utimensat(AT_FDCWD, "src/b.h", NULL, 0), 0);
}

static void written_by_other_name(void)
{
	put_in_place("other/h.h", "Hard\n");
}

/* The second name is made after the first was read, where nobody looks. */
static void linked_and_written(void)
{
	assert_int_equal(mkdir("unseen", 0755), 0);
	assert_int_equal(link("src/a.h", "unseen/a.h"), 0);
	put_in_place("unseen/a.h", "!\n");
}

static void linked_from_elsewhere(void)
{
	assert_int_equal(mkdir("unseen", 0755), 0);
	assert_int_equal(link("inc/x.h", "unseen/x.h"), 0);
	assert_int_equal(rename("unseen/x.h", "src/moved.h"), 0);
	world_put("src/moved.h", "written\n");
}

static const struct {
	const char *name;
	void (*make)(void);
} changes[] = {
#define CHANGE(f)     \
	{             \
#f, f \
	}
	CHANGE(shadowing_file),
	CHANGE(deleted_file),
	CHANGE(renamed_over),
	CHANGE(renamed_away),
	CHANGE(exchanged),
	CHANGE(exchanged_directories),
	CHANGE(repointed_first),
	CHANGE(repointed_middle),
	CHANGE(repointed_last),
	CHANGE(dangling_filled),
	CHANGE(loop_cut),
	CHANGE(directory_replaced),
	CHANGE(directory_replaced_by_link),
	CHANGE(directory_moved_deeper),
	CHANGE(directory_back_and_forth),
	CHANGE(directory_deleted),
	CHANGE(directory_deleted_and_made),
	CHANGE(file_in_place_of_directory),
	CHANGE(directory_in_place_of_file),
	CHANGE(fifo_replaced),
	CHANGE(written_in_place),
	CHANGE(appended),
	CHANGE(cut),
	CHANGE(touched),
	CHANGE(written_by_other_name),
	CHANGE(linked_and_written),
	CHANGE(linked_from_elsewhere),
};

static void each_change_is_seen_at_once(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
			AUTO(scan_fs_fini) struct scan_fs fs;

			world_fill();
			start(&fs, modes[m]);
			world_expect(&fs);
			world_expect(&fs);
			changes[i].make();
			(void)fprintf(stderr, "after %s, mode %zu\n", changes[i].name, m);
			world_expect(&fs);
			world_expect(&fs);
			world_empty();
		}
	}
}

/* A step down for a test that permissions are to stop; the superuser passes everywhere. */
static void become_nobody(void)
{
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(".", 65534, 65534), 0);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0); /* else /proc/self/fd is root's */
}

static void become_root_again(void)
{
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
}

static void permissions_are_obeyed(void **state)
{
	static const mode_t permissions[] = {0, 0100, 0400, 0300, 0500, 0600, 0700};

	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		AUTO(scan_fs_fini) struct scan_fs fs;

		become_nobody();
		world_fill();
		start(&fs, modes[m]);
		world_expect(&fs);
		for (size_t i = 0; i < ARRAY_SIZE(permissions); i++) {
			assert_int_equal(chmod("inc", permissions[i]), 0);
			world_expect(&fs);
			assert_int_equal(chmod("src/b.h", permissions[i]), 0);
			world_expect(&fs);
			if (permissions[i] & 0200)
				(void)mkdir("inc/new.h", 0755);
			world_expect(&fs);
		}
		become_root_again();
		world_empty();
	}
}

static uint64_t calls(const struct scan_fs *fs)
{
	const struct scan_fs_stats *s = scan_fs_stats(fs);

	return s->stats + s->listings + s->reads + s->links_read;
}

static void a_warm_look_up_is_no_system_call(void **state)
{
	AUTO(scan_fs_fini) struct scan_fs fs;
	uint64_t before, generation;

	world_fill();
	start(&fs, 0);
	world_expect(&fs);
	before = calls(&fs);
	generation = fs.generation;
	for (int i = 0; i < 3; i++)
		world_expect(&fs);
	assert_int_equal(calls(&fs), before);
	assert_int_equal(fs.generation, generation);
	/* After a change only what it is about is asked for. */
	world_put("src/new.h", "new\n");
	world_expect(&fs);
	assert_int_not_equal(fs.generation, generation);
	assert_in_range(calls(&fs) - before, 1, 6);
}

static void nobody_asked_nothing_changes(void **state)
{
	AUTO(scan_fs_fini) struct scan_fs fs;
	uint64_t before, generation;
	struct scan_path *p;

	world_fill();
	start(&fs, 0);
	world_expect(&fs);
	before = calls(&fs);
	generation = fs.generation;
	world_put("src/a.o", "object");
	world_put("src/a.o", "another object");
	assert_int_equal(rename("src/a.o", "src/b.o"), 0);
	assert_int_equal(unlink("src/b.o"), 0);
	assert_int_equal(mkdir("src/a.dir", 0755), 0);
	assert_int_equal(chmod("src/a.dir", 0700), 0);
	assert_true(scan_fs_stats(&fs)->events == 0);
	world_expect(&fs);
	assert_true(scan_fs_stats(&fs)->events > 0);
	assert_int_equal(fs.generation, generation);
	assert_int_equal(calls(&fs), before);
	/* But the listing knows. */
	p = world_path(&fs, "src/a.dir");
	assert_true(world_true(&fs, p));
	assert_int_equal(p->kind, SCAN_DIRECTORY);
}

static void probes_in_vain_cost_one_listing(void **state)
{
	AUTO(scan_fs_fini) struct scan_fs fs;
	const struct scan_fs_stats *stats;
	uint64_t before;
	char name[32];

	world_fill();
	start(&fs, 0);
	stats = scan_fs_stats(&fs);
	assert_true(world_true(&fs, world_path(&fs, "src")));
	before = stats->listings;
	for (int i = 0; i < 500; i++) {
		(void)snprintf(name, sizeof(name), "src/probe%d.h", i);
		assert_true(world_true(&fs, world_path(&fs, name)));
	}
	assert_int_equal(stats->listings - before, 1);
	assert_in_range(stats->stats, 1, 32);
	world_put("src/probe77.h", "there\n");
	world_put("src/probe777.h", "there\n");
	assert_int_equal(scan_fs_refresh(&fs), 0);
	assert_true(world_true(&fs, world_path(&fs, "src/probe77.h")));
	assert_true(world_true(&fs, world_path(&fs, "src/probe777.h")));
}

static void overflow_makes_all_unknown(void **state)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(scan_fs_fini) struct scan_fs fs;
	unsigned long limit;

	assert_int_equal(buf_reserve(&text, 32), 0);
	assert_int_equal(fs_read_file("/proc/sys/fs/inotify/max_queued_events", &text), 0);
	limit = strtoul(buf_str(&text), NULL, 10);
	if (limit > 200000)
		skip();
	world_fill();
	start(&fs, 0);
	world_expect(&fs);
	for (unsigned long i = 0; i <= limit / 2; i++) {
		world_put("src/a.o", "");
		assert_int_equal(unlink("src/a.o"), 0);
	}
	/* None of these is told any more. */
	directory_replaced();
	renamed_over();
	written_by_other_name();
	repointed_middle();
	world_expect(&fs);
	assert_true(scan_fs_stats(&fs)->overflows > 0);
	/* And all is watched as before. */
	exchanged();
	put_in_place("src/b.h", "y\n");
	put_in_place("other/h.h", "HARD\n");
	directory_deleted();
	world_expect(&fs);
}

static void equal_bytes_are_one_content(void **state)
{
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		AUTO(scan_fs_fini) struct scan_fs fs;
		struct scan_content *a, *b, *h, *o;
		uint64_t serial;

		world_fill();
		world_put("src/b.h", "a\n");
		start(&fs, modes[m]);
		world_expect(&fs);
		assert_int_equal(scan_fs_content(&fs, world_path(&fs, "src/a.h"), &a, NULL), 0);
		assert_int_equal(scan_fs_content(&fs, world_path(&fs, "src/b.h"), &b, NULL), 0);
		assert_int_equal(scan_fs_content(&fs, world_path(&fs, "src/h.h"), &h, NULL), 0);
		assert_int_equal(scan_fs_content(&fs, world_path(&fs, "other/h.h"), &o, NULL), 0);
		assert_ptr_equal(a, b);
		assert_ptr_not_equal(a, h);
		assert_ptr_equal(h, o);
		assert_ptr_equal(
			world_path(&fs, "src/h.h")->inode, world_path(&fs, "other/h.h")->inode);
		/* An editor that writes what was there: the derived is not lost. */
		serial = h->serial;
		replace_by("src/h.h", "hard\n");
		assert_int_equal(unlink("other/h.h"), 0);
		world_expect(&fs);
		assert_int_equal(scan_fs_content(&fs, world_path(&fs, "src/h.h"), &h, NULL), 0);
		assert_int_equal(h->serial, serial);
		world_empty();
	}
}

static unsigned dropped;

static void drop(void *derived)
{
	free(derived);
	dropped++;
}

static void contents_go_at_a_refresh(void **state)
{
	for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
		AUTO(scan_fs_fini) struct scan_fs fs;
		struct scan_content *c;
		struct scan_path *p;
		char *data;

		dropped = 0;
		world_fill();
		start(&fs, modes[m]);
		fs.drop_derived = drop;
		p = world_path(&fs, "src/a.h");
		assert_true(world_true(&fs, p));
		assert_int_equal(scan_fs_content(&fs, p, &c, &data), 0);
		assert_string_equal(data, "a\n");
		free(data);
		c->derived = malloc(1);
		assert_int_equal(scan_fs_content(&fs, p, &c, &data), 0);
		assert_null(data);
		assert_int_equal(scan_fs_reread(&fs, p, &data), 0);
		assert_string_equal(data, "a\n");
		free(data);
		renamed_over();
		assert_int_equal(scan_fs_reread(&fs, p, &data), -ESTALE);
		assert_int_equal(dropped, 0);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(scan_fs_refresh(&fs), 0);
			assert_true(world_true(&fs, p));
		}
		assert_int_equal(dropped, 1);
		assert_int_equal(scan_fs_content(&fs, p, &c, NULL), 0);
		c->derived = malloc(1);
		scan_fs_fini(&fs);
		assert_int_equal(dropped, 2);
		start(&fs, 0);
		world_empty();
	}
}

/* With the bytes and without, around the size of the pieces in which a file is read. */
static void digests_are_of_all_bytes(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, (1 << 17) - 1, 1 << 17, (1 << 17) + 1, 400001};

	world_fill();
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		AUTO(util_free) char *text = malloc(sizes[i] + 1), *data = NULL;
		uint8_t digest[32];

		assert_non_null(text);
		for (size_t k = 0; k < sizes[i]; k++)
			text[k] = (char)('a' + (k / 100 + k) % 26);
		text[sizes[i]] = '\0';
		world_put("large", text);
		assert_int_equal(EVP_Digest(text, sizes[i], digest, NULL, EVP_sha256(), NULL), 1);
		for (int wanted = 0; wanted < 2; wanted++) {
			AUTO(scan_fs_fini) struct scan_fs fs;
			struct scan_content *c;
			struct scan_path *p;

			start(&fs, 0);
			p = world_path(&fs, "large");
			assert_true(world_true(&fs, p));
			assert_int_equal(scan_fs_content(&fs, p, &c, wanted ? &data : NULL), 0);
			assert_int_equal(c->size, sizes[i]);
			assert_memory_equal(c->digest, digest, sizeof(digest));
		}
		assert_string_equal(data, text);
	}
	world_empty();
}

struct told {
	unsigned links, directories;
	char last[PATH_MAX];
};

static int tell(void *arg, enum scan_step what, const char *path, const char *text)
{
	struct told *t = arg;

	t->links += what == SCAN_STEP_LINK;
	t->directories += what == SCAN_STEP_DIRECTORY;
	(void)snprintf(t->last, sizeof(t->last), "%s>%s", path, text ? text : "");
	return str_ends(path, "/src/up") ? 7 : 0;
}

static void steps_on_the_way_are_told(void **state)
{
	AUTO(scan_fs_fini) struct scan_fs fs;
	struct told t = {0};
	char expected[PATH_MAX];

	world_fill();
	start(&fs, 0);
	world_expect(&fs);
	assert_int_equal(scan_fs_steps(&fs, world_path(&fs, "src/sub/../chain.h"), tell, &t), 0);
	assert_int_equal(t.links, 2);
	assert_int_equal(t.directories, 2);
	(void)snprintf(expected, sizeof(expected), "%s/src>", (const char *)*state);
	assert_string_equal(t.last, expected);
	t = (struct told){0};
	assert_int_equal(scan_fs_steps(&fs, world_path(&fs, "src/up/y.h"), tell, &t), 7);
	(void)snprintf(
		expected, sizeof(expected), "%s/src/up>../current/deep", (const char *)*state);
	assert_string_equal(t.last, expected);
	t = (struct told){0};
	assert_int_equal(scan_fs_steps(&fs, world_path(&fs, "src/a.h"), tell, &t), 0);
	assert_int_equal(t.links + t.directories, 0);
}

/* What was found is asked for again before it is sent. */
static void changes_in_mid_scan_are_found(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		for (size_t m = 0; m < ARRAY_SIZE(modes); m++) {
			AUTO(scan_fs_fini) struct scan_fs fs;
			struct scan_path *paths[128];
			size_t n = world_paths_n;

			assert_true(n <= ARRAY_SIZE(paths));
			world_fill();
			start(&fs, modes[m]);
			world_expect(&fs);
			for (size_t k = 0; k < n; k++)
				paths[k] = world_path(&fs, world_paths[k]);
			assert_int_equal(scan_fs_any_changed(&fs, paths, n), 0);
			world_put("src/a.o", "nobody asked");
			assert_int_equal(scan_fs_any_changed(&fs, paths, n), 0);
			changes[i].make();
			(void)fprintf(stderr, "after %s, mode %zu\n", changes[i].name, m);
			/* Moved and moved back is no change to who looks and is not told. */
			if (modes[m] == 0 || changes[i].make != directory_back_and_forth)
				assert_int_equal(scan_fs_any_changed(&fs, paths, n), 1);
			world_expect(&fs);
			assert_int_equal(scan_fs_any_changed(&fs, paths, n), 0);
			world_empty();
		}
	}
}

/* Another, and then as it was. */
static void file_and_back(void)
{
	world_put("d/a.h", "B");
	world_put("d/a.h", "A");
}

static void new_file_and_back(void)
{
	assert_int_equal(rename("d/a.h", "d/kept.h"), 0);
	world_put("d/a.h", "B");
	assert_int_equal(rename("d/kept.h", "d/a.h"), 0);
}

static void link_and_back(void)
{
	assert_int_equal(unlink("d/l.h"), 0);
	world_link("d/l.h", "other.h");
	assert_int_equal(unlink("d/l.h"), 0);
	world_link("d/l.h", "a.h");
}

static void there_and_gone(void)
{
	world_put("d/none.h", "");
	assert_int_equal(unlink("d/none.h"), 0);
}

static void moved_and_back(void)
{
	assert_int_equal(rename("d", "e"), 0);
	assert_int_equal(rename("e", "d"), 0);
}

static void nothing(void)
{
	world_put("d/a.o", "nobody asked");
}

static void what_was_another_in_between_is_known(void **state)
{
	static const struct {
		const char *name, *path;
		void (*make)(void);
		bool watched, unwatched; /* seen with watches, and without */
	} table[] = {
		{"file", "d/a.h", file_and_back, true, true},
		{"new file", "d/a.h", new_file_and_back, true, true},
		{"file by its link", "d/l.h", file_and_back, true, true},
		{"link", "d/l.h", link_and_back, true, false},
		{"absent", "d/none.h", there_and_gone, true, false},
		{"directory", "d/a.h", moved_and_back, true, false},
		{"nothing", "d/a.h", nothing, false, false},
		{"another file", "d/other.h", file_and_back, false, false},
	};

	for (size_t i = 0; i < 2 * ARRAY_SIZE(table); i++) {
		bool watched = i % 2 == 0;
		AUTO(scan_fs_fini) struct scan_fs fs;
		struct scan_content *c;
		struct scan_path *p;
		uint64_t moment;

		assert_int_equal(mkdir("d", 0755), 0);
		world_put("d/a.h", "A");
		world_put("d/other.h", "O");
		world_link("d/l.h", "a.h");
		start(&fs, watched ? 0 : SCAN_FS_NO_WATCH);
		assert_int_equal(scan_fs_refresh(&fs), 0);
		p = world_path(&fs, table[i / 2].path);
		moment = scan_fs_moment(&fs);
		assert_int_equal(scan_fs_changed_since(&fs, p, moment), 0);
		if (p->kind == SCAN_FILE)
			assert_int_equal(scan_fs_content(&fs, p, &c, NULL), 0);
		table[i / 2].make();
		/* Others refresh too. */
		for (int k = 0; k < 3; k++)
			assert_int_equal(scan_fs_refresh(&fs), 0);
		(void)fprintf(stderr, "%s, watched %d\n", table[i / 2].name, watched);
		assert_int_equal(scan_fs_changed_since(&fs, p, moment),
			watched ? table[i / 2].watched : table[i / 2].unwatched);
		assert_int_equal(scan_fs_changed_since(&fs, p, scan_fs_moment(&fs)), 0);
		world_empty();
	}
}

static void changes_between_two_moments_are_found(void **state)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(changes); i++) {
		AUTO(scan_fs_fini) struct scan_fs fs;
		int found = 0;
		uint64_t moment;

		world_fill();
		start(&fs, modes[i % 2]);
		world_expect(&fs);
		moment = scan_fs_moment(&fs);
		changes[i / 2].make();
		(void)fprintf(stderr, "after %s, mode %zu\n", changes[i / 2].name, i % 2);
		world_expect(&fs);
		for (size_t k = 0; k < world_paths_n; k++) {
			struct scan_path *p = world_path(&fs, world_paths[k]);

			found |= scan_fs_changed_since(&fs, p, moment);
		}
		if (i % 2 == 0 || changes[i / 2].make != directory_back_and_forth)
			assert_int_equal(found, 1);
		world_empty();
	}
}

/* Nothing waits on the descriptor. Directories above the world are watched too, and what others do
 * there makes events: those are taken in until there are none. */
static void expect_quiet(struct scan_fs *fs)
{
	struct pollfd fd = {.fd = scan_fs_fd(fs), .events = POLLIN};
	int tries = 10000;

	while (poll(&fd, 1, 0) != 0 && --tries > 0)
		assert_int_equal(scan_fs_refresh(fs), 0);
	assert_true(tries > 0);
}

static void the_descriptor_polls_readable(void **state)
{
	AUTO(scan_fs_fini) struct scan_fs fs;
	struct pollfd fd = {.events = POLLIN};

	world_fill();
	start(&fs, 0);
	world_expect(&fs);
	fd.fd = scan_fs_fd(&fs);
	expect_quiet(&fs);
	world_put("src/new.h", "");
	assert_int_equal(poll(&fd, 1, 0), 1);
	assert_int_equal(scan_fs_refresh(&fs), 0);
	expect_quiet(&fs);
}

static void large_and_changing_files_are_refused(void **state)
{
	AUTO(scan_fs_fini) struct scan_fs fs;
	struct scan_content *c;
	struct scan_path *p;

	world_put("big", "");
	assert_int_equal(truncate("big", (off_t)SCAN_FS_FILE_MAX + 1), 0);
	start(&fs, 0);
	p = world_path(&fs, "big");
	assert_int_equal(scan_fs_prove(&fs, p), 0);
	assert_int_equal(p->kind, SCAN_FILE);
	assert_int_equal(scan_fs_content(&fs, p, &c, NULL), -E2BIG);
	/* Says that it is empty, and is not. */
	p = world_path(&fs, "/proc/version");
	assert_int_equal(scan_fs_prove(&fs, p), 0);
	assert_int_equal(p->kind, SCAN_FILE);
	assert_int_equal(scan_fs_content(&fs, p, &c, NULL), -EAGAIN);
	/* Gone since it was proved. */
	world_put("small", "");
	p = world_path(&fs, "small");
	assert_int_equal(scan_fs_prove(&fs, p), 0);
	assert_int_equal(unlink("small"), 0);
	assert_int_equal(scan_fs_content(&fs, p, &c, NULL), -EAGAIN);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_kind_is_told),
		TEST(as_many_links_as_the_kernel_follows),
		TEST(paths_are_spelled_and_interned),
		TEST(each_change_is_seen_at_once),
		TEST(permissions_are_obeyed),
		TEST(a_warm_look_up_is_no_system_call),
		TEST(nobody_asked_nothing_changes),
		TEST(probes_in_vain_cost_one_listing),
		TEST(overflow_makes_all_unknown),
		TEST(equal_bytes_are_one_content),
		TEST(contents_go_at_a_refresh),
		TEST(digests_are_of_all_bytes),
		TEST(steps_on_the_way_are_told),
		TEST(changes_in_mid_scan_are_found),
		TEST(what_was_another_in_between_is_known),
		TEST(changes_between_two_moments_are_found),
		TEST(the_descriptor_polls_readable),
		TEST(large_and_changing_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
