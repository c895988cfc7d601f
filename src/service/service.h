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
	SERVICE_BATCH_MAX = 4032 << 10,
	SERVICE_ANSWER_MAX = 4 << 20, /* bytes of a message that any client takes */
	SERVICE_CHUNK = 256 << 10,    /* bytes of a blob in one ReadResponse */
	/* What one connection makes us hold; see service/budget.h. A peer that starts as many calls
	 * as it may, and lets each come with its largest message, or reads no answers. */
	SERVICE_HELD_IN_MAX = 32 << 20,  /* unary calls, and blobs on their way in */
	SERVICE_HELD_OUT_MAX = 64 << 20, /* streams out */
};

struct service {
	uv_loop_t *loop;
	struct cas *cas;
	struct ac *ac;
	struct sandbox *sandbox;   /* NULL: no jobs, only a cache */
	struct queue *slots;       /* that jobs wait for, with those of the distcc protocol */
	void (*grant)(void *data); /* somebody waits in slots, or gave one back */
	void *grant_data;
	int roots_fd;           /* a directory for jobs' input roots, on the store's file system */
	const char *roots_path; /* absolute path of it */
	const char *instance;   /* the instance name that is served; NULL: any */
	bool serving;           /* what health says; false while draining */
	struct execution *execution;
	size_t n_offloaded; /* pieces of work in the pool */
};

/* The execution part. 0, -errno. */
int service_init(struct service *s) MUST_CHECK;
/* No new executions; those under way are cancelled. Calls must have ended before fini. */
void service_stop(struct service *s);
bool service_idle(const struct service *s); /* nothing is left in the loop or the pool */
void service_fini(struct service *s);

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
