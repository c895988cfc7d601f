/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/env.h"

#include <string.h>

const char *env_get(char *const *envp, const char *name)
{
	size_t n = strlen(name);

	for (; envp && *envp; envp++)
		if (**envp == *name && strncmp(*envp, name, n) == 0 && (*envp)[n] == '=')
			return *envp + n + 1;
	return NULL;
}

bool env_bool(char *const *envp, const char *name, bool otherwise)
{
	const char *v = env_get(envp, name);

	if (v && str_eq(v, "0"))
		return false;
	if (v && str_eq(v, "1"))
		return true;
	return otherwise;
}

uint64_t env_u64(char *const *envp, const char *name, uint64_t max, uint64_t otherwise)
{
	const char *v = env_get(envp, name);
	uint64_t n;

	return v && str_to_u64(v, max, &n) == 0 ? n : otherwise;
}

uint64_t env_seconds_ms(char *const *envp, const char *name, uint64_t otherwise_ms)
{
	static const uint64_t max_s = 1000000000;
	const char *v = env_get(envp, name);
	uint64_t ms = 0, unit = 100;
	const char *p = v;

	if (!v || (*v < '0' || *v > '9'))
		return otherwise_ms;
	for (; *p >= '0' && *p <= '9'; p++) {
		ms = ms * 10 + (uint64_t)(*p - '0');
		if (ms > max_s)
			return otherwise_ms;
	}
	ms *= 1000;
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
			ms += (uint64_t)(*p - '0') * unit;
	return *p == '\0' ? ms : otherwise_ms;
}
