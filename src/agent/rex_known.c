/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/rex_known.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS_MIN = 1024 };

struct rex_known_key {
	uint64_t a, b;
};

void rex_known_fini(struct rex_known *k)
{
	free(k->slots);
	*k = (struct rex_known){0};
}

static struct rex_known_key key_of(const struct reapi_digest *d)
{
	struct rex_known_key key;

	memcpy(&key, d->hash, sizeof(key));
	return key;
}

static bool is_free(const struct rex_known_key *s)
{
	return s->a == 0 && s->b == 0;
}

/* Where it is, or would be. */
static struct rex_known_key *find(const struct rex_known *k, const struct rex_known_key *key)
{
	size_t i = key->a & (k->n_slots - 1);

	while (!is_free(&k->slots[i]) && (k->slots[i].a != key->a || k->slots[i].b != key->b))
		i = (i + 1) & (k->n_slots - 1);
	return &k->slots[i];
}

bool rex_known_has(const struct rex_known *k, const struct reapi_digest *d)
{
	struct rex_known_key key = key_of(d);

	return k->n > 0 && !is_free(find(k, &key));
}

static bool grow(struct rex_known *k)
{
	struct rex_known larger = {.n_slots = k->n_slots ? k->n_slots * 2 : SLOTS_MIN, .n = k->n};

	larger.slots = calloc(larger.n_slots, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < k->n_slots; i++)
		if (!is_free(&k->slots[i]))
			*find(&larger, &k->slots[i]) = k->slots[i];
	free(k->slots);
	*k = larger;
	return true;
}

void rex_known_add(struct rex_known *k, const struct reapi_digest *d)
{
	struct rex_known_key key = key_of(d), *slot;

	if (k->n == REX_KNOWN_MAX)
		rex_known_fini(k);
	if (is_free(&key) || (k->n * 2 >= k->n_slots && !grow(k)))
		return;
	slot = find(k, &key);
	if (is_free(slot))
		k->n++;
	*slot = key;
}
