/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/util.h"

/* Looking things up in an environment that is not necessarily this process's own. */

/* The value of name in a NULL-terminated list of NAME=value, or NULL. */
const char *env_get(char *const *envp, const char *name);

/* distcc 3.4's rule: only "0" and "1" count, anything else is the default. */
bool env_bool(char *const *envp, const char *name, bool otherwise);

/* A whole number up to max, or the default where it is missing or not a number. */
uint64_t env_u64(char *const *envp, const char *name, uint64_t max, uint64_t otherwise);

/* Seconds, decimals allowed ("0.5"), as milliseconds; the default where missing or not a number. */
uint64_t env_seconds_ms(char *const *envp, const char *name, uint64_t otherwise_ms);
