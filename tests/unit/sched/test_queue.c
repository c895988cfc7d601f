/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sched/queue.h"

enum { WAITERS = 5 };

static void test_order(void **state)
{
	struct queue_waiter w[WAITERS];
	struct queue q;

	queue_init(&q, 2);
	assert_null(queue_take(&q));
	for (size_t i = 0; i < WAITERS; i++) {
		queue_waiter_init(&w[i], NULL);
		queue_wait(&q, &w[i]);
	}
	assert_ptr_equal(queue_take(&q), &w[0]);
	assert_ptr_equal(queue_take(&q), &w[1]);
	assert_null(queue_take(&q));
	queue_release(&q);
	assert_ptr_equal(queue_take(&q), &w[2]);
	assert_null(queue_take(&q));
	/* Who had a slot may wait again, at the end. */
	queue_wait(&q, &w[0]);
	queue_release(&q);
	queue_release(&q);
	assert_ptr_equal(queue_take(&q), &w[3]);
	assert_ptr_equal(queue_take(&q), &w[4]);
	queue_release(&q);
	assert_ptr_equal(queue_take(&q), &w[0]);
}

static void test_cancel(void **state)
{
	struct queue_waiter w[WAITERS];
	struct queue q;

	queue_init(&q, 1);
	for (size_t i = 0; i < WAITERS; i++) {
		queue_waiter_init(&w[i], NULL);
		queue_cancel(&w[i]);
		queue_wait(&q, &w[i]);
	}
	queue_cancel(&w[0]);
	queue_cancel(&w[2]);
	queue_cancel(&w[2]);
	queue_cancel(&w[4]);
	assert_ptr_equal(queue_take(&q), &w[1]);
	queue_cancel(&w[1]); /* it does not wait: its slot stays */
	assert_null(queue_take(&q));
	queue_release(&q);
	assert_ptr_equal(queue_take(&q), &w[3]);
	queue_release(&q);
	assert_null(queue_take(&q));
	assert_int_equal(q.used, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
