/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/macro.h"

enum { SLOTS_FIRST = 1 << 12 };

bool token_is_odd(const struct intern *names, const struct token *t)
{
	const char *p;
	size_t n;

	if (t->kind != TOKEN_OTHER)
		return false;
	p = intern_text(names, t->id);
	n = intern_len(names, t->id);
	for (size_t i = 0; i < n; i++)
		if (p[i] == '\\' || (p[i] & 0x80))
			return true;
	return false;
}

int macro_table_init(struct macro_table *t)
{
	*t = (struct macro_table){.n_slots = SLOTS_FIRST};
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	t->numbered = calloc(t->n_slots / 2 + 1, sizeof(*t->numbered));
	return t->slots && t->numbered ? 0 : -ENOMEM;
}

void macro_table_fini(struct macro_table *t)
{
	for (uint32_t i = 0; i < t->n_slots && t->slots; i++)
		free(t->slots[i]);
	free(t->slots);
	free(t->numbered);
	*t = (struct macro_table){0};
}

static int grow(struct macro_table *t)
{
	uint32_t n_slots = t->n_slots * 2;
	const struct macro **numbered =
		reallocarray(t->numbered, n_slots / 2 + 1, sizeof(*numbered));
	struct macro **slots;

	if (!numbered)
		return -ENOMEM;
	t->numbered = numbered;
	slots = calloc(n_slots, sizeof(struct macro *));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n_slots; i++) {
		uint32_t k;

		if (!t->slots[i])
			continue;
		for (k = t->slots[i]->hash & (n_slots - 1); slots[k]; k = (k + 1) & (n_slots - 1))
			;
		slots[k] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->n_slots = n_slots;
	return 0;
}

static bool same(const struct macro *a, const struct macro *b, const struct token *tokens)
{
	return a->n_tokens == b->n_tokens && a->n_parameters == b->n_parameters &&
	       a->flags == b->flags && a->special == b->special &&
	       (a->n_tokens == 0 || memcmp(a->tokens, tokens, a->n_tokens * sizeof(*tokens)) == 0);
}

int macro_table_add(struct macro_table *t, const struct macro *m, const struct token *tokens,
	const struct macro **ret)
{
	size_t size = m->n_tokens * sizeof(*tokens);
	uint32_t seed = (uint32_t)m->n_parameters << 16 | (uint32_t)m->flags << 8 | m->special;
	uint32_t hash = intern_hash(tokens, size, seed);
	struct macro *copy;
	uint32_t i;

	if (t->n >= t->n_slots / 2) {
		int r = grow(t);

		if (r < 0)
			return r;
	}
	for (i = hash & (t->n_slots - 1); t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
		if (t->slots[i]->hash == hash && same(t->slots[i], m, tokens)) {
			*ret = t->slots[i];
			return 0;
		}
	}
	if (t->bytes + sizeof(*copy) + size > MACROS_BYTES_MAX)
		return -E2BIG;
	copy = malloc(sizeof(*copy) + size);
	if (!copy)
		return -ENOMEM;
	*copy = *m;
	copy->hash = hash;
	if (size > 0)
		memcpy(copy->tokens, tokens, size);
	t->slots[i] = copy;
	copy->number = ++t->n;
	t->numbered[copy->number] = copy;
	t->bytes += sizeof(*copy) + size;
	*ret = copy;
	return 0;
}
