/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "worker/exit.h"
#include "worker/options.h"

enum { WORDS_MAX = 16 };

/* Parse the words of text, which is cut up. */
static int parse(char *text, struct options *ret)
{
	static char program[] = "distccd";
	char *argv[WORDS_MAX] = {program}, *word;
	int argc = 1;

	while ((word = strsep(&text, " ")))
		if (*word)
			argv[argc++] = word;
	return options_parse(argc, argv, ret);
}

static void test_defaults(void **state)
{
	char none[] = "";
	struct options o;

	assert_int_equal(parse(none, &o), 0);
	assert_int_equal(o.mode, OPTIONS_MODE_AUTO);
	assert_true(o.jobs >= 3);
	assert_int_equal(o.nice, 5);
	assert_int_equal(o.port, 3632);
	assert_int_equal(o.log_level, LOG_LEVEL_NOTICE);
	assert_false(o.allow_given);
	assert_true(o.allow.n > 0); /* loopback */
	assert_false(o.no_detach || o.insecure || o.log_stderr);
	options_fini(&o);
}

static void test_everything(void **state)
{
	char text[] = "-j 7 -N0 -p0 -P pid -a 10.0.0.0/8 --allow=::1 --listen 127.0.0.1 "
		      "--listen=::1 --user=u --oom-score-adj=-10";
	char more[] = "--job-lifetime 9 --lifetime=8 --log-file f --log-level debug --inetd "
		      "--no-fork --no-fifo --make-me-a-botnet bare";
	char wizard[] = "-W";
	struct options o;

	assert_int_equal(parse(text, &o), 0);
	assert_int_equal(o.jobs, 7);
	assert_int_equal(o.nice, 0);
	assert_int_equal(o.port, 0);
	assert_string_equal(o.pid_file, "pid");
	assert_int_equal(o.allow.n, 2);
	assert_true(o.allow_given);
	assert_int_equal(o.listen.n, 2);
	assert_string_equal(o.user, "u");
	assert_int_equal(o.oom_score_adj, -10);
	options_fini(&o);

	assert_int_equal(parse(more, &o), 0);
	assert_int_equal(o.job_lifetime_s, 9);
	assert_int_equal(o.lifetime_s, 8);
	assert_string_equal(o.log_file, "f");
	assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(o.mode, OPTIONS_MODE_INETD);
	assert_true(o.insecure);
	assert_int_equal(o.allow.n, 0);
	options_fini(&o);

	assert_int_equal(parse(wizard, &o), 0);
	assert_true(o.no_detach && o.log_stderr);
	assert_int_equal(o.mode, OPTIONS_MODE_DAEMON);
	assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
	options_fini(&o);
}

static void test_bad(void **state)
{
	static const char *const cases[] = {"--no-such", "-Z", "--jobs", "--jobs=", "--jobs=0",
		"--jobs=x", "--jobs=1x", "--jobs=99999999999999999999", "--port=65536", "--port=-1",
		"--nice=20", "--allow=x", "--log-level=loud", "--oom-score-adj=1001",
		"--oom-score-adj=--1", "--stats", "--stats-port=1", "--zeroconf", "--inetd=1"};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[64];
		struct options o;

		strncpy(text, cases[i], sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		if (parse(text, &o) != WORKER_EXIT_BAD_ARGUMENTS)
			fail_msg("accepted: %s", cases[i]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_bad),
	};

	/* What it says about bad options is for people. */
	close(STDERR_FILENO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
