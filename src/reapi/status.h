/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "reapi/arena.h"
#include "reapi/digest.h"

/*
 * google.rpc.Status with details: what goes, packed, into the trailer grpc-status-details-bin, and
 * as a message into ExecuteResponse.status; and Any, which details and operations are wrapped in.
 */
enum {
	REAPI_STATUS_MISSING_MAX = 100,     /* blobs named in one status: it goes into trailers */
	REAPI_STATUS_BYTES_MAX = 16 * 1024, /* that we read of a peer's */
};

/* m packed into an Any of a. NULL: as reapi_arena_alloc. */
pb_any *reapi_any_new(struct reapi_arena *a, const ProtobufCMessage *m);

/* Whether any is of this type; only what follows the last '/' of its URL counts. */
bool reapi_any_is(const pb_any *any, const ProtobufCMessageDescriptor *type);

/* What is in it. any may be NULL. 0; REAPI_INVALID: another type, or not a message; REAPI_TOO_BIG;
 * -ENOMEM. */
int reapi_any_unpack(struct reapi_arena *a, const pb_any *any,
	const ProtobufCMessageDescriptor *type, void *ret_message,
	struct reapi_violation *v) MUST_CHECK;

/* code: GR_ENUM(CODE__…). text is copied, with what is not UTF-8 in it replaced by '?'. NULL: no
 * memory. */
gr_status *reapi_status_new(struct reapi_arena *a, int code, const char *text);

/* FAILED_PRECONDITION with a violation {"MISSING", "blobs/HASH/SIZE"} for each blob; past
 * REAPI_STATUS_MISSING_MAX the text alone says how many. n is at least 1. */
gr_status *reapi_status_new_missing(
	struct reapi_arena *a, const struct reapi_digest *missing, size_t n);

/* Adds a RetryInfo. false: no memory. */
bool reapi_status_add_retry(struct reapi_arena *a, gr_status *s, uint64_t delay_ms);

/* The gRPC status for one of enum reapi_outcome. */
int reapi_status_code(enum reapi_outcome outcome);

/* What a client wants of a status it got. */
struct reapi_status {
	int code;
	const char *text; /* in the arena */
	struct reapi_digest *missing;
	size_t n_missing;
	bool has_retry;
	uint64_t retry_ms;
};

/* Details that are unknown or wrong are passed over. 0, REAPI_INVALID, REAPI_TOO_BIG, -ENOMEM. */
int reapi_status_read(struct reapi_arena *a, const gr_status *s, struct reapi_status *ret,
	struct reapi_violation *v) MUST_CHECK;
int reapi_status_parse(struct reapi_arena *a, const void *data, size_t n, struct reapi_status *ret,
	struct reapi_violation *v) MUST_CHECK;
