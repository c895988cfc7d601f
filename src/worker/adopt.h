/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include "base/strv.h"
#include "cas/store.h"
#include "worker/compiler.h"

/*
 * The files of compilers that are on this machine (exact/toolchain.h), taken into the store: clients
 * that have the same ones need not send them. What cannot be taken is left to be sent.
 *
 * names: of compilers, which are found as for a client's job, or paths. Runs them, reads some hundred
 * MiB, and so is for a thread. *ret_files is how many were taken in all. -ENOMEM.
 */
int adopt(struct cas *cas, const struct strv *names, const struct compiler_policy *policy,
	size_t *ret_files) MUST_CHECK;
