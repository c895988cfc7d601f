/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "scancmd/check.h"
#include "scancmd/report.h"

/*
 * One JSON object, as distcc(1) has it. Strings are UTF-8; each byte of a path that is no part of
 * any is \u00XX.
 */
int json_report(struct buf *b, const struct report *p, const struct scan_result *r,
	uint64_t compiler_runs, const struct check *check /* or NULL */) MUST_CHECK;
int json_reason(struct buf *b, const char *reason) MUST_CHECK;
