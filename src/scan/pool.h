/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* Memory that is given back all at once. Its owner bounds how much is asked for. */
struct pool {
	struct pool_chunk *chunks; /* the first is the one that is filled */
	size_t used;               /* of it */
	size_t total;              /* bytes of all chunks */
};

void pool_fini(struct pool *p); /* empty and usable again */

/* n zeroed bytes, aligned for any object. NULL: no memory. */
void *pool_alloc(struct pool *p, size_t n);

/* A copy of n bytes with a NUL behind them, not aligned. NULL: no memory. */
char *pool_text(struct pool *p, const char *text, size_t n);
