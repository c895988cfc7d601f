/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/util.h"

/*
 * Memory of one request: taken piece by piece, given back all at once, and bounded. Messages are
 * unpacked into it, and built from it; nothing in it is freed alone.
 */
struct reapi_arena {
	struct reapi_arena_block *blocks; /* newest first */
	char *at;                         /* free space of the newest block */
	size_t left;
	size_t used; /* bytes given out, rounded up, since init or reset */
	size_t max;
	bool exhausted; /* a request was refused because of max… */
	bool no_memory; /* … or for want of memory */
};

enum {
	REAPI_ARENA_BLOCK = 4096, /* the first block; each further one is twice the last… */
	REAPI_ARENA_BLOCK_MAX = 256 * 1024, /* … up to this, or as large as what is asked for */
};

/* Allocates nothing. max: bytes that reapi_arena_alloc gives out in all. */
void reapi_arena_init(struct reapi_arena *a, size_t max);
void reapi_arena_fini(struct reapi_arena *a);

/* As after init, but keeps the first block for the next request. */
void reapi_arena_reset(struct reapi_arena *a);

/* n bytes, not cleared, aligned for anything. NULL: no memory, or past max (a->exhausted). */
void *reapi_arena_alloc(struct reapi_arena *a, size_t n);
void *reapi_arena_calloc(struct reapi_arena *a, size_t n, size_t size); /* cleared */
char *reapi_arena_strndup(struct reapi_arena *a, const char *s, size_t n);
