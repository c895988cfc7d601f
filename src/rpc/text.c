/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "rpc/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int rpc_base64_encode(const void *data, size_t n, struct buf *ret)
{
	const uint8_t *p = data;
	int r = n > SIZE_MAX / 2 ? -E2BIG : buf_reserve(ret, n / 3 * 4 + 4);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i += 3) {
		size_t have = MIN(n - i, (size_t)3);
		uint32_t bits = (uint32_t)p[i] << 16;

		if (have > 1)
			bits |= (uint32_t)p[i + 1] << 8;
		if (have > 2)
			bits |= p[i + 2];
		for (size_t k = 0; k <= have; k++)
			ret->data[ret->len++] = base64_digits[bits >> (18 - 6 * k) & 63];
	}
	ret->data[ret->len] = '\0';
	return 0;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The digits of text, without up to two '=' that complete a group of four. */
static size_t base64_unpadded(const char *text, size_t n)
{
	if (n % 4 == 0 && n > 0 && text[n - 1] == '=')
		return text[n - 2] == '=' ? n - 2 : n - 1;
	return n;
}

int rpc_base64_decode(const char *text, size_t n, struct buf *ret)
{
	size_t digits = base64_unpadded(text, n);
	size_t before = ret->len;
	uint32_t bits = 0;
	int r = buf_reserve(ret, digits / 4 * 3 + 3);

	if (r < 0)
		return r;
	if (digits % 4 == 1)
		return -EBADMSG;
	for (size_t i = 0; i < digits; i++) {
		int v = base64_value(text[i]);

		if (v < 0) {
			ret->len = before;
			ret->data[before] = '\0';
			return -EBADMSG;
		}
		bits = bits << 6 | (uint32_t)v;
		if (i % 4 > 0)
			ret->data[ret->len++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	ret->data[ret->len] = '\0';
	return 0;
}

int rpc_percent_encode(const char *text, size_t n, struct buf *ret)
{
	static const char hex[] = "0123456789ABCDEF";
	int r = n > SIZE_MAX / 4 ? -E2BIG : buf_reserve(ret, 3 * n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)text[i];
		/* HTTP does not take a value that begins or ends with a blank. */
		bool is_edge = i == 0 || i == n - 1;

		if (c >= ' ' && c <= '~' && c != '%' && (c != ' ' || !is_edge)) {
			ret->data[ret->len++] = (char)c;
			continue;
		}
		ret->data[ret->len++] = '%';
		ret->data[ret->len++] = hex[c >> 4];
		ret->data[ret->len++] = hex[c & 15];
	}
	ret->data[ret->len] = '\0';
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

int rpc_percent_decode(const char *text, size_t n, struct buf *ret)
{
	int r = buf_reserve(ret, n);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (c == '%' && n - i > 2) {
			int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);

			if (high >= 0 && low >= 0) {
				c = (char)(high << 4 | low);
				i += 2;
			}
		}
		ret->data[ret->len++] = c;
	}
	ret->data[ret->len] = '\0';
	return 0;
}

int rpc_timeout_parse(const char *text, uint64_t *ret_ms)
{
	uint64_t n = 0;
	size_t digits = 0;

	for (; text[digits] >= '0' && text[digits] <= '9'; digits++) {
		if (digits == 8)
			return -EBADMSG;
		n = n * 10 + (uint64_t)(text[digits] - '0');
	}
	if (digits == 0 || text[digits] == '\0' || text[digits + 1] != '\0')
		return -EBADMSG;
	switch (text[digits]) {
	case 'H':
		*ret_ms = n * 3600 * 1000;
		return 0;
	case 'M':
		*ret_ms = n * 60 * 1000;
		return 0;
	case 'S':
		*ret_ms = n * 1000;
		return 0;
	case 'm':
		*ret_ms = n;
		return 0;
	case 'u':
		*ret_ms = (n + 999) / 1000;
		return 0;
	case 'n':
		*ret_ms = (n + 999999) / 1000000;
		return 0;
	default:
		return -EBADMSG;
	}
}

void rpc_timeout_format(uint64_t ms, char *text)
{
	static const struct {
		char unit;
		uint64_t ms;
	} units[] = {{'m', 1}, {'S', 1000}, {'M', 60 * 1000}, {'H', 3600 * 1000}};
	const uint64_t max = 99999999;
	size_t i = 0;
	uint64_t n;

	while (i + 1 < ARRAY_SIZE(units) && ms / units[i].ms >= max)
		i++;
	n = MIN(ms / units[i].ms + (ms % units[i].ms > 0), max);
	snprintf(text, RPC_TIMEOUT_TEXT, "%" PRIu64 "%c", n, units[i].unit);
}
