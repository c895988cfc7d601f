/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "base/strv.h"

struct scan_plan;

/* Private to scan/facts*.c: one question to a compiler, as a process. */

enum {
	FACTS_RUN_TIMEOUT_MS = 10 * 1000,
	FACTS_RUN_OUTPUT_MAX = 16 << 20, /* bytes of each stream */
};

struct facts_reply {
	struct buf out, err;
	int status; /* as waitpid gives it */
};

#define FACTS_REPLY_INIT                                   \
	{                                                  \
		.out = BUF_INIT_MAX(FACTS_RUN_OUTPUT_MAX), \
		.err = BUF_INIT_MAX(FACTS_RUN_OUTPUT_MAX), \
	}

void facts_reply_fini(struct facts_reply *r);

/*
 * Run the plan's compiler with args in the plan's directory and environment (but for LC_ALL=C, and
 * without the variables that make it write files), text on its standard input. Ends within
 * FACTS_RUN_TIMEOUT_MS; whatever it started is killed.
 * -ETIMEDOUT, -E2BIG: killed; -ENOENT, … from starting it.
 */
int facts_run(const struct scan_plan *plan, const struct strv *args, const char *text,
	size_t text_len, struct facts_reply *ret) MUST_CHECK;
