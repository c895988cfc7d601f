/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/util.h"

/* Users and capabilities. All of the calling process, for good. -errno. */

/* Become this user and keep every capability; other groups are given up where that is allowed. */
int privileges_become(uid_t uid, gid_t gid) MUST_CHECK;

/*
 * No capability now, none to be had by any exec, none to be got from being user 0; no_new_privs;
 * and no other process may look into this one.
 */
int privileges_drop(void) MUST_CHECK;

/* Load a BPF program. Needs privileges_drop before. */
int privileges_filter(const void *program, size_t len) MUST_CHECK;
