/* SPDX-License-Identifier: GPL-3.0-or-later */

/*
 * An operation:
 *
 *	        watch / unwatch
 *	watched ◄──────────────► alone ──► (grace over) forgotten
 *	   │ finish                │ finish
 *	   ▼                       ▼
 *	done, watched ─────────► kept  ──► (time over, or too many bytes) forgotten
 *	        unwatch / watch ◄┘
 *
 * Invariants: link is in `alone` exactly if there is neither watcher nor answer, in `kept` exactly
 * if there is an answer and no watcher; an operation with an answer has no task; a task is in
 * by_action exactly while it merges and is not finished.
 *
 * Both lists are in the order of their deadlines, because each has one duration: what is added last
 * ends last.
 */

#include "service/operation.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct operations_limits operations_limits_default = {
	.operations = 65536,
	.of_owner = 16384,
	.kept_bytes = (size_t)64 << 20,
	.grace_ms = 60000,
	.keep_ms = 60000,
};

struct operation_answer *operation_answer_new(size_t n)
{
	struct operation_answer *a = malloc(sizeof(*a) + n);

	if (a) {
		a->refs = 1;
		a->n = n;
	}
	return a;
}

struct operation_answer *operation_answer_ref(struct operation_answer *a)
{
	a->refs++;
	return a;
}

void operation_answer_unref(struct operation_answer *a)
{
	if (a && --a->refs == 0)
		free(a);
}

void operations_init(struct operations *t, const struct operations_limits *limits)
{
	*t = (struct operations){.limits = limits ? *limits : operations_limits_default};
	for (size_t i = 0; i < OPERATIONS_BUCKETS; i++) {
		list_init(&t->by_name[i]);
		list_init(&t->by_action[i]);
	}
	for (size_t i = 0; i < OPERATIONS_OWNERS; i++)
		list_init(&t->owners[i]);
	list_init(&t->alone);
	list_init(&t->kept);
}

static size_t name_bucket(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h % OPERATIONS_BUCKETS;
}

static struct list *action_bucket(struct operations *t, const struct reapi_digest *action)
{
	return &t->by_action[reapi_digest_key(action) % OPERATIONS_BUCKETS];
}

/* Put o where its watchers and its answer say that it belongs. */
static void settle(struct operations *t, struct operation *o, uint64_t now_ms)
{
	list_unlink(&o->link);
	if (!list_empty(&o->watchers))
		return;
	o->deadline_ms = now_ms + (o->answer ? t->limits.keep_ms : t->limits.grace_ms);
	list_append(o->answer ? &t->kept : &t->alone, &o->link);
}

static struct list *owner_bucket(struct operations *t, uint64_t id)
{
	return &t->owners[(id * 0x9e3779b97f4a7c15u >> 32) % OPERATIONS_OWNERS];
}

/* One more of this owner. */
static int enter_owner(struct operations *t, uint64_t id, struct operation_owner **ret)
{
	struct operation_owner *w = NULL;

	LIST_FOR(at, owner_bucket(t, id))
	{
		w = LIST_ENTRY(at, struct operation_owner, link);
		if (w->id == id)
			break;
		w = NULL;
	}
	if (w && w->under_way >= t->limits.of_owner)
		return -EBUSY;
	if (!w) {
		w = calloc(1, sizeof(*w));
		if (!w)
			return -ENOMEM;
		w->id = id;
		list_append(owner_bucket(t, id), &w->link);
	}
	w->under_way++;
	*ret = w;
	return 0;
}

static void leave_owner(struct operation *o)
{
	struct operation_owner *w = TAKE_PTR(o->owner);

	if (!w || --w->under_way > 0)
		return;
	list_unlink(&w->link);
	free(w);
}

/* Takes o from its task, whose last it may have been. */
static void leave_task(struct operation *o)
{
	struct operation_task *task = TAKE_PTR(o->task);

	list_unlink(&o->of_task);
	if (!task || !list_empty(&task->operations))
		return;
	list_unlink(&task->by_action);
	task->abandoned(task);
}

static void forget(struct operations *t, struct operation *o)
{
	assert(list_empty(&o->watchers));
	list_unlink(&o->link);
	list_unlink(&o->by_name);
	t->n--;
	if (o->answer) {
		t->n_done--;
		t->kept_bytes -= o->answer->n;
	}
	leave_owner(o);
	leave_task(o);
	operation_answer_unref(o->answer);
	free(o);
}

static struct operation *first(struct list *l)
{
	return list_empty(l) ? NULL : LIST_ENTRY(l->next, struct operation, link);
}

void operations_fini(struct operations *t)
{
	struct operation *o;

	while ((o = first(&t->alone)) || (o = first(&t->kept)))
		forget(t, o);
	assert(t->n == 0);
}

/* Room for one more; what is done makes way first. */
static bool make_room(struct operations *t)
{
	struct operation *oldest = first(&t->kept);

	if (t->n < t->limits.operations)
		return true;
	if (!oldest)
		return false;
	forget(t, oldest);
	return true;
}

int operation_new(struct operations *t, const uint8_t id[OPERATION_ID_SIZE], uint64_t owner,
	const struct reapi_digest *action, uint64_t now_ms, struct operation **ret)
{
	struct operation *o;
	size_t at;
	int r;

	if (!make_room(t))
		return -EAGAIN;
	o = calloc(1, sizeof(*o));
	if (!o)
		return -ENOMEM;
	at = (size_t)snprintf(o->name, sizeof(o->name), "operations/");
	for (size_t i = 0; i < OPERATION_ID_SIZE; i++, at += 2)
		snprintf(o->name + at, sizeof(o->name) - at, "%02x", id[i]);
	if (operation_find(t, o->name)) {
		free(o);
		return -EEXIST;
	}
	r = enter_owner(t, owner, &o->owner);
	if (r < 0) {
		free(o);
		return r;
	}
	o->action = *action;
	list_init(&o->link);
	list_init(&o->of_task);
	list_init(&o->by_name);
	list_init(&o->watchers);
	list_append(&t->by_name[name_bucket(o->name)], &o->by_name);
	t->n++;
	settle(t, o, now_ms);
	*ret = o;
	return 0;
}

struct operation *operation_find(struct operations *t, const char *name)
{
	LIST_FOR(at, &t->by_name[name_bucket(name)])
	{
		struct operation *o = LIST_ENTRY(at, struct operation, by_name);

		if (str_eq(o->name, name))
			return o;
	}
	return NULL;
}

enum operation_stage operation_stage(const struct operation *o)
{
	if (o->answer)
		return OPERATION_COMPLETED;
	return o->task ? o->task->stage : OPERATION_CACHE_CHECK;
}

static void tell(struct operation *o)
{
	LIST_FOR_SAFE(at, &o->watchers)
	{
		struct operation_watcher *w = LIST_ENTRY(at, struct operation_watcher, link);

		w->told(w);
	}
}

void operation_watch(struct operations *t, struct operation *o, struct operation_watcher *w)
{
	list_unlink(&o->link);
	list_append(&o->watchers, &w->link);
	w->operation = o;
}

void operation_unwatch(struct operations *t, struct operation_watcher *w, uint64_t now_ms)
{
	struct operation *o = TAKE_PTR(w->operation);

	if (!o)
		return;
	list_unlink(&w->link);
	if (list_empty(&o->watchers))
		settle(t, o, now_ms);
}

/* Answers that nobody waits for, down to the limit: the one that is told of now may be read yet. */
static void trim(struct operations *t, const struct operation *but)
{
	struct operation *o;

	while (t->kept_bytes > t->limits.kept_bytes && (o = first(&t->kept)) && o != but)
		forget(t, o);
}

void operation_finish(
	struct operations *t, struct operation *o, struct operation_answer *answer, uint64_t now_ms)
{
	if (o->answer)
		return;
	o->answer = operation_answer_ref(answer);
	t->n_done++;
	t->kept_bytes += answer->n;
	leave_owner(o);
	leave_task(o);
	settle(t, o, now_ms);
	tell(o);
	trim(t, o);
}

void operation_task_init(struct operations *t, struct operation_task *task,
	const struct reapi_digest *action, bool merges,
	void (*abandoned)(struct operation_task *task))
{
	*task = (struct operation_task){.action = *action,
		.merges = merges,
		.stage = OPERATION_QUEUED,
		.abandoned = abandoned};
	list_init(&task->operations);
	list_init(&task->by_action);
	if (merges)
		list_append(action_bucket(t, action), &task->by_action);
}

struct operation_task *operation_task_find(struct operations *t, const struct reapi_digest *action)
{
	LIST_FOR(at, action_bucket(t, action))
	{
		struct operation_task *task = LIST_ENTRY(at, struct operation_task, by_action);

		if (reapi_digest_eq(&task->action, action))
			return task;
	}
	return NULL;
}

void operation_join(struct operation *o, struct operation_task *task)
{
	assert(!o->task && !o->answer);
	o->task = task;
	list_append(&task->operations, &o->of_task);
	if (task->told)
		tell(o);
}

void operation_task_stage(struct operation_task *task, enum operation_stage stage)
{
	if (task->stage == stage && task->told)
		return;
	task->stage = stage;
	task->told = true;
	LIST_FOR(at, &task->operations)
	tell(LIST_ENTRY(at, struct operation, of_task));
}

void operation_task_finish(struct operations *t, struct operation_task *task,
	struct operation_answer *answer, uint64_t now_ms)
{
	list_unlink(&task->by_action);
	while (!list_empty(&task->operations)) {
		struct operation *o = LIST_ENTRY(task->operations.next, struct operation, of_task);

		/* Not through leave_task: it is finished, not abandoned. */
		list_unlink(&o->of_task);
		o->task = NULL;
		operation_finish(t, o, answer, now_ms);
	}
}

uint64_t operations_next_ms(const struct operations *t)
{
	uint64_t next = UINT64_MAX;

	if (!list_empty(&t->alone))
		next = LIST_ENTRY(t->alone.next, struct operation, link)->deadline_ms;
	if (!list_empty(&t->kept))
		next = MIN(next, LIST_ENTRY(t->kept.next, struct operation, link)->deadline_ms);
	return next;
}

static void expire(struct operations *t, struct list *l, uint64_t now_ms)
{
	struct operation *o;

	while ((o = first(l)) && o->deadline_ms <= now_ms)
		forget(t, o);
}

void operations_expire(struct operations *t, uint64_t now_ms)
{
	expire(t, &t->kept, now_ms);
	expire(t, &t->alone, now_ms);
}
