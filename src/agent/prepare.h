/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "agent/store.h"
#include "agent/toolchains.h"
#include "exact/action.h"

/*
 * From a command to its action, off the loop: scan, toolchain, input root; and to its result, where
 * that is kept here. One at a time, in the order they came, because there is one scanner, which
 * knows every header by now.
 */
struct prepare_queue;

/* dir: where the compilers' answers and closures are kept; NULL: nowhere. store outlives it; or NULL.
 * -ENOMEM. */
int prepare_queue_new(uv_loop_t *loop, const char *dir, struct store *store,
	struct prepare_queue **ret) MUST_CHECK;
/* Waits for what is being made; nothing may be waiting for it. NULL is fine. */
void prepare_queue_free(struct prepare_queue *q);

struct prepare_params {
	char *const *argv; /* all of this is copied */
	char *const *envp;
	const char *cwd, *compiler;
	enum cc_family family; /* the compiler's */
	const char *base;      /* DISTCC_BASEDIR, where that is fit; or NULL */
	bool colour;
	bool absent;         /* count them, for prepare_facts */
	uint64_t since;      /* a moment, to be told whether anything has changed since; or 0 */
	const char *exclude; /* see agent/exclude.h; NULL: nothing */
	bool scan_only;      /* no action is wanted, only what may leave */
};

/* What was found out, for people. */
struct prepare_facts {
	size_t files; /* that are read, beside the compiler's own */
	uint64_t bytes;
	size_t absent; /* names that were looked for and must not be there */
	uint64_t scan_us;
	size_t toolchain_files;
	enum toolchains_from toolchain_from;
	uint64_t toolchain_us;
};

struct prepare_result {
	int outcome;                  /* 0, EXACT_UNKNOWN, -errno */
	const char *reason;           /* of EXACT_UNKNOWN; may be NULL */
	const char *not_based;        /* why the base directory was not made use of; or NULL */
	bool cleared;                 /* all that it reads is known, and may leave */
	const char *excluded;         /* a file that may not; NULL: none is known */
	struct exact_action action;   /* of 0: the receiver's from now on */
	struct reapi_digest compiler; /* of 0: its toolchain, and what it said to the scanner */
	bool hit;                     /* its result is known: */
	struct rex_result known;      /* for rex_result_fini */
	uint64_t moment;              /* of 0: when the file system was as the action says */
	bool changed;                 /* something that matters has been another since params.since,
				       though it may be as it was again */
	uint64_t cpu_us;
	struct prepare_facts facts;
};

struct prepare;
typedef void (*prepare_done_fn)(void *data, struct prepare_result *result);

/* done is called exactly once, never from inside, not at all after prepare_cancel. */
int prepare_start(struct prepare_queue *q, const struct prepare_params *p, prepare_done_fn done,
	void *data, struct prepare **ret) MUST_CHECK;
void prepare_cancel(struct prepare *p);
