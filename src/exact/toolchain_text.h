/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "exact/toolchain.h"
#include "reapi/digest.h"
#include "scan/fs.h"

/*
 * A closure as text, for a database, with what was at each of its paths when it was found: when that
 * is so still, so is the closure. A line for each path, entries first:
 *
 *	KIND STATE HASH REAL <tab> PATH [<tab> TARGET]
 *
 * KIND: f (file), x (executable), l (link), d (directory), a (one of toolchain.also); STATE: what
 * was there, f, d, o (other), n (nothing), u (unreadable); HASH: of a file's content, else "-";
 * REAL: the path without links, or "-". A name with a tab or line break in it cannot be written.
 */

struct toolchain_state {
	enum scan_kind kind;
	bool has_hash;
	uint8_t hash[REAPI_HASH_SIZE];
	char *real; /* "": it led to nothing */
};

enum { TOOLCHAIN_TEXT_LINES_MAX = 1 << 17 };

/* states: one for each of t->entries, then for each of t->also. -EINVAL: a name; -ENOMEM. */
int toolchain_text_write(const struct toolchain *t, const struct toolchain_state *states,
	struct buf *ret) MUST_CHECK;

/* -EBADMSG: not as it is written here. *ret_states is for toolchain_states_free. */
int toolchain_text_read(
	const char *text, struct toolchain *ret, struct toolchain_state **ret_states) MUST_CHECK;
void toolchain_states_free(struct toolchain_state *states, size_t n); /* NULL is fine */
