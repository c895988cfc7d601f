/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/token.h"

#include <errno.h>
#include <string.h>

enum { NAME_SIZE = 4 };

int wire_token_write(const char *name, size_t value, struct buf *ret)
{
	if (value > UINT32_MAX)
		return -E2BIG;
	return buf_printf(ret, "%.4s%08x", name, (unsigned)value);
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int wire_token_read(
	struct wire_token *t, const char *name, const char **data, size_t *n, uint32_t *ret_value)
{
	size_t take = MIN(*n, WIRE_TOKEN_SIZE - t->len);
	uint32_t value = 0;

	if (take > 0)
		memcpy(t->text + t->len, *data, take);
	t->len += take;
	*data += take;
	*n -= take;
	/* A wrong name is seen with its first letters: a stranger is not waited for. */
	if (memcmp(t->text, name, MIN(t->len, (size_t)NAME_SIZE)) != 0)
		return -EBADMSG;
	for (size_t i = NAME_SIZE; i < t->len; i++) {
		int digit = hex_digit(t->text[i]);

		if (digit < 0)
			return -EBADMSG;
		value = value << 4 | (uint32_t)digit;
	}
	if (t->len < WIRE_TOKEN_SIZE)
		return WIRE_MORE;
	t->len = 0;
	*ret_value = value;
	return 0;
}

int wire_body_read(struct buf *b, size_t *left, const char **data, size_t *n)
{
	size_t take = MIN(*n, *left);
	int r = buf_append(b, *data, take);

	if (r < 0)
		return r;
	*left -= take;
	*data += take;
	*n -= take;
	return *left == 0 ? 0 : WIRE_MORE;
}
