/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "reapi/arena.h"

#include <stdlib.h>
#include <string.h>

struct reapi_arena_block {
	struct reapi_arena_block *older;
	size_t size; /* of data */
	_Alignas(max_align_t) char data[];
};

enum { ALIGNMENT = _Alignof(max_align_t) };

void reapi_arena_init(struct reapi_arena *a, size_t max)
{
	*a = (struct reapi_arena){.max = max};
}

void reapi_arena_fini(struct reapi_arena *a)
{
	while (a->blocks) {
		struct reapi_arena_block *older = a->blocks->older;

		free(a->blocks);
		a->blocks = older;
	}
	reapi_arena_init(a, a->max);
}

void reapi_arena_reset(struct reapi_arena *a)
{
	size_t max = a->max;

	while (a->blocks && a->blocks->older) {
		struct reapi_arena_block *older = a->blocks->older;

		free(a->blocks);
		a->blocks = older;
	}
	*a = (struct reapi_arena){.max = max, .blocks = a->blocks};
	if (a->blocks) {
		a->at = a->blocks->data;
		a->left = a->blocks->size;
	}
}

/* A block for n bytes. What was left of the last one is given up, unless the new one is for a
 * single large piece: that goes behind the last, which stays in use. */
static char *grow(struct reapi_arena *a, size_t n)
{
	size_t size = a->blocks ? MIN(a->blocks->size * 2, (size_t)REAPI_ARENA_BLOCK_MAX)
				: (size_t)REAPI_ARENA_BLOCK;
	bool single = a->blocks && n > size / 4;
	struct reapi_arena_block *b;

	size = single ? n : MAX(size, n);
	b = malloc(sizeof(*b) + size);
	if (!b) {
		a->no_memory = true;
		return NULL;
	}
	b->size = size;
	if (single) {
		b->older = a->blocks->older;
		a->blocks->older = b;
		return b->data;
	}
	b->older = a->blocks;
	a->blocks = b;
	a->at = b->data + n;
	a->left = size - n;
	return b->data;
}

void *reapi_arena_alloc(struct reapi_arena *a, size_t n)
{
	char *p = a->at;

	if (n > a->max || a->used > a->max - n) {
		a->exhausted = true;
		return NULL;
	}
	n = (MAX(n, (size_t)1) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (n > a->left) {
		p = grow(a, n);
		if (!p)
			return NULL;
	} else {
		a->at += n;
		a->left -= n;
	}
	a->used += n;
	return p;
}

void *reapi_arena_calloc(struct reapi_arena *a, size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		a->exhausted = true;
		return NULL;
	}
	p = reapi_arena_alloc(a, bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

char *reapi_arena_strndup(struct reapi_arena *a, const char *s, size_t n)
{
	char *p = reapi_arena_alloc(a, n + 1);

	if (!p)
		return NULL;
	memcpy(p, s, n);
	p[n] = '\0';
	return p;
}
