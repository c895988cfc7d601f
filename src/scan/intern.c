/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/intern.h"

enum { BLOCK_SIZE = 64 << 10, SLOTS_FIRST = 1 << 12 };

struct intern_block {
	struct intern_block *next;
	char data[];
};

int intern_init(struct intern *t)
{
	*t = (struct intern){.n = 1, .cap = SLOTS_FIRST / 2, .n_slots = SLOTS_FIRST};
	t->entries = calloc(t->cap, sizeof(*t->entries));
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	if (!t->entries || !t->slots) {
		intern_fini(t);
		return -ENOMEM;
	}
	t->entries[0].text = "";
	return 0;
}

void intern_fini(struct intern *t)
{
	while (t->blocks) {
		struct intern_block *b = t->blocks;

		t->blocks = b->next;
		free(b);
	}
	free(t->entries);
	free(t->slots);
	*t = (struct intern){0};
}

static int grow(struct intern *t)
{
	uint32_t n_slots = t->n_slots * 2;
	uint32_t *slots;
	struct intern_entry *entries;

	if (t->cap >= INTERN_MAX)
		return -E2BIG;
	entries = reallocarray(t->entries, (size_t)t->cap * 2, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	t->entries = entries;
	slots = calloc(n_slots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	t->cap *= 2;
	for (uint32_t id = 1; id < t->n; id++) {
		uint32_t i = entries[id].hash & (n_slots - 1);

		while (slots[i])
			i = (i + 1) & (n_slots - 1);
		slots[i] = id;
	}
	free(t->slots);
	t->slots = slots;
	t->n_slots = n_slots;
	return 0;
}

static int keep_text(struct intern *t, const char *text, size_t len, const char **ret)
{
	size_t need = len + 1;

	if (t->bytes + need > INTERN_BYTES_MAX)
		return -E2BIG;
	if (need > t->left) {
		size_t size = need > BLOCK_SIZE ? need : BLOCK_SIZE;
		struct intern_block *b = malloc(sizeof(*b) + size);

		if (!b)
			return -ENOMEM;
		b->next = t->blocks;
		t->blocks = b;
		t->block = b->data;
		t->left = size;
	}
	memcpy(t->block, text, len);
	t->block[len] = '\0';
	*ret = t->block;
	t->block += need;
	t->left -= need;
	t->bytes += need;
	return 0;
}

int intern_add(struct intern *t, const char *text, size_t len, uint32_t *ret)
{
	uint32_t hash = intern_hash(text, len, 0);
	uint32_t i;
	int r;

	if (len >= UINT32_MAX)
		return -E2BIG;
	if (t->n == t->cap) {
		r = grow(t);
		if (r < 0)
			return r;
	}
	for (i = hash & (t->n_slots - 1); t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
		const struct intern_entry *e = &t->entries[t->slots[i]];

		if (e->hash == hash && e->len == len && memcmp(e->text, text, len) == 0) {
			*ret = t->slots[i];
			return 0;
		}
	}
	r = keep_text(t, text, len, &t->entries[t->n].text);
	if (r < 0)
		return r;
	t->entries[t->n].len = (uint32_t)len;
	t->entries[t->n].hash = hash;
	t->slots[i] = t->n;
	*ret = t->n++;
	return 0;
}
