/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/*
 * Sources whose -fdirectives-only text was not usable the last time: next time they are
 * preprocessed in full at once. A table of hashes; two that collide cost one of them a full
 * preprocessing that was not needed, and no more.
 */
enum { FULL_TEXT_SOURCES = 8192 };

struct full_text {
	uint64_t v[FULL_TEXT_SOURCES]; /* 0: none */
};

bool full_text_wanted(const struct full_text *f, const char *cwd, const char *source);
void full_text_remember(struct full_text *f, const char *cwd, const char *source);
