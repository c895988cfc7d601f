/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <stdio.h>

#include "base/log.h"
#include "base/strv.h"
#include "worker/acl.h"
#include "worker/confine.h"

/* The command line of distccd, as distcc 3.4 names things. */

enum options_mode { OPTIONS_MODE_AUTO, OPTIONS_MODE_INETD, OPTIONS_MODE_DAEMON };

struct options {
	enum options_mode mode;
	bool help, version;
	uint64_t jobs;
	uint64_t nice;
	bool has_oom_score_adj;
	int oom_score_adj;
	uint64_t port; /* 0: any that is free */
	struct strv listen;
	const char *port_file, *pid_file, *user, *log_file;
	struct acl allow;
	bool allow_given;
	uint64_t job_lifetime_s, lifetime_s; /* 0: without end */
	bool no_detach, log_stderr, insecure;
	const char *store;    /* directory; NULL: no Remote Execution, only the distcc protocol */
	uint64_t store_size;  /* bytes */
	const char *instance; /* NULL: any instance name is served */
	bool own_results;
	const char *tls_cert, *tls_key, *tls_client_ca; /* cert and key: both or neither */
	const char *token_file;
	enum confine_mode sandbox; /* of the compilers of distcc clients */
	struct strv toolchains;
	struct strv adopt; /* compilers whose files are taken into the store */
	enum log_level log_level;
};

/* argv's strings must outlive it. 0, or a worker_exit code after a message on stderr. */
int worker_options_parse(int argc, char **argv, struct options *ret) MUST_CHECK;
void worker_options_fini(struct options *o);
void worker_options_help(FILE *to);
