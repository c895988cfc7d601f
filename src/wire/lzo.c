/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * Version 2 compresses each body as one raw LZO1X-1 block: no header, no checksum, and no word of
 * how much comes out. So the room for decompression is guessed and grown: source compresses about
 * four to one, and no block can hold more than 255 times its size.
 */

#include "wire/distcc.h"

#include <errno.h>
#include <stdlib.h>

#include "config.h"

#if HAVE_LZO

#include <lzo/lzo1x.h>

enum { GUESS_FACTOR = 8, GROWTH_FACTOR = 4, ROOM_MIN = 4096 };

bool wire_lzo_available(void)
{
	return true;
}

int wire_compress(const void *data, size_t n, struct buf *ret)
{
	AUTO(util_free) void *work = NULL;
	lzo_uint out_len;
	int r;

	if (n == 0)
		return 0;
	if (n > WIRE_BODY_MAX)
		return -E2BIG;
	if (lzo_init() != LZO_E_OK)
		return -ENOSYS;
	work = malloc(LZO1X_1_MEM_COMPRESS);
	if (!work)
		return -ENOMEM;
	/* The worst case that LZO's documentation states for incompressible data. */
	r = buf_reserve(ret, n + n / 16 + 64 + 3);
	if (r < 0)
		return r;
	if (lzo1x_1_compress(data, n, (unsigned char *)ret->data + ret->len, &out_len, work) !=
		LZO_E_OK)
		return -ENOSYS;
	ret->len += out_len;
	ret->data[ret->len] = '\0';
	return 0;
}

int wire_decompress(const void *data, size_t n, size_t limit, struct buf *ret)
{
	size_t room;

	if (n == 0)
		return 0;
	if (n > WIRE_BODY_MAX)
		return -EBADMSG;
	if (lzo_init() != LZO_E_OK)
		return -ENOSYS;
	for (room = MAX(n * GUESS_FACTOR, (size_t)ROOM_MIN);; room *= GROWTH_FACTOR) {
		lzo_uint out_len;
		int r;

		room = MIN(room, limit);
		out_len = room;
		r = buf_reserve(ret, room);
		if (r < 0)
			return r;
		r = lzo1x_decompress_safe(
			data, n, (unsigned char *)ret->data + ret->len, &out_len, NULL);
		if (r == LZO_E_OK)
			ret->len += out_len;
		ret->data[ret->len] = '\0';
		if (r == LZO_E_OK)
			return 0;
		if (r != LZO_E_OUTPUT_OVERRUN || room == limit)
			return -EBADMSG;
	}
}

#else

bool wire_lzo_available(void)
{
	return false;
}

int wire_compress(const void *data, size_t n, struct buf *ret)
{
	return n == 0 ? 0 : -EOPNOTSUPP;
}

int wire_decompress(const void *data, size_t n, size_t limit, struct buf *ret)
{
	return n == 0 ? 0 : -EOPNOTSUPP;
}

#endif
