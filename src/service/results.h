/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"
#include "service/fault.h"
#include "service/inputs.h"

/*
 * What an action leaves: outputs put into the store, and the ActionResult that names them. All of
 * it is for the pool.
 */
enum {
	RESULTS_SMALL = 4096,         /* stdout and stderr up to this are in the result itself */
	RESULTS_INLINE_MAX = 1 << 20, /* of all that is put into one answer when asked */
	/* Bytes of an answer: gRPC's default maximum, less what wraps it. */
	RESULTS_ANSWER_MAX = (4 << 20) - (16 << 10),
	RESULTS_MEMORY_MAX = 64 << 20, /* of one result while it is made */
	RESULTS_ASKED_MAX = 1024,      /* output files asked for, of all clients */
};

struct operation_answer;

/* What clients want to have in the answer itself. */
struct results_asked {
	bool out, err;
	bool lookups;      /* what it looks for in vain */
	struct strv files; /* paths as in the Command */
};
void results_asked_fini(struct results_asked *asked);
/* Hints, so that what there is no memory for is left out. */
void results_ask_files(struct results_asked *asked, char *const *paths, size_t n);

struct results {
	struct reapi_arena arena;
	re_action_result message; /* in the arena, with what it points to */
};
void results_init(struct results *r);
void results_fini(struct results *r);

struct results_job {
	struct cas *cas;
	struct inputs *inputs; /* what is put into the store is held by its lease */
	int tree_fd;           /* -1: no outputs */
	int out_fd, err_fd;
	int exit_code;
	uint64_t output_bytes; /* of all files; 0: the default of sandbox/outputs.h */
};

/* 0, FAULT. */
int results_collect(struct results *r, const struct results_job *job, struct fault *f) MUST_CHECK;

/* Put what was asked for into the message, as far as it is there and there is room. */
void results_inline(struct results *r, struct cas *cas, const struct results_asked *asked);

struct results_answer {
	struct results *results; /* NULL: none */
	struct fault *fault;     /* NULL: status OK */
	bool cached;
	const char *message; /* for people; NULL */
};
/* An ExecuteResponse. NULL: no memory. One that is too large becomes one that says so. */
struct operation_answer *results_answer(const struct results_answer *a);
