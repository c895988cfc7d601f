/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/pool.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_SIZE = 1 << 16 };

struct pool_chunk {
	struct pool_chunk *next;
	size_t size;
	alignas(max_align_t) char data[];
};

void pool_fini(struct pool *p)
{
	while (p->chunks) {
		struct pool_chunk *next = p->chunks->next;

		free(p->chunks);
		p->chunks = next;
	}
	*p = (struct pool){0};
}

static char *take(struct pool *p, size_t n, size_t align)
{
	size_t start = (p->used + align - 1) & ~(align - 1);

	if (!p->chunks || start > p->chunks->size || n > p->chunks->size - start) {
		size_t size = MAX(n, (size_t)CHUNK_SIZE);
		struct pool_chunk *c = malloc(sizeof(*c) + size);

		if (!c)
			return NULL;
		*c = (struct pool_chunk){.next = p->chunks, .size = size};
		p->chunks = c;
		p->total += size;
		start = 0;
	}
	p->used = start + n;
	return p->chunks->data + start;
}

void *pool_alloc(struct pool *p, size_t n)
{
	void *data = take(p, n, alignof(max_align_t));

	return data ? memset(data, 0, n) : NULL;
}

char *pool_text(struct pool *p, const char *text, size_t n)
{
	char *copy = take(p, n + 1, 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, n);
	copy[n] = '\0';
	return copy;
}
