/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "cas/ac.h"
#include "reapi/proto.h"
#include "service/digest.h"
#include "service/service.h"
#include "store_kit.h"

/*
 * The services over a store of their own, and a client of them, joined back to back without a
 * socket. The pool is the real one; kit_until and all that wait end the process where nothing is
 * left that could still happen.
 */

struct kit {
	struct kit_root root;
	uv_loop_t loop;
	struct service service;
	struct service_client binding;
	struct rpc_session *server, *client;
	bool deaf; /* the client reads nothing */
	uint64_t now_ms;
};

struct kit_options {
	uint64_t store_bytes; /* 0: 256 MiB */
	uint64_t owner_bytes, max_blob;
	const char *instance;
};

void kit_start(struct kit *k, const struct kit_options *o); /* NULL: none */
void kit_stop(struct kit *k);
/* The connection breaks, and another is made. */
void kit_reconnect(struct kit *k);

enum { KIT_MESSAGES_MAX = 4096 };

/* A call, as its client sees it. */
struct kit_call {
	struct rpc_call *call; /* NULL: has ended */
	struct buf *messages;
	size_t n;
	bool writable; /* no send is owed an on_writable */
	bool ended;
	enum rpc_status status;
	char text[1024];
	struct buf details;
};

void kit_call_start(struct kit *k, const char *method, struct kit_call *ret);
/* Waits until it may be sent. False: the call has ended. */
bool kit_send(struct kit *k, struct kit_call *c, const ProtobufCMessage *m);
bool kit_send_bytes(struct kit *k, struct kit_call *c, const void *data, size_t n);
void kit_half_close(struct kit_call *c);
void kit_wait(struct kit *k, struct kit_call *c); /* until it has ended */
void kit_wait_messages(struct kit *k, struct kit_call *c, size_t n);
void kit_call_fini(struct kit_call *c); /* it must have ended */

/* As much as happens by itself, jobs included. */
void kit_settle_all(struct kit *k);
/* Only what goes over the connection: no job's end is told. */
void kit_carry(struct kit *k);

/* All of a call with one request. */
void kit_ask(struct kit *k, const char *method, const ProtobufCMessage *m, struct kit_call *ret);

/* The message at i, to be freed by protobuf_c_message_free_unpacked(&m->base, NULL). */
void *kit_message(const struct kit_call *c, size_t i, const ProtobufCMessageDescriptor *type);

/* Put bytes into the store, and say their digest. */
struct cas_digest kit_put(struct kit *k, const void *data, size_t n);
struct cas_digest kit_put_message(struct kit *k, const ProtobufCMessage *m);
/* A digest as a message; it lives until the test's end. */
re_digest *kit_digest(const struct cas_digest *d);
