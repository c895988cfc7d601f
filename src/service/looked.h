/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "reapi/lookups.h"

/*
 * From what the sandbox wrote of a job's look-ups to what is told of them. 0; LOOKED_NOT: nothing
 * was written; -errno. ret->list is to be given to buf_fini. For the pool.
 */
enum { LOOKED_NOT = 1 };
int looked_read(int fd, struct reapi_lookups *ret) MUST_CHECK;
