/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/log.h"

/* What a user's environment says about one job. */
struct settings {
	bool fallback;         /* DISTCC_FALLBACK */
	bool skip_local_retry; /* DISTCC_SKIP_LOCAL_RETRY, any value */
	bool exact;            /* DISTCC_EXACT */
	const char *basedir;   /* DISTCC_BASEDIR; NULL: none */
	uint32_t verify;       /* DISTCC_VERIFY, in millionths: what is compiled there and here */
	bool no_rewrite;       /* DISTCC_NO_REWRITE_CROSS */
	const char *exclude;   /* DISTCC_EXCLUDE; NULL: nothing; as long as the environment */
	uint64_t backoff_ms;   /* DISTCC_BACKOFF_PERIOD, 60 s; 0: hosts are not rested */
	uint64_t io_ms;        /* DISTCC_IO_TIMEOUT, 300 s */
	uint64_t connect_ms;   /* DISTCC_CONNECT_TIMEOUT, 4 s for each address */
	uint64_t cache_ms;     /* DISTCC_CACHE_TIMEOUT, 2 s: until a cache says whether it has it */
	uint64_t resolve_ms;   /* DISTCC_RESOLVE_TIMEOUT, 5 s */
	enum log_level level;  /* of what the user is told: DISTCC_VERBOSE, DISTCC_LOG */
};

void settings_read(char *const *envp, struct settings *ret);
