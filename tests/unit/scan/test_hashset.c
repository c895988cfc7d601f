/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scan/hashset.h"
#include "scan/listing.h"
#include "world.h"

enum { ITEMS = 64 };

static bool same(const void *item, const void *key)
{
	return item == key;
}

/* Few hashes, so that runs are long, collide, and wrap around the end. */
static void what_is_added_is_found_until_removed(void **state)
{
	static int items[ITEMS];
	bool in[ITEMS] = {false};
	struct hashset h = {0};
	uint32_t random = 1, n = 0;

	for (unsigned step = 0; step < 50000; step++) {
		uint32_t k = (random = random * 1664525 + 1013904223) >> 26,
			 hash = k / 5 * 0xfffffff3u;

		if (in[k]) {
			hashset_remove(&h, hash, items + k);
			n--;
		} else {
			assert_int_equal(hashset_reserve(&h), 0);
			hashset_add(&h, hash, items + k);
			n++;
		}
		in[k] = !in[k];
		assert_int_equal(h.n, n);
		for (uint32_t i = step % 8; i < ITEMS; i += 8)
			assert_ptr_equal(hashset_find(&h, i / 5 * 0xfffffff3u, same, items + i),
				in[i] ? items + i : NULL);
	}
	n = 0;
	HASHSET_FOR(slot, &h)
	n++;
	assert_int_equal(n, h.n);
	hashset_fini(&h);
	assert_null(hashset_find(&h, 0, same, items));
}

static void hashes_tell_texts_apart(void **state)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyz";
	uint32_t seen[sizeof(text)];

	for (size_t n = 0; n < sizeof(text); n++) {
		seen[n] = hashset_hash(text, n);
		for (size_t k = 0; k < n; k++)
			assert_int_not_equal(seen[k], seen[n]);
	}
	assert_int_equal(hashset_hash(text, 9), seen[9]);
}

static uint32_t name_hash(const char *name)
{
	return hashset_hash(name, strlen(name));
}

static int open_here(void)
{
	return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void a_listing_says_no_for_certain(void **state)
{
	struct listing l = {0};
	char name[32];

	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "name%d", i);
		world_put(name, "");
	}
	assert_false(listing_held(&l));
	assert_int_equal(listing_read(&l, open_here()), 0);
	assert_true(listing_held(&l));
	for (int i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "name%d", i);
		assert_int_equal(listing_maybe(&l, name_hash(name)), i < 300);
	}
	listing_add(&l, name_hash("new"));
	listing_add(&l, 0);
	assert_true(listing_maybe(&l, name_hash("new")));
	assert_true(listing_maybe(&l, 0));
	/* What comes and goes does not pile up for ever. */
	for (uint32_t i = 0; i < 100000 && listing_held(&l); i++)
		listing_add(&l, i * 2654435761u);
	assert_false(listing_held(&l));
	listing_add(&l, 1);
	assert_int_equal(listing_read(&l, open("name1", O_RDONLY | O_CLOEXEC)), -ENOTDIR);
	assert_false(listing_held(&l));
	listing_drop(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_is_found_until_removed),
		cmocka_unit_test(hashes_tell_texts_apart),
		cmocka_unit_test_setup_teardown(
			a_listing_says_no_for_certain, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
