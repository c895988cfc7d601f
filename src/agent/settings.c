/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/settings.h"

#include "base/env.h"
#include "exact/sample.h"

void settings_read(char *const *envp, struct settings *ret)
{
	const char *exclude = env_get(envp, "DISTCC_EXCLUDE");
	const char *log = env_get(envp, "DISTCC_LOG");
	const char *verify = env_get(envp, "DISTCC_VERIFY");

	*ret = (struct settings){
		.fallback = env_bool(envp, "DISTCC_FALLBACK", true),
		.skip_local_retry = env_get(envp, "DISTCC_SKIP_LOCAL_RETRY") != NULL,
		.exact = env_bool(envp, "DISTCC_EXACT", true),
		.basedir = env_get(envp, "DISTCC_BASEDIR"),
		.exclude = exclude && *exclude ? exclude : NULL,
		.no_rewrite = env_get(envp, "DISTCC_NO_REWRITE_CROSS") != NULL,
		.backoff_ms = env_seconds_ms(envp, "DISTCC_BACKOFF_PERIOD", 60000),
		.io_ms = env_seconds_ms(envp, "DISTCC_IO_TIMEOUT", 300000),
		.connect_ms = env_seconds_ms(envp, "DISTCC_CONNECT_TIMEOUT", 4000),
		.cache_ms = MAX(env_seconds_ms(envp, "DISTCC_CACHE_TIMEOUT", 2000), UINT64_C(1)),
		.resolve_ms = env_seconds_ms(envp, "DISTCC_RESOLVE_TIMEOUT", 5000),
		.level = log && *log ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
	};
	/* What is no share is none. */
	if (verify && sample_share_parse(verify, &ret->verify) < 0)
		ret->verify = 0;
	if (env_bool(envp, "DISTCC_VERBOSE", false))
		ret->level = LOG_LEVEL_DEBUG;
}
