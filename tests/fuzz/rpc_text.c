/* SPDX-License-Identifier: GPL-3.0-or-later */

/* What was encoded decodes to the same, and what decodes encodes to what decodes the same. */

#include <stdlib.h>
#include <string.h>

#include "rpc/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct buf *b, const void *data, size_t n)
{
	if (b->len != n || (n > 0 && memcmp(b->data, data, n) != 0))
		abort();
}

static void decode(const char *text, size_t n)
{
	AUTO(buf_fini) struct buf bytes = BUF_INIT;
	AUTO(buf_fini) struct buf again = BUF_INIT;
	AUTO(buf_fini) struct buf bytes_again = BUF_INIT;
	AUTO(buf_fini) struct buf plain = BUF_INIT;

	if (rpc_percent_decode(text, n, &plain) < 0)
		abort();
	if (rpc_base64_decode(text, n, &bytes) < 0) {
		if (bytes.len > 0)
			abort();
		return;
	}
	if (rpc_base64_encode(bytes.data, bytes.len, &again) < 0 ||
		rpc_base64_decode(buf_str(&again), again.len, &bytes_again) < 0)
		abort();
	same(&bytes_again, bytes.data, bytes.len);
}

static void timeout(const uint8_t *data, size_t size)
{
	char text[32], out[RPC_TIMEOUT_TEXT];
	uint64_t ms, again;

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	if (rpc_timeout_parse(text, &ms) < 0)
		return;
	rpc_timeout_format(ms, out);
	/* It is rounded up, to a larger unit where there are many digits. */
	if (rpc_timeout_parse(out, &again) < 0 || again < ms)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(buf_fini) struct buf text = BUF_INIT;
	AUTO(buf_fini) struct buf back = BUF_INIT;

	if (rpc_base64_encode(data, size, &text) < 0 ||
		rpc_base64_decode(buf_str(&text), text.len, &back) < 0)
		abort();
	same(&back, data, size);
	buf_clear(&text);
	buf_clear(&back);
	if (rpc_percent_encode((const char *)data, size, &text) < 0 ||
		rpc_percent_decode(buf_str(&text), text.len, &back) < 0)
		abort();
	same(&back, data, size);
	decode((const char *)data, size);
	timeout(data, size);
	return 0;
}
