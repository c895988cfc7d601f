/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Beside the libc's own, which the rest of this test uses. */
void *arena_malloc(size_t n);
void *arena_calloc(size_t n, size_t size);
void *arena_realloc(void *old, size_t n);
void arena_free(void *p);

#undef malloc
#undef calloc
#undef realloc
#undef free
#define malloc arena_malloc
#define calloc arena_calloc
#define realloc arena_realloc
#define free arena_free
#include "launcher/arena.c"

/* Of sizes around those of the arena's pieces, none touches another, all are aligned. */
static void test_blocks_are_apart(void **state)
{
	static const size_t sizes[] = {
		0, 1, 15, 16, 17, 4096, FIRST, MORE, MORE + 1, 3, 2 * MORE, 5};
	unsigned char *blocks[4][ARRAY_SIZE(sizes)];

	for (size_t round = 0; round < ARRAY_SIZE(blocks); round++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			unsigned char *p = malloc(sizes[i]);

			assert_non_null(p);
			assert_int_equal((uintptr_t)p % UNIT, 0);
			memset(p, (int)(16 * round + i), sizes[i]);
			blocks[round][i] = p;
		}
	for (size_t round = 0; round < ARRAY_SIZE(blocks); round++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
			for (size_t k = 0; k < sizes[i]; k++)
				assert_int_equal(blocks[round][i][k], 16 * round + i);
}

static void test_a_block_grows(void **state)
{
	unsigned char *p = realloc(NULL, 1), *last;
	size_t size = 1;

	assert_non_null(p);
	p[0] = 0;
	/* Sometimes at the end of what is used, sometimes with another behind it. */
	for (int step = 0; step < 300; step++) {
		size_t more = size + (size_t)step * 37 + 1;

		p = realloc(p, more);
		assert_non_null(p);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(p[i], i % 251);
		for (size_t i = size; i < more; i++)
			p[i] = (unsigned char)(i % 251);
		size = more;
		if (step % 3 == 0) {
			last = malloc(8);
			assert_non_null(last);
			assert_true(last >= p + size || last + 8 <= p);
			memset(last, 0xff, 8);
		}
		free(p); /* means nothing */
	}
	assert_ptr_equal(realloc(p, 1), p);
}

static void test_zero(void **state)
{
	for (size_t n = 1; n < 200000; n *= 3) {
		unsigned char *dirty = malloc(n), *p;

		assert_non_null(dirty);
		memset(dirty, 0xff, n);
		free(dirty);
		p = calloc(n, 3);
		assert_non_null(p);
		for (size_t i = 0; i < 3 * n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, 3 * n);
	}
}

static void test_too_much(void **state)
{
	void *p = malloc(1);

	errno = 0;
	assert_null(malloc(SIZE_MAX));
	assert_int_equal(errno, ENOMEM);
	assert_null(malloc((size_t)PTRDIFF_MAX));
	assert_null(malloc((size_t)PTRDIFF_MAX - 2 * MORE));
	assert_null(calloc(SIZE_MAX / 2, 3));
	assert_null(realloc(p, SIZE_MAX - 3));
	assert_non_null(malloc(1));
}

/* The last of a piece, and of no bytes: it cannot grow where it is. */
static void test_at_the_end(void **state)
{
	char *p;

	assert_non_null(malloc(MORE)); /* begins a piece, and leaves room */
	assert_non_null(malloc((size_t)(end - next) - 2 * sizeof(struct head)));
	p = malloc(0);
	assert_ptr_equal(p, end);
	p = realloc(p, 1);
	assert_non_null(p);
	assert_true(p + UNIT <= end && p >= end - MORE - 2 * UNIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_are_apart),
		cmocka_unit_test(test_a_block_grows),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
