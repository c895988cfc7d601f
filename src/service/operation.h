/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/list.h"
#include "reapi/digest.h"

/*
 * Who waits for what: operations by name, and the tasks that they are about. Pure: no clock, no
 * loop, no calls; times are milliseconds of any one monotonic clock.
 *
 *	watcher ──► operation ──► task          a task is the work, done once
 *	watcher ──►     ▲
 *	            operation ──►               an operation is what one Execute got: a name
 *	                                        a watcher is a stream that wants to be told
 *
 * Identical actions are one task with an operation for each Execute. An operation outlives its
 * watchers for some time, so that a client whose connection broke finds it again; a task without
 * operations is abandoned.
 */

struct operation;
struct operation_task;
struct operation_watcher;
struct operations;

enum {
	OPERATION_ID_SIZE = 16,
	OPERATION_NAME_SIZE = 11 + 2 * OPERATION_ID_SIZE + 1, /* "operations/" and hexadecimal */
	OPERATIONS_BUCKETS = 4096,
	OPERATIONS_OWNERS = 64, /* buckets of them */
};

/* The numbers of ExecutionStage. */
enum operation_stage {
	OPERATION_CACHE_CHECK = 1,
	OPERATION_QUEUED = 2,
	OPERATION_EXECUTING = 3,
	OPERATION_COMPLETED = 4,
};

/* The bytes of an ExecuteResponse, shared by all that it answers. */
struct operation_answer {
	unsigned refs;
	size_t n;
	uint8_t data[];
};

/* With one reference, and n bytes to be filled. NULL: no memory. */
struct operation_answer *operation_answer_new(size_t n);
struct operation_answer *operation_answer_ref(struct operation_answer *a);
void operation_answer_unref(struct operation_answer *a); /* NULL: nothing */

struct operation_watcher {
	struct list link;
	struct operation *operation; /* NULL: watches none */
	/* Its stage has changed. May unwatch itself, and nothing else. */
	void (*told)(struct operation_watcher *w);
};

/* Whoever has operations under way: a peer, with all its connections. */
struct operation_owner {
	struct list link;
	uint64_t id;
	size_t under_way; /* at least one */
};

struct operation {
	char name[OPERATION_NAME_SIZE];
	struct operation_owner *owner; /* NULL: it is done */
	struct reapi_digest action;
	struct list by_name, of_task;
	struct list link; /* in operations.alone or .kept, or in neither */
	struct list watchers;
	struct operation_task *task;     /* NULL: not yet, or no longer */
	struct operation_answer *answer; /* not NULL: it is done */
	uint64_t deadline_ms;            /* while link is in a list */
};

/* Embedded in whatever does the work. */
struct operation_task {
	struct reapi_digest action;
	bool merges; /* further Executes of this action may join */
	struct list by_action;
	struct list operations;
	enum operation_stage stage;
	bool told; /* who watches knows the stage; not at first, for it may be carried out at once */
	/* Nobody wants it any more: no operation is left, and none will join. It may be freed from
	 * inside. Not called once it is finished. */
	void (*abandoned)(struct operation_task *t);
};

struct operations_limits {
	size_t operations; /* of all kinds */
	size_t of_owner;   /* under way, of one owner: others shall find room, too */
	size_t kept_bytes; /* of answers that are kept: past it the oldest go sooner */
	uint64_t grace_ms; /* under way, and nobody watches */
	uint64_t keep_ms;  /* done, and nobody watches */
};
/* 65536; 16384; 64 MiB; 60 s; 60 s */
extern const struct operations_limits operations_limits_default;

struct operations {
	struct operations_limits limits;
	struct list by_name[OPERATIONS_BUCKETS];
	struct list by_action[OPERATIONS_BUCKETS];
	struct list owners[OPERATIONS_OWNERS];
	struct list alone; /* under way, nobody watches; first to expire first */
	struct list kept;  /* done, nobody watches; the same */
	size_t n, n_done;
	size_t kept_bytes;
};

/* limits: NULL for the default. */
void operations_init(struct operations *t, const struct operations_limits *limits);
void operations_fini(struct operations *t); /* no watcher and no task may be left */

/* An operation that nobody watches yet. id: as random as names shall be hard to guess. -EAGAIN: as
 * many as the limit under way; -EBUSY: as many of this owner; -EEXIST: the id; -ENOMEM. */
int operation_new(struct operations *t, const uint8_t id[OPERATION_ID_SIZE], uint64_t owner,
	const struct reapi_digest *action, uint64_t now_ms, struct operation **ret) MUST_CHECK;
struct operation *operation_find(struct operations *t, const char *name); /* NULL: none */
enum operation_stage operation_stage(const struct operation *o);

void operation_watch(struct operations *t, struct operation *o, struct operation_watcher *w);
/* Idempotent. The operation stays, for its time. */
void operation_unwatch(struct operations *t, struct operation_watcher *w, uint64_t now_ms);

/* Done, with this answer (a reference is taken), and its watchers are told. If it was the last of
 * its task that is abandoned. Nothing for one that is done. */
void operation_finish(struct operations *t, struct operation *o, struct operation_answer *answer,
	uint64_t now_ms);

/* A task without operations, at QUEUED; it is abandoned only after one has joined. */
void operation_task_init(struct operations *t, struct operation_task *task,
	const struct reapi_digest *action, bool merges,
	void (*abandoned)(struct operation_task *task));
/* One that an operation of this action may join; NULL. */
struct operation_task *operation_task_find(struct operations *t, const struct reapi_digest *action);
/* o has no task and no answer. Its watchers are told. */
void operation_join(struct operation *o, struct operation_task *task);
void operation_task_stage(struct operation_task *task, enum operation_stage stage);
/* Finishes all its operations. Nobody joins from now on; the task can be freed. */
void operation_task_finish(struct operations *t, struct operation_task *task,
	struct operation_answer *answer, uint64_t now_ms);

/* UINT64_MAX: never. */
uint64_t operations_next_ms(const struct operations *t);
void operations_expire(struct operations *t, uint64_t now_ms);
