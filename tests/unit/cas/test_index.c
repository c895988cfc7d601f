/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cas/slot.h"
#include "cas/state.h"
#include "cas/store.h"
#include "cas/table.h"
#include "failing.h"

static struct slot slot_number(uint64_t n)
{
	struct slot s = {.digest.size = n * 1000,
		.id = {.ino = n, .mtime_ns = -5, .ctime_ns = INT64_MAX},
		.use = n << 40,
		.epoch = SLOT_EPOCH_MAX,
		.exec = n & 1};

	memcpy(s.digest.hash, &n, sizeof(n));
	return s;
}

static void test_digest(void **state)
{
	struct cas_digest d;
	char hex[CAS_HEX_SIZE];
	uint8_t hash[CAS_HASH_SIZE];

	assert_int_equal(cas_digest_of("", 0, &d), 0);
	assert_true(cas_digest_is_empty(&d));
	assert_int_equal(cas_digest_of("abc", 3, &d), 0);
	cas_hash_hex(d.hash, hex);
	assert_string_equal(
		hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_true(cas_hash_parse(hex, 64, hash));
	assert_memory_equal(hash, d.hash, CAS_HASH_SIZE);
	assert_false(cas_hash_parse(hex, 63, hash));
	hex[7] = 'A';
	assert_false(cas_hash_parse(hex, 64, hash));
	hex[7] = 'g';
	assert_false(cas_hash_parse(hex, 64, hash));
}

static void test_slot(void **state)
{
	uint8_t bytes[SLOT_SIZE];
	struct slot in = slot_number(7), out;
	uint32_t version;

	slot_encode(&in, bytes);
	assert_int_equal(slot_decode(bytes, &out), SLOT_USED);
	assert_true(cas_digest_equal(&in.digest, &out.digest));
	assert_true(slot_identity_equal(&in.id, &out.id));
	assert_int_equal(out.use, in.use);
	assert_int_equal(out.epoch, in.epoch);
	assert_int_equal(out.exec, in.exec);
	for (size_t bit = 0; bit < SLOT_SIZE * 8; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(slot_decode(bytes, &out), SLOT_TORN);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(slot_decode(bytes, &out), SLOT_FREE);
	assert_int_equal(slot_decode_header(bytes, &version), -EBADMSG);
	slot_encode_header(bytes);
	assert_int_equal(slot_decode_header(bytes, &version), 0);
	bytes[16]++;
	assert_int_equal(slot_decode_header(bytes, &version), CAS_NEWER);
	assert_int_equal(version, SLOT_VERSION + 1);
}

static void test_state(void **state)
{
	static const struct {
		const char *text;
		int outcome;
	} cases[] = {
		{"distcc-cas 1\nstate open\nboot -\nepoch 1 trusted 1\nsearch no\n", 0},
		{"distcc-cas 1\nstate clean\nboot a-b\nepoch 9 trusted 3\nsearch yes\n", 0},
		{"distcc-cas 2\nwhatever", CAS_NEWER},
		{"distcc-cas 2", -EBADMSG},
		{"distcc-cas 0\nstate open\nboot -\nepoch 1 trusted 1\nsearch no\n", -EBADMSG},
		{"distcc-cas 1\nstate ajar\nboot -\nepoch 1 trusted 1\nsearch no\n", -EBADMSG},
		{"distcc-cas 1\nstate open\nboot -\nepoch 1 trusted 2\nsearch no\n", -EBADMSG},
		{"distcc-cas 1\nstate open\nboot -\nepoch 1 trusted 0\nsearch no\n", -EBADMSG},
		{"distcc-cas 1\nstate open\nboot -\nepoch 16777216 trusted 1\nsearch no\n",
			-EBADMSG},
		{"distcc-cas 1\nstate open\nboot -\nepoch 1 trusted 1\nsearch no", -EBADMSG},
		{"distcc-cas 1\nstate open\nboot -\nepoch 1 trusted 1\nsearch no\nmore\n",
			-EBADMSG},
		{"distcc-cas 1\nstate open\nboot -\nepoch 1 trusted 1\n", -EBADMSG},
		{"", -EBADMSG},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO(buf_fini) struct buf b = BUF_INIT;
		struct state s;

		assert_int_equal(
			state_parse(cases[i].text, strlen(cases[i].text), &s), cases[i].outcome);
		if (cases[i].outcome != 0)
			continue;
		assert_int_equal(state_print(&s, &b), 0);
		assert_string_equal(buf_str(&b), cases[i].text);
	}
}

/* Against a plain array: what is in it, in which order, and what it counts. */
enum { MODEL = 200, STEPS = 20000 };

struct model {
	bool live[MODEL];
	uint32_t number[MODEL];
	uint64_t used[MODEL];
	unsigned pins[MODEL];
	uint64_t now;
};

static uint32_t next_random(uint64_t *x)
{
	*x = *x * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*x >> 33);
}

static void assert_same(const struct table *t, const struct model *m)
{
	uint64_t cost = 0, least = UINT64_MAX;
	uint32_t oldest = TABLE_NONE, n = 0;

	for (uint64_t k = 0; k < MODEL; k++) {
		struct slot s = slot_number(k);
		uint32_t i = table_find(t, s.digest.hash, s.exec);

		assert_int_equal(i, m->live[k] ? m->number[k] : TABLE_NONE);
		assert_int_equal(table_find(t, s.digest.hash, !s.exec), TABLE_NONE);
		if (!m->live[k])
			continue;
		n++;
		cost += table_cost(s.digest.size);
		if (m->pins[k] == 0 && m->used[k] < least) {
			least = m->used[k];
			oldest = i;
		}
	}
	assert_int_equal(t->n, n);
	assert_int_equal(t->cost, cost);
	assert_int_equal(table_oldest(t), oldest);
}

static void step(struct table *t, struct model *m, uint64_t *x)
{
	uint64_t k = next_random(x) % MODEL;
	struct slot s = slot_number(k);

	switch (next_random(x) % 6) {
	case 0:
	case 1:
		if (m->live[k])
			break;
		assert_int_equal(table_add(t, &s, &m->number[k]), 0);
		m->live[k] = true;
		m->used[k] = ++m->now;
		break;
	case 2:
		if (!m->live[k] || m->pins[k])
			break;
		table_remove(t, m->number[k]);
		table_release(t, m->number[k]);
		m->live[k] = false;
		break;
	case 3:
		if (!m->live[k])
			break;
		table_touch(t, m->number[k]);
		m->used[k] = ++m->now;
		break;
	case 4:
		if (!m->live[k])
			break;
		table_pin(t, m->number[k]);
		m->pins[k]++;
		break;
	default:
		if (!m->pins[k])
			break;
		table_unpin(t, m->number[k]);
		if (--m->pins[k] == 0)
			m->used[k] = ++m->now;
		break;
	}
}

static void test_table(void **state)
{
	struct model *m = calloc(1, sizeof(*m));
	struct table t;
	uint64_t x = 1;

	assert_int_equal(table_init(&t, 42), 0);
	for (unsigned i = 0; i < STEPS; i++) {
		step(&t, m, &x);
		if (i % 16 == 0)
			assert_same(&t, m);
	}
	assert_true(t.end <= MODEL);
	table_fini(&t);
	free(m);
}

/* A number is not given anew while somebody holds what had it. */
static void test_table_gone_but_pinned(void **state)
{
	struct slot a = slot_number(2), b = slot_number(4);
	struct table t;
	uint32_t i, j;

	assert_int_equal(table_init(&t, 42), 0);
	assert_int_equal(table_add(&t, &a, &i), 0);
	table_pin(&t, i);
	table_pin(&t, i);
	table_remove(&t, i);
	table_release(&t, i);
	assert_int_equal(table_find(&t, a.digest.hash, a.exec), TABLE_NONE);
	table_unpin(&t, i);
	assert_int_equal(table_add(&t, &b, &j), 0);
	assert_true(i != j);
	table_unpin(&t, i);
	assert_int_equal(table_add(&t, &a, &j), 0);
	assert_int_equal(i, j);
	assert_int_equal(t.n_pinned, 0);
	table_fini(&t);
}

static void test_table_loaded(void **state)
{
	struct table t;
	bool placed;
	uint32_t i;

	assert_int_equal(table_init(&t, 42), 0);
	/* Uses that take every pass of the sort, and two of one blob. */
	for (uint64_t k = 0; k < 5000; k++) {
		struct slot s = slot_number(k);

		s.use = (k * 2654435761u) << (k % 20);
		assert_int_equal(table_place(&t, &s, &placed), 0);
		assert_true(placed);
		if (k % 100)
			continue;
		assert_int_equal(table_place(&t, &s, &placed), 0);
		assert_false(placed);
		assert_int_equal(table_place_free(&t), 0);
	}
	assert_int_equal(table_loaded(&t), 0);
	assert_int_equal(t.n, 5000);
	assert_int_equal(t.end, 5100);
	for (i = table_oldest(&t); table_at(&t, i)->newer != TABLE_NONE;) {
		uint32_t next = table_at(&t, i)->newer;

		assert_true(table_at(&t, i)->slot.use <= table_at(&t, next)->slot.use);
		i = next;
	}
	assert_int_equal(table_at(&t, i)->slot.use, t.use);
	/* The holes are used before the end grows. */
	for (uint64_t k = 5000; k < 5100; k++) {
		struct slot s = slot_number(k);

		assert_int_equal(table_add(&t, &s, &i), 0);
		assert_true(i < 5100);
	}
	table_fini(&t);
}

static void test_no_memory(void **state)
{
	for (unsigned n = 1; failing_start(n); n++) {
		struct table t;
		uint32_t i;
		int r = table_init(&t, 42);
		bool failed;

		for (uint64_t k = 0; r == 0 && k < 2000; k++) {
			struct slot s = slot_number(k);

			r = table_add(&t, &s, &i);
		}
		failed = failing_stop();
		assert_int_equal(r, failed ? -ENOMEM : 0);
		table_fini(&t);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_slot),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_table_gone_but_pinned),
		cmocka_unit_test(test_table_loaded),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
