/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "base/list.h"
#include "rpc/session.h"
#include "sched/queue.h"

/*
 * The Remote Execution services of a worker: Capabilities, ContentAddressableStorage, ByteStream,
 * ActionCache, Execution, and grpc.health.v1. Calls come from rpc/, content is in cas/, jobs run in
 * sandbox/; sockets are the worker's matter.
 *
 *	connection ─► service_client (methods, bound) ─► rpc_session ─► a method's handler
 *	                                                                   │ service_request (unary)
 *	                                                                   │ or a stream's own struct
 *	                                                                   └► service_offload ─► pool
 *
 * All of it belongs to the thread of the loop, but what is handed to service_offload.
 */

struct ac;
struct cas;
struct sandbox;

enum {
	/* Of one BatchUpdateBlobs or BatchReadBlobs, as Capabilities say it: gRPC's own 4 MiB less
	 * what wraps the blobs. */
	SERVICE_BATCH_MAX = 3840 << 10,
	SERVICE_BATCH_BLOBS_MAX = 1 << 14, /* of one: each has a status in the answer */
	SERVICE_ANSWER_MAX = 4 << 20,      /* bytes of a message that any client takes */
	SERVICE_CHUNK = 256 << 10,         /* bytes of a blob in one ReadResponse */
	/* What one connection makes us hold; see service/budget.h. A peer that starts as many calls
	 * as it may, and lets each come with its largest message, or reads no answers. */
	SERVICE_HELD_IN_MAX = 32 << 20,  /* unary calls, and blobs on their way in */
	SERVICE_HELD_OUT_MAX = 64 << 20, /* streams out */
};

/* Of each job; 0: the default. */
struct service_limits {
	uint64_t timeout_ms;   /* a longer one is refused, and who asks for none gets it; 1 h */
	uint64_t file_bytes;   /* one output; what the job says; 1 GiB */
	uint64_t output_bytes; /* all outputs; 4 GiB */
	uint64_t scratch_bytes, scratch_files; /* what the job writes: the sandbox's defaults */
	uint64_t memory_bytes;                 /* no limit */
	uint64_t processes;                    /* 4096 */
	/* For how long operations outlive their streams: under way, and done. 60 s. */
	uint64_t grace_ms, keep_ms;
	uint64_t open_files; /* 4096 */
};

struct service_execution_stats {
	uint64_t requests;                               /* Execute */
	uint64_t cached;                                 /* answered from the action cache */
	uint64_t merged;                                 /* joined an action in flight */
	uint64_t ran;                                    /* jobs started */
	uint64_t succeeded, failed;                      /* jobs by exit code */
	uint64_t timed_out;                              /* DEADLINE_EXCEEDED */
	uint64_t refused;                                /* other faults: no result */
	uint64_t cancelled;                              /* nobody wanted it any more */
	uint64_t setup_ns, input_ns, wall_ns, output_ns; /* of jobs, together */
	size_t waiting, executing, operations;           /* now */
};

/* How an Execute ended, or the job that several Executes share. */
enum service_end {
	SERVICE_END_OK,        /* exit status 0 */
	SERVICE_END_EXITED,    /* another one */
	SERVICE_END_KILLED,    /* by a signal, or over a limit but those of time */
	SERVICE_END_TIMED_OUT, /* over a limit of time */
	SERVICE_END_CANCELLED, /* nobody wanted it any more */
	SERVICE_END_REFUSED,   /* not run: not understood, inputs missing, not isolated */
	SERVICE_END_CACHED,    /* not run: its result was in the action cache */
	SERVICE_END_MERGED,    /* not run: the same action was under way */
	SERVICE_END_ERROR,     /* through a fault of ours */
};

struct service_over {
	enum service_end end;
	bool ran;                 /* a job was started: */
	uint64_t wait_ms, run_ms; /* for a slot; in the slot */
	uint64_t setup_ns;        /* of the sandbox */
};

/* A job that is wanted and not over. */
struct service_running {
	const char *program; /* "" before the Command was read */
	const char *output;  /* the first one; "" */
	pid_t pid;           /* of the sandbox; 0: not started yet */
	uint64_t input_bytes;
	uint64_t age_ms; /* since it was queued */
};

struct service {
	uv_loop_t *loop;
	struct cas *cas;
	struct ac *ac;
	struct sandbox *sandbox; /* NULL: no jobs, only a cache */
	struct queue *slots;     /* that jobs wait for, with those of the distcc protocol */
	int roots_fd;            /* a directory for jobs' input roots, on the store's file system */
	const char *roots_path;  /* absolute path of it */
	const char *instance;    /* the instance name that is served; NULL: any */
	bool own_results;        /* clients may not add any to the action cache */
	const char *worker;      /* who we are, in results; NULL: the host's name */
	struct service_limits limits;
	bool serving; /* what health says; false while draining */
	/* Files and directories that no job sees, though it sees what they are in. */
	const char *const *masks;
	size_t n_masks;
	void (*over)(const struct service_over *over, void *data); /* may be NULL */
	void *over_data;
	struct execution *execution;
	size_t n_offloaded; /* pieces of work in the pool */
};

/*
 * The execution part: slots and, with a sandbox, roots_fd and roots_path are set. What an earlier
 * process left in roots is removed. 0, -errno.
 */
int service_init(struct service *s) MUST_CHECK;
/* No new executions; those under way are cancelled. Calls must have ended before fini. */
void service_stop(struct service *s);
bool service_idle(const struct service *s); /* nothing is left in the loop or the pool */
void service_fini(struct service *s);
void service_execution_stats(const struct service *s, struct service_execution_stats *ret);
/* Every job, oldest first, while each says true. Its texts are valid inside it. */
void service_each_running(const struct service *s,
	bool (*each)(const struct service_running *job, void *data), void *data);

/* --- one connection --- */

struct service_budget;
struct service_method;

/* What a method's handler gets as data in on_start. */
struct service_binding {
	struct service_client *client;
	const struct service_method *method;
};

struct service_client {
	struct service *service;
	uint64_t owner; /* whom quotas are charged to: the same for all connections of a peer */
	struct service_binding *bindings;
	struct rpc_method *methods; /* for rpc_server_new; sorted */
	size_t n_methods;
	struct service_budget *in, *out;
};

int service_client_init(struct service_client *c, struct service *s, uint64_t owner) MUST_CHECK;
/* The connection's session must be gone. */
void service_client_fini(struct service_client *c);
