/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "reapi/arena.h"
#include "reapi/proto.h"
#include "reapi/violation.h"
#include "service/budget.h"
#include "service/service.h"

/*
 * Between gRPC calls and the services: one row for each method. Unary ones are all alike (a request
 * is unpacked, something is done, one message goes back) and share service_unary; streams have
 * handlers of their own, which get the struct service_binding in on_start.
 */

struct service_request;

struct service_method {
	const char *path;
	const struct rpc_handler *handler;
	/* Unary only. */
	const ProtobufCMessageDescriptor *request;
	void (*run)(struct service_request *r, const void *message);
};

extern const struct rpc_handler service_unary;
extern const struct rpc_handler service_tree_handler; /* tree.c: GetTree */

/* The rows of each service, ended by one without a path. */
extern const struct service_method service_capabilities_methods[];
extern const struct service_method service_health_methods[];
extern const struct service_method service_storage_methods[];
extern const struct service_method service_bytestream_methods[];
extern const struct service_method service_actions_methods[];
extern const struct service_method service_execution_methods[];

/* One unary call, from its message to its answer. */
struct service_request {
	struct service_client *client; /* NULL once the call has ended: the answer goes nowhere */
	struct service *service;
	uint64_t owner;
	struct rpc_call *call; /* NULL: the same */
	const struct service_method *method;
	struct service_hold hold;
	struct reapi_arena arena; /* of the message and whatever the answer is made of */
	struct reapi_violation violation;
	bool answered;
	/* service_offload */
	void (*work)(struct service_request *r);
	void (*done)(struct service_request *r); /* not if the call has ended meanwhile */
	void *state;                             /* the method's own; in the arena */
	uv_work_t pool;
	bool offloaded;
};

/* One of these ends a request; the first counts. After it r is not to be touched, but in work. */
void service_reply(struct service_request *r, const ProtobufCMessage *m);
void service_fail(struct service_request *r, enum rpc_status status, const char *text);
/* For one of enum reapi_outcome with r->violation, or -errno. */
void service_fail_outcome(struct service_request *r, int outcome);
/* With all that the status says, in grpc-status-details-bin. */
void service_fail_status(struct service_request *r, const gr_status *s);
/* For one of enum cas_outcome, or -errno. */
void service_fail_cas(struct service_request *r, int outcome, const char *what);

/*
 * Run work in the pool and then done in the loop, unless the call has ended meanwhile: what work
 * leaves behind is in the arena, or nowhere. While work runs nothing else of r may be touched. A
 * request that cannot be handed over fails.
 */
void service_offload(struct service_request *r, void (*work)(struct service_request *r),
	void (*done)(struct service_request *r));

/* Is this the instance that is served? If not the request has been failed. */
bool service_instance_ok(struct service_request *r, const char *name);

/* The same for streams: RPC_OK, or the status, with its text in v. */
enum rpc_status service_instance_status(
	const struct service *s, const char *name, struct reapi_violation *v);

/* For one of enum reapi_outcome, or -errno; the text is v's, or put there. */
enum rpc_status service_outcome_status(int outcome, struct reapi_violation *v);

/* The gRPC status for a cas outcome. */
enum rpc_status service_cas_status(int outcome);
