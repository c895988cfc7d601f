/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/* The small file that says how a store was left. See state.c. */

enum { STATE_VERSION = 1, STATE_BOOT_MAX = 64, STATE_FILE_MAX = 512 };

struct state {
	bool clean;       /* closed in good order, all of it on the disk */
	bool searching;   /* the search of the directories is not done */
	uint32_t epoch;   /* of what is written and verified now; from 1 */
	uint32_t trusted; /* the first epoch whose files need no verification; from 1 */
	char boot[STATE_BOOT_MAX + 1]; /* boot id of the machine that has or had it open */
};

/* 0; CAS_NEWER (ret->epoch is its version); -EBADMSG. */
int state_parse(const char *text, size_t n, struct state *ret) MUST_CHECK;
int state_print(const struct state *s, struct buf *ret) MUST_CHECK;

/* -ENOENT: there is none. Otherwise as state_parse. */
int state_read(int dir_fd, struct state *ret) MUST_CHECK;
/* On the disk when it returns. */
int state_write(int dir_fd, const struct state *s) MUST_CHECK;

/* The kernel's; "" where it has none, which is the boot id of nobody. */
void state_boot_id(char ret[STATE_BOOT_MAX + 1]);
