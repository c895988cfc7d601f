/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The allocator of the launcher that is built with musl: nothing is given back. A launcher
 * lives for one command and allocates some ten kilobytes for it; to give them back to the kernel
 * was an eighth of its life.
 */

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/util.h"

enum {
	UNIT = alignof(max_align_t),
	FIRST = 32 << 10,
	MORE = 1 << 20,
};

/* In front of each block; as large as what alignment would leave empty anyway. */
struct head {
	alignas(UNIT) size_t size;
};

static alignas(UNIT) char first[FIRST];
static char *next = first, *end = first + FIRST;

void *malloc(size_t n)
{
	size_t size = (n + UNIT - 1) / UNIT * UNIT;
	struct head *h;

	if (n > PTRDIFF_MAX - MORE - sizeof(*h)) {
		errno = ENOMEM;
		return NULL;
	}
	if (size + sizeof(*h) > (size_t)(end - next)) {
		size_t room = size + sizeof(*h) + MORE;
		void *p = mmap(
			NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return NULL;
		next = p;
		end = next + room;
	}
	h = (struct head *)next;
	h->size = size;
	next += sizeof(*h) + size;
	return h + 1;
}

/* Memory of the kernel's, which nobody has had before: it is zero. */
void *calloc(size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return malloc(n * size);
}

void *realloc(void *old, size_t n)
{
	struct head *h;
	void *p;

	if (!old)
		return malloc(n);
	h = (struct head *)old - 1;
	if (n <= h->size)
		return old;
	/* A multiple of UNIT is left, so what is rounded up fits, too. */
	if ((char *)old + h->size == next && n <= (size_t)(end - (char *)old)) {
		h->size = (n + UNIT - 1) / UNIT * UNIT;
		next = (char *)old + h->size;
		return old;
	}
	p = malloc(n);
	if (p)
		memcpy(p, old, h->size);
	return p;
}

void free(void *p)
{
	(void)p;
}
