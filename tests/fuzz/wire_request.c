/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * The reader of requests. The first byte is the size of the pieces; what is read must not depend
 * on it, and what was read must come out the same when it is written and read again.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "wire/distcc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wire_request_reader *read_all(
	const uint8_t *data, size_t size, size_t piece, int *ret_result)
{
	struct wire_request_reader *r;

	if (wire_request_new(&r) < 0)
		abort();
	*ret_result = 0;
	for (size_t at = 0; at < size && *ret_result == 0; at += piece) {
		size_t used = 0;

		*ret_result = wire_request_feed(r, data + at, MIN(piece, size - at), &used);
		if (used > piece)
			abort();
	}
	return r;
}

static void check_same(const struct wire_request *a, const struct wire_request *b)
{
	if (a->state != b->state || a->argv.n != b->argv.n || a->source.len != b->source.len ||
		a->source_len != b->source_len || a->error != b->error)
		abort();
	for (size_t i = 0; i < a->argv.n; i++)
		if (strcmp(a->argv.v[i], b->argv.v[i]) != 0)
			abort();
	if (a->source.len > 0 && memcmp(a->source.data, b->source.data, a->source.len) != 0)
		abort();
}

static void check_round_trip(const struct wire_request *q)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct wire_request_reader *again;
	int result;

	if (wire_request_head(q->version, strv_argv(&q->argv), q->source_len, &b) < 0 ||
		buf_append(&b, q->source.data, q->source.len) < 0)
		abort();
	again = read_all((uint8_t *)b.data, b.len, b.len, &result);
	if (result < 0)
		abort();
	check_same(q, wire_request_get(again));
	wire_request_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_request_reader *pieces, *whole;
	int a, b;

	if (size < 1)
		return 0;
	pieces = read_all(data + 1, size - 1, (size_t)data[0] + 1, &a);
	whole = read_all(data + 1, size - 1, size, &b);
	if (a != b)
		abort();
	check_same(wire_request_get(pieces), wire_request_get(whole));
	if (wire_request_get(whole)->state == WIRE_REQUEST_DONE)
		check_round_trip(wire_request_get(whole));
	wire_request_free(pieces);
	wire_request_free(whole);
	return 0;
}
