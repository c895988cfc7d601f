/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "service/operation.h"

/* On a virtual clock: who is told what, who joins whom, and when what is forgotten. */

enum { GRACE = 100, KEEP = 50, ANSWER = 10 };

static const struct operations_limits limits = {.operations = 4,
	.of_owner = 4,
	.kept_bytes = 3 * ANSWER,
	.grace_ms = GRACE,
	.keep_ms = KEEP};

struct watcher {
	struct operation_watcher w;
	unsigned told;
	enum operation_stage stage;
};

struct task {
	struct operation_task task;
	unsigned abandoned;
};

static struct operations table;

static int setup(void **state)
{
	operations_init(&table, &limits);
	return 0;
}

static int teardown(void **state)
{
	operations_fini(&table);
	return 0;
}

static void on_told(struct operation_watcher *w)
{
	struct watcher *me = LIST_ENTRY(w, struct watcher, w);

	me->told++;
	me->stage = operation_stage(w->operation);
}

static void on_abandoned(struct operation_task *t)
{
	LIST_ENTRY(t, struct task, task)->abandoned++;
}

static struct reapi_digest action(uint8_t n)
{
	struct reapi_digest d = {.size = n};

	memset(d.hash, n, sizeof(d.hash));
	return d;
}

static struct operation *make(uint8_t id, uint8_t which, uint64_t now)
{
	uint8_t bytes[OPERATION_ID_SIZE] = {id};
	struct reapi_digest d = action(which);
	struct operation *o = NULL;

	assert_int_equal(operation_new(&table, bytes, 1, &d, now, &o), 0);
	return o;
}

static void task_init(struct task *t, uint8_t which, bool merges)
{
	struct reapi_digest d = action(which);

	*t = (struct task){.abandoned = 0};
	operation_task_init(&table, &t->task, &d, merges, on_abandoned);
}

static void watch(struct watcher *w, struct operation *o)
{
	*w = (struct watcher){.w.told = on_told};
	list_init(&w->w.link);
	operation_watch(&table, o, &w->w);
}

static struct operation_answer *answer(void)
{
	struct operation_answer *a = operation_answer_new(ANSWER);

	assert_non_null(a);
	memset(a->data, 'a', ANSWER);
	return a;
}

static void finish(struct task *t, uint64_t now)
{
	struct operation_answer *a = answer();

	operation_task_finish(&table, &t->task, a, now);
	operation_answer_unref(a);
}

static void test_told(void **state)
{
	struct operation *o = make(1, 1, 0), *second = make(2, 1, 0);
	struct watcher one, two, late;
	struct task t;

	watch(&one, o);
	watch(&two, o);
	assert_int_equal(operation_stage(o), OPERATION_CACHE_CHECK);
	task_init(&t, 1, true);
	operation_join(o, &t.task);
	assert_int_equal(one.told, 0); /* it may be carried out at once */
	operation_task_stage(&t.task, OPERATION_QUEUED);
	assert_int_equal(one.told, 1);
	assert_int_equal(one.stage, OPERATION_QUEUED);
	operation_task_stage(&t.task, OPERATION_QUEUED); /* no news */
	assert_int_equal(one.told, 1);
	watch(&late, second);
	operation_join(second, &t.task);
	assert_int_equal(late.told, 1);
	operation_unwatch(&table, &late.w, 0);
	operation_task_stage(&t.task, OPERATION_EXECUTING);
	operation_unwatch(&table, &one.w, 0);
	operation_unwatch(&table, &one.w, 0);
	finish(&t, 5);
	assert_int_equal(one.told, 2);
	assert_int_equal(two.told, 3);
	assert_int_equal(two.stage, OPERATION_COMPLETED);
	assert_int_equal(t.abandoned, 0);
	assert_int_equal(o->answer->n, ANSWER);
	operation_unwatch(&table, &two.w, 5);
}

static void test_names(void **state)
{
	struct reapi_digest d = action(1);
	uint8_t id[OPERATION_ID_SIZE] = {7};
	struct operation *o = make(7, 1, 0), *second;

	assert_string_equal(o->name, "operations/07000000000000000000000000000000");
	assert_ptr_equal(operation_find(&table, o->name), o);
	assert_null(operation_find(&table, "operations/"));
	assert_null(operation_find(&table, ""));
	assert_int_equal(operation_new(&table, id, 1, &d, 0, &second), -EEXIST);
}

static void test_merge(void **state)
{
	struct operation *a = make(1, 1, 0), *b = make(2, 1, 0), *c = make(3, 1, 0);
	struct reapi_digest d1 = action(1), d2 = action(2);
	struct watcher wa, wb;
	struct task t, alone;

	assert_null(operation_task_find(&table, &d1));
	task_init(&alone, 1, false);
	operation_join(c, &alone.task);
	assert_null(operation_task_find(&table, &d1)); /* do_not_cache */
	task_init(&t, 1, true);
	assert_ptr_equal(operation_task_find(&table, &d1), &t.task);
	assert_null(operation_task_find(&table, &d2));
	watch(&wa, a);
	watch(&wb, b);
	operation_join(a, &t.task);
	operation_join(b, &t.task);
	finish(&t, 1);
	assert_null(operation_task_find(&table, &d1));
	assert_int_equal(wa.stage, OPERATION_COMPLETED);
	assert_int_equal(wb.stage, OPERATION_COMPLETED);
	assert_ptr_equal(a->answer, b->answer);
	operation_unwatch(&table, &wa.w, 1);
	operation_unwatch(&table, &wb.w, 1);
	finish(&alone, 1);
}

/* The task goes with its last operation, and not sooner. */
static void test_grace(void **state)
{
	struct operation *a = make(1, 1, 0), *b = make(2, 1, 0);
	struct reapi_digest d = action(1);
	struct watcher wa, wb;
	struct task t;

	task_init(&t, 1, true);
	watch(&wa, a);
	watch(&wb, b);
	operation_join(a, &t.task);
	operation_join(b, &t.task);
	assert_int_equal(operations_next_ms(&table), UINT64_MAX);
	operation_unwatch(&table, &wa.w, 10);
	assert_int_equal(operations_next_ms(&table), 10 + GRACE);
	operations_expire(&table, 10 + GRACE - 1);
	assert_int_equal(table.n, 2);
	/* Somebody is back in time. */
	watch(&wa, a);
	operations_expire(&table, 10 + GRACE);
	assert_int_equal(table.n, 2);
	operation_unwatch(&table, &wa.w, 200);
	operation_unwatch(&table, &wb.w, 210);
	operations_expire(&table, 200 + GRACE);
	assert_int_equal(table.n, 1);
	assert_int_equal(t.abandoned, 0);
	assert_ptr_equal(operation_task_find(&table, &d), &t.task);
	operations_expire(&table, 210 + GRACE);
	assert_int_equal(table.n, 0);
	assert_int_equal(t.abandoned, 1);
	assert_null(operation_task_find(&table, &d));
}

/* One that nobody ever watched, or whose lookup is not done. */
static void test_never_watched(void **state)
{
	struct operation *o = make(1, 1, 5);

	assert_int_equal(operations_next_ms(&table), 5 + GRACE);
	assert_null(o->task);
	operations_expire(&table, 5 + GRACE);
	assert_int_equal(table.n, 0);
}

static void test_cancelled_alone(void **state)
{
	struct operation *a = make(1, 1, 0), *b = make(2, 1, 0);
	struct operation_answer *no = answer();
	struct watcher wa;
	struct task t;

	task_init(&t, 1, true);
	watch(&wa, a);
	operation_join(a, &t.task);
	operation_join(b, &t.task);
	operation_finish(&table, a, no, 0);
	operation_finish(&table, a, no, 0); /* the first counts */
	assert_int_equal(no->refs, 2);
	assert_int_equal(wa.stage, OPERATION_COMPLETED);
	assert_int_equal(wa.told, 1);
	assert_int_equal(t.abandoned, 0);
	operation_finish(&table, b, no, 0);
	assert_int_equal(t.abandoned, 1);
	operation_answer_unref(no);
	operation_unwatch(&table, &wa.w, 0);
}

static void test_kept(void **state)
{
	struct operation *a = make(1, 1, 0);
	struct watcher w;
	struct task t;

	task_init(&t, 1, true);
	watch(&w, a);
	operation_join(a, &t.task);
	finish(&t, 10);
	assert_int_equal(operations_next_ms(&table), UINT64_MAX); /* it is being read */
	operation_unwatch(&table, &w.w, 20);
	assert_int_equal(operations_next_ms(&table), 20 + KEEP);
	watch(&w, a);
	operation_unwatch(&table, &w.w, 30);
	operations_expire(&table, 20 + KEEP);
	assert_int_equal(table.n, 1);
	operations_expire(&table, 30 + KEEP);
	assert_int_equal(table.n, 0);
	assert_int_equal(table.kept_bytes, 0);
}

static void finished(uint8_t id, uint64_t now)
{
	struct operation_answer *a = answer();

	operation_finish(&table, make(id, id, now), a, now);
	operation_answer_unref(a);
}

static void test_limits(void **state)
{
	struct reapi_digest d = action(9);
	uint8_t id[OPERATION_ID_SIZE] = {9};
	struct operation *o;

	for (uint8_t i = 1; i <= 4; i++)
		finished(i, i);
	/* Bytes for three answers: the oldest went. */
	assert_int_equal(table.n, 3);
	assert_null(operation_find(&table, "operations/01000000000000000000000000000000"));
	/* What is under way drives out what is done, and is never driven out itself. */
	for (uint8_t i = 5; i <= 8; i++)
		make(i, i, 10);
	assert_int_equal(table.n, 4);
	assert_int_equal(table.n_done, 0);
	assert_int_equal(operation_new(&table, id, 1, &d, 10, &o), -EAGAIN);
	operations_expire(&table, 10 + GRACE);
	assert_int_equal(table.n, 0);
	assert_int_equal(operation_new(&table, id, 1, &d, 10 + GRACE, &o), 0);
}

/* What one owner has under way is bounded; what is done, or gone, does not count. */
static void test_owner(void **state)
{
	struct reapi_digest d = action(1);
	struct operation *o[3], *more;
	uint8_t id[OPERATION_ID_SIZE] = {0};
	struct operation_answer *a = operation_answer_new(1);

	table.limits.operations = 100;
	table.limits.of_owner = 2;
	for (size_t i = 0; i < 2; i++, id[0]++)
		assert_int_equal(operation_new(&table, id, 7, &d, 0, &o[i]), 0);
	assert_int_equal(operation_new(&table, id, 7, &d, 0, &more), -EBUSY);
	assert_int_equal(operation_new(&table, id, 7 + 64, &d, 0, &o[2]), 0);
	a->data[0] = 0;
	operation_finish(&table, o[0], a, 0);
	operation_answer_unref(a);
	id[0]++;
	assert_int_equal(operation_new(&table, id, 7, &d, 0, &more), 0);
	id[0]++;
	assert_int_equal(operation_new(&table, id, 7, &d, 0, &more), -EBUSY);
	operations_expire(&table, GRACE);
	assert_int_equal(operation_new(&table, id, 7, &d, GRACE, &more), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
		cmocka_unit_test_setup_teardown(test_grace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_watched, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancelled_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
