/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * What is wrong with something that a peer sent, in one sentence for the status that it gets back.
 *
 * Every check of this folder returns one of these outcomes beside 0 and -errno, and has written the
 * sentence then. A pointer to a violation may be NULL where nobody wants the sentence.
 */
enum reapi_outcome {
	REAPI_INVALID = 1,     /* against the API, or not a message at all: INVALID_ARGUMENT */
	REAPI_TOO_BIG = 2,     /* over a limit of ours: RESOURCE_EXHAUSTED or INVALID_ARGUMENT */
	REAPI_UNSUPPORTED = 3, /* legal, but another digest function or compressor than ours */
	REAPI_MISSING = 4,     /* a blob is not there: FAILED_PRECONDITION, or NOT_FOUND */
	REAPI_CONFLICT = 5,    /* the path is taken by something else */
	REAPI_DUPLICATE = 6,   /* the path has been given before, with the same content */
};

enum { REAPI_VIOLATION_MAX = 512 };

struct reapi_violation {
	char text[REAPI_VIOLATION_MAX]; /* printable ASCII: others' bytes are shown as \xNN */
};

/* Writes the sentence, cut to fit, and returns outcome: "return reapi_violate(v, …);". */
int reapi_violate(struct reapi_violation *v, enum reapi_outcome outcome, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
