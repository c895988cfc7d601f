/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
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
	return worker_options_parse(argc, argv, ret);
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
	assert_true(!o.store && !o.instance && !o.tls_cert && !o.tls_key && !o.tls_client_ca);
	assert_null(o.token_file);
	assert_int_equal(o.store_size, 10ULL << 30);
	worker_options_fini(&o);
}

static void test_services(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {{"16777216", 16 << 20}, {"16384K", 16 << 20}, {"20M", 20 << 20},
		{"3G", 3ULL << 30}, {"2T", 2ULL << 40}, {"1048576T", 1ULL << 60}};
	char text[] = "--store s --instance main --tls-cert c --tls-key k --tls-client-ca a "
		      "--token-file t";
	struct options o;

	assert_int_equal(parse(text, &o), 0);
	assert_string_equal(o.store, "s");
	assert_string_equal(o.instance, "main");
	assert_string_equal(o.tls_cert, "c");
	assert_string_equal(o.tls_key, "k");
	assert_string_equal(o.tls_client_ca, "a");
	assert_string_equal(o.token_file, "t");
	assert_int_equal(o.sandbox, CONFINE_AUTO);
	worker_options_fini(&o);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char size[64];

		snprintf(size, sizeof(size), "--store-size=%s", sizes[i].text);
		assert_int_equal(parse(size, &o), 0);
		assert_int_equal(o.store_size, sizes[i].bytes);
		worker_options_fini(&o);
	}
}

static void test_isolation(void **state)
{
	static const char *const modes[] = {"auto", "always", "never"};
	char text[] = "--toolchain /opt/a --toolchain=/opt/b", wrong[] = "--sandbox=maybe";
	struct options o;

	assert_int_equal(parse(text, &o), 0);
	assert_int_equal(o.toolchains.n, 2);
	assert_string_equal(o.toolchains.v[1], "/opt/b");
	worker_options_fini(&o);
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		char mode[32];

		snprintf(mode, sizeof(mode), "--sandbox %s", modes[i]);
		assert_int_equal(parse(mode, &o), 0);
		assert_int_equal(o.sandbox, i);
		worker_options_fini(&o);
	}
	assert_int_equal(parse(wrong, &o), WORKER_EXIT_BAD_ARGUMENTS);
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
	worker_options_fini(&o);

	assert_int_equal(parse(more, &o), 0);
	assert_int_equal(o.job_lifetime_s, 9);
	assert_int_equal(o.lifetime_s, 8);
	assert_string_equal(o.log_file, "f");
	assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(o.mode, OPTIONS_MODE_INETD);
	assert_true(o.insecure);
	assert_int_equal(o.allow.n, 0);
	worker_options_fini(&o);

	assert_int_equal(parse(wizard, &o), 0);
	assert_true(o.no_detach && o.log_stderr);
	assert_int_equal(o.mode, OPTIONS_MODE_DAEMON);
	assert_int_equal(o.log_level, LOG_LEVEL_DEBUG);
	worker_options_fini(&o);
}

static void test_bad(void **state)
{
	static const char *const cases[] = {"--no-such", "-Z", "--jobs", "--jobs=", "--jobs=0",
		"--jobs=x", "--jobs=1x", "--jobs=99999999999999999999", "--port=65536", "--port=-1",
		"--nice=20", "--allow=x", "--log-level=loud", "--oom-score-adj=1001",
		"--oom-score-adj=--1", "--stats", "--stats-port=1", "--zeroconf", "--inetd=1",
		"--store-size=0", "--store-size=", "--store-size=G", "--store-size=15M",
		"--store-size=-1G", "--store-size=1g", "--store-size=1.5G", "--store-size=1GG",
		"--store-size=1048577T", "--store-size=99999999999999999999T",
		"--store=", "--instance=x", "--tls-cert=c", "--tls-key=k", "--tls-client-ca=a",
		"--tls-cert=c --tls-client-ca=a"};

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
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_isolation),
		cmocka_unit_test(test_bad),
	};

	/* What it says about bad options is for people. */
	close(STDERR_FILENO);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
