/* SPDX-License-Identifier: GPL-3.0-or-later */
#pragma once

#include <uv.h>

#include "sched/hosts.h"

/*
 * A connection to a distccd that ssh starts on the host, as distcc 3.4 makes it:
 *
 *	$DISTCC_SSH [-l USER] HOST COMMAND --inetd --enable-tcp-insecure
 *
 * DISTCC_SSH (default "ssh") is split at blanks, at most SSH_WORDS_MAX words. ssh ends when the
 * descriptor is closed, and is reaped without further ado. Its messages go nowhere: it must get
 * in without a question.
 */
enum { SSH_WORDS_MAX = 12 };

int ssh_start(
	uv_loop_t *loop, const struct hosts_entry *host, char *const *envp, int *ret_fd) MUST_CHECK;
