/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/sources.h"

static uint64_t hash_text(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

static uint64_t hash_source(const char *cwd, const char *source)
{
	uint64_t h = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), cwd) * 31, source);

	return h ? h : 1;
}

bool sources_has(const struct sources *s, const char *cwd, const char *source)
{
	uint64_t h = hash_source(cwd, source);

	return s->v[h % SOURCES_MAX] == h;
}

void sources_add(struct sources *s, const char *cwd, const char *source)
{
	uint64_t h = hash_source(cwd, source);

	s->v[h % SOURCES_MAX] = h;
}
