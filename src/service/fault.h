/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "reapi/arena.h"
#include "reapi/digest.h"
#include "reapi/proto.h"
#include "reapi/violation.h"
#include "rpc/status.h"

/*
 * Why an action has no result, or not one to be trusted: what ExecuteResponse.status will say. The
 * first fault of an action counts. RESOURCE_EXHAUSTED and UNAVAILABLE are those where the same may
 * go well later or elsewhere.
 *
 * Functions that say FAULT have written one; all of fault_* return it: "return fault_set(f, …);".
 */
enum { FAULT = 1, FAULT_MISSING_MAX = 1000 };

struct fault {
	enum rpc_status status; /* RPC_OK: none */
	char text[REAPI_VIOLATION_MAX];
	struct reapi_digest *missing; /* blobs, each once; FAILED_PRECONDITION */
	size_t n_missing;
};

void fault_fini(struct fault *f);

int fault_set(struct fault *f, enum rpc_status status, const char *fmt, ...) PRINTF_LIKE(3, 4);
int fault_errno(struct fault *f, int error, const char *what); /* -errno */
/* For enum reapi_outcome with its violation, or -errno. about: whose message it was. */
int fault_outcome(struct fault *f, int outcome, const char *about, const struct reapi_violation *v);
int fault_cas(struct fault *f, int outcome, const char *what); /* enum cas_outcome, or -errno */
/* Add a blob that is not there; up to FAULT_MISSING_MAX. */
int fault_missing(struct fault *f, const struct reapi_digest *d);

/* As message in a. NULL: no memory. */
gr_status *fault_status(struct fault *f, struct reapi_arena *a);
