/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"
#include "base/strv.h"
#include "cc/command.h"

/*
 * Private to scan/facts*.c: the text that finds out how a compiler cuts text into tokens, which
 * special names it has, and which of these expand their operand.
 */

struct facts_probed {
	uint32_t mode;     /* enum scan_mode */
	uint64_t specials; /* 1 << enum scan_special */
	uint64_t expands;
};

/* Append the question; *ret_answers is how many answers it has. -ENOMEM. */
int facts_probe_text(struct buf *text, size_t *ret_answers) MUST_CHECK;

/* False: the answers cannot be, or one of those that are known is wrong. */
bool facts_probe_read(const struct strv *answers, enum cc_family family, enum cc_language language,
	struct facts_probed *ret);
