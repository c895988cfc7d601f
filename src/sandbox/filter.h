/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/buf.h"

/*
 * The system call filter of jobs as a BPF program, made once: each job's helper only loads it.
 * What a compiler or a test has no use for and what has a history of holes in kernels is refused
 * with EPERM; see filter.c for the list. network: internet sockets are let through.
 * -ENOSYS: built without libseccomp, or not for this processor; -errno.
 */
int filter_make(bool network, struct buf *ret) MUST_CHECK;

/*
 * Another, to be loaded beside that one: stops a traced process at the calls of lookups_calls, each
 * called by its place there. Who loads it and is not traced finds nothing any more (ENOSYS).
 */
int filter_make_lookups(struct buf *ret) MUST_CHECK;
