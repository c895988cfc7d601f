/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * A growable run of bytes with a stated maximum. Data is always followed by a NUL that does not
 * count, so that text may be used as a C string. Growth past max is -E2BIG and changes nothing.
 */
struct buf {
	char *data; /* NULL until the first byte */
	size_t len;
	size_t cap;
	size_t max; /* bytes; 0 stands for BUF_MAX_DEFAULT */
};

#define BUF_MAX_DEFAULT ((size_t)64 << 20)
#define BUF_INIT             \
	{                    \
		.data = NULL \
	}
#define BUF_INIT_MAX(m)    \
	{                  \
		.max = (m) \
	}

void buf_fini(struct buf *b);  /* frees; b is empty and usable again, with the same max */
void buf_clear(struct buf *b); /* len 0, keeps the memory */

/* Room for n more bytes behind len. -ENOMEM, -E2BIG. */
int buf_reserve(struct buf *b, size_t n) MUST_CHECK;
int buf_append(struct buf *b, const void *data, size_t n) MUST_CHECK;
int buf_append_str(struct buf *b, const char *s) MUST_CHECK;
int buf_append_char(struct buf *b, char c) MUST_CHECK;
int buf_printf(struct buf *b, const char *fmt, ...) MUST_CHECK PRINTF_LIKE(2, 3);

/* Drop the first n bytes (n <= len). */
void buf_consume(struct buf *b, size_t n);

/* The text, or "" when nothing was ever appended. */
const char *buf_str(const struct buf *b);

/* Hand the NUL-terminated memory over to the caller (free it); NULL only if nothing was appended.
 */
char *buf_take(struct buf *b);
