/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "exact/sample.h"

#include <errno.h>

enum { PERCENT = SAMPLE_ALL / 100, DECIMALS = 4 };

int sample_share_parse(const char *text, uint32_t *ret)
{
	uint32_t whole = 0, part = 0, unit = PERCENT;
	const char *p = text;

	if (str_eq(text, "0") || str_eq(text, "1")) {
		*ret = *text == '1' ? SAMPLE_ALL : 0;
		return 0;
	}
	for (; *p >= '0' && *p <= '9' && whole <= 100; p++)
		whole = whole * 10 + (uint32_t)(*p - '0');
	if (p == text)
		return -EINVAL;
	if (*p == '.') {
		const char *begun = ++p;

		for (; *p >= '0' && *p <= '9' && p - begun < DECIMALS; p++) {
			unit /= 10;
			part += (uint32_t)(*p - '0') * unit;
		}
		if (p == begun)
			return -EINVAL;
	}
	if (!str_eq(p, "%") || whole * PERCENT + part > SAMPLE_ALL)
		return -EINVAL;
	*ret = whole * PERCENT + part;
	return 0;
}

void sample_init(struct sample *s, uint64_t seed)
{
	s->state = seed;
}

/* splitmix64: every seed is as good as another. */
static uint64_t next(struct sample *s)
{
	uint64_t x = s->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

bool sample_takes(struct sample *s, uint32_t share)
{
	return (next(s) >> 11) % SAMPLE_ALL < share;
}

bool sample_wants_lookups(struct sample *s, unsigned clean)
{
	return clean < SAMPLE_FIRST || sample_takes(s, SAMPLE_LOOKUPS);
}

unsigned sample_count(unsigned clean, enum sample_found found)
{
	switch (found) {
	case SAMPLE_RIGHT:
		return MIN(clean + 1, (unsigned)SAMPLE_FIRST);
	case SAMPLE_DOUBTED:
		return 0;
	case SAMPLE_NOT_TOLD:
		break;
	}
	return clean;
}
