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
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"

/* The clock of the rate limit, moved by hand (the linker's --wrap leads calls here). */
static time_t now = 1000;

int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
	*ret = (struct timespec){.tv_sec = now};
	return 0;
}

static int sink = -1;

static int open_sink(void **state)
{
	now += 1000;
	sink = memfd_create("log", MFD_CLOEXEC);
	log_init("prog", LOG_LEVEL_DEBUG);
	log_to_fd(sink);
	return sink < 0 ? -1 : 0;
}

static int close_sink(void **state)
{
	log_to_fd(-1);
	util_close(&sink);
	return 0;
}

/* All that was logged since, with our process id taken out. */
static char *logged(void)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	char id[32], *out, *end;

	assert_int_equal(lseek(sink, 0, SEEK_SET), 0);
	assert_int_equal(fs_read_fd(sink, &b), 0);
	assert_int_equal(ftruncate(sink, 0), 0);
	assert_int_equal(lseek(sink, 0, SEEK_SET), 0);
	snprintf(id, sizeof(id), "prog[%ld] ", (long)getpid());
	out = calloc(1, b.len + 1);
	end = out;
	for (const char *p = buf_str(&b); *p;) {
		const char *line_end = strchr(p, '\n');

		assert_true(str_starts(p, id));
		assert_non_null(line_end);
		p += strlen(id);
		end = mempcpy(end, p, (size_t)(line_end + 1 - p));
		p = line_end + 1;
	}
	return out;
}

static void expect_logged(const char *want)
{
	AUTO(util_free) char *got = logged();

	assert_string_equal(got, want);
}

static unsigned count_lines(const char *s)
{
	unsigned n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void severities(void **state)
{
	static const struct {
		enum log_level level;
		const char *line;
	} cases[] = {
		{LOG_LEVEL_EMERG, "(it-happened) CRITICAL! a=1\n"},
		{LOG_LEVEL_CRIT, "(it-happened) CRITICAL! a=1\n"},
		{LOG_LEVEL_ERROR, "(it-happened) ERROR: a=1\n"},
		{LOG_LEVEL_WARNING, "(it-happened) Warning: a=1\n"},
		{LOG_LEVEL_NOTICE, "(it-happened) a=1\n"},
		{LOG_LEVEL_INFO, "(it-happened) a=1\n"},
		{LOG_LEVEL_DEBUG, "(it-happened) a=1\n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (int limit = LOG_LEVEL_EMERG; limit <= LOG_LEVEL_DEBUG; limit++) {
			bool passes = (int)cases[i].level <= limit;

			log_set_level((enum log_level)limit);
			assert_int_equal(log_enabled(cases[i].level), passes);
			log_event(cases[i].level, "it-happened", "a=%d", 1);
			expect_logged(passes ? cases[i].line : "");
		}
	}
}

static void level_words(void **state)
{
	static const struct {
		const char *word;
		int level;
	} cases[] = {{"emerg", 0}, {"emergency", 0}, {"alert", 1}, {"crit", 2}, {"critical", 2},
		{"err", 3}, {"error", 3}, {"warn", 4}, {"warning", 4}, {"note", 5}, {"notice", 5},
		{"info", 6}, {"debug", 7}, {"", -1}, {"DEBUG", -1}, {"debugs", -1}, {"7", -1}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		enum log_level level = LOG_LEVEL_ALERT;

		assert_int_equal(log_level_parse(cases[i].word, &level), cases[i].level >= 0);
		if (cases[i].level >= 0)
			assert_int_equal(level, cases[i].level);
		else
			assert_int_equal(level, LOG_LEVEL_ALERT);
	}
}

static void control_characters(void **state)
{
	log_event(LOG_LEVEL_NOTICE, "event", "a=%s", "x\ny\r\x1b[1m\t\x7f\x01z\xc3\xa9");
	expect_logged("(event) a=x?y??[1m???z\xc3\xa9\n");
}

/* A text that is too long is cut; the line still ends. */
static void long_text(void **state)
{
	AUTO(util_free) char *text = calloc(1, 3 * LOG_LINE_MAX);
	AUTO(util_free) char *got = NULL;

	memset(text, 'x', 3 * LOG_LINE_MAX - 1);
	log_event(LOG_LEVEL_NOTICE, "event", "%s", text);
	got = logged();
	assert_int_equal(count_lines(got), 1);
	assert_in_range(strlen(got), LOG_LINE_MAX - 100, LOG_LINE_MAX);
	free(got);

	log_event(LOG_LEVEL_NOTICE, text, "a=1");
	got = logged();
	assert_int_equal(count_lines(got), 1);
	assert_true(str_ends(got, "a=1\n"));
}

static void keeps_errno(void **state)
{
	log_to_fd(12345);
	errno = EXDEV;
	log_event(LOG_LEVEL_NOTICE, "event", "why=%m");
	assert_int_equal(errno, EXDEV);
	log_to_fd(sink);
	log_event(LOG_LEVEL_ERROR, "event", "why=%m");
	assert_int_equal(errno, EXDEV);
	expect_logged("(event) ERROR: why=Invalid cross-device link\n");
	log_to_fd(-1);
	log_event(LOG_LEVEL_ERROR, "event", "to nobody");
	log_to_fd(sink);
	expect_logged("");
}

static void rate(void **state)
{
	AUTO(util_free) char *got = NULL;

	for (int i = 0; i < LOG_BURST + 7; i++)
		log_event(LOG_LEVEL_WARNING, "noise", "i=%d", i);
	log_event(LOG_LEVEL_WARNING, "other", "passes");
	got = logged();
	assert_int_equal(count_lines(got), LOG_BURST + 1);
	assert_true(str_ends(got, "(other) Warning: passes\n"));

	now += LOG_WINDOW_S - 1;
	log_event(LOG_LEVEL_WARNING, "noise", "still");
	expect_logged("");
	now += 1;
	log_event(LOG_LEVEL_WARNING, "noise", "again");
	log_event(LOG_LEVEL_WARNING, "noise", "again");
	expect_logged("(noise) Warning: again (8 like it held back)\n(noise) Warning: again\n");
}

/* One line per job is the record of a worker, and debug is asked for: neither is held back. */
static void no_rate(void **state)
{
	AUTO(util_free) char *got = NULL;

	for (int i = 0; i < 2 * LOG_BURST; i++) {
		log_event(LOG_LEVEL_NOTICE, "job", "i=%d", i);
		log_event(LOG_LEVEL_DEBUG, "detail", "i=%d", i);
	}
	got = logged();
	assert_int_equal(count_lines(got), 4 * LOG_BURST);
}

static void to_file(void **state)
{
	char dir[] = "/tmp/test_log_XXXXXX", path[sizeof(dir) + 4];
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct stat st;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	umask(022);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(log_to_file(path), 0);
		log_event(LOG_LEVEL_NOTICE, "event", "i=%d", i);
	}
	assert_int_equal(log_to_file(dir), -EISDIR);
	log_to_fd(sink);
	assert_int_equal(fs_read_file(path, &b), 0);
	assert_int_equal(count_lines(b.data), 2);
	assert_true(str_ends(b.data, "(event) i=1\n"));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(fs_remove_tree(dir), 0);
}

#define WITH_SINK(f) cmocka_unit_test_setup_teardown(f, open_sink, close_sink)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(level_words),
		WITH_SINK(severities),
		WITH_SINK(control_characters),
		WITH_SINK(long_text),
		WITH_SINK(keeps_errno),
		WITH_SINK(rate),
		WITH_SINK(no_rate),
		WITH_SINK(to_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
