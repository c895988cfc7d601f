/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/* One question to a program: what it says when it is run. Blocks. */

enum {
	ASK_TIMEOUT_MS = 10 * 1000,
	ASK_OUTPUT_MAX = 1 << 20, /* bytes */
};

struct ask {
	const char *program; /* absolute */
	char *const *argv;
	char *const *envp;
	const char *cwd;
	bool stderr_wanted; /* and not stdout: the other one goes nowhere */
};

enum ask_outcome {
	ASK_FAILED = 1, /* it did not start, said too much, took too long, or failed */
};

/* Appended to ret, which is to be BUF_INIT_MAX(ASK_OUTPUT_MAX). What it left running is killed.
 * 0, ASK_FAILED, -errno. */
int ask(const struct ask *q, struct buf *ret) MUST_CHECK;
