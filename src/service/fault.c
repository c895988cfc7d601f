/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/fault.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cas/store.h"
#include "reapi/status.h"
#include "service/method.h"

void fault_fini(struct fault *f)
{
	free(f->missing);
	*f = (struct fault){.status = RPC_OK};
}

int fault_set(struct fault *f, enum rpc_status status, const char *fmt, ...)
{
	va_list ap;

	if (f->status != RPC_OK)
		return FAULT;
	f->status = status;
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	return FAULT;
}

/* What passes, here or on another machine. */
static enum rpc_status status_of(int error)
{
	switch (error) {
	case ENOMEM:
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE:
		return RPC_RESOURCE_EXHAUSTED;
	case EAGAIN:
	case EINTR:
		return RPC_UNAVAILABLE;
	case E2BIG:
		return RPC_INVALID_ARGUMENT;
	default:
		return RPC_INTERNAL;
	}
}

int fault_errno(struct fault *f, int error, const char *what)
{
	return fault_set(f, status_of(abs(error)), "%s: %s", what, strerror(abs(error)));
}

int fault_outcome(struct fault *f, int outcome, const char *about, const struct reapi_violation *v)
{
	/* It will be too big the next time as well. */
	if (outcome > 0)
		return fault_set(f, RPC_INVALID_ARGUMENT, "%s: %s", about, v->text);
	return fault_errno(f, outcome, about);
}

int fault_cas(struct fault *f, int outcome, const char *what)
{
	if (outcome < 0)
		return fault_errno(f, outcome, what);
	return fault_set(f,
		outcome == CAS_TOO_LARGE ? RPC_RESOURCE_EXHAUSTED : service_cas_status(outcome),
		"%s: %s", what, cas_outcome_text(outcome));
}

int fault_missing(struct fault *f, const struct reapi_digest *d)
{
	if (!f->missing)
		f->missing = calloc(FAULT_MISSING_MAX, sizeof(*f->missing));
	if (!f->missing)
		return fault_errno(f, -ENOMEM, "missing blobs");
	fault_set(f, RPC_FAILED_PRECONDITION, "blobs are missing");
	for (size_t i = 0; i < f->n_missing; i++)
		if (reapi_digest_eq(&f->missing[i], d))
			return FAULT;
	if (f->n_missing < FAULT_MISSING_MAX)
		f->missing[f->n_missing++] = *d;
	return FAULT;
}

gr_status *fault_status(struct fault *f, struct reapi_arena *a)
{
	if (f->n_missing > 0 && f->status == RPC_FAILED_PRECONDITION)
		return reapi_status_new_missing(a, f->missing, f->n_missing);
	return reapi_status_new(a, (int)f->status, f->text);
}
