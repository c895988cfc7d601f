/* SPDX-License-Identifier: GPL-3.0-or-later */

/* lsdistcc: list the hosts that serve. Exit statuses as in distcc 3.4: 1 after --help, too. */

#include "monitor/lsdistcc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/env.h"
#include "monitor/lsdistcc_scan.h"

static int help(void)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;

	if (lsdistcc_help(&text) == 0)
		fputs(text.data, stdout);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	AUTO(buf_fini) struct buf error = BUF_INIT;
	struct lsdistcc_options o;
	const char *domain = NULL;
	char host[256] = "";
	bool found = false;
	int r = lsdistcc_parse(argv, &o, &error);

	if (r == LSDISTCC_HELP)
		return help();
	if (r == 0 && o.domain) {
		const char *names[] = {
			env_get(environ, "HOST"), env_get(environ, "HOSTNAME"), host};

		if (gethostname(host, sizeof(host) - 1) < 0)
			host[0] = '\0';
		domain = lsdistcc_domain(names, ARRAY_SIZE(names));
		if (!domain && buf_append_str(&error, "-d: neither HOST nor HOSTNAME nor the name "
						      "of this host has a domain") == 0)
			r = LSDISTCC_BAD;
	}
	if (r == 0) {
		signal(SIGPIPE, SIG_IGN);
		/* Each name that does not resolve may hold a thread until time is up. */
		setenv("UV_THREADPOOL_SIZE", "64", 0);
		r = lsdistcc_scan(&o, domain, &found);
	}
	if (r == LSDISTCC_BAD)
		fprintf(stderr, "lsdistcc: %s\n", buf_str(&error));
	else if (r < 0)
		fprintf(stderr, "lsdistcc: %s\n", uv_strerror(r));
	/* exit would wait for every thread that still waits for a name server. */
	_exit(r == 0 && found ? EXIT_SUCCESS : EXIT_FAILURE);
}
