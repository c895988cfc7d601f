/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/facts_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *key, size_t len)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)key[i]) * UINT64_C(1099511628211);
	return h ^ h >> 29;
}

/* The slot where key is or belongs; there is always a free one. */
static struct facts_slot *slot_of(
	const struct facts_map *m, const char *key, size_t len, uint64_t hash)
{
	size_t i = hash & (m->size - 1);

	for (;; i = (i + 1) & (m->size - 1)) {
		struct facts_slot *s = &m->slots[i];

		if (!s->key || (s->hash == hash && s->len == len && memcmp(s->key, key, len) == 0))
			return s;
	}
}

static int grow(struct facts_map *m)
{
	struct facts_map more = {.n = m->n, .size = m->size ? m->size * 2 : 64};

	more.slots = calloc(more.size, sizeof(*more.slots));
	if (!more.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->size; i++) {
		struct facts_slot *s = &m->slots[i];

		if (s->key)
			*slot_of(&more, s->key, s->len, s->hash) = *s;
	}
	free(m->slots);
	*m = more;
	return 0;
}

struct facts_slot *facts_map_get(const struct facts_map *m, const char *key, size_t len)
{
	struct facts_slot *s;

	if (m->n == 0)
		return NULL;
	s = slot_of(m, key, len, hash_of(key, len));
	return s->key ? s : NULL;
}

int facts_map_put(struct facts_map *m, const char *key, size_t len, struct facts_slot **ret)
{
	uint64_t hash = hash_of(key, len);
	struct facts_slot *s = facts_map_get(m, key, len);
	char *copy;
	int r;

	if (s) {
		*ret = s;
		return 0;
	}
	if (m->n >= FACTS_MAP_MAX)
		return -E2BIG;
	if (m->n * 2 >= m->size) {
		r = grow(m);
		if (r < 0)
			return r;
	}
	copy = malloc(len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, key, len);
	copy[len] = '\0';
	s = slot_of(m, key, len, hash);
	*s = (struct facts_slot){.key = copy, .len = len, .hash = hash};
	m->n++;
	*ret = s;
	return 0;
}

void facts_map_fini(struct facts_map *m)
{
	for (size_t i = 0; i < m->size; i++)
		free(m->slots[i].key);
	free(m->slots);
	*m = (struct facts_map){.slots = NULL};
}
