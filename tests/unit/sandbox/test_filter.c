/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "sandbox/filter.h"
#include "sandbox/lookups.h"

/* What the filter does to a job is tested by jobs; here, that it is made at all. */
static void makes_two_different_ones(void **state)
{
	AUTO(buf_fini) struct buf none = BUF_INIT;
	AUTO(buf_fini) struct buf network = BUF_INIT;
	int r = filter_make(false, &none);

	if (r == -ENOSYS)
		skip();
	assert_int_equal(r, 0);
	assert_int_equal(filter_make(true, &network), 0);
	assert_true(none.len > network.len);
	/* Instructions of eight bytes, of which the kernel takes 4096. */
	assert_int_equal(none.len % 8, 0);
	assert_true(none.len / 8 < 4096);
}

static void knows_each_look_up(void **state)
{
	AUTO(buf_fini) struct buf b = BUF_INIT;
	int r = filter_make_lookups(&b);

	if (r == -ENOSYS)
		skip();
	assert_int_equal(r, 0);
	assert_int_equal(b.len % 8, 0);
	for (size_t i = 0; i < LOOKUPS_CALLS; i++) {
		const struct lookups_call *c = &lookups_calls[i];

		assert_non_null(c->name);
		assert_true(!c->dir || c->path > 0);
		assert_true(c->flags || !(c->nofollow | c->empty));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(lookups_calls[k].name, c->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_each_look_up),
		cmocka_unit_test(makes_two_different_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
