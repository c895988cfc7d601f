/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "cas/slot.h"
#include "cas/state.h"
#include "cas/table.h"

/*
 * The same input as cas_store, without a store: what is taken of either file is written again as it
 * was, and the table that the records fill finds each of them.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void check_records(const uint8_t *data, size_t n)
{
	uint8_t again[SLOT_SIZE];
	struct slot s;

	for (; n >= SLOT_SIZE; data += SLOT_SIZE, n -= SLOT_SIZE) {
		if (slot_decode(data, &s) != SLOT_USED)
			continue;
		slot_encode(&s, again);
		require(memcmp(again, data, SLOT_SIZE) == 0);
		require(s.digest.size <= SLOT_BLOB_MAX && s.epoch <= SLOT_EPOCH_MAX);
	}
}

static void check_state(const char *text, size_t n)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	struct state s, again;

	if (state_parse(text, n, &s) != 0)
		return;
	require(s.trusted >= 1 && s.trusted <= s.epoch);
	require(state_print(&s, &b) == 0);
	require(state_parse(b.data, b.len, &again) == 0);
	require(memcmp(&s, &again, offsetof(struct state, boot)) == 0);
	require(str_eq(s.boot, again.boot));
}

static void check_table(const uint8_t *data, size_t n)
{
	struct table t;
	bool placed;

	require(table_init(&t, n) == 0);
	for (size_t at = 0; at + SLOT_SIZE <= n; at += SLOT_SIZE) {
		struct slot s;

		if (slot_decode(data + at, &s) != SLOT_USED)
			require(table_place_free(&t) == 0);
		else
			require(table_place(&t, &s, &placed) == 0);
	}
	require(table_loaded(&t) == 0);
	for (size_t at = 0; at + SLOT_SIZE <= n; at += SLOT_SIZE) {
		struct slot s;

		if (slot_decode(data + at, &s) == SLOT_USED)
			require(table_find(&t, s.digest.hash, s.exec) != TABLE_NONE);
	}
	while (table_oldest(&t) != TABLE_NONE)
		table_remove(&t, table_oldest(&t));
	require(t.n == 0 && t.cost == 0);
	table_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *nul = memchr(data, '\0', size);
	size_t n_state = nul ? (size_t)(nul - data) : size;
	const uint8_t *index = nul ? nul + 1 : data + size;
	uint32_t version;

	check_state((const char *)data, n_state);
	size -= (size_t)(index - data);
	if (size >= SLOT_SIZE && slot_decode_header(index, &version) >= 0)
		require(version > 0);
	check_records(index, size);
	check_table(index, size);
	return 0;
}
