/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * Every spelling once: names, numbers, strings, header names. Equal text, equal id; ids are dense
 * from 1 (0 is no spelling), so that a macro table is an array. Nothing is ever taken out: the
 * table's owner throws all of it away when it has grown past its limits (scan/scan.c).
 */

enum {
	INTERN_MAX = 16 << 20,        /* spellings */
	INTERN_BYTES_MAX = 512 << 20, /* of text */
};

struct intern_entry {
	const char *text; /* a NUL behind it; may hold NULs */
	uint32_t len;
	uint32_t hash;
};

struct intern {
	struct intern_entry *entries; /* by id */
	uint32_t n;                   /* the next id */
	uint32_t cap;
	uint32_t *slots; /* a power of two of them: ids, 0 free */
	uint32_t n_slots;
	char *block; /* the memory that texts are put in, and what is left of it */
	size_t left;
	size_t bytes;
	struct intern_block *blocks;
};

int intern_init(struct intern *t) MUST_CHECK;
void intern_fini(struct intern *t);

/* 0; -ENOMEM; -E2BIG past the limits. */
int intern_add(struct intern *t, const char *text, size_t len, uint32_t *ret) MUST_CHECK;

static inline const char *intern_text(const struct intern *t, uint32_t id)
{
	return t->entries[id].text;
}

static inline size_t intern_len(const struct intern *t, uint32_t id)
{
	return t->entries[id].len;
}

/* FNV-like, for the small tables of this folder. */
static inline uint32_t intern_hash(const void *data, size_t len, uint32_t seed)
{
	const unsigned char *p = data;
	uint32_t h = seed ^ (uint32_t)len;

	for (; len >= 4; p += 4, len -= 4) {
		uint32_t w;

		__builtin_memcpy(&w, p, 4);
		h = (h ^ w) * 0x9e3779b1u;
		h ^= h >> 15;
	}
	for (; len > 0; p++, len--)
		h = (h ^ *p) * 0x01000193u;
	h ^= h >> 16;
	h *= 0x85ebca6bu;
	return h ^ h >> 13;
}
