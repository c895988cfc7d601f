/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scan/listing.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "scan/hashset.h"

enum { FIRST_SLOTS = 16 };

void listing_drop(struct listing *l)
{
	free(l->hashes);
	*l = (struct listing){0};
}

static uint32_t *place(const struct listing *l, uint32_t hash)
{
	uint32_t i = hash & l->mask;

	while (l->hashes[i] && l->hashes[i] != hash)
		i = (i + 1) & l->mask;
	return l->hashes + i;
}

static uint32_t key(uint32_t hash)
{
	return hash ? hash : 1;
}

bool listing_maybe(const struct listing *l, uint32_t hash)
{
	return *place(l, key(hash)) != 0;
}

static int grow(struct listing *l, size_t size)
{
	struct listing bigger = *l;

	bigger.hashes = calloc(size, sizeof(*bigger.hashes));
	if (!bigger.hashes)
		return -ENOMEM;
	bigger.mask = (uint32_t)(size - 1);
	for (size_t i = 0; l->hashes && i <= l->mask; i++)
		if (l->hashes[i])
			*place(&bigger, l->hashes[i]) = l->hashes[i];
	free(l->hashes);
	*l = bigger;
	return 0;
}

static int add(struct listing *l, uint32_t hash)
{
	uint32_t *slot = place(l, key(hash));

	if (*slot)
		return 0;
	if (((size_t)l->n + 1) * 2 > (size_t)l->mask + 1) {
		int r = grow(l, ((size_t)l->mask + 1) * 2);

		if (r < 0)
			return r;
		slot = place(l, key(hash));
	}
	*slot = key(hash);
	l->n++;
	return 0;
}

/* Names that come and go (temporary files) add up: past twice what was read it starts anew. */
void listing_add(struct listing *l, uint32_t hash)
{
	if (!listing_held(l))
		return;
	if (add(l, hash) < 0 || l->n > l->n_first * 2 + 1024)
		listing_drop(l);
}

static int fill(struct listing *l, DIR *stream)
{
	const struct dirent *e;
	int r = grow(l, FIRST_SLOTS);

	while (r == 0) {
		errno = 0;
		e = readdir(stream);
		if (!e)
			return -errno;
		r = l->n < LISTING_NAMES_MAX ? add(l, hashset_hash(e->d_name, strlen(e->d_name)))
					     : -E2BIG;
	}
	return r;
}

int listing_read(struct listing *l, int fd)
{
	DIR *stream = fdopendir(fd);
	int r;

	listing_drop(l);
	if (!stream) {
		r = -errno;
		util_close(&fd);
		return r;
	}
	r = fill(l, stream);
	closedir(stream);
	if (r < 0)
		listing_drop(l);
	l->n_first = l->n;
	return r;
}
